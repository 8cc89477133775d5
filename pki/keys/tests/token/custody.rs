//! Making keys, signing and opening with them.

use verbund_identity::{PureVerifier, SignatureVerifier as _, is_fixed_form};
use verbund_keys::{KeyLabel, Mechanism, OpenError, Opener as _, Signer as _, TokenError, seal};
use verbund_model::Algorithm;

use crate::kit::Soft;

const ALL: [KeyLabel; 6] =
    [KeyLabel::SiteRoot, KeyLabel::IssuingCa, KeyLabel::Node, KeyLabel::Sealing, KeyLabel::Coordinator, KeyLabel::User];

with_token!(every_key_of_the_design_is_made_there_and_cannot_leave, |soft: &Soft| {
    let token = soft.token();
    assert_eq!(token.missing_mechanisms().unwrap(), []);
    for label in ALL {
        let key = token.generate(&format!("nord.dvc:{label}"), label).unwrap();
        assert_eq!(key.public_key().algorithm(), label.algorithm());
        assert_eq!(key.agrees(), label == KeyLabel::Sealing);
    }
    let listed = token.keys().unwrap();
    assert_eq!(listed.len(), ALL.len());
    assert!(listed.iter().all(|key| key.protected && key.public.is_some() && key.signs != key.agrees), "{listed:?}");

    // What another program sees of them.
    let shown = String::from_utf8(soft.tool(&["--list-objects", "--type", "privkey"]).stdout).unwrap();
    let keys: Vec<&str> = shown.split("Private Key Object").skip(1).collect();
    assert_eq!(keys.len(), ALL.len(), "{shown}");
    for key in keys {
        assert!(key.contains("Access:     sensitive, always sensitive, never extractable, local"), "{key}");
        let usage = if key.contains("sealing") { "Usage:      derive\n" } else { "Usage:      sign\n" };
        assert!(key.contains(usage), "{key}");
    }
    let read = soft.tool(&["--read-object", "--type", "privkey", "--label", "nord.dvc:issuing-ca"]);
    assert!(read.stdout.is_empty(), "{read:?}");
    let public = soft.tool(&["--list-objects", "--type", "pubkey", "--label", "nord.dvc:issuing-ca"]);
    assert!(String::from_utf8_lossy(&public.stdout).contains("EC_POINT"), "positive control: {public:?}");
});

with_token!(signatures_are_low_s_and_verify_in_pure_rust, |soft: &Soft| {
    let token = soft.token();
    for label in [KeyLabel::User, KeyLabel::Coordinator] {
        let key = token.generate(label.as_str(), label).unwrap();
        // Half of the raw signatures have a high s, so 40 leave no chance to a missing step.
        for round in 0..40u8 {
            let signature = key.sign(&[round; 77]).unwrap();
            assert!(is_fixed_form(label.algorithm(), &signature));
            assert!(PureVerifier.verify(key.public_key(), &[round; 77], &signature));
            assert!(!PureVerifier.verify(key.public_key(), &[round; 76], &signature));
        }
    }
});

with_token!(what_is_sealed_for_a_key_in_the_token_opens_there_and_nowhere_else, |soft: &Soft| {
    let token = soft.token();
    let key = token.generate("s", KeyLabel::Sealing).unwrap();
    let other = token.generate("t", KeyLabel::Sealing).unwrap();
    for length in [0, 1, 1000] {
        let sealed = seal(key.public_key(), b"info", b"aad", &vec![7; length]).unwrap();
        assert_eq!(*key.open(b"info", b"aad", &sealed).unwrap(), vec![7; length]);
        assert!(matches!(other.open(b"info", b"aad", &sealed), Err(OpenError::Refused { .. })));
        assert!(matches!(key.open(b"info", b"other", &sealed), Err(OpenError::Refused { .. })));
        let mut off_curve = sealed.clone();
        off_curve[40] ^= 1;
        // A point that is not on the curve never reaches the token, where it could draw out the key.
        assert!(matches!(key.open(b"info", b"aad", &off_curve), Err(OpenError::Form { .. })));
        assert!(matches!(key.open(b"info", b"aad", &sealed[..90]), Err(OpenError::Form { .. })));
    }
    assert!(key.sign(b"m").is_err(), "a sealing key does not sign");
    let signing = token.generate("u", KeyLabel::Coordinator).unwrap();
    let sealed = seal(signing.public_key(), b"info", b"aad", b"x").unwrap();
    assert!(matches!(signing.open(b"info", b"aad", &sealed), Err(OpenError::Token(_))), "nor the other way round");
});

with_token!(a_key_is_found_again_by_label_or_id_and_never_replaced, |soft: &Soft| {
    let token = soft.token();
    let made = token.generate("a key", KeyLabel::User).unwrap();
    let listed = token.keys().unwrap().remove(0);
    assert_eq!(listed.public.as_ref(), Some(made.public_key()));
    let mut by_id = listed.uri.clone();
    by_id.object = None;
    for uri in [made.uri(), &listed.uri, &by_id] {
        let uri = uri.to_string().parse().unwrap();
        assert_eq!(token.key(&uri, KeyLabel::User).unwrap().public_key(), made.public_key(), "{uri}");
        assert_eq!(token.any_key(&uri).unwrap().public_key().algorithm(), Algorithm::P256);
    }
    assert!(matches!(token.generate("a key", KeyLabel::User), Err(TokenError::KeyExists { .. })));
    assert_eq!(token.keys().unwrap().len(), 1);
    let bare = made.uri().without_key();
    assert!(matches!(token.key(&bare, KeyLabel::User), Err(TokenError::NoKeyNamed { .. })));
});

with_token!(many_threads_share_few_sessions, |soft: &Soft| {
    let key = soft.token().generate("k", KeyLabel::Node).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..16u8 {
            let key = &key;
            scope.spawn(move || {
                for round in 0..8u8 {
                    let message = [thread, round];
                    let signature = key.sign(&message).unwrap();
                    assert!(PureVerifier.verify(key.public_key(), &message, &signature));
                }
            });
        }
    });
});

with_token!(a_token_without_a_mechanism_says_what_does_not_work, "CKM_EC_KEY_PAIR_GEN,CKM_SHA256", |soft: &Soft| {
    let token = soft.token();
    assert_eq!(token.missing_mechanisms().unwrap(), [Mechanism::Sign, Mechanism::Agree]);
    let error = token.generate("k", KeyLabel::User).unwrap_err().to_string();
    assert!(error.contains("CKM_ECDSA") && error.contains("no key in it can sign"), "{error}");
    let error = token.generate("s", KeyLabel::Sealing).unwrap_err().to_string();
    assert!(error.contains("CKM_ECDH1_DERIVE") && error.contains("sealed file"), "{error}");
    assert_eq!(token.keys().unwrap(), [], "nothing is left behind");
    let made = soft.tool(&["--keypairgen", "--key-type", "EC:prime256v1", "--label", "k", "--usage-sign"]);
    assert!(made.status.success(), "{made:?}");
    let error = token.key(&token.uri().with_object("k"), KeyLabel::User).unwrap_err();
    assert!(matches!(error, TokenError::MechanismMissing { mechanism: Mechanism::Sign, .. }), "{error}");
});

with_token!(a_token_that_makes_no_keys_says_so, "CKM_ECDSA,CKM_ECDH1_DERIVE", |soft: &Soft| {
    let error = soft.token().generate("k", KeyLabel::User).unwrap_err();
    assert!(matches!(error, TokenError::MechanismMissing { mechanism: Mechanism::Generate, .. }), "{error}");
});
