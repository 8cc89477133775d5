//! Envelopes and statements from the outside: golden bytes, strictness, and that nothing but the signed bytes counts.

#![allow(clippy::unwrap_used)]

use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;
use verbund_identity::batch::{build, leaf_hash};
use verbund_identity::envelope::{BATCH_TYPE, MAX_ENVELOPE, STATEMENT_TYPE, pae};
use verbund_identity::{
    Authentication, Envelope, EnvelopeError, Precondition, PureVerifier, SignatureVerifier as _, Statement,
    StatementError, is_fixed_form, key_id, normalise, sha256,
};
use verbund_model::{Algorithm, Command, FederationId, PublicKey};

fn key() -> (SigningKey, PublicKey) {
    let secret = SigningKey::from_slice(&[7; 32]).unwrap();
    let point = secret.verifying_key().to_encoded_point(false);
    (secret, PublicKey::from_point(Algorithm::P256, point.as_bytes()).unwrap())
}

fn sign(secret: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: p256::ecdsa::Signature = secret.sign(message);
    normalise(Algorithm::P256, &signature.to_bytes()).unwrap()
}

fn statement(sequence: u64) -> Statement {
    let (_, public) = key();
    Statement {
        v: 1,
        federation: FederationId(sha256(b"federation")),
        generation: 0,
        key: key_id(&public),
        session: 5,
        sequence,
        not_after: 1_700_000_000_000,
        precondition: Some(Precondition::Version(9)),
        command: Command::OpenSession {},
        sealed: Vec::new(),
    }
}

fn direct(payload: Vec<u8>) -> Envelope {
    let (secret, public) = key();
    let signature = sign(&secret, &pae(STATEMENT_TYPE, &payload));
    Envelope { payload, key: key_id(&public), authentication: Authentication::Direct { signature } }
}

fn verifies(envelope: &Envelope) -> bool {
    let (_, public) = key();
    envelope.signed().is_some_and(|signed| PureVerifier.verify(&public, &signed.message, signed.signature))
}

#[test]
fn the_binary_form_is_golden() {
    // RFC 6979 makes the signature a function of key and message, so that the whole envelope has one form.
    let bytes = direct(statement(1).to_payload()).to_bytes();
    assert_eq!(sha256(&bytes).to_string(), include_str!("golden/envelope.v1.sha256").trim());
    assert_eq!(String::from_utf8(statement(1).to_payload()).unwrap(), include_str!("golden/statement.v1.json").trim());
}

#[test]
fn reserved_variants_have_golden_bytes_and_no_signature() {
    let passkey = Authentication::Passkey { assertion: vec![1, 2, 3] };
    let gateway = Authentication::Gateway { signature: vec![4, 5], on_behalf_of: "caller".to_owned() };
    for (authentication, golden) in [(passkey, "0203010203"), (gateway, "030204050663616c6c6572")] {
        let envelope = Envelope { payload: Vec::new(), key: key_id(&key().1), authentication };
        let bytes = envelope.to_bytes();
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes[33..]), golden);
        assert_eq!(Envelope::from_bytes(&bytes).unwrap(), envelope);
        assert!(envelope.signed().is_none());
    }
}

#[test]
fn a_signature_counts_for_its_bytes_only() {
    let envelope = direct(statement(1).to_payload());
    assert!(verifies(&envelope));
    for at in 0..envelope.payload.len() {
        let mut changed = envelope.clone();
        changed.payload[at] ^= 1;
        assert!(!verifies(&changed), "payload byte {at}");
    }
    let Authentication::Direct { signature } = &envelope.authentication else { unreachable!() };
    for at in 0..signature.len() {
        let mut other = signature.clone();
        other[at] ^= 1;
        let changed = Envelope { authentication: Authentication::Direct { signature: other }, ..envelope.clone() };
        assert!(!verifies(&changed), "signature byte {at}");
    }
}

