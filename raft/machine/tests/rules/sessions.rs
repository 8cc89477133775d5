//! Sessions: each statement counts once, and its author can ask again (formats 7).

use verbund_identity::{Precondition, Statement};
use verbund_machine::limits::{MAX_VALIDITY, SESSION_LENGTH};
use verbund_model::{Accepted, Command, Outcome, Refusal};

use crate::federation::Federation;
use crate::support::build::{document, name, signed, with};
use crate::support::keys::Signer;

fn entry(number: u64) -> Command {
    Command::ApplyCatalogueEntry {
        name: name(&format!("dienst-{number}")),
        organisation: name("amt"),
        schema_version: 1,
        document: document("{}"),
    }
}

fn federation() -> (Federation, Signer) {
    let mut federation = Federation::new();
    let author = federation.organisation("amt");
    (federation, author)
}

fn open(federation: &mut Federation, author: &Signer, number: u64) -> Outcome {
    let clock = federation.clock;
    let statement = federation.statements().statement(&author.id, number, 0, clock, Command::OpenSession {});
    federation.send(author, statement)
}

fn in_session(federation: &Federation, author: &Signer, session: u64, sequence: u64, command: Command) -> Statement {
    federation.statements().statement(&author.id, session, sequence, federation.clock, command)
}

#[test]
fn a_repeated_envelope_gets_its_first_answer_and_changes_nothing() {
    let (mut federation, author) = federation();
    let statement = federation.statement(&author, entry(1));
    let envelope = signed(&author, statement.to_payload());
    let first = federation.apply(&envelope);
    let version = federation.index;
    assert_eq!(first, Outcome::Accepted(Accepted::Changed { version }));
    let (hash, chain) = (federation.state.head().state, federation.state.head().chain);
    assert_eq!(federation.apply(&envelope), first);
    assert_eq!(federation.state.head().state, hash, "the state changed");
    assert_ne!(federation.state.head().chain, chain, "the entry left no record");

    let refused = federation.statement(&author, Command::DeleteCatalogueEntry { name: name("nichts") });
    let refused = signed(&author, refused.to_payload());
    let first = federation.apply(&refused);
    assert!(matches!(first, Outcome::Refused(Refusal::NotFound { .. })));
    let create = Command::ApplyCatalogueEntry {
        name: name("nichts"),
        organisation: name("amt"),
        schema_version: 1,
        document: document("{}"),
    };
    federation.act(&author, create);
    assert_eq!(federation.apply(&refused), first, "a refusal must not turn into a deletion");
}

#[test]
fn numbers_come_in_any_order_inside_the_window() {
    let (mut federation, author) = federation();
    assert!(matches!(open(&mut federation, &author, 9), Outcome::Accepted(_)));
    let mut send = |sequence, number| {
        let statement = in_session(&federation, &author, 9, sequence, entry(number));
        federation.send(&author, statement)
    };
    assert!(matches!(send(1030, 1), Outcome::Accepted(_)));
    assert!(matches!(send(7, 2), Outcome::Accepted(_)), "1030 - 1023: the oldest of the window");
    assert_eq!(send(6, 3), Outcome::Refused(Refusal::SequenceTooOld { sequence: 6, oldest: 7 }));
    assert_eq!(send(7, 4), Outcome::Refused(Refusal::SequenceReused { sequence: 7 }));
    assert_eq!(send(0, 5), Outcome::Refused(Refusal::SequenceTooOld { sequence: 0, oldest: 7 }));
    assert!(matches!(send(1031, 6), Outcome::Accepted(_)));
    assert_eq!(send(7, 2), Outcome::Refused(Refusal::SequenceTooOld { sequence: 7, oldest: 8 }));
    assert!(matches!(send(u64::MAX, 7), Outcome::Accepted(_)));
    let oldest = u64::MAX - 1023;
    assert_eq!(send(1032, 8), Outcome::Refused(Refusal::SequenceTooOld { sequence: 1032, oldest }));
}

