//! Exclusion, suspension, the way back (design 3.6 and 7).

use std::collections::BTreeSet;

use verbund_identity::Directive;
use verbund_machine::{Alarm, Membership, voter_plan};
use verbund_model::resource::{
    Action, Cause, CopyRole, DirectiveSignature, FailoverAuthority, FenceLevel, InvitationUse, Mode, NodeStanding,
    Order, SignedDirective, Standby, Standing, UserRole, Waiting,
};
use verbund_model::{Accepted, Command, Hash, NodeId, Outcome, Refusal};
use verbund_planner::Protection;

use crate::country::{Country, apply, ended, requirements, spec, workload};
use crate::federation::Federation;
use crate::support::build::{document, entry, name, proofs, signed};
use crate::support::keys::Signer;

use CopyRole::{Active, Standby as Reserved, Stopping};

/// The order that excludes a site, as the state composes it.
pub fn site_order(federation: &Federation, site: &str) -> Order {
    federation.state.exclude_site_order(&name(site), "Schlüssel entwendet").unwrap()
}

pub fn organisation_order(federation: &Federation, organisation: &str) -> Order {
    federation.state.exclude_organisation_order(&name(organisation), "Schlüssel entwendet", 100).unwrap()
}

/// The first directive, or one that follows `after`.
fn directive(federation: &Federation, order: Order, after: Option<(u64, Hash)>) -> Directive {
    let found = &federation.state.federation().value;
    let (number, predecessor) = after.map_or((1, found.id.0), |(number, hash)| (number + 1, hash));
    Directive {
        v: 1,
        federation: found.id,
        generation: found.generation,
        number,
        predecessor,
        coordinator_set_version: found.coordinators.version,
        issued: federation.clock,
        order,
        accept_quorum_loss: false,
    }
}

fn signed_by(directive: &Directive, signers: &[Signer]) -> SignedDirective {
    let payload = directive.to_payload();
    let message = Directive::message(&payload);
    let sign = |signer: &Signer| DirectiveSignature {
        key: signer.id,
        signature: verbund_model::resource::Der(signer.sign(&message)),
    };
    SignedDirective { signatures: signers.iter().map(sign).collect(), payload: verbund_model::resource::Der(payload) }
}

/// The command that records it, signed by two coordinators.
fn record(federation: &Federation, directive: &Directive) -> Command {
    let signers = [federation.coordinator(0), federation.coordinator(2)];
    Command::RecordDirective { directive: signed_by(directive, &signers) }
}

pub fn exclude(country: &mut Country, order: Order) -> Hash {
    let directive = directive(&country.f, order, None);
    let command = record(&country.f, &directive);
    let by = country.node(0);
    country.f.act(&by, command);
    verbund_identity::sha256(&directive.to_payload())
}

/// Records the exclusion of a site of which nobody has heard.
pub fn exclude_a_stranger(country: &mut Country) {
    let reason = "nie dagewesen".to_owned();
    exclude(country, Order::ExcludeSite { site: name("geist"), nodes: [].into(), keys: [].into(), reason });
}

/// Opens a session for somebody, while that is possible.
fn greet(country: &mut Country, signer: &Signer) {
    country.f.statement(signer, Command::OpenSession {});
}

fn bad(refusal: &Refusal, part: &str) {
    let Refusal::BadDirective { reason } = refusal else { panic!("{refusal:?}") };
    assert!(reason.contains(part), "{reason}");
}

fn excluded(refusal: &Refusal, wanted: &str) {
    let Refusal::Excluded { what } = refusal else { panic!("{refusal:?}") };
    assert!(what.contains(wanted), "{what}");
}

fn conflict(refusal: &Refusal, part: &str) {
    let Refusal::Conflict { what } = refusal else { panic!("{refusal:?}") };
    assert!(what.contains(part), "{what}");
}

fn members(configs: &[&[u64]]) -> Membership {
    let set = |ids: &&[u64]| ids.iter().map(|id| NodeId(*id)).collect();
    Membership { configs: configs.iter().map(set).collect(), learners: BTreeSet::new() }
}

