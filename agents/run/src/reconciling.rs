//! Looking at workloads and doing what is to be done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::Instant;
use verbund_agent_core::reconcile::is_quiet;
use verbund_agent_core::{
    Act, Action, Context, DesiredRole, Driver, Given, ObjectKey, ObservedCopy, Right, keys, pods, reconcile,
};
use verbund_lease::{Gone, Tick};
use verbund_model::WorkloadName;
use verbund_model::resource::FenceLevel;

use crate::reporting::Outbox;
use crate::state::{Shared, Wish};

/// How many workloads are observed in one go.
const BATCH: usize = 64;

/// What is remembered between two looks.
pub(crate) struct Reconciler<D> {
    shared: Arc<Shared>,
    driver: Arc<D>,
    outbox: Arc<Outbox>,
    /// Since when a workload is quiet.
    quiet: Mutex<BTreeMap<WorkloadName, Tick>>,
}

impl<D: Driver> Reconciler<D> {
    pub(crate) fn new(shared: Arc<Shared>, driver: Arc<D>, outbox: Arc<Outbox>) -> Self {
        Self { shared, driver, outbox, quiet: Mutex::default() }
    }

    /// Looks whenever something may have changed, for ever.
    pub(crate) async fn run(self) {
        let mut all_due = Instant::now();
        let mut again: BTreeSet<WorkloadName> = BTreeSet::new();
        let mut again_due = all_due;
        loop {
            let config = &self.shared.config;
            let due = if again.is_empty() { all_due } else { all_due.min(again_due) };
            let mut names = tokio::select! {
                () = self.shared.work.notified() => BTreeSet::new(),
                changed = self.driver.changed() => changed,
                () = tokio::time::sleep_until(due) => BTreeSet::new(),
            };
            names.append(&mut self.shared.take_dirty());
            if Instant::now() >= again_due {
                names.append(&mut again);
            }
            if Instant::now() >= all_due {
                all_due = Instant::now() + config.resync;
                names.append(&mut self.everything().await);
            }
            let names: Vec<WorkloadName> = names.into_iter().collect();
            for batch in names.chunks(BATCH) {
                let mut restless = self.look(batch).await;
                if again.is_empty() {
                    again_due = Instant::now() + config.again;
                }
                again.append(&mut restless);
            }
            self.expired_receipts();
        }
    }

    /// All that is wanted, and all that is there.
    async fn everything(&self) -> BTreeSet<WorkloadName> {
        let desired = self.shared.desired();
        let mut names: BTreeSet<_> = desired.iter().flat_map(|desired| desired.workloads.keys()).cloned().collect();
        match self.driver.present().await {
            Ok(mut present) => names.append(&mut present),
            Err(error) => tracing::warn!(%error, "the cluster does not say what is there"),
        }
        names
    }

    /// Looks at some workloads and acts. Gives those that are to be looked at again soon.
    async fn look(&self, names: &[WorkloadName]) -> BTreeSet<WorkloadName> {
        let wishes: BTreeMap<&WorkloadName, Wish> = names.iter().map(|name| (name, self.shared.wish(name))).collect();
        let wanted: BTreeMap<WorkloadName, BTreeSet<ObjectKey>> =
            wishes.iter().map(|(name, wish)| ((*name).clone(), self.keys(wish))).collect();
        let observed = match self.driver.observe(&wanted).await {
            Ok(observed) => observed,
            Err(error) => {
                tracing::warn!(%error, "the cluster cannot be observed");
                return names.iter().cloned().collect();
            }
        };
        let one = |(name, wish): (&WorkloadName, Wish)| {
            let observed = observed.get(name).cloned();
            let name = name.clone();
            async move {
                let rests = match observed {
                    Some(observed) => self.one(&name, &wish, &observed).await,
                    None => false,
                };
                (!rests).then_some(name)
            }
        };
        let work = futures::stream::iter(wishes.into_iter().map(one));
        work.buffer_unordered(self.shared.config.parallel).filter_map(std::future::ready).collect().await
    }

    fn keys(&self, wish: &Wish) -> BTreeSet<ObjectKey> {
        match (&wish.copy, &wish.desired) {
            (Some(copy), Some(desired)) => keys(copy, &self.context(desired, wish)),
            _ => BTreeSet::new(),
        }
    }

