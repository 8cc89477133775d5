//! Every way in which a token fails says what it is and what to do; a token that was away comes back by itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use verbund_keys::{KeyLabel, PassphraseSource, SignError, Signer, Token, TokenError, TokenUri};

use crate::kit::{LABEL, Soft, module, private};

/// Far more than a token needs to come back.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(uri: &TokenUri) -> Result<Token, TokenError> {
    Token::open(uri, &PassphraseSource::None)
}

/// Signs until it works. The token's library is asked anew at bounded intervals, so the first try may be too early.
fn signs_again(key: &dyn Signer) {
    let start = Instant::now();
    while let Err(error) = key.sign(b"m") {
        assert!(start.elapsed() < PATIENCE, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Signs until it fails, which it must at once or after what is on its way.
fn fails(key: &dyn Signer) -> TokenError {
    match key.sign(b"m") {
        Err(SignError::Token(error)) => error,
        other => panic!("it should have failed: {other:?}"),
    }
}

with_token!(a_token_that_is_taken_away_says_so_and_comes_back_by_itself, |soft: &Soft| {
    let key = soft.token().generate("k", KeyLabel::Node).unwrap();
    key.sign(b"m").unwrap();
    for _ in 0..3 {
        let bring_back = soft.take_away();
        let error = fails(&key);
        assert!(matches!(error, TokenError::TokenMissing { .. } | TokenError::Failed { .. }), "{error:?}");
        std::thread::sleep(Duration::from_millis(600));
        let error = fails(&key);
        assert!(matches!(error, TokenError::TokenMissing { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(LABEL) && text.contains("insert or switch on"), "{text}");
        bring_back();
        signs_again(&key);
    }
});

with_token!(a_library_that_somebody_else_ended_is_initialised_again, |soft: &Soft| {
    let key = soft.token().generate("k", KeyLabel::Node).unwrap();
    key.sign(b"m").unwrap();
    let same_library = cryptoki::context::Pkcs11::new(module()).unwrap();
    same_library.finalize().unwrap();
    signs_again(&key);
});

with_token!(a_missing_module_and_one_that_is_none_are_told_apart, |soft: &Soft| {
    let at = |path: &str| {
        let mut uri = soft.uri();
        uri.module = Some(PathBuf::from(path));
        open(&uri).unwrap_err()
    };
    let error = at("/nowhere/libhsm.so");
    assert!(matches!(error, TokenError::ModuleNotFound { .. }), "{error:?}");
    assert!(error.to_string().contains("/nowhere/libhsm.so") && error.to_string().contains("install"), "{error}");
    let text = soft.pin_file().display().to_string();
    let error = at(&text);
    assert!(matches!(error, TokenError::Module { .. }), "{error:?}");
    let mut uri = soft.uri();
    uri.module = None;
    assert!(matches!(open(&uri), Err(TokenError::NoModule { .. })));
});

with_token!(a_token_of_another_label_is_missing_and_two_of_one_are_ambiguous, |soft: &Soft| {
    let mut uri = soft.uri();
    uri.token = "another".to_owned();
    let error = open(&uri).unwrap_err();
    assert!(matches!(&error, TokenError::TokenMissing { present, .. } if present == &[LABEL]), "{error:?}");
    soft.make_token(LABEL);
    // A library that saw one token only may see two when it looks again.
    let mut uri = soft.uri();
    uri.serial = Some("nothing has this serial".to_owned());
    assert!(matches!(open(&uri), Err(TokenError::TokenMissing { .. })));
    std::thread::sleep(Duration::from_millis(600));
    assert!(open(&uri).is_err());
    let error = open(&soft.uri()).unwrap_err();
    assert!(matches!(error, TokenError::TokenAmbiguous { count: 2, .. }), "{error:?}");
    assert!(error.to_string().contains(";serial="), "{error}");
});

with_token!(a_wrong_pin_says_so_and_is_not_tried_again, |soft: &Soft| {
    std::fs::write(soft.pin_file(), "0000").unwrap();
    let error = open(&soft.uri()).unwrap_err();
    assert!(matches!(error, TokenError::PinWrong { last_try: false, .. }), "{error:?}");
    assert!(error.to_string().contains("refused the PIN") && !error.to_string().contains("0000"), "{error}");
    // Gone from the token: if it were asked, the answer would be another.
    let bring_back = soft.take_away();
    bring_back();
    let again = open(&soft.uri()).unwrap_err();
    assert_eq!(error, again);
    // Corrected at its source, it is taken up.
    std::fs::write(soft.pin_file(), crate::kit::PIN).unwrap();
    open(&soft.uri()).unwrap();
});

with_token!(no_pin_and_one_that_others_may_read_are_told, |soft: &Soft| {
    for query in ["pin-source=env:VERBUND_TEST_NOT_SET", "pin-source=credential:pin", "pin-source=file:/nowhere/pin"] {
        let error = open(&soft.uri_with(query)).unwrap_err();
        assert!(matches!(error, TokenError::NoPin { .. }), "{query}: {error:?}");
    }
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(soft.pin_file(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = open(&soft.uri()).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
    private(&soft.pin_file());
    open(&soft.uri()).unwrap();
});

with_token!(the_last_try_before_the_lock_is_not_made_unattended, |soft: &Soft| {
    // SoftHSM never locks by itself: the flags are set as a token that counts would set them.
    set_flags(soft, CKF_USER_PIN_FINAL_TRY);
    let error = open(&soft.uri()).unwrap_err();
    assert!(
        matches!(error, TokenError::PinWrong { last_try: true, .. }),
        "an unattended PIN must not be the last: {error:?}"
    );
    assert!(error.to_string().contains("one try is left"), "{error}");
});

with_token!(a_locked_pin_is_told, |soft: &Soft| {
    set_flags(soft, CKF_USER_PIN_LOCKED);
    let error = open(&soft.uri()).unwrap_err();
    assert!(matches!(error, TokenError::PinLocked { .. }), "{error:?}");
    assert!(error.to_string().contains("security officer"), "{error}");
});

const CKF_USER_PIN_FINAL_TRY: u64 = 0x0002_0000;
const CKF_USER_PIN_LOCKED: u64 = 0x0004_0000;

/// Sets a flag of the token in its file: in `token.object` the attribute CKA_OS_TOKENFLAGS is an unsigned number, after its
/// type and kind, eight bytes each, big-endian.
fn set_flags(soft: &Soft, flag: u64) {
    const CKA_OS_TOKENFLAGS: u64 = 0x8000_534b;
    const UNSIGNED: u64 = 2;
    let path = soft.token_directory().join("token.object");
    let mut bytes = std::fs::read(&path).unwrap();
    let head = [CKA_OS_TOKENFLAGS.to_be_bytes(), UNSIGNED.to_be_bytes()].concat();
    let at = bytes.windows(head.len()).position(|window| window == head);
    let at = at.expect("the token's flags") + 16;
    let flags = u64::from_be_bytes(bytes[at..at + 8].try_into().unwrap());
    let cleared = flags & !(CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
    bytes[at..at + 8].copy_from_slice(&(cleared | flag).to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
}

with_token!(a_wiped_token_is_not_a_mistyped_name, |soft: &Soft| {
    let token = soft.token();
    let key = token.generate("k", KeyLabel::Node).unwrap();
    let error = token.key(&token.uri().with_object("l"), KeyLabel::Node).unwrap_err();
    assert!(matches!(&error, TokenError::KeyMissing { present, .. } if present == &["k"]), "{error:?}");
    soft.wipe();
    let start = Instant::now();
    let error = loop {
        match fails(&key) {
            error @ TokenError::Wiped { .. } => break error,
            other => assert!(start.elapsed() < PATIENCE, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(error.to_string().contains("initialised anew") && error.to_string().contains("backup"), "{error}");
    // A new key of the same name is not the old one.
    let made = soft.tool(&["--keypairgen", "--key-type", "EC:prime256v1", "--label", "k", "--usage-sign"]);
    assert!(made.status.success(), "{made:?}");
    let start = Instant::now();
    loop {
        match fails(&key) {
            TokenError::OtherKey { wanted, .. } => break assert_eq!(&wanted, key.public_key()),
            other => assert!(start.elapsed() < PATIENCE, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
});

with_token!(a_key_of_another_type_or_one_that_may_leave_is_refused, |soft: &Soft| {
    for (label, kind, more) in [
        ("rsa", "rsa:2048", None),
        ("p256", "EC:prime256v1", None),
        ("p521", "EC:secp521r1", None),
        ("loose", "EC:secp384r1", Some("--extractable")),
    ] {
        let mut arguments = vec!["--keypairgen", "--key-type", kind, "--label", label, "--usage-sign"];
        arguments.extend(more);
        let made = soft.tool(&arguments);
        assert!(made.status.success(), "{made:?}");
    }
    let token = soft.token();
    let key = |object: &str, label| token.key(&token.uri().with_object(object), label).map(|_| ());
    assert_eq!(key("p256", KeyLabel::User), Ok(()), "positive control");
    for (object, found) in [("rsa", "RSA"), ("p256", "p256"), ("p521", "another curve")] {
        let error = key(object, KeyLabel::Coordinator).unwrap_err();
        assert!(matches!(&error, TokenError::KeyType { .. }), "{error:?}");
        assert!(error.to_string().contains(found) && error.to_string().contains("p384"), "{error}");
    }
    assert!(matches!(key("p256", KeyLabel::Sealing), Err(TokenError::KeyType { .. })));
    let error = key("loose", KeyLabel::Coordinator).unwrap_err();
    assert!(matches!(error, TokenError::Unprotected { .. }), "{error:?}");
});
