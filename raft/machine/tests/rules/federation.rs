//! A federation to try things on.

use std::collections::BTreeMap;

use verbund_identity::{Envelope, Statement};
use verbund_machine::{Applied, LogEntry, Membership, State};
use verbund_model::resource::{AdmissionRequest, Millis, UserRole};
use verbund_model::{Accepted, Command, Hash, KeyId, NodeId, Outcome, Refusal};

use crate::support::build::{ALL_ROLES, Ca, Founders, Statements, at, entry, name, proofs, signed};
use crate::support::keys::{Keyring, Signer, TestVerifier};

pub struct Federation {
    pub state: State,
    pub founders: Founders,
    pub ring: Keyring,
    pub verifier: TestVerifier,
    pub index: u64,
    /// The leader's clock.
    pub clock: Millis,
    sessions: BTreeMap<KeyId, (u64, u64)>,
    /// The number of the sessions that are opened.
    session: u64,
}

/// A site that asked to be admitted.
pub struct Asking {
    pub hash: Hash,
    pub invitation: Signer,
    pub node: Signer,
    pub issuing: Signer,
    pub request: AdmissionRequest,
    pub envelope: Envelope,
}

impl Federation {
    /// Two of three coordinators must agree; cheap keys.
    pub fn new() -> Self {
        let mut ring = Keyring::new(1);
        let root = Ca::root("root nord", ring.p384());
        let founders = Founders {
            coordinators: vec![ring.p384(), ring.p384(), ring.p384()],
            administrator: ring.p256(),
            node: ring.p256(),
            issuing: root.below("issuing nord", ring.p384()),
            root,
            sealing: ring.p384(),
        };
        Self::of(founders, ring)
    }

    pub fn of(founders: Founders, ring: Keyring) -> Self {
        let genesis = founders.genesis(2);
        let mut federation = Self {
            state: State::from_genesis(&genesis.to_bytes()).unwrap(),
            founders,
            ring,
            verifier: TestVerifier::default(),
            index: 0,
            clock: genesis.time + 1000,
            sessions: BTreeMap::new(),
            session: 1,
        };
        federation.members(&[&[NodeId(1)]], &[]);
        federation
    }

    pub fn coordinator(&self, number: usize) -> Signer {
        self.founders.coordinators[number].clone()
    }

    pub fn ada(&self) -> Signer {
        self.founders.administrator.clone()
    }

    pub fn members(&mut self, configs: &[&[NodeId]], learners: &[NodeId]) {
        let membership = Membership {
            configs: configs.iter().map(|set| set.iter().copied().collect()).collect(),
            learners: learners.iter().copied().collect(),
        };
        let basis = self.state.applied().index;
        if self.state.entries() > 0 {
            self.index += 1;
        }
        self.state.apply(at(self.index), LogEntry::Membership { membership: &membership, basis }, &self.verifier);
    }

    /// Goes on at a later time, at which the sessions are over.
    #[allow(dead_code)] // each test binary uses its part
    pub fn wait_until(&mut self, time: Millis) {
        self.clock = time;
        self.session += 1;
        self.sessions.clear();
    }

    pub fn statements(&self) -> Statements {
        Statements { federation: self.state.federation().value.id }
    }

    /// A statement in the author's session, which is opened if there is none.
    pub fn statement(&mut self, author: &Signer, command: Command) -> Statement {
        let invited = self.state.invitation(&author.id).is_some();
        if invited {
            return self.statements().statement(&author.id, 0, 0, self.clock, command);
        }
        if !self.sessions.contains_key(&author.id) {
            let opening = self.statements().statement(&author.id, self.session, 0, self.clock, Command::OpenSession {});
            let applied = self.apply(&signed(author, opening.to_payload()));
            assert!(matches!(applied, Outcome::Accepted(Accepted::SessionOpened { .. })), "{applied:?}");
            self.sessions.insert(author.id, (self.session, 0));
        }
        let (session, sequence) = self.sessions[&author.id];
        self.sessions.insert(author.id, (session, sequence + 1));
        self.statements().statement(&author.id, session, sequence + 1, self.clock, command)
    }

    /// Whether somebody has a session: who was excluded opens none any more.
    #[allow(dead_code)] // each test binary uses its part
    pub fn has_session(&self, key: &KeyId) -> bool {
        self.sessions.contains_key(key)
    }

    pub fn apply(&mut self, envelope: &Envelope) -> Outcome {
        self.apply_bytes(&entry(self.clock, envelope)).outcome.unwrap()
    }

