//! What the state wants of one cluster, in the agent's words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use verbund_agent_core::{Desired, DesiredCopy, DesiredLease, DesiredRole, DesiredSecret};
use verbund_lease::Terms;
use verbund_machine::{Held, State};
use verbund_model::resource::{Amounts, Cluster, CopyRole, Mode, PlacedCopy, Workload};
use verbund_model::{Document, SecretName, WorkloadName};

use super::secrets::Opening;

/// What an agent was told of its copies, so that one which has not changed stays the same `Arc`.
#[derive(Default)]
pub struct Copies {
    copies: BTreeMap<WorkloadName, (u64, Arc<DesiredCopy>)>,
    secrets: BTreeMap<WorkloadName, Opened>,
}

/// The secrets of a copy as they were opened for it, so that a sealing key in a token is asked once for each.
struct Opened {
    versions: Vec<(SecretName, u64)>,
    secrets: Arc<[DesiredSecret]>,
}

impl Copies {
    /// What is wanted of a cluster in a state; of each workload in `known` that has no copy there, that it is gone.
    pub fn desired(
        &mut self,
        state: &State,
        cluster: &Cluster,
        known: &BTreeSet<WorkloadName>,
        opening: &Opening,
    ) -> Desired {
        let mut workloads = BTreeMap::new();
        for (workload, copy) in state.desired(&cluster.name) {
            let name = workload.value.name.clone();
            let manifests = &workload.value.spec.manifests;
            let copy = DesiredCopy { secrets: self.open(state, &workload, opening), ..wanted(&workload, &copy) };
            workloads.insert(name.clone(), self.keep(name, workload.version, copy, manifests));
        }
        let lacking: Vec<_> = known.iter().filter(|name| !workloads.contains_key(*name)).cloned().collect();
        for name in lacking {
            // A cluster whose site is gone from the state wants nothing told.
            let Some(gone) = gone(state, cluster, &name) else { continue };
            workloads.insert(name.clone(), self.keep(name, 0, gone, &[]));
        }
        self.copies.retain(|name, _| workloads.contains_key(name));
        self.secrets.retain(|name, _| workloads.contains_key(name));
        Desired {
            index: state.applied().index,
            cluster: cluster.name.clone(),
            lease: lease(state, cluster),
            cluster_kinds: cluster.spec.cluster_kinds.clone(),
            workloads,
        }
    }

    /// The secrets that a workload needs, opened. What did not open is tried again each time.
    fn open(&mut self, state: &State, workload: &Held<Workload>, opening: &Opening) -> Arc<[DesiredSecret]> {
        let name = &workload.value.name;
        let found = |secret: &SecretName| state.secret(&(name.clone(), secret.clone()));
        let needed = &workload.value.spec.secrets;
        let versions: Vec<_> =
            needed.iter().map(|secret| (secret.clone(), found(secret).map_or(0, |held| held.version))).collect();
        let known = self.secrets.get(name);
        if let Some(known) = known.filter(|known| known.versions == versions)
            && known.secrets.iter().all(DesiredSecret::is_open)
        {
            return Arc::clone(&known.secrets);
        }
        let before = |at: &(SecretName, u64)| {
            let known = known?;
            let place = known.versions.iter().position(|other| other == at)?;
            known.secrets.get(place)
        };
        let one = |at: &(SecretName, u64)| match before(at) {
            Some(opened) if opened.is_open() => opened.clone(),
            before => opening.open(state, name, &at.0, found(&at.0), before),
        };
        let secrets: Arc<[DesiredSecret]> = versions.iter().map(one).collect();
        self.secrets.insert(name.clone(), Opened { versions, secrets: Arc::clone(&secrets) });
        secrets
    }

    /// The copy as it was told before, if it says the same. Manifests are compared by their workload's version, and taken
    /// over only where it says something else: this is asked again with every burst of entries.
    fn keep(
        &mut self,
        name: WorkloadName,
        version: u64,
        copy: DesiredCopy,
        manifests: &[Document],
    ) -> Arc<DesiredCopy> {
        if let Some((known, kept)) = self.copies.get(&name)
            && *known == version
            && same_but_manifests(kept, &copy)
        {
            return Arc::clone(kept);
        }
        let copy = Arc::new(DesiredCopy { manifests: manifests.into(), ..copy });
        self.copies.insert(name, (version, Arc::clone(&copy)));
        copy
    }
}

fn same_but_manifests(a: &DesiredCopy, b: &DesiredCopy) -> bool {
    (a.epoch, a.role, &a.mode, a.generation, a.stop_budget) == (b.epoch, b.role, &b.mode, b.generation, b.stop_budget)
        && (Arc::ptr_eq(&a.secrets, &b.secrets) || a.secrets == b.secrets)
}

/// The copy, still without its manifests.
fn wanted(workload: &Held<Workload>, copy: &PlacedCopy) -> DesiredCopy {
    let Workload { name, organisation, spec, .. } = &workload.value;
    DesiredCopy {
        workload: name.clone(),
        organisation: organisation.clone(),
        epoch: copy.epoch,
        role: match copy.role {
            CopyRole::Active => DesiredRole::Active,
            CopyRole::Standby => DesiredRole::Standby,
            CopyRole::Stopping => DesiredRole::Stopping,
        },
        mode: spec.mode.clone(),
        generation: copy.generation,
        stop_budget: spec.stop_budget,
        manifests: Arc::new([]),
        secrets: Arc::new([]),
        amounts: spec.requirements.amounts.clone(),
    }
}

/// A workload of which the cluster still has something, and for which the state has no copy there.
fn gone(state: &State, cluster: &Cluster, name: &WorkloadName) -> Option<DesiredCopy> {
    let workload = state.workload(name).map(|held| &held.value);
    let of_site = || state.site(&cluster.site).map(|site| site.value.organisation.clone());
    let organisation = workload.map(|workload| workload.organisation.clone()).or_else(of_site)?;
    Some(DesiredCopy {
        workload: name.clone(),
        organisation,
        epoch: state.placement(name).map_or(0, |placement| placement.value.epoch),
        role: DesiredRole::Gone { deleted: workload.is_none() },
        mode: workload.map_or(Mode::Parallel { copies: 1 }, |workload| workload.spec.mode.clone()),
        generation: 0,
        stop_budget: workload.map_or(0, |workload| workload.spec.stop_budget),
        manifests: Arc::new([]),
        secrets: Arc::new([]),
        amounts: Amounts::default(),
    })
}

fn lease(state: &State, cluster: &Cluster) -> Option<DesiredLease> {
    let lease = &state.lease(&cluster.name).filter(|lease| lease.value.open)?.value;
    let in_force = &state.timings().value;
    let terms = Terms::now(in_force);
    let longest = terms.longer(Terms::before(in_force));
    Some(DesiredLease {
        generation: lease.generation,
        opened: lease.opened_at,
        length: terms.length,
        margin: terms.margin,
        longest_length: longest.length,
        longest_margin: longest.margin,
        incarnation: cluster.incarnation,
    })
}
