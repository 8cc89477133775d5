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
/// Long enough that no attempt is on its way when it is over: the last begins some 2 s before.
const MIDDLE: Duration = Duration::from_secs(5);
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
    let failure = site.client(MIDDLE).write("test", entry("a")).await.unwrap_err();
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

/// A listener that takes connections and says nothing: a site behind a firewall that swallows, or one that hangs.
fn silent() -> (std::net::TcpListener, verbund_model::resource::Address) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string().parse().unwrap();
    (listener, address)
}

fn learned(sites: Vec<crate::context::OtherSite>, time: u64) -> Option<crate::context::Learned> {
    Some(crate::context::Learned { index: 1, time, sites })
}

#[tokio::test]
async fn another_site_answers_where_the_pinned_one_does_not() {
    let (nord, sued) = (Site::start().await, Site::named("sued").await);
    let (_listener, address) = silent();
    let passphrase = || PassphraseSource::File(nord.passphrase());
    let mut context = nord.context();
    context.addresses = vec![address];
    // The positive control: nobody else is known.
    assert!(nord.client_of(context.clone(), SHORT, passphrase()).list(Kind::Site).await.is_err());
    context.learned = learned(vec![sued.as_other()], now());
    let client = nord.client_of(context.clone(), LONG, passphrase());
    let begun = std::time::Instant::now();
    assert!(client.list(Kind::Site).await.unwrap().value.is_empty());
    assert_eq!((nord.logins(), sued.logins()), (0, 1));
    assert!(begun.elapsed() < LONG / 4, "the silent site cost its head start, not the deadline");
    // Changes go there, too, and the silent site costs no second head start.
    sued.script([Answer::Session, Answer::Done]);
    assert_eq!(client.write("test", entry("a")).await.unwrap(), DONE);
    // What was learned too long ago counts no more.
    context.learned = learned(vec![sued.as_other()], 1);
    assert!(nord.client_of(context, SHORT, passphrase()).list(Kind::Site).await.is_err());
}

#[tokio::test]
async fn an_impostor_at_a_learned_address_sees_no_request() {
    let (nord, evil) = (Site::start().await, Site::named("evil").await);
    let (_listener, address) = silent();
    let mut context = nord.context();
    context.addresses = vec![address];
    for (pin, name) in [(Hash([9; 32]), "evil.dvc"), (evil.context().pin, "sued.dvc")] {
        let mut other = evil.as_other();
        (other.pins, other.trust_domain) = ([pin].into(), name.parse().unwrap());
        context.learned = learned(vec![other], now());
        let client = nord.client_of(context.clone(), Duration::from_secs(3), PassphraseSource::File(nord.passphrase()));
        assert!(client.list(Kind::Site).await.is_err());
    }
    assert_eq!(evil.logins() + evil.seen().len(), 0);
}

