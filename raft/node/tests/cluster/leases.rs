//! Signs of life, leases and statements between real nodes (lease.md).

use std::collections::BTreeSet;
use std::sync::Arc;

use verbund_keys::{Signer, SoftwareKey};
use verbund_lease::{Generation, Incarnation, Nonce, Refused, Renewal};
use verbund_model::resource::Schutzbedarf;
use verbund_model::resource::{
    Action, ClusterSpec, Confidentiality, Finding, SignedFinding, Stage, Timings, UserRole, Zone,
};
use verbund_model::{Accepted, Algorithm, Command, Outcome};
use verbund_node::NodeHandle;

use crate::kit::{Author, Cluster, until};

/// Short enough that a test can wait for their end.
const TIMINGS: Timings = Timings {
    lease: 1_000,
    margin: 300,
    drift: 84_000,
    unreachable_after: 1_000,
    returned_after: 1_000,
    one_liar: false,
};

/// The cluster's agent: its author, and the number of its registered start.
struct Agent {
    author: Author,
    incarnation: u64,
}

impl Agent {
    /// Registers that it starts, as the process that comes last.
    async fn start(&mut self, cluster: &Cluster) {
        let start = Command::RegisterStart { cluster: "nord-1".parse().unwrap() };
        let accepted = cluster.must(0, self.author.envelope(start)).await;
        let Accepted::Changed { version } = accepted else { panic!("{accepted:?}") };
        assert!(version > self.incarnation, "the number of a start only rises");
        self.incarnation = version;
    }

    fn renewal(&self, generation: u64, nonce: u64) -> Renewal {
        Renewal {
            cluster: "nord-1".parse().unwrap(),
            generation: Generation(generation),
            length: TIMINGS.lease.into(),
            nonce: Nonce(nonce),
            incarnation: Incarnation(self.incarnation),
        }
    }
}

/// Three sites with short timings; the first has a cluster whose lease is open and whose agent has started.
async fn with_lease() -> (Cluster, Author, Agent) {
    let cluster = Cluster::of(3).await;
    let set = Command::Propose { action: Action::SetTimings { timings: TIMINGS } };
    cluster.must(0, cluster.coordinator.envelope(set)).await;
    let organisation = cluster.sites[0].organisation.clone();
    let user = "admin".parse().unwrap();
    let role = UserRole::Plattformbetreiber;
    let bind = Command::BindRole { organisation, user, role, sites: BTreeSet::new() };
    cluster.must(0, cluster.admin.envelope(bind)).await;
    let spec = ClusterSpec {
        zone: Zone::Internal,
        schutzbedarf: Schutzbedarf::Normal,
        confidentiality: Confidentiality::Internal,
        stage: Stage::Production,
        networks: BTreeSet::new(),
        labels: std::collections::BTreeMap::new(),
        cluster_kinds: BTreeSet::new(),
        price: 0,
    };
    let agent = Arc::new(SoftwareKey::generate(Algorithm::P256).unwrap());
    let apply = Command::ApplyCluster {
        name: "nord-1".parse().unwrap(),
        site: cluster.sites[0].name.clone(),
        spec,
        agent_key: agent.public_key().clone(),
    };
    cluster.must(0, cluster.admin.envelope(apply)).await;
    let node = Author::new(cluster.federation, Arc::clone(&cluster.sites[0].node_key), 1);
    cluster.must(0, node.envelope(Command::OpenSession {})).await;
    let open = Command::OpenLease { cluster: "nord-1".parse().unwrap(), generation: 1, refusal: None };
    cluster.must(0, node.envelope(open)).await;
    let mut agent = Agent { author: Author::new(cluster.federation, agent, 1), incarnation: 0 };
    cluster.must(0, agent.author.envelope(Command::OpenSession {})).await;
    agent.start(&cluster).await;
    cluster.until_equal().await;
    (cluster, node, agent)
}

fn ended() -> Finding {
    Finding::LeaseEnded { cluster: "nord-1".parse().unwrap(), generation: 1 }
}

