//! Placements, verdicts, leases: what is moved, and what a leader cannot make up.

use verbund_machine::{Alarm, voter_plan};
use verbund_model::resource::UserRole;
use verbund_model::resource::{
    Cause, ChangeKind, ChangeTicket, Consent, CopyPhase, CopyReport, CopyRole, DistanceClass, Evidence, EvidenceKind,
    EvidenceSubject, FailoverAuthority, FenceLevel, Finding, LicenceVeto, MembershipId, Mode, Standby, Timings,
    Waiting,
};
use verbund_model::{Accepted, Command, NodeId, Outcome, Refusal};

use crate::country::{
    Country, apply, cluster_spec, ended, observation, requirements, restored, spec, unreachable, workload,
};
use crate::support::build::{document, entry, name, signed};

use CopyRole::{Active, Standby as Reserved, Stopping};

const AUTOMATIC: FailoverAuthority = FailoverAuthority::Automatic;

fn exclusive(fence: FenceLevel) -> Mode {
    Mode::Exclusive { fence }
}

fn far() -> Option<Standby> {
    Some(Standby { distance: DistanceClass::Georedundant })
}

/// With an exclusive workload `w` that is active at one cluster and has a standby at another: their names.
fn with_exclusive(fence: FenceLevel, failover: FailoverAuthority) -> (Country, String, String) {
    let mut country = Country::new();
    let ada = country.ada();
    country.f.act(&ada, apply("w", spec(exclusive(fence), failover, far())));
    let copies = country.placement("w").copies;
    let of = |role| copies.iter().find(|copy| copy.role == role).unwrap().cluster.to_string();
    (country, of(Active), of(Reserved))
}

/// Every workload for which something is due, however it is found.
fn due(country: &Country) -> Vec<verbund_model::WorkloadName> {
    let names = country.f.state.workloads().map(|held| held.value.name.clone());
    names.filter(|name| country.f.state.is_due(name, country.f.clock)).collect()
}

fn site_of(cluster: &str) -> String {
    cluster.trim_start_matches("c-").to_owned()
}

fn conflict(refusal: &Refusal, part: &str) {
    let Refusal::Conflict { what } = refusal else { panic!("{refusal:?}") };
    assert!(what.contains(part), "{what}");
}

#[test]
fn an_exclusive_workload_moves_when_its_lease_has_ended() {
    let (mut country, old, standby) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    country.find(&ended(&old, 1));
    let placement = country.placement("w");
    let active = &country.active("w")[0];
    assert_eq!((active.cluster.to_string(), active.epoch, active.generation), (standby.clone(), 2, 1));
    assert_eq!(placement.home, Some(name(&old)));
    let index = country.f.index;
    assert_eq!(placement.cause, Cause::Verdict { index });
    assert!(!country.f.state.lease(&name(&old)).unwrap().value.open);
    // No placement changes without a change: an emergency one, for none was approved before.
    let change = &country.f.state.change(&placement.change).unwrap().value;
    assert_eq!((change.kind, change.closed), (ChangeKind::Emergency, false));
    // Whose workload it is learns of it.
    let incidents: Vec<_> = country.f.state.incidents().map(|held| held.value.clone()).collect();
    assert_eq!((incidents.len(), incidents[0].cluster.to_string(), incidents[0].resolved), (1, old.clone(), false));
    // The old copy counts until its agent is back and has stopped it.
    assert!(country.copies("w").contains(&(old.clone(), Stopping, 1)));
    assert!(matches!(country.receipt("w", &old, 1), Outcome::Accepted(_)));
    assert!(!country.copies("w").iter().any(|(cluster, role, _)| *cluster == old && *role == Stopping));
    // Once more says nothing new.
    assert!(matches!(country.receipt("w", &old, 1), Outcome::Accepted(Accepted::Unchanged { .. })));
}

#[test]
fn a_standing_standard_change_is_enough() {
    let (mut country, old, _) = with_exclusive(FenceLevel::Data, AUTOMATIC);
    let ada = country.ada();
    let open = Command::OpenChange { name: name("jederzeit"), workload: workload("w"), description: "Schwenk".into() };
    country.f.act(&ada, open);
    country.find(&ended(&old, 1));
    assert_eq!(country.placement("w").change, name("jederzeit"));
    assert_eq!(country.f.state.changes().filter(|held| held.value.kind == ChangeKind::Emergency).count(), 0);
    let close = Command::CloseChange { name: name("jederzeit"), review: String::new() };
    assert!(matches!(country.f.act(&ada, close.clone()), Accepted::Changed { .. }));
    assert!(matches!(country.f.act(&ada, close), Accepted::Unchanged { .. }));
}

#[test]
fn time_alone_does_not_move_what_only_the_agent_fences() {
    let (mut country, old, standby) = with_exclusive(FenceLevel::Agent, AUTOMATIC);
    country.find(&ended(&old, 1));
    assert_eq!(country.placement("w").waiting, Some(Waiting::Fence { cluster: name(&old) }));
    assert!(country.active("w").is_empty());
    // Not by asking again, nor by the receipt of another epoch.
    let node = country.node(1);
    conflict(&country.refused_everywhere(&node, Command::Replan { workload: workload("w") }), "nothing is due");
    assert!(matches!(country.receipt("w", &old, 2), Outcome::Refused(Refusal::Conflict { .. })));
    // A person vouches: the one who runs the old cluster, and nobody else.
    let fence = Command::ConfirmFence { workload: workload("w"), cluster: name(&old), epoch: 1 };
    let owner = country.chefs.iter().position(|_| true).unwrap();
    let places = ["nord", "site-b", "site-c"];
    let at = places.iter().position(|site| *site == site_of(&old)).unwrap();
    let other = country.chefs[(at + 1 + owner) % 3].clone();
    assert!(matches!(country.refused_everywhere(&other, fence.clone()), Refusal::NotAuthorised { .. }));
    let chef = country.chefs[at].clone();
    country.f.act(&chef, fence);
    assert_eq!(country.active("w")[0].cluster, name(&standby));
    assert_eq!(country.active("w")[0].epoch, 2);
    assert_eq!(country.placement("w").cause, Cause::Released);
}

