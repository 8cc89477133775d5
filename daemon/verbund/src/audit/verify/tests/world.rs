//! A small federation: three sites with keys of their own, a log of real envelopes, heads that the sites signed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock};

use data_encoding::BASE64URL_NOPAD;
use serde_json::json;
use time::OffsetDateTime;
use verbund_identity::genesis::{FirstOrganisation, FirstSite};
use verbund_identity::{
    Envelope, Genesis, Head, InvitationToken, SignatureVerifier, SignedHead, Statement, TrustDomain, sha256,
};
use verbund_keys::{AwsVerifier, InitOptions, KdfParameters, Passphrase, Signer, SiteKeys, SoftwareKey};
use verbund_machine::{Entry, LogEntry, LogId, Membership, State};
use verbund_model::resource::{CoordinatorSet, Der, OrgRole, UserRole};
use verbund_model::{Accepted, Algorithm, Command, Document, FederationId, Hash, NodeId, Outcome, PublicKey};

use crate::audit::format::ExportWriter;
use crate::client::Author;
use crate::join::client::{Joining, sign};

const T0: u64 = 1_795_363_471_000;
/// Heads are signed at multiples of this, and at the end.
const EVERY: u64 = 4;

/// A verifier that remembers its answers by their exact bytes, because the tests ask the same thousands of times.
pub struct Memory;

impl SignatureVerifier for Memory {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        static KNOWN: OnceLock<Mutex<HashMap<Hash, bool>>> = OnceLock::new();
        let id = sha256(&[sha256(key.point()).0, sha256(message).0, sha256(signature).0].concat());
        let known = KNOWN.get_or_init(Mutex::default);
        if let Some(answer) = known.lock().unwrap().get(&id) {
            return *answer;
        }
        let answer = AwsVerifier.verify(key, message, signature);
        known.lock().unwrap().insert(id, answer);
        answer
    }
}

/// A history: entries, the records they left, and the states between them.
#[derive(Clone)]
pub struct History {
    entries: Vec<(LogId, Vec<u8>)>,
    pub records: Vec<Vec<u8>>,
    states: Vec<State>,
}

impl History {
    fn new(genesis: &[u8]) -> Self {
        Self { entries: Vec::new(), records: Vec::new(), states: vec![State::from_genesis(genesis).unwrap()] }
    }

    pub fn state(&self) -> &State {
        self.states.last().unwrap()
    }

    pub fn at(&self, index: u64) -> Option<&State> {
        self.states.get(usize::try_from(index).unwrap())
    }

    /// Applies an entry; the first byte tells its kind, for replaying.
    fn push(&mut self, entry: Vec<u8>) -> Option<Outcome> {
        let at = LogId { term: 1, node: 1, index: self.entries.len() as u64 + 1 };
        let mut state = self.state().clone();
        let members = Membership { configs: vec![[NodeId::mint(0, 1)].into()], learners: [].into() };
        let applied = match entry.as_slice() {
            [b'B'] => state.apply(at, LogEntry::Blank, &Memory),
            [b'M'] => state.apply(at, LogEntry::Membership { membership: &members, basis: 0 }, &Memory),
            [_, bytes @ ..] => state.apply(at, LogEntry::Command(bytes), &Memory),
            [] => unreachable!("entries have a kind"),
        };
        self.records.push(applied.record.to_bytes());
        self.entries.push((at, entry));
        self.states.push(state);
        applied.outcome
    }
}

/// The federation and its true history.
pub struct World {
    pub federation: FederationId,
    pub genesis: Vec<u8>,
    pub state: State,
    pub history: History,
    pub heads: BTreeMap<u64, Vec<SignedHead>>,
    pub nodes: Vec<(NodeId, Arc<dyn Signer>)>,
    /// A state in the middle, where all signed.
    pub later: (Head, State),
}

struct Site {
    keys: SiteKeys,
    _directory: tempfile::TempDir,
}

fn site(name: &str) -> Site {
    let directory = tempfile::tempdir().unwrap();
    let trust_domain = TrustDomain { site: name.parse().unwrap(), federation: "dvc".parse().unwrap() };
    let passphrase = Passphrase::new("test").unwrap();
    let kdf = KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };
    let now = OffsetDateTime::from_unix_timestamp(i64::try_from(T0 / 1000).unwrap()).unwrap();
    let path = directory.path().join("keys");
    SiteKeys::init(&path, &trust_domain, &passphrase, &InitOptions { kdf, ..InitOptions::default() }, now).unwrap();
    Site { keys: SiteKeys::open(&path, &passphrase).unwrap(), _directory: directory }
}

