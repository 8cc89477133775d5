//! Where this node answers for itself: renewals, and what it found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::Mutex;
use verbund_lease::{
    Answer, CannotClose, Closing, Generation, Liveness, LivenessSettings, Memory, Refusal, Refused, Renewal, Standing,
    Statement, Tick, Voter, VoterIdentity,
};
use verbund_machine::State;
use verbund_model::resource::{Der, Finding, SignedFinding};
use verbund_model::{ClusterName, SiteName};

use super::boottime::boottime;
use super::refusals::RefusalFile;
use super::view::Look;
use crate::heads::HeadSigner;
use crate::raft::Raft;
use crate::shared::Shared;

/// Why this voter states nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFound {
    /// Raft has stopped.
    #[error("this node takes part no more")]
    Stopped,
    /// The lease stands.
    #[error(transparent)]
    Close(#[from] CannotClose),
    /// This node judges otherwise.
    #[error("site {site} is {} here", how(*.standing))]
    OtherJudgement {
        /// The site.
        site: SiteName,
        /// How it stands.
        standing: Option<Standing>,
    },
    /// The state has moved on.
    #[error("presence {asked} of site {site} is not the current one")]
    NotCurrent {
        /// The site.
        site: SiteName,
        /// What was asked for.
        asked: u64,
    },
    /// The custody failed.
    #[error("the node's key did not sign: {0}")]
    Sign(String),
}

fn how(standing: Option<Standing>) -> &'static str {
    match standing {
        None => "not judged",
        Some(Standing::Reachable) => "heard",
        Some(Standing::Silent { .. }) => "silent",
        Some(Standing::Returning { .. }) => "not yet steadily heard",
    }
}

struct Table {
    voter: Voter,
    settings: LivenessSettings,
    liveness: Liveness,
    /// When each cluster last asked for its lease here, granted or not: its agent lives.
    asked: BTreeMap<ClusterName, Tick>,
}

impl Table {
    /// Judges by other settings from now on: everybody begins anew.
    fn follow(&mut self, settings: LivenessSettings, now: Tick) {
        if settings != self.settings {
            self.settings = settings;
            self.liveness = Liveness::new(settings, now);
        }
    }
}

fn settings(state: &State) -> LivenessSettings {
    let timings = &state.timings().value.timings;
    let (silence, steady) = (timings.unreachable_after.into(), timings.returned_after.into());
    LivenessSettings { silence, steady, ..LivenessSettings::default() }
}

/// The desk.
pub(crate) struct Desk {
    shared: Arc<Shared>,
    raft: Raft,
    signer: Arc<dyn HeadSigner>,
    file: RefusalFile,
    table: Mutex<Table>,
}

impl Desk {
    /// A desk that starts. `last` is the last index of the log as it was found.
    pub(crate) fn new(
        shared: Arc<Shared>,
        raft: Raft,
        signer: Arc<dyn HeadSigner>,
        (file, memory): (RefusalFile, Memory),
        last: u64,
    ) -> Self {
        let identity =
            VoterIdentity { federation: shared.federation, federation_generation: shared.generation, node: shared.id };
        let now = boottime();
        let settings = settings(&shared.published.state());
        let liveness = Liveness::new(settings, now);
        let voter = Voter::start(identity, memory, last);
        let table = Table { voter, settings, liveness, asked: BTreeMap::new() };
        Self { shared, raft, signer, file, table: Mutex::new(table) }
    }

    /// A sign of life of a site, and the renewals that came with it, each with what is answered.
    pub(crate) async fn beat(&self, site: &SiteName, renewals: &[Renewal]) -> Vec<Result<Answer, Refused>> {
        // Whatever connection it still has: an excluded site renews nothing, so that its leases end by time.
        if self.shared.published.state().is_excluded_site(site) {
            return Vec::new();
        }
        let mut table = self.table.lock().await;
        table.liveness.heard(site, boottime());
        if renewals.is_empty() {
            return Vec::new();
        }
        let Some(look) = Look::take(&self.shared, &self.raft).await else { return Vec::new() };
        let leases = look.leases();
        let view = look.view(&leases);
        let now = boottime();
        let mut answer = |renewal: &Renewal| {
            table.asked.insert(renewal.cluster.clone(), now);
            table.voter.answer(renewal, &view, now)
        };
        renewals.iter().map(&mut answer).collect()
    }

    /// Takes note of log and state, and judges the sites.
    pub(crate) async fn look(&self) {
        let mut table = self.table.lock().await;
        let Some(look) = Look::take(&self.shared, &self.raft).await else { return };
        let leases = look.leases();
        let now = boottime();
        table.voter.observe(&look.view(&leases), now);
        table.follow(settings(&look.state), now);
        let expected = expected(&look.state);
        for site in &expected {
            table.liveness.expect(site, now);
        }
        for site in look.state.sites().filter(|site| !expected.contains(&site.value.name)) {
            table.liveness.forget(&site.value.name);
        }
        let own = look.state.node(&self.shared.id).map(|node| node.value.site.clone());
        if let Some(own) = own {
            table.liveness.heard(&own, now);
        }
        table.asked.retain(|cluster, _| look.state.cluster(cluster).is_some());
        table.liveness.look(now);
    }