#[test]
fn who_wants_to_be_asked_is_asked() {
    let (mut country, old, _) = with_exclusive(FenceLevel::Guard, FailoverAuthority::Ask);
    let before = country.placement("w").change;
    country.find(&ended(&old, 1));
    assert_eq!(country.placement("w").waiting, Some(Waiting::Person));
    assert_eq!(country.placement("w").change, before, "nothing moved, so there is no new change");
    let node = country.node(1);
    conflict(&country.refused_everywhere(&node, Command::Replan { workload: workload("w") }), "nothing is due");
    let ada = country.ada();
    let failover = Command::Failover { workload: workload("w"), to: None, accept_loss: false };
    country.f.act(&ada, failover);
    assert_eq!(country.active("w")[0].epoch, 2);
}

#[test]
fn failover_of_what_lives_says_that_something_may_be_lost() {
    let (mut country, old, standby) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let ada = country.ada();
    let failover = |accept_loss| Command::Failover { workload: workload("w"), to: None, accept_loss };
    conflict(&country.f.refused(&ada, failover(false)), "accept the loss, or relocate");
    country.f.act(&ada, failover(true));
    // Even so it starts elsewhere only when the old copy is proven stopped.
    assert_eq!(country.placement("w").waiting, Some(Waiting::Fence { cluster: name(&old) }));
    assert!(matches!(country.receipt("w", &old, 1), Outcome::Accepted(_)));
    assert_eq!(country.active("w")[0].cluster, name(&standby));
}

#[test]
fn relocation_drill_and_failback_wait_for_receipts() {
    let (mut country, old, standby) = with_exclusive(FenceLevel::Agent, FailoverAuthority::Manual);
    let ada = country.ada();
    assert!(matches!(
        country.f.refused(&ada, Command::Failback { workload: workload("w"), emergency: None }),
        Refusal::Conflict { .. }
    ));
    country.f.act(&ada, Command::StartDrill { workload: workload("w"), emergency: None });
    assert!(country.active("w").is_empty());
    assert!(matches!(country.receipt("w", &old, 1), Outcome::Accepted(_)));
    assert_eq!((country.active("w")[0].cluster.to_string(), country.active("w")[0].epoch), (standby.clone(), 2));
    country.f.act(&ada, Command::Failback { workload: workload("w"), emergency: None });
    assert!(matches!(country.receipt("w", &standby, 2), Outcome::Accepted(_)));
    assert_eq!((country.active("w")[0].cluster.to_string(), country.active("w")[0].epoch), (old.clone(), 3));
    let relocate = Command::Relocate { workload: workload("w"), to: name(&standby), emergency: None };
    country.f.act(&ada, relocate);
    assert!(matches!(country.receipt("w", &old, 3), Outcome::Accepted(_)));
    assert_eq!(country.active("w")[0].epoch, 4);
    let change = country.placement("w").change;
    assert_eq!(country.f.state.change(&change).unwrap().value.kind, ChangeKind::Normal);
}

#[test]
fn a_parallel_workload_moves_when_its_site_is_lost_and_the_site_returns() {
    let mut country = Country::new();
    let ada = country.ada();
    country.f.act(&ada, apply("p", spec(Mode::Parallel { copies: 2 }, AUTOMATIC, None)));
    let active = country.active("p");
    assert_eq!(active.len(), 2);
    let lost = site_of(active[0].cluster.as_str());
    country.find(&unreachable(&lost, 0));
    assert!(country.f.state.is_lost(&name(&lost)));
    let now: Vec<_> = country.active("p").into_iter().map(|copy| copy.cluster).collect();
    assert!(now.len() == 2 && !now.contains(&active[0].cluster));
    assert_eq!(country.f.state.incidents().filter(|held| !held.value.resolved).count(), 1);
    // While it is lost, its lease is not opened anew, and its return is another number.
    let node = country.node(1);
    conflict(&country.refused_everywhere(&node, country.verdict(&unreachable(&lost, 0), &[0, 1])), "is lost");
    let returned = |presence| Finding::Returned { site: name(&lost), presence };
    conflict(&country.refused_everywhere(&node, country.verdict(&returned(0), &[0, 1])), "number");
    country.find(&returned(1));
    assert_eq!(country.f.state.presence(&name(&lost)).unwrap().value.number, 2);
    assert_eq!(country.f.state.incidents().filter(|held| !held.value.resolved).count(), 0);
}