#[tokio::test]
async fn a_site_without_quorum_is_left_for_one_with() {
    let (nord, sued) = (Site::start().await, Site::named("sued").await);
    nord.lose_quorum();
    let mut context = nord.context();
    let failure = nord.client(SHORT).list(Kind::Site).await.unwrap_err().to_string();
    assert!(failure.contains("majority") && failure.contains("--stale"), "{failure}");
    context.learned = learned(vec![sued.as_other()], now());
    let client = nord.client_of(context, LONG, PassphraseSource::File(nord.passphrase()));
    client.list(Kind::Site).await.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn the_last_answer_is_told_when_the_deadline_comes() {
    let site = Site::start().await;
    let client = site.client(SHORT);
    let mut first = true;
    let result = client.until_deadline(async || {
        if std::mem::take(&mut first) {
            let problem = verbund_api::Problem::from(verbund_api::port::ReadError::NoQuorum);
            return Err(ApiError::Problem(Box::new(problem.document(verbund_api::Language::English, ""))));
        }
        std::future::pending::<Result<(), ApiError>>().await
    });
    assert_eq!(result.await.unwrap_err().kind(), Some(ProblemKind::NoQuorum));
}

#[tokio::test]
async fn the_other_sites_are_learned_from_the_pinned_one_alone() {
    let (nord, sued) = (Site::start().await, Site::named("sued").await);
    crate::context::Contexts::change(&nord.contexts(), |all| all.add("test", nord.context(), false)).unwrap();
    let key = nord.author_key().to_string();
    let coordinators = json!({ "version": 1, "keys": [key], "threshold": 1 });
    let (id, status) = (nord.context().federation, json!({ "standing": "active" }));
    let federation = json!({ "coordinators": coordinators });
    nord.hold(
        Kind::Federation,
        site::resource(Kind::Federation, "dvc", federation, json!({ "id": id, "generation": 0 })),
    );
    nord.hold(Kind::Site, nord.resource());
    nord.hold(Kind::Site, sued.resource());
    let mut addresses = sued.as_other().addresses;
    addresses.push("peers.example:7100".parse().unwrap());
    let node = json!({ "site": "sued", "key": Hash([4; 32]), "addresses": addresses });
    nord.hold(Kind::Node, site::resource(Kind::Node, "0.2", node, status));
    let kept = || crate::context::Contexts::read(&nord.contexts()).unwrap().contexts["test"].learned.clone();
    let client = nord.client(LONG);
    client.keep_learning().await;
    assert_eq!(kept(), None, "nothing was read from it yet");
    client.list(Kind::Site).await.unwrap();
    client.keep_learning().await;
    let first = kept().unwrap();
    assert_eq!(first.sites, [sued.as_other()], "the peers' address is not the API's");
    // Learned a moment ago: not again, unless the site says that its directory changed since.
    let learning = async || {
        let client = nord.client_of(kept_context(&nord), LONG, PassphraseSource::File(nord.passphrase()));
        client.list(Kind::Site).await.unwrap();
        client.keep_learning().await;
        kept().unwrap()
    };
    let west = Site::named("west").await;
    nord.hold(Kind::Site, west.resource());
    assert_eq!(learning().await, first);
    nord.turn_directory(2);
    let second = learning().await;
    assert_eq!((second.index, second.sites.len()), (2, 2));
    assert_eq!(learning().await, second, "once for each version");
    // Long ago, but through another site: not from that one.
    let mut context = nord.context();
    let (_listener, address) = silent();
    (context.addresses, context.learned) = (vec![address], learned(vec![sued.as_other()], now() - 3_600_000));
    let client = nord.client_of(context, LONG, PassphraseSource::File(nord.passphrase()));
    client.list(Kind::Site).await.unwrap();
    client.keep_learning().await;
    assert_eq!(kept().unwrap(), second);
}

fn kept_context(site: &Site) -> crate::context::Context {
    crate::context::Contexts::read(&site.contexts()).unwrap().contexts["test"].clone()
}

#[tokio::test]
async fn a_site_whose_pin_the_user_names_answers_before_anything_was_learned() {
    let (nord, sued) = (Site::start().await, Site::named("sued").await);
    let (_listener, address) = silent();
    let mut context = nord.context();
    let passphrase = || PassphraseSource::File(nord.passphrase());
    context.others = vec![format!("sued={}", sued.context().addresses[0].authority()).parse().unwrap()];
    context.addresses = vec![address];
    // The positive control: an address alone makes nobody believed.
    assert!(nord.client_of(context.clone(), SHORT, passphrase()).list(Kind::Site).await.is_err());
    context.other_pins = [("sued".parse().unwrap(), Hash([9; 32]))].into();
    assert!(nord.client_of(context.clone(), SHORT, passphrase()).list(Kind::Site).await.is_err());
    assert_eq!(sued.logins(), 0);
    context.other_pins = [("sued".parse().unwrap(), sued.context().pin)].into();
    nord.client_of(context, LONG, passphrase()).list(Kind::Site).await.unwrap();
    assert_eq!((nord.logins(), sued.logins()), (0, 1));
}
