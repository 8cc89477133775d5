//! The model's own types against their schemas in the description.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use verbund_api::wire::{StreamAnswer, StreamResult};
use verbund_identity::batch::BatchProof;
use verbund_identity::{Authentication, Precondition, Statement};
use verbund_machine::Object;
use verbund_model::resource::*;
use verbund_model::*;

use crate::people::{Person, apply};
use crate::schemas::{DOCUMENT, assert_valid, named};

/// Holds one value of each variant against a schema that is a choice, and that each choice is taken once.
fn each_variant(schema: &str, values: &[impl Serialize]) {
    let validator = named(schema);
    let mut seen = BTreeSet::new();
    for value in values {
        let value = serde_json::to_value(value).unwrap();
        assert_valid(&validator, &value);
        let variant = value.as_object().unwrap().keys().next().unwrap().clone();
        let mut wrong = value.clone();
        wrong[&variant]["surplus"] = json!(1);
        assert!(!validator.is_valid(&wrong), "{schema}.{variant} takes anything");
        seen.insert(variant);
    }
    let choices = DOCUMENT["components"]["schemas"][schema]["oneOf"].as_array().unwrap();
    let described: BTreeSet<String> = choices.iter().map(|c| c["required"][0].as_str().unwrap().to_owned()).collect();
    assert_eq!(seen, described, "{schema}");
}

fn der() -> Der {
    Der(vec![1, 2, 3])
}

fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn document() -> Document {
    Document::from_value(&json!({"a": [1]})).unwrap()
}

fn p384() -> PublicKey {
    PublicKey::from_point(Algorithm::P384, [vec![4], vec![0; 96]].concat()).unwrap()
}

fn admission_request() -> AdmissionRequest {
    AdmissionRequest {
        site: name("s"),
        organisation: name("o"),
        land: name("DE-SN"),
        anchors: vec![der()],
        issuing_certificate: der(),
        sealing_key: p384(),
        node_key: Person::new(1).public(),
        addresses: vec![name("internet=[::1]:443")],
    }
}

fn actions() -> Vec<Action> {
    vec![
        Action::SetPolicy { name: name("p"), document: document() },
        Action::DeletePolicy { name: name("p") },
        Action::ReplaceVoter { lost: NodeId::mint(1, 2) },
        Action::SetCoordinators { keys: vec![p384()], threshold: 1 },
    ]
}

fn commands() -> Vec<Command> {
    let key = Person::new(1).public();
    let roles = BTreeSet::from([OrgRole::CloudIntegrator, OrgRole::PortalNutzende]);
    let (organisation, user): (OrgName, UserId) = (name("o"), name("u"));
    vec![
        Command::OpenSession {},
        Command::Propose { action: actions().remove(0) },
        Command::Approve { subject: Hash([7; 32]) },
        Command::Invite { key: key.clone(), site: name("s"), organisation: name("o"), expires: 1 },
        Command::RevokeInvitation { invitation: KeyId::default() },
        Command::CreateOrganisation {
            name: name("n"),
            display_name: "N".into(),
            roles: roles.clone(),
            administrator: user.clone(),
            administrator_key: key.clone(),
        },
        Command::SuspendOrganisation { name: name("o") },
        Command::ResumeOrganisation { name: name("o") },
        Command::CreateSubOrganisation {
            parent: name("o"),
            name: name("n"),
            display_name: "N".into(),
            roles,
            administrator: user.clone(),
            administrator_key: key.clone(),
        },
        Command::CreateUser { organisation: organisation.clone(), user: user.clone(), key: key.clone() },
        Command::DeleteUser { organisation: organisation.clone(), user: user.clone() },
        Command::AddUserKey { organisation: organisation.clone(), user: user.clone(), key: key.clone() },
        Command::RevokeUserKey { organisation: organisation.clone(), key: KeyId::default() },
        Command::BindRole {
            organisation: organisation.clone(),
            user: user.clone(),
            role: UserRole::Auditor,
            sites: [name("s")].into(),
        },
        Command::UnbindRole { organisation, user, role: UserRole::Softwarebetreiber },
        Command::RequestAdmission { request: admission_request(), proofs: Proofs { node: der(), issuing: der() } },
        Command::UpdateSite { site: name("s"), land: name("DE-BY") },
        Command::AddNode { site: name("s"), key, addresses: vec![], issuing_proof: der(), node_proof: der() },
        Command::UpdateNode { node: NodeId::mint(0, 1), addresses: vec![name("localhost:1")] },
        Command::RemoveNode { node: NodeId::mint(0, 1) },
        apply("dns"),
        Command::DeleteCatalogueEntry { name: name("dns") },
    ]
}