/// What a leader, or the node that it speaks through, makes up.
#[test]
fn a_verdict_without_a_majority_is_refused() {
    let (mut country, old, _) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let (node, finding) = (country.node(0), ended(&old, 1));
    let with = |statements| Command::SubmitVerdict { finding: finding.clone(), statements };
    // One of three; one twice; nobody.
    for voters in [&[0][..], &[0, 0], &[]] {
        let command = country.verdict(&finding, voters);
        conflict(&country.refused_everywhere(&node, command), "make no verdict");
    }
    // A signature of another key, one over another finding, a changed one.
    let membership = country.membership();
    let good = country.signed(&finding, 0, membership);
    let mut stolen = country.signed(&finding, 1, membership);
    stolen.node = country.nodes[2].0;
    let other = country.signed(&ended(&old, 2), 1, membership);
    let mut changed = country.signed(&finding, 1, membership);
    changed.signature.0[5] ^= 1;
    for bad in [stolen, other, changed] {
        let command = with(vec![good.clone(), bad]);
        assert!(matches!(country.refused_everywhere(&node, command), Refusal::BadSignature { .. }));
    }
    // By who is no voter any more, and under a membership that is not in force (rule 7): the same sets, another log id.
    let ids: Vec<NodeId> = country.nodes.iter().map(|(id, _)| *id).collect();
    let before: Vec<_> = [0, 1].iter().map(|voter| country.signed(&finding, *voter, membership)).collect();
    country.f.members(&[&ids, &ids[..1]], &[]);
    country.f.members(&[&ids[..1], &ids], &[]);
    country.f.members(&[&ids], &[]);
    let command = with(before);
    conflict(&country.refused_everywhere(&node, command), "under the membership");
    let made_up = MembershipId { index: country.membership().index + 1, ..country.membership() };
    let future = [0, 1].iter().map(|voter| country.signed(&finding, *voter, made_up)).collect();
    let command = with(future);
    conflict(&country.refused_everywhere(&node, command), "under the membership");
    // In a joint membership a majority of each set is needed (rule 7).
    country.f.members(&[&ids, &ids[2..]], &[]);
    let command = country.verdict(&finding, &[0, 1]);
    conflict(&country.refused_everywhere(&node, command), "make no verdict");
    // Nobody but a node brings verdicts.
    let (ada, command) = (country.ada(), country.verdict(&finding, &[0, 2]));
    assert!(matches!(country.refused_everywhere(&ada, command.clone()), Refusal::NotAuthorised { .. }));
    country.f.act(&node, command);
}

/// Only what no honest node brings wakes somebody, and all of that does.
#[test]
fn what_a_node_made_up_raises_the_alarm_and_what_was_overtaken_does_not() {
    let (mut country, old, _) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let (node, finding, in_force) = (country.node(0), ended(&old, 1), country.membership());
    let raises = |country: &mut Country, command: Command, wanted: bool| {
        let (refusal, alarm) = country.refused_with(&node, command.clone());
        let author = country.nodes[0].0;
        let at = country.f.state.applied();
        let expected = wanted.then(|| Alarm::FalseCause { at, author, reason: refusal.clone() });
        assert_eq!(alarm, expected, "{command:?}: {refusal}");
    };
    let under = |country: &Country, membership: MembershipId| Command::SubmitVerdict {
        finding: finding.clone(),
        statements: [0, 1].iter().map(|voter| country.signed(&finding, *voter, membership)).collect(),
    };
    // Made up.
    let command = country.verdict(&finding, &[0]);
    raises(&mut country, command, true);
    let mut forged = country.signed(&finding, 1, in_force);
    forged.signature.0[7] ^= 1;
    let statements = vec![country.signed(&finding, 0, in_force), forged];
    raises(&mut country, Command::SubmitVerdict { finding: finding.clone(), statements }, true);
    let command = under(&country, MembershipId { index: in_force.index + 1, ..in_force });
    raises(&mut country, command, true);
    raises(&mut country, Command::PlanNext { verdict: 7 }, true);
    raises(&mut country, Command::Failback { workload: workload("w"), emergency: None }, true);
    // Overtaken: by a change of members, by another's verdict, by another's plan.
    let command = under(&country, MembershipId { index: in_force.index - 1, ..in_force });
    raises(&mut country, command, false);
    raises(&mut country, Command::Replan { workload: workload("w") }, false);
    country.find(&finding);
    let command = country.verdict(&finding, &[0, 1]);
    raises(&mut country, command, false);
    let done = country.f.state.verdicts().next_back().unwrap().value.index;
    raises(&mut country, Command::PlanNext { verdict: done }, false);
    // What people may not do wakes nobody either: they make mistakes.
    let ada = country.ada();
    let command = country.verdict(&unreachable("nord", 0), &[0, 1]);
    assert_eq!(country.refused_with(&ada, command).1, None);
}

#[test]
fn a_verdict_of_another_generation_or_presence_is_refused() {
    let (mut country, old, _) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let node = country.node(0);
    for generation in [0, 2] {
        let command = country.verdict(&ended(&old, generation), &[0, 1]);
        conflict(&country.refused_everywhere(&node, command), "not to be ended");
    }
    country.find(&ended(&old, 1));
    let command = country.verdict(&ended(&old, 1), &[0, 1]);
    conflict(&country.refused_everywhere(&node, command), "is closed");
    let command = country.verdict(&unreachable("nord", 1), &[0, 1]);
    conflict(&country.refused_everywhere(&node, command), "number");
    let command = country.verdict(&ended("nirgends", 1), &[0, 1]);
    assert!(matches!(country.refused_everywhere(&node, command), Refusal::NotFound { .. }));
}

#[test]
fn a_liar_alone_ends_nothing_where_that_was_demanded() {
    let mut country = Country::new();
    let timings = Timings { one_liar: true, ..Timings::default() };
    let propose = Command::Propose { action: verbund_model::resource::Action::SetTimings { timings } };
    let coordinator = country.f.coordinator(0);
    let Accepted::Waiting { subject, .. } = country.f.act(&coordinator, propose) else { panic!("not waiting") };
    country.f.act(&country.f.coordinator(1), Command::Approve { subject });
    assert!(country.f.state.timings().value.timings.one_liar);
    // Three voters go by majority.
    country.find(&ended("c-nord", 1));
}