/// Asks the voters until at least `count` of them state it.
async fn found(node: &NodeHandle, finding: &Finding, count: usize) -> Vec<SignedFinding> {
    let mut last = None;
    for _ in 0..600 {
        let found = node.find(finding).await;
        if found.statements.len() >= count {
            return found.statements;
        }
        last = Some(found);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("not stated by {count}: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_renewed_is_not_ended_and_one_that_is_not_is() {
    let (cluster, author, agent) = with_lease().await;
    let mut nonce = 0;
    // Renewed for several times its length: every voter answers, and none states its end.
    let began = verbund_node::boottime();
    while verbund_node::boottime() < began + 4_000 {
        nonce += 1;
        let said = cluster.node(0).renew(&[agent.renewal(1, nonce)]).await;
        let answers = said[0].iter().filter(|(_, said)| said.is_ok()).count();
        assert!(answers >= 2, "a majority answers: {said:?}");
        let found = cluster.node(1).find(&ended()).await;
        assert!(found.statements.len() < 2, "no majority states the end of a lease that is held: {found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    // No longer renewed: they state its end, and refuse the generation from then on, before any verdict.
    let statements = found(cluster.node(1), &ended(), 3).await;
    let said = cluster.node(0).renew(&[agent.renewal(1, nonce + 1)]).await;
    assert!(said[0].iter().all(|(_, said)| matches!(said, Err(Refused::Ended { .. }))), "{said:?}");
    let verdict = Command::SubmitVerdict { finding: ended(), statements };
    cluster.must(2, author.envelope(verdict)).await;
    cluster.until_equal().await;
    let state = cluster.node(0).read().await.unwrap();
    assert!(!state.lease(&"nord-1".parse().unwrap()).unwrap().value.open);
}

/// Two processes of one agent: also when two of three voters forget whom they answered, the older one is answered by none.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_start_of_an_agent_is_answered_by_no_voter_also_not_by_restarted_ones() {
    let (mut cluster, _, mut agent) = with_lease().await;
    let older = agent.renewal(1, 1);
    let said = cluster.node(0).renew(std::slice::from_ref(&older)).await;
    assert!(said[0].iter().filter(|(_, said)| said.is_ok()).count() >= 2, "{said:?}");
    agent.start(&cluster).await;
    cluster.until_equal().await;
    for site in [1, 2] {
        let gone = cluster.kill(site).await;
        cluster.revive(site, gone).await;
    }
    cluster.leader().await;
    // Until both have caught up and answer the newer one; the older one asks first each time.
    let mut newer = BTreeSet::new();
    for nonce in 2..300 {
        let older = Renewal { nonce: Nonce(nonce), ..older.clone() };
        let said = cluster.node(0).renew(&[older, agent.renewal(1, nonce)]).await;
        let answered: Vec<_> = said[0].iter().filter(|(_, said)| said.is_ok()).collect();
        assert!(answered.is_empty(), "an older start was answered: {answered:?}");
        newer.extend(said[1].iter().filter(|(_, said)| said.is_ok()).map(|(voter, _)| *voter));
        if newer.len() == 3 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("the newer start was answered by {newer:?} only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_restarts_still_refuses_what_it_ended() {
    let (mut cluster, _, agent) = with_lease().await;
    found(cluster.node(1), &ended(), 3).await;
    let gone = cluster.kill(2).await;
    let voter = gone.0;
    cluster.revive(2, gone).await;
    cluster.leader().await;
    let mut refused = false;
    for nonce in 0..300 {
        let said = cluster.node(0).renew(&[agent.renewal(1, nonce)]).await;
        let of_voter = said[0].iter().find(|(node, _)| *node == voter).map(|(_, said)| said);
        match of_voter {
            Some(Err(Refused::Ended { .. })) => refused = true,
            Some(Ok(answer)) => panic!("it granted what it had ended: {answer:?}"),
            _ => {}
        }
        if refused {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(refused, "the refusal was durable");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_cluster_is_renewed_by_nobody() {
    let (cluster, _, agent) = with_lease().await;
    // Site 2's node asks for site 1's cluster: the other voters refuse the call.
    let said = cluster.node(1).renew(&[agent.renewal(1, 1)]).await;
    let foreign = cluster.running(1).id;
    assert!(said[0].iter().all(|(voter, _)| *voter == foreign), "{said:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_falls_silent_is_found_and_one_that_is_heard_is_not() {
    let (mut cluster, author, _) = with_lease().await;
    let silent = cluster.sites[2].name.clone();
    let unreachable = Finding::Unreachable { site: silent.clone(), presence: 0 };
    let leader = cluster.leader().await;
    if leader == 2 {
        cluster.node(2).transfer_leader(cluster.running(0).id).await;
        until("another leads", || cluster.node(0).status().leader == Some(cluster.running(0).id)).await;
    }
    let found_of_living = cluster.node(0).find(&unreachable).await;
    assert!(found_of_living.statements.is_empty(), "{found_of_living:?}");
    let gone = cluster.kill(2).await;
    let statements = found(cluster.node(0), &unreachable, 2).await;
    // One statement is no verdict, and a foreign presence is another's.
    let one = Command::SubmitVerdict { finding: unreachable.clone(), statements: statements[..1].to_vec() };
    assert!(matches!(cluster.submit(0, author.envelope(one)).await, Outcome::Refused(_)));
    let other = Finding::Unreachable { site: cluster.sites[1].name.clone(), presence: 0 };
    let forged = Command::SubmitVerdict { finding: other, statements: statements.clone() };
    assert!(matches!(cluster.submit(0, author.envelope(forged)).await, Outcome::Refused(_)));
    let verdict = Command::SubmitVerdict { finding: unreachable, statements };
    cluster.must(0, author.envelope(verdict)).await;
    assert!(cluster.node(0).read().await.unwrap().is_lost(&silent));
    cluster.revive(2, gone).await;
    let presence = cluster.node(0).read().await.unwrap().presence(&silent).unwrap().value.number;
    let returned = Finding::Returned { site: silent.clone(), presence };
    let statements = found(cluster.node(0), &returned, 2).await;
    cluster.must(0, author.envelope(Command::SubmitVerdict { finding: returned, statements })).await;
    assert!(!cluster.node(0).read().await.unwrap().is_lost(&silent));
}