    pub fn apply_bytes(&mut self, bytes: &[u8]) -> Applied {
        self.index += 1;
        self.clock += 10;
        let before = self.state.clone();
        let applied = self.state.apply(at(self.index), LogEntry::Command(bytes), &self.verifier);
        if matches!(applied.outcome, Some(Outcome::Refused(_))) {
            assert!(applied.events.is_empty());
        }
        assert_eq!(self.state.entries(), before.entries() + 1);
        applied
    }

    pub fn send(&mut self, author: &Signer, statement: Statement) -> Outcome {
        self.apply(&signed(author, statement.to_payload()))
    }

    pub fn try_to(&mut self, author: &Signer, command: Command) -> Outcome {
        let statement = self.statement(author, command);
        self.send(author, statement)
    }

    /// Does something that must be accepted.
    pub fn act(&mut self, author: &Signer, command: Command) -> Accepted {
        match self.try_to(author, command.clone()) {
            Outcome::Accepted(accepted) => accepted,
            Outcome::Refused(refusal) => panic!("{command:?} was refused: {refusal}"),
        }
    }

    /// Does something that must be refused.
    pub fn refused(&mut self, author: &Signer, command: Command) -> Refusal {
        match self.try_to(author, command.clone()) {
            Outcome::Refused(refusal) => refusal,
            Outcome::Accepted(accepted) => panic!("{command:?} was accepted: {accepted:?}"),
        }
    }

    /// An organisation with all roles and the administrator `chef`, who may do everything.
    pub fn organisation(&mut self, organisation: &str) -> Signer {
        let administrator = self.ring.p256();
        self.act(
            &self.coordinator(0),
            Command::CreateOrganisation {
                name: name(organisation),
                display_name: format!("Organisation {organisation}"),
                roles: ALL_ROLES.into(),
                administrator: name("chef"),
                administrator_key: administrator.key.clone(),
            },
        );
        for role in [UserRole::Plattformbetreiber, UserRole::CloudServiceAnbieter] {
            self.bind(&administrator, organisation, "chef", role, &[]);
        }
        administrator
    }

    pub fn bind(&mut self, administrator: &Signer, organisation: &str, user: &str, role: UserRole, at: &[&str]) {
        let command = Command::BindRole {
            organisation: name(organisation),
            user: name(user),
            role,
            sites: crate::support::build::sites(at),
        };
        self.act(administrator, command);
    }

    pub fn invitation(&mut self, site: &str, organisation: &str) -> Signer {
        let key = self.ring.p256();
        let expires = self.clock + 3_600_000;
        let command =
            Command::Invite { key: key.key.clone(), site: name(site), organisation: name(organisation), expires };
        self.act(&self.coordinator(0), command);
        key
    }

    /// A request with a PKI of its own: root and issuing CA.
    pub fn request(&mut self, site: &str, organisation: &str, land: &str) -> (AdmissionRequest, Signer, Signer) {
        let root = Ca::root(&format!("root {site}"), self.ring.p384());
        let issuing = root.below(&format!("issuing {site}"), self.ring.p384());
        let node = self.ring.p256();
        let request = AdmissionRequest {
            site: name(site),
            organisation: name(organisation),
            land: name(land),
            anchors: vec![root.der],
            issuing_certificate: issuing.der,
            sealing_key: self.ring.p384().key,
            node_key: node.key.clone(),
            addresses: vec![],
        };
        (request, node, issuing.signer)
    }

    pub fn ask(&mut self, site: &str, organisation: &str, land: &str) -> Asking {
        let invitation = self.invitation(site, organisation);
        let (request, node, issuing) = self.request(site, organisation, land);
        let federation = self.state.federation().value.id;
        let proofs = proofs(&federation, &invitation.id, &request, &node, &issuing);
        let command = Command::RequestAdmission { request: request.clone(), proofs };
        let statement = self.statement(&invitation, command);
        let envelope = signed(&invitation, statement.to_payload());
        let hash = envelope.payload_hash();
        let outcome = self.apply(&envelope);
        assert_eq!(outcome, Outcome::Accepted(Accepted::Waiting { subject: hash, have: 0, need: 2 }));
        Asking { hash, invitation, node, issuing, request, envelope }
    }

    /// Two coordinators let the site in.
    pub fn admit(&mut self, asking: &Asking) -> NodeId {
        let approve = Command::Approve { subject: asking.hash };
        let first = self.act(&self.coordinator(0), approve.clone());
        assert_eq!(first, Accepted::Waiting { subject: asking.hash, have: 1, need: 2 });
        match self.act(&self.coordinator(1), approve) {
            Accepted::Admitted { node } => node,
            other => panic!("not admitted: {other:?}"),
        }
    }

    /// A site of an organisation, with its node.
    pub fn site(&mut self, site: &str, organisation: &str, land: &str) -> (NodeId, Signer) {
        let asking = self.ask(site, organisation, land);
        (self.admit(&asking), asking.issuing)
    }
}
