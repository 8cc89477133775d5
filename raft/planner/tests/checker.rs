//! The checker refuses violations of each hard rule that are made by hand, and takes what they are made of.

// Where the words of a test are wrong, a panic is the message.
#![allow(clippy::unwrap_used)]

mod support;

use support::scenario::Scenario;
use support::state::{NOW, change, name};
use verbund_model::WorkloadName;
use verbund_model::resource::*;
use verbund_planner::{Inventory, Plan, Request, Rule, Violation, check, plan};

/// Two workloads that are placed: one exclusive with a georedundant standby, one parallel with two copies.
const STATE: &str = r#"
shows: what the checker is tried on
state:
  sites:
    berlin: {at: [52.520008, 13.404954]}
    bremen: {at: [53.079296, 8.801694]}
    hamburg: {at: [53.551086, 9.993682]}
    hannover: {at: [52.375892, 9.732010]}
    muenchen: {at: [48.135124, 11.581981]}
  clusters:
    berlin-1: {site: berlin, networks: [ndb], labels: {disk: nvme}}
    berlin-2: {site: berlin}
    bremen-1: {site: bremen}
    hamburg-1: {site: hamburg}
    hannover-1: {site: hannover}
    muenchen-1: {site: muenchen}
  evidence:
    - {of: {site: berlin}, kind: iso-27001-grundschutz, days: 30}
    - {of: {site: berlin}, kind: c5, days: 30}
    - {of: {site: berlin}, kind: cncf-conformance, days: 30}
    - {of: {site: berlin}, kind: scs-kaas, days: 30}
  workloads:
    held: {wants: {cpu: 4, memory: 8}, exclusive: guard, standby: georedundant}
    wide: {wants: {cpu: 4, memory: 8}, copies: 2}
  placements:
    held: {epoch: 3, copies: {hamburg-1: {role: active, epoch: 3, generation: 1}, muenchen-1: {role: standby}}}
    wide: {epoch: 2, copies: {hamburg-1: {role: active, epoch: 1}, muenchen-1: {role: active, epoch: 2}}}
  secrets:
    - {workload: fresh, name: db, to: [berlin]}
steps: []
"#;

fn inventory() -> Inventory {
    let scenario: Scenario = serde_saphyr::from_str(STATE).unwrap();
    let mut inventory = Inventory::default();
    scenario.state.put(&mut inventory);
    inventory
}

fn placement(inventory: &Inventory, workload: &str) -> Placement {
    inventory.placement(&name(workload)).unwrap().clone()
}

fn request(workload: &str, cause: Cause) -> Request {
    Request { workload: name(workload), cause, now: NOW, target: None, change: change(), held: false }
}

fn planned(inventory: &Inventory, request: &Request) -> Plan {
    let plan = plan(inventory, request);
    assert_eq!(check(inventory, &plan.placement, NOW), Ok(()), "what is changed by hand is right before");
    plan
}

fn copy(cluster: &str, role: CopyRole, epoch: u64, generation: u64) -> PlacedCopy {
    PlacedCopy { cluster: name(cluster), role, epoch, generation, since: NOW, phase: CopyPhase::Pending }
}

/// The first placement of a workload, new, with an active copy at `berlin-1`, in a state that was changed.
fn in_berlin(change_state: impl Fn(&mut Inventory), demand: &str) -> Result<(), Violation> {
    let mut inventory = inventory();
    let text: support::state::WorkloadText = serde_saphyr::from_str(demand).unwrap();
    inventory.put_workload(&text.workload(&name("fresh")));
    let exclusive = demand.contains("exclusive");
    let placement = Placement {
        workload: name("fresh"),
        epoch: 1,
        copies: vec![copy("berlin-1", CopyRole::Active, 1, u64::from(exclusive))],
        waiting: None,
        target: None,
        cause: Cause::Applied,
        home: None,
        change: change(),
    };
    if !demand.contains("gpu") && !demand.contains("900") {
        assert_eq!(check(&inventory, &placement, NOW), Ok(()), "it fits before the state changes: {demand}");
    }
    change_state(&mut inventory);
    check(&inventory, &placement, NOW)
}

fn put(inventory: &mut Inventory, state: &str) {
    let state: support::state::State = serde_saphyr::from_str(state).unwrap();
    state.put(inventory);
}

