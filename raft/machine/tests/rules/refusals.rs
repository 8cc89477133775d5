//! Every kind of refusal, each with what it says.

use verbund_identity::envelope::{MAX_ENVELOPE, MAX_PAYLOAD, STATEMENT_TYPE, pae};
use verbund_identity::{Authentication, Envelope, Statement, key_id, sha256};
use verbund_machine::{Alarm, MAX_ENTRY};
use verbund_model::resource::{Action, OrgRole, UserRole};
use verbund_model::{Algorithm, Command, FederationId, KeyId, NodeId, Outcome, PublicKey, Refusal};

use crate::federation::Federation;
use crate::support::build::{ALL_ROLES, address, batch, document, entry, name, signed, sites};
use crate::support::keys::Signer;

fn harmless() -> Command {
    Command::DeleteCatalogueEntry { name: name("nichts") }
}

fn organisation(named: &str, key: &PublicKey) -> Command {
    Command::CreateOrganisation {
        name: name(named),
        display_name: "Amt".to_owned(),
        roles: ALL_ROLES.into(),
        administrator: name("chef"),
        administrator_key: key.clone(),
    }
}

/// A federation with organisation `amt`, and its administrator, who has all roles.
fn federation() -> (Federation, Signer) {
    let mut federation = Federation::new();
    let author = federation.organisation("amt");
    (federation, author)
}

/// Applies what nobody signed, and checks that it raised the alarm and left no trace but its record.
fn unauthorised(federation: &mut Federation, bytes: &[u8]) -> Refusal {
    let before = federation.state.head();
    let applied = federation.apply_bytes(bytes);
    let Some(Outcome::Refused(refusal)) = applied.outcome else { panic!("accepted: {applied:?}") };
    let wanted = Alarm::UnauthorisedEntry { at: applied.record.at, reason: refusal.clone() };
    assert_eq!(applied.alarm, Some(wanted));
    assert_eq!(federation.state.head().state, before.state);
    assert_ne!(federation.state.head().chain, before.chain);
    refusal
}

fn malformed(reason: &str) -> Refusal {
    Refusal::Malformed { reason: reason.to_owned() }
}

#[test]
fn unreadable_entries() {
    let (mut federation, author) = federation();
    let good = federation.statement(&author, harmless());
    let envelope = signed(&author, good.to_payload());
    let bytes = entry(federation.clock, &envelope);
    let version = "the log entry has a version that is not known";
    assert_eq!(unauthorised(&mut federation, &[]), malformed(version));
    assert_eq!(unauthorised(&mut federation, &[2, 1, 1]), malformed(version));
    let form = "the log entry is not one stamp and one envelope";
    assert_eq!(unauthorised(&mut federation, &bytes[..bytes.len() - 1]), malformed(form));
    assert_eq!(unauthorised(&mut federation, &[bytes.clone(), vec![0]].concat()), malformed(form));
    let large = |what: &str, found, limit| Refusal::TooLarge { what: what.to_owned(), found, limit };
    let found = MAX_ENTRY as u64 + 1;
    let refusal = unauthorised(&mut federation, &vec![1; MAX_ENTRY + 1]);
    assert_eq!(refusal, large("the log entry", found, MAX_ENTRY as u64));
    let raw = verbund_machine::Entry { stamp: 0, envelope: vec![7; MAX_ENVELOPE + 1] }.to_bytes();
    let refusal = unauthorised(&mut federation, &raw);
    assert_eq!(refusal, large("the envelope", MAX_ENVELOPE as u64 + 1, MAX_ENVELOPE as u64));
    let raw = verbund_machine::Entry { stamp: 0, envelope: vec![7; 40] }.to_bytes();
    assert_eq!(unauthorised(&mut federation, &raw), malformed("the bytes are not one envelope"));
    let long = entry(federation.clock, &signed(&author, vec![b' '; MAX_PAYLOAD + 1]));
    let refusal = unauthorised(&mut federation, &long);
    assert_eq!(refusal, large("the statement", MAX_PAYLOAD as u64 + 1, MAX_PAYLOAD as u64));
    // The positive control: the same bytes, untouched.
    assert!(matches!(federation.apply_bytes(&bytes).outcome, Some(Outcome::Refused(Refusal::NotFound { .. }))));
}