#[test]
fn early_activation_and_placement_without_cause_are_refused() {
    let (mut country, old, standby) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let node = country.node(0);
    // Nothing is due: neither a batch of a verdict that is not, nor a new plan for what runs well.
    let next = Command::PlanNext { verdict: 7 };
    assert!(matches!(country.refused_everywhere(&node, next), Refusal::NotFound { .. }));
    conflict(&country.refused_everywhere(&node, Command::Replan { workload: workload("w") }), "nothing is due");
    // A receipt for what is to run, from another agent, or from a node.
    let receipt = |cluster: &str, epoch| Command::Receipt { cluster: name(cluster), workload: workload("w"), epoch };
    let agent = country.agent(&old);
    conflict(&country.refused_everywhere(&agent, receipt(&old, 1)), "is not being stopped");
    let other = country.agent(&standby);
    assert!(matches!(country.refused_everywhere(&other, receipt(&old, 1)), Refusal::NotAuthorised { .. }));
    assert!(matches!(country.refused_everywhere(&node, receipt(&old, 1)), Refusal::NotAuthorised { .. }));
    // A person's moves are a person's.
    let failover = Command::Failover { workload: workload("w"), to: None, accept_loss: true };
    assert!(matches!(country.refused_everywhere(&node, failover), Refusal::NotAuthorised { .. }));
    // A site that is unreachable does not end its leases: the exclusive workload stays.
    country.find(&unreachable(&site_of(&old), 0));
    assert_eq!(country.active("w")[0].cluster, name(&old));
    conflict(&country.refused_everywhere(&node, Command::Replan { workload: workload("w") }), "nothing is due");
    let done = country.f.state.verdicts().next_back().unwrap().value.index;
    conflict(&country.refused_everywhere(&node, Command::PlanNext { verdict: done }), "nothing is due");
}

#[test]
fn leases_open_one_after_the_other() {
    let (mut country, old, standby) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let node = country.node(0);
    let open = |cluster: &str, generation, refusal| Command::OpenLease { cluster: name(cluster), generation, refusal };
    conflict(&country.refused_everywhere(&node, open(&old, 3, None)), "cannot be opened");
    conflict(&country.refused_everywhere(&node, open(&old, 1, None)), "cannot be opened");
    conflict(&country.refused_everywhere(&node, open(&old, 2, None)), "is open");
    // In place, where a voter refuses the open one: the copies go on under the new one, and count until that ends.
    let refusal = country.signed(&ended(&old, 1), 1, country.membership());
    let mut false_one = refusal.clone();
    false_one.node = country.nodes[2].0;
    let bad = country.refused_everywhere(&node, open(&old, 2, Some(false_one)));
    assert!(matches!(bad, Refusal::BadSignature { .. }));
    country.f.act(&node, open(&old, 2, Some(refusal.clone())));
    let active = &country.active("w")[0];
    assert_eq!((active.cluster.to_string(), active.epoch, active.generation), (old.clone(), 1, 2));
    let command = country.verdict(&ended(&old, 1), &[0, 1]);
    conflict(&country.refused_everywhere(&node, command), "not to be ended");
    country.find(&ended(&old, 2));
    assert_eq!(country.active("w")[0].cluster, name(&standby));
    // A closed generation never opens again; a refusal of none says nothing.
    conflict(&country.refused_everywhere(&node, open(&old, 2, None)), "cannot be opened");
    let none = country.refused_everywhere(&node, open(&old, 3, Some(refusal)));
    assert!(matches!(none, Refusal::Invalid { .. }));
    // Not while the site is lost.
    country.find(&unreachable(&site_of(&old), 0));
    conflict(&country.refused_everywhere(&node, open(&old, 3, None)), "was found lost");
    country.find(&Finding::Returned { site: name(&site_of(&old)), presence: 1 });
    country.f.act(&node, open(&old, 3, None));
    // What was fenced there does not come back by itself.
    assert_eq!(country.active("w")[0].cluster, name(&standby));
}

#[test]
fn mass_failover_goes_in_bounded_batches_by_priority() {
    let mut country = Country::new();
    let ada = country.ada();
    for number in 0..70_u16 {
        let mut wanted = spec(exclusive(FenceLevel::Guard), AUTOMATIC, None);
        wanted.priority = number;
        wanted.requirements.amounts.cpu_millis = 1;
        wanted.requirements.sites = [name("nord")].into();
        country.f.act(&ada, apply(&format!("w-{number}"), wanted.clone()));
        wanted.requirements.sites = [].into();
        country.f.act(&ada, apply(&format!("w-{number}"), wanted));
        assert_eq!(country.active(&format!("w-{number}"))[0].cluster, name("c-nord"), "what runs well stays");
    }
    country.find(&ended("c-nord", 1));
    let verdict = country.f.index;
    assert_eq!(country.f.state.pending_verdicts().collect::<Vec<_>>(), [verdict]);
    let remaining = country.f.state.verdict(&verdict).unwrap().value.remaining.clone();
    let wanted: Vec<_> = (0..6).rev().map(|number| workload(&format!("w-{number}"))).collect();
    assert_eq!(remaining, wanted, "the most urgent were first");
    assert_eq!(country.active("w-69")[0].epoch, 2);
    assert_eq!(country.active("w-0")[0].epoch, 1);
    // Voters stay as they are until all of it is planned (rule 14).
    let node = country.node(1);
    country.f.act(&node, Command::PlanNext { verdict });
    assert_eq!(country.active("w-0")[0].epoch, 2);
    assert_eq!(country.f.state.pending_verdicts().count(), 0);
    conflict(&country.refused_everywhere(&node, Command::PlanNext { verdict }), "nothing is due");
}

