//! Invitation, request, approvals (formats 2).

use verbund_identity::{Precondition, node_binding};
use verbund_model::resource::{Action, Der, InvitationUse, NodeStanding};
use verbund_model::{Accepted, Command, NodeId, Outcome, Refusal};

use crate::federation::Federation;
use crate::support::build::{Ca, address, ca_params, name, proofs, signed, with};
use crate::support::keys::Signer;

fn federation() -> Federation {
    let mut federation = Federation::new();
    federation.organisation("amt");
    federation
}

/// A request, changed before it is signed; what comes of it.
fn ask_with(
    federation: &mut Federation,
    invitation: &Signer,
    change: impl FnOnce(&mut Federation, &mut verbund_model::resource::AdmissionRequest, &mut Signer),
) -> Outcome {
    let (mut request, node, mut issuing) = federation.request("west", "amt", "DE-NW");
    change(federation, &mut request, &mut issuing);
    let id = federation.state.federation().value.id;
    let proofs = proofs(&id, &invitation.id, &request, &node, &issuing);
    federation.try_to(invitation, Command::RequestAdmission { request, proofs })
}

fn refused(outcome: Outcome) -> Refusal {
    match outcome {
        Outcome::Refused(refusal) => refusal,
        Outcome::Accepted(accepted) => panic!("accepted: {accepted:?}"),
    }
}

fn invalid_field(outcome: Outcome) -> String {
    match refused(outcome) {
        Refusal::Invalid { field, .. } => field,
        other => panic!("refused as {other:?}"),
    }
}

#[test]
fn a_site_joins() {
    let mut federation = federation();
    let asking = federation.ask("west", "amt", "DE-NW");
    let node = federation.admit(&asking);
    assert_eq!(node, NodeId(2));
    let site = federation.state.site(&name("west")).unwrap();
    assert_eq!(site.value.issuing_key, asking.issuing.key);
    assert_eq!(site.value.anchors, asking.request.anchors);
    let admitted = federation.state.node(&node).unwrap();
    assert_eq!((admitted.value.key, admitted.value.standing), (asking.node.id, NodeStanding::Active));
    assert_eq!(federation.state.admission(&asking.hash).unwrap().value.admitted, Some(node));
    // The node may open a session, and do nothing else.
    let refusal = federation.refused(&asking.node, Command::RemoveNode { node });
    assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal:?}");
}

#[test]
fn an_invitation_is_used_once() {
    let mut federation = federation();
    let asking = federation.ask("west", "amt", "DE-NW");
    let waiting = Outcome::Accepted(Accepted::Waiting { subject: asking.hash, have: 0, need: 2 });
    assert_eq!(federation.apply(&asking.envelope), waiting, "the same bytes get the first answer");
    federation.act(&federation.coordinator(0), Command::Approve { subject: asking.hash });
    assert_eq!(federation.apply(&asking.envelope), waiting, "whatever happened since");
    for _ in 0..50 {
        let outcome = ask_with(&mut federation, &asking.invitation, |_, _, _| {});
        assert!(matches!(refused(outcome), Refusal::InvitationSpent { .. }));
    }
    assert_eq!(federation.state.admissions().count(), 1);
    let refusal = federation.refused(&asking.invitation, Command::OpenSession {});
    assert!(matches!(refusal, Refusal::InvitationSpent { .. }));
}

#[test]
fn an_invitation_may_do_nothing_else() {
    let mut federation = federation();
    let invitation = federation.invitation("west", "amt");
    for command in [Command::OpenSession {}, Command::SuspendOrganisation { name: name("amt") }] {
        let refusal = federation.refused(&invitation, command);
        assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal:?}");
    }
    let statement = federation.statement(&invitation, Command::OpenSession {});
    let in_session = verbund_identity::Statement { session: 1, ..statement.clone() };
    assert_eq!(refused(federation.send(&invitation, in_session)), Refusal::NoSession { session: 1 });
    let later = verbund_identity::Statement { sequence: 1, ..statement };
    assert_eq!(invalid_field(federation.send(&invitation, later)), "sequence");
}