#[test]
fn the_other_signature_of_the_same_message_does_not_count() {
    let envelope = direct(statement(1).to_payload());
    let Authentication::Direct { signature } = &envelope.authentication else { unreachable!() };
    let parsed = p256::ecdsa::Signature::from_slice(signature).unwrap();
    let high = p256::ecdsa::Signature::from_scalars(parsed.r().to_bytes(), (-*parsed.s()).to_bytes()).unwrap();
    let high = high.to_bytes().to_vec();
    assert_ne!(&high, signature);
    // ECDSA itself would take it: that is the control.
    let (secret, public) = key();
    let message = pae(STATEMENT_TYPE, &envelope.payload);
    assert!(
        p256::ecdsa::signature::Verifier::verify(
            secret.verifying_key(),
            &message,
            &p256::ecdsa::Signature::from_slice(&high).unwrap()
        )
        .is_ok()
    );
    assert!(!is_fixed_form(Algorithm::P256, &high));
    assert!(!PureVerifier.verify(&public, &message, &high));
    assert_eq!(normalise(Algorithm::P256, &high).as_ref(), Some(signature));
}

#[test]
fn a_batch_signature_counts_for_each_of_its_envelopes_and_no_other() {
    let (secret, public) = key();
    let payloads: Vec<_> = (0..5).map(|n| statement(n).to_payload()).collect();
    let leaves: Vec<_> = payloads.iter().map(|p| leaf_hash(&pae(STATEMENT_TYPE, p))).collect();
    let (root, proofs) = build(&leaves).unwrap();
    let signature = sign(&secret, &pae(BATCH_TYPE, &root.0));
    let envelope = |payload: &[u8], n: usize| Envelope {
        payload: payload.to_vec(),
        key: key_id(&public),
        authentication: Authentication::Batch { signature: signature.clone(), proof: proofs[n].clone() },
    };
    for (n, payload) in payloads.iter().enumerate() {
        assert!(verifies(&envelope(payload, n)));
        assert!(!verifies(&envelope(payload, (n + 1) % 5)));
    }
    assert!(!verifies(&envelope(&statement(9).to_payload(), 0)));
    // The root's signature is no statement's, nor the other way round.
    let confused = Envelope {
        payload: root.0.to_vec(),
        key: key_id(&public),
        authentication: Authentication::Direct { signature: signature.clone() },
    };
    assert!(!verifies(&confused));
}

#[test]
fn bytes_behind_the_end_are_refused() {
    let mut bytes = direct(statement(1).to_payload()).to_bytes();
    assert!(Envelope::from_bytes(&bytes).is_ok());
    bytes.push(0);
    assert!(matches!(Envelope::from_bytes(&bytes), Err(EnvelopeError::Form { .. })));
    assert!(matches!(Envelope::from_bytes(&vec![0; MAX_ENVELOPE + 1]), Err(EnvelopeError::TooLarge { .. })));
    for cut in 0..bytes.len() - 1 {
        assert!(Envelope::from_bytes(&bytes[..cut]).is_err());
    }
}

#[test]
fn a_statement_is_read_strictly() {
    let good = String::from_utf8(statement(1).to_payload()).unwrap();
    assert!(Statement::from_payload(good.as_bytes()).is_ok());
    let refused = |text: String, why: &str| match Statement::from_payload(text.as_bytes()) {
        Err(StatementError::Form { reason }) => assert!(reason.contains(why), "{reason}"),
        other => panic!("{text}: {other:?}"),
    };
    refused(good.replacen('{', r#"{"extra":1,"#, 1), "unknown field");
    refused(good.replacen('{', r#"{"session":5,"#, 1), "duplicate field");
    refused(good.replace(r#""openSession":{}"#, r#""openSession":{"x":1}"#), "unknown field");
    refused(good.replace("openSession", "becomeCoordinator"), "unknown variant");
    refused(format!("{good} 1"), "trailing");
    let other = good.replacen(r#""v":1"#, r#""v":2"#, 1);
    assert_eq!(Statement::from_payload(other.as_bytes()), Err(StatementError::Version { found: 2 }));
}