#[test]
fn commands_and_actions() {
    each_variant("Command", &commands());
    each_variant("Action", &actions());
}

#[test]
fn statements_with_every_precondition() {
    let person = Person::new(1);
    let preconditions = [None, Some(Precondition::Absent), Some(Precondition::Exists), Some(Precondition::Version(7))];
    for precondition in preconditions {
        let statement: Statement = person.statement(3, precondition, apply("dns"));
        assert_valid(&named("Statement"), &serde_json::from_slice(&statement.to_payload()).unwrap());
        assert_valid(&named("Envelope"), &serde_json::to_value(person.envelope(&statement)).unwrap());
    }
    assert!(!named("Precondition").is_valid(&json!("never")));
}

#[test]
fn authentications() {
    let (signature, proof) = (vec![1; 64], BatchProof { index: 0, size: 2, path: vec![Hash([1; 32])] });
    each_variant(
        "Authentication",
        &[
            Authentication::Direct { signature: signature.clone() },
            Authentication::Batch { signature: signature.clone(), proof },
            Authentication::Passkey { assertion: vec![] },
            Authentication::Gateway { signature, on_behalf_of: "x".into() },
        ],
    );
}

#[test]
fn outcomes_and_results() {
    let accepted = [
        Accepted::Changed { version: 1 },
        Accepted::Unchanged { version: 1 },
        Accepted::SessionOpened { until: 1 },
        Accepted::Waiting { subject: Hash([1; 32]), have: 1, need: 2 },
        Accepted::Admitted { node: NodeId::mint(0, 3) },
    ];
    each_variant("Accepted", &accepted);
    let refusal = Refusal::Suspended { what: "o".into() };
    let outcome = Outcome::Accepted(accepted[0].clone());
    each_variant("Outcome", &[outcome.clone(), Outcome::Refused(refusal.clone())]);
    let failed = |refusal| StreamAnswer::Failed { problem: "p".into(), status: 403, detail: "d".into(), refusal };
    let answers = [StreamAnswer::Outcome { index: 1, outcome }, failed(Some(refusal)), failed(None)];
    each_variant("StreamAnswer", &answers);
    let result = StreamResult { ordinal: 0, answer: answers[0].clone() };
    assert_valid(&named("StreamResult"), &serde_json::to_value(&result).unwrap());
    // Both forms of a stream's frames carry the same.
    let bytes = postcard::to_stdvec(&answers.to_vec()).unwrap();
    assert_eq!(postcard::from_bytes::<Vec<StreamAnswer>>(&bytes).unwrap(), answers);
}

/// What a young federation has none of, or not in every state.
#[test]
fn rarer_resources() {
    fn held<T>(value: T) -> std::sync::Arc<Versioned<T>> {
        std::sync::Arc::new(Versioned { version: 1, created: 0, changed: 1, value })
    }
    let invitation = |used| Invitation {
        key: Person::new(1).public(),
        site: name("s"),
        organisation: name("o"),
        expires: 1_790_000_000_000,
        invited_by: KeyId::default(),
        used,
    };
    let admission = |admitted| Admission {
        hash: Hash([1; 32]),
        request: admission_request(),
        approvals: [KeyId::default()].into(),
        admitted,
    };
    let proposal = |action| Proposal {
        hash: Hash([1; 32]),
        action,
        coordinator_set_version: 1,
        approvals: [KeyId::default()].into(),
        done: false,
    };
    let mut objects = vec![
        Object::Invitation(held(invitation(InvitationUse::Open))),
        Object::Invitation(held(invitation(InvitationUse::Revoked))),
        Object::Invitation(held(invitation(InvitationUse::Used { request: Hash([2; 32]) }))),
        Object::Admission(held(admission(None))),
        Object::Admission(held(admission(Some(NodeId::mint(0, 2))))),
    ];
    objects.extend(actions().into_iter().map(|action| Object::Proposal(held(proposal(action)))));
    for object in objects {
        let value: Value = serde_json::to_value(object.render()).unwrap();
        assert_valid(&named("Resource"), &value);
    }
}
