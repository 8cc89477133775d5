//! What this daemon does for the agents of its site's clusters: the desk behind `verbund-agent-link`.

mod certify;
mod desired;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use verbund_agent_core::Desired;
use verbund_agent_link::{Certified, Desk, DeskError, Heard, Hears, Membership, Refusal, Sessions};
use verbund_identity::{Envelope, LoginRequest};
use verbund_keys::SiteKeys;
use verbund_lease::{Generation, Incarnation, Nonce, Renewal, Voters};
use verbund_machine::{Held, State};
use verbund_model::resource::{Cluster, MembershipId};
use verbund_model::{ClusterName, Outcome, SiteName, WorkloadName};
use verbund_node::{NodeHandle, SubmitError};

use desired::Copies;
use secrets::Opening;

/// Entries come in bursts: what an agent is told is put together so often at most.
const TOGETHER: Duration = Duration::from_millis(50);
/// An agent that waits is told the newest index at least so often.
const AT_LEAST: Duration = Duration::from_secs(10);
/// How often a connected agent without a lease is made known to the voters, so that a new generation is opened for it.
const KNOCK: Duration = Duration::from_secs(1);

/// The desk.
pub struct AgentDesk {
    node: NodeHandle,
    site: SiteName,
    keys: Arc<Mutex<SiteKeys>>,
    copies: Mutex<BTreeMap<ClusterName, Copies>>,
    opening: Opening,
    /// How many calls of each cluster's agent wait for what is next: an agent with none is not connected here.
    waiting: Mutex<BTreeMap<ClusterName, usize>>,
}

impl AgentDesk {
    /// The desk of a running node.
    pub fn new(node: NodeHandle, site: SiteName, keys: Arc<Mutex<SiteKeys>>) -> Self {
        // A panic while the lock was held leaves the keys as they were.
        let sealing = keys.lock().unwrap_or_else(PoisonError::into_inner).sealing_key();
        let opening = Opening::new(sealing, site.clone());
        Self { node, site, keys, copies: Mutex::default(), opening, waiting: Mutex::default() }
    }

    /// Runs until it is dropped: agents that are connected and hold no lease are made known to the voters. A voter grants
    /// nothing for it, as no generation 0 was ever opened; it notes that the agent lives.
    pub async fn knock(self: Arc<Self>) {
        loop {
            tokio::time::sleep(KNOCK).await;
            let state = self.node.read_stale().0;
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let without = |cluster: &&ClusterName| !state.lease(cluster).is_some_and(|lease| lease.value.open);
            let renewals: Vec<Renewal> = waiting.keys().filter(without).map(knock_of).collect();
            if !renewals.is_empty() {
                self.node.renew(&renewals).await;
            }
        }
    }

    /// The cluster, if it is this site's. Errors: [`DeskError::Unknown`].
    fn own<'a>(&self, state: &'a State, cluster: &ClusterName) -> Result<&'a Held<Cluster>, DeskError> {
        let found = state.cluster(cluster).filter(|found| found.value.site == self.site);
        found.ok_or_else(|| DeskError::Unknown(cluster.clone()))
    }

    fn desired(
        &self,
        state: &State,
        cluster: &ClusterName,
        known: &BTreeSet<WorkloadName>,
    ) -> Result<Desired, DeskError> {
        let found = self.own(state, cluster)?;
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(copies.entry(cluster.clone()).or_default().desired(state, &found.value, known, &self.opening))
    }
}

fn knock_of(cluster: &ClusterName) -> Renewal {
    Renewal {
        cluster: cluster.clone(),
        generation: Generation(0),
        length: 1,
        nonce: Nonce(0),
        incarnation: Incarnation(0),
    }
}

/// Counts a waiting call for as long as it lives, however it ends.
struct Waits<'a>(&'a AgentDesk, &'a ClusterName);

impl<'a> Waits<'a> {
    fn new(desk: &'a AgentDesk, cluster: &'a ClusterName) -> Self {
        let mut waiting = desk.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        *waiting.entry(cluster.clone()).or_default() += 1;
        Self(desk, cluster)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let left = waiting.get(self.1).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            waiting.remove(self.1);
        } else {
            waiting.insert(self.1.clone(), left);
        }
    }
}

impl Desk for AgentDesk {
    async fn read(&self, cluster: &ClusterName, known: &BTreeSet<WorkloadName>) -> Result<Desired, DeskError> {
        let state = self.node.read().await.map_err(|error| DeskError::Unavailable(error.to_string()))?;
        self.desired(&state, cluster, known)
    }

    async fn next(
        &self,
        cluster: &ClusterName,
        known: &BTreeSet<WorkloadName>,
        after: u64,
    ) -> Result<Desired, DeskError> {
        let _waits = Waits::new(self, cluster);
        self.node.wait_applied(after.saturating_add(1), AT_LEAST).await;
        tokio::time::sleep(TOGETHER).await;
        self.desired(&self.node.read_stale().0, cluster, known)
    }

    async fn renew(&self, cluster: &ClusterName, renewal: Renewal) -> Result<Hears, DeskError> {
        let state = self.node.read_stale().0;
        self.own(&state, cluster)?;
        if renewal.cluster != *cluster {
            return Err(DeskError::Refused(format!("the renewal is for cluster {}", renewal.cluster)));
        }
        let (membership, id) = state.membership();
        let id = MembershipId { term: id.term, node: id.node, index: id.index };
        let voters = Voters::new(membership.configs.clone());
        let first = futures::stream::iter([Heard::Membership(Membership { id, voters })]);
        let answers = self.node.renew_each(renewal).map(|(voter, said)| match said {
            Ok(answer) => Heard::Answer(answer),
            Err(why) => Heard::Refused(Refusal { voter, why }),
        });
        Ok(first.chain(answers).boxed())
    }

    async fn submit(&self, cluster: &ClusterName, envelope: Vec<u8>) -> Result<Outcome, DeskError> {
        let agent = self.own(&self.node.read_stale().0, cluster)?.value.agent;
        let read = Envelope::from_bytes(&envelope).map_err(|error| DeskError::Refused(error.to_string()))?;
        if read.key != agent {
            return Err(DeskError::Refused(format!("the key {} is not that of the agent of {cluster}", read.key)));
        }
        match self.node.submit(envelope).await {
            Ok(done) => Ok(done.outcome),
            Err(SubmitError::Refused(refusal)) => Ok(Outcome::Refused(refusal)),
            Err(error) => Err(DeskError::Unavailable(error.to_string())),
        }
    }

    async fn sessions(&self, cluster: &ClusterName) -> Result<Sessions, DeskError> {
        let state = self.node.read().await.map_err(|error| DeskError::Unavailable(error.to_string()))?;
        let agent = self.own(&state, cluster)?.value.agent;
        let federation = &state.federation().value;
        Ok(Sessions {
            federation: federation.id,
            generation: federation.generation,
            last: state.last_session(&agent).map_or(0, |session| session.number),
            time: state.time(),
        })
    }

    async fn certify(&self, request: LoginRequest) -> Result<Certified, DeskError> {
        let state = self.node.read_stale().0;
        let cluster = certify::check(&state, &request)?;
        self.own(&state, &cluster)?;
        certify::issue(&self.keys, &cluster, &request)
    }
}
