//! Random entries from random authors: most meant to be accepted, the others each meant for one kind of refusal. What is
//! meant does not count; the model says what should happen.

mod accepted;
mod exclusion;
mod refused;
mod rotation;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use verbund_identity::{Envelope, Precondition, Statement, key_id, sha256};
use verbund_machine::Entry;
use verbund_model::resource::{
    Address, AdmissionRequest, InvitationUse, KeyOwner, Millis, NodeStanding, SignedDirective, Standing, UserRole,
};
use verbund_model::{Command, Document, KeyId, NodeId, OrgName, SiteName, UserId};

use crate::model::{Case, Certificates, Directed, Model};
use crate::support::build::{self, Ca, ca_params, name};
use crate::support::keys::{Keyring, Signer};
use crate::support::random::Random;

/// A case with its bytes.
pub struct Step {
    pub case: Case,
    pub bytes: Vec<u8>,
}

/// Who can sign, and what came before.
pub struct Generator {
    pub random: Random,
    pub signers: BTreeMap<KeyId, Signer>,
    ring: Keyring,
    /// CA keys by site, for its nodes' proofs.
    issuing: BTreeMap<SiteName, Signer>,
    /// What was sent before, for repetition.
    sent: Vec<Step>,
    /// Entries of a batch that are still to come.
    queue: VecDeque<Step>,
    /// CAs that some site has, or asked for.
    authorities: Vec<(Signer, Signer)>,
    counter: u64,
    /// Directives that were sent, to be sent again.
    directives: Vec<(SignedDirective, Directed)>,
    /// The key that opens more sessions than it may.
    pub greedy: KeyId,
}

/// A user's key with its owner.
#[derive(Clone)]
pub struct Person {
    pub organisation: OrgName,
    pub user: UserId,
    pub key: KeyId,
}

impl Generator {
    pub fn new(seed: u64, signers: Vec<Signer>, issuing: Signer, root: Signer, greedy: KeyId) -> Self {
        Self {
            random: Random::new(seed),
            signers: signers.into_iter().map(|signer| (signer.id, signer)).collect(),
            ring: Keyring::new(seed),
            issuing: [(name("nord"), issuing.clone())].into(),
            sent: Vec::new(),
            queue: VecDeque::new(),
            authorities: vec![(root, issuing)],
            counter: 0,
            directives: Vec::new(),
            greedy,
        }
    }