#[test]
fn an_invitation_ends_or_is_taken_back() {
    let mut federation = federation();
    let (first, second) = (federation.invitation("west", "amt"), federation.invitation("west", "amt"));
    federation.act(&federation.coordinator(1), Command::RevokeInvitation { invitation: first.id });
    let Refusal::InvitationSpent { reason } = refused(ask_with(&mut federation, &first, |_, _, _| {})) else {
        panic!("not spent")
    };
    assert_eq!(reason, "was taken back");
    let expires = federation.state.invitation(&second.id).unwrap().value.expires;
    federation.clock = expires;
    assert!(matches!(ask_with(&mut federation, &second, |_, _, _| {}), Outcome::Accepted(_)), "the last moment");

    let third = federation.invitation("ost", "amt");
    federation.clock += 3_600_001;
    let Refusal::InvitationSpent { reason } = refused(ask_with(&mut federation, &third, |_, _, _| {})) else {
        panic!("not spent")
    };
    assert!(reason.starts_with("ended at 2026-01-01T0"), "{reason}");
    let used = federation.state.invitation(&third.id).unwrap().value.used;
    assert_eq!(used, InvitationUse::Open, "a refused request does not use it up");
}

#[test]
fn a_request_is_for_what_was_invited() {
    let mut federation = federation();
    federation.organisation("anderes");
    let invitation = federation.invitation("west", "amt");
    let other_site = ask_with(&mut federation, &invitation, |_, request, _| request.site = name("ost"));
    assert_eq!(invalid_field(other_site), "request.site");
    let other = ask_with(&mut federation, &invitation, |_, request, _| request.organisation = name("anderes"));
    assert_eq!(invalid_field(other), "request.organisation");
    assert!(matches!(ask_with(&mut federation, &invitation, |_, _, _| {}), Outcome::Accepted(_)));
}

#[test]
fn proofs_bind_every_field() {
    let mut federation = federation();
    let invitation = federation.invitation("west", "amt");
    let (request, node, issuing) = federation.request("west", "amt", "DE-NW");
    let id = federation.state.federation().value.id;
    let good = proofs(&id, &invitation.id, &request, &node, &issuing);
    let changed = verbund_model::resource::AdmissionRequest { land: name("DE-BY"), ..request.clone() };
    let bad = |which: &str| Refusal::BadProof { which: which.to_owned() };
    let mut send = |request: &verbund_model::resource::AdmissionRequest, proofs| {
        federation.try_to(&invitation, Command::RequestAdmission { request: request.clone(), proofs })
    };
    assert_eq!(refused(send(&changed, good.clone())), bad("node"));
    let mut wrong = good.clone();
    wrong.issuing = proofs(&id, &node.id, &request, &node, &issuing).issuing;
    assert_eq!(refused(send(&request, wrong)), bad("issuing CA"));
    let mut empty = good.clone();
    empty.node = Der(Vec::new());
    assert_eq!(refused(send(&request, empty)), bad("node"));
    assert!(matches!(send(&request, good), Outcome::Accepted(_)));
}