#[test]
fn an_excluded_site_is_a_member_no_more() {
    let mut country = Country::new();
    let order = site_order(&country.f, "site-b");
    let hash = exclude(&mut country, order.clone());
    let state = &country.f.state;
    assert_eq!(state.site(&name("site-b")).unwrap().value.standing, Standing::Excluded);
    assert_eq!(state.node(&NodeId(2)).unwrap().value.standing, NodeStanding::Removed);
    for key in order.keys() {
        assert!(state.is_excluded_key(&key));
        assert!(state.key(&key).is_none_or(|key| key.value.revoked), "{key}");
    }
    assert_eq!(order.keys().len(), 5, "root, issuing CA, sealing, node, agent");
    assert!(state.is_excluded_site(&name("site-b")) && state.is_excluded_node(NodeId(2)));
    assert!(!state.is_excluded_organisation(&name("b")), "its organisation stays");
    let recorded = &state.directive(&hash).unwrap().value;
    assert_eq!((recorded.number, &recorded.order, recorded.beside), (1, &order, None));
    let mut distrust = verbund_identity::directive::Distrust::default();
    distrust.add(&order);
    assert_eq!(state.distrust(), distrust, "what is signed is what is distrusted");
    // The others go on, and nobody else lost anything.
    assert_eq!(state.organisation(&name("b")).unwrap().value.standing, Standing::Active);
    assert_eq!(state.node(&NodeId(3)).unwrap().value.standing, NodeStanding::Active);
}

#[test]
fn an_excluded_voter_leaves_without_its_own_help() {
    let mut country = Country::new();
    let now = country.f.state.membership().0.clone();
    assert_eq!(now.configs, members(&[&[1, 2, 3]]).configs);
    let before = country.f.index;
    let order = site_order(&country.f, "site-b");
    exclude(&mut country, order);
    let (state, basis) = (&country.f.state, country.f.index);
    assert_eq!(voter_plan(state).voters, BTreeSet::from([NodeId(1)]), "two organisations are left");
    // A follower lets in what the plan wants, and nothing that keeps the excluded one.
    let joint = members(&[&[1, 2, 3], &[1]]);
    assert_eq!(state.vet_membership(&now, &joint, basis), Ok(()));
    assert_eq!(state.vet_membership(&joint, &members(&[&[1]]), basis), Ok(()));
    for wrong in [members(&[&[1, 2, 3], &[1, 2]]), members(&[&[1, 2, 3], &[2]])] {
        assert!(state.vet_membership(&now, &wrong, basis).is_err(), "{wrong:?}");
    }
    let back = Membership { learners: [NodeId(2)].into(), ..members(&[&[1]]) };
    assert!(state.vet_membership(&members(&[&[1]]), &back, basis).is_err(), "nor as a learner");
    assert_eq!(state.voter_target(before).unwrap().len(), 3);
}

#[test]
fn only_m_distinct_coordinators_order() {
    let mut country = Country::new();
    let node = country.node(0);
    let order = site_order(&country.f, "site-b");
    let good = directive(&country.f, order, None);
    let coordinators: Vec<Signer> = (0..3).map(|n| country.f.coordinator(n)).collect();
    let brought = |directive: SignedDirective| Command::RecordDirective { directive };
    let tried = |country: &mut Country, signed: SignedDirective, part: &str| {
        let (refusal, alarm) = country.refused_with(&node, brought(signed));
        bad(&refusal, part);
        assert!(matches!(alarm, Some(Alarm::FalseCause { .. })), "{alarm:?}");
    };
    tried(&mut country, signed_by(&good, &coordinators[..1]), "1 coordinators signed the directive, and 2 must");
    tried(&mut country, signed_by(&good, &[]), "0 coordinators");
    let twice = [coordinators[1].clone(), coordinators[1].clone()];
    tried(&mut country, signed_by(&good, &twice), "stands twice");
    let stranger = [coordinators[0].clone(), country.f.founders.sealing.clone()];
    tried(&mut country, signed_by(&good, &stranger), "is no coordinator's");
    let user = [coordinators[0].clone(), country.f.ada()];
    tried(&mut country, signed_by(&good, &user), "is no coordinator's");
    let mut forged = signed_by(&good, &coordinators[..2]);
    forged.signatures[1].signature.0[60] ^= 1;
    tried(&mut country, forged, "is not one of coordinator");
    let mut moved = signed_by(&good, &coordinators[..2]);
    moved.payload = signed_by(&Directive { issued: 1, ..good.clone() }, &[]).payload;
    tried(&mut country, moved, "is not one of coordinator");
    let of_coordinator = Order::ExcludeSite {
        site: name("site-b"),
        nodes: [].into(),
        keys: [coordinators[2].id].into(),
        reason: "r".to_owned(),
    };
    let names = directive(&country.f, of_coordinator, None);
    tried(&mut country, signed_by(&names, &coordinators[..2]), "of a coordinator");
    // The positive control: two of them.
    country.f.act(&node, brought(signed_by(&good, &coordinators[..2])));
}

