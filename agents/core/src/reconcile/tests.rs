mod random;

use std::sync::Arc;

use serde_json::json;
use verbund_model::resource::CopyPhase;

use super::*;
use crate::observed::ObservedObject;
use crate::samples::{EXCLUSIVE, PARALLEL, Place, Toy, config_map, copy, deployment, service};
use crate::{Object, names};

const HELD: Given = Given { right: Right::Held { generation: 7 }, quiet: SETTLE, floor: 0 };
const LOST: Given = Given { right: Right::None, quiet: SETTLE, floor: 0 };

fn bodies() -> Vec<serde_json::Value> {
    vec![deployment(), service(), config_map()]
}

/// One look and one round of actions; gives them.
fn round(toy: &mut Toy, copy: &DesiredCopy, given: Given) -> Vec<Action> {
    let place = Place::new();
    let actions = reconcile(&copy.workload, Some(copy), &toy.observe(), given, &place.context());
    for action in &actions {
        toy.do_it(&action.act).unwrap();
    }
    toy.settle();
    actions
}

fn phase(actions: &[Action]) -> Option<CopyPhase> {
    actions.iter().find_map(|action| match &action.act {
        Act::Report { phase, .. } => Some(phase.clone()),
        _ => None,
    })
}

/// Rounds until nothing but reports and receipts is left to do.
fn settle(toy: &mut Toy, copy: &DesiredCopy, given: Given) -> Vec<Action> {
    for _ in 0..12 {
        let actions = round(toy, copy, given);
        if actions.iter().all(|action| matches!(action.act, Act::Report { .. } | Act::SignReceipt { .. })) {
            return actions;
        }
    }
    panic!("it does not come to rest");
}

fn acts(actions: &[Action]) -> Vec<&'static str> {
    let name = |act: &Act| match act {
        Act::EnsureNamespace { .. } => "namespace",
        Act::Apply { .. } => "apply",
        Act::Prune { .. } => "prune",
        Act::SetQuotaZero { .. } => "quota",
        Act::CutTraffic { .. } => "traffic",
        Act::DeletePods { .. } => "pods",
        Act::MarkStopped { .. } => "mark",
        Act::SignReceipt { .. } => "receipt",
        Act::Report { .. } => "report",
    };
    actions.iter().map(|action| name(&action.act)).collect()
}

#[test]
fn a_parallel_copy_needs_no_lease() {
    let mut toy = Toy::default();
    let copy = copy(PARALLEL, DesiredRole::Active, 1, &bodies());
    assert_eq!(phase(&settle(&mut toy, &copy, LOST)), Some(CopyPhase::Ready));
    assert_eq!(toy.pods.len(), 2);
}

#[test]
fn an_exclusive_copy_begins_only_under_its_lease() {
    let copy = copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies());
    for right in [Right::None, Right::Starting, Right::Held { generation: 6 }, Right::Held { generation: 8 }] {
        let mut toy = Toy::default();
        settle(&mut toy, &copy, Given { right, ..HELD });
        assert!(toy.objects.is_empty(), "{right:?}");
    }
    // The control: with the lease it does.
    let mut toy = Toy::default();
    assert_eq!(phase(&settle(&mut toy, &copy, HELD)), Some(CopyPhase::Ready));
}

#[test]
fn its_namespace_is_made_closed_and_opened_with_a_condition() {
    let mut toy = Toy::default();
    let copy = copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies());
    let quota = |actions: &[Action]| -> Option<Arc<Object>> {
        actions.iter().find_map(|action| match &action.act {
            Act::EnsureNamespace { objects } => objects.iter().find(|o| o.key.kind.kind == "ResourceQuota").cloned(),
            _ => None,
        })
    };
    let closed = quota(&round(&mut toy, &copy, HELD)).unwrap();
    assert_eq!((closed.body["spec"]["hard"]["pods"].as_str(), &closed.expect), (Some("0"), &None));
    let open = quota(&round(&mut toy, &copy, HELD)).unwrap();
    assert_eq!(open.body["spec"]["hard"]["pods"], "4");
    assert!(open.expect.is_some());
    // A fence comes between; the opening, delayed, is refused.
    settle(&mut toy, &copy, LOST);
    assert!(toy.apply(&open).is_err());
}