#[test]
fn the_issuing_ca_must_be_anchored() {
    let mut federation = federation();
    let invitation = federation.invitation("west", "amt");
    let field = "request.issuingCertificate";
    // Another root, although it has the issuer's name: only the signature tells.
    let forged = ask_with(&mut federation, &invitation, |f, request, _| {
        request.anchors = vec![Ca::root("root west", f.ring.p384()).der];
    });
    assert_eq!(invalid_field(forged), field);
    let unnamed = ask_with(&mut federation, &invitation, |f, request, _| {
        request.anchors = vec![Ca::root("another name", f.ring.p384()).der];
    });
    assert_eq!(invalid_field(unnamed), field);
    let none = ask_with(&mut federation, &invitation, |_, request, _| request.anchors.clear());
    assert_eq!(invalid_field(none), field);
    let damaged = ask_with(&mut federation, &invitation, |_, request, _| {
        let last = request.issuing_certificate.0.len() - 1;
        request.issuing_certificate.0[last] ^= 1;
    });
    assert_eq!(invalid_field(damaged), field);
    let garbage = ask_with(&mut federation, &invitation, |_, request, _| request.anchors = vec![Der(vec![1, 2, 3])]);
    assert_eq!(invalid_field(garbage), "request.anchors");
    let no_ca = ask_with(&mut federation, &invitation, |f, request, issuing| {
        let mut params = ca_params("west", None, 2040);
        params.is_ca = rcgen::IsCa::ExplicitNoCa;
        *issuing = f.ring.p384();
        request.issuing_certificate = Ca::own(params, issuing.clone()).der;
    });
    assert_eq!(invalid_field(no_ca), field);
    let short = ask_with(&mut federation, &invitation, |f, request, issuing| {
        // A root that may have no CA below it.
        let root = Ca::own(ca_params("root", Some(0), 2040), f.ring.p384());
        let below = root.below("issuing", issuing.clone());
        (request.anchors, request.issuing_certificate) = (vec![root.der], below.der);
    });
    assert_eq!(invalid_field(short), field);
    let over = ask_with(&mut federation, &invitation, |f, request, issuing| {
        *issuing = f.ring.p384();
        let own = Ca::own(ca_params("west", Some(0), 2026), issuing.clone());
        (request.anchors, request.issuing_certificate) = (vec![own.der.clone()], own.der);
    });
    assert_eq!(invalid_field(over), field);
    // An authority's PKI: the issuing CA is the anchor itself, whoever signed it.
    let authority = ask_with(&mut federation, &invitation, |f, request, issuing| {
        let ministry = Ca::root("Ministerium", f.ring.p384());
        let own = ministry.below("issuing west", issuing.clone());
        (request.anchors, request.issuing_certificate) = (vec![own.der.clone()], own.der);
    });
    assert!(matches!(authority, Outcome::Accepted(_)), "{authority:?}");
}

#[test]
fn no_two_sites_share_an_anchor() {
    let mut federation = federation();
    let root = (federation.founders.root.der.clone(), federation.founders.root.signer.clone());
    let invitation = federation.invitation("west", "amt");
    let same_root = ask_with(&mut federation, &invitation, |f, request, issuing| {
        let below = f.founders.root.below("issuing west", issuing.clone());
        (request.anchors, request.issuing_certificate) = (vec![root.0.clone()], below.der);
    });
    assert!(matches!(refused(same_root), Refusal::Conflict { .. }));
    let same_name = ask_with(&mut federation, &invitation, |f, request, issuing| {
        let other = Ca::root("root nord", f.ring.p384());
        let below = other.below("issuing west", issuing.clone());
        (request.anchors, request.issuing_certificate) = (vec![other.der], below.der);
    });
    assert!(matches!(refused(same_name), Refusal::Conflict { .. }));
    let same_key = ask_with(&mut federation, &invitation, |f, request, issuing| {
        // The other site's root key under a name of its own.
        let other = Ca::root("root west", f.founders.root.signer.clone());
        let below = other.below("issuing west", issuing.clone());
        (request.anchors, request.issuing_certificate) = (vec![other.der], below.der);
    });
    assert!(matches!(refused(same_key), Refusal::Conflict { .. }));
    let same_issuing = ask_with(&mut federation, &invitation, |f, request, issuing| {
        *issuing = f.founders.issuing.signer.clone();
        let other = Ca::root("root west", f.ring.p384());
        let below = other.below("issuing west", issuing.clone());
        (request.anchors, request.issuing_certificate) = (vec![other.der], below.der);
    });
    assert!(matches!(refused(same_issuing), Refusal::Conflict { .. }));

    // Two that ask with one PKI: the second is found out when it is let in.
    let first = federation.ask("ost", "amt", "DE-SN");
    let second = federation.invitation("sued", "amt");
    let (mut request, node, _) = federation.request("sued", "amt", "DE-BY");
    request.anchors.clone_from(&first.request.anchors);
    request.issuing_certificate = first.request.issuing_certificate.clone();
    let id = federation.state.federation().value.id;
    let proofs = proofs(&id, &second.id, &request, &node, &first.issuing);
    let statement = federation.statement(&second, Command::RequestAdmission { request, proofs });
    let envelope = signed(&second, statement.to_payload());
    assert!(matches!(federation.apply(&envelope), Outcome::Accepted(_)));
    federation.admit(&first);
    let approve = Command::Approve { subject: envelope.payload_hash() };
    federation.act(&federation.coordinator(0), approve.clone());
    let refusal = federation.refused(&federation.coordinator(1), approve);
    assert!(matches!(refusal, Refusal::Conflict { .. }), "{refusal:?}");
    assert_eq!(federation.state.admission(&envelope.payload_hash()).unwrap().value.approvals.len(), 1);
}

