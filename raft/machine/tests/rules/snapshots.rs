//! Snapshots: whole or not at all, and then the same state.

use verbund_machine::{LogEntry, Restore, RestoreError, State};
use verbund_model::Command;

use crate::federation::Federation;
use crate::support::build::{at, document, name};

fn busy() -> Federation {
    let mut federation = Federation::new();
    let author = federation.organisation("amt");
    let asking = federation.ask("west", "amt", "DE-NW");
    federation.admit(&asking);
    federation.ask("ost", "amt", "DE-SN");
    federation.invitation("sued", "amt");
    for number in 0..20 {
        let command = Command::ApplyCatalogueEntry {
            name: name(&format!("dienst-{number}")),
            organisation: name("amt"),
            schema_version: 1,
            // Numbers whose shortest decimal form must be read back to the very same bits.
            document: document(
                r#"{"a":0.1,"b":1.7976931348623157e308,"c":2.2250738585072011e-308,"z":1,"y":[3.3333333333333335]}"#,
            ),
        };
        federation.act(&author, command);
    }
    federation
}

fn restore(records: &[Vec<u8>]) -> Result<State, RestoreError> {
    let mut restore = Restore::new();
    records.iter().try_for_each(|record| restore.push(record))?;
    restore.finish()
}

#[test]
fn a_restored_state_goes_on_like_the_first() {
    let mut federation = busy();
    let records: Vec<Vec<u8>> = federation.state.records().collect();
    let mut restored = restore(&records).unwrap();
    assert_eq!(restored.head(), federation.state.head());
    assert_eq!(restored.recompute_hash(), federation.state.head().state);
    assert_eq!((restored.time(), restored.applied(), restored.entries()), {
        let state = &federation.state;
        (state.time(), state.applied(), state.entries())
    });
    assert_eq!(restored.membership(), federation.state.membership());
    assert!(restored.records().eq(records));
    federation.index += 1;
    let first = federation.state.apply(at(federation.index), LogEntry::Blank, &federation.verifier);
    assert_eq!(restored.apply(at(federation.index), LogEntry::Blank, &federation.verifier), first);
    assert_eq!(restored.head(), federation.state.head());
}

#[test]
fn a_clone_stays_as_it_was() {
    let mut federation = busy();
    let before = federation.state.clone();
    let (head, records) = (before.head(), before.records().collect::<Vec<_>>());
    federation.organisation("anderes-amt");
    assert_ne!(federation.state.head(), head);
    assert_eq!(before.head(), head);
    assert_eq!(before.recompute_hash(), head.state);
    assert!(before.records().eq(records));
}

#[test]
fn what_is_not_whole_is_no_snapshot() {
    let records: Vec<Vec<u8>> = busy().state.records().collect();
    let last = records.len() - 1;
    let edit = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut edited = records.clone();
        change(&mut edited);
        restore(&edited).unwrap_err()
    };
    assert!(restore(&records).is_ok());
    assert!(matches!(edit(&|r| drop(r.pop())), RestoreError::Cut { .. }));
    assert!(matches!(edit(&|r| r.clear()), RestoreError::Cut { records: 0 }));
    assert!(matches!(edit(&|r| drop(r.remove(5))), RestoreError::Damaged { what: "number of entries", .. }));
    assert!(matches!(edit(&|r| drop(r.remove(0))), RestoreError::Order { wanted: "the header", .. }));
    assert!(matches!(edit(&|r| r.push(r[1].clone())), RestoreError::Order { wanted: "nothing", .. }));
    assert!(matches!(edit(&|r| r.insert(3, r[1].clone())), RestoreError::Record { record: 3, .. }));
    assert!(matches!(edit(&|r| r.insert(3, r[0].clone())), RestoreError::Order { record: 3, .. }));
    assert!(matches!(edit(&|r| r[0][1] = 99), RestoreError::Format { found: 99 }));
    assert!(matches!(edit(&|r| r[4][0] = 200), RestoreError::Record { record: 4, .. }));
    assert!(matches!(edit(&|r| r.swap(0, last)), RestoreError::Order { .. }));
    assert!(matches!(edit(&|r| r[0][2] ^= 1), RestoreError::Damaged { what: "header", .. }));
    // The order of entries is not part of what a snapshot says.
    let mut turned = records.clone();
    turned[1..last].reverse();
    assert_eq!(restore(&turned).unwrap().head(), restore(&records).unwrap().head());
}

/// Readers, the snapshot and the planner take their copies to threads of their own.
#[test]
fn a_state_can_go_to_other_threads() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let federation = busy();
    shared(&federation.state);
    let (copy, head) = (federation.state.clone(), federation.state.head());
    let count = std::thread::spawn(move || (copy.head(), copy.records().count())).join().unwrap();
    assert_eq!(count, (head, federation.state.records().count()));
}