#[test]
fn it_is_for_one_federation_one_generation_and_one_set_of_coordinators() {
    let mut country = Country::new();
    let node = country.node(0);
    let order = site_order(&country.f, "site-b");
    let good = directive(&country.f, order, None);
    let tried = |country: &mut Country, directive: &Directive| {
        let command = record(&country.f, directive);
        country.refused_with(&node, command)
    };
    let found = verbund_model::FederationId(Hash([7; 32]));
    let other = Directive { federation: found, predecessor: found.0, ..good.clone() };
    assert_eq!(tried(&mut country, &other).0, Refusal::WrongFederation { found });
    let (refusal, alarm) = tried(&mut country, &Directive { generation: 1, ..good.clone() });
    assert_eq!(refusal, Refusal::WrongGeneration { found: 1, current: 0 });
    assert!(alarm.is_some(), "no honest node brings one of a later generation");
    let terms = Order::Recover { terms: "from 0.1".to_owned() };
    let (refusal, _) = tried(&mut country, &Directive { order: terms, ..good.clone() });
    assert!(matches!(refusal, Refusal::NotEnabled { .. }), "{refusal:?}");
    let later = Directive { coordinator_set_version: 2, ..good.clone() };
    bad(&tried(&mut country, &later).0, "version 2 of the set of coordinators, but version 1 is in force");
    // Meanwhile the coordinators are replaced: who was one orders nothing any more, though each signature holds.
    let mut keys: Vec<_> = (0..3).map(|n| country.f.coordinator(n).key).collect();
    let fresh = country.f.ring.p384();
    keys[2] = fresh.key;
    let propose = Command::Propose { action: Action::SetCoordinators { keys, threshold: 2 } };
    let (first, second) = (country.f.coordinator(0), country.f.coordinator(1));
    let Accepted::Waiting { subject, .. } = country.f.act(&first, propose) else { panic!("not waiting") };
    country.f.act(&second, Command::Approve { subject });
    let (refusal, alarm) = tried(&mut country, &good);
    bad(&refusal, "version 1 of the set of coordinators, but version 2 is in force");
    assert_eq!(alarm, None, "an honest node can have been overtaken");
    let signers = [first, second];
    let anew = signed_by(&later, &signers);
    country.f.act(&node, Command::RecordDirective { directive: anew });
}

#[test]
fn nodes_and_coordinators_bring_it_and_nobody_else() {
    let mut country = Country::new();
    let order = site_order(&country.f, "site-b");
    let first = directive(&country.f, order, None);
    let command = record(&country.f, &first);
    let invitation = country.f.invitation("west", "b");
    for author in [country.ada(), country.chefs[1].clone(), country.agent("c-nord"), invitation] {
        let refusal = country.refused_everywhere(&author, command.clone());
        assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal:?}");
    }
    let coordinator = country.f.coordinator(1);
    let version = match country.f.act(&coordinator, command.clone()) {
        Accepted::Changed { version } => version,
        other => panic!("{other:?}"),
    };
    // Who comes later says nothing new, under whichever signatures.
    let all: Vec<Signer> = (0..3).map(|n| country.f.coordinator(n)).collect();
    let again = Command::RecordDirective { directive: signed_by(&first, &all) };
    for command in [command, again] {
        let node = country.node(2);
        assert_eq!(country.f.act(&node, command), Accepted::Unchanged { version });
    }
    assert_eq!(country.f.state.directives().count(), 1);
}