#[test]
fn only_distinct_present_coordinators_count() {
    let mut federation = federation();
    let asking = federation.ask("west", "amt", "DE-NW");
    let approve = Command::Approve { subject: asking.hash };
    federation.act(&federation.coordinator(0), approve.clone());
    let again = federation.act(&federation.coordinator(0), approve.clone());
    assert!(matches!(again, Accepted::Unchanged { .. }), "one coordinator counts once");

    let open = Action::SetPolicy { name: name("regel"), document: crate::support::build::document("{}") };
    let statement = federation.statement(&federation.coordinator(0), Command::Propose { action: open });
    let envelope = signed(&federation.coordinator(0), statement.to_payload());
    federation.apply(&envelope);
    let new = federation.ring.p384();
    let keys = vec![federation.coordinator(1).key, federation.coordinator(2).key, new.key.clone()];
    let change = Command::Propose { action: Action::SetCoordinators { keys, threshold: 2 } };
    let statement = federation.statement(&federation.coordinator(1), change);
    let proposal = signed(&federation.coordinator(1), statement.to_payload());
    federation.apply(&proposal);
    federation.act(&federation.coordinator(2), Command::Approve { subject: proposal.payload_hash() });
    assert_eq!(federation.state.federation().value.coordinators.version, 2);

    let refusal = federation.refused(&federation.coordinator(0), approve.clone());
    assert!(matches!(refusal, Refusal::KeyRevoked { .. }));
    let waiting = federation.act(&new, approve.clone());
    let wanted = Accepted::Waiting { subject: asking.hash, have: 1, need: 2 };
    assert_eq!(waiting, wanted, "the removed coordinator's approval no longer counts");
    let void = federation.refused(&new, Command::Approve { subject: envelope.payload_hash() });
    assert!(matches!(void, Refusal::Conflict { .. }), "open proposals are void: {void:?}");
    assert!(matches!(federation.act(&federation.coordinator(1), approve), Accepted::Admitted { .. }));

    let keys = vec![federation.coordinator(0).key, new.key.clone()];
    let back = Command::Propose { action: Action::SetCoordinators { keys, threshold: 2 } };
    let refusal = federation.refused(&new, back);
    assert!(matches!(refusal, Refusal::AlreadyExists { .. }), "a revoked key never comes back: {refusal:?}");
}

