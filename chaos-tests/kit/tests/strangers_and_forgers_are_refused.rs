//! Shows: an operator's certificate calling a Raft RPC, and a node's certificate of one site speaking for another, are
//! refused; unsigned, wrongly signed, replayed and unauthorised envelopes over the API are refused, each by its name and
//! identically on every replica.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use rand::Rng as _;
use serde_json::Value;
use verbund_api::wire::ENVELOPE_TYPE;
use verbund_identity::{Authentication, Envelope, sha256};
use verbund_kit::api::{Connection, log_in};
use verbund_kit::audit::record_frames;
use verbund_kit::checker::{equal_heads, export_reaching};
use verbund_kit::peer::{Says, Vote, ask_for_vote, node_identity};
use verbund_kit::{Author, Federation, Settings, metrics, seeded};
use verbund_model::{Command, Document, FederationId, NodeId};

const FILE: &str = "strangers_and_forgers_are_refused";

async fn federation() -> Federation {
    let extra = "checkpoint: {quietSeconds: 1}".to_owned();
    Federation::of(3, Settings { extra, ..Settings::default() }).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_node_speaks_raft_and_only_for_itself() {
    let federation = federation().await;
    let operator = federation.new_user("operator").unwrap();
    let (s1, s2, s3) = (NodeId::mint(0, 1), NodeId::mint(0, 2), NodeId::mint(0, 3));
    let site = &federation.sites[0];
    let term = federation.status(0).unwrap()["term"].as_u64().unwrap();
    let says = |from| Says { federation: federation.id, from, to: s1 };
    let vote = |node: NodeId| Vote { term: term + 10, node: node.0, committed: false };

    // Control: the very same call is answered when node and certificate fit. Term 0 changes nothing.
    let second = node_identity(&federation.sites[1], s2).unwrap();
    let old = Vote { term: 0, node: s2.0, committed: false };
    let reply = ask_for_vote(site, &second, says(s2), old).await.unwrap().unwrap();
    assert!(!reply.granted && reply.vote.unwrap().term >= term, "{reply:?}");

    // A node's certificate of s2, with a call in the name of s3's node, and with a vote in its name.
    for (from, candidate) in [(s3, s3), (s2, s3)] {
        let status = ask_for_vote(site, &second, says(from), vote(candidate)).await.unwrap().unwrap_err();
        assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status:?}");
        assert!(status.message().contains("0.3") && status.message().contains("0.2"), "it names both: {status:?}");
    }
    // A certificate that s2's CA made for s3's node: no anchor of s3 stands behind it.
    let posing = node_identity(&federation.sites[1], s3).unwrap();
    let status = ask_for_vote(site, &posing, says(s3), vote(s3)).await.unwrap().unwrap_err();
    assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status:?}");

    let identity = log_in(site.door().unwrap(), &operator).await.unwrap();
    match ask_for_vote(site, &identity, says(s2), vote(s2)).await {
        // Refused in the handshake or before anything was said.
        Err(error) => println!("an operator's certificate at the peers' listener: {error:#}"),
        Ok(reply) => {
            let status = reply.unwrap_err();
            assert_eq!(status.code(), tonic::Code::PermissionDenied, "{status:?}");
            println!("an operator's certificate calling Vote: {}", status.message());
        }
    }
    let now = federation.status(0).unwrap();
    assert_eq!(now["term"].as_u64(), Some(term), "nobody's term was raised: {now}");
    equal_heads(&federation, &operator, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn envelopes_are_judged_alike_everywhere() {
    let mut rng = seeded(FILE, "envelopes_are_judged_alike_everywhere");
    let federation = federation().await;
    let provider = federation.new_provider("provider").unwrap();
    let powerless = federation.new_user("powerless").unwrap();
    let mut sites = Vec::new();
    for site in 0..3 {
        sites.push(federation.connect(site, &provider).await.unwrap());
    }
    let (byte, bit) = (rng.random_range(0..64usize), rng.random_range(0..8u8));
    let mut any = |envelope: &Envelope| post(sites[rng.random_range(0..3)].clone(), envelope.to_bytes());
    let statement = |author: &Author, at, name| author.statement(at, None, entry(name, 1));
    let signed = |author: &Author, at, name| author.sign(&statement(author, at, name)).unwrap();

    for author in [&provider, &powerless] {
        let open = author.sign(&author.statement((1, 0), None, Command::OpenSession {})).unwrap();
        assert_eq!(any(&open).await.unwrap().0, "", "a session is opened");
    }
    // Control: a good envelope is taken; sent again, at any site, it gives the first outcome and changes nothing.
    let good = signed(&provider, (1, 1), "good");
    let (problem, first) = any(&good).await.unwrap();
    assert_eq!(problem, "", "{first}");
    for _ in 0..3 {
        let (problem, again) = any(&good).await.unwrap();
        assert_eq!((problem.as_str(), &again["outcome"]), ("", &first["outcome"]), "replayed");
    }

    let stranger = Author::new(federation.id).unwrap();
    let elsewhere = Author::new(FederationId(sha256(b"another federation"))).unwrap();
    let with = |signature: Vec<u8>| Envelope { authentication: Authentication::Direct { signature }, ..good.clone() };
    let Authentication::Direct { signature } = &good.authentication else { panic!("signed by itself") };
    let mut flipped = signature.clone();
    flipped[byte] ^= 1 << bit;
    let theirs = signed(&stranger, (1, 2), "theirs");
    let mut expired = statement(&provider, (1, 3), "expired");
    expired.not_after = 1;
    let mut long = statement(&provider, (1, 4), "long");
    long.not_after += 60 * 60 * 1000;
    let mut altered = good.clone();
    let name = altered.payload.windows(4).position(|bytes| bytes == b"good").unwrap();
    altered.payload[name] ^= 1;
    let foreign =
        verbund_identity::Statement { federation: elsewhere.federation(), ..statement(&provider, (1, 5), "f") };
    let reserved = Authentication::Passkey { assertion: vec![1] };

    let bad = [
        ("unsigned", with(Vec::new()), "bad-signature"),
        ("a flipped bit in the signature", with(flipped), "bad-signature"),
        ("a flipped bit in the payload", altered, "bad-signature"),
        ("another's signature", Envelope { key: provider.key(), ..theirs.clone() }, "bad-signature"),
        ("a key that nobody registered", theirs, "unknown-key"),
        ("another federation's statement", provider.sign(&foreign).unwrap(), "wrong-federation"),
        ("expired", provider.sign(&expired).unwrap(), "expired"),
        ("valid for too long", provider.sign(&long).unwrap(), "valid-too-long"),
        ("a session that is not open", signed(&provider, (9, 1), "closed"), "no-session"),
        ("the same number with other bytes", signed(&provider, (1, 1), "other"), "sequence-reused"),
        ("without the role", signed(&powerless, (1, 1), "powerless"), "not-authorised"),
        ("a reserved author", Envelope { authentication: reserved, ..good.clone() }, "not-enabled"),
    ];
    for (what, envelope, wanted) in &bad {
        let (problem, answer) = post(sites[0].clone(), envelope.to_bytes()).await.unwrap();
        assert_eq!(problem, *wanted, "{what}: {answer}");
        for site in &sites[1..] {
            let (problem, answer) = post(site.clone(), envelope.to_bytes()).await.unwrap();
            assert_eq!(problem, *wanted, "{what}, at another site: {answer}");
        }
    }
    let (problem, answer) = post(sites[1].clone(), b"no envelope".to_vec()).await.unwrap();
    assert_eq!(problem, "malformed", "{answer}");

    // Nothing but the good one was made, and all replicas agree on every outcome that reached the log.
    let after = signed(&provider, (1, 100), "after");
    let (problem, last) = any(&after).await.unwrap();
    assert_eq!(problem, "", "{last}");
    let last = last["index"].as_u64().unwrap();
    equal_heads(&federation, &provider, last).await.unwrap();
    same_records_everywhere(&mut sites, last).await.unwrap();
    for (number, site) in sites.iter_mut().enumerate() {
        let list: Value = site.get_json("/v1/catalogue").await.unwrap();
        let names: Vec<&str> =
            list["items"].as_array().unwrap().iter().filter_map(|i| i["metadata"]["name"].as_str()).collect();
        assert_eq!(names, ["after", "good"]);
        let page = metrics::read(federation.sites[number].metrics_port).await.unwrap();
        let refused = metrics::value(&page, "verbund_refused_by_apply_total").unwrap();
        assert!(refused > 0.0, "VOID: no refusal reached the log of {}", federation.sites[number].name);
    }
}

fn entry(name: &str, value: u64) -> Command {
    Command::ApplyCatalogueEntry {
        name: name.parse().unwrap(),
        organisation: "o1".parse().unwrap(),
        schema_version: 1,
        document: Document::from_value(&serde_json::json!({ "value": value })).unwrap(),
    }
}

/// Hands an envelope in. Returns the problem's name, empty if it was accepted, and the whole answer.
async fn post(mut connection: Connection, envelope: Vec<u8>) -> Result<(String, Value)> {
    let answer = connection.post("/v1/envelopes", ENVELOPE_TYPE, Bytes::from(envelope)).await?;
    let body: Value = serde_json::from_slice(&answer.body).context("the answer is JSON")?;
    if answer.status.is_success() {
        return Ok((String::new(), body));
    }
    Ok((answer.problem().context("an error is a problem")?, body))
}

async fn same_records_everywhere(sites: &mut [Connection], last: u64) -> Result<()> {
    let mut all: Vec<Vec<Vec<u8>>> = Vec::new();
    for site in sites {
        let export = tokio::time::timeout(Duration::from_secs(90), export_reaching(site, last)).await??;
        all.push(record_frames(&export)?.into_iter().map(|frame| export[frame.range].to_vec()).collect());
    }
    let shortest = all.iter().map(Vec::len).min().unwrap_or(0);
    ensure!(all.iter().all(|records| records[..shortest] == all[0][..shortest]), "the members' records differ");
    Ok(())
}
