//! Attack 18: whoever leads, or has a site's disk, writes the audit history anew (design 3.5, 4).
//!
//! Expected: from the first record that was altered on every head differs, so that the heads that sites exchange and sign show it. Here
//! records are changed, dropped, exchanged and put in, and the chain is followed; that members compare heads, stop writes and raise
//! the alarm is in `raft/node/tests/cluster/attacks.rs`, and what `verbund audit verify` says to a rewritten export, also one by a
//! site that signs it, in `daemon/verbund/src/audit/verify/tests.rs` and with real exports in the kit's tests.

use serde_json::json;
use verbund_attacks::world::World;
use verbund_machine::{AuditRecord, RecordedEntry, chain_start};
use verbund_model::{Command, Document, Hash};

/// The records of a few changes after genesis, and the chain's hash before them.
fn history(world: &mut World) -> (Hash, Vec<AuditRecord>) {
    let before = world.state.head().chain;
    let record = |number: u64| {
        let command = Command::ApplyCatalogueEntry {
            name: format!("entry-{number}").parse().unwrap(),
            organisation: "kost".parse().unwrap(),
            schema_version: 1,
            document: Document::from_value(&json!({ "number": number })).unwrap(),
        };
        let envelope = world.administrator_says(command).unwrap();
        world.now += 1;
        world.apply_bytes(&envelope.to_bytes()).record
    };
    (before, (0..12).map(record).collect())
}

fn chained(start: Hash, records: &[AuditRecord]) -> Vec<Hash> {
    let mut hash = start;
    records
        .iter()
        .map(|record| {
            hash = record.chain(&hash);
            hash
        })
        .collect()
}

#[test]
fn each_rewriting_shows_from_its_first_record_on() {
    let mut world = World::new().unwrap();
    let (start, honest) = history(&mut world);
    let heads = chained(start, &honest);
    assert_eq!(heads.last(), Some(&world.state.head().chain), "control: the chain of the records is the state's");
    let at = 5;
    let mut time = honest.clone();
    time[at].time += 1;
    let mut outcome = honest.clone();
    outcome[at].outcome = honest[at + 1].outcome.clone();
    let mut entry = honest.clone();
    let RecordedEntry::Command(bytes) = &mut entry[at].entry else { panic!("a command") };
    *bytes.last_mut().unwrap() ^= 1;
    let mut place = honest.clone();
    place[at].at.term += 1;
    let mut dropped = honest.clone();
    dropped.remove(at);
    let mut exchanged = honest.clone();
    exchanged.swap(at, at + 1);
    let mut put_in = honest.clone();
    put_in.insert(at, honest[at - 1].clone());
    let cases = [
        ("another time", time),
        ("another outcome", outcome),
        ("another entry", entry),
        ("another place in the log", place),
        ("one dropped", dropped),
        ("two exchanged", exchanged),
        ("one put in", put_in),
    ];
    for (what, records) in &cases {
        let theirs = chained(start, records);
        assert_eq!(theirs[..at], heads[..at], "{what}: before it nothing differs");
        let same = theirs.iter().enumerate().skip(at).any(|(place, hash)| heads.get(place) == Some(hash));
        assert!(!same, "{what}: some later head is the same");
    }
    // Another federation's history cannot be grafted on.
    assert_ne!(chain_start(world.state.genesis()), chain_start(b"another genesis"));
    assert_ne!(chained(chain_start(b"another genesis"), &honest).last(), heads.last());
}