#[test]
fn one_coordinator_refuses_a_request_for_good() {
    let mut federation = federation();
    let asking = federation.ask("west", "amt", "DE-NW");
    let refuse = |reason: &str| Command::RefuseAdmission { request: asking.hash, reason: reason.to_owned() };
    let (first, second) = (federation.coordinator(0), federation.coordinator(1));

    // Nobody else may, whatever they are: the site itself, its organisation, a node.
    let chef = federation.organisation("anderes");
    for stranger in [&asking.invitation, &chef, &federation.founders.node.clone()] {
        let refusal = federation.refused(stranger, refuse("nein"));
        let wanted =
            |refusal: &Refusal| matches!(refusal, Refusal::NotAuthorised { .. } | Refusal::InvitationSpent { .. });
        assert!(wanted(&refusal), "{refusal:?}");
    }
    let nothing = Command::RefuseAdmission { request: verbund_identity::sha256(b"nichts"), reason: "nein".to_owned() };
    assert!(matches!(federation.refused(&first, nothing), Refusal::NotFound { .. }));
    for bad in ["", " \n", "a\u{7}b"] {
        assert_eq!(invalid_field(Outcome::Refused(federation.refused(&first, refuse(bad)))), "reason");
    }
    assert!(matches!(federation.refused(&first, refuse(&"ä".repeat(1001))), Refusal::TooLarge { .. }));

    // Whoever approved may think better of it, and that is the end: the approvals of the others let nobody in.
    federation.act(&first, Command::Approve { subject: asking.hash });
    let accepted = federation.act(&first, refuse("Fingerabdruck\npasst nicht"));
    assert!(matches!(accepted, Accepted::Changed { .. }), "{accepted:?}");
    let kept = federation.state.admission(&asking.hash).unwrap().value.clone();
    let refused_by = kept.refused.unwrap();
    assert_eq!((refused_by.by, refused_by.reason.as_str()), (first.id, "Fingerabdruck\npasst nicht"));
    assert_eq!(kept.approvals, [first.id].into(), "what was approved stays on record");
    for coordinator in [&second, &federation.coordinator(2)] {
        let Refusal::Conflict { what } = federation.refused(coordinator, Command::Approve { subject: asking.hash })
        else {
            panic!("a refused request can be approved")
        };
        assert!(what.contains(&first.id.0.short()) && what.contains("Fingerabdruck"), "{what}");
    }
    assert!(federation.state.site(&name("west")).is_none());

    // Another refusal adds nothing, and the first reason stays.
    let again = federation.act(&second, refuse("auch nicht"));
    assert!(matches!(again, Accepted::Unchanged { .. }), "{again:?}");
    assert_eq!(federation.state.admission(&asking.hash).unwrap().value.refused.as_ref().unwrap().by, first.id);

    // The invitation stays used; the site comes in with another one, and the same keys.
    assert!(matches!(
        refused(ask_with(&mut federation, &asking.invitation, |_, _, _| {})),
        Refusal::InvitationSpent { .. }
    ));
    let invitation = federation.invitation("west", "amt");
    let id = federation.state.federation().value.id;
    let proofs = proofs(&id, &invitation.id, &asking.request, &asking.node, &asking.issuing);
    let command = Command::RequestAdmission { request: asking.request.clone(), proofs };
    let envelope = signed(&invitation, federation.statement(&invitation, command).to_payload());
    assert!(matches!(federation.apply(&envelope), Outcome::Accepted(_)));
    let approve = Command::Approve { subject: envelope.payload_hash() };
    federation.act(&first, approve.clone());
    let Accepted::Admitted { node } = federation.act(&second, approve) else { panic!("not admitted") };

    // What was admitted cannot be refused any more.
    let late = Command::RefuseAdmission { request: envelope.payload_hash(), reason: "zu spät".to_owned() };
    let Refusal::Conflict { what } = federation.refused(&first, late) else {
        panic!("an admitted request was refused")
    };
    assert!(what.contains(&node.to_string()), "{what}");
}

#[test]
fn a_lost_voter_is_replaced() {
    let mut federation = federation();
    let (node, _) = federation.site("west", "amt", "DE-NW");
    let replace = |lost| Command::Propose { action: Action::ReplaceVoter { lost } };
    let statement = federation.statement(&federation.coordinator(0), replace(node));
    let proposal = signed(&federation.coordinator(0), statement.to_payload());
    federation.apply(&proposal);
    federation.act(&federation.coordinator(2), Command::Approve { subject: proposal.payload_hash() });
    let lost = federation.state.node(&node).unwrap();
    assert_eq!(lost.value.standing, NodeStanding::Removed);
    assert!(federation.state.key(&lost.value.key).unwrap().value.revoked);
    let coordinator = federation.coordinator(0);
    assert!(matches!(federation.refused(&coordinator, replace(node)), Refusal::Conflict { .. }));
    assert!(matches!(federation.refused(&coordinator, replace(NodeId(77))), Refusal::NotFound { .. }));
    let last = federation.refused(&coordinator, replace(NodeId(1)));
    assert!(matches!(last, Refusal::Conflict { .. }), "the last voter stays: {last:?}");
}