#[test]
fn a_fork_loses_no_exclusion() {
    let mut country = Country::new();
    country.f.organisation("d");
    country.f.site("site-d", "d", "DE-SN");
    let node = country.node(0);
    let (b, c) = (site_order(&country.f, "site-b"), site_order(&country.f, "site-c"));
    let (first, second) = (directive(&country.f, b, None), directive(&country.f, c, None));
    let hash = |directive: &Directive| verbund_identity::sha256(&directive.to_payload());
    // What follows one that is not recorded waits for it.
    let d = site_order(&country.f, "site-d");
    let third = directive(&country.f, d, Some((1, hash(&second))));
    let command = record(&country.f, &third);
    let (refusal, alarm) = country.refused_with(&node, command.clone());
    conflict(&refusal, "directive 2 follows");
    assert_eq!(alarm, None, "an honest node can come before another");
    let record_first = record(&country.f, &first);
    country.f.act(&node, record_first);
    // The second with number 1: both hold, and somebody is woken.
    let command_second = record(&country.f, &second);
    let statement = country.f.statement(&node, command_second);
    let bytes = entry(country.f.clock, &signed(&node, statement.to_payload()));
    let applied = country.f.apply_bytes(&bytes);
    assert!(matches!(applied.outcome, Some(Outcome::Accepted(_))), "{:?}", applied.outcome);
    let at = applied.record.at;
    assert_eq!(applied.alarm, Some(Alarm::ForkedDirectives { at, number: 1 }));
    let state = &country.f.state;
    assert!(state.is_excluded_site(&name("site-b")) && state.is_excluded_site(&name("site-c")));
    assert_eq!(state.directive(&hash(&second)).unwrap().value.beside, Some(hash(&first)));
    // Both branches go on: nothing that m coordinators ordered is lost.
    country.f.act(&node, command);
    assert!(country.f.state.is_excluded_site(&name("site-d")));
    // A number that does not follow is refused.
    let far = directive(&country.f, third.order.clone(), Some((7, hash(&first))));
    let far = record(&country.f, &far);
    conflict(&country.refused_everywhere(&node, far), "directive 8 follows one with the number 1");
}

#[test]
fn nothing_that_the_excluded_said_counts_from_there_on() {
    let mut country = Country::new();
    let (node, agent) = (country.node(1), country.agent("c-site-b"));
    greet(&mut country, &node);
    let order = site_order(&country.f, "site-b");
    exclude(&mut country, order);
    // It leads, say, and lets its own entries in: they are refused, and no other leader is blamed for having been
    // overtaken.
    let replan = Command::Replan { workload: workload("w") };
    let start = Command::RegisterStart { cluster: name("c-site-b") };
    for (author, command) in [(node, replan), (agent, start)] {
        let (refusal, alarm) = country.refused_with(&author, command);
        assert_eq!(refusal, Refusal::KeyRevoked { key: author.id });
        assert_eq!(alarm, None);
    }
    // Who runs the site may be in good standing: of the site itself nothing changes any more.
    let chef = country.chefs[1].clone();
    let cordon = Command::CordonCluster { name: name("c-site-b"), cordoned: true };
    excluded(&country.refused_everywhere(&chef, cordon), "site site-b");
    let update = Command::UpdateSite { site: name("site-b"), land: name("DE-BY") };
    excluded(&country.refused_everywhere(&chef, update), "site site-b");
    let coordinator = country.f.coordinator(0);
    for command in [Command::SuspendSite { name: name("site-b") }, Command::ResumeSite { name: name("site-b") }] {
        excluded(&country.refused_everywhere(&coordinator, command), "site site-b");
    }
    // Statements of the excluded voter make no verdict: two of three sign, one of them excluded.
    let command = country.verdict(&ended("c-site-b", 1), &[0, 1]);
    let by = country.node(0);
    let refusal = country.refused_everywhere(&by, command);
    assert!(matches!(refusal, Refusal::KeyRevoked { .. } | Refusal::Conflict { .. }), "{refusal:?}");
}

