//! Bringing a copy, or a standby, into the state that its manifests describe.

use std::sync::Arc;

use verbund_model::resource::CopyPhase;

use super::seen::{self, Seen};
use super::{Work, fence};
use crate::action::{Act, Why};
use crate::desired::{DesiredCopy, DesiredRole};
use crate::facts::Facts;
use crate::manifest::Unfit;
use crate::names;
use crate::object::Object;
use crate::observed::{NamespaceState, ObservedCopy};
use crate::readiness::{self, Readiness};
use crate::render::{Context, Wanted, render};
use crate::secret::SecretContent;
use crate::{base, drift, pods};

/// How far a copy has come, worst first.
#[derive(Default)]
struct Progress {
    failed: Option<String>,
    waiting: Option<String>,
}

impl Progress {
    fn fail(&mut self, reason: String) {
        self.failed.get_or_insert(reason);
    }

    fn wait(&mut self, reason: String) {
        self.waiting.get_or_insert(reason);
    }

    fn note(&mut self, what: &str, readiness: Readiness) {
        match readiness {
            Readiness::Ready => {}
            Readiness::Waiting(reason) => self.wait(format!("{what}: {reason}")),
            Readiness::Failed(reason) => self.fail(format!("{what}: {reason}")),
        }
    }

    fn phase(self, observed: &ObservedCopy) -> CopyPhase {
        let with_trouble = |reason: String| match readiness::trouble(&observed.pods) {
            Some(trouble) => format!("{reason}; {trouble}"),
            None => reason,
        };
        match (self.failed, self.waiting) {
            (Some(reason), _) => CopyPhase::Failed { reason: shorten(with_trouble(reason)) },
            (None, Some(reason)) => CopyPhase::Starting { reason: shorten(with_trouble(reason)) },
            (None, None) => CopyPhase::Ready,
        }
    }
}

/// The federation keeps what is told: a reason has a bound.
fn shorten(reason: String) -> String {
    if reason.chars().count() <= 500 { reason } else { reason.chars().take(499).chain(['…']).collect() }
}

