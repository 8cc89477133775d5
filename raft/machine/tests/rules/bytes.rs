//! Apply is total: whatever the bytes are, there is an answer, and the replicas agree on it.

use verbund_machine::{AuditRecord, Entry, LogEntry, Restore};
use verbund_model::{Command, Outcome};

use crate::federation::Federation;
use crate::support::build::{at, batch, document, entry, name, signed};
use crate::support::random::Random;

/// Well-formed entries of many kinds, to be damaged.
fn corpus(federation: &mut Federation) -> Vec<Vec<u8>> {
    let author = federation.organisation("amt");
    let asking = federation.ask("west", "amt", "DE-NW");
    let apply = Command::ApplyCatalogueEntry {
        name: name("dienst"),
        organisation: name("amt"),
        schema_version: 1,
        document: document(r#"{"a":[1,2.5,{"b":null}]}"#),
    };
    let statement = federation.statement(&author, apply);
    let mut entries = vec![entry(federation.clock, &asking.envelope)];
    entries.push(entry(federation.clock, &signed(&author, statement.to_payload())));
    let payloads = [statement.to_payload(), b"other".to_vec(), b"third".to_vec()];
    entries.push(entry(federation.clock, &batch(&author, &payloads)[0]));
    let opening = federation.statements().statement(&author.id, 7, 0, federation.clock, Command::OpenSession {});
    entries.push(entry(federation.clock, &signed(&author, opening.to_payload())));
    entries
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
    for _ in 0..=random.below(3) {
        let place = random.below(bytes.len().max(1));
        match random.below(6) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place.min(bytes.len()), random.next() as u8),
            2 if !bytes.is_empty() => bytes[place] ^= 1 << random.below(8),
            3 if !bytes.is_empty() => bytes[place] = random.next() as u8,
            4 => {
                let other = &others[random.below(others.len())];
                let tail = other[random.below(other.len())..].to_vec();
                bytes.truncate(place);
                bytes.extend(tail);
            }
            _ => bytes.extend((0..random.below(40)).map(|_| 0xff)),
        }
    }
}

#[test]
fn damaged_entries_are_answered_alike_everywhere() {
    let mut federation = Federation::new();
    let corpus = corpus(&mut federation);
    let mut random = Random::new(7);
    let start = federation.state.clone();
    let mut second = start.clone();
    let (mut refused, mut accepted) = (0, 0);
    for round in 0..20_000_u64 {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        if round % 100 == 0 {
            // Afresh, and first an undamaged one: a damaged stamp soon takes the log's time to where all has expired.
            (federation.state, second) = (start.clone(), start.clone());
        } else if round % 5 == 1 {
            bytes = (0..random.below(200)).map(|_| random.next() as u8).collect();
        } else {
            damage(&mut random, &mut bytes, &corpus);
        }
        federation.index += 1;
        let first = federation.state.apply(at(federation.index), LogEntry::Command(&bytes), &federation.verifier);
        assert_eq!(second.apply(at(federation.index), LogEntry::Command(&bytes), &federation.verifier), first);
        match first.outcome.unwrap() {
            Outcome::Accepted(_) => accepted += 1,
            Outcome::Refused(_) => refused += 1,
        }
        assert_eq!(federation.state.head(), second.head());
    }
    // Without those that are accepted, this test would try nothing.
    assert!(accepted >= 150 && refused > 15_000, "{accepted} accepted, {refused} refused");
    assert_eq!(federation.state.recompute_hash(), federation.state.head().state);
}

/// Statements that are well signed, and whose JSON says anything at all.
#[test]
fn any_signed_payload_is_answered() {
    let mut federation = Federation::new();
    let author = federation.organisation("amt");
    let mut random = Random::new(8);
    let mut accepted = 0;
    for round in 0..5_000 {
        let apply = Command::DeleteCatalogueEntry { name: name("dienst") };
        let mut payload = federation.statement(&author, apply).to_payload();
        if round % 50 != 0 {
            let others = [payload.clone(), br#"{"v":1e999,"x":[[[[]]]],"":null}"#.to_vec()];
            damage(&mut random, &mut payload, &others);
        }
        let before = federation.state.head().state;
        let outcome = federation.apply(&signed(&author, payload));
        let Outcome::Refused(refusal) = outcome else {
            accepted += 1;
            continue;
        };
        if refusal.name() == "malformed" {
            assert_eq!(federation.state.head().state, before);
        } else {
            accepted += u64::from(refusal.name() == "not-found");
        }
    }
    assert!(accepted >= 100, "the undamaged ones were understood {accepted} times");
}

#[test]
fn damaged_snapshots_and_records_are_errors() {
    let mut federation = Federation::new();
    federation.organisation("amt");
    let records: Vec<Vec<u8>> = federation.state.records().collect();
    let mut random = Random::new(9);
    for _ in 0..5_000 {
        let mut damaged = records.clone();
        let place = random.below(damaged.len());
        damage(&mut random, &mut damaged[place], &records);
        if damaged == records {
            continue;
        }
        let mut restore = Restore::new();
        let pushed = damaged.iter().try_for_each(|record| restore.push(record));
        if pushed.is_ok() {
            assert!(restore.finish().is_err(), "damaged record {place} was taken");
        }
    }
    for _ in 0..5_000 {
        let bytes: Vec<u8> = (0..random.below(100)).map(|_| random.next() as u8).collect();
        let _ = AuditRecord::from_bytes(&bytes);
        let _ = Entry::from_bytes(&bytes);
    }
}