#[test]
fn statements_that_do_not_follow_their_schema() {
    let (mut federation, author) = federation();
    let text = String::from_utf8(federation.statement(&author, harmless()).to_payload()).unwrap();
    let open = text.strip_suffix('}').unwrap();
    let schema = "the statement is not JSON of its schema";
    let broken = [
        format!("{open},\"sequence\":5}}"),
        format!("{open},\"later\":true}}"),
        format!("{text} x"),
        open.to_owned(),
        text.replacen("\"session\":1", "\"session\":1.0", 1),
        text.replacen("\"session\":1", "\"session\":\"1\"", 1),
        text.replacen("deleteCatalogueEntry", "deleteEverything", 1),
        text.replacen("\"nichts\"", "\"Nichts\"", 1),
        text.replacen("{\"name\":\"nichts\"}", "{\"name\":\"nichts\",\"name\":\"nichts\"}", 1),
        String::new(),
    ];
    for payload in broken {
        assert_ne!(payload, text);
        let bytes = entry(federation.clock, &signed(&author, payload.clone().into_bytes()));
        assert_eq!(unauthorised(&mut federation, &bytes), malformed(schema), "{payload}");
    }
    let twice = Command::ApplyCatalogueEntry {
        name: name("d"),
        organisation: name("amt"),
        schema_version: 1,
        document: document(r#"{"a":1}"#),
    };
    let text = String::from_utf8(federation.statement(&author, twice).to_payload()).unwrap();
    let payload = text.replacen("{\"a\":1}", "{\"a\":1,\"a\":2}", 1);
    assert_ne!(payload, text);
    let bytes = entry(federation.clock, &signed(&author, payload.into_bytes()));
    assert_eq!(unauthorised(&mut federation, &bytes), malformed(schema), "a document with a key twice");
    let payload = text.replacen("\"v\":1", "\"v\":2", 1);
    let bytes = entry(federation.clock, &signed(&author, payload.into_bytes()));
    let version = "the statement's schema has a version that is not known";
    assert_eq!(unauthorised(&mut federation, &bytes), malformed(version));
    let mut other = signed(&author, text.clone().into_bytes());
    other.key = federation.founders.node.id;
    let bytes = entry(federation.clock, &other);
    let mismatch = "the envelope names another key than the statement in it";
    assert_eq!(unauthorised(&mut federation, &bytes), malformed(mismatch));
}

#[test]
fn reserved_variants() {
    let (mut federation, author) = federation();
    let statement = federation.statement(&author, harmless());
    let envelope = signed(&author, statement.to_payload());
    let refuse = |federation: &mut Federation, envelope: &Envelope, wanted: &str| {
        let bytes = entry(federation.clock, envelope);
        let refusal = unauthorised(federation, &bytes);
        assert_eq!(refusal, Refusal::NotEnabled { what: wanted.to_owned() });
    };
    let passkey = Authentication::Passkey { assertion: Vec::new() };
    refuse(&mut federation, &Envelope { authentication: passkey, ..envelope.clone() }, "passkey authors");
    let gateway = Authentication::Gateway { signature: Vec::new(), on_behalf_of: String::new() };
    refuse(&mut federation, &Envelope { authentication: gateway, ..envelope }, "gateway authors");
    let sealed = Statement { sealed: vec!["AAAA".to_owned()], ..statement };
    refuse(&mut federation, &signed(&author, sealed.to_payload()), "sealed parts");
}

#[test]
fn another_federation() {
    let (mut federation, author) = federation();
    let statement = federation.statement(&author, harmless());
    let found = FederationId(sha256(b"another"));
    let other = Statement { federation: found, ..statement.clone() };
    let bytes = entry(federation.clock, &signed(&author, other.to_payload()));
    assert_eq!(unauthorised(&mut federation, &bytes), Refusal::WrongFederation { found });
    let other = Statement { generation: 1, ..statement };
    let bytes = entry(federation.clock, &signed(&author, other.to_payload()));
    assert_eq!(unauthorised(&mut federation, &bytes), Refusal::WrongGeneration { found: 1, current: 0 });
}

#[test]
fn keys_and_signatures() {
    let (mut federation, author) = federation();
    let stranger = federation.ring.p256();
    let statement = federation.statements().statement(&stranger.id, 1, 1, federation.clock, harmless());
    let bytes = entry(federation.clock, &signed(&stranger, statement.to_payload()));
    assert_eq!(unauthorised(&mut federation, &bytes), Refusal::UnknownKey { key: stranger.id });

    let good = federation.statement(&author, harmless());
    let envelope = signed(&author, good.to_payload());
    let Authentication::Direct { signature } = envelope.authentication.clone() else { panic!("not direct") };
    let bad = Refusal::BadSignature { key: author.id };
    let parsed = p256::ecdsa::Signature::from_slice(&signature).unwrap();
    let (r, s) = parsed.split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r, -s).unwrap().to_bytes().to_vec();
    let other_message = author.sign(&pae("application/vnd.verbund.head.v1", &envelope.payload));
    let by_stranger = stranger.sign(&pae(STATEMENT_TYPE, &envelope.payload));
    for signature in [high, other_message, by_stranger, Vec::new(), signature[..63].to_vec(), vec![0; 64]] {
        let forged = Envelope { authentication: Authentication::Direct { signature }, ..envelope.clone() };
        let bytes = entry(federation.clock, &forged);
        assert_eq!(unauthorised(&mut federation, &bytes), bad);
    }
    let payloads = [envelope.payload.clone(), b"second".to_vec(), b"third".to_vec()];
    let batched = batch(&author, &payloads);
    for change in [
        |proof: &mut verbund_identity::BatchProof| proof.index = 1,
        |proof: &mut verbund_identity::BatchProof| proof.size = 5,
        |proof: &mut verbund_identity::BatchProof| proof.path.truncate(1),
        |proof: &mut verbund_identity::BatchProof| proof.path[0].0[0] ^= 1,
    ] {
        let mut forged = batched[0].clone();
        let Authentication::Batch { proof, .. } = &mut forged.authentication else { panic!("no batch") };
        change(proof);
        let bytes = entry(federation.clock, &forged);
        assert_eq!(unauthorised(&mut federation, &bytes), bad);
    }
    assert!(matches!(federation.apply(&batched[0]), Outcome::Refused(Refusal::NotFound { .. })), "the true one counts");
}