#[test]
fn the_way_back_is_a_new_invitation_with_a_new_name_and_new_keys() {
    let mut country = Country::new();
    // One that is open, one that was used and waits for approvals: both are worth nothing afterwards.
    let open = country.f.invitation("site-x", "c");
    let waiting = country.f.ask("site-y", "c", "DE-BY");
    let asking = country.f.ask("site-b2", "b", "DE-HH");
    let order = organisation_order(&country.f, "c");
    exclude(&mut country, order);
    assert_eq!(country.f.state.invitation(&open.id).unwrap().value.used, InvitationUse::Revoked);
    let coordinator = country.f.coordinator(0);
    country.f.act(&coordinator, Command::Approve { subject: waiting.hash });
    let other = country.f.coordinator(1);
    excluded(&country.refused_everywhere(&other, Command::Approve { subject: waiting.hash }), "organisation c");
    let invite = |country: &mut Country, site: &str, organisation: &str, key| Command::Invite {
        key,
        site: name(site),
        organisation: name(organisation),
        expires: country.f.clock + 3_600_000,
    };
    // The old names.
    let key = country.f.ring.p256().key;
    let command = invite(&mut country, "site-c", "b", key.clone());
    excluded(&country.refused_everywhere(&coordinator, command), "site site-c");
    let command = invite(&mut country, "site-z", "c", key.clone());
    excluded(&country.refused_everywhere(&coordinator, command), "organisation c");
    let command = Command::CreateOrganisation {
        name: name("c"),
        display_name: "C".to_owned(),
        roles: crate::support::build::ALL_ROLES.into(),
        administrator: name("chef"),
        administrator_key: key.clone(),
    };
    excluded(&country.refused_everywhere(&coordinator, command), "organisation c");
    // The old keys, of a node, of a user, under new names.
    for old in [country.node(2).key, country.chefs[2].key.clone(), country.agent("c-site-c").key] {
        let command = invite(&mut country, "site-z", "b", old);
        excluded(&country.refused_everywhere(&coordinator, command), "key ");
    }
    // The old CA, root or sealing key, in a request for a new name.
    let old = country.f.state.site(&name("site-c")).unwrap().value.clone();
    let id = country.f.state.federation().value.id;
    let invitation = country.f.invitation("site-z", "b");
    let (mut request, node, issuing) = country.f.request("site-z", "b", "DE-HH");
    request.sealing_key = old.sealing_key;
    let with = proofs(&id, &invitation.id, &request, &node, &issuing);
    let command = Command::RequestAdmission { request, proofs: with };
    excluded(&country.refused_everywhere(&invitation, command), "key ");
    // A new name and new keys: like anybody else.
    let node = country.f.admit(&asking);
    assert_eq!(node, NodeId(4), "no id comes twice");
}

#[test]
fn an_excluded_organisation_takes_with_it_what_it_runs_and_offers() {
    let mut country = Country::new();
    let chef = country.chefs[1].clone();
    for role in [UserRole::CloudServiceAnbieter, UserRole::Softwarebetreiber] {
        country.f.bind(&chef, "b", "chef", role, &[]);
    }
    let offer = |name_of: &str, of: &str| Command::ApplyCatalogueEntry {
        name: name(name_of),
        organisation: name(of),
        schema_version: 1,
        document: document("{}"),
    };
    country.f.act(&chef, offer("dienst-b", "b"));
    let ada = country.ada();
    country.f.bind(&ada, "kost", "ada", UserRole::CloudServiceAnbieter, &[]);
    country.f.act(&ada, offer("dienst-kost", "kost"));
    let below = country.f.ring.p256();
    let sub = Command::CreateSubOrganisation {
        parent: name("b"),
        name: name("b-sub"),
        display_name: "Eigenbetrieb".to_owned(),
        roles: crate::support::build::ALL_ROLES.into(),
        administrator: name("sub"),
        administrator_key: below.key.clone(),
    };
    country.f.act(&chef, sub);
    let mut own = requirements();
    own.sites = [name("nord")].into();
    let own = verbund_model::resource::WorkloadSpec {
        requirements: own,
        ..spec(Mode::Parallel { copies: 1 }, FailoverAuthority::Automatic, None)
    };
    let command = Command::ApplyWorkload {
        name: workload("theirs"),
        organisation: name("b"),
        customer: None,
        spec: own,
        expect: None,
        emergency: None,
    };
    country.f.act(&chef, command);
    greet(&mut country, &below);
    let order = organisation_order(&country.f, "b");
    assert_eq!(order.organisations().len(), 2);
    let told = country.f.state.impact(&order, country.f.clock);
    assert_eq!(told.offerings, [name("dienst-b")].into());
    assert_eq!(told.orphaned, [workload("theirs")].into());
    assert_eq!(told.users, ["b.chef".to_owned(), "b-sub.sub".to_owned()].into());
    assert!(told.unnamed.is_empty() && told.strays.is_empty(), "{told:?}");
    exclude(&mut country, order);
    let state = &country.f.state;
    for organisation in ["b", "b-sub"] {
        assert_eq!(state.organisation(&name(organisation)).unwrap().value.standing, Standing::Excluded);
    }
    assert_eq!(state.catalogue().map(|entry| entry.value.name.to_string()).collect::<Vec<_>>(), ["dienst-kost"]);
    for author in [&chef, &below] {
        let refusal = country.refused_everywhere(author, offer("neu", "b"));
        assert_eq!(refusal, Refusal::KeyRevoked { key: author.id });
    }
    let coordinator = country.f.coordinator(0);
    for command in [Command::ResumeOrganisation { name: name("b") }, Command::SuspendOrganisation { name: name("b") }] {
        excluded(&country.refused_everywhere(&coordinator, command), "organisation b");
    }
    // What it left behind runs on where it is, until a coordinator ends it.
    assert_eq!(country.copies("theirs"), [("c-nord".to_owned(), Active, 1)]);
    let delete = Command::DeleteWorkload { name: workload("theirs") };
    assert!(matches!(country.refused_everywhere(&ada, delete.clone()), Refusal::NotAuthorised { .. }));
    country.f.act(&coordinator, delete);
    assert_eq!(country.copies("theirs"), [("c-nord".to_owned(), Stopping, 1)]);
}

