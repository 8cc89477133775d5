//! What is to be done, as a function of the state and of what is heard.

use std::collections::BTreeMap;

use verbund_lease::{Standing, Terms};
use verbund_machine::State;
use verbund_model::resource::{Finding, SignedDirective};
use verbund_model::{ClusterName, Hash, SiteName, WorkloadName};

/// An agent that asked for its lease within this time lives, in milliseconds.
const LIVES: u64 = 3_000;

/// What this node hears itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// How each active site stands.
    pub standings: BTreeMap<SiteName, Standing>,
    /// How long ago the agent of each cluster last asked for its lease here, in milliseconds.
    pub asked: BTreeMap<ClusterName, u64>,
    /// Directives that are in force here and that the log could record now, by their hash.
    pub directives: BTreeMap<Hash, SignedDirective>,
}

impl Heard {
    /// Whether the cluster's agent lives.
    #[must_use]
    pub fn lives(&self, cluster: &ClusterName) -> bool {
        self.asked.get(cluster).is_some_and(|age| *age <= LIVES)
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    /// Ask the voters whether they found this too.
    Ask(Finding),
    /// Open the next generation of a cluster's lease.
    Open {
        /// The cluster.
        cluster: ClusterName,
        /// The generation.
        generation: u64,
    },
    /// Have a directive recorded by the log; it is in force already.
    Record(Hash),
    /// Have a workload planned for which something is due: see [`State::is_due`].
    Replan(WorkloadName),
}

/// What is to be done now, the most urgent first; the batches of verdicts apart, which nothing else may hold up. What comes of each is for the voters and for apply to say; a task that
/// was carried out is not given again by the state that follows.
#[must_use]
pub fn tasks(state: &State, heard: &Heard) -> Vec<Task> {
    let open = heard.directives.keys().filter(|hash| state.directive(hash).is_none());
    let record = open.map(|hash| Task::Record(*hash));
    record.chain(sites(state, heard)).chain(leases(state, heard)).collect()
}

/// Sites that fell silent, and sites that are steadily heard again.
fn sites<'a>(state: &'a State, heard: &'a Heard) -> impl Iterator<Item = Task> + 'a {
    heard.standings.iter().filter_map(|(site, standing)| {
        let (presence, lost) = state.presence(site).map_or((0, false), |held| (held.value.number, held.value.lost));
        let site = site.clone();
        match standing {
            Standing::Silent { .. } if !lost => Some(Task::Ask(Finding::Unreachable { site, presence })),
            Standing::Reachable if lost => Some(Task::Ask(Finding::Returned { site, presence })),
            _ => None,
        }
    })
}

/// L + m, in milliseconds: before, no voter states that a lease has ended. Asking early costs a round of messages only.
fn hold(state: &State) -> u64 {
    let held = state.timings();
    let (hold, hold_before) = (Terms::now(&held.value).hold(), Terms::before(&held.value).hold());
    let live = state.time() < held.changed.saturating_add(hold_before);
    if live { hold.max(hold_before) } else { hold }
}

/// Leases that nobody holds any more, and clusters whose agents ask for one.
fn leases<'a>(state: &'a State, heard: &'a Heard) -> impl Iterator<Item = Task> + 'a {
    let hold = hold(state);
    state.clusters().filter_map(move |cluster| {
        let name = &cluster.value.name;
        let lease = state.lease(name).map(|lease| (lease.value.generation, lease.value.open));
        match lease {
            Some((generation, true)) => {
                // This node may have begun to listen only now: the voters know how long they have answered nothing.
                let excluded = state.is_excluded_site(&cluster.value.site);
                let silent = excluded || heard.asked.get(name).is_none_or(|age| *age >= hold);
                silent.then(|| Task::Ask(Finding::LeaseEnded { cluster: name.clone(), generation }))
            }
            closed => {
                let generation = closed.map_or(0, |(generation, _)| generation) + 1;
                let site = &cluster.value.site;
                let may = !state.is_lost(site) && !state.is_excluded_site(site) && heard.lives(name);
                may.then(|| Task::Open { cluster: name.clone(), generation })
            }
        }
    })
}