/// Apply demands the one form of a signature itself, and does not leave it to whoever verifies.
#[test]
fn the_form_of_a_signature_is_not_the_verifiers_affair() {
    struct Gullible;
    impl verbund_identity::SignatureVerifier for Gullible {
        fn verify(&self, _: &PublicKey, _: &[u8], _: &[u8]) -> bool {
            true
        }
    }
    let (mut federation, author) = federation();
    let good = federation.statement(&author, harmless());
    let envelope = signed(&author, good.to_payload());
    let Authentication::Direct { signature } = envelope.authentication.clone() else { panic!("not direct") };
    let (r, s) = p256::ecdsa::Signature::from_slice(&signature).unwrap().split_scalars();
    let high = p256::ecdsa::Signature::from_scalars(r, -s).unwrap().to_bytes().to_vec();
    let mut outcome = |signature: Vec<u8>| {
        let changed = Envelope { authentication: Authentication::Direct { signature }, ..envelope.clone() };
        let bytes = entry(federation.clock, &changed);
        federation.index += 1;
        let at = crate::support::build::at(federation.index);
        federation.state.apply(at, verbund_machine::LogEntry::Command(&bytes), &Gullible).outcome.unwrap()
    };
    let longer = [signature.clone(), vec![0]].concat();
    for wrong in [high, longer, signature[..63].to_vec(), vec![0; 64], vec![0xff; 64]] {
        assert_eq!(outcome(wrong), Outcome::Refused(Refusal::BadSignature { key: author.id }));
    }
    assert!(matches!(outcome(signature), Outcome::Refused(Refusal::NotFound { .. })));
}