#[test]
fn what_the_order_does_not_name_is_reached_all_the_same() {
    let mut country = Country::new();
    let Order::ExcludeOrganisation { organisation, below, reason, .. } = organisation_order(&country.f, "b") else {
        panic!("no such order")
    };
    let (sites, keys) = (vec![], [].into());
    let order = Order::ExcludeOrganisation { organisation, below, sites, keys, reason };
    let told = country.f.state.impact(&order, country.f.clock);
    assert_eq!(told.unnamed, told.keys, "all of it is known here alone");
    let node = country.node(1);
    greet(&mut country, &node);
    exclude(&mut country, order);
    for author in [country.chefs[1].clone(), node, country.agent("c-site-b")] {
        let refusal = country.refused_everywhere(&author, Command::OpenSession {});
        assert_eq!(refusal, Refusal::KeyRevoked { key: author.id });
    }
    assert!(country.f.state.is_excluded_site(&name("site-b")));
}

/// With a workload that is active at one cluster and prepared at another: their names.
fn placed(mode: Mode, failover: FailoverAuthority) -> (Country, String, String) {
    let mut country = Country::new();
    let ada = country.ada();
    let far = Standby { distance: verbund_model::resource::DistanceClass::Betriebsredundant };
    let mut spec = spec(mode, failover, Some(far));
    // The first site has to stay: it is the last that can vote with another one.
    spec.requirements.sites = [name("site-b"), name("site-c"), name("nord")].into();
    country.f.act(&ada, apply("w", spec));
    let copies = country.placement("w").copies;
    let of = |role| copies.iter().find(|copy| copy.role == role).unwrap().cluster.to_string();
    (country, of(Active), of(Reserved))
}

fn site_of(cluster: &str) -> &str {
    cluster.trim_start_matches("c-")
}

#[test]
fn what_runs_parallel_moves_with_the_very_entry() {
    for failover in [FailoverAuthority::Automatic, FailoverAuthority::Ask] {
        let (mut country, old, standby) = placed(Mode::Parallel { copies: 1 }, failover);
        let order = site_order(&country.f, site_of(&old));
        let told = country.f.state.impact(&order, country.f.clock);
        exclude(&mut country, order);
        let placement = country.placement("w");
        assert_eq!(placement.cause, Cause::Excluded);
        assert_eq!(country.active("w")[0].cluster, name(&standby), "the standby goes on");
        assert!(placement.copies.iter().all(|copy| copy.cluster != name(&old)), "nothing is waited for");
        assert_eq!(placement.copies.iter().filter(|copy| copy.role == Reserved).count(), 1, "with a new standby");
        let change = &country.f.state.change(&placement.change).unwrap().value;
        assert_eq!(change.description, "moved because a site was excluded");
        // Just that was foretold.
        assert_eq!((told.workloads.len(), told.workloads[0].protection), (1, Protection::Parallel));
        let to: BTreeSet<_> = placement.copies.iter().map(|copy| copy.cluster.clone()).collect();
        assert_eq!(told.workloads[0].to, to);
        assert!(told.workloads[0].fits && told.workloads[0].active);
        let due = country.f.state.is_due(&workload("w"), country.f.clock);
        assert!(!due, "nothing is left to do");
    }
}