    /// How the sites stand with this node.
    pub(crate) async fn standings(&self) -> BTreeMap<SiteName, Standing> {
        let table = self.table.lock().await;
        let state = self.shared.published.state();
        let standing = |site: SiteName| table.liveness.standing(&site, boottime()).map(|standing| (site, standing));
        expected(&state).into_iter().filter_map(standing).collect()
    }

    /// The sites that are heard again and do not count as reachable yet, each with the milliseconds until it would.
    pub(crate) async fn returning(&self) -> BTreeMap<SiteName, u64> {
        let now = boottime();
        let left = |(site, standing)| match standing {
            Standing::Returning { until } => Some((site, until.saturating_sub(now))),
            Standing::Reachable | Standing::Silent { .. } => None,
        };
        self.standings().await.into_iter().filter_map(left).collect()
    }

    /// How long ago each cluster's agent last asked for its lease here, in milliseconds.
    pub(crate) async fn asked(&self) -> BTreeMap<ClusterName, u64> {
        let now = boottime();
        let table = self.table.lock().await;
        table.asked.iter().map(|(cluster, at)| (cluster.clone(), now.saturating_sub(*at))).collect()
    }

    /// States what this node found itself, under its signature. Errors: [`NotFound`].
    pub(crate) async fn find(&self, finding: &Finding) -> Result<SignedFinding, NotFound> {
        let statement = match finding {
            Finding::LeaseEnded { cluster, generation } => self.close(cluster, Generation(*generation)).await?,
            Finding::Unreachable { site, presence } => self.judge(site, *presence, true).await?,
            Finding::Returned { site, presence } => self.judge(site, *presence, false).await?,
        };
        let (signer, message) = (self.signer.clone(), statement.message());
        let signed = tokio::task::spawn_blocking(move || signer.sign(&message)).await;
        let signature = signed.unwrap_or_else(|_| Err("signing panicked".to_owned())).map_err(NotFound::Sign)?;
        Ok(SignedFinding { node: statement.node, membership: statement.membership, signature: Der(signature) })
    }

    async fn judge(&self, site: &SiteName, presence: u64, lost: bool) -> Result<Statement, NotFound> {
        let table = self.table.lock().await;
        let look = Look::take(&self.shared, &self.raft).await.ok_or(NotFound::Stopped)?;
        let known = look.state.presence(site).map_or((0, false), |held| (held.value.number, held.value.lost));
        // What ends is a presence of a site that is there, or an absence of one that is lost.
        if known != (presence, !lost) {
            return Err(NotFound::NotCurrent { site: site.clone(), asked: presence });
        }
        let standing = table.liveness.standing(site, boottime());
        let agrees = match standing {
            Some(Standing::Reachable) => !lost,
            Some(Standing::Silent { .. }) => lost,
            Some(Standing::Returning { .. }) | None => false,
        };
        if !agrees {
            return Err(NotFound::OtherJudgement { site: site.clone(), standing });
        }
        let identity = table.voter.identity();
        let (site, membership) = (site.clone(), look.effective());
        Ok(if lost {
            identity.unreachable(site, presence, membership)
        } else {
            identity.returned(site, presence, membership)
        })
    }

    /// Ends a lease here: the refusal is durable before anybody hears of it (lease.md 5).
    async fn close(&self, cluster: &ClusterName, generation: Generation) -> Result<Statement, NotFound> {
        let mut table = self.table.lock().await;
        let look = Look::take(&self.shared, &self.raft).await.ok_or(NotFound::Stopped)?;
        let leases = look.leases();
        let mut closing = table.voter.close(cluster, generation, &look.view(&leases), boottime())?;
        loop {
            match closing {
                Closing::Statement(statement) => return Ok(statement),
                Closing::MustPersist(refusal) => {
                    self.persist(table.voter.refusals(), &refusal).await;
                    closing = table.voter.persisted(&refusal, &look.view(&leases), boottime())?;
                }
            }
        }
    }

    async fn persist(&self, known: impl Iterator<Item = Refusal>, refusal: &Refusal) {
        let mut refusals: Vec<Refusal> = known.filter(|known| known.cluster != refusal.cluster).collect();
        refusals.push(refusal.clone());
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || file.write(&refusals)).await;
        if let Err(error) = written.unwrap_or_else(|_| Err(std::io::Error::other("the writer panicked"))) {
            // What could not be made durable must never be stated, and might have been written all the same.
            tracing::error!(%error, "a refusal could not be made durable: verbund ends at once");
            std::process::exit(1);
        }
    }
}

/// Active sites with a node that should be heard.
fn expected(state: &State) -> BTreeSet<SiteName> {
    state.active_nodes().map(|(_, site)| site.value.name.clone()).collect()
}