#[test]
fn what_may_overtake_an_honest_leader_raises_no_alarm() {
    let (mut federation, author) = federation();
    let second = federation.ring.p256();
    let (organisation, user) = (name("amt"), name("chef"));
    federation.act(&author, Command::AddUserKey { organisation, user, key: second.key.clone() });
    federation.act(&second, Command::RevokeUserKey { organisation: name("amt"), key: author.id });
    let late = federation.statement(&author, harmless());
    let bytes = entry(federation.clock, &signed(&author, late.to_payload()));
    let applied = federation.apply_bytes(&bytes);
    assert_eq!(applied.outcome, Some(Outcome::Refused(Refusal::KeyRevoked { key: author.id })));
    assert_eq!(applied.alarm, None);

    federation.act(&federation.coordinator(0), Command::SuspendOrganisation { name: name("amt") });
    let late = federation.statement(&second, harmless());
    let bytes = entry(federation.clock, &signed(&second, late.to_payload()));
    let applied = federation.apply_bytes(&bytes);
    let suspended = Refusal::Suspended { what: "organisation amt".to_owned() };
    assert_eq!((applied.outcome, applied.alarm), (Some(Outcome::Refused(suspended.clone())), None));
    let expires = federation.clock + 1000;
    let invite =
        Command::Invite { key: federation.ring.p256().key, site: name("west"), organisation: name("amt"), expires };
    assert_eq!(federation.refused(&federation.coordinator(0), invite), suspended);
    federation.act(&federation.coordinator(1), Command::ResumeOrganisation { name: name("amt") });
    assert!(matches!(federation.refused(&second, harmless()), Refusal::NotFound { .. }), "resumed");
}

#[test]
fn who_may_not() {
    let (mut federation, author) = federation();
    let (coordinator, node, ada) = (federation.coordinator(0), federation.founders.node.clone(), federation.ada());
    let key = federation.ring.p256().key;
    let user = name("chef");
    let in_amt = "a user with the role administrator in organisation amt";
    let cases: Vec<(&Signer, Command, &str)> = vec![
        (&author, organisation("neu", &key), "a coordinator"),
        (&node, Command::SuspendOrganisation { name: name("amt") }, "a coordinator"),
        (&author, Command::Approve { subject: sha256(b"x") }, "a coordinator"),
        (&node, Command::Propose { action: Action::ReplaceVoter { lost: NodeId(1) } }, "a coordinator"),
        (&ada, Command::CreateUser { organisation: name("amt"), user: name("neu"), key: key.clone() }, in_amt),
        (&coordinator, Command::DeleteUser { organisation: name("amt"), user }, in_amt),
        (
            &node,
            Command::UpdateSite { site: name("nord"), land: name("DE-HH") },
            "a user with the role plattformbetreiber for site nord",
        ),
        (&author, Command::RemoveNode { node: NodeId(1) }, "a user with the role plattformbetreiber for site nord"),
        (&coordinator, Command::RemoveNode { node: NodeId(9) }, "a user with the role plattformbetreiber"),
        (&coordinator, harmless(), "a user with the role cloud-service-anbieter"),
    ];
    for (who, command, wanted) in cases {
        match federation.refused(who, command.clone()) {
            Refusal::NotAuthorised { needed, .. } => assert_eq!(needed, wanted, "{command:?}"),
            other => panic!("{command:?}: {other:?}"),
        }
    }
    let refusal = federation.refused(&author, Command::SuspendOrganisation { name: name("kost") });
    assert_eq!(refusal.to_string(), "user amt.chef may not do this: a coordinator may");
}

#[test]
fn a_role_counts_where_it_was_given() {
    let (mut federation, author) = federation();
    federation.site("west", "amt", "DE-NW");
    federation.site("ost", "amt", "DE-SN");
    let eva = federation.ring.p256();
    let (organisation, user) = (name("amt"), name("eva"));
    federation.act(&author, Command::CreateUser { organisation, user, key: eva.key.clone() });
    let move_to = |site: &str, land: &str| Command::UpdateSite { site: name(site), land: name(land) };
    assert!(matches!(federation.refused(&eva, move_to("west", "DE-HE")), Refusal::NotAuthorised { .. }));
    federation.bind(&author, "amt", "eva", UserRole::Plattformbetreiber, &["west"]);
    federation.act(&eva, move_to("west", "DE-HE"));
    assert!(matches!(federation.refused(&eva, move_to("ost", "DE-HE")), Refusal::NotAuthorised { .. }));
    federation.bind(&author, "amt", "eva", UserRole::Plattformbetreiber, &[]);
    federation.act(&eva, move_to("ost", "DE-HE"));
    let (organisation, user) = (name("amt"), name("eva"));
    federation.act(&author, Command::UnbindRole { organisation, user, role: UserRole::Plattformbetreiber });
    assert!(matches!(federation.refused(&eva, move_to("west", "DE-BY")), Refusal::NotAuthorised { .. }));
    // A role that is limited to sites does not count for the organisation as a whole.
    federation.bind(&author, "amt", "eva", UserRole::CloudServiceAnbieter, &["west"]);
    let apply = Command::ApplyCatalogueEntry {
        name: name("d"),
        organisation: name("amt"),
        schema_version: 1,
        document: document("{}"),
    };
    assert!(matches!(federation.refused(&eva, apply), Refusal::NotAuthorised { .. }));
}

