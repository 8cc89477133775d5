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
        Action::SwitchOn { format: 2 },
        Action::SetTimings { timings: Timings::default() },
    ]
}

/// A value by its JSON form, which the types read strictly.
fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub fn cluster_spec() -> ClusterSpec {
    read(json!({
        "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal", "stage": "production",
        "networks": ["ndb"], "labels": {"a": "b"}, "clusterKinds": [{"version": "v1", "kind": "PriorityClass"}], "price": 7,
    }))
}

pub fn workload_spec() -> WorkloadSpec {
    read(json!({
        "requirements": {
            "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal", "stage": "production",
            "networks": ["ndb"], "kubernetesMin": {"major": 1, "minor": 30}, "kinds": [{"version": "v1", "kind": "Service"}],
            "amounts": {"cpuMillis": 1, "extended": {"nvidia.com/gpu": 1}},
        },
        "mode": {"exclusive": {"fence": "data"}}, "standby": {"distance": "georedundant"}, "stopBudget": 1000,
        "failover": "ask", "maintenance": maintenance(), "secrets": ["db"], "manifests": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}}],
    }))
}

fn sealed() -> Sealed {
    let recipient = Recipient { key: p384(), sealed: Der(vec![1; 145]) };
    Sealed {
        revision: 1,
        keys: ["password".to_owned()].into(),
        ciphertext: Der(vec![2; 284]),
        recipients: [(name("s"), recipient)].into(),
    }
}

fn observation() -> Observation {
    read(json!({
        "measured": 1, "kubernetes": {"major": 1, "minor": 34}, "kinds": [{"version": "v1", "kind": "Service"}],
        "storageClasses": ["fast"], "ingressClasses": [], "allocatable": {"cpuMillis": 1}, "foreign": {}, "ready": false,
        "impairment": "no nodes",
    }))
}

fn facts() -> SiteFacts {
    read(
        json!({"coordinates": {"latitude": 52_375_900, "longitude": 9_732_000}, "country": "DE", "operator": "public", "fallback": true}),
    )
}

fn maintenance() -> Maintenance {
    read(json!({
        "windows": [{"days": ["sat", "sun"], "from": "22:00", "to": "04:00"}],
        "freezes": [{"from": "2026-12-18", "to": "2027-01-06", "reason": "Jahreswechsel"}],
    }))
}

fn evidence() -> Evidence {
    Evidence {
        name: name("e"),
        subject: EvidenceSubject::Site(name("s")),
        kind: EvidenceKind::C5,
        issuer: "BSI".into(),
        document: Hash([1; 32]),
        valid_until: 1_790_000_000_000,
    }
}

fn findings() -> Vec<Finding> {
    vec![
        Finding::LeaseEnded { cluster: name("c"), generation: 1 },
        Finding::Unreachable { site: name("s"), presence: 1 },
        Finding::Returned { site: name("s"), presence: 2 },
    ]
}

fn signed() -> SignedFinding {
    let membership = MembershipId { term: 1, node: 2, index: 3 };
    SignedFinding { node: NodeId::mint(0, 1), membership, signature: der() }
}