/// Signs statements of one author in one session.
struct Writer<'a> {
    author: &'a Author,
    federation: FederationId,
    sequence: u64,
}

impl Writer<'_> {
    fn sign(&mut self, command: Command) -> Envelope {
        let opens = matches!(command, Command::OpenSession {});
        self.sequence += u64::from(!opens);
        let sequence = if opens { 0 } else { self.sequence };
        let statement = Statement {
            v: 1,
            federation: self.federation,
            generation: 0,
            key: self.author.id(),
            session: 1,
            sequence,
            not_after: T0 + 600_000,
            precondition: None,
            command,
            sealed: Vec::new(),
        };
        self.author.sign(&statement).unwrap()
    }
}

impl World {
    /// Made once for all tests.
    pub fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::new)
    }

    fn new() -> Self {
        let coordinator_key = SoftwareKey::generate(Algorithm::P384).unwrap();
        let admin_key = SoftwareKey::generate(Algorithm::P256).unwrap();
        let sites = [site("nord"), site("sued"), site("west")];
        let genesis = genesis(&coordinator_key, &admin_key, &sites[0].keys);
        let (_, federation) = Genesis::from_bytes(&genesis).unwrap();
        let mut history = History::new(&genesis);
        let mut nodes = vec![(NodeId::mint(0, 1), sites[0].keys.node_key())];
        let mut heads = BTreeMap::new();
        let (coordinator, admin) = (Author::new(coordinator_key), Author::new(admin_key));
        let mut coordinator = Writer { author: &coordinator, federation, sequence: 0 };
        let mut admin = Writer { author: &admin, federation, sequence: 0 };

        let mut put = |history: &mut History, nodes: &[(NodeId, Arc<dyn Signer>)], entry: Vec<u8>| {
            let outcome = history.push(entry);
            if history.state().head().index.is_multiple_of(EVERY) {
                sign_heads(history.state(), federation, nodes, &mut heads);
            }
            outcome
        };
        put(&mut history, &nodes, vec![b'B']);
        put(&mut history, &nodes, vec![b'M']);
        let mut say = |history: &mut History, nodes: &[(NodeId, Arc<dyn Signer>)], envelope: &Envelope| {
            let entry = Entry { stamp: T0 + 1_000 * history.records.len() as u64, envelope: envelope.to_bytes() };
            let outcome = put(history, nodes, [vec![b'C'], entry.to_bytes()].concat()).unwrap();
            match outcome {
                Outcome::Accepted(accepted) => accepted,
                Outcome::Refused(refusal) => panic!("{refusal}"),
            }
        };
        let opening = coordinator.sign(Command::OpenSession {});
        say(&mut history, &nodes, &opening);
        for site in &sites[1..] {
            let one_time = SoftwareKey::generate(Algorithm::P256).unwrap();
            let token = token(federation, site, &one_time);
            let invite = Command::Invite {
                key: one_time.public_key().clone(),
                site: token.site.clone(),
                organisation: token.organisation.clone(),
                expires: token.expires,
            };
            say(&mut history, &nodes, &coordinator.sign(invite));
            let joining = Joining {
                token: &token,
                keys: &site.keys,
                land: "DE-NI".parse().unwrap(),
                addresses: Vec::new(),
                proxy: None,
            };
            let request = sign(&joining, T0).unwrap().envelope;
            say(&mut history, &nodes, &request);
            let accepted =
                say(&mut history, &nodes, &coordinator.sign(Command::Approve { subject: request.payload_hash() }));
            let Accepted::Admitted { node } = accepted else { panic!("{accepted:?}") };
            nodes.push((node, site.keys.node_key()));
        }
        say(&mut history, &nodes, &admin.sign(Command::OpenSession {}));
        let role = UserRole::CloudServiceAnbieter;
        let (organisation, user) = ("dataport".parse().unwrap(), "anna".parse().unwrap());
        let bind = Command::BindRole { organisation, user, role, sites: [].into() };
        say(&mut history, &nodes, &admin.sign(bind));
        for n in 0..12 {
            let apply = Command::ApplyCatalogueEntry {
                name: format!("entry-{}", n % 5).parse().unwrap(),
                organisation: "dataport".parse().unwrap(),
                schema_version: 1,
                document: Document::from_value(&json!({ "title": format!("Angebot {n}") })).unwrap(),
            };
            say(&mut history, &nodes, &admin.sign(apply));
        }
        let state = history.state().clone();
        sign_heads(&state, federation, &nodes, &mut heads);
        let middle = history.at(12).unwrap().clone();
        let later = (middle.head(), middle);
        Self { federation, genesis, state, history, heads, nodes, later }
    }

    /// Index of the last record.
    pub fn last(&self) -> u64 {
        self.history.records.len() as u64
    }

    /// The true export.
    pub fn export(&self) -> Vec<u8> {
        self.export_of(&self.history, &self.heads)
    }

    /// An export of a history with heads.
    pub fn export_of(&self, history: &History, heads: &BTreeMap<u64, Vec<SignedHead>>) -> Vec<u8> {
        let mut writer = ExportWriter::from_genesis(Vec::new(), &self.genesis).unwrap();
        for (index, record) in (1_u64..).zip(&history.records) {
            writer.record(record).unwrap();
            heads.get(&index).into_iter().flatten().for_each(|head| writer.head(head).unwrap());
        }
        writer.finish().unwrap()
    }

    /// The true records from an index on, with their heads.
    pub fn write_from(&self, writer: &mut ExportWriter<Vec<u8>>, from: u64) {
        for (index, record) in (1_u64..).zip(&self.history.records).filter(|(index, _)| *index >= from) {
            writer.record(record).unwrap();
            self.heads.get(&index).into_iter().flatten().for_each(|head| writer.head(head).unwrap());
        }
    }

    /// The history as a forger tells it: without one entry, everything behind it numbered and hashed anew.
    pub fn without(&self, index: u64) -> History {
        let mut forged = History::new(&self.genesis);
        for (at, entry) in &self.history.entries {
            if at.index != index {
                forged.push(entry.clone());
            }
        }
        forged
    }
}