#[test]
fn refuses_each_rule_of_the_place() {
    let plain = "{wants: {cpu: 4}}";
    let cases: &[(Rule, &str, &str)] = &[
        (Rule::Membership, plain, "sites: {berlin: {at: [52.5, 13.4], standing: excluded}}"),
        (Rule::Membership, plain, "organisations: {berlin: excluded}"),
        (Rule::SiteStanding, plain, "sites: {berlin: {at: [52.5, 13.4], standing: suspended}}"),
        (Rule::OrganisationStanding, plain, "organisations: {berlin: suspended}"),
        (Rule::SitePresent, plain, "sites: {berlin: {at: [52.5, 13.4], lost: true}}"),
        (Rule::ClusterStanding, plain, "clusters: {berlin-1: {site: berlin, standing: cordoned}}"),
        (Rule::Observation, plain, "clusters: {berlin-1: {site: berlin, ready: false}}"),
        (Rule::Observation, plain, "clusters: {berlin-1: {site: berlin, observed: false}}"),
        (Rule::Zone, plain, "clusters: {berlin-1: {site: berlin, zone: raised}}"),
        (Rule::Schutzbedarf, plain, "clusters: {berlin-1: {site: berlin, schutzbedarf: sehr-hoch}}"),
        (Rule::Confidentiality, plain, "clusters: {berlin-1: {site: berlin, confidentiality: public}}"),
        (Rule::Stage, plain, "clusters: {berlin-1: {site: berlin, stage: test}}"),
        (Rule::Country, plain, "sites: {berlin: {at: [52.5, 13.4], country: AT}}"),
        (Rule::Country, plain, "sites: {berlin: {}}"),
        (Rule::PublicControl, "{important: true}", "sites: {berlin: {at: [52.5, 13.4], operator: private}}"),
        (Rule::Networks, "{networks: [ndb]}", "clusters: {berlin-1: {site: berlin, networks: [internet]}}"),
        (Rule::Kubernetes, "{kubernetesMin: '1.34'}", "clusters: {berlin-1: {site: berlin, kubernetes: '1.33'}}"),
        (Rule::Kubernetes, "{kubernetesMax: '1.35'}", "clusters: {berlin-1: {site: berlin, kubernetes: '1.36'}}"),
        (Rule::ApiKinds, "{kinds: [v1/Service]}", "clusters: {berlin-1: {site: berlin, kinds: [v1/Pod]}}"),
        (
            Rule::StorageClasses,
            "{storageClasses: [standard]}",
            "clusters: {berlin-1: {site: berlin, storageClasses: []}}",
        ),
        (Rule::IngressClasses, "{ingressClasses: [nginx]}", "clusters: {berlin-1: {site: berlin, ingressClasses: []}}"),
        (Rule::Labels, "{labels: {disk: nvme}}", "clusters: {berlin-1: {site: berlin, labels: {disk: hdd}}}"),
        (Rule::LicenceVeto, plain, "vetoes: [{site: berlin, workload: fresh, reason: no}]"),
        (Rule::Secrets, "{secrets: [db]}", "{secrets: [{workload: fresh, name: db, to: [hamburg]}]}"),
        (Rule::Secrets, "{secrets: [db]}", "{secrets: [{workload: fresh, name: db, to: [], before: [berlin]}]}"),
        (Rule::ExtendedResources, "{wants: {cpu: 1, gpu: 1}}", "{}"),
        (Rule::Capacity, "{wants: {cpu: 900}}", "{}"),
        (Rule::Capacity, plain, "clusters: {berlin-1: {site: berlin, foreign: {cpu: 97}}}"),
        (Rule::Lease, "{exclusive: guard}", "clusters: {berlin-1: {site: berlin, leaseOpen: false}}"),
    ];
    for (rule, demand, state) in cases {
        let refused = in_berlin(|inventory| put(inventory, state), demand);
        match (rule, &refused) {
            // A closed lease shows as a generation that is not the open one.
            (Rule::Lease, Err(Violation::Generation { .. })) => {}
            (_, Err(Violation::Place { rule: found, .. })) if found == rule => {}
            _ => panic!("{rule:?}: {refused:?} with {state}"),
        }
    }
}

