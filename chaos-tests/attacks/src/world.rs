//! A federation in memory: real keys, certificates and signatures, and the state machine that every replica runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use time::OffsetDateTime;
use verbund_identity::genesis::{FirstOrganisation, FirstSite};
use verbund_identity::{Envelope, Genesis, Statement, TrustDomain, admission_binding, key_id, sha256};
use verbund_keys::{AwsVerifier, Certificate, IssuingCa, SignError, Signer as _, SoftwareKey, issue_ca, make_root};
use verbund_machine::{Applied, Entry, LogEntry, LogId, State};
use verbund_model::resource::{AdmissionRequest, CoordinatorSet, Der, Millis, OrgRole, Proofs, UserRole};
use verbund_model::{
    Accepted, Algorithm, Command, Document, FederationId, KeyId, NodeId, OrgName, Outcome, PublicKey, Refusal, SiteName,
};

/// 2026-06-01T00:00:00Z, in seconds.
const START: i64 = 1_780_272_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long statements are valid.
const VALIDITY: Millis = 10 * 60 * 1000;

/// Whatever a test does not handle.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// When everything begins, in milliseconds since 1970.
pub const BEGINNING: Millis = START.unsigned_abs() * 1000;

/// A name of any kind. Errors: it is none.
pub fn name<T: std::str::FromStr>(text: &str) -> Result<T, Failed> {
    text.parse().map_err(|_| format!("{text:?} is no such name").into())
}

/// Somebody with a key, who numbers what is signed.
pub struct Person {
    /// The key.
    pub key: Arc<SoftwareKey>,
    session: u64,
    sequence: AtomicU64,
}

impl Person {
    /// Somebody with a new key, who uses session 1.
    pub fn new(algorithm: Algorithm) -> Result<Self, Failed> {
        Ok(Self { key: Arc::new(SoftwareKey::generate(algorithm)?), session: 1, sequence: AtomicU64::new(0) })
    }

    /// Somebody with an invitation: it has no session.
    pub fn invited() -> Result<Self, Failed> {
        Ok(Self { session: 0, ..Self::new(Algorithm::P256)? })
    }

    /// The key's id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        key_id(self.key.public_key())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key.public_key().clone()
    }
}

/// What makes a site: a root, an issuing CA, and keys for sealing and for its node.
pub struct Site {
    /// Its trust domain.
    pub domain: TrustDomain,
    /// Its organisation.
    pub organisation: OrgName,
    /// Its root's certificate.
    pub root: Certificate,
    /// Its issuing CA.
    pub ca: IssuingCa,
    /// Its node's signing key.
    pub node: Arc<SoftwareKey>,
    sealing: PublicKey,
}

impl Site {
    /// A site of the federation `dvc`.
    pub fn new(site: &str, organisation: &str) -> Result<Self, Failed> {
        let domain = TrustDomain { site: name(site)?, federation: name("dvc")? };
        let now = start()?;
        let p384 = || SoftwareKey::generate(Algorithm::P384);
        let (root_key, ca_key) = (p384()?, Arc::new(p384()?));
        let root = make_root(&root_key, &domain, 2000 * DAY, now)?;
        let certificate = issue_ca(&root_key, &root, ca_key.public_key(), &domain, 1000 * DAY, now)?;
        let ca = IssuingCa::new(domain.clone(), certificate, ca_key)?;
        let node = Arc::new(SoftwareKey::generate(Algorithm::P256)?);
        let sealing = p384()?.public_key().clone();
        Ok(Self { domain, organisation: name(organisation)?, root, ca, node, sealing })
    }

    /// What it says of itself when it asks to be admitted.
    pub fn request(&self) -> Result<AdmissionRequest, Failed> {
        Ok(AdmissionRequest {
            site: self.domain.site.clone(),
            organisation: self.organisation.clone(),
            land: name("DE-HE")?,
            anchors: vec![Der(self.root.der().to_vec())],
            issuing_certificate: Der(self.ca.certificate().der().to_vec()),
            sealing_key: self.sealing.clone(),
            node_key: self.node.public_key().clone(),
            addresses: vec![name("localhost:7100")?],
        })
    }

