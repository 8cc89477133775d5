//! Quotas that are too large to be reached one entry at a time: the counters are set, the rule is asked.

use data_encoding::HEXLOWER;
use verbund_identity::{PureVerifier, Statement};
use verbund_model::resource::KeyOwner;
use verbund_model::{Accepted, Command, Document, OrgName, PublicKey, Refusal};

use crate::act::{Act, Decision};
use crate::authenticate::Authenticated;
use crate::index::Counts;
use crate::limits::{MAX_CATALOGUE_ENTRIES, MAX_ORGANISATION_KEYS, MAX_USERS};
use crate::state::State;

/// The organisation of the golden genesis.
fn founders() -> OrgName {
    OrgName::new("kost").unwrap()
}

fn run(counts: Counts, decide: impl FnOnce(&mut Act<'_>) -> Decision) -> Decision {
    let genesis = HEXLOWER.decode(include_str!("../../tests/golden/genesis.hex").trim().as_bytes()).unwrap();
    let mut state = State::from_genesis(&genesis).unwrap();
    state.index.counts.insert(founders(), counts);
    let federation = state.federation().value.id;
    let (key, payload) = Default::default();
    let statement = Statement {
        v: 1,
        federation,
        generation: 0,
        key,
        session: 1,
        sequence: 1,
        not_after: u64::MAX,
        precondition: None,
        command: Command::OpenSession {},
        sealed: Vec::new(),
    };
    let author = Authenticated { statement, payload, key, owner: KeyOwner::Coordinator };
    let mut act = Act::new(&mut state, &PureVerifier, &author, 1, 7);
    decide(&mut act)
}

fn some_key() -> PublicKey {
    // The generator of P-256, which is on its curve and nobody's.
    let point = "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    PublicKey::from_point(verbund_model::Algorithm::P256, HEXLOWER.decode(point.as_bytes()).unwrap()).unwrap()
}

const CHANGED: Decision = Ok(Accepted::Changed { version: 7 });

fn too_large(decision: &Decision, more_than: u64) -> bool {
    matches!(decision, Err(Refusal::TooLarge { found, limit, .. }) if *limit == more_than && *found == more_than + 1)
}

#[test]
fn catalogue_entries() {
    let apply = |catalogue_entries| {
        let document: Document = serde_json::from_str("{}").unwrap();
        run(Counts { catalogue_entries, ..Counts::default() }, |act| {
            act.apply_catalogue_entry(&"dienst".parse().unwrap(), &founders(), 1, &document)
        })
    };
    assert_eq!(apply(MAX_CATALOGUE_ENTRIES - 1), CHANGED);
    assert!(too_large(&apply(MAX_CATALOGUE_ENTRIES), MAX_CATALOGUE_ENTRIES));
}

#[test]
fn users_and_keys() {
    let create = |users, keys| {
        run(Counts { users, keys, ..Counts::default() }, |act| {
            act.create_user(&founders(), &"eva".parse().unwrap(), &some_key())
        })
    };
    assert_eq!(create(MAX_USERS - 1, MAX_ORGANISATION_KEYS - 1), CHANGED);
    assert!(too_large(&create(MAX_USERS, 1), MAX_USERS));
    assert!(too_large(&create(1, MAX_ORGANISATION_KEYS), MAX_ORGANISATION_KEYS));
    let add = |keys| {
        run(Counts { keys, ..Counts::default() }, |act| {
            act.add_user_key(&founders(), &"ada".parse().unwrap(), &some_key())
        })
    };
    assert_eq!(add(MAX_ORGANISATION_KEYS - 1), CHANGED);
    assert!(too_large(&add(MAX_ORGANISATION_KEYS), MAX_ORGANISATION_KEYS));
}
