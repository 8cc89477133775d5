//! What apply should do, written down a second time: plain maps, one statement after another, nothing shared with the
//! machine but the vocabulary of `verbund-model`. It never reads bytes: whoever made a case says what is wrong with it.

mod commands;
mod exclusion;
mod rotation;

use std::collections::{BTreeMap, BTreeSet};

use verbund_identity::{Directive, Genesis, Precondition, Statement, key_id};
use verbund_model::resource::{
    Admission, CatalogueEntry, CoordinatorSet, Invitation, KeyOwner, Maintenance, Millis, Node, NodeStanding,
    Organisation, Policy, Proposal, RecordedDirective, RegisteredKey, RoleBinding, Site, Standing, User, UserRole,
};
use verbund_model::{
    Accepted, CatalogueName, Command, FederationId, Hash, KeyId, NodeId, OrgName, PolicyName, PublicKey, SiteName,
    UserId,
};

/// An answer: what was accepted, or the name of the refusal.
pub type Expected = Result<Accepted, &'static str>;

/// What the maker of a case knows of the certificates in it.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// Whether they are in order: CA certificates in force, the issuing one anchored.
    pub good: bool,
    /// The issuing CA's key.
    pub issuing_key: PublicKey,
    /// Keys and names of all anchors, and the issuing key: nobody else may have them.
    pub marks: BTreeSet<String>,
}

/// What the maker of a case knows of the directive in it.
#[derive(Clone, Debug)]
pub struct Directed {
    /// What it says.
    pub directive: Directive,
    /// Whose signatures it carries, in their order.
    pub signers: Vec<KeyId>,
    /// Whether they all hold.
    pub well_signed: bool,
}

/// One entry for apply.
#[derive(Clone, Debug)]
pub struct Case {
    /// The leader's stamp; none if the entry is unreadable.
    pub stamp: Option<Millis>,
    /// The refusal that its bytes call for, if they do.
    pub fault: Option<&'static str>,
    /// What is said.
    pub statement: Statement,
    /// SHA-256 of the payload.
    pub payload: Hash,
    /// Whether the named key signed it.
    pub well_signed: bool,
    /// Whether the issuing CA's and the node's proofs hold.
    pub proofs: (bool, bool),
    /// The certificates in a request for admission.
    pub certificates: Option<Certificates>,
    /// The directive that it brings.
    pub directive: Option<Directed>,
}

/// A resource and its version.
pub type Kept<T> = (u64, T);

/// The resources.
#[derive(Clone, Default)]
pub struct Things {
    pub coordinators: Kept<Option<CoordinatorSet>>,
    pub organisations: BTreeMap<OrgName, Kept<Organisation>>,
    pub sites: BTreeMap<SiteName, Kept<Site>>,
    pub nodes: BTreeMap<NodeId, Kept<Node>>,
    pub users: BTreeMap<(OrgName, UserId), Kept<User>>,
    pub bindings: BTreeMap<(OrgName, UserId, UserRole), Kept<RoleBinding>>,
    pub keys: BTreeMap<KeyId, Kept<RegisteredKey>>,
    pub invitations: BTreeMap<KeyId, Kept<Invitation>>,
    pub admissions: BTreeMap<Hash, Kept<Admission>>,
    pub proposals: BTreeMap<Hash, Kept<Proposal>>,
    pub policies: BTreeMap<PolicyName, Kept<Policy>>,
    pub catalogue: BTreeMap<CatalogueName, Kept<CatalogueEntry>>,
    pub directives: BTreeMap<Hash, Kept<RecordedDirective>>,
    pub marks: BTreeMap<String, SiteName>,
    /// What was excluded, as `site nord`, `organisation amt`, `node 0.2`, `key …`.
    pub gone: BTreeSet<String>,
    pub minted: u32,
}

/// A session; it never forgets here.
pub struct Session {
    pub opening: Hash,
    pub until: Millis,
    pub highest: u64,
    pub answers: BTreeMap<u64, (Hash, Expected)>,
}

/// The model of the state.
pub struct Model {
    pub id: FederationId,
    pub time: Millis,
    pub things: Things,
    pub sessions: BTreeMap<(KeyId, u64), Session>,
    pub last_number: BTreeMap<KeyId, u64>,
    pub requests: BTreeMap<KeyId, (Hash, Accepted)>,
    pub certificates: BTreeMap<Hash, Certificates>,
}

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;