    /// True proofs of a request, by its own keys.
    pub fn proofs(&self, world: &World, invitation: KeyId, request: &AdmissionRequest) -> Result<Proofs, Failed> {
        let binding = admission_binding(&world.federation, &invitation, request);
        Ok(Proofs { node: Der(self.node.sign(&binding)?), issuing: Der(self.ca.signer().sign(&binding)?) })
    }
}

/// The moment at which everything begins.
pub fn start() -> Result<OffsetDateTime, Failed> {
    Ok(OffsetDateTime::from_unix_timestamp(START)?)
}

/// The federation: three coordinators of whom two must agree, one organisation `kost` with one site `nord`.
pub struct World {
    /// Its id.
    pub federation: FederationId,
    /// The coordinators, with open sessions.
    pub coordinators: Vec<Person>,
    /// The administrator of `kost`, who may run workloads and offer services, with an open session.
    pub administrator: Person,
    /// The first site.
    pub site: Site,
    /// The state of a replica.
    pub state: State,
    /// The log's time for the next entry.
    pub now: Millis,
}

impl World {
    /// Founds it.
    pub fn new() -> Result<Self, Failed> {
        let site = Site::new("nord", "kost")?;
        let coordinators = (0..3).map(|_| Person::new(Algorithm::P384)).collect::<Result<Vec<_>, _>>()?;
        let administrator = Person::new(Algorithm::P256)?;
        let genesis = genesis(&site, &coordinators, &administrator)?.to_bytes();
        let state = State::from_genesis(&genesis)?;
        let federation = FederationId(sha256(&genesis));
        let mut world = Self { federation, coordinators, administrator, site, state, now: BEGINNING + 1000 };
        let first = verbund_machine::Membership { configs: vec![[NodeId::mint(0, 1)].into()], ..Default::default() };
        let at = world.next();
        world.state.apply(at, LogEntry::Membership { membership: &first, basis: 0 }, &AwsVerifier);
        for opened in [&world.coordinators[0], &world.coordinators[1], &world.coordinators[2], &world.administrator] {
            let open = sealed(federation, world.now, opened, Command::OpenSession {})?;
            let at = LogId { index: world.state.applied().index + 1, ..at };
            let entry = Entry { stamp: world.now, envelope: open.to_bytes() }.to_bytes();
            must(world.state.apply(at, LogEntry::Command(&entry), &AwsVerifier).outcome)?;
        }
        for role in [UserRole::Softwarebetreiber, UserRole::CloudServiceAnbieter] {
            let (organisation, user, sites) = (name("kost")?, name("ada")?, Default::default());
            let bind = world.administrator_says(Command::BindRole { organisation, user, role, sites })?;
            must(Some(world.apply(&bind)))?;
        }
        Ok(world)
    }

    /// Where the next entry stands.
    #[must_use]
    pub fn next(&self) -> LogId {
        LogId { term: 1, node: NodeId::mint(0, 1).0, index: self.state.applied().index + 1 }
    }

    /// What somebody says, signed.
    pub fn says(&self, author: &Person, command: Command) -> Result<Envelope, Failed> {
        sealed(self.federation, self.now, author, command)
    }

    /// What the administrator says, signed.
    pub fn administrator_says(&self, command: Command) -> Result<Envelope, Failed> {
        self.says(&self.administrator, command)
    }

    /// Applies an envelope as the log's next entry. Gives the outcome.
    pub fn apply(&mut self, envelope: &Envelope) -> Outcome {
        // A command always has an outcome.
        let applied = self.apply_bytes(&envelope.to_bytes());
        applied.outcome.unwrap_or(Outcome::Refused(Refusal::Malformed { reason: String::new() }))
    }

    /// Applies whatever bytes a leader puts into an entry in an envelope's place.
    pub fn apply_bytes(&mut self, envelope: &[u8]) -> Applied {
        let entry = Entry { stamp: self.now, envelope: envelope.to_vec() }.to_bytes();
        self.state.apply(self.next(), LogEntry::Command(&entry), &AwsVerifier)
    }