#[test]
fn number_zero_is_the_openings_own() {
    let (mut federation, author) = federation();
    let statement = Statement { sequence: 0, ..federation.statement(&author, entry(1)) };
    assert_eq!(federation.send(&author, statement), Outcome::Refused(Refusal::SequenceReused { sequence: 0 }));
}

#[test]
fn numbers_of_sessions_rise() {
    let (mut federation, author) = federation();
    let clock = federation.clock;
    let opening = federation.statements().statement(&author.id, 5, 0, clock, Command::OpenSession {});
    let opening = signed(&author, opening.to_payload());
    let first = federation.apply(&opening);
    assert!(matches!(first, Outcome::Accepted(Accepted::SessionOpened { .. })));
    assert_eq!(federation.apply(&opening), first, "repeated, it gets its first answer");
    for number in [0, 1, 4, 5] {
        let refusal = Refusal::SessionNotNew { session: number, last: 5 };
        assert_eq!(open(&mut federation, &author, number), Outcome::Refused(refusal));
    }
    assert!(matches!(open(&mut federation, &author, 6), Outcome::Accepted(_)));
    assert_eq!(federation.state.last_session(&author.id).unwrap().number, 6);
}

#[test]
fn sixteen_sessions_and_no_more_until_the_first_ends() {
    let (mut federation, author) = federation(); // has opened number 1
    let first_end = federation.state.last_session(&author.id).unwrap().until;
    for number in 2..=16 {
        assert!(matches!(open(&mut federation, &author, number), Outcome::Accepted(_)));
    }
    let refusal = Refusal::TooManySessions { limit: 16, first_end };
    assert_eq!(open(&mut federation, &author, 17), Outcome::Refused(refusal));
    federation.clock = first_end;
    assert!(matches!(open(&mut federation, &author, 18), Outcome::Accepted(_)), "the first ended just now");
}

#[test]
fn an_ended_session_answers_what_it_answered_until_its_last_envelope_expired() {
    let (mut federation, author) = federation();
    let until = federation.state.last_session(&author.id).unwrap().until;
    federation.clock = until - 10;
    let mut statement = federation.statement(&author, entry(1));
    statement.not_after = until - 10 + MAX_VALIDITY;
    let envelope = signed(&author, statement.to_payload());
    let first = federation.apply(&envelope);
    assert!(matches!(first, Outcome::Accepted(_)));

    federation.clock = until;
    let late = federation.statement(&author, entry(2));
    assert_eq!(federation.send(&author, late), Outcome::Refused(Refusal::NoSession { session: 1 }));
    federation.clock = until - 10 + MAX_VALIDITY;
    assert_eq!(federation.apply(&envelope), first);
    federation.clock = until + MAX_VALIDITY;
    assert!(matches!(federation.apply(&envelope), Outcome::Refused(Refusal::Expired { .. })));
}

#[test]
fn what_ended_is_cleared_away() {
    let (mut federation, author) = federation();
    for number in 0..300 {
        federation.act(&author, entry(number));
    }
    let size = federation.state.records().count();
    federation.clock += SESSION_LENGTH + 2 * MAX_VALIDITY;
    // Anybody's entries clear: here those of a key without a session.
    let node = federation.founders.node.clone();
    for sequence in 0..20 {
        let statement = in_session(&federation, &node, 77, sequence, entry(1));
        assert!(matches!(federation.send(&node, statement), Outcome::Refused(Refusal::NoSession { .. })));
    }
    let cleared = size - federation.state.records().count();
    assert!(cleared >= 300, "only {cleared} records went");
    assert_eq!(federation.state.last_session(&author.id).unwrap().highest, None);
    assert_eq!(federation.state.last_session(&author.id).unwrap().number, 1, "numbers are never forgotten");
}