impl Model {
    pub fn new(genesis: &Genesis, id: FederationId, marks: BTreeSet<String>) -> Self {
        let mut things =
            Things { coordinators: (0, Some(genesis.coordinators.clone())), minted: 1, ..Things::default() };
        let (organisation, site) = (&genesis.organisation, &genesis.site);
        let mut key = |key: &PublicKey, owner| {
            let id = key_id(key);
            things.keys.insert(id, (0, RegisteredKey { id, key: key.clone(), owner, revoked: false }));
        };
        genesis.coordinators.keys.iter().for_each(|k| key(k, KeyOwner::Coordinator));
        key(&site.node_key, KeyOwner::Node { node: NodeId(1) });
        let owner =
            KeyOwner::User { organisation: organisation.name.clone(), user: organisation.administrator.clone() };
        organisation.administrator_keys.iter().for_each(|k| key(k, owner.clone()));
        let first = Organisation {
            name: organisation.name.clone(),
            display_name: organisation.display_name.clone(),
            roles: organisation.roles.iter().copied().collect(),
            parent: None,
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        };
        things.organisations.insert(organisation.name.clone(), (0, first));
        things.add_administrator(0, &organisation.name, &organisation.administrator);
        let first = Site {
            name: site.name.clone(),
            organisation: organisation.name.clone(),
            land: site.land,
            anchors: site.anchors.clone(),
            issuing_key: site.issuing_key.clone(),
            authorities: Vec::new(),
            retired: BTreeSet::new(),
            sealing_key: site.sealing_key.clone(),
            facts: None,
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        };
        things.sites.insert(site.name.clone(), (0, first));
        let node = Node {
            id: NodeId(1),
            site: site.name.clone(),
            key: key_id(&site.node_key),
            addresses: site.addresses.clone(),
            standing: NodeStanding::Active,
        };
        things.nodes.insert(NodeId(1), (0, node));
        let policy = Policy { name: "federation".parse().unwrap(), document: genesis.policy.clone() };
        things.policies.insert(policy.name.clone(), (0, policy));
        things.marks = marks.into_iter().map(|mark| (mark, site.name.clone())).collect();
        Self {
            id,
            time: genesis.time,
            things,
            sessions: BTreeMap::new(),
            last_number: BTreeMap::new(),
            requests: BTreeMap::new(),
            certificates: BTreeMap::new(),
        }
    }

    /// The time that an entry with this stamp gets.
    pub fn time_of(&self, stamp: Option<Millis>) -> Millis {
        stamp.unwrap_or(0).max(self.time)
    }

    pub fn apply(&mut self, index: u64, case: &Case) -> Expected {
        let now = self.time_of(case.stamp);
        self.time = now;
        if let Some(fault) = case.fault {
            return Err(fault);
        }
        let owner = self.author(case)?;
        if case.statement.not_after < now {
            return Err("expired");
        }
        if owner == KeyOwner::Invitation {
            return self.invited(index, case);
        }
        if case.statement.command == (Command::OpenSession {}) {
            return self.open(case);
        }
        self.in_session(index, case)
    }