/// The commands about placements.
fn placing_commands() -> Vec<Command> {
    let (workload, cluster): (WorkloadName, ClusterName) = (name("w"), name("c"));
    let report = CopyReport { workload: workload.clone(), epoch: 1, phase: CopyPhase::Failed { reason: "r".into() } };
    vec![
        Command::SetSiteFacts { site: name("s"), facts: facts() },
        Command::SetSiteMaintenance { site: name("s"), maintenance: maintenance() },
        Command::SetOrganisationMaintenance { organisation: name("o"), maintenance: maintenance() },
        Command::ApplyCluster {
            name: cluster.clone(),
            site: name("s"),
            spec: cluster_spec(),
            agent_key: Person::new(1).public(),
        },
        Command::CordonCluster { name: cluster.clone(), cordoned: true },
        Command::RemoveCluster { name: cluster.clone() },
        Command::ApplyEvidence { evidence: evidence() },
        Command::DeleteEvidence { name: name("e") },
        Command::SetLicenceVeto {
            veto: LicenceVeto { site: name("s"), workload: workload.clone(), reason: "r".into() },
        },
        Command::LiftLicenceVeto { site: name("s"), workload: workload.clone() },
        Command::ConfirmFence { workload: workload.clone(), cluster: cluster.clone(), epoch: 1 },
        Command::ApplyWorkload {
            name: workload.clone(),
            organisation: name("o"),
            customer: Some(name("k")),
            spec: workload_spec(),
            expect: Some(Hash([1; 32])),
            emergency: Some("e".into()),
        },
        Command::DeleteWorkload { name: workload.clone() },
        Command::ApplySecret {
            workload: workload.clone(),
            name: name("db"),
            sealed: sealed(),
            same_values: false,
            delegated: true,
        },
        Command::ResealSecret {
            site: name("s"),
            workload: workload.clone(),
            name: name("db"),
            revision: 1,
            recipients: sealed().recipients,
        },
        Command::DeleteSecret { workload: workload.clone(), name: name("db") },
        Command::Failover { workload: workload.clone(), to: Some(cluster.clone()), accept_loss: true },
        Command::Relocate { workload: workload.clone(), to: cluster.clone(), emergency: Some("e".into()) },
        Command::Failback { workload: workload.clone(), emergency: None },
        Command::StartDrill { workload: workload.clone(), emergency: None },
        Command::RequestException {
            name: name("x"),
            rule: "georedundancy".into(),
            workload: workload.clone(),
            reason: "r".into(),
            until: 1,
        },
        Command::ApproveException { name: name("x") },
        Command::OpenChange { name: name("t"), workload: workload.clone(), description: "d".into() },
        Command::CloseChange { name: name("t"), review: "r".into() },
        Command::CloseIncident { name: name("i") },
        Command::GiveConsent {
            consent: Consent { customer: name("k"), workload: workload.clone(), sites: [name("s")].into() },
        },
        Command::WithdrawConsent { workload: workload.clone() },
        Command::SubmitVerdict { finding: findings().remove(0), statements: vec![signed()] },
        Command::OpenLease { cluster: cluster.clone(), generation: 1, refusal: Some(signed()) },
        Command::PlanNext { verdict: 1 },
        Command::Replan { workload: workload.clone() },
        Command::RegisterStart { cluster: cluster.clone() },
        Command::Observe { cluster: cluster.clone(), observation: observation() },
        Command::ReportCopies { cluster: cluster.clone(), copies: vec![report] },
        Command::Receipt { cluster, workload, epoch: 1 },
    ]
}

fn directive() -> SignedDirective {
    let signature = DirectiveSignature { key: KeyId::default(), signature: der() };
    SignedDirective { payload: der(), signatures: vec![signature] }
}

fn orders() -> Vec<Order> {
    let (nodes, keys) = (BTreeSet::from([NodeId::mint(0, 2)]), BTreeSet::from([KeyId::default()]));
    let site = ExcludedSite { site: name("s"), nodes: nodes.clone(), keys: keys.clone() };
    vec![
        Order::ExcludeSite { site: name("s"), nodes, keys: keys.clone(), reason: "r".into() },
        Order::ExcludeOrganisation {
            organisation: name("o"),
            below: [name("p")].into(),
            sites: vec![site],
            keys,
            reason: "r".into(),
        },
        Order::Recover { terms: "t".into() },
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
        Command::RefuseAdmission { request: Hash([7; 32]), reason: "r".into() },
        Command::CreateOrganisation {
            name: name("n"),
            display_name: "N".into(),
            roles: roles.clone(),
            administrator: user.clone(),
            administrator_key: key.clone(),
        },
        Command::SuspendOrganisation { name: name("o") },
        Command::ResumeOrganisation { name: name("o") },
        Command::SuspendSite { name: name("s") },
        Command::ResumeSite { name: name("s") },
        Command::RecordDirective { directive: directive() },
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
        Command::RotateAuthority {
            site: name("s"),
            step: AuthorityStep::Prepare { certificate: der(), proof: der(), endorsement: Some(der()) },
        },
        Command::RotateAuthority { site: name("s"), step: AuthorityStep::Activate { key: KeyId::default() } },
        Command::RotateAuthority { site: name("s"), step: AuthorityStep::Taint { key: KeyId::default() } },
        Command::RotateAuthority { site: name("s"), step: AuthorityStep::Revoke { key: KeyId::default() } },
        Command::RotateAuthority { site: name("s"), step: AuthorityStep::Withdraw { key: KeyId::default() } },
        Command::AddNode { site: name("s"), key, addresses: vec![], issuing_proof: der(), node_proof: der() },
        Command::UpdateNode { node: NodeId::mint(0, 1), addresses: vec![name("localhost:1")] },
        Command::RemoveNode { node: NodeId::mint(0, 1) },
        apply("dns"),
        Command::DeleteCatalogueEntry { name: name("dns") },
    ]
}