    /// What somebody says is applied and accepted. Errors: it was refused.
    pub fn accepts(&mut self, envelope: &Envelope) -> Result<Accepted, Failed> {
        must(Some(self.apply(envelope)))
    }

    /// A coordinator's command, applied and accepted.
    pub fn coordinator_does(&mut self, number: usize, command: Command) -> Result<Accepted, Failed> {
        let envelope = self.says(&self.coordinators[number], command)?;
        self.accepts(&envelope)
    }

    /// The first coordinator makes an organisation and invites a site of it, for an hour. Gives the site and its invitation.
    pub fn invite(&mut self, site: &str, organisation: &str) -> Result<(Site, Person), Failed> {
        let create = Command::CreateOrganisation {
            name: name(organisation)?,
            display_name: organisation.to_owned(),
            roles: [OrgRole::Plattformbetreiber].into(),
            administrator: name("admin")?,
            administrator_key: Person::new(Algorithm::P256)?.public(),
        };
        self.coordinator_does(0, create)?;
        let (site, invited) = (Site::new(site, organisation)?, Person::invited()?);
        let (name, organisation) = (site.domain.site.clone(), site.organisation.clone());
        let expires = self.now + 60 * 60 * 1000;
        self.coordinator_does(0, Command::Invite { key: invited.public(), site: name, organisation, expires })?;
        Ok((site, invited))
    }

    /// A site's own true request, signed with its invitation.
    pub fn request(&self, site: &Site, invited: &Person) -> Result<Envelope, Failed> {
        let request = site.request()?;
        let proofs = site.proofs(self, invited.id(), &request)?;
        self.says(invited, Command::RequestAdmission { request, proofs })
    }

    /// Whether a site is a member.
    pub fn has_site(&self, site: &str) -> Result<bool, Failed> {
        Ok(self.state.site(&name::<SiteName>(site)?).is_some())
    }
}

fn sealed(federation: FederationId, now: Millis, author: &Person, command: Command) -> Result<Envelope, Failed> {
    let statement = Statement {
        v: verbund_identity::statement::SCHEMA,
        federation,
        generation: 0,
        key: author.id(),
        session: author.session,
        sequence: author.sequence.fetch_add(u64::from(author.session > 0), Ordering::Relaxed),
        not_after: now + VALIDITY,
        precondition: None,
        command,
        sealed: Vec::new(),
    };
    sign(author, &statement)
}

/// A statement under its author's own signature.
pub fn sign(author: &Person, statement: &Statement) -> Result<Envelope, Failed> {
    Ok(Envelope::direct::<SignError>(statement, |message| author.key.sign(message))?)
}

fn must(outcome: Option<Outcome>) -> Result<Accepted, Failed> {
    match outcome {
        Some(Outcome::Accepted(accepted)) => Ok(accepted),
        other => Err(format!("not accepted: {other:?}").into()),
    }
}

fn genesis(site: &Site, coordinators: &[Person], administrator: &Person) -> Result<Genesis, Failed> {
    let request = site.request()?;
    Ok(Genesis {
        v: 1,
        name: name("dvc")?,
        salt: sha256(b"attacks"),
        time: BEGINNING,
        coordinators: CoordinatorSet {
            version: 1,
            keys: coordinators.iter().map(Person::public).collect(),
            threshold: 2,
        },
        policy: Document::from_value(&serde_json::json!({ "first": true })).ok_or("no document")?,
        organisation: FirstOrganisation {
            name: name("kost")?,
            display_name: "Koordinierungsstelle".to_owned(),
            roles: vec![OrgRole::Koordinierungsstelle, OrgRole::Plattformbetreiber, OrgRole::Softwarebetreiber],
            administrator: name("ada")?,
            administrator_keys: vec![administrator.public()],
        },
        site: FirstSite {
            name: site.domain.site.clone(),
            land: name("DE-NI")?,
            anchors: request.anchors,
            issuing_key: site.ca.signer().public_key().clone(),
            sealing_key: request.sealing_key,
            node_key: request.node_key,
            addresses: request.addresses,
        },
    })
}