    fn author(&self, case: &Case) -> Result<KeyOwner, &'static str> {
        let statement = &case.statement;
        if statement.federation != self.id {
            return Err("wrong-federation");
        }
        if statement.generation != 0 {
            return Err("wrong-generation");
        }
        let Some((_, key)) = self.things.keys.get(&statement.key) else { return Err("unknown-key") };
        if key.revoked {
            return Err("key-revoked");
        }
        if let KeyOwner::User { organisation, .. } = &key.owner
            && self.things.organisations[organisation].1.standing == Standing::Suspended
        {
            return Err("suspended");
        }
        if case.well_signed { Ok(key.owner.clone()) } else { Err("bad-signature") }
    }

    fn too_long(&self, case: &Case) -> bool {
        case.statement.not_after > self.time + 15 * MINUTE
    }

    fn invited(&mut self, index: u64, case: &Case) -> Expected {
        let key = case.statement.key;
        if let Some((request, first)) = self.requests.get(&key) {
            return if *request == case.payload { Ok(first.clone()) } else { Err("invitation-spent") };
        }
        if self.too_long(case) {
            return Err("valid-too-long");
        }
        if case.statement.session != 0 {
            return Err("no-session");
        }
        if case.statement.sequence != 0 {
            return Err("invalid");
        }
        let answer = self.decide(index, case)?;
        self.requests.insert(key, (case.payload, answer.clone()));
        Ok(answer)
    }

    fn open(&mut self, case: &Case) -> Expected {
        let (key, number) = (case.statement.key, case.statement.session);
        if let Some(session) = self.sessions.get(&(key, number))
            && session.opening == case.payload
        {
            return Ok(Accepted::SessionOpened { until: session.until });
        }
        if self.too_long(case) {
            return Err("valid-too-long");
        }
        if case.statement.precondition.is_some() || case.statement.sequence != 0 {
            return Err("invalid");
        }
        if number <= self.last_number.get(&key).copied().unwrap_or(0) {
            return Err("session-not-new");
        }
        if self.live_sessions(&key).len() == 16 {
            return Err("too-many-sessions");
        }
        let until = self.time + 24 * HOUR;
        let session = Session { opening: case.payload, until, highest: 0, answers: BTreeMap::new() };
        self.sessions.insert((key, number), session);
        self.last_number.insert(key, number);
        Ok(Accepted::SessionOpened { until })
    }

    /// Numbers of the key's sessions that take new statements.
    pub fn live_sessions(&self, key: &KeyId) -> Vec<u64> {
        let of_key = self.sessions.range((*key, 0)..=(*key, u64::MAX));
        of_key.filter(|(_, session)| self.time < session.until).map(|((_, number), _)| *number).collect()
    }

    fn in_session(&mut self, index: u64, case: &Case) -> Expected {
        let place = (case.statement.key, case.statement.session);
        let sequence = case.statement.sequence;
        let Some(session) = self.sessions.get(&place) else { return Err("no-session") };
        if self.time > session.until + 15 * MINUTE {
            return Err("no-session");
        }
        if sequence.saturating_add(1023) < session.highest {
            return Err("sequence-too-old");
        }
        if sequence == 0 {
            return Err("sequence-reused");
        }
        if let Some((payload, first)) = session.answers.get(&sequence) {
            return if *payload == case.payload { first.clone() } else { Err("sequence-reused") };
        }
        if self.time >= session.until {
            return Err("no-session");
        }
        let answer = if self.too_long(case) { Err("valid-too-long") } else { self.decide(index, case) };
        let session = self.sessions.get_mut(&place).unwrap();
        session.answers.insert(sequence, (case.payload, answer.clone()));
        session.highest = session.highest.max(sequence);
        answer
    }

    fn decide(&mut self, index: u64, case: &Case) -> Expected {
        if !self.may(&case.statement.key, &case.statement.command) {
            return Err("not-authorised");
        }
        if self.is_about_excluded(&case.statement.command) {
            return Err("excluded");
        }
        self.check_precondition(&case.statement)?;
        // All or nothing: a refusal leaves the things as they were. These commands change before they know.
        use Command as C;
        let command = &case.statement.command;
        let rash = matches!(
            command,
            C::Approve { .. }
                | C::DeleteUser { .. }
                | C::RevokeUserKey { .. }
                | C::UnbindRole { .. }
                | C::RemoveNode { .. }
        );
        let before = rash.then(|| self.things.clone());
        let answer = self.command(index, case);
        if let (Err(_), Some(before)) = (&answer, before) {
            self.things = before;
        }
        answer
    }

    fn check_precondition(&self, statement: &Statement) -> Result<(), &'static str> {
        let Some(precondition) = statement.precondition else { return Ok(()) };
        let version = self.version_of(&statement.command)?;
        match precondition {
            Precondition::Version(wanted) if version != Some(wanted) => Err("version-mismatch"),
            Precondition::Absent if version.is_some() => Err("already-exists"),
            Precondition::Exists if version.is_none() => Err("not-found"),
            _ => Ok(()),
        }
    }

    /// Who may do what, user by user.
    pub fn may(&self, key: &KeyId, command: &Command) -> bool {
        use Command as C;
        use UserRole as R;
        let owner = &self.things.keys[key].1.owner;
        let things = &self.things;
        match command {
            C::OpenSession {} => *owner != KeyOwner::Invitation,
            C::RequestAdmission { .. } => *owner == KeyOwner::Invitation,
            C::Propose { .. }
            | C::Approve { .. }
            | C::Invite { .. }
            | C::RevokeInvitation { .. }
            | C::RefuseAdmission { .. }
            | C::CreateOrganisation { .. }
            | C::SuspendOrganisation { .. }
            | C::ResumeOrganisation { .. }
            | C::SuspendSite { .. }
            | C::ResumeSite { .. } => *owner == KeyOwner::Coordinator,
            C::RecordDirective { .. } => matches!(owner, KeyOwner::Coordinator | KeyOwner::Node { .. }),
            C::CreateSubOrganisation { parent: o, .. }
            | C::CreateUser { organisation: o, .. }
            | C::DeleteUser { organisation: o, .. }
            | C::AddUserKey { organisation: o, .. }
            | C::RevokeUserKey { organisation: o, .. }
            | C::BindRole { organisation: o, .. }
            | C::UnbindRole { organisation: o, .. } => things.has(owner, R::Administrator, Some(o), None),
            C::UpdateSite { site, .. } | C::RotateAuthority { site, .. } | C::AddNode { site, .. } => {
                things.runs(owner, Some(site))
            }
            C::UpdateNode { node, .. } | C::RemoveNode { node } => {
                things.runs(owner, things.nodes.get(node).map(|(_, node)| &node.site))
            }
            C::ApplyCatalogueEntry { organisation, .. } => {
                things.has(owner, R::CloudServiceAnbieter, Some(organisation), None)
            }
            C::DeleteCatalogueEntry { name } => match things.catalogue.get(name) {
                Some((_, entry)) => things.has(owner, R::CloudServiceAnbieter, Some(&entry.organisation), None),
                None => things.has_anywhere(owner, R::CloudServiceAnbieter),
            },
            other => panic!("{other:?} is for tests/placements_against_model.rs"),
        }
    }
}