#[test]
fn commands_and_actions() {
    each_variant("Command", &[commands(), placing_commands()].concat());
    each_variant("Action", &actions());
    each_variant("Order", &orders());
    each_variant("Finding", &findings());
}

/// A report of a planner of every reason that there is: [`verbund_machine::planner::Reason`] reads each example that the
/// description allows, and the description allows what it writes.
#[test]
fn reasons_of_the_planner() {
    use verbund_machine::planner::{Reason, Rule};
    let version = json!({"major": 1, "minor": 30});
    let kind = json!([{"group": "apps", "version": "v1", "kind": "Deployment"}]);
    let all = [
        json!({"siteStanding": {"found": "suspended"}}),
        json!({"organisationStanding": {"organisation": "o", "found": null}}),
        json!({"siteLost": {"site": "s"}}),
        json!({"clusterStanding": {"found": "cordoned"}}),
        json!({"excluded": {"site": "s"}}),
        json!("notObserved"),
        json!({"notReady": {"impairment": "x"}}),
        json!({"zone": {"found": "external", "wanted": "raised"}}),
        json!({"schutzbedarf": {"found": "normal", "wanted": "sehr-hoch"}}),
        json!({"confidentiality": {"found": "public", "wanted": "vs-nfd"}}),
        json!({"stage": {"found": "test", "wanted": "production"}}),
        json!({"country": {"found": "AT"}}),
        json!({"publicControl": {"found": "private"}}),
        json!({"evidence": {"kind": "c5", "expired": 1}}),
        json!({"networks": {"found": ["internet"], "missing": ["ndb"]}}),
        json!({"kubernetes": {"found": version, "min": version, "max": null}}),
        json!({"apiKinds": {"missing": kind}}),
        json!({"clusterKinds": {"found": [], "missing": kind}}),
        json!({"storageClasses": {"found": ["a"], "missing": ["b"]}}),
        json!({"ingressClasses": {"found": ["a"], "missing": ["b"]}}),
        json!({"label": {"key": "k", "found": null, "wanted": "v"}}),
        json!({"allowedSites": {"found": "a", "wanted": ["b"]}}),
        json!({"licenceVeto": {"reason": "r"}}),
        json!({"consent": {"customer": "k", "found": null, "wanted": "s"}}),
        json!({"secrets": {"site": "s", "found": ["a"], "missing": ["b"]}}),
        json!({"extendedResource": {"name": "gpu", "found": 0, "wanted": 1}}),
        json!({"capacity": {"resource": "pods", "found": 0, "wanted": 1}}),
        json!({"lease": {"closed": null}}),
        json!({"sameSite": {"site": "s", "other": "c"}}),
        json!({"distance": {"other": "s", "found": 99, "wanted": 200, "exception": true}}),
    ];
    let described = DOCUMENT["components"]["schemas"]["Reason"]["oneOf"].as_array().unwrap();
    assert_eq!(all.len(), described.len());
    let mut rules = BTreeSet::new();
    for value in all {
        let reason: Reason = read(value.clone());
        rules.insert(reason.rule());
        assert_valid(&named("Reason"), &value);
        assert_eq!(serde_json::to_value(&reason).unwrap(), value);
    }
    let strings = |values: &[Rule]| -> Vec<Value> { values.iter().map(|rule| json!(rule)).collect() };
    let described = DOCUMENT["components"]["schemas"]["Rule"]["enum"].as_array().unwrap();
    assert_eq!(*described, strings(Rule::ALL));
    assert!(rules.len() > 20);
}

