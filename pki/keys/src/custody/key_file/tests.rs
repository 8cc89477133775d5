use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use verbund_identity::{PureVerifier, SignatureVerifier as _};

use super::*;
use crate::files::FileError;
use crate::sealing::{Opener as _, seal as seal_for};

const CHEAP: KdfParameters = KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text).unwrap()
}

struct Made {
    _dir: tempfile::TempDir,
    path: PathBuf,
    file: KeyFile,
}

fn made(label: KeyLabel) -> Made {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.key");
    let file = KeyFile::create(&path, label, &passphrase("right"), CHEAP).unwrap();
    Made { _dir: dir, path, file }
}

/// Writes a changed file with its checksum made right again, as somebody would who changes it on purpose.
fn alter(path: &Path, change: impl FnOnce(&mut Content)) {
    let mut content: Content = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut content);
    content.checksum = content.header.checksum(&content.sealed);
    files::replace(path, &serde_json::to_vec(&content).unwrap(), files::SECRET).unwrap();
}

#[test]
fn every_signing_label_makes_a_key_of_its_algorithm_that_signs_after_reading_it_again() {
    for label in [KeyLabel::Coordinator, KeyLabel::User, KeyLabel::Node, KeyLabel::SiteRoot, KeyLabel::IssuingCa] {
        let made = made(label);
        let read = KeyFile::read(&made.path).unwrap();
        assert_eq!((read.label(), read.public_key()), (label, made.file.public_key()));
        assert_eq!(read.public_key().algorithm(), label.algorithm());
        let key = read.unlock(&passphrase("right")).unwrap();
        assert!(PureVerifier.verify(read.public_key(), b"m", &key.sign(b"m").unwrap()));
        assert!(matches!(read.unlock_sealing(&passphrase("right")), Err(UnlockError::Purpose { .. })));
        assert!(read.expect_label(label).is_ok() && read.expect_label(KeyLabel::Sealing).is_err());
    }
}

#[test]
fn a_sealing_key_opens_and_never_signs() {
    let made = made(KeyLabel::Sealing);
    let read = KeyFile::read(&made.path).unwrap();
    let sealed = seal_for(read.public_key(), b"i", b"a", b"secret").unwrap();
    assert_eq!(*read.unlock_sealing(&passphrase("right")).unwrap().open(b"i", b"a", &sealed).unwrap(), b"secret");
    let error = read.unlock(&passphrase("right")).unwrap_err();
    assert!(error.to_string().contains("for the purpose sealing, but a key that signs is needed"), "{error}");
}