impl Things {
    pub fn set(&self) -> &CoordinatorSet {
        self.coordinators.1.as_ref().unwrap()
    }

    pub fn add_administrator(&mut self, index: u64, organisation: &OrgName, user: &UserId) {
        let (organisation, user) = (organisation.clone(), user.clone());
        self.users.insert(
            (organisation.clone(), user.clone()),
            (index, User { organisation: organisation.clone(), id: user.clone() }),
        );
        let role = UserRole::Administrator;
        let binding =
            RoleBinding { organisation: organisation.clone(), user: user.clone(), role, sites: BTreeSet::new() };
        self.bindings.insert((organisation, user, role), (index, binding));
    }

    fn binding(&self, owner: &KeyOwner, role: UserRole) -> Option<&RoleBinding> {
        let KeyOwner::User { organisation, user } = owner else { return None };
        self.bindings.get(&(organisation.clone(), user.clone(), role)).map(|(_, binding)| binding)
    }

    fn has_anywhere(&self, owner: &KeyOwner, role: UserRole) -> bool {
        self.binding(owner, role).is_some()
    }

    fn has(&self, owner: &KeyOwner, role: UserRole, organisation: Option<&OrgName>, site: Option<&SiteName>) -> bool {
        let Some(binding) = self.binding(owner, role) else { return false };
        let everywhere = binding.sites.is_empty();
        let there = site.is_some_and(|site| binding.sites.contains(site));
        organisation == Some(&binding.organisation) && (everywhere || there)
    }

    fn runs(&self, owner: &KeyOwner, site: Option<&SiteName>) -> bool {
        match site.and_then(|site| self.sites.get(site)) {
            Some((_, site)) => {
                self.has(owner, UserRole::Plattformbetreiber, Some(&site.organisation), Some(&site.name))
            }
            None => self.has_anywhere(owner, UserRole::Plattformbetreiber),
        }
    }

    /// Whether an administrator of the organisation has a key that counts.
    pub fn is_administered(&self, organisation: &OrgName) -> bool {
        self.keys
            .values()
            .any(|(_, key)| !key.revoked && self.has(&key.owner, UserRole::Administrator, Some(organisation), None))
    }

    /// Whether any node could vote.
    pub fn has_a_voter(&self) -> bool {
        self.nodes.values().any(|(_, node)| node.standing == NodeStanding::Active)
    }
}