/// What runs at an excluded site may not stay there, whatever is planned: a parallel copy goes at once, an exclusive
/// one is stopped, and is not gone before somebody vouches for it.
#[test]
fn knows_what_an_exclusion_demands() {
    let mut inventory = inventory();
    put(&mut inventory, "sites: {hamburg: {at: [53.5, 9.9], standing: excluded}}");
    for (workload, mode) in [("held", "exclusive"), ("wide", "parallel")] {
        let before = placement(&inventory, workload);
        let stays = check(&inventory, &before, NOW);
        assert!(matches!(stays, Err(Violation::Place { rule: Rule::Membership, .. })), "{mode}: {stays:?}");
        let plan = planned(&inventory, &request(workload, Cause::Excluded));
        assert!(plan.changed, "{mode}");
        let mut gone = plan.placement.clone();
        gone.copies.retain(|copy| copy.cluster != name("hamburg-1"));
        let vanished = check(&inventory, &gone, NOW);
        match mode {
            "exclusive" => assert_eq!(vanished, Err(Violation::Vanished(name("hamburg-1")))),
            _ => assert_eq!(vanished, Ok(()), "nobody there is believed, so nothing is waited for"),
        }
    }
    // The lease is not over because its site was excluded: the standby does not start yet.
    let mut early = placement(&inventory, "held");
    early.epoch = 4;
    early.copies[0].role = CopyRole::Stopping;
    early.copies[1] = copy("muenchen-1", CopyRole::Active, 4, 1);
    assert_eq!(check(&inventory, &early, NOW), Err(Violation::NotFenced(name("hamburg-1"))));
}

#[test]
fn refuses_what_was_attested_allowed_and_consented_no_longer() {
    let evidence = [
        (Rule::Iso27001, "iso-27001-grundschutz"),
        (Rule::C5, "c5"),
        (Rule::CncfConformance, "cncf-conformance"),
        (Rule::ScsKaas, "scs-kaas"),
    ];
    for (number, (rule, kind)) in evidence.into_iter().enumerate() {
        let forget = |inventory: &mut Inventory| inventory.remove_evidence(&name(&format!("evidence-{number}")));
        let refused = in_berlin(forget, &format!("{{evidence: [{kind}]}}"));
        assert!(matches!(refused, Err(Violation::Place { rule: found, .. }) if found == rule), "{refused:?}");
    }
    let workload = |text: &str| serde_saphyr::from_str::<support::state::WorkloadText>(text).unwrap();
    let demand =
        |inventory: &mut Inventory, text: &str| inventory.put_workload(&workload(text).workload(&name("fresh")));
    let elsewhere = in_berlin(|inventory| demand(inventory, "{sites: [hamburg]}"), "{}");
    assert!(matches!(elsewhere, Err(Violation::Place { rule: Rule::AllowedSites, .. })), "{elsewhere:?}");
    let unconsented = in_berlin(|inventory| demand(inventory, "{customer: bezirk}"), "{}");
    assert!(matches!(unconsented, Err(Violation::Place { rule: Rule::Consent, .. })), "{unconsented:?}");
    let scoped = "{kinds: [v1/Service, rbac.authorization.k8s.io/v1/ClusterRole]}";
    let unlisted = in_berlin(|inventory| demand(inventory, scoped), "{}");
    assert!(matches!(unlisted, Err(Violation::Place { rule: Rule::ClusterKinds, .. })), "{unlisted:?}");
}

#[test]
fn refuses_a_standby_that_is_too_near() {
    let inventory = inventory();
    for (cluster, near) in [("bremen-1", true), ("hannover-1", true), ("berlin-1", false)] {
        let mut placement = placement(&inventory, "held");
        placement.copies = vec![copy("hamburg-1", CopyRole::Active, 3, 1), copy(cluster, CopyRole::Standby, 0, 0)];
        placement.copies.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        let refused = check(&inventory, &placement, NOW);
        let too_near = matches!(refused, Err(Violation::Place { rule: Rule::Distance, .. }));
        assert_eq!((too_near, refused.is_ok()), (near, !near), "{cluster}: {refused:?}");
    }
}

#[test]
fn an_exception_brings_a_standby_to_100_km_and_no_nearer() {
    let mut inventory = inventory();
    put(&mut inventory, "exceptions: [{rule: georedundancy, workload: held, days: 1, approvals: 2}]");
    let at = |cluster: &str| {
        let mut placement = placement(&inventory, "held");
        placement.copies = vec![copy("hamburg-1", CopyRole::Active, 3, 1), copy(cluster, CopyRole::Standby, 0, 0)];
        placement.copies.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        check(&inventory, &placement, NOW)
    };
    assert_eq!(at("hannover-1"), Ok(()));
    assert!(matches!(at("bremen-1"), Err(Violation::Place { rule: Rule::Distance, .. })));
}

/// The exclusive workload after its lease ended, as planned; then something is changed by hand.
fn moved(change_plan: impl Fn(&mut Placement)) -> Result<(), Violation> {
    let mut inventory = inventory();
    let (cluster, generation, open) = (name("hamburg-1"), 1, false);
    inventory.put_lease(&Lease { cluster, generation, open, opened_at: 1 });
    let mut plan = planned(&inventory, &request("held", Cause::Verdict { index: 9 }));
    assert!(plan.placement.copies.iter().any(|copy| copy.role == CopyRole::Active && copy.epoch == 4));
    change_plan(&mut plan.placement);
    check(&inventory, &plan.placement, NOW)
}

