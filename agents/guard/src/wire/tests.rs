use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;

use super::*;

fn question(name: &str, nonce: u64) -> Question {
    Question { workload: WorkloadName::new(name).unwrap(), epoch: Epoch(7), guard: u64::MAX - 1, nonce: Nonce(nonce) }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn signer(key: &SigningKey) -> impl Fn(&[u8]) -> Option<[u8; 64]> + '_ {
    |bytes| {
        let signature: Signature = key.sign(bytes);
        Some(signature.to_bytes().into())
    }
}

#[test]
fn a_question_comes_through_whatever_the_name() {
    for name in ["a", "melderegister", &"x".repeat(40)] {
        let asked = question(name, 3);
        assert_eq!(decode_question(&encode_question(&asked)), Ok(asked));
    }
}

#[test]
fn what_is_no_question_is_refused() {
    let bytes = encode_question(&question("register", 1));
    assert_eq!(decode_question(&bytes[..QUESTION - 1]), Err(WireError::Form));
    assert_eq!(decode_question(&[]), Err(WireError::Form));
    for at in [0, 4, QUESTION - 1, 45] {
        let mut other = bytes;
        other[at] ^= 0x40;
        assert_eq!(decode_question(&other), Err(WireError::Form), "byte {at}");
    }
    let mut long = bytes;
    long[29] = 64;
    assert_eq!(decode_question(&long), Err(WireError::Form));
    let mut name = bytes;
    name[30] = b'R';
    assert_eq!(decode_question(&name), Err(WireError::Name));
    name[30] = 0xff;
    assert_eq!(decode_question(&name), Err(WireError::Name));
}

#[test]
fn each_answer_comes_through() {
    let (key, asked) = (key(1), question("register", 5));
    let verifying = *key.verifying_key();
    let grant = Grant { question: asked.clone(), remaining: 8_400 };
    let not_here = Denied::NotHere { workload: asked.workload.clone(), epoch: asked.epoch };
    let cases = [
        (Ok(grant.clone()), Answer::Granted(grant)),
        (Err(not_here), Answer::NotHere),
        (Err(Denied::NoLease), Answer::NoLease),
    ];
    for (decision, expected) in cases {
        let signed = encode_answer(&asked, &decision, signer(&key));
        // The guard has asked again since.
        let own = question("register", 9);
        assert_eq!(decode_answer(&signed, &own, Some(&verifying)), Ok(expected.clone()));
        let plain = encode_answer(&asked, &decision, |_| None);
        assert_eq!(decode_answer(&plain, &own, None), Ok(expected));
        assert_eq!(decode_answer(&plain, &own, Some(&verifying)), Err(WireError::Signature));
    }
}

#[test]
fn no_byte_of_a_signed_answer_can_be_changed() {
    let (key, asked) = (key(1), question("register", 5));
    let granted = Ok(Grant { question: asked.clone(), remaining: 8_400 });
    let good = encode_answer(&asked, &granted, signer(&key));
    for at in 0..ANSWER {
        for bit in 0..8 {
            let mut other = good;
            other[at] ^= 1 << bit;
            assert!(decode_answer(&other, &asked, Some(key.verifying_key())).is_err(), "byte {at}, bit {bit}");
        }
    }
    assert!(decode_answer(&good, &asked, Some(key.verifying_key())).is_ok(), "the unchanged one is good");
}

#[test]
fn an_answer_to_somebody_else_is_none() {
    let (key, asked) = (key(1), question("register", 5));
    let granted = Ok(Grant { question: asked.clone(), remaining: 8_400 });
    let good = encode_answer(&asked, &granted, signer(&key));
    let verifying = *key.verifying_key();
    let other_guard = Question { guard: 1, ..asked.clone() };
    assert_eq!(decode_answer(&good, &other_guard, Some(&verifying)), Err(WireError::Foreign));
    let other_epoch = Question { epoch: Epoch(8), ..asked.clone() };
    assert_eq!(decode_answer(&good, &other_epoch, Some(&verifying)), Err(WireError::Signature));
    let other_workload = Question { workload: WorkloadName::new("other").unwrap(), ..asked.clone() };
    assert_eq!(decode_answer(&good, &other_workload, Some(&verifying)), Err(WireError::Signature));
    assert_eq!(decode_answer(&good, &asked, Some(super::tests::key(2).verifying_key())), Err(WireError::Signature));
}
