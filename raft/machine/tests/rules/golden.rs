//! Bytes that stay: what a released version wrote, every later one must read, and answer alike.
//!
//! After a wanted change before the first release: `VERBUND_BLESS=1 cargo test -p verbund-machine --test rules golden`.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use verbund_identity::{Authentication, Directive, Envelope, PureVerifier};
use verbund_lease::Statement as Stated;
use verbund_machine::{AuditRecord, Entry, LogEntry, LogId, Membership, Restore, State};
use verbund_model::local::Weekday;
use verbund_model::resource::{
    AdmissionRequest, ChangeKind, Coordinates, Der, DirectiveSignature, ExcludedSite, FailoverAuthority, FenceLevel,
    Freeze, Maintenance, MembershipId, Mode, Operator, Order, Recipient, Sealed, SignedDirective, SignedFinding,
    SiteFacts, UserRole, Waiting, Window, WorkloadSpec,
};
use verbund_model::{Command, NodeId, Outcome};

use crate::country::{apply, cluster_spec, ended, observation, spec};
use crate::support::build::{Ca, Founders, START, Statements, batch, document, name, proofs, signed};
use crate::support::keys::Signer;

fn golden(file: &str, lines: &[Vec<u8>]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    let found: String = lines.iter().map(|line| format!("{}\n", HEXLOWER.encode(line))).collect();
    if std::env::var_os("VERBUND_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap();
    for (number, (found, wanted)) in found.lines().zip(wanted.lines()).enumerate() {
        assert_eq!(found, wanted, "{file}, line {}", number + 1);
    }
    assert_eq!(found, wanted, "{file}");
}

fn founders() -> Founders {
    let root = Ca::root("root nord", Signer::real384(10));
    Founders {
        coordinators: vec![Signer::real384(1), Signer::real384(2), Signer::real384(3)],
        administrator: Signer::real256(1),
        node: Signer::real256(2),
        issuing: root.below("issuing nord", Signer::real384(11)),
        root,
        sealing: Signer::real384(12),
    }
}

/// A small log: members, a term, a session, changes, refusals, a batch, reserved variants, a cluster whose agent starts, an
/// unreadable entry.
fn log(federation: verbund_model::FederationId) -> Vec<Vec<u8>> {
    let (author, coordinator) = (Signer::real256(1), Signer::real384(1));
    let say = Statements { federation };
    let at = START + 5000;
    let opening =
        |signer: &Signer| signed(signer, say.statement(&signer.id, 1, 0, at, Command::OpenSession {}).to_payload());
    let bind = Command::BindRole {
        organisation: name("kost"),
        user: name("ada"),
        role: UserRole::CloudServiceAnbieter,
        sites: [].into(),
    };
    let apply = |number: u32| Command::ApplyCatalogueEntry {
        name: name(&format!("dienst-{number}")),
        organisation: name("kost"),
        schema_version: number,
        document: document(r#"{"z":0.1,"a":[1,{"y":null,"b":"Wärme"}]}"#),
    };
    let said = |sequence, command| say.statement(&author.id, 1, sequence, at, command).to_payload();
    let ordinary = signed(&author, said(2, apply(1)));
    let mut sealed = say.statement(&author.id, 1, 9, at, apply(9));
    sealed.sealed.push("AAAA".to_owned());
    let organisation = Command::CreateOrganisation {
        name: name("amt"),
        display_name: "Amt".to_owned(),
        roles: [verbund_model::resource::OrgRole::Plattformbetreiber].into(),
        administrator: name("chef"),
        administrator_key: Signer::real256(3).key,
    };
    let creation = say.statement(&coordinator.id, 1, 1, at, organisation).to_payload();
    let mut envelopes = vec![
        opening(&author),
        opening(&coordinator),
        signed(&author, said(1, bind)),
        ordinary.clone(),
        ordinary.clone(),
        signed(&author, said(3, Command::DeleteCatalogueEntry { name: name("nichts") })),
        signed(&coordinator, creation),
        Envelope { authentication: Authentication::Passkey { assertion: vec![1, 2] }, ..ordinary.clone() },
        Envelope {
            authentication: Authentication::Gateway { signature: vec![3], on_behalf_of: "jemand".to_owned() },
            ..ordinary
        },
        signed(&author, sealed.to_payload()),
    ];
    envelopes.extend(batch(&author, &[said(4, apply(2)), said(5, apply(3)), said(6, apply(1))]));
    let agent = Signer::real256(4);
    let platform = Command::BindRole {
        organisation: name("kost"),
        user: name("ada"),
        role: UserRole::Plattformbetreiber,
        sites: [].into(),
    };
    let cluster = Command::ApplyCluster {
        name: name("nord-a"),
        site: name("nord"),
        spec: cluster_spec(),
        agent_key: agent.key.clone(),
    };
    let start = say.statement(&agent.id, 1, 1, at, Command::RegisterStart { cluster: name("nord-a") });
    envelopes.push(signed(&author, said(10, platform)));
    envelopes.push(signed(&author, said(11, cluster)));
    envelopes.push(opening(&agent));
    envelopes.push(signed(&agent, start.to_payload()));
    let entry =
        |(envelope, stamp): (&Envelope, u64)| Entry { stamp: at + stamp, envelope: envelope.to_bytes() }.to_bytes();
    let mut entries: Vec<Vec<u8>> = envelopes.iter().zip(1..).map(entry).collect();
    entries.push(b"not an entry".to_vec());
    entries
}

/// Invitations, requests, approvals, a refusal, and an approval that comes too late.
fn admissions(federation: verbund_model::FederationId) -> Vec<Vec<u8>> {
    let coordinators = [Signer::real384(1), Signer::real384(2)];
    let say = Statements { federation };
    let at = START + 5000;
    let by = |who: usize, sequence, command| {
        let signer = &coordinators[who];
        signed(signer, say.statement(&signer.id, 1, sequence, at, command).to_payload())
    };
    let asks = |invitation: &Signer, number: u8, site: &str| {
        let root = Ca::root(&format!("root {site}"), Signer::real384(20 + number));
        let issuing = root.below(&format!("issuing {site}"), Signer::real384(30 + number));
        let node = Signer::real256(40 + number);
        let request = AdmissionRequest {
            site: name(site),
            organisation: name("kost"),
            land: name("DE-BE"),
            anchors: vec![root.der],
            issuing_certificate: issuing.der,
            sealing_key: Signer::real384(50 + number).key,
            node_key: node.key.clone(),
            addresses: vec![name("localhost:7100")],
        };
        let proofs = proofs(&federation, &invitation.id, &request, &node, &issuing.signer);
        let command = Command::RequestAdmission { request, proofs };
        signed(invitation, say.statement(&invitation.id, 0, 0, at, command).to_payload())
    };
    let keys = [Signer::real256(21), Signer::real256(22)];
    let invite = |key: &Signer, site: &str| Command::Invite {
        key: key.key.clone(),
        site: name(site),
        organisation: name("kost"),
        expires: at + 3_600_000,
    };
    let (west, ost) = (asks(&keys[0], 1, "west"), asks(&keys[1], 2, "ost"));
    let refuse =
        |request| Command::RefuseAdmission { request, reason: "Fingerabdruck\npasst nicht: „ab“".to_owned() };
    let envelopes = [
        by(0, 0, Command::OpenSession {}),
        by(1, 0, Command::OpenSession {}),
        by(0, 1, invite(&keys[0], "west")),
        by(0, 2, invite(&keys[1], "ost")),
        west.clone(),
        ost.clone(),
        by(0, 3, Command::Approve { subject: west.payload_hash() }),
        by(1, 1, refuse(west.payload_hash())),
        by(1, 2, Command::Approve { subject: west.payload_hash() }),
        by(0, 4, Command::Approve { subject: ost.payload_hash() }),
        by(1, 3, Command::Approve { subject: ost.payload_hash() }),
        by(0, 5, refuse(ost.payload_hash())),
    ];
    let entry =
        |(envelope, stamp): (&Envelope, u64)| Entry { stamp: at + stamp, envelope: envelope.to_bytes() }.to_bytes();
    envelopes.iter().zip(1..).map(entry).collect()
}

/// Windows and freezes, a move that they forbid and one that cannot wait, its review; incidents: one that is closed, and one
/// that awaits a decision.
fn decisions(federation: verbund_model::FederationId) -> Vec<Vec<u8>> {
    let (ada, node) = (Signer::real256(1), Signer::real256(2));
    let agents = [("nord-a", Signer::real256(60)), ("nord-b", Signer::real256(61))];
    let say = Statements { federation };
    let at = START + 5000;
    let mut envelopes: Vec<Envelope> = Vec::new();
    // Each has one session, and numbers its statements by their place in the log.
    let mut push = |signer: &Signer, command: Command| {
        let sequence = if command == (Command::OpenSession {}) { 0 } else { envelopes.len() as u64 };
        let statement = say.statement(&signer.id, 1, sequence, at, command);
        envelopes.push(signed(signer, statement.to_payload()));
        // Membership and blank come before.
        envelopes.len() as u64 + 1
    };
    for signer in [&ada, &node] {
        push(signer, Command::OpenSession {});
    }
    for role in [UserRole::Plattformbetreiber, UserRole::Softwarebetreiber] {
        push(&ada, Command::BindRole { organisation: name("kost"), user: name("ada"), role, sites: [].into() });
    }
    let facts = SiteFacts {
        coordinates: Coordinates { latitude: 52_375_892, longitude: 9_732_010 },
        country: "DE".to_owned(),
        operator: Operator::Public,
        fallback: true,
    };
    push(&ada, Command::SetSiteFacts { site: name("nord"), facts });
    let observe = |cluster: &str, impairment: &str| Command::Observe {
        cluster: name(cluster),
        observation: observation(true, impairment),
    };
    let add = |push: &mut dyn FnMut(&Signer, Command) -> u64, (cluster, agent): &(&str, Signer)| {
        let (spec, agent_key) = (cluster_spec(), agent.key.clone());
        push(&ada, Command::ApplyCluster { name: name(cluster), site: name("nord"), spec, agent_key });
        push(agent, Command::OpenSession {});
        push(agent, observe(cluster, ""));
        push(&node, Command::OpenLease { cluster: name(cluster), generation: 1, refusal: None });
    };
    add(&mut push, &agents[0]);
    let night = Window { days: [Weekday::Sat].into(), from: "22:00".parse().unwrap(), to: "04:00".parse().unwrap() };
    let wanted = WorkloadSpec {
        rpo: 30,
        maintenance: Maintenance { windows: vec![night.clone()], freezes: vec![] },
        ..spec(Mode::Exclusive { fence: FenceLevel::Guard }, FailoverAuthority::Ask, None)
    };
    push(&ada, apply("w", wanted));
    add(&mut push, &agents[1]);
    push(
        &ada,
        Command::SetSiteMaintenance {
            site: name("nord"),
            maintenance: Maintenance { windows: vec![night], freezes: vec![] },
        },
    );
    let freeze = Freeze {
        from: "2025-12-18".parse().unwrap(),
        to: "2026-01-06".parse().unwrap(),
        reason: "Jahreswechsel".to_owned(),
    };
    push(
        &ada,
        Command::SetOrganisationMaintenance {
            organisation: name("kost"),
            maintenance: Maintenance { windows: vec![], freezes: vec![freeze] },
        },
    );
    let relocate = |emergency: Option<&str>| Command::Relocate {
        workload: name("w"),
        to: name("nord-b"),
        emergency: emergency.map(str::to_owned),
    };
    push(&ada, relocate(None));
    let change = push(&ada, relocate(Some("Der Strom wird abgeschaltet")));
    push(&agents[0].1, Command::Receipt { cluster: name("nord-a"), workload: name("w"), epoch: 1 });
    let change = name(&format!("chg-{change}-w"));
    push(&ada, Command::CloseChange { name: change, review: "Der Plan war nicht abgestimmt.".to_owned() });
    let incident = push(&agents[1].1, observe("nord-b", "kein Speicher"));
    push(&ada, Command::CloseIncident { name: name(&format!("inc-{incident}-1-w")) });
    let (membership, finding) = (MembershipId { term: 3, node: 1, index: 0 }, ended("nord-b", 1));
    let stated = Stated { federation, federation_generation: 0, finding: finding.clone(), membership, node: NodeId(1) };
    let signature = Der(node.sign(&stated.message()));
    push(
        &node,
        Command::SubmitVerdict { finding, statements: vec![SignedFinding { node: NodeId(1), membership, signature }] },
    );
    let recipient = Recipient { key: Signer::real384(12).key, sealed: Der(vec![7; 145]) };
    let recipients = std::collections::BTreeMap::from([(name("nord"), recipient)]);
    let secret = |secret: &str, revision, same_values| Command::ApplySecret {
        workload: name("w"),
        name: name(secret),
        sealed: Sealed {
            revision,
            keys: ["PASSWORT".to_owned(), "tls.key".to_owned()].into(),
            ciphertext: Der(vec![8; 284]),
            recipients: recipients.clone(),
        },
        same_values,
        delegated: true,
    };
    push(&ada, secret("db", 1, false));
    push(&ada, secret("db", 2, true));
    push(&ada, secret("db", 2, false));
    push(&ada, secret("mail", 1, false));
    let (site, workload, secret, recipients) = (name("nord"), name("w"), name("db"), recipients.clone());
    push(&ada, Command::ResealSecret { site, workload, name: secret, revision: 2, recipients });
    push(&ada, Command::DeleteSecret { workload: name("w"), name: name("mail") });
    let entry =
        |(envelope, stamp): (&Envelope, u64)| Entry { stamp: at + stamp, envelope: envelope.to_bytes() }.to_bytes();
    envelopes.iter().zip(1..).map(entry).collect()
}

/// Suspension, a directive of two coordinators, the same again, one that too few signed, what an excluded node says,
/// and a second directive with the same number.
fn exclusions(federation: verbund_model::FederationId) -> Vec<Vec<u8>> {
    let coordinators = [Signer::real384(1), Signer::real384(2)];
    let say = Statements { federation };
    let at = START + 5000;
    let by = |who: usize, sequence, command| {
        let signer = &coordinators[who];
        signed(signer, say.statement(&signer.id, 1, sequence, at, command).to_payload())
    };
    let invitation = Signer::real256(21);
    let root = Ca::root("root west", Signer::real384(21));
    let issuing = root.below("issuing west", Signer::real384(31));
    let node = Signer::real256(41);
    let request = AdmissionRequest {
        site: name("west"),
        organisation: name("kost"),
        land: name("DE-BE"),
        anchors: vec![root.der.clone()],
        issuing_certificate: issuing.der.clone(),
        sealing_key: Signer::real384(51).key,
        node_key: node.key.clone(),
        addresses: vec![],
    };
    let with = proofs(&federation, &invitation.id, &request, &node, &issuing.signer);
    let ask = Command::RequestAdmission { request, proofs: with };
    let asking = signed(&invitation, say.statement(&invitation.id, 0, 0, at, ask).to_payload());
    let invite = Command::Invite {
        key: invitation.key.clone(),
        site: name("west"),
        organisation: name("kost"),
        expires: at + 3_600_000,
    };
    let directive = |order, signers: &[Signer]| {
        let directive = Directive {
            v: 1,
            federation,
            generation: 0,
            number: 1,
            predecessor: federation.0,
            coordinator_set_version: 1,
            issued: at,
            order,
            accept_quorum_loss: false,
        };
        let payload = directive.to_payload();
        let message = Directive::message(&payload);
        let sign = |signer: &Signer| DirectiveSignature { key: signer.id, signature: Der(signer.sign(&message)) };
        let signatures = signers.iter().map(sign).collect();
        Command::RecordDirective { directive: SignedDirective { payload: Der(payload), signatures } }
    };
    let west = || Order::ExcludeSite {
        site: name("west"),
        nodes: [NodeId(2)].into(),
        keys: [root.signer.id, issuing.signer.id, node.id].into(),
        reason: "Schlüssel „west“ entwendet".to_owned(),
    };
    let ghost = Order::ExcludeOrganisation {
        organisation: name("geist"),
        below: [name("geist-sub")].into(),
        sites: vec![ExcludedSite { site: name("spuk"), nodes: [].into(), keys: [].into() }],
        keys: [Signer::real256(60).id].into(),
        reason: "nie dagewesen".to_owned(),
    };
    let nodes = |sequence, command| signed(&node, say.statement(&node.id, 1, sequence, at, command).to_payload());
    let envelopes = [
        by(0, 0, Command::OpenSession {}),
        by(1, 0, Command::OpenSession {}),
        by(0, 1, invite),
        asking.clone(),
        by(0, 2, Command::Approve { subject: asking.payload_hash() }),
        by(1, 1, Command::Approve { subject: asking.payload_hash() }),
        nodes(0, Command::OpenSession {}),
        by(0, 3, Command::SuspendSite { name: name("west") }),
        by(1, 2, Command::ResumeSite { name: name("west") }),
        by(0, 4, directive(west(), &coordinators[..1])),
        by(0, 5, directive(west(), &coordinators)),
        by(1, 3, directive(west(), &coordinators)),
        nodes(1, Command::Replan { workload: name("nichts") }),
        by(1, 4, directive(ghost, &coordinators)),
        by(1, 5, Command::ResumeSite { name: name("west") }),
    ];
    let entry =
        |(envelope, stamp): (&Envelope, u64)| Entry { stamp: at + stamp, envelope: envelope.to_bytes() }.to_bytes();
    envelopes.iter().zip(1..).map(entry).collect()
}

/// Applies a log, and holds all that comes of it against the files of that name. Gives the outcomes, and the state.
fn apply_golden(
    prefix: &str,
    log: impl FnOnce(verbund_model::FederationId) -> Vec<Vec<u8>>,
) -> (Vec<Option<Outcome>>, State) {
    let genesis = founders().genesis(2).to_bytes();
    let mut state = State::from_genesis(&genesis).unwrap();
    let entries = log(state.federation().value.id);
    let mut heads = vec![head(&state)];
    let (mut records, mut outcomes) = (Vec::new(), Vec::new());
    let mut apply = |state: &mut State, index, entry: LogEntry<'_>| {
        let applied = state.apply(LogId { term: 3, node: 1, index }, entry, &PureVerifier);
        let bytes = applied.record.to_bytes();
        assert_eq!(AuditRecord::from_bytes(&bytes), Ok(applied.record.clone()));
        records.push(bytes);
        heads.push(head(state));
        outcomes.push(applied.outcome);
    };
    let membership = Membership { configs: vec![[NodeId(1)].into()], learners: [].into() };
    apply(&mut state, 0, LogEntry::Membership { membership: &membership, basis: 0 });
    apply(&mut state, 1, LogEntry::Blank);
    for (bytes, index) in entries.iter().zip(2..) {
        apply(&mut state, index, LogEntry::Command(bytes));
    }
    let snapshot: Vec<Vec<u8>> = state.records().collect();
    golden("genesis.hex", &[genesis]);
    golden(&format!("{prefix}entries.hex"), &entries);
    golden(&format!("{prefix}records.hex"), &records);
    golden(&format!("{prefix}heads.hex"), &heads);
    golden(&format!("{prefix}snapshot.hex"), &snapshot);
    let mut restore = Restore::new();
    snapshot.iter().for_each(|record| restore.push(record).unwrap());
    assert_eq!(restore.finish().unwrap().head(), state.head());
    (outcomes, state)
}

#[test]
fn bytes_of_entries_records_and_snapshots_stay() {
    let (outcomes, state) = apply_golden("", log);
    let started = state.cluster(&name("nord-a")).map(|cluster| cluster.value.incarnation);
    // Membership and blank come before the first of the log's own entries, and the last of these is no entry.
    assert_eq!(started, Some(outcomes.len() as u64 - 2), "the last but one entry registered the agent's start");
}

#[test]
fn bytes_of_admissions_stay() {
    let (outcomes, _) = apply_golden("admission-", admissions);
    let refused: Vec<bool> = outcomes[2..].iter().map(|outcome| matches!(outcome, Some(Outcome::Refused(_)))).collect();
    let late = [false, false, false, false, false, false, false, false, true, false, false, true];
    assert_eq!(refused, late, "{outcomes:?}");
}

#[test]
fn bytes_of_decisions_stay() {
    let (outcomes, state) = apply_golden("decision-", decisions);
    let refused: Vec<_> = outcomes[2..]
        .iter()
        .filter_map(|outcome| match outcome {
            Some(Outcome::Refused(refusal)) => Some(refusal.name()),
            _ => None,
        })
        .collect();
    // The other one is a revision of a secret that was there already.
    assert_eq!(refused, ["not-now", "invalid"], "{outcomes:?}");
    let placement = &state.placement(&name("w")).unwrap().value;
    assert_eq!(placement.waiting, Some(Waiting::Person));
    let change = &state.change(&placement.change).unwrap().value;
    assert!(change.kind == ChangeKind::Emergency && change.closed && !change.review.is_empty(), "{change:?}");
    let incidents: Vec<_> = state.incidents().map(|held| (held.value.resolved, held.value.awaits.is_some())).collect();
    assert_eq!(incidents, [(true, false), (false, true)]);
}

#[test]
fn bytes_of_exclusions_stay() {
    let (outcomes, state) = apply_golden("exclusion-", exclusions);
    let refused: Vec<&str> = outcomes[2..]
        .iter()
        .map(|outcome| match outcome {
            Some(Outcome::Refused(refusal)) => refusal.name(),
            _ => "",
        })
        .collect();
    let wanted = ["", "", "", "", "", "", "", "", "", "bad-directive", "", "", "key-revoked", "", "excluded"];
    assert_eq!(refused, wanted, "{outcomes:?}");
    assert!(state.directives().any(|directive| directive.value.beside.is_some()));
}

fn head(state: &State) -> Vec<u8> {
    let head = state.head();
    [head.index.to_be_bytes().as_slice(), &head.chain.0, &head.state.0].concat()
}

/// The chain can be checked from the records alone, by whoever has them.
#[test]
fn golden_records_lead_to_the_golden_heads() {
    let read = |file: &str| -> Vec<Vec<u8>> {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| HEXLOWER.decode(line.as_bytes()).unwrap()).collect()
    };
    let (heads, genesis) = (read("heads.hex"), read("genesis.hex"));
    let mut chain = verbund_machine::chain_start(&genesis[0]);
    assert_eq!(heads[0][8..40], chain.0);
    let records = read("records.hex");
    assert!(records.len() > 15);
    for (record, head) in records.iter().zip(&heads[1..]) {
        chain = AuditRecord::from_bytes(record).unwrap().chain(&chain);
        assert_eq!(head[8..40], chain.0);
    }
    // A changed record, and every one after it, leads elsewhere.
    let mut changed = AuditRecord::from_bytes(&records[4]).unwrap();
    changed.time += 1;
    let before = verbund_model::Hash(heads[4][8..40].try_into().unwrap());
    assert_ne!(heads[5][8..40], changed.chain(&before).0);
}