#[test]
fn a_lost_lease_fences_quota_first() {
    let mut toy = Toy::default();
    let copy = copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies());
    settle(&mut toy, &copy, HELD);
    let actions = round(&mut toy, &copy, LOST);
    assert_eq!(acts(&actions), ["quota", "traffic", "pods", "report"]);
    assert!(actions[..3].iter().all(|action| action.why == Why::NoLease));
    assert!(matches!(&actions[2].act, Act::DeletePods { grace: 3000 }));
    settle(&mut toy, &copy, LOST);
    assert!(toy.pods.is_empty());
    // Nobody brings it back but the lease.
    toy.scale_up(1);
    toy.settle();
    assert!(toy.pods.is_empty());
    assert_eq!(phase(&settle(&mut toy, &copy, HELD)), Some(CopyPhase::Ready));
    let service = toy.objects.iter().find(|(key, _)| key.kind.kind == "Service").unwrap().1;
    assert!(service["spec"]["selector"][names::CUT].is_null(), "traffic is back");
}

#[test]
fn a_lost_lease_leaves_parallel_copies_alone() {
    let mut toy = Toy::default();
    let copy = copy(PARALLEL, DesiredRole::Active, 1, &bodies());
    settle(&mut toy, &copy, HELD);
    assert_eq!(acts(&round(&mut toy, &copy, LOST)), ["report"]);
    assert_eq!(toy.pods.len(), 2);
}

#[test]
fn an_agent_that_has_just_started_touches_nothing() {
    let mut toy = Toy::default();
    let copy = copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies());
    settle(&mut toy, &copy, HELD);
    let actions = round(&mut toy, &copy, Given { right: Right::Starting, ..HELD });
    assert_eq!(acts(&actions), ["report"]);
    assert_eq!(phase(&actions), Some(CopyPhase::Ready));
}

#[test]
fn what_nobody_speaks_of_is_fenced_if_it_is_exclusive() {
    let place = Place::new();
    for (mode, fenced) in [(EXCLUSIVE, true), (PARALLEL, false)] {
        let mut toy = Toy::default();
        let copy = copy(mode, DesiredRole::Active, 1, &bodies());
        settle(&mut toy, &copy, HELD);
        let actions = reconcile(&copy.workload, None, &toy.observe(), LOST, &place.context());
        assert_eq!(acts(&actions), if fenced { vec!["quota", "pods"] } else { vec![] });
        assert_eq!(reconcile(&copy.workload, None, &toy.observe(), HELD, &place.context()), []);
    }
}

#[test]
fn a_receipt_follows_the_kubelets_word_and_is_durable_first() {
    let mut toy = Toy::default();
    settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 4, &bodies()), HELD);
    let stopping = copy(EXCLUSIVE, DesiredRole::Stopping, 4, &bodies());
    assert_eq!(acts(&round(&mut toy, &stopping, HELD)), ["quota", "traffic", "pods"]);
    assert_eq!(
        acts(&round(&mut toy, &stopping, Given { quiet: SETTLE - 1, ..HELD })),
        [""; 0],
        "not quiet for long enough"
    );
    assert_eq!(acts(&round(&mut toy, &stopping, HELD)), ["mark"]);
    let receipt = round(&mut toy, &stopping, HELD);
    assert_eq!(acts(&receipt), ["receipt"]);
    assert!(matches!(receipt[0].act, Act::SignReceipt { epoch: 4 }));
    // What was stopped by receipt never runs again under that epoch; a later one does.
    let again = copy(EXCLUSIVE, DesiredRole::Active, 4, &bodies());
    assert_eq!(acts(&round(&mut toy, &again, HELD)), [""; 0]);
    assert!(toy.pods.is_empty());
    let later = copy(EXCLUSIVE, DesiredRole::Active, 5, &bodies());
    assert_eq!(phase(&settle(&mut toy, &later, HELD)), Some(CopyPhase::Ready));
    assert!(toy.pods.values().all(|pod| pod.epoch == 5));
}

