//! Directives without a log: what m coordinators ordered takes effect at every node that can be reached, at once, and at the
//! others before they let anybody in.

use std::time::Duration;

use verbund_identity::directive::{DirectiveError, to_file};
use verbund_identity::{Directive, SignatureVerifier as _, add_signature, key_id};
use verbund_keys::{AwsVerifier, Signer as _, SoftwareKey};
use verbund_model::resource::{Der, DirectiveSignature, SignedDirective};
use verbund_model::{Algorithm, Command};
use verbund_node::{NotTaken, SubmitError};

use crate::kit::{Cluster, until};
use crate::life::entry_exists;

/// The exclusion of a site, which nobody has signed.
fn unsigned(cluster: &Cluster, site: usize) -> SignedDirective {
    let state = cluster.all().next().unwrap().node.read_stale().0;
    let federation = &state.federation().value;
    let directive = Directive {
        v: 1,
        federation: federation.id,
        generation: 0,
        number: 1,
        predecessor: federation.id.0,
        coordinator_set_version: federation.coordinators.version,
        issued: 1,
        order: state.exclude_site_order(&cluster.sites[site].name, "its operator sold the keys").unwrap(),
        accept_quorum_loss: true,
    };
    SignedDirective { payload: Der(directive.to_payload()), signatures: Vec::new() }
}

fn sign(signed: &mut SignedDirective, key: &SoftwareKey) {
    let signature = key.sign(&Directive::message(&signed.payload.0)).unwrap();
    add_signature(signed, key.public_key(), &signature, &AwsVerifier).unwrap();
}

/// The same, signed by the one coordinator that there is.
fn exclusion(cluster: &Cluster, site: usize) -> SignedDirective {
    let mut signed = unsigned(cluster, site);
    sign(&mut signed, &cluster.coordinator.key);
    signed
}

/// Whether a node has an open connection with another.
fn connected(cluster: &Cluster, node: usize, other: usize) -> bool {
    let id = cluster.running(other).id;
    let subject = verbund_identity::Subject::Node(id);
    cluster.node(node).status().connections.iter().any(|connection| connection.peer.subject == subject)
}

/// Nodes that run, but for one.
fn others(cluster: &Cluster, out: usize) -> Vec<usize> {
    (0..cluster.nodes.len()).filter(|index| *index != out && cluster.nodes[*index].is_some()).collect()
}