#[test]
fn the_file_is_private_and_never_overwritten() {
    let made = made(KeyLabel::User);
    let before = fs::read(&made.path).unwrap();
    assert_eq!(fs::metadata(&made.path).unwrap().permissions().mode() & 0o7777, 0o600);
    let error = KeyFile::create(&made.path, KeyLabel::User, &passphrase("right"), CHEAP).unwrap_err();
    assert!(error.to_string().contains("exists already and is never overwritten"), "{error}");
    assert_eq!(fs::read(&made.path).unwrap(), before);

    fs::set_permissions(&made.path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = KeyFile::read(&made.path).unwrap_err();
    assert!(error.to_string().contains(&format!("chmod 600 {}", made.path.display())), "{error}");
}

#[test]
fn a_wrong_passphrase_is_called_that() {
    let made = made(KeyLabel::User);
    for wrong in ["Right", "right ", "r"] {
        let error = made.file.unlock(&passphrase(wrong)).unwrap_err();
        assert!(matches!(error, UnlockError::WrongPassphrase { .. }), "{error}");
    }
    assert!(made.file.unlock(&passphrase("right")).is_ok(), "positive control");
}

#[test]
fn a_later_version_is_called_that_whatever_else_it_holds() {
    let made = made(KeyLabel::User);
    files::replace(&made.path, br#"{"header":{"version":2,"shape":"new"},"more":[]}"#, files::SECRET).unwrap();
    let error = KeyFile::read(&made.path).unwrap_err();
    assert!(matches!(error, ReadError::Version { version: 2, .. }), "{error}");
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let made = made(KeyLabel::User);
    let good = fs::read(&made.path).unwrap();
    let right = passphrase("right");
    let (mut damaged, mut form) = (0, 0);
    for at in 0..good.len() {
        for bit in [0x01, 0x04, 0x20] {
            let mut bytes = good.clone();
            bytes[at] ^= bit;
            files::replace(&made.path, &bytes, files::SECRET).unwrap();
            match KeyFile::read(&made.path) {
                Err(ReadError::Damaged { .. }) => damaged += 1,
                Err(ReadError::Form { .. } | ReadError::Version { .. }) => form += 1,
                Err(error) => panic!("byte {at}: {error}"),
                // White space that became other white space: the same file.
                Ok(file) => {
                    assert!(good[at].is_ascii_whitespace() && bytes[at].is_ascii_whitespace(), "byte {at}");
                    assert!(file.unlock(&right).is_ok());
                }
            }
        }
    }
    assert!(damaged > 100 && form > 100, "damaged {damaged}, form {form}");
}

#[test]
fn a_file_altered_on_purpose_does_not_open() {
    let other = SoftwareKey::generate(KeyLabel::User.algorithm()).unwrap();
    let foreign = made(KeyLabel::User);
    let foreign: Content = serde_json::from_slice(&fs::read(&foreign.path).unwrap()).unwrap();
    type Change = Box<dyn FnOnce(&mut Content)>;
    let changes: [(&str, Change); 5] = [
        ("nothing", Box::new(|_| ())),
        ("label", Box::new(|c| c.header.label = KeyLabel::Node)),
        ("public key", Box::new(move |c| c.header.public_key = other.public_key().clone())),
        ("nonce", Box::new(|c| c.header.nonce.0[0] ^= 1)),
        ("sealed", Box::new(move |c| c.sealed = foreign.sealed)),
    ];
    for (what, change) in changes {
        let made = made(KeyLabel::User);
        alter(&made.path, change);
        let result = KeyFile::read(&made.path).unwrap().unlock(&passphrase("right"));
        match what {
            "nothing" => assert!(result.is_ok(), "positive control"),
            _ => assert!(matches!(result, Err(UnlockError::Altered { .. })), "{what}: {result:?}"),
        }
    }
}

#[test]
fn a_file_cannot_ask_for_a_derivation_that_exhausts_the_machine() {
    let made = made(KeyLabel::User);
    alter(&made.path, |c| c.header.kdf = Kdf::Argon2id(KdfParameters { memory_kib: u32::MAX, ..CHEAP }));
    let error = KeyFile::read(&made.path).unwrap().unlock(&passphrase("right")).unwrap_err();
    assert!(matches!(error, UnlockError::Kdf { .. }), "{error}");
}

#[test]
fn unknown_and_duplicate_fields_and_large_files_are_refused() {
    let made = made(KeyLabel::User);
    let text = fs::read_to_string(&made.path).unwrap();
    let unknown = text.replacen("\"sealed\"", "\"extra\": 1, \"sealed\"", 1);
    let twice = text.replacen("\"label\"", "\"label\": \"node\", \"label\"", 1);
    for bad in [unknown, twice, "{}".to_owned(), String::new()] {
        files::replace(&made.path, bad.as_bytes(), files::SECRET).unwrap();
        assert!(matches!(KeyFile::read(&made.path), Err(ReadError::Form { .. })), "{bad}");
    }
    files::replace(&made.path, &vec![b' '; 1 << 20], files::SECRET).unwrap();
    assert!(matches!(KeyFile::read(&made.path), Err(ReadError::File(FileError::Size { .. }))));
}

#[test]
fn the_file_and_debug_show_no_secret() {
    let made = made(KeyLabel::User);
    let key = made.file.unlock(&passphrase("right")).unwrap();
    let scalar = key.scalar().unwrap();
    let shown = [format!("{:?}{key:?}", made.file).into_bytes(), fs::read(&made.path).unwrap()].concat();
    let hex: String = scalar.iter().map(|b| format!("{b:02x}")).collect();
    for secret in [scalar.to_vec(), hex.into_bytes(), STANDARD.encode(&scalar).into_bytes(), b"right".to_vec()] {
        assert!(!shown.windows(secret.len()).any(|w| w == secret));
    }
}

/// Version 1 as it was released: it must open for ever.
#[test]
fn the_golden_file_opens() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("golden.key");
    files::create(&path, include_bytes!("golden-v1.json"), files::SECRET).unwrap();
    let file = KeyFile::read(&path).unwrap();
    let key = file.unlock(&passphrase("golden")).unwrap();
    let expected: String = "2a".repeat(32);
    assert_eq!(key.scalar().unwrap().iter().map(|b| format!("{b:02x}")).collect::<String>(), expected);
}

#[test]
fn the_default_costs_open_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.key");
    KeyFile::create(&path, KeyLabel::User, &passphrase("p"), KdfParameters::default()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"memoryKib\": 65536") && text.contains("\"passes\": 3"), "{text}");
    KeyFile::read(&path).unwrap().unlock(&passphrase("p")).unwrap();
}