#[test]
fn an_organisation_gives_only_what_its_roles_allow() {
    let (mut federation, _) = federation();
    use OrgRole as O;
    use UserRole as U;
    let all = [
        U::Administrator,
        U::Plattformbetreiber,
        U::Softwarebetreiber,
        U::CloudServiceAnbieter,
        U::CloudServiceKunde,
        U::Auditor,
    ];
    let table: [(O, &[U]); 9] = [
        (O::CloudServiceKunde, &[U::CloudServiceKunde]),
        (O::CloudServiceVermittler, &[]),
        (O::Plattformbetreiber, &[U::Plattformbetreiber, U::CloudServiceAnbieter]),
        (O::Softwarebetreiber, &[U::Softwarebetreiber, U::CloudServiceAnbieter]),
        (O::CloudIntegrator, &[U::CloudServiceAnbieter]),
        (O::PortalNutzende, &[]),
        (O::Koordinierungsstelle, &[]),
        (O::Softwarelieferant, &[]),
        (O::Architekturboard, &[]),
    ];
    for (number, (role, may)) in table.into_iter().enumerate() {
        let administrator = federation.ring.p256();
        let mut create = organisation(&format!("org-{number}"), &administrator.key);
        if let Command::CreateOrganisation { roles, .. } = &mut create {
            *roles = [role].into();
        }
        federation.act(&federation.coordinator(0), create);
        for user_role in all {
            let bind = Command::BindRole {
                organisation: name(&format!("org-{number}")),
                user: name("chef"),
                role: user_role,
                sites: [].into(),
            };
            let always = matches!(user_role, U::Administrator | U::Auditor);
            let outcome = federation.try_to(&administrator, bind);
            let accepted = matches!(outcome, Outcome::Accepted(_));
            assert_eq!(accepted, always || may.contains(&user_role), "{role:?} gives {user_role:?}: {outcome:?}");
        }
    }
}

#[test]
fn fields_that_are_wrong() {
    let (mut federation, author) = federation();
    federation.site("west", "amt", "DE-NW");
    let coordinator = federation.coordinator(0);
    let (k384, k256) = (federation.ring.p384().key, federation.ring.p256().key);
    let off_curve = {
        let mut point = federation.ring.p256().key.point().to_vec();
        point[64] ^= 1;
        PublicKey::from_point(Algorithm::P256, point).unwrap()
    };
    let add = |key: PublicKey| Command::AddUserKey { organisation: name("amt"), user: name("chef"), key };
    let bind =
        |role, at: &[&str]| Command::BindRole { organisation: name("amt"), user: name("chef"), role, sites: sites(at) };
    let invite = |expires| Command::Invite { key: k256.clone(), site: name("neu"), organisation: name("amt"), expires };
    let coordinators =
        |keys: Vec<PublicKey>, threshold| Command::Propose { action: Action::SetCoordinators { keys, threshold } };
    let mut nameless = organisation("neu", &k256);
    if let Command::CreateOrganisation { display_name, .. } = &mut nameless {
        *display_name = "a\nb".to_owned();
    }
    let mut roleless = organisation("neu", &k256);
    if let Command::CreateOrganisation { roles, .. } = &mut roleless {
        roles.clear();
    }
    let now = federation.clock;
    let bad_address = verbund_model::resource::Address { network: "default".into(), host: "a b".into(), port: 1 };
    let cases: Vec<(&Signer, Command, &str)> = vec![
        (&author, add(k384.clone()), "key"),
        (&author, add(off_curve), "key"),
        (&author, bind(UserRole::Administrator, &["west"]), "sites"),
        (&author, bind(UserRole::Auditor, &["nord"]), "sites"),
        (&coordinator, nameless, "displayName"),
        (&coordinator, roleless, "roles"),
        (&coordinator, invite(now), "expires"),
        (&coordinator, invite(now + 100 * 24 * 3_600_000), "expires"),
        (&coordinator, coordinators(vec![], 0), "action.setCoordinators"),
        (&coordinator, coordinators(vec![k384.clone(), federation.ring.p384().key], 1), "action.setCoordinators"),
        (&coordinator, coordinators(vec![k384.clone(), k384.clone()], 2), "action.setCoordinators"),
        (&coordinator, coordinators(vec![k384.clone()], 2), "action.setCoordinators"),
        (&coordinator, coordinators(vec![k256.clone()], 1), "action.setCoordinators.keys"),
        (&author, Command::UpdateNode { node: NodeId(2), addresses: vec![bad_address] }, "addresses"),
    ];
    for (who, command, wanted) in cases {
        match federation.refused(who, command.clone()) {
            Refusal::Invalid { field, .. } => assert_eq!(field, wanted, "{command:?}"),
            other => panic!("{command:?}: {other:?}"),
        }
    }
    let mut opening = federation.statements().statement(&author.id, 9, 3, now, Command::OpenSession {});
    let refused = federation.send(&author, opening.clone());
    assert!(matches!(refused, Outcome::Refused(Refusal::Invalid { field, .. }) if field == "sequence"));
    opening.sequence = 0;
    opening.precondition = Some(verbund_identity::Precondition::Absent);
    let refused = federation.send(&author, opening);
    assert!(matches!(refused, Outcome::Refused(Refusal::Invalid { field, .. }) if field == "precondition"));
}