#[test]
fn a_lost_voter_is_replaced_when_no_verdict_is_pending() {
    let mut country = Country::new();
    let asking = {
        country.f.organisation("d");
        country.f.ask("site-d", "d", "DE-SN")
    };
    let fourth = country.f.admit(&asking);
    let ids: Vec<NodeId> = country.nodes.iter().map(|(id, _)| *id).collect();
    let voters = |country: &Country| voter_plan(&country.f.state).voters.into_iter().collect::<Vec<_>>();
    assert_eq!(voters(&country), ids);
    country.find(&unreachable("site-b", 0));
    assert_eq!(voters(&country), ids, "its lease has yet to be ended by the voters as they are");
    country.find(&ended("c-site-b", 1));
    assert_eq!(voters(&country), [ids[0], ids[2], fourth]);
    let index = country.f.index;
    assert_eq!(country.f.state.voter_target(index).unwrap().iter().copied().collect::<Vec<_>>(), voters(&country));
    country.f.members(&[&ids, &voters(&country)], &[]);
    let now = voters(&country);
    country.f.members(&[&now], &[]);
    // Who took its place stays when it returns.
    let signed = [0, 2]
        .map(|v| country.signed(&Finding::Returned { site: name("site-b"), presence: 1 }, v, country.membership()));
    let finding = Finding::Returned { site: name("site-b"), presence: 1 };
    let node = country.node(0);
    country.f.act(&node, Command::SubmitVerdict { finding, statements: signed.to_vec() });
    assert_eq!(voters(&country), now);
}

#[test]
fn the_plan_that_was_seen_is_the_plan_that_is_carried_out() {
    let mut country = Country::new();
    let ada = country.ada();
    let wanted = verbund_model::resource::Workload {
        name: workload("w"),
        organisation: name("kost"),
        customer: None,
        spec: spec(exclusive(FenceLevel::Guard), AUTOMATIC, far()),
        deleting: false,
    };
    let dry = country.f.state.plan_dry_run(&wanted, country.f.clock).unwrap();
    let command = |expect| Command::ApplyWorkload {
        name: workload("w"),
        organisation: name("kost"),
        customer: None,
        spec: wanted.spec.clone(),
        expect,
        emergency: None,
    };
    let other = verbund_model::Hash([3; 32]);
    conflict(&country.refused_everywhere(&ada, command(Some(other))), "look at the plan again");
    country.f.act(&ada, command(Some(dry.hash)));
    let placement = country.placement("w");
    assert_eq!(verbund_machine::plan_hash(&placement), dry.hash);
    assert_eq!(placement.copies.len(), dry.plan.placement.copies.len());
    let why = country.f.state.why(&workload("w"), country.f.clock).unwrap();
    assert_eq!(why.clusters.len(), 3);
    assert_eq!(country.f.state.capacity(country.f.clock).len(), 3);
    let at_active: Vec<_> = country.f.state.desired(&country.active("w")[0].cluster).collect();
    assert_eq!((at_active.len(), at_active[0].1.role), (1, Active));
}

/// lease.md 2: an agent registers its start through the log, which mints a number that only rises.
#[test]
fn an_agents_starts_are_numbered_by_the_log() {
    let mut country = Country::new();
    let (ada, node, agent, other) =
        (country.ada(), country.node(0), country.agent("c-nord"), country.agent("c-site-b"));
    let start = Command::RegisterStart { cluster: name("c-nord") };
    let of = |country: &Country| country.f.state.cluster(&name("c-nord")).unwrap().value.incarnation;
    assert_eq!(of(&country), 0, "none is registered yet");
    // Nobody else registers it: not the node through which it speaks, not who runs the cluster, not another agent.
    for stranger in [&node, &ada, &other] {
        let refusal = country.refused_everywhere(stranger, start.clone());
        assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal:?}");
    }
    assert_eq!(of(&country), 0);
    let mut last = 0;
    for _ in 0..3 {
        let Accepted::Changed { version } = country.f.act(&agent, start.clone()) else { panic!("not changed") };
        assert_eq!((version, of(&country)), (country.f.index, country.f.index), "the answer names the number");
        assert!(version > last);
        last = version;
    }
    // Nothing else changes it: no measurement, no other facts of the cluster, no snapshot.
    country.f.act(&agent, Command::Observe { cluster: name("c-nord"), observation: observation(false, "voll") });
    let spec = verbund_model::resource::ClusterSpec { price: 7, ..cluster_spec() };
    let again = |spec, agent_key| Command::ApplyCluster { name: name("c-nord"), site: name("nord"), spec, agent_key };
    country.f.act(&ada, again(spec.clone(), agent.key.clone()));
    assert_eq!(of(&country), last);
    assert_eq!(restored(&country.f.state).cluster(&name("c-nord")).unwrap().value.incarnation, last);
    // The same envelope again is no other start.
    let statement = country.f.statement(&agent, start.clone());
    let bytes = entry(country.f.clock, &signed(&agent, statement.to_payload()));
    let first = country.f.apply_bytes(&bytes).outcome;
    let registered = of(&country);
    assert_eq!(country.f.apply_bytes(&bytes).outcome, first);
    assert_eq!(of(&country), registered);
    // Taken out and registered anew, with another key: what the old key signs counts nothing, and the number still rises.
    country.f.act(&ada, Command::RemoveCluster { name: name("c-nord") });
    let key = country.f.ring.p256();
    country.f.act(&ada, again(spec, key.key.clone()));
    assert_eq!(of(&country), 0);
    assert!(!matches!(country.f.try_to(&agent, start.clone()), Outcome::Accepted(_)));
    country.f.act(&key, start);
    assert!(of(&country) > registered);
}

#[test]
fn what_fits_nowhere_waits_until_it_fits() {
    let mut country = Country::new();
    let ada = country.ada();
    let mut wanted = spec(exclusive(FenceLevel::Guard), AUTOMATIC, None);
    wanted.requirements.labels.insert("tier".to_owned(), "gold".to_owned());
    country.f.act(&ada, apply("w", wanted));
    assert_eq!(country.placement("w").waiting, Some(Waiting::NotPlaceable));
    assert_eq!(due(&country), []);
    let mut with_label = cluster_spec();
    with_label.labels.insert("tier".to_owned(), "gold".to_owned());
    let agent_key = country.agent("c-nord").key.clone();
    let cluster = Command::ApplyCluster { name: name("c-nord"), site: name("nord"), spec: with_label, agent_key };
    country.f.act(&ada, cluster);
    assert_eq!(due(&country), [workload("w")]);
    let node = country.node(1);
    country.f.act(&node, Command::Replan { workload: workload("w") });
    assert_eq!(country.active("w")[0].cluster, name("c-nord"));
    assert_eq!(due(&country), []);
    // What was promised there is not taken away while it runs, nor is the cluster.
    let agent_key = country.agent("c-nord").key.clone();
    let plain = Command::ApplyCluster { name: name("c-nord"), site: name("nord"), spec: cluster_spec(), agent_key };
    conflict(&country.f.refused(&ada, plain), "spec.labels");
    conflict(&country.f.refused(&ada, Command::RemoveCluster { name: name("c-nord") }), "relocate");
}

