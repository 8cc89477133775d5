//! Attack 8: bytes are verified that are not the bytes that are read (SPIRE's advisories on PKCS #7; design 3.3).
//!
//! Expected: only what is under the signature is parsed. Everything around it is altered, bit by bit, in the binary form (alone and
//! as one of a batch); the JSON form is written in every way that JSON allows to say one thing twice. Nothing of that may get
//! through as anything but the very statement that was signed.

use serde_json::{Value, json};
use verbund_attacks::world::World;
use verbund_identity::envelope::{BATCH_TYPE, STATEMENT_TYPE, pae};
use verbund_identity::{Authentication, Envelope, Statement, batch};
use verbund_keys::Signer as _;
use verbund_model::{Command, Document, Outcome};

fn entry(name: &str) -> Command {
    Command::ApplyCatalogueEntry {
        name: name.parse().unwrap(),
        organisation: "kost".parse().unwrap(),
        schema_version: 1,
        document: Document::from_value(&json!({ "text": name })).unwrap(),
    }
}

/// The same statements under one signature of the administrator.
fn in_a_batch(world: &World, envelopes: &[Envelope]) -> Vec<Envelope> {
    let leaves: Vec<_> = envelopes.iter().map(|e| batch::leaf_hash(&pae(STATEMENT_TYPE, &e.payload))).collect();
    let (root, proofs) = batch::build(&leaves).unwrap();
    let signature = world.administrator.key.sign(&pae(BATCH_TYPE, &root.0)).unwrap();
    let with = |(envelope, proof): (&Envelope, _)| Envelope {
        authentication: Authentication::Batch { signature: signature.clone(), proof },
        ..envelope.clone()
    };
    envelopes.iter().zip(proofs).map(with).collect()
}

#[test]
fn no_flipped_bit_around_a_signature_says_something_else() {
    let mut world = World::new().unwrap();
    let alone = world.administrator_says(entry("alone")).unwrap();
    let several: Vec<Envelope> =
        ["one", "two", "three"].map(|name| world.administrator_says(entry(name)).unwrap()).into();
    let of_three = in_a_batch(&world, &several).swap_remove(1);
    for (what, good) in [("alone", alone), ("one of three", of_three)] {
        let bytes = good.to_bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                let before = world.state.clone();
                let outcome = world.apply_bytes(&altered).outcome;
                if let Some(Outcome::Accepted(_)) = outcome {
                    let read = Envelope::from_bytes(&altered).unwrap();
                    assert_eq!(read.payload, good.payload, "{what}: byte {at}, bit {bit} says something else");
                }
                world.state = before;
            }
        }
        assert!(matches!(world.apply(&good), Outcome::Accepted(_)), "positive control: {what}");
    }
}

#[test]
fn a_signature_is_not_lent_to_other_bytes() {
    let mut world = World::new().unwrap();
    let (mine, other) =
        (world.administrator_says(entry("mine")).unwrap(), world.administrator_says(entry("other")).unwrap());
    let two = in_a_batch(&world, &[mine.clone(), other.clone()]);
    let lent =
        |payload: &Envelope, signature: &Envelope| Envelope { payload: payload.payload.clone(), ..signature.clone() };
    let spaced = Envelope { payload: [&b" "[..], &mine.payload].concat(), ..mine.clone() };
    let behind = Envelope { payload: [&mine.payload[..], b" "].concat(), ..mine.clone() };
    let Authentication::Batch { signature, .. } = two[0].authentication.clone() else { panic!("a batch") };
    let root_as_statement = Envelope { authentication: Authentication::Direct { signature }, ..mine.clone() };
    let cases = [
        ("another statement's signature", lent(&other, &mine)),
        ("another's place in the batch", lent(&other, &two[0])),
        ("white space before it", spaced),
        ("white space behind it", behind),
        ("the root's signature", root_as_statement),
    ];
    for (what, envelope) in &cases {
        let before = world.state.clone();
        let outcome = world.apply(envelope);
        assert!(matches!(outcome, Outcome::Refused(_)), "{what}: {outcome:?}");
        world.state = before;
    }
    assert!(matches!(world.apply(&two[0]), Outcome::Accepted(_)), "positive control");
}

#[test]
fn json_says_nothing_twice_and_nothing_unknown() {
    let world = World::new().unwrap();
    let envelope = world.administrator_says(entry("mine")).unwrap();
    let text = serde_json::to_string(&envelope).unwrap();
    assert_eq!(serde_json::from_str::<Envelope>(&text).unwrap(), envelope, "positive control");
    let fields: Value = serde_json::from_str(&text).unwrap();
    for (field, value) in fields.as_object().unwrap() {
        for twice in [
            format!("{{\"{field}\":{value},{}", &text[1..]),
            format!("{},\"{field}\":{value}}}", &text[..text.len() - 1]),
        ] {
            assert!(serde_json::from_str::<Envelope>(&twice).is_err(), "{field} twice");
        }
    }
    assert!(serde_json::from_str::<Envelope>(&format!("{{\"x\":1,{}", &text[1..])).is_err());
    // The same one level deeper: what a statement says.
    let payload = String::from_utf8(envelope.payload.clone()).unwrap();
    assert!(Statement::from_payload(payload.as_bytes()).is_ok(), "positive control");
    let fields: Value = serde_json::from_str(&payload).unwrap();
    for (field, value) in fields.as_object().unwrap() {
        let twice = format!("{{\"{field}\":{value},{}", &payload[1..]);
        assert!(Statement::from_payload(twice.as_bytes()).is_err(), "{field} twice");
    }
    let inner = payload.replace("\"text\":\"mine\"", "\"text\":\"mine\",\"text\":\"other\"");
    assert_ne!(inner, payload, "VOID: nothing was replaced");
    assert!(Statement::from_payload(inner.as_bytes()).is_err(), "a key twice within a document");
    for more in ["{}", "x", "\0"] {
        assert!(Statement::from_payload(format!("{payload}{more}").as_bytes()).is_err(), "{more:?} behind it");
    }
}