async fn until_enforced(cluster: &Cluster, out: usize) {
    let rest = others(cluster, out);
    until("all the others have answered, and each knows it", || {
        rest.iter().all(|node| {
            let held = cluster.node(*node).directives();
            held.len() == 1 && held[0].receipts.len() == rest.len()
        })
    })
    .await;
    for node in rest {
        assert!(!connected(cluster, node, out), "node {node} still has a line to the excluded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_hears_and_all_cut_the_excluded_off() {
    let mut cluster = Cluster::of(3).await;
    let out = cluster.admit().await;
    cluster.until_equal().await;
    // Control: it is connected, and writes.
    until("the one to be excluded is connected", || {
        others(&cluster, out).iter().all(|node| connected(&cluster, *node, out))
    })
    .await;
    cluster.must(out, cluster.entry("before")).await;

    let signed = exclusion(&cluster, out);
    let taken = cluster.node(1).take_directive(&to_file(&signed)).await.unwrap();
    assert!(taken.is_new && !connected(&cluster, 1, out), "it is in effect when it was taken");
    assert!(cluster.node(1).distrusts_key(&key_id(cluster.sites[out].node_key.public_key())));
    until_enforced(&cluster, out).await;
    let again = cluster.node(1).take_directive(&to_file(&signed)).await.unwrap();
    assert!(!again.is_new && again.hash == taken.hash, "the same one again changes nothing");

    for held in others(&cluster, out).iter().map(|node| cluster.node(*node).directives().remove(0)) {
        assert_eq!((held.hash, held.recorded), (taken.hash, false));
        for signed in &held.receipts {
            let state = cluster.node(0).read_stale().0;
            let node = state.node(&signed.receipt.node).unwrap();
            let key = &state.key(&node.value.key).unwrap().value.key;
            assert!(AwsVerifier.verify(key, &signed.receipt.message(), &signed.signature));
            assert!(node.value.site == signed.receipt.site && signed.receipt.done >= signed.receipt.heard);
            assert!(signed.receipt.lines >= 1, "it was connected everywhere: {signed:?}");
        }
    }
    let written = tokio::time::timeout(Duration::from_secs(20), cluster.node(out).submit(cluster.entry("after"))).await;
    assert!(
        matches!(written, Err(_) | Ok(Err(SubmitError::NoLeader | SubmitError::OutcomeUnknown { .. }))),
        "{written:?}"
    );
    // The others go on, and the log records it.
    cluster.must(0, cluster.entry("without-it")).await;
    cluster.must(0, cluster.coordinator.envelope(Command::RecordDirective { directive: signed })).await;
    for node in others(&cluster, out) {
        until("it is recorded", || cluster.node(node).directives()[0].recorded).await;
        assert!(!connected(&cluster, node, out));
        assert!(!entry_exists(&cluster.node(node).read_stale().0, "after"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_excluded_leader_leads_nobody() {
    let cluster = Cluster::of(3).await;
    let out = cluster.leader().await;
    let follower = others(&cluster, out)[0];
    let signed = exclusion(&cluster, cluster.running(out).site);
    cluster.node(follower).take_directive(&to_file(&signed)).await.unwrap();
    until_enforced(&cluster, out).await;
    let rest = others(&cluster, out);
    until("another one leads", || {
        let leaders: Vec<_> = rest.iter().map(|node| cluster.node(*node).status().leader).collect();
        leaders[0].is_some() && leaders[0] != Some(cluster.running(out).id) && leaders.iter().all(|l| *l == leaders[0])
    })
    .await;
    cluster.must(follower, cluster.coordinator.envelope(Command::RecordDirective { directive: signed })).await;
    until("the excluded votes no more", || {
        rest.iter().all(|node| {
            let voters = cluster.node(*node).status().voters;
            voters.len() == 1 && !voters[0].contains(&cluster.running(out).id)
        })
    })
    .await;
    let written = tokio::time::timeout(Duration::from_secs(20), cluster.node(out).submit(cluster.entry("alone"))).await;
    assert!(!matches!(written, Ok(Ok(_))), "nobody follows it: {written:?}");
    cluster.must(follower, cluster.entry("after")).await;
    let state = cluster.node(follower).read().await.unwrap();
    assert!(entry_exists(&state, "after") && !entry_exists(&state, "alone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_hears_of_it_before_it_lets_the_excluded_in() {
    let mut cluster = Cluster::of(3).await;
    let out = cluster.admit().await;
    cluster.until_equal().await;
    let gone = cluster.kill(2).await;
    // Control: a node that comes back lets everybody in whom no directive excludes.
    cluster.revive(2, gone).await;
    until("the learner is let in", || connected(&cluster, 2, out)).await;

    let gone = cluster.kill(2).await;
    cluster.node(0).take_directive(&to_file(&exclusion(&cluster, out))).await.unwrap();
    until("the other one has it", || cluster.node(1).directives().len() == 1).await;
    // The excluded goes on dialling all the while.
    cluster.revive(2, gone).await;
    assert!(cluster.node(2).heard_directives(Duration::from_secs(30)).await);
    assert_eq!(cluster.node(2).directives().len(), 1, "it heard of it before it let anybody in");
    assert!(!connected(&cluster, 2, out));
    until_enforced(&cluster, out).await;

    // What it knows, it knows by itself from now on: nobody else is there.
    let gone = cluster.kill(2).await;
    let (first, second) = (cluster.kill(0).await, cluster.kill(1).await);
    cluster.revive(2, gone).await;
    assert_eq!(cluster.node(2).directives().len(), 1, "it lies on its disk");
    assert!(!cluster.node(2).heard_directives(Duration::from_millis(500)).await, "no majority of sites has told its");
    for _ in 0..20 {
        assert!(!connected(&cluster, 2, out));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    cluster.revive(0, first).await;
    cluster.revive(1, second).await;
    until_enforced(&cluster, out).await;
    cluster.must(2, cluster.entry("all-are-back")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_as_it_should_be_does_nothing() {
    let mut cluster = Cluster::of(3).await;
    let out = cluster.admit().await;
    cluster.until_equal().await;
    until("it is connected", || connected(&cluster, 0, out)).await;
    let unsigned = unsigned(&cluster, out);
    let stranger = SoftwareKey::generate(Algorithm::P384).unwrap();
    let mut foreign = unsigned.clone();
    sign(&mut foreign, &stranger);
    let mut altered = exclusion(&cluster, out);
    let other = altered.payload.0.windows(6).position(|bytes| bytes == b"reason").unwrap();
    altered.payload.0[other + 9] ^= 1;
    let key = key_id(cluster.coordinator.key.public_key());
    let mut forged = unsigned.clone();
    forged.signatures.push(DirectiveSignature { key, signature: Der(vec![1; 96]) });
    for (signed, wanted) in [
        (&unsigned, DirectiveError::TooFew { have: 0, need: 1 }),
        (&foreign, DirectiveError::UnknownSigner { key: key_id(stranger.public_key()) }),
        (&altered, DirectiveError::BadSignature { key }),
        (&forged, DirectiveError::BadSignature { key }),
    ] {
        assert_eq!(cluster.node(0).take_directive(&to_file(signed)).await, Err(NotTaken::Invalid(wanted)));
    }
    // A peer that brings such a thing loses its lines, and is counted. It may dial again.
    let told = cluster.node(out).tell_directive(cluster.running(0).id, to_file(&foreign)).await;
    assert!(told.is_err(), "{told:?}");
    assert_eq!(cluster.node(0).counts().directives_refused, 1);
    until("it is connected again", || connected(&cluster, 0, out)).await;
    assert!(cluster.all().all(|running| running.node.directives().is_empty()));

    // Control: the same one under a true signature is taken from the same peer, even from the excluded one.
    cluster.node(out).tell_directive(cluster.running(0).id, to_file(&exclusion(&cluster, out))).await.ok();
    until_enforced(&cluster, out).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_coordinators_that_are_not_known_yet_waits_for_them() {
    let cluster = Cluster::of(1).await;
    let next = SoftwareKey::generate(Algorithm::P384).unwrap();
    // The order is about nobody who is there.
    let state = cluster.node(0).read_stale().0;
    let federation = &state.federation().value;
    let order = verbund_model::resource::Order::ExcludeSite {
        site: "site-9".parse().unwrap(),
        nodes: [].into(),
        keys: [].into(),
        reason: "never admitted".to_owned(),
    };
    let directive = Directive {
        v: 1,
        federation: federation.id,
        generation: 0,
        number: 1,
        predecessor: federation.id.0,
        coordinator_set_version: federation.coordinators.version + 1,
        issued: 1,
        order,
        accept_quorum_loss: false,
    };
    let mut signed = SignedDirective { payload: Der(directive.to_payload()), signatures: Vec::new() };
    sign(&mut signed, &next);
    let refused = cluster.node(0).take_directive(&to_file(&signed)).await;
    assert_eq!(refused, Err(NotTaken::Ahead { found: 2, known: 1 }));
    assert!(cluster.node(0).directives().is_empty());
    let action =
        verbund_model::resource::Action::SetCoordinators { keys: vec![next.public_key().clone()], threshold: 1 };
    cluster.must(0, cluster.coordinator.envelope(Command::Propose { action })).await;
    until("it was tried again", || cluster.node(0).directives().len() == 1).await;
}