    /// The next entry.
    pub fn next(&mut self, model: &Model) -> Step {
        if model.things.keys[&self.greedy].1.revoked {
            let coordinators = &model.things.set().keys;
            self.greedy = key_id(&coordinators[coordinators.len() - 1]);
        }
        if let Some(step) = self.queue.pop_front() {
            return self.again(model, &step);
        }
        loop {
            let step = if self.random.chance(71) { self.meant_well(model) } else { self.meant_ill(model) };
            if let Some(step) = step {
                if self.sent.len() < 64 {
                    self.sent.push(Step { case: step.case.clone(), bytes: step.bytes.clone() });
                } else {
                    let place = self.random.below(64);
                    self.sent[place] = Step { case: step.case.clone(), bytes: step.bytes.clone() };
                }
                return step;
            }
        }
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}-{}", self.counter)
    }

    fn new256(&mut self) -> Signer {
        let signer = self.ring.p256();
        self.signers.insert(signer.id, signer.clone());
        signer
    }

    fn new384(&mut self) -> Signer {
        let signer = self.ring.p384();
        self.signers.insert(signer.id, signer.clone());
        signer
    }

    fn document(&mut self) -> Document {
        let number = self.random.next() % 1_000_000;
        build::document(&format!(r#"{{"title":"Dienst {number}","price":{}.25,"tags":["a",{number}]}}"#, number % 97))
    }

    fn addresses(&mut self) -> Vec<Address> {
        let number = self.random.below(4);
        (0..number).map(|i| build::address(&format!("net{i}=10.0.{i}.{}:7100", self.random.below(200)))).collect()
    }

    /// A stamp, mostly a little ahead of the log's time.
    fn stamp(&mut self, model: &Model) -> Millis {
        match self.random.below(3000) {
            0 => model.time + 25 * 3_600_000,
            1..=20 => model.time + 5 * 60_000,
            21..=40 => model.time + 11 * 60_000,
            41..=300 => model.time.saturating_sub(1000),
            _ => model.time + 1 + self.random.next() % 40,
        }
    }

    /// The statement of `key` in its present session; what opens one, if it has none.
    pub fn say(&mut self, model: &Model, key: &KeyId, command: Command) -> (Statement, Millis) {
        let stamp = self.stamp(model);
        let now = model.time_of(Some(stamp));
        let statements = build::Statements { federation: model.id };
        if model.things.keys.get(key).is_some_and(|(_, key)| key.owner == KeyOwner::Invitation) {
            return (statements.statement(key, 0, 0, now, command), stamp);
        }
        let live = |number: &u64| now < model.sessions[&(*key, *number)].until;
        let Some(session) = model.live_sessions(key).into_iter().rev().find(live) else {
            return (self.opening(model, key, now), stamp);
        };
        let highest = model.sessions[&(*key, session)].highest;
        let sequence = highest + 1 + if self.random.chance(5) { self.random.next() % 40 } else { 0 };
        (statements.statement(key, session, sequence, now, command), stamp)
    }

    fn opening(&mut self, model: &Model, key: &KeyId, now: Millis) -> Statement {
        let last = model.last_number.get(key).copied().unwrap_or(0);
        let number = last + 1 + self.random.next() % 3;
        let statements = build::Statements { federation: model.id };
        statements.statement(key, number, 0, now, Command::OpenSession {})
    }

    /// Signs a statement, now and then in a batch with others of the same author.
    pub fn send(&mut self, model: &Model, (statement, stamp): (Statement, Millis)) -> Option<Step> {
        self.send_with(model, (statement, stamp), (true, true), None)
    }

    pub fn send_with(
        &mut self,
        _model: &Model,
        (statement, stamp): (Statement, Millis),
        proofs: (bool, bool),
        certificates: Option<Certificates>,
    ) -> Option<Step> {
        let signer = self.signers.get(&statement.key)?.clone();
        let payload = statement.to_payload();
        let envelope = if self.random.chance(10) {
            let others = self.random.below(6);
            let mut payloads: Vec<Vec<u8>> = (0..others).map(|i| format!("other {i}").into_bytes()).collect();
            let place = self.random.below(others + 1);
            payloads.insert(place, payload);
            build::batch(&signer, &payloads).swap_remove(place)
        } else {
            build::signed(&signer, payload)
        };
        Some(Self::step(envelope, statement, stamp, proofs, certificates))
    }

    fn step(
        envelope: Envelope,
        statement: Statement,
        stamp: Millis,
        proofs: (bool, bool),
        certificates: Option<Certificates>,
    ) -> Step {
        let payload = sha256(&envelope.payload);
        let bytes = build::entry(stamp, &envelope);
        let case = Case {
            stamp: Some(stamp),
            fault: None,
            statement,
            payload,
            well_signed: true,
            proofs,
            certificates,
            directive: None,
        };
        Step { case, bytes }
    }

    /// Several statements of one author under one signature, one now and the rest next.
    fn in_batch(&mut self, key: &KeyId, statements: Vec<(Statement, Millis)>) -> Option<Step> {
        let signer = self.signers.get(key)?.clone();
        let payloads: Vec<Vec<u8>> = statements.iter().map(|(statement, _)| statement.to_payload()).collect();
        let envelopes = build::batch(&signer, &payloads);
        for (envelope, (statement, stamp)) in envelopes.into_iter().zip(statements) {
            self.queue.push_back(Self::step(envelope, statement, stamp, (true, true), None));
        }
        self.queue.pop_front()
    }

    /// The same envelope in a new entry: as the leader would append it when it is sent again.
    fn again(&mut self, model: &Model, step: &Step) -> Step {
        let mut case = step.case.clone();
        let Ok(entry) = Entry::from_bytes(&step.bytes) else {
            return Step { case, bytes: step.bytes.clone() };
        };
        let stamp = model.time + 1;
        case.stamp = case.stamp.map(|_| stamp);
        Step { case, bytes: Entry { stamp, ..entry }.to_bytes() }
    }

    /// Users with a role and a live key, in organisations that may act.
    pub fn people(&self, model: &Model, role: UserRole) -> Vec<Person> {
        let things = &model.things;
        let mut people = Vec::new();
        for (id, (_, key)) in &things.keys {
            let KeyOwner::User { organisation, user } = &key.owner else { continue };
            let bound = things.bindings.contains_key(&(organisation.clone(), user.clone(), role));
            if bound && !key.revoked && things.organisations[organisation].1.standing == Standing::Active {
                people.push(Person { organisation: organisation.clone(), user: user.clone(), key: *id });
            }
        }
        people
    }

    fn person(&mut self, model: &Model, role: UserRole) -> Option<Person> {
        let people = self.people(model, role);
        self.random.pick(&people).cloned()
    }

    fn coordinator(&mut self, model: &Model) -> KeyId {
        let keys = &model.things.set().keys;
        key_id(&keys[self.random.below(keys.len())])
    }

    /// A Plattformbetreiber and a site that is theirs.
    fn operator(&mut self, model: &Model) -> Option<(Person, SiteName)> {
        let mut pairs = Vec::new();
        let rare = self.random.chance(15);
        for person in self.people(model, UserRole::Plattformbetreiber) {
            let place = (person.organisation.clone(), person.user.clone(), UserRole::Plattformbetreiber);
            let limits = &model.things.bindings[&place].1.sites;
            for (site, (_, found)) in &model.things.sites {
                let stays = found.standing == Standing::Active || (rare && found.standing == Standing::Suspended);
                if stays && found.organisation == person.organisation && (limits.is_empty() || limits.contains(site)) {
                    pairs.push((person.clone(), site.clone()));
                }
            }
        }
        self.random.pick(&pairs).cloned()
    }

    /// A user who is of a certain organisation.
    fn user_of(&mut self, model: &Model, organisation: &OrgName) -> Option<UserId> {
        let users: Vec<UserId> =
            model.things.users.keys().filter(|(o, _)| o == organisation).map(|(_, user)| user.clone()).collect();
        self.random.pick(&users).cloned()
    }

    fn active_nodes(model: &Model) -> Vec<NodeId> {
        let nodes = model.things.nodes.iter();
        nodes.filter(|(_, (_, node))| node.standing == NodeStanding::Active).map(|(id, _)| *id).collect()
    }

    fn open_invitations(model: &Model) -> Vec<KeyId> {
        let invitations = model.things.invitations.iter();
        let usable = invitations.filter(|(_, (_, invitation))| {
            invitation.used == InvitationUse::Open && invitation.expires > model.time + 60_000
        });
        usable.map(|(key, _)| *key).collect()
    }

    /// A request for an invitation, with certificates of a new PKI.
    fn request(&mut self, model: &Model, invitation: &KeyId) -> (AdmissionRequest, Certificates, Signer, Signer) {
        let root = self.new384();
        let issuing = self.new384();
        self.request_with(model, invitation, root, issuing)
    }

    fn request_with(
        &mut self,
        model: &Model,
        invitation: &KeyId,
        root: Signer,
        issuing: Signer,
    ) -> (AdmissionRequest, Certificates, Signer, Signer) {
        let (_, invited) = &model.things.invitations[invitation];
        let node = self.new256();
        let by_authority = self.random.chance(25);
        let common_name = format!("{} {}", if by_authority { "issuing" } else { "root" }, root.id);
        let (anchor, certificate) = if by_authority {
            // An authority's PKI signed the issuing CA; the CA itself is the anchor.
            let own = Ca::own(ca_params(&common_name, Some(0), 2040), issuing.clone());
            (own.der.clone(), own)
        } else {
            let root = Ca::root(&common_name, root.clone());
            (root.der.clone(), root.below(&format!("issuing {}", issuing.id), issuing.clone()))
        };
        let anchor_key = if by_authority { issuing.id } else { root.id };
        let marks = [format!("key {anchor_key}"), format!("key {}", issuing.id), format!("name {common_name}")];
        let request = AdmissionRequest {
            site: invited.site.clone(),
            organisation: invited.organisation.clone(),
            land: self.land(),
            anchors: vec![anchor],
            issuing_certificate: certificate.der,
            sealing_key: self.new384().key,
            node_key: node.key.clone(),
            addresses: self.addresses(),
        };
        let certificates = Certificates {
            good: true,
            issuing_key: issuing.key.clone(),
            marks: marks.into_iter().collect::<BTreeSet<_>>(),
        };
        (request, certificates, node, issuing)
    }

    fn land(&mut self) -> verbund_model::resource::Land {
        name(self.random.pick(&["DE-NI", "DE-HH", "DE-BY", "DE-BE", "DE-SN"]).unwrap())
    }

    /// Any condition that holds, most often none.
    fn condition(&mut self, statement: Statement, version: Option<u64>) -> Statement {
        if !self.random.chance(15) || statement.command == (Command::OpenSession {}) {
            return statement;
        }
        match version {
            Some(version) if self.random.chance(70) => build::with(statement, Precondition::Version(version)),
            Some(_) => build::with(statement, Precondition::Exists),
            None => build::with(statement, Precondition::Absent),
        }
    }
}