#[test]
fn what_is_exclusive_moves_when_its_lease_has_ended_by_time() {
    let mode = Mode::Exclusive { fence: FenceLevel::Guard };
    let (mut country, old, standby) = placed(mode, FailoverAuthority::Ask);
    let order = site_order(&country.f, site_of(&old));
    let told = country.f.state.impact(&order, country.f.clock);
    assert_eq!(told.workloads[0].protection, Protection::Time);
    assert_eq!(told.workloads[0].waiting, Some(Waiting::Fence { cluster: name(&old) }));
    exclude(&mut country, order);
    let lease = country.f.state.lease(&name(&old)).unwrap().value.clone();
    assert!(lease.open, "an exclusion shortens no lease");
    assert_eq!(country.placement("w").waiting, Some(Waiting::Fence { cluster: name(&old) }));
    assert!(country.active("w").is_empty());
    assert!(country.copies("w").contains(&(old.clone(), Stopping, 1)));
    // Neither its agent's receipt nor its operator's word counts, nor is a lease opened there again.
    let agent = country.agent(&old);
    let receipt = Command::Receipt { cluster: name(&old), workload: workload("w"), epoch: 1 };
    assert!(matches!(country.refused_everywhere(&agent, receipt), Refusal::KeyRevoked { .. }));
    let others: Vec<usize> = (0..3).filter(|n| ["nord", "site-b", "site-c"][*n] != site_of(&old)).collect();
    let command = country.verdict(&ended(&old, 1), &others);
    let by = country.node(others[0]);
    country.f.act(&by, command);
    let open = Command::OpenLease { cluster: name(&old), generation: 2, refusal: None };
    excluded(&country.refused_everywhere(&by, open), site_of(&old));
    // What is due goes on without a person: m coordinators spoke.
    assert!(country.f.state.is_due(&workload("w"), country.f.clock));
    country.f.act(&by, Command::Replan { workload: workload("w") });
    assert_eq!(country.active("w")[0].cluster, name(&standby));
    assert_eq!(country.active("w")[0].epoch, 2);
    assert!(country.copies("w").contains(&(old, Stopping, 1)), "it is named as long as nobody vouches for it");
}

#[test]
fn at_level_agent_a_coordinator_vouches() {
    let mode = Mode::Exclusive { fence: FenceLevel::Agent };
    let (mut country, old, standby) = placed(mode, FailoverAuthority::Automatic);
    let order = site_order(&country.f, site_of(&old));
    let told = country.f.state.impact(&order, country.f.clock);
    assert_eq!(told.workloads[0].protection, Protection::Confirmation);
    exclude(&mut country, order);
    let others: Vec<usize> = (0..3).filter(|n| ["nord", "site-b", "site-c"][*n] != site_of(&old)).collect();
    let command = country.verdict(&ended(&old, 1), &others);
    let by = country.node(others[0]);
    country.f.act(&by, command);
    assert!(!country.f.state.is_due(&workload("w"), country.f.clock), "time alone does not");
    let fence = Command::ConfirmFence { workload: workload("w"), cluster: name(&old), epoch: 1 };
    for chef in country.chefs.clone() {
        let refusal = country.refused_everywhere(&chef, fence.clone());
        let Refusal::NotAuthorised { needed, .. } = &refusal else { panic!("{refusal:?}") };
        assert_eq!(needed, "a coordinator");
    }
    let coordinator = country.f.coordinator(1);
    country.f.act(&coordinator, fence);
    assert_eq!(country.active("w")[0].cluster, name(&standby));
    assert_eq!(country.active("w")[0].epoch, 2);
}

#[test]
fn the_last_that_can_vote_is_not_excluded() {
    let mut federation = Federation::new();
    let node = federation.founders.node.clone();
    let order = site_order(&federation, "nord");
    let told = federation.state.impact(&order, federation.clock);
    assert!(!told.possible && !told.quorum.survives && told.quorum.after.is_empty());
    let command = directive(&federation, order, None);
    let command = record(&federation, &command);
    conflict(&federation.refused(&node, command), "no node that can vote would be left");
}

