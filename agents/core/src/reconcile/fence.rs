//! Fencing: no pod may start any more, no traffic arrives, pods end; gone is what the kubelet confirmed (design 6).

use std::sync::Arc;

use super::Work;
use super::seen::Seen;
use crate::action::{Act, Why};
use crate::desired::DesiredCopy;
use crate::facts::Facts;
use crate::observed::{NamespaceState, ObservedCopy};
use crate::render::{Context, cut, render};
use crate::{base, names};

/// How long a namespace must have been quiet before a receipt is signed, in milliseconds: a pod that passed admission a moment
/// before the quota took hold is written a moment after.
pub const SETTLE: u64 = 1_000;

/// Whether nothing runs in a workload's namespace, and nothing can start: the quota is at no pods, not only written but taken
/// over by its controller (admission goes by the status), and no pod is there but those that have ended.
#[must_use]
pub fn is_quiet(observed: &ObservedCopy) -> bool {
    match &observed.namespace {
        NamespaceState::Ours(namespace) => is_fenced(&Facts::read(&namespace.live), observed) && is_gone(observed),
        NamespaceState::Absent => is_gone(observed),
        NamespaceState::Foreign | NamespaceState::Terminating => false,
    }
}

/// Whether every pod has ended, and the kubelet says so.
pub(super) fn is_gone(observed: &ObservedCopy) -> bool {
    observed.pods.iter().all(|pod| pod.ended && pod.confirmed)
}

/// Whether no pod can start.
pub(super) fn is_fenced(facts: &Facts, observed: &ObservedCopy) -> bool {
    facts.fenced && quota_is(&facts.workload, observed, true)
}

/// Whether the quota is at no pods (`zero`), or at more, in spec and status.
pub(super) fn quota_is(workload: &str, observed: &ObservedCopy, zero: bool) -> bool {
    let seen = Seen::of(workload, observed);
    seen.get(&base::quota_key(workload)).is_some_and(|quota| {
        ["spec", "status"].into_iter().all(|part| {
            let pods = quota[part]["hard"]["pods"].as_str();
            pods.is_some_and(|pods| (pods == "0") == zero)
        })
    })
}

impl Work<'_> {
    /// Fences a namespace: quota first, then traffic and pods. What is done already is not done again.
    pub(super) fn fence(
        &mut self,
        facts: &Facts,
        copy: Option<(&DesiredCopy, &Context<'_>)>,
        observed: &ObservedCopy,
        why: &Why,
    ) {
        if !is_fenced(facts, observed) {
            let fenced = Facts { fenced: true, ..facts.clone() };
            let objects = vec![Arc::new(base::namespace(&fenced)), Arc::new(base::quota(&facts.workload, None))];
            self.push(Act::SetQuotaZero { objects }, why.clone());
        }
        if let Some((copy, context)) = copy {
            self.cut(copy, observed, context, why);
        }
        if observed.pods.iter().any(|pod| !pod.ended && !pod.terminating) {
            self.push(Act::DeletePods { grace: facts.stop_budget }, why.clone());
        }
    }

    fn cut(&mut self, copy: &DesiredCopy, observed: &ObservedCopy, context: &Context<'_>, why: &Why) {
        let seen = Seen::of(self.workload.as_str(), observed);
        // What cannot be rendered was never applied.
        let services = render(copy, context).unwrap_or_default().into_iter().filter_map(|wanted| cut(&wanted));
        let open = services.filter(|service| {
            let live = seen.get(&service.key);
            live.is_some_and(|live| live["spec"]["selector"][names::CUT] != "true")
        });
        let objects: Vec<_> = open.map(Arc::new).collect();
        if !objects.is_empty() {
            self.push(Act::CutTraffic { objects }, why.clone());
        }
    }
}