#[test]
fn no_receipt_while_a_pod_may_run() {
    let stopping = copy(EXCLUSIVE, DesiredRole::Stopping, 1, &bodies());
    let spoil: [fn(&mut crate::ObservedPod); 2] = [|pod| pod.terminating = true, |pod| pod.confirmed = false];
    for spoil in spoil {
        let mut toy = Toy::default();
        settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies()), HELD);
        round(&mut toy, &stopping, HELD);
        let mut observed = toy.observe();
        let mut pod = crate::ObservedPod {
            name: "left".to_owned(),
            epoch: 1,
            terminating: true,
            ended: false,
            ready: false,
            confirmed: true,
            trouble: String::new(),
        };
        let place = Place::new();
        spoil(&mut pod);
        observed.pods.push(pod.clone());
        assert!(!is_quiet(&observed));
        assert_eq!(reconcile(&stopping.workload, Some(&stopping), &observed, HELD, &place.context()), []);
        // The control: once the kubelet says that it ended, it counts no more.
        let last = observed.pods.len() - 1;
        observed.pods[last] = crate::ObservedPod { ended: true, confirmed: true, ..pod };
        let actions = reconcile(&stopping.workload, Some(&stopping), &observed, HELD, &place.context());
        assert_eq!(acts(&actions), ["mark"]);
    }
}

#[test]
fn a_quota_counts_when_its_controller_took_it_over() {
    let mut toy = Toy::default();
    settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Standby, 0, &bodies()), HELD);
    let mut observed = toy.observe();
    assert!(is_quiet(&observed));
    let key = base::quota_key("wohngeld");
    let mut live = (*observed.objects[&key].live).clone();
    live["status"] = json!({});
    observed.objects.insert(key, ObservedObject { live: Arc::new(live) });
    assert!(!is_quiet(&observed));
}

#[test]
fn older_epochs_are_refused() {
    let mut toy = Toy::default();
    settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 5, &bodies()), HELD);
    assert_eq!(acts(&round(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 4, &bodies()), HELD)), [""; 0]);
    let five = copy(EXCLUSIVE, DesiredRole::Active, 5, &bodies());
    assert_eq!(acts(&round(&mut toy, &five, Given { floor: 6, ..HELD })), [""; 0]);
}

#[test]
fn pods_of_an_earlier_epoch_end_first() {
    let mut toy = Toy::default();
    settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies()), HELD);
    let next = copy(EXCLUSIVE, DesiredRole::Active, 2, &bodies());
    assert_eq!(acts(&round(&mut toy, &next, HELD)), ["quota", "traffic", "pods", "report"]);
    assert_eq!(phase(&settle(&mut toy, &next, HELD)), Some(CopyPhase::Ready));
    assert!(toy.pods.values().all(|pod| pod.epoch == 2));
}

#[test]
fn drift_is_repaired_and_what_left_is_pruned() {
    let mut toy = Toy::default();
    settle(&mut toy, &copy(PARALLEL, DesiredRole::Active, 1, &bodies()), LOST);
    let key = toy.objects.keys().find(|key| key.kind.kind == "Deployment").unwrap().clone();
    toy.objects.get_mut(&key).unwrap()["spec"]["replicas"] = 7.into();
    let foreign = crate::ObjectKey::new("v1", "ConfigMap", Some("wohngeld"), "somebody-elses");
    toy.objects.insert(foreign.clone(), config_map());
    // A controller copied the label; without the mark of an application it is not ours.
    let copied = crate::ObjectKey::new("discovery.k8s.io/v1", "EndpointSlice", Some("wohngeld"), "web-x");
    toy.objects.insert(copied.clone(), json!({ "metadata": { "labels": { names::WORKLOAD: "wohngeld" } } }));
    let actions = round(&mut toy, &copy(PARALLEL, DesiredRole::Active, 1, &bodies()[..2]), LOST);
    assert_eq!(acts(&actions), ["apply", "prune", "report"]);
    assert_eq!(actions[0].why, Why::Drifted { field: "spec.replicas".to_owned() });
    assert!(matches!(&actions[1].act, Act::Prune { objects } if objects.len() == 1 && objects[0].name == "settings"));
    assert!(toy.objects.contains_key(&foreign) && toy.objects.contains_key(&copied));
}

#[test]
fn a_job_is_made_anew_and_not_changed() {
    let job = |image: &str| {
        json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" },
                "spec": { "template": { "spec": { "containers": [{ "name": "a", "image": image }] } } } })
    };
    let mut toy = Toy::default();
    settle(&mut toy, &copy(PARALLEL, DesiredRole::Active, 1, &[job("a")]), LOST);
    let changed = copy(PARALLEL, DesiredRole::Active, 1, &[job("b")]);
    let actions = round(&mut toy, &changed, LOST);
    assert_eq!((acts(&actions), &actions[0].why), (vec!["prune", "report"], &Why::Immutable));
    assert_eq!(acts(&round(&mut toy, &changed, LOST)), ["apply", "report"]);
}