#[test]
fn what_becomes_of_the_quorum_is_told_before() {
    let mut country = Country::new();
    let one = site_order(&country.f, "site-b");
    let told = country.f.state.impact(&one, country.f.clock);
    let set = |ids: &[u64]| ids.iter().map(|id| NodeId(*id)).collect::<BTreeSet<_>>();
    assert_eq!(told.quorum.now, set(&[1, 2, 3]));
    assert_eq!((told.quorum.left.clone(), told.quorum.needed), (set(&[1, 3]), 2));
    assert!(told.quorum.survives && told.possible);
    assert_eq!(told.quorum.after, set(&[1]));
    // With another site lost, the exclusion costs the quorum.
    country.find(&crate::country::unreachable("site-c", 0));
    let told = country.f.state.impact(&one, country.f.clock);
    assert_eq!(told.quorum.left, set(&[1]));
    assert!(!told.quorum.survives);
    // What is named by mistake is told.
    let Order::ExcludeSite { site, mut nodes, mut keys, reason } = one else { panic!("no such order") };
    nodes.insert(NodeId(3));
    keys.insert(country.node(2).id);
    let wrong = Order::ExcludeSite { site, nodes, keys, reason };
    let strays = country.f.state.impact(&wrong, country.f.clock).strays;
    let wanted = ["node 0.3".to_owned(), format!("key {}", country.node(2).id)];
    assert_eq!(strays, wanted.into());
}

#[test]
fn a_suspended_site_stays_a_member_and_empties_as_planned() {
    let (mut country, old, standby) =
        placed(Mode::Exclusive { fence: FenceLevel::Guard }, FailoverAuthority::Automatic);
    let site = site_of(&old).to_owned();
    let coordinator = country.f.coordinator(2);
    let suspend = Command::SuspendSite { name: name(&site) };
    let ada = country.ada();
    assert!(matches!(country.refused_everywhere(&ada, suspend.clone()), Refusal::NotAuthorised { .. }));
    country.f.act(&coordinator, suspend.clone());
    assert!(matches!(country.f.act(&coordinator, suspend), Accepted::Unchanged { .. }));
    assert_eq!(country.f.state.site(&name(&site)).unwrap().value.standing, Standing::Suspended);
    assert_eq!(voter_plan(&country.f.state).voters.len(), 3, "it votes on");
    // Its node and its agent speak on; nothing new is placed there.
    let number = ["nord", "site-b", "site-c"].iter().position(|other| *other == site).unwrap();
    let by = country.node(number);
    assert!(country.f.state.is_due(&workload("w"), country.f.clock));
    country.f.act(&by, Command::Replan { workload: workload("w") });
    assert_eq!(country.placement("w").cause, Cause::Misplaced);
    assert_eq!(
        country.placement("w").waiting,
        Some(Waiting::Fence { cluster: name(&old) }),
        "planned: nothing is lost"
    );
    assert!(matches!(country.receipt("w", &old, 1), Outcome::Accepted(Accepted::Changed { .. })));
    assert_eq!(country.active("w")[0].cluster, name(&standby));
    let why = country.f.state.why(&workload("w"), country.f.clock).unwrap();
    let there = why.clusters.iter().find(|cluster| cluster.cluster == name(&old)).unwrap();
    assert!(!there.fits());
    let resume = Command::ResumeSite { name: name(&site) };
    country.f.act(&coordinator, resume.clone());
    assert!(matches!(country.f.act(&coordinator, resume), Accepted::Unchanged { .. }));
    assert_eq!(country.f.state.site(&name(&site)).unwrap().value.standing, Standing::Active);
    let unknown = Command::SuspendSite { name: name("nirgends") };
    assert!(matches!(country.refused_everywhere(&coordinator, unknown), Refusal::NotFound { .. }));
}

#[test]
fn a_directive_that_cannot_be_read_is_refused_in_our_own_words() {
    let mut country = Country::new();
    let node = country.node(0);
    let order = site_order(&country.f, "site-b");
    let good = directive(&country.f, order, None);
    let coordinators = [country.f.coordinator(0), country.f.coordinator(1)];
    let mut broken = signed_by(&good, &coordinators);
    broken.payload.0.pop();
    let (refusal, _) = country.refused_with(&node, Command::RecordDirective { directive: broken });
    let reason = "the payload is not JSON of its schema".to_owned();
    assert_eq!(refusal, Refusal::Invalid { field: "directive".to_owned(), reason });
    let zero = Directive { number: 0, ..good.clone() };
    let zero = record(&country.f, &zero);
    assert!(matches!(country.refused_everywhere(&node, zero), Refusal::Invalid { .. }));
    let mut many = signed_by(&good, &coordinators);
    many.signatures = vec![many.signatures[0].clone(); 26];
    let (refusal, _) = country.refused_with(&node, Command::RecordDirective { directive: many });
    assert!(matches!(refusal, Refusal::Invalid { .. }), "{refusal:?}");
}