    fn context<'a>(&'a self, desired: &'a verbund_agent_core::Desired, wish: &'a Wish) -> Context<'a> {
        let config = &self.shared.config;
        Context {
            cluster: &config.cluster,
            listed: &desired.cluster_kinds,
            scopes: &wish.scopes,
            settings: &config.settings,
        }
    }

    /// Acts for one workload. `true`: it is at rest.
    async fn one(&self, name: &WorkloadName, wish: &Wish, observed: &ObservedCopy) -> bool {
        let right = self.shared.right();
        let given = Given { right, quiet: self.quiet_for(name, observed), floor: wish.floor };
        let nothing = verbund_agent_core::Desired::nothing(self.shared.config.cluster.clone());
        let context = self.context(wish.desired.as_deref().unwrap_or(&nothing), wish);
        let actions = reconcile(name, wish.copy.as_deref(), observed, given, &context);
        let exclusive = wish.copy.as_ref().is_some_and(|copy| copy.is_exclusive());
        let waits = wish.copy.as_ref().is_some_and(|copy| copy.role == DesiredRole::Stopping);
        let mut rests = !waits && right != Right::Starting;
        for action in &actions {
            if exclusive && self.shared.right() != right {
                tracing::info!(workload = %name, "the lease has changed meanwhile: looking again");
                return false;
            }
            match self.carry_out(action, wish).await {
                Ok(Done::Told) => {}
                Ok(Done::Changed) => rests = false,
                Err(reason) => {
                    let secrets = wish.copy.as_ref().map_or(&[][..], |copy| &copy.secrets);
                    let reason = verbund_agent_core::secret::redact(&reason, secrets);
                    tracing::warn!(workload = %name, act = act_name(&action.act), %reason, "not done; it is tried again");
                    self.outbox.trouble(name, wish.copy.as_deref(), &reason);
                    return false;
                }
            }
        }
        rests
    }

    fn quiet_for(&self, name: &WorkloadName, observed: &ObservedCopy) -> u64 {
        let now = self.shared.clock.tick();
        // The map is whole whatever happened while the lock was held.
        let mut quiet = self.quiet.lock().unwrap_or_else(PoisonError::into_inner);
        if is_quiet(observed) {
            now.saturating_sub(*quiet.entry(name.clone()).or_insert(now))
        } else {
            quiet.remove(name);
            0
        }
    }

    async fn carry_out(&self, action: &Action, wish: &Wish) -> Result<Done, String> {
        let Action { workload, act, why } = action;
        if !matches!(act, Act::Report { .. } | Act::SignReceipt { .. }) {
            tracing::debug!(%workload, act = act_name(act), ?why, "acting");
        }
        let failed = |error: D::Error| error.to_string();
        match act {
            Act::EnsureNamespace { objects } | Act::SetQuotaZero { objects } | Act::CutTraffic { objects } => {
                if matches!(act, Act::EnsureNamespace { .. }) {
                    self.note_epoch(workload, wish);
                }
                for object in objects {
                    self.driver.apply(workload, object).await.map_err(failed)?;
                }
            }
            Act::Apply { object } => {
                if pods::template_path(&object.key.kind).is_some() {
                    self.note_epoch(workload, wish);
                }
                self.driver.apply(workload, object).await.map_err(failed)?;
            }
            Act::MarkStopped { object } => self.driver.apply(workload, object).await.map_err(failed)?,
            Act::Prune { objects } => {
                for key in objects {
                    self.driver.delete(workload, key).await.map_err(failed)?;
                }
            }
            Act::DeletePods { grace } => self.driver.delete_pods(workload, *grace).await.map_err(failed)?,
            Act::SignReceipt { epoch } => {
                self.receipt(workload, *epoch, wish);
                return Ok(Done::Told);
            }
            Act::Report { epoch, phase } => {
                self.outbox.phase(workload, *epoch, phase.clone());
                return Ok(Done::Told);
            }
        }
        Ok(Done::Changed)
    }

    /// From here on nothing older is carried out.
    fn note_epoch(&self, workload: &WorkloadName, wish: &Wish) {
        if let Some(copy) = wish.copy.as_ref().filter(|copy| copy.role == DesiredRole::Active) {
            self.shared.raise_floor(workload, copy.epoch);
        }
    }

    /// The kubelet confirmed that it is gone.
    fn receipt(&self, workload: &WorkloadName, epoch: u64, wish: &Wish) {
        let exclusive = wish.copy.as_ref().is_some_and(|copy| copy.is_exclusive());
        if exclusive && let Err(why) = self.shared.may_sign(workload, epoch, Gone::Confirmed) {
            return tracing::debug!(%workload, epoch, %why, "no receipt yet");
        }
        self.shared.raise_floor(workload, epoch + 1);
        self.outbox.receipt(workload, epoch);
    }

    /// At level `guard` a receipt needs no cluster that answers: guards end by themselves.
    fn expired_receipts(&self) {
        let Some(desired) = self.shared.desired() else { return };
        let guarded = |copy: &&Arc<verbund_agent_core::DesiredCopy>| {
            copy.role == DesiredRole::Stopping && copy.fence() == Some(FenceLevel::Guard)
        };
        for copy in desired.workloads.values().filter(guarded) {
            if !self.outbox.has_receipt(&copy.workload, copy.epoch)
                && self.shared.may_sign(&copy.workload, copy.epoch, Gone::Expired).is_ok()
            {
                self.shared.raise_floor(&copy.workload, copy.epoch + 1);
                self.outbox.receipt(&copy.workload, copy.epoch);
            }
        }
    }
}

enum Done {
    /// Something was written into the cluster.
    Changed,
    /// Only the federation is told.
    Told,
}

const fn act_name(act: &Act) -> &'static str {
    match act {
        Act::EnsureNamespace { .. } => "ensure namespace",
        Act::Apply { .. } => "apply",
        Act::Prune { .. } => "prune",
        Act::SetQuotaZero { .. } => "set quota to zero",
        Act::CutTraffic { .. } => "cut traffic",
        Act::DeletePods { .. } => "delete pods",
        Act::MarkStopped { .. } => "mark stopped",
        Act::SignReceipt { .. } => "sign receipt",
        Act::Report { .. } => "report",
    }
}

/// How long a driver may take for one look before it is said aloud.
pub(crate) const SLOW: Duration = Duration::from_secs(10);