impl Work<'_> {
    /// Applies what is missing, changed or drifted, removes what left, and reports.
    pub(super) fn activate(
        &mut self,
        copy: &DesiredCopy,
        facts: Option<&Facts>,
        observed: &ObservedCopy,
        context: &Context<'_>,
    ) {
        let mut progress = Progress::default();
        match render(copy, context) {
            Err(Unfit::UnknownKinds(kinds)) => progress.wait(Unfit::UnknownKinds(kinds).to_string()),
            Err(unfit) => progress.fail(unfit.to_string()),
            Ok(_) if observed.namespace == NamespaceState::Terminating => {
                progress.wait("the namespace of an earlier copy is still being removed".to_owned());
            }
            Ok(wanted) => {
                let ready = !facts.is_some_and(|facts| facts.fenced) || self.is_current(&wanted, observed);
                let open = self.ensure_namespace(copy, facts, observed, context, ready, &mut progress);
                if facts.is_some() || !copy.is_exclusive() {
                    self.apply(copy, &wanted, open, observed, &mut progress);
                }
            }
        }
        self.report(copy.epoch, progress.phase(observed));
    }

    /// Only reports.
    pub(super) fn look(&mut self, copy: &DesiredCopy, observed: &ObservedCopy, context: &Context<'_>) {
        let seen = Seen::of(self.workload.as_str(), observed);
        let mut progress = Progress::default();
        for wanted in render(copy, context).unwrap_or_default() {
            let key = &wanted.object.key;
            match seen.get(key) {
                None => progress.wait(format!("{key}: not there yet")),
                Some(live) => progress.note(&key.to_string(), readiness::of(&key.kind, live)),
            }
        }
        self.report(copy.epoch, progress.phase(observed));
    }

    /// Whether everything that is here and makes pods makes those that are wanted: a closed namespace is not opened for an
    /// earlier epoch's.
    fn is_current(&self, wanted: &[Wanted], observed: &ObservedCopy) -> bool {
        let seen = Seen::of(self.workload.as_str(), observed);
        let wants = |key: &crate::ObjectKey| wanted.iter().find(|one| one.object.key.identity() == key.identity());
        let stale = seen.in_order_of_removal(|key| {
            let live = seen.get(key).map(|live| &**live);
            pods::template_path(&key.kind).is_some()
                && wants(key).is_none_or(|one| differs(&one.object, live) == Some(Why::Changed))
        });
        stale.is_empty()
    }

    /// Brings the namespace and what it always has into order. Gives whether pods may start: the quota is open.
    ///
    /// An exclusive copy's namespace is made closed, and opened in a second step that names the version which it changes: a
    /// delayed write of an earlier opening then fails instead of undoing a fence. `ready`: nothing stands against opening.
    fn ensure_namespace(
        &mut self,
        copy: &DesiredCopy,
        facts: Option<&Facts>,
        observed: &ObservedCopy,
        context: &Context<'_>,
        ready: bool,
        progress: &mut Progress,
    ) -> bool {
        let seen = Seen::of(self.workload.as_str(), observed);
        let runs = copy.role == DesiredRole::Active;
        let live = match &observed.namespace {
            NamespaceState::Ours(namespace) => Some(&*namespace.live),
            _ => None,
        };
        let quota = seen.get(&base::quota_key(self.workload.as_str()));
        let opens = runs && (!copy.is_exclusive() || (ready && live.is_some() && quota.is_some()));
        let wanted = Facts {
            fenced: !opens,
            stopped: facts.map_or(0, |facts| facts.stopped),
            // A standby's namespace remembers what ran here.
            epoch: copy.epoch.max(facts.map_or(0, |facts| facts.epoch)),
            ..Facts::of(copy)
        };
        let guarded = |object: Object, live: Option<&serde_json::Value>| match live {
            Some(live) if copy.is_exclusive() => object.expecting(live),
            _ => object,
        };
        let mut objects = Vec::new();
        let mut check = |object: Object, live: Option<&serde_json::Value>| {
            if differs(&object, live).is_some() {
                objects.push(Arc::new(guarded(object, live)));
            }
        };
        check(base::namespace(&wanted), live);
        check(base::quota(self.workload.as_str(), opens.then_some(&copy.amounts)), quota.map(|live| &**live));
        for object in base::rest(copy, context.settings) {
            let live = seen.get(&object.key).map(|live| &**live);
            check(object, live);
        }
        if !objects.is_empty() {
            let why = if live.is_none() { Why::Missing } else { Why::Changed };
            self.push(Act::EnsureNamespace { objects }, why);
        }
        let open = opens && facts.is_some_and(|facts| !facts.fenced && facts.epoch >= copy.epoch);
        let open = open && fence::quota_is(self.workload.as_str(), observed, false);
        if runs && !open {
            progress.wait("its namespace is being opened".to_owned());
        }
        open
    }

    fn apply(
        &mut self,
        copy: &DesiredCopy,
        wanted: &[Wanted],
        open: bool,
        observed: &ObservedCopy,
        progress: &mut Progress,
    ) {
        let workload = self.workload.clone();
        let seen = Seen::of(workload.as_str(), observed);
        let lacking = lacking(copy, &seen, progress);
        for one in wanted {
            let key = &one.object.key;
            if let Some(problem) = conflict(&workload, one, observed) {
                progress.fail(format!("{key}: {problem}"));
                continue;
            }
            if let Some(definition) = &one.defined_by
                && seen.get(definition).is_none_or(|live| readiness::of(&definition.kind, live) != Readiness::Ready)
            {
                progress.wait(format!("{key}: its definition is not established yet"));
                continue;
            }
            // Controllers back off when pods are refused: what makes pods is made once they may start. What is there already
            // is brought to this epoch before.
            let makes = copy.role == DesiredRole::Active && !pods::is_inert(&key.kind);
            if !open && makes && seen.get(key).is_none() {
                progress.wait(format!("{key}: not there yet"));
                continue;
            }
            if lacking && pods::template_path(&key.kind).is_some() {
                progress.wait(format!("{key}: waits for its secrets"));
                continue;
            }
            self.apply_one(&one.object, seen.get(key).map(|live| &**live), progress);
        }
        // What can't be opened now stays as it is.
        let sealed = |key: &crate::ObjectKey| {
            copy.secrets.iter().any(|secret| secret.key(workload.as_str()).identity() == key.identity())
        };
        let keeps = |key: &crate::ObjectKey| {
            sealed(key) || wanted.iter().any(|one| one.object.key.identity() == key.identity())
        };
        let objects = seen.in_order_of_removal(|key| !keeps(key));
        // A standby keeps nothing that could run; nor does it lose volumes that a copy left.
        let objects: Vec<_> = objects
            .into_iter()
            .filter(|key| copy.role != DesiredRole::Standby || key.kind.kind != "PersistentVolumeClaim")
            .collect();
        if !objects.is_empty() {
            self.push(Act::Prune { objects }, Why::LeftManifest);
        }
    }

    fn apply_one(&mut self, object: &Arc<Object>, live: Option<&serde_json::Value>, progress: &mut Progress) {
        let key = &object.key;
        match (differs(object, live), live) {
            (Some(Why::Changed), Some(live)) if pods::is_immutable(&key.kind) || is_of_another_type(object, live) => {
                progress.wait(format!("{key}: is being made anew"));
                self.push(Act::Prune { objects: vec![key.clone()] }, Why::Immutable);
            }
            (Some(why), _) => {
                progress.wait(format!("{key}: not there yet"));
                self.push(Act::Apply { object: object.clone() }, why);
            }
            (None, Some(live)) if !live["metadata"]["deletionTimestamp"].is_null() => {
                progress.wait(format!("{key}: is being removed"));
            }
            (None, Some(live)) => progress.note(&key.to_string(), readiness::of(&key.kind, live)),
            (None, None) => {}
        }
    }
}

