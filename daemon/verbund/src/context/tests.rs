//! Contexts in their file.

use verbund_model::Hash;

use super::key::KeyReferenceError;
use super::store::ContextError;
use super::*;

fn context(port: u16) -> Context {
    Context {
        addresses: vec![format!("localhost:{port}").parse().unwrap(), "[::1]:7101".parse().unwrap()],
        federation: FederationId(Hash([1; 32])),
        pin: Hash([2; 32]),
        key: Some("file:/home/u/anna.key".parse().unwrap()),
        others: vec!["sued=10.0.0.2:7101".parse().unwrap()],
        other_pins: [("sued".parse().unwrap(), Hash([4; 32]))].into(),
        learned: None,
    }
}

#[test]
fn are_kept_and_chosen() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("verbund/contexts.yaml");
    assert!(matches!(Contexts::read(&path).unwrap().choose(None), Err(ContextError::NoneChosen)));
    Contexts::change(&path, |c| c.add("nord", context(1), false)).unwrap();
    Contexts::change(&path, |c| c.add("sued", context(2), false)).unwrap();
    let contexts = Contexts::read(&path).unwrap();
    assert_eq!(contexts.choose(None).unwrap(), ("nord", &context(1)), "the first is the current one");
    assert_eq!(contexts.choose(Some("sued")).unwrap().1, &context(2));
    Contexts::change(&path, |c| c.set_current("sued")).unwrap();
    assert_eq!(Contexts::read(&path).unwrap().choose(None).unwrap().0, "sued");
    Contexts::change(&path, |c| c.remove("sued")).unwrap();
    assert!(matches!(Contexts::read(&path).unwrap().choose(None), Err(ContextError::NoneChosen)));
}

#[test]
fn nothing_is_overwritten_or_chosen_by_mistake() {
    let mut contexts = Contexts::default();
    contexts.add("nord", context(1), false).unwrap();
    assert!(matches!(contexts.add("nord", context(2), false), Err(ContextError::Exists { .. })));
    contexts.add("nord", context(2), true).unwrap();
    assert!(matches!(contexts.choose(Some("x")), Err(ContextError::Unknown { .. })));
    assert!(matches!(contexts.set_current("x"), Err(ContextError::Unknown { .. })));
    for name in ["", "a/b", "a b"] {
        assert!(matches!(contexts.add(name, context(1), false), Err(ContextError::Name { .. })), "{name}");
    }
}

#[test]
fn a_damaged_file_is_an_error_and_stays_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("contexts.yaml");
    for text in ["current: nord\nunknown: 1\n", "contexts: [", "contexts: {a: {addresses: [x], federation: y}}"] {
        std::fs::write(&path, text).unwrap();
        let error = Contexts::change(&path, |c| c.add("x", context(1), false)).unwrap_err();
        assert!(matches!(error, ContextError::Form { .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn many_processes_lose_no_context() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("contexts.yaml");
    std::thread::scope(|scope| {
        for i in 0..16 {
            let path = &path;
            scope.spawn(move || Contexts::change(path, |c| c.add(&format!("c{i}"), context(1), false)).unwrap());
        }
    });
    assert_eq!(Contexts::read(&path).unwrap().contexts.len(), 16);
}

#[test]
fn key_references() {
    assert_eq!("file:/a/b".parse::<KeyReference>().unwrap().to_string(), "file:/a/b");
    let hsm: KeyReference = "pkcs11:token=dvc;object=anna".parse().unwrap();
    assert_eq!(hsm.to_string(), "pkcs11:token=dvc;object=anna");
    for text in ["pkcs11:token=dvc", "pkcs11:object=anna", "pkcs11:token=dvc;object=a?pin-value=1234"] {
        let error = text.parse::<KeyReference>().unwrap_err();
        assert!(matches!(error, KeyReferenceError::Pkcs11 { .. }) && !error.to_string().contains("1234"), "{error}");
    }
    assert!(matches!("file:a".parse::<KeyReference>(), Err(KeyReferenceError::Relative { .. })));
    for text in ["", "/a", "file:", "pkcs11:", "ssh:x"] {
        assert!(matches!(text.parse::<KeyReference>(), Err(KeyReferenceError::Form { .. })), "{text}");
    }
}