#[test]
fn a_plattformbetreiber_runs_the_sites_that_are_theirs() {
    let mut federation = federation();
    let other = federation.organisation("anderes");
    let author = federation.organisation("drittes");
    let (node, issuing) = federation.site("west", "drittes", "DE-NW");
    let new = federation.ring.p256();
    let binding = node_binding(&federation.state.federation().value.id, &name("west"), &new.key);
    let add = |issuing: &Signer, node: &Signer| Command::AddNode {
        site: name("west"),
        key: new.key.clone(),
        addresses: vec![address("localhost:7200")],
        issuing_proof: Der(issuing.sign(&binding)),
        node_proof: Der(node.sign(&binding)),
    };
    let refusal = federation.refused(&other, add(&issuing, &new));
    assert!(matches!(refusal, Refusal::NotAuthorised { .. }));
    let refusal = federation.refused(&author, add(&new, &new));
    assert_eq!(refusal, Refusal::BadProof { which: "issuing CA".to_owned() });
    let refusal = federation.refused(&author, add(&issuing, &issuing));
    assert_eq!(refusal, Refusal::BadProof { which: "node".to_owned() });
    assert_eq!(federation.act(&author, add(&issuing, &new)), Accepted::Admitted { node: NodeId(3) });
    federation.act(&author, Command::RemoveNode { node: NodeId(3) });
    let again = federation.refused(&author, add(&issuing, &new));
    assert!(matches!(again, Refusal::AlreadyExists { .. }), "its key is known for ever");
    let addresses = vec![address("localhost:1")];
    let refusal = federation.refused(&author, Command::UpdateNode { node: NodeId(3), addresses: addresses.clone() });
    assert!(matches!(refusal, Refusal::Conflict { .. }), "a removed node does not return");
    federation.act(&author, Command::UpdateNode { node, addresses });
    let statement = federation.statement(&author, Command::UpdateSite { site: name("west"), land: name("DE-BE") });
    let version = federation.state.site(&name("west")).unwrap().version;
    let outcome = federation.send(&author, with(statement, Precondition::Version(version)));
    assert!(matches!(outcome, Outcome::Accepted(Accepted::Changed { .. })));
}

#[test]
fn a_site_has_sixteen_nodes_at_most() {
    let mut federation = federation();
    let author = federation.organisation("drittes");
    let (_, issuing) = federation.site("west", "drittes", "DE-NW");
    let mut add = || {
        let node = federation.ring.p256();
        let binding = node_binding(&federation.state.federation().value.id, &name("west"), &node.key);
        let command = Command::AddNode {
            site: name("west"),
            key: node.key.clone(),
            addresses: vec![],
            issuing_proof: Der(issuing.sign(&binding)),
            node_proof: Der(node.sign(&binding)),
        };
        federation.try_to(&author, command)
    };
    for counter in 3..=17 {
        assert_eq!(add(), Outcome::Accepted(Accepted::Admitted { node: NodeId(counter) }));
    }
    assert!(matches!(refused(add()), Refusal::TooLarge { found: 17, limit: 16, .. }));
    federation.act(&author, Command::RemoveNode { node: NodeId(9) });
    // A removed node makes room; its id is not given again.
    let node = federation.ring.p256();
    let binding = node_binding(&federation.state.federation().value.id, &name("west"), &node.key);
    let (issuing_proof, node_proof) = (Der(issuing.sign(&binding)), Der(node.sign(&binding)));
    let (site, key) = (name("west"), node.key.clone());
    let command = Command::AddNode { site, key, addresses: vec![], issuing_proof, node_proof };
    assert_eq!(federation.act(&author, command), Accepted::Admitted { node: NodeId(18) });
}