/// Resources about placements with what they rarely have.
#[test]
fn resources_of_placements() {
    fn held<T>(value: T) -> std::sync::Arc<Versioned<T>> {
        std::sync::Arc::new(Versioned { version: 1, created: 0, changed: 1, value })
    }
    let placement = |waiting: Value, phase: Value, cause: Value| -> Placement {
        read(json!({
            "workload": "w", "epoch": 1, "waiting": waiting, "target": "c", "cause": cause, "home": "d", "change": "chg-1",
            "copies": [{"cluster": "c", "role": "stopping", "epoch": 1, "generation": 2, "since": 3, "phase": phase}],
        }))
    };
    let waits = [
        json!(null),
        json!("notPlaceable"),
        json!({"fence": {"cluster": "c"}}),
        json!("person"),
        json!("turn"),
        json!("window"),
    ];
    let phases =
        [json!("pending"), json!({"starting": {"reason": "r"}}), json!("ready"), json!({"failed": {"reason": "r"}})];
    let placements = waits.iter().cycle().zip(phases.iter().cycle()).zip([
        json!("applied"),
        json!({"verdict": {"index": 1}}),
        json!("failover"),
        json!("released"),
        json!("clusterRemoved"),
        json!("misplaced"),
    ]);
    let mut objects: Vec<Object> = placements
        .map(|((waiting, phase), cause)| Object::Placement(held(placement(waiting.clone(), phase.clone(), cause))))
        .collect();
    let verdict = |finding| Verdict { index: 1, finding, by: vec![signed()], remaining: vec![name("w")] };
    objects.extend(findings().into_iter().map(|finding| Object::Verdict(held(verdict(finding)))));
    let (workload, organisation): (WorkloadName, OrgName) = (name("w"), name("o"));
    objects.extend([
        Object::Cluster(held(Cluster {
            name: name("c"),
            site: name("s"),
            spec: cluster_spec(),
            agent: KeyId::default(),
            standing: ClusterStanding::Cordoned,
            observation: Some(observation()),
            incarnation: 7,
        })),
        Object::Workload(held(Workload {
            name: workload.clone(),
            organisation: organisation.clone(),
            customer: Some(name("k")),
            spec: workload_spec(),
            deleting: true,
        })),
        Object::Evidence(held(evidence())),
        Object::Lease(held(Lease { cluster: name("c"), generation: 1, open: true, opened_at: 2 })),
        Object::Presence(held(Presence { site: name("s"), number: 1, lost: true })),
        Object::Change(held(ChangeTicket {
            name: name("chg-1"),
            workload: workload.clone(),
            organisation: organisation.clone(),
            kind: ChangeKind::Emergency,
            description: "d".into(),
            closed: false,
            review: String::new(),
        })),
        Object::Incident(held(Incident {
            name: name("inc-1"),
            workload: workload.clone(),
            organisation,
            cluster: name("c"),
            reason: "r".into(),
            awaits: Some(AwaitedDecision { since: 1, rpo: 30 }),
            resolved: false,
        })),
        Object::Exception(held(Exception {
            name: name("x"),
            rule: "georedundancy".into(),
            workload: workload.clone(),
            reason: "r".into(),
            until: 1_790_000_000_000,
            approvals: [KeyId::default()].into(),
        })),
        Object::Consent(held(Consent { customer: name("k"), workload: workload.clone(), sites: BTreeSet::new() })),
        Object::LicenceVeto(held(LicenceVeto { site: name("s"), workload: workload.clone(), reason: "r".into() })),
        Object::Secret(held(SealedSecret {
            workload,
            name: name("db"),
            organisation: name("o"),
            sealed: sealed(),
            delegated: false,
            values_since: 1,
            exposed: [name("s")].into(),
        })),
        Object::Timings(held(TimingsInForce::default())),
    ]);
    for object in objects {
        assert_valid(&named("Resource"), &serde_json::to_value(object.render()).unwrap());
    }
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
    let admission = |admitted, refused| Admission {
        hash: Hash([1; 32]),
        request: admission_request(),
        approvals: [KeyId::default()].into(),
        admitted,
        refused,
    };
    let refusal = AdmissionRefusal { by: KeyId::default(), reason: "r".to_owned() };
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
        Object::Admission(held(admission(None, None))),
        Object::Admission(held(admission(Some(NodeId::mint(0, 2)), None))),
        Object::Admission(held(admission(None, Some(refusal)))),
    ];
    objects.extend(actions().into_iter().map(|action| Object::Proposal(held(proposal(action)))));
    let recorded = |(order, beside)| RecordedDirective {
        hash: Hash([1; 32]),
        number: 1,
        predecessor: Hash([2; 32]),
        coordinator_set_version: 1,
        issued: 1,
        order,
        accept_quorum_loss: false,
        signed: directive(),
        beside,
    };
    let beside = [None, Some(Hash([3; 32])), None];
    objects.extend(orders().into_iter().zip(beside).map(|both| Object::Directive(held(recorded(both)))));
    for object in objects {
        let value: Value = serde_json::to_value(object.render()).unwrap();
        assert_valid(&named("Resource"), &value);
    }
}
