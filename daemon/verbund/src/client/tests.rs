//! The client against a site that answers by a script: over real TLS, with real keys, envelopes and files.

mod site;

use std::time::Duration;

use serde_json::json;
use verbund_api::ProblemKind;
use verbund_identity::{Authentication, Envelope, SignatureVerifier as _, Statement};
use verbund_keys::{AwsVerifier, PassphraseSource};
use verbund_model::view::Kind;
use verbund_model::{Accepted, Command, Document, Hash, Refusal};

use super::*;
use crate::exit::Exit;
use site::{Answer, Site};

fn entry(name: &str) -> Command {
    Command::ApplyCatalogueEntry {
        name: name.parse().unwrap(),
        organisation: "dataport".parse().unwrap(),
        schema_version: 1,
        document: Document::from_value(&json!({})).unwrap(),
    }
}

fn statement(bytes: &[u8]) -> Statement {
    Statement::from_payload(&Envelope::from_bytes(bytes).unwrap().payload).unwrap()
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(400);
const DONE: Accepted = Accepted::Changed { version: 9 };

#[tokio::test]
async fn the_same_envelope_is_sent_until_its_outcome_is_known() {
    let site = Site::start().await;
    site.script([
        Answer::Session,
        Answer::Break,
        Answer::Problem(ProblemKind::OutcomeUnknown),
        Answer::Problem(ProblemKind::NoLeader),
        Answer::Done,
    ]);
    let client = site.client(LONG);
    assert_eq!(client.write("test", entry("a")).await.unwrap(), DONE);
    let seen = site.seen();
    assert_eq!(seen.len(), 5);
    assert!(matches!(statement(&seen[0]).command, Command::OpenSession {}));
    assert!(seen[1..].iter().all(|bytes| *bytes == seen[1]), "the same bytes each time");
    assert_eq!((statement(&seen[1]).session, statement(&seen[1]).sequence), (1, 1));
    assert!(site.pending().is_empty());
    // The session is kept for the next process, with the next number.
    site.script([Answer::Done]);
    assert_eq!(site.client(LONG).write("test", entry("b")).await.unwrap(), DONE);
    assert_eq!((statement(&site.seen()[5]).session, statement(&site.seen()[5]).sequence), (1, 2));
}

#[tokio::test]
async fn an_unknown_outcome_can_be_resumed_with_the_same_envelope() {
    let site = Site::start().await;
    site.script([Answer::Session]);
    site.then(Answer::Problem(ProblemKind::OutcomeUnknown));
    let failure = site.client(SHORT).write("test", entry("a")).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Unknown);
    let [path] = site.pending().try_into().unwrap();
    assert!(failure.to_string().contains(&format!("verbund resume {}", path.display())), "{failure}");
    site.then(Answer::Done);
    let pending = Pending::read(&path).unwrap();
    assert_eq!(site.client(LONG).resume(pending).await.unwrap(), DONE);
    let seen = site.seen();
    assert!(seen[1..].iter().all(|bytes| *bytes == seen[1]));
}

#[tokio::test]
async fn what_never_arrived_is_a_plain_failure() {
    let site = Site::start().await;
    site.script([Answer::Session]);
    site.then(Answer::Problem(ProblemKind::NoLeader));
    let failure = site.client(SHORT).write("test", entry("a")).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Error, "{failure}");
    assert!(site.pending().is_empty());
}

#[tokio::test]
async fn a_refusal_that_only_means_forgotten_does_not_hide_a_doubt() {
    let site = Site::start().await;
    let expired = Refusal::Expired { not_after: 1, now: 2 };
    site.script([Answer::Session, Answer::Break, Answer::Refused(expired.clone())]);
    let failure = site.client(LONG).write("test", entry("a")).await.unwrap_err();
    assert_eq!(failure.exit(), Exit::Unknown, "it was sent once before: {failure}");
    // The positive control: without the doubt it is refused.
    site.script([Answer::Refused(expired)]);
    assert_eq!(site.client(LONG).write("test", entry("a")).await.unwrap_err().exit(), Exit::Error);
}

#[tokio::test]
async fn a_lost_session_is_opened_anew_under_a_higher_number() {
    let site = Site::start().await;
    site.script([Answer::Session, Answer::Refused(Refusal::NoSession { session: 1 }), Answer::Session, Answer::Done]);
    assert_eq!(site.client(LONG).write("test", entry("a")).await.unwrap(), DONE);
    let sessions: Vec<u64> = site.seen().iter().map(|bytes| statement(bytes).session).collect();
    assert_eq!(sessions, [1, 1, 2, 2]);
}

#[tokio::test]
async fn many_changes_share_one_signature_that_holds() {
    let site = Site::start().await;
    site.script([Answer::Session]);
    site.then(Answer::Done);
    let change = |n| Change { about: String::new(), command: entry(&format!("e{n}")), precondition: None };
    let results = site.client(LONG).write_all((0..700).map(change).collect()).await.unwrap();
    assert_eq!(results.into_iter().filter(|result| matches!(result, Ok(accepted) if *accepted == DONE)).count(), 700);
    let mut signatures = std::collections::BTreeSet::new();
    for bytes in &site.seen()[1..] {
        let envelope = Envelope::from_bytes(bytes).unwrap();
        let Authentication::Batch { signature, .. } = &envelope.authentication else { panic!("not a batch") };
        signatures.insert(signature.clone());
        let signed = envelope.signed().unwrap();
        assert!(AwsVerifier.verify(&site.author_key(), &signed.message, signed.signature));
    }
    assert_eq!(signatures.len(), 2, "512 and 188 statements");
    let sequences: std::collections::BTreeSet<u64> = site.seen()[1..].iter().map(|b| statement(b).sequence).collect();
    assert_eq!(sequences.len(), 700);
}

#[tokio::test]
async fn a_certificate_is_asked_for_once_and_kept() {
    let site = Site::start().await;
    assert!(site.client(LONG).list(Kind::Site).await.unwrap().value.is_empty());
    assert_eq!(site.logins(), 1);
    // Reading again needs no passphrase.
    assert!(site.client_with(LONG, PassphraseSource::None).list(Kind::Site).await.is_ok());
    assert_eq!(site.logins(), 1);
    // Where the certificate is no longer taken, another is asked for.
    site.forget_certificates();
    assert!(site.client(LONG).list(Kind::Site).await.is_ok());
    assert_eq!(site.logins(), 2);
}

#[tokio::test]
async fn a_server_with_another_anchor_sees_no_request() {
    let site = Site::start().await;
    site.then(Answer::Done);
    let mut context = site.context();
    context.pin = Hash([9; 32]);
    let client = site.client_of(context, SHORT, PassphraseSource::None);
    assert!(client.list(Kind::Site).await.is_err());
    assert_eq!(site.logins() + site.seen().len(), 0);
}