fn active(placement: &mut Placement) -> &mut PlacedCopy {
    placement.copies.iter_mut().find(|copy| copy.role == CopyRole::Active).unwrap()
}

#[test]
fn refuses_wrong_epochs_generations_and_orders() {
    assert_eq!(moved(|_| {}), Ok(()));
    let epoch = |change: fn(&mut Placement)| {
        let refused = moved(change);
        assert!(matches!(refused, Err(Violation::Epoch { .. } | Violation::PlacementEpoch { .. })), "{refused:?}");
    };
    epoch(|placement| active(placement).epoch = 3);
    epoch(|placement| active(placement).epoch = 5);
    epoch(|placement| placement.epoch = 5);
    epoch(|placement| placement.epoch = 3);
    epoch(|placement| placement.copies.iter_mut().for_each(|copy| copy.epoch = 4));
    let generation = moved(|placement| active(placement).generation = 2);
    assert!(matches!(generation, Err(Violation::Generation { .. })), "{generation:?}");
    let order = moved(|placement| placement.copies.reverse());
    assert!(matches!(order, Err(Violation::Order(_))), "{order:?}");
    let twice = moved(|placement| placement.copies.push(placement.copies.last().unwrap().clone()));
    assert!(matches!(twice, Err(Violation::Order(_))), "{twice:?}");
}

#[test]
fn refuses_what_is_not_fenced() {
    let inventory = inventory();
    let mut early = placement(&inventory, "held");
    early.epoch = 4;
    early.copies = vec![copy("hamburg-1", CopyRole::Stopping, 3, 1), copy("muenchen-1", CopyRole::Active, 4, 1)];
    let refused = check(&inventory, &early, NOW);
    assert!(matches!(refused, Err(Violation::NotFenced(_))), "the lease is open: {refused:?}");
    let vanished = moved(|placement| placement.copies.retain(|copy| copy.role != CopyRole::Stopping));
    assert!(matches!(vanished, Err(Violation::Vanished(_))), "{vanished:?}");
    let two = moved(|placement| {
        let stopping = placement.copies.iter_mut().find(|copy| copy.role == CopyRole::Stopping).unwrap();
        stopping.role = CopyRole::Active;
    });
    assert!(matches!(two, Err(Violation::TooManyActive { .. })), "{two:?}");
    let demoted = moved(|placement| {
        let stopping = placement.copies.iter_mut().find(|copy| copy.role == CopyRole::Stopping).unwrap();
        stopping.role = CopyRole::Standby;
    });
    assert!(demoted.is_err(), "what ran is no standby before it is proven stopped: {demoted:?}");
}

#[test]
fn refuses_time_alone_for_level_agent() {
    let mut inventory = inventory();
    let text = "{wants: {cpu: 4, memory: 8}, exclusive: agent, standby: georedundant}";
    let agent: support::state::WorkloadText = serde_saphyr::from_str(text).unwrap();
    inventory.put_workload(&agent.workload(&name("held")));
    let (cluster, generation, open) = (name("hamburg-1"), 1, false);
    inventory.put_lease(&Lease { cluster, generation, open, opened_at: 1 });
    let mut early = planned(&inventory, &request("held", Cause::Verdict { index: 9 })).placement;
    assert_eq!(early.waiting, Some(Waiting::Fence { cluster: name("hamburg-1") }));
    let standby = early.copies.iter_mut().find(|copy| copy.role == CopyRole::Standby).unwrap();
    (standby.role, standby.epoch, standby.generation) = (CopyRole::Active, 4, 1);
    (early.epoch, early.waiting) = (4, None);
    let refused = check(&inventory, &early, NOW);
    assert!(matches!(refused, Err(Violation::NotFenced(_))), "{refused:?}");
}

