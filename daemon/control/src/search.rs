//! Looking for workloads of which something is due, a bounded number of plans at a time.

use std::collections::BTreeSet;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use verbund_machine::State;
use verbund_model::WorkloadName;
use verbund_model::resource::Millis;

/// How many workloads one look plans. What is left over is looked at in the looks that follow, each kind in turn, so that
/// nothing waits for ever behind anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Of those for whom something has changed.
    pub concerned: usize,
    /// Of those that lack something or are on their way.
    pub restless: usize,
    /// Of all: a place may have become free for one whose own place has long been wrong.
    pub any: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { concerned: 128, restless: 64, any: 32 }
    }
}

/// The search, as far as it has come. A leader begins with one that has seen nothing, for which everything has changed.
#[derive(Default)]
pub struct Search {
    budget: Budget,
    before: Option<(Arc<State>, Millis)>,
    concerned: BTreeSet<WorkloadName>,
    /// The last one looked at of each kind.
    concerned_to: Option<WorkloadName>,
    restless_to: Option<WorkloadName>,
    any_to: Option<WorkloadName>,
}

impl Search {
    /// A search that has seen nothing.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self { budget, ..Self::default() }
    }

    /// The workloads for which `Replan` is due in `state` at `now`, of those whose turn it is. One that is found is found again
    /// until it is planned.
    pub fn look(&mut self, state: &Arc<State>, now: Millis) -> Vec<WorkloadName> {
        let now = self.note(state, now);
        let Budget { concerned, restless, any } = self.budget;
        let concerned = turn(&self.concerned, &mut self.concerned_to, concerned);
        let restless = turn(&state.restless().cloned().collect(), &mut self.restless_to, restless);
        let mut names = concerned.clone();
        names.extend(restless);
        names.extend(self.next_of_all(state, any));
        let due: BTreeSet<WorkloadName> = names.into_iter().filter(|name| state.is_due(name, now)).collect();
        for name in concerned.iter().filter(|name| !due.contains(*name)) {
            self.concerned.remove(name);
        }
        due.into_iter().collect()
    }

    /// Takes note of whom it concerns what has changed, and what has ended, since the last look. Gives the time of this one.
    fn note(&mut self, state: &Arc<State>, now: Millis) -> Millis {
        let now = match &self.before {
            None => {
                self.concerned.extend(state.placed_after(None).cloned());
                now
            }
            Some((before, then)) => {
                // A clock that goes back ends nothing twice.
                let now = now.max(*then);
                self.concerned.extend(state.concerned_since(before));
                self.concerned.extend(state.ended_between(*then, now));
                now
            }
        };
        self.before = Some((Arc::clone(state), now));
        now
    }

    fn next_of_all(&mut self, state: &State, count: usize) -> BTreeSet<WorkloadName> {
        let found: BTreeSet<WorkloadName> = state.placed_after(self.any_to.as_ref()).take(count).cloned().collect();
        // At the end it begins anew.
        self.any_to = if found.len() < count { None } else { found.last().cloned() };
        found
    }
}

/// The next `count` members after `to`, around the end, which becomes the last of them.
fn turn(all: &BTreeSet<WorkloadName>, to: &mut Option<WorkloadName>, count: usize) -> BTreeSet<WorkloadName> {
    let from = to.clone().map_or(Unbounded, Excluded);
    let names: Vec<WorkloadName> =
        all.range((from, Unbounded)).chain(all).take(count.min(all.len())).cloned().collect();
    *to = names.last().cloned();
    names.into_iter().collect()
}