/// Whether a secret of the copy is not there: it could not be opened, and the Secret that is there, if any, has other values.
/// What makes pods waits for it, and what runs goes on.
fn lacking(copy: &DesiredCopy, seen: &Seen<'_>, progress: &mut Progress) -> bool {
    let mut lacking = false;
    for secret in copy.secrets.iter() {
        let SecretContent::Closed { reason } = &secret.content else { continue };
        if seen.get(&secret.key(copy.workload.as_str())).is_none_or(|live| !secret.is_there(live)) {
            progress.fail(format!("secret {}: {reason}", secret.name));
            lacking = true;
        }
    }
    lacking
}

/// The type of a Secret can't be changed in place.
fn is_of_another_type(object: &Object, live: &serde_json::Value) -> bool {
    object.key.kind.group.is_empty()
        && object.key.kind.kind == "Secret"
        && object.body["type"].is_string()
        && live["type"].is_string()
        && object.body["type"] != live["type"]
}

/// Why an object must be applied, if it must.
fn differs(object: &Object, live: Option<&serde_json::Value>) -> Option<Why> {
    let Some(live) = live else { return Some(Why::Missing) };
    if !live["metadata"]["deletionTimestamp"].is_null() {
        return None;
    }
    if live["metadata"]["annotations"][names::APPLIED] != object.digest.as_str() {
        return Some(Why::Changed);
    }
    drift::first(&object.body, live).map(|field| Why::Drifted { field })
}

/// Whose an object is, if it may not be touched.
fn conflict(workload: &verbund_model::WorkloadName, one: &Wanted, observed: &ObservedCopy) -> Option<String> {
    let key = &one.object.key;
    let same = |(other, _): &(&crate::ObjectKey, &Arc<serde_json::Value>)| other.identity() == key.identity();
    let ours = observed.objects.iter().map(|(key, object)| (key, &object.live)).find(same).map(|(_, live)| live);
    let foreign = observed.foreign.iter().find(same).map(|(_, live)| live);
    let live = ours.or(foreign)?;
    if let Some(other) = live["metadata"]["labels"][names::WORKLOAD].as_str()
        && other != workload.as_str()
    {
        return Some(format!("it belongs to the workload {other}"));
    }
    if one.take_over {
        return None;
    }
    if let Some(manager) = seen::manager(live) {
        return Some(format!("{manager} manages it; take it over with the annotation {}: \"true\"", names::TAKE_OVER));
    }
    if ours.is_none() && key.namespace.is_none() {
        let annotation = names::TAKE_OVER;
        return Some(format!(
            "it exists and belongs to the cluster; take it over with the annotation {annotation}: \"true\""
        ));
    }
    None
}