#[test]
fn expired_evidence_is_a_cause() {
    let mut country = Country::new();
    let ada = country.ada();
    let end = country.f.clock + 3_600_000;
    let places = [("nord", 0, end), ("site-b", 1, end * 2)];
    for (site, chef, valid_until) in places {
        let evidence = Evidence {
            name: name(&format!("c5-{site}")),
            subject: EvidenceSubject::Site(name(site)),
            kind: EvidenceKind::C5,
            issuer: "Prüfer".to_owned(),
            document: verbund_model::Hash([1; 32]),
            valid_until,
        };
        let chef = country.chefs[chef].clone();
        country.f.act(&chef, Command::ApplyEvidence { evidence });
    }
    let mut wanted = spec(Mode::Parallel { copies: 1 }, AUTOMATIC, None);
    wanted.requirements.evidence = [EvidenceKind::C5].into();
    wanted.requirements.sites = [name("nord")].into();
    country.f.act(&ada, apply("p", wanted.clone()));
    wanted.requirements.sites = [].into();
    country.f.act(&ada, apply("p", wanted));
    assert_eq!(country.active("p")[0].cluster, name("c-nord"));
    let replan = Command::Replan { workload: workload("p") };
    let node = country.node(1);
    conflict(&country.refused_everywhere(&node, replan.clone()), "nothing is due");
    country.f.clock = end + 1;
    assert_eq!(due(&country), [workload("p")]);
    assert_eq!(country.f.state.ended_between(end - 1, end), [workload("p")].into());
    assert_eq!(country.f.state.ended_between(end, end + 1), [].into());
    country.f.act(&node, replan);
    assert_eq!(country.active("p")[0].cluster, name("c-site-b"));
    assert_eq!(country.placement("p").cause, Cause::EvidenceExpired);
}

#[test]
fn a_deleted_workload_goes_with_its_last_copy_and_its_epochs_go_on() {
    let (mut country, old, _) = with_exclusive(FenceLevel::Agent, AUTOMATIC);
    let ada = country.ada();
    let veto = LicenceVeto { site: name("nord"), workload: workload("w"), reason: "Lizenz".to_owned() };
    country.f.act(&ada, Command::SetLicenceVeto { veto });
    country.f.act(&ada, Command::DeleteWorkload { name: workload("w") });
    assert_eq!(country.copies("w"), [(old.clone(), Stopping, 1)]);
    assert!(country.f.state.workload(&workload("w")).unwrap().value.deleting);
    let again = apply("w", spec(exclusive(FenceLevel::Agent), AUTOMATIC, None));
    conflict(&country.f.refused(&ada, again.clone()), "being stopped");
    assert!(matches!(country.receipt("w", &old, 1), Outcome::Accepted(_)));
    let state = &country.f.state;
    assert!(state.workload(&workload("w")).is_none() && state.placement(&workload("w")).is_none());
    assert_eq!(state.changes().count() + state.incidents().count() + state.licence_vetoes().count(), 0);
    restored(state);
    country.f.act(&ada, again);
    assert_eq!(country.active("w")[0].epoch, 2, "an agent refuses the epochs that it has seen");
}

#[test]
fn reports_carry_phases_and_finish_relocations() {
    let mut country = Country::new();
    let ada = country.ada();
    country.f.act(&ada, apply("p", spec(Mode::Parallel { copies: 1 }, AUTOMATIC, None)));
    let from = country.active("p")[0].cluster.to_string();
    let to = if from == "c-nord" { "c-site-c" } else { "c-nord" };
    let report = |cluster: &str, epoch, phase| Command::ReportCopies {
        cluster: name(cluster),
        copies: vec![CopyReport { workload: workload("p"), epoch, phase }],
    };
    let agent = country.agent(&from);
    country.f.act(&agent, report(&from, 1, CopyPhase::Ready));
    assert_eq!(country.active("p")[0].phase, CopyPhase::Ready);
    let again = country.f.act(&agent, report(&from, 1, CopyPhase::Ready));
    assert!(matches!(again, Accepted::Unchanged { .. }));
    let old = country.f.act(&agent, report(&from, 7, CopyPhase::Pending));
    assert!(matches!(old, Accepted::Unchanged { .. }), "of another epoch it says nothing");
    country.f.act(&ada, Command::Relocate { workload: workload("p"), to: name(to), emergency: None });
    assert_eq!(country.active("p").len(), 2, "the new copy comes before the old one goes");
    let agent = country.agent(to);
    country.f.act(&agent, report(to, 2, CopyPhase::Ready));
    assert!(country.copies("p").contains(&(from, Stopping, 1)));
    assert_eq!(country.active("p")[0].cluster, name(to));
}

#[test]
fn an_impaired_cluster_is_told_to_whom_it_concerns() {
    let (mut country, old, _) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let agent = country.agent(&old);
    let observe =
        |ready, impairment: &str| Command::Observe { cluster: name(&old), observation: observation(ready, impairment) };
    country.f.act(&agent, observe(false, "no node is ready"));
    country.f.act(&agent, observe(false, "no node is ready at all"));
    let incidents: Vec<_> = country.f.state.incidents().map(|held| held.value.clone()).collect();
    assert_eq!((incidents.len(), incidents[0].reason.as_str()), (1, "no node is ready"));
    country.f.act(&agent, observe(true, ""));
    assert!(country.f.state.incidents().all(|held| held.value.resolved));
}