#[test]
fn refuses_too_many_and_too_close() {
    let inventory = inventory();
    let wide = |copies: Vec<PlacedCopy>, epoch| {
        let placement = Placement { copies, epoch, ..placement(&inventory, "wide") };
        check(&inventory, &placement, NOW)
    };
    let old = || vec![copy("hamburg-1", CopyRole::Active, 1, 0), copy("muenchen-1", CopyRole::Active, 2, 0)];
    assert_eq!(wide(old(), 2), Ok(()));
    let mut three = old();
    three.insert(0, copy("berlin-1", CopyRole::Active, 3, 0));
    assert!(matches!(wide(three, 3), Err(Violation::TooManyActive { found: 3, wanted: 2 })));
    let mut unasked = old();
    unasked.insert(0, copy("berlin-1", CopyRole::Standby, 0, 0));
    assert!(matches!(wide(unasked, 2), Err(Violation::TooManyStandbys { .. })));
    let close = vec![
        copy("berlin-1", CopyRole::Active, 3, 0),
        copy("berlin-2", CopyRole::Active, 4, 0),
        copy("hamburg-1", CopyRole::Stopping, 1, 0),
        copy("muenchen-1", CopyRole::Stopping, 2, 0),
    ];
    assert!(matches!(wide(close, 4), Err(Violation::SameSite(_))));
    let mut invented = old();
    invented.insert(0, copy("berlin-1", CopyRole::Stopping, 0, 0));
    assert!(matches!(wide(invented, 2), Err(Violation::NothingToStop(_))));
    let mut nowhere = old();
    nowhere.insert(0, copy("atlantis", CopyRole::Active, 3, 0));
    nowhere[1].role = CopyRole::Stopping;
    assert!(matches!(wide(nowhere, 3), Err(Violation::UnknownCluster(_))));
    let none: Vec<PlacedCopy> = old().into_iter().map(|copy| PlacedCopy { role: CopyRole::Stopping, ..copy }).collect();
    assert_eq!(wide(none, 2), Err(Violation::Waiting));
    let unknown = Placement { workload: name("unknown"), ..placement(&inventory, "wide") };
    let unknown_name: WorkloadName = name("unknown");
    assert_eq!(check(&inventory, &unknown, NOW), Err(Violation::UnknownWorkload(unknown_name)));
}

#[test]
fn refuses_a_failover_that_nobody_asked_for() {
    let mut inventory = inventory();
    let text = "{wants: {cpu: 4, memory: 8}, exclusive: guard, standby: georedundant, failover: ask}";
    let asks: support::state::WorkloadText = serde_saphyr::from_str(text).unwrap();
    inventory.put_workload(&asks.workload(&name("held")));
    let (cluster, generation, open) = (name("hamburg-1"), 1, false);
    inventory.put_lease(&Lease { cluster, generation, open, opened_at: 1 });
    let waits = planned(&inventory, &request("held", Cause::Verdict { index: 9 }));
    assert_eq!(waits.placement.waiting, Some(Waiting::Person));
    let asked = planned(&inventory, &request("held", Cause::Failover));
    let unasked = Placement { cause: Cause::Verdict { index: 9 }, ..asked.placement };
    let refused = check(&inventory, &unasked, NOW);
    assert!(matches!(refused, Err(Violation::Authority(_))), "{refused:?}");
}

/// What had better be elsewhere stays where it is while it is held, says so, and is not counted as missing; one that runs
/// nowhere does not wait for a window.
#[test]
fn what_is_held_stays_and_waits_for_its_window() {
    let mut inventory = inventory();
    for (workload, mode) in [("held", "exclusive: guard, standby: georedundant"), ("wide", "copies: 1")] {
        let text = format!("{{wants: {{cpu: 4, memory: 8}}, {mode}, labels: {{disk: nvme}}}}");
        let nvme: support::state::WorkloadText = serde_saphyr::from_str(&text).unwrap();
        inventory.put_workload(&nvme.workload(&name(workload)));
    }
    for workload in ["held", "wide"] {
        let before = placement(&inventory, workload);
        let free = planned(&inventory, &request(workload, Cause::Room));
        assert_ne!(free.placement.copies, before.copies, "without a window it moves");
        let held = planned(&inventory, &Request { held: true, ..request(workload, Cause::Room) });
        assert_eq!(held.placement.waiting, Some(Waiting::Window));
        let active = |placement: &Placement| {
            placement.copies.iter().filter(|copy| copy.role == CopyRole::Active).cloned().collect::<Vec<_>>()
        };
        assert!(active(&held.placement).iter().all(|copy| active(&before).contains(copy)));
        assert!(held.report.lacks.iter().all(|lack| *lack != verbund_planner::Lack::Active));
        let mut stopped = held.placement;
        stopped.copies.retain(|copy| copy.role != CopyRole::Active);
        for copy in &before.copies {
            if copy.role == CopyRole::Active {
                stopped.copies.retain(|other| other.cluster != copy.cluster);
                stopped.copies.push(PlacedCopy { role: CopyRole::Stopping, ..copy.clone() });
            }
        }
        stopped.copies.sort_by(|a, b| a.cluster.cmp(&b.cluster));
        assert_eq!(check(&inventory, &stopped, NOW), Err(Violation::Waiting));
    }
}