#[test]
fn too_much_of_something() {
    let (mut federation, author) = federation();
    federation.site("west", "amt", "DE-NW");
    let coordinator = federation.coordinator(0);
    let addresses = (1..=17).map(|i| address(&format!("10.0.0.{i}:1"))).collect();
    let mut long = organisation("neu", &federation.ring.p256().key);
    if let Command::CreateOrganisation { display_name, .. } = &mut long {
        *display_name = "ö".repeat(201);
    }
    let text = "x".repeat(64 * 1024 - 7);
    let apply = |text: &str| Command::ApplyCatalogueEntry {
        name: name("d"),
        organisation: name("amt"),
        schema_version: 1,
        document: document(&format!(r#"{{"x":"{text}"}}"#)),
    };
    let policy = Action::SetPolicy { name: name("p"), document: document(&format!(r#"{{"x":"{text}"}}"#)) };
    let keys: Vec<PublicKey> = (0..26).map(|_| federation.ring.p384().key).collect();
    let cases: Vec<(&Signer, Command, u64, u64)> = vec![
        (&author, Command::UpdateNode { node: NodeId(2), addresses }, 17, 16),
        (&author, apply(&text), 65_537, 65_536),
        (&coordinator, long, 201, 200),
        (&coordinator, Command::Propose { action: policy }, 65_537, 65_536),
        (&coordinator, Command::Propose { action: Action::SetCoordinators { keys, threshold: 14 } }, 26, 25),
    ];
    for (who, command, found, limit) in cases {
        match federation.refused(who, command.clone()) {
            Refusal::TooLarge { found: f, limit: l, .. } => assert_eq!((f, l), (found, limit), "{command:?}"),
            other => panic!("{command:?}: {other:?}"),
        }
    }
    federation.act(&author, apply(&text[1..])); // exactly as long as allowed
    for _ in 2..=16 {
        let key = federation.ring.p256().key;
        federation.act(&author, Command::AddUserKey { organisation: name("amt"), user: name("chef"), key });
    }
    let key = federation.ring.p256().key;
    let more = Command::AddUserKey { organisation: name("amt"), user: name("chef"), key };
    assert!(matches!(federation.refused(&author, more), Refusal::TooLarge { found: 17, limit: 16, .. }));
    let sub = |federation: &mut Federation, number: usize, parent: &str| Command::CreateSubOrganisation {
        parent: name(parent),
        name: name(&format!("sub-{number}")),
        display_name: "Eigenbetrieb".to_owned(),
        roles: [OrgRole::Plattformbetreiber].into(),
        administrator: name("chef"),
        administrator_key: federation.ring.p256().key,
    };
    for number in 1..=100 {
        let command = sub(&mut federation, number, "amt");
        federation.act(&author, command);
    }
    let command = sub(&mut federation, 101, "amt");
    assert!(matches!(federation.refused(&author, command), Refusal::TooLarge { found: 101, limit: 100, .. }));
}

#[test]
fn organisations_lie_three_deep_and_pass_on_only_what_they_have() {
    let (mut federation, mut author) = federation();
    let mut parent = "amt".to_owned();
    for depth in 1..=4 {
        let administrator = federation.ring.p256();
        let child = format!("tief-{depth}");
        let command = |roles: &[OrgRole]| Command::CreateSubOrganisation {
            parent: name(&parent),
            name: name(&child),
            display_name: "Eigenbetrieb".to_owned(),
            roles: roles.iter().copied().collect(),
            administrator: name("chef"),
            administrator_key: administrator.key.clone(),
        };
        if depth == 4 {
            let refusal = federation.refused(&author, command(&[OrgRole::Plattformbetreiber]));
            assert!(matches!(refusal, Refusal::TooLarge { found: 4, limit: 3, .. }), "{refusal:?}");
            break;
        }
        if depth > 1 {
            let more = command(&[OrgRole::Plattformbetreiber, OrgRole::Koordinierungsstelle]);
            assert!(matches!(federation.refused(&author, more), Refusal::Invalid { .. }));
        }
        federation.act(&author, command(&[OrgRole::Plattformbetreiber]));
        (parent, author) = (child, administrator);
    }
}

#[test]
fn the_last_administrator_stays() {
    let (mut federation, author) = federation();
    let (organisation, user) = (name("amt"), name("chef"));
    let delete = Command::DeleteUser { organisation, user };
    let unbind = Command::UnbindRole { organisation: name("amt"), user: name("chef"), role: UserRole::Administrator };
    let revoke = |key: KeyId| Command::RevokeUserKey { organisation: name("amt"), key };
    for command in [delete.clone(), unbind, revoke(author.id)] {
        let refusal = federation.refused(&author, command.clone());
        assert!(matches!(refusal, Refusal::Conflict { .. }), "{command:?}: {refusal:?}");
    }
    // A second administrator whose keys are all revoked does not count.
    let eva = federation.ring.p256();
    federation.act(&author, Command::CreateUser { organisation: name("amt"), user: name("eva"), key: eva.key.clone() });
    federation.bind(&author, "amt", "eva", UserRole::Administrator, &[]);
    federation.act(&author, revoke(eva.id));
    assert!(matches!(federation.refused(&author, delete.clone()), Refusal::Conflict { .. }));
    let second = federation.ring.p256();
    let (organisation, user) = (name("amt"), name("eva"));
    federation.act(&author, Command::AddUserKey { organisation, user, key: second.key.clone() });
    federation.act(&second, delete);
    assert!(federation.state.key(&author.id).unwrap().value.revoked);
    assert!(matches!(federation.refused(&second, revoke(second.id)), Refusal::Conflict { .. }));
}

#[test]
fn keys_are_registered_once_and_for_ever() {
    let (mut federation, author) = federation();
    let eva = federation.ring.p256();
    let create = |user: &str, key: &PublicKey| Command::CreateUser {
        organisation: name("amt"),
        user: name(user),
        key: key.clone(),
    };
    federation.act(&author, create("eva", &eva.key));
    federation.act(&author, Command::DeleteUser { organisation: name("amt"), user: name("eva") });
    let known = [eva.key.clone(), federation.founders.node.key.clone(), author.key.clone()];
    for key in known {
        let what = format!("key {}", key_id(&key));
        match federation.refused(&author, create("neu", &key)) {
            Refusal::AlreadyExists { what: found, .. } => assert_eq!(found, what),
            other => panic!("{other:?}"),
        }
    }
    let fresh = federation.ring.p256().key;
    federation.act(&author, create("eva", &fresh)); // the name is free again, the key is not
}

#[test]
fn an_entry_stays_with_its_organisation() {
    let (mut federation, author) = federation();
    let other = federation.organisation("anderes");
    let apply = |organisation: &str, text: &str| Command::ApplyCatalogueEntry {
        name: name("dienst"),
        organisation: name(organisation),
        schema_version: 1,
        document: document(text),
    };
    federation.act(&author, apply("amt", "{}"));
    let version = federation.index;
    let refusal = federation.refused(&other, apply("anderes", "{}"));
    let what = "catalogue entry dienst belongs to organisation amt".to_owned();
    assert_eq!(refusal, Refusal::Conflict { what });
    let delete = Command::DeleteCatalogueEntry { name: name("dienst") };
    assert!(matches!(federation.refused(&other, delete), Refusal::NotAuthorised { .. }));
    let unchanged = federation.act(&author, apply("amt", "{}"));
    assert_eq!(unchanged, verbund_model::Accepted::Unchanged { version });
    federation.act(&author, apply("amt", r#"{"a":1}"#));
}