#[test]
fn wrong_documents_are_named_by_field() {
    let mut country = Country::new();
    let ada = country.ada();
    let mut field = |change: &dyn Fn(&mut verbund_model::resource::WorkloadSpec)| {
        let mut wanted = spec(exclusive(FenceLevel::Guard), AUTOMATIC, None);
        wanted.requirements = requirements();
        change(&mut wanted);
        match country.f.refused(&ada, apply("w", wanted)) {
            Refusal::Invalid { field, reason } => {
                assert!(reason.contains("found"), "{reason}");
                field
            }
            other => panic!("{other:?}"),
        }
    };
    let kind = |group: &str, version: &str, kind: &str| verbund_model::resource::ApiKind {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
    };
    let good = kind("apps", "v1", "Deployment");
    let kinds = [good.clone(), kind("batch", "v1", "Job"), kind("Net_work", "v1", "Ingress")];
    let at = |all: &[verbund_model::resource::ApiKind], bad: &verbund_model::resource::ApiKind| {
        let set: std::collections::BTreeSet<_> = all.iter().cloned().collect();
        set.iter().position(|kind| kind == bad).unwrap()
    };
    let place = at(&kinds, &kinds[2]);
    let found = field(&|wanted| wanted.requirements.kinds = kinds.clone().into());
    assert_eq!(found, format!("spec.requirements.kinds[{place}].group"));
    assert_eq!(field(&|wanted| wanted.stop_budget = 0), "spec.stopBudget");
    assert_eq!(field(&|wanted| wanted.stop_budget = 8_000), "spec.stopBudget");
    let many = |wanted: &mut verbund_model::resource::WorkloadSpec| wanted.mode = Mode::Parallel { copies: 9 };
    assert_eq!(field(&many), "spec.mode.parallel.copies");
    assert_eq!(field(&|wanted| wanted.requirements.sites = [name("nirgends")].into()), "spec.requirements.sites[0]");
    assert_eq!(field(&|wanted| wanted.manifests = vec![document("{}")]), "spec.manifests[0].apiVersion");
    let pod = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"image":"x"}]}}"#;
    let command = field(&|wanted| wanted.manifests = vec![document(pod)]);
    assert_eq!(command, "spec.manifests[0].spec.containers[0].command");
    let shared = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"hostPID":true,"containers":[]}}"#;
    let flag = field(&|wanted| wanted.manifests = vec![document(shared)]);
    assert_eq!(flag, "spec.manifests[0].spec.hostPID");
    let object =
        |text: &str, more: &str| format!(r#"{{"apiVersion":"v1","kind":"{text}","metadata":{{"name":"o"{more}"#);
    let mut found = |text: String| field(&|wanted| wanted.manifests = vec![document(&text)]);
    assert_eq!(found(object("ConfigMap", r#","namespace":"other"}}"#)), "spec.manifests[0].metadata.namespace");
    assert_eq!(found(object("ConfigMap", r#","namespace":1}}"#)), "spec.manifests[0].metadata.namespace");
    assert_eq!(found(object("Namespace", "}}")), "spec.manifests[0].metadata.name");
    let listed = found(object("List", r#"},"items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}},{}]}"#));
    assert_eq!(listed, "spec.manifests[0].items[1].apiVersion");
    let volumes = r#"},"spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"b","hostPath":{"path":"/"}}]}}"#;
    assert_eq!(found(object("Pod", volumes)), "spec.manifests[0].spec.volumes[1].hostPath");
    let privileged = r#"},"spec":{"initContainers":[{"command":["x"],"securityContext":{"privileged":true}}]}}"#;
    let place = "spec.manifests[0].spec.initContainers[0].securityContext.privileged";
    assert_eq!(found(object("Pod", privileged)), place);
}

#[test]
fn timings_must_be_safe() {
    let mut country = Country::new();
    let coordinator = country.f.coordinator(0);
    let propose = |timings| Command::Propose { action: verbund_model::resource::Action::SetTimings { timings } };
    let unsafe_margin = Timings { margin: 1_500, ..Timings::default() };
    let Refusal::Invalid { field, reason } = country.f.refused(&coordinator, propose(unsafe_margin)) else { panic!() };
    assert_eq!(
        (field.as_str(), reason.as_str()),
        ("action.setTimings.timings.margin", "found 1500, wanted for this lease and drift is 1551 or more",)
    );
    let shorter = Timings { lease: 4_000, ..Timings::default() };
    let Accepted::Waiting { subject, .. } = country.f.act(&coordinator, propose(shorter)) else { panic!() };
    country.f.act(&country.f.coordinator(1), Command::Approve { subject });
    let in_force = country.f.state.timings().value;
    assert_eq!((in_force.timings, in_force.lease_before, in_force.margin_before), (shorter, 8_400, 1_600));
}

#[test]
fn tickets_of_people_do_not_take_names_that_are_given() {
    let (mut country, _, _) = with_exclusive(FenceLevel::Guard, AUTOMATIC);
    let ada = country.ada();
    let open = |text: &str| Command::OpenChange { name: name(text), workload: workload("w"), description: "x".into() };
    assert!(matches!(country.f.refused(&ada, open("chg-1-w")), Refusal::Invalid { .. }));
    for number in 0..16 {
        country.f.act(&ada, open(&format!("c-{number}")));
    }
    assert!(matches!(country.f.refused(&ada, open("c-16")), Refusal::TooLarge { .. }));
    // Closed ones are kept for a while, not for ever.
    for round in 0..40 {
        let mut wanted = spec(exclusive(FenceLevel::Guard), AUTOMATIC, far());
        wanted.rto = round + 1;
        country.f.act(&ada, apply("w", wanted));
    }
    let closed = |ticket: &ChangeTicket| ticket.closed;
    let kept = country.f.state.changes().filter(|held| closed(&held.value)).count();
    assert!((32..=33).contains(&kept), "{kept}");
    assert!(country.f.state.change(&country.placement("w").change).is_some());
}

#[test]
fn a_format_that_this_build_does_not_know_halts_it() {
    let mut country = Country::new();
    let (coordinator, second) = (country.f.coordinator(0), country.f.coordinator(1));
    let propose = |format| Command::Propose { action: verbund_model::resource::Action::SwitchOn { format } };
    for format in [0, 1, verbund_machine::FORMAT + 2] {
        assert!(matches!(country.refused_everywhere(&coordinator, propose(format)), Refusal::Invalid { .. }));
    }
    let next = verbund_machine::FORMAT + 1;
    let Accepted::Waiting { subject, .. } = country.f.act(&coordinator, propose(next)) else { panic!() };
    let approve = country.f.statement(&second, Command::Approve { subject });
    let bytes = entry(country.f.clock, &signed(&second, approve.to_payload()));
    let applied = country.f.apply_bytes(&bytes);
    assert_eq!(applied.unknown_format, Some(next));
    // Nor does a snapshot from beyond bring it there.
    let mut restore = verbund_machine::Restore::new();
    country.f.state.records().for_each(|record| restore.push(&record).unwrap());
    let error = restore.finish().unwrap_err();
    assert_eq!(error, verbund_machine::RestoreError::SwitchedOn { found: next, known: verbund_machine::FORMAT });
}

#[test]
fn consent_that_is_withdrawn_makes_something_due() {
    let mut country = Country::new();
    let (ada, chef, node) = (country.ada(), country.chefs[1].clone(), country.node(1));
    country.f.bind(&chef, "b", "chef", UserRole::CloudServiceKunde, &[]);
    let wanted = spec(Mode::Parallel { copies: 1 }, AUTOMATIC, None);
    let (organisation, customer) = (name("kost"), Some(name("b")));
    let command = Command::ApplyWorkload {
        name: workload("p"),
        organisation,
        customer,
        spec: wanted,
        expect: None,
        emergency: None,
    };
    country.f.act(&ada, command);
    assert_eq!(country.placement("p").waiting, Some(Waiting::NotPlaceable));
    let consent = |sites: &[&str]| {
        let sites = sites.iter().map(|site| name(site)).collect();
        Command::GiveConsent { consent: Consent { customer: name("b"), workload: workload("p"), sites } }
    };
    country.f.act(&chef, consent(&["nord"]));
    country.f.act(&node, Command::Replan { workload: workload("p") });
    assert_eq!(country.active("p")[0].cluster, name("c-nord"));
    let before = country.f.state.clone();
    country.f.act(&chef, consent(&["site-c"]));
    assert_eq!(country.f.state.concerned_since(&before), [workload("p")].into());
    assert!(country.f.state.is_due(&workload("p"), country.f.clock));
    country.f.act(&node, Command::Replan { workload: workload("p") });
    assert_eq!(country.active("p")[0].cluster, name("c-site-c"));
}

/// What makes a place wrong concerns those who run there, when it comes and when it goes; what is only of the moment does not.
#[test]
fn whom_a_change_concerns() {
    let mut country = Country::new();
    let (ada, agent) = (country.ada(), country.agent("c-nord"));
    for (workload, site) in [("p", "nord"), ("q", "site-b")] {
        let mut wanted = spec(Mode::Parallel { copies: 1 }, AUTOMATIC, None);
        wanted.requirements.sites = [name(site)].into();
        country.f.act(&ada, apply(workload, wanted));
    }
    let mut concerns = |author: &crate::support::keys::Signer, command: Command| {
        let before = country.f.state.clone();
        country.f.act(author, command);
        let concerned = country.f.state.concerned_since(&before);
        assert_eq!(before.concerned_since(&before), [].into());
        concerned.into_iter().map(|name| name.to_string()).collect::<Vec<_>>()
    };
    let evidence = Evidence {
        name: name("c5"),
        subject: EvidenceSubject::Site(name("nord")),
        kind: EvidenceKind::C5,
        issuer: "Prüfer".to_owned(),
        document: verbund_model::Hash([1; 32]),
        valid_until: u64::MAX,
    };
    assert_eq!(concerns(&ada, Command::ApplyEvidence { evidence }), ["p"]);
    assert_eq!(concerns(&ada, Command::DeleteEvidence { name: name("c5") }), ["p"]);
    let veto = LicenceVeto { site: name("nord"), workload: workload("q"), reason: "Lizenz".to_owned() };
    assert_eq!(concerns(&ada, Command::SetLicenceVeto { veto }), ["q"]);
    assert_eq!(concerns(&ada, Command::LiftLicenceVeto { site: name("nord"), workload: workload("q") }), ["q"]);
    assert_eq!(concerns(&ada, Command::CordonCluster { name: name("c-nord"), cordoned: true }), [""; 0]);
    // Measured anew: how much is free, and whether it is ready, moves nothing that runs; the version of Kubernetes may.
    let mut seen = observation(true, "");
    seen.foreign.cpu_millis = 77;
    let observe = |observation| Command::Observe { cluster: name("c-nord"), observation };
    assert_eq!(concerns(&agent, observe(seen.clone())), [""; 0]);
    seen.kubernetes.minor += 1;
    assert_eq!(concerns(&agent, observe(seen)), ["p"]);
    assert_eq!(concerns(&agent, Command::RegisterStart { cluster: name("c-nord") }), [""; 0]);
}