fn sign_heads(
    state: &State,
    federation: FederationId,
    nodes: &[(NodeId, Arc<dyn Signer>)],
    heads: &mut BTreeMap<u64, Vec<SignedHead>>,
) {
    let head = state.head();
    let sign = |(node, key): &(NodeId, Arc<dyn Signer>)| SignedHead {
        federation,
        generation: 0,
        head,
        node: *node,
        signature: key.sign(&SignedHead::message(&federation, 0, &head, *node)).unwrap(),
    };
    heads.insert(head.index, nodes.iter().map(sign).collect());
}

fn genesis(coordinator: &SoftwareKey, admin: &SoftwareKey, keys: &SiteKeys) -> Vec<u8> {
    let genesis = Genesis {
        v: 1,
        name: "dvc".parse().unwrap(),
        salt: Hash([7; 32]),
        time: T0,
        coordinators: CoordinatorSet { version: 1, keys: vec![coordinator.public_key().clone()], threshold: 1 },
        policy: Document::from_value(&json!({})).unwrap(),
        organisation: FirstOrganisation {
            name: "dataport".parse().unwrap(),
            display_name: "Dataport".to_owned(),
            roles: vec![OrgRole::Koordinierungsstelle, OrgRole::Plattformbetreiber],
            administrator: "anna".parse().unwrap(),
            administrator_keys: vec![admin.public_key().clone()],
        },
        site: FirstSite {
            name: "nord".parse().unwrap(),
            land: "DE-HH".parse().unwrap(),
            anchors: vec![Der(keys.anchor_certificate().der().to_vec())],
            issuing_key: keys.ca().signer().public_key().clone(),
            sealing_key: keys.sealing_key().public_key().clone(),
            node_key: keys.node_key().public_key().clone(),
            addresses: Vec::new(),
        },
    };
    genesis.to_bytes()
}

fn token(federation: FederationId, site: &Site, one_time: &SoftwareKey) -> InvitationToken {
    InvitationToken {
        federation,
        federation_name: "dvc".parse().unwrap(),
        generation: 0,
        site: site.keys.trust_domain().site.clone(),
        organisation: "dataport".parse().unwrap(),
        expires: T0 + 86_400_000,
        contacts: Vec::new(),
        pin: Hash([0; 32]),
        secret: BASE64URL_NOPAD.encode(&one_time.scalar().unwrap()),
    }
}