#[test]
fn validity_is_bounded_on_both_sides() {
    let (mut federation, author) = federation();
    federation.statement(&author, entry(0)); // opens the session
    let cases = [(0, true), (MAX_VALIDITY, true), (MAX_VALIDITY + 1, false)];
    for (number, (ahead, accepted)) in (1..).zip(cases) {
        let mut statement = federation.statement(&author, entry(number));
        statement.not_after = federation.clock + ahead;
        let outcome = federation.send(&author, statement);
        assert_eq!(matches!(outcome, Outcome::Accepted(_)), accepted, "{ahead} ms ahead: {outcome:?}");
    }
    let mut statement = federation.statement(&author, entry(9));
    statement.not_after = federation.clock - 1;
    let now = federation.clock;
    let expired = Refusal::Expired { not_after: now - 1, now };
    assert_eq!(federation.send(&author, statement), Outcome::Refused(expired));
}

#[test]
fn valid_for_too_long_stays_refused() {
    let (mut federation, author) = federation();
    let mut statement = federation.statement(&author, entry(1));
    statement.not_after = federation.clock + MAX_VALIDITY + 5000;
    let envelope = signed(&author, statement.to_payload());
    let first = federation.apply(&envelope);
    assert!(matches!(first, Outcome::Refused(Refusal::ValidTooLong { .. })));
    federation.clock += 60_000;
    assert_eq!(federation.apply(&envelope), first, "a leader must not be able to keep it until it is valid");
}

#[test]
fn a_stranger_leaves_nothing_behind() {
    let (mut federation, author) = federation();
    let stranger = federation.ring.p256();
    let before = federation.state.head().state;
    let size = federation.state.records().count();
    for sequence in 0..20 {
        let statement = in_session(&federation, &stranger, 1, sequence, entry(1));
        assert!(matches!(federation.send(&stranger, statement), Outcome::Refused(Refusal::UnknownKey { .. })));
        let mut forged = signed(&stranger, in_session(&federation, &author, 1, 50 + sequence, entry(1)).to_payload());
        forged.key = author.id;
        assert!(matches!(federation.apply(&forged), Outcome::Refused(Refusal::BadSignature { .. })));
    }
    assert_eq!(federation.state.head().state, before);
    assert_eq!(federation.state.records().count(), size);
}

#[test]
fn time_never_goes_back() {
    let (mut federation, author) = federation();
    let before = federation.state.time();
    federation.clock = 0;
    let mut statement = federation.statements().statement(&author.id, 1, 50, before, entry(1));
    statement.not_after = before + 1000;
    assert!(matches!(federation.send(&author, statement), Outcome::Accepted(_)));
    assert_eq!(federation.state.time(), before);
}

#[test]
fn conditions_are_about_the_resource() {
    let (mut federation, author) = federation();
    let created = federation.statement(&author, entry(1));
    let absent = with(created, Precondition::Absent);
    let Outcome::Accepted(Accepted::Changed { version }) = federation.send(&author, absent) else {
        panic!("not created");
    };
    let delete = || Command::DeleteCatalogueEntry { name: name("dienst-1") };
    let mut refuse = |condition, command: Command| {
        let statement = federation.statement(&author, command);
        match federation.send(&author, with(statement, condition)) {
            Outcome::Refused(refusal) => refusal,
            Outcome::Accepted(accepted) => panic!("{condition:?} holds: {accepted:?}"),
        }
    };
    let what = || "catalogue entry dienst-1".to_owned();
    assert_eq!(refuse(Precondition::Absent, entry(1)), Refusal::AlreadyExists { what: what(), version });
    let expected = version + 1;
    let mismatch = Refusal::VersionMismatch { what: what(), expected, found: version };
    assert_eq!(refuse(Precondition::Version(expected), delete()), mismatch);
    let what = "catalogue entry dienst-2".to_owned();
    let mismatch = Refusal::VersionMismatch { what: what.clone(), expected: 0, found: 0 };
    assert_eq!(refuse(Precondition::Version(0), entry(2)), mismatch, "version 0 is genesis, not absence");
    assert_eq!(refuse(Precondition::Exists, entry(2)), Refusal::NotFound { what });
    let statement = federation.statement(&author, delete());
    let outcome = federation.send(&author, with(statement, Precondition::Version(version)));
    assert!(matches!(outcome, Outcome::Accepted(Accepted::Changed { .. })));
}