#[test]
fn what_others_manage_is_refused_until_it_is_taken_over() {
    let place = Place::new();
    let key = crate::ObjectKey::new("v1", "ConfigMap", Some("wohngeld"), "settings");
    let argo = json!({ "metadata": { "annotations": { "argocd.argoproj.io/tracking-id": "x" } } });
    let flux = json!({ "metadata": { "labels": { "kustomize.toolkit.fluxcd.io/name": "x" } } });
    let plain = json!({ "metadata": {} });
    let other = json!({ "metadata": { "labels": { names::WORKLOAD: "other" } } });
    for (live, refused, even_taken_over) in
        [(argo, true, false), (flux, true, false), (plain, false, false), (other, true, true)]
    {
        let mut taken = config_map();
        taken["metadata"]["annotations"] = json!({ names::TAKE_OVER: "true" });
        for (body, refused) in [(config_map(), refused), (taken, even_taken_over)] {
            let mut toy = Toy::default();
            let copy = copy(PARALLEL, DesiredRole::Active, 1, &[body]);
            round(&mut toy, &copy, LOST);
            toy.objects.retain(|other, _| *other != key);
            let mut observed = toy.observe();
            observed.foreign.insert(key.clone(), Arc::new(live.clone()));
            let actions = reconcile(&copy.workload, Some(&copy), &observed, LOST, &place.context());
            assert_eq!(matches!(phase(&actions), Some(CopyPhase::Failed { .. })), refused, "{live}");
            assert_eq!(acts(&actions).contains(&"apply"), !refused, "{live}");
        }
    }
}

#[test]
fn a_foreign_namespace_is_left_alone() {
    let place = Place::new();
    let observed = ObservedCopy { namespace: NamespaceState::Foreign, ..ObservedCopy::default() };
    for role in [DesiredRole::Active, DesiredRole::Standby, DesiredRole::Stopping, DesiredRole::Gone { deleted: true }]
    {
        let copy = copy(EXCLUSIVE, role, 1, &bodies());
        let actions = reconcile(&copy.workload, Some(&copy), &observed, HELD, &place.context());
        assert!(actions.iter().all(|action| matches!(action.act, Act::Report { .. })), "{role:?}");
    }
}

#[test]
fn a_standby_is_ready_without_running() {
    let mut toy = Toy::default();
    let standby = copy(EXCLUSIVE, DesiredRole::Standby, 0, &bodies());
    assert_eq!(phase(&settle(&mut toy, &standby, LOST)), Some(CopyPhase::Ready));
    assert!(toy.pods.is_empty());
    toy.scale_up(0);
    assert!(toy.pods.is_empty(), "its quota is at no pods");
    assert_eq!(
        phase(&settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies()), HELD)),
        Some(CopyPhase::Ready)
    );
}

#[test]
fn deletion_leaves_nothing_and_moving_away_leaves_volumes() {
    let claim =
        json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" }, "spec": {} });
    let bodies: Vec<_> = bodies().into_iter().chain([claim]).collect();
    for deleted in [true, false] {
        let mut toy = Toy::default();
        settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 1, &bodies), HELD);
        settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Gone { deleted: false }, 1, &[]), HELD);
        assert!(toy.pods.is_empty());
        assert!(toy.objects.keys().any(|key| key.kind.kind == "PersistentVolumeClaim"));
        assert!(toy.objects.keys().all(|key| key.kind.kind != "Deployment" && key.kind.kind != "Service"));
        toy.scale_up(1);
        assert!(toy.pods.is_empty(), "its namespace is closed");
        if deleted {
            settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Gone { deleted }, 1, &[]), HELD);
            assert!(toy.objects.is_empty());
        } else {
            // It comes back to its volumes.
            settle(&mut toy, &copy(EXCLUSIVE, DesiredRole::Active, 2, &bodies), HELD);
            assert_eq!(toy.pods.len(), 2);
        }
    }
}

#[test]
fn what_is_refused_is_told_and_nothing_is_applied() {
    let mut bad = deployment();
    bad["spec"]["template"]["spec"]["hostPID"] = true.into();
    let mut toy = Toy::default();
    let copy = copy(PARALLEL, DesiredRole::Active, 1, &[bad, config_map()]);
    let actions = settle(&mut toy, &copy, LOST);
    assert!(matches!(phase(&actions), Some(CopyPhase::Failed { reason }) if reason.contains("hostPID")));
    assert!(toy.objects.is_empty());
}
