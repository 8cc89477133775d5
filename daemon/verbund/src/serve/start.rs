//! From a data directory to a running node.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use verbund_identity::{SpiffeId, Subject, TrustDomain};
use verbund_keys::{Access, Asking, AwsVerifier, KeyLabel, Signer, SiteKeys, StoredKey};
use verbund_model::NodeId;
use verbund_node::{HeadSettings, HeadSigner, NodeConfig, NodeHandle, NodeParts, SystemClock, Timing};
use verbund_store::{FORMAT, Header, Store, StoreOptions};
use verbund_tls::{
    Bundle, Dialer, Domain, Ends, Incoming, Lines, LinesSettings, LiveIdentity, Proxy, ProxyAuth, Route, Trust,
};

use super::enrolment::Enrolment;
use super::error::ServeError;
use super::identity::{self, Certified};
use super::lists::Lists;
use super::standing::GivenUp;
use super::syslog::Origin;
use crate::config::{Config, Limits};

/// Where in the data directory the keys lie.
pub const KEYS: &str = "keys";
/// Where the node's log, snapshots and archive lie.
const STATE: &str = "state";
/// Where in the data directory the revocation lists of all sites lie.
const LISTS: &str = "revocations";
/// Says that the store was made once: without it a lost one could be taken for a new one.
const STATE_MADE: &str = "state.made";

/// A running node and what belongs to it.
pub struct Started {
    /// Its admission.
    pub enrolment: Enrolment,
    /// The genesis document.
    pub genesis: Vec<u8>,
    /// The site's keys.
    pub keys: Arc<Mutex<SiteKeys>>,
    /// Whom it believes.
    pub trust: Arc<Trust>,
    /// Who it is.
    pub identity: Arc<LiveIdentity>,
    /// What its certificate says.
    pub certified: Certified,
    /// Its connections.
    pub lines: Lines,
    /// The node.
    pub node: NodeHandle,
    /// The revocation lists that are known here.
    pub lists: Arc<Lists>,
    /// Whether others say that it was given up.
    pub given_up: GivenUp,
    joins: Mutex<Option<Incoming>>,
}

impl Started {
    /// The connections of joiners; once.
    pub fn take_joins(&self) -> Option<Incoming> {
        self.joins.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Who sends audit records.
    pub fn origin(&self) -> Origin {
        Origin {
            federation: self.enrolment.federation,
            node: self.enrolment.node,
            host: self.identity.id().trust_domain.to_string(),
        }
    }
}

/// Signs heads with the node's registered key.
struct NodeKey(Arc<dyn Signer>);

impl HeadSigner for NodeKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        waiting(|| self.0.sign(message)).map_err(|e| e.to_string())
    }
}

/// Opens everything and starts the node. Errors: [`ServeError`].
pub async fn start(config: &Config) -> Result<Started, ServeError> {
    let (enrolment, genesis) = Enrolment::read(&config.data_dir)?;
    if let Some(configured) = config.site.clone().filter(|site| *site != enrolment.site) {
        let (found, data_dir) = (enrolment.site, config.data_dir.clone());
        return Err(ServeError::OtherSite { configured, found, data_dir });
    }
    // The passphrase's derivation is slow on purpose, as tokens are by nature; nothing else waits for it yet.
    let keys = open_keys(config, &enrolment)?;
    let (node_key, keys) = (keys.node_key(), Arc::new(Mutex::new(keys)));
    let certified =
        Certified { node: enrolment.node, addresses: config.advertise.clone(), lifetime: identity::LIFETIME };
    let identity = identity::first(&keys, &certified)?;
    let trust = Trust::new(first_bundle(&enrolment));
    let dir = config.data_dir.join(LISTS);
    let lists = Lists::open(trust.clone(), keys.clone(), dir.clone());
    let lists = lists.map_err(|source| ServeError::Io { path: dir, source })?;
    let ends = Ends { trust: trust.clone(), identity: identity.clone() };
    let (lines, inbound) = Lines::new(ends, lines_settings(config)?);
    lines.set_routes(first_routes(&enrolment));
    let store = open_store(config, &enrolment)?;
    let parts = NodeParts {
        store,
        trust: trust.clone(),
        lines: lines.clone(),
        incoming: inbound.peers,
        verifier: Arc::new(AwsVerifier),
        signer: Arc::new(NodeKey(node_key)),
        clock: Arc::new(SystemClock),
    };
    let node = NodeHandle::start(node_config(config, &enrolment, genesis.clone()), parts).await?;
    let joins = Mutex::new(Some(inbound.joins));
    Ok(Started {
        enrolment,
        genesis,
        keys,
        trust,
        identity,
        certified,
        lines,
        node,
        lists,
        given_up: GivenUp::default(),
        joins,
    })
}

/// Whether a stored key that a running site uses needs the passphrase. The root's is not among them.
#[must_use]
pub fn needs_passphrase(key: &StoredKey) -> bool {
    key.label() != KeyLabel::SiteRoot && key.token().is_none()
}

/// The site's keys: sealed ones with the passphrase, those in a token with its PIN. Nobody is asked for a passphrase that
/// opens nothing.
fn open_keys(config: &Config, enrolment: &Enrolment) -> Result<SiteKeys, ServeError> {
    let dir = config.data_dir.join(KEYS);
    let stored = SiteKeys::stored(&dir)?;
    let sealed = config.custody.is_none() && stored.iter().any(needs_passphrase);
    let passphrase = if sealed || stored.is_empty() {
        Some(
            config
                .passphrase
                .obtain(&crate::t!("keys-of-site", site = enrolment.site.to_string()), Asking::Existing)?,
        )
    } else {
        None
    };
    let access = Access::new(passphrase.as_ref(), config.custody.clone(), config.passphrase.clone());
    Ok(SiteKeys::open(&dir, access)?)
}

/// Does what may wait for a token, without keeping other tasks from this thread.
pub fn waiting<T>(work: impl FnOnce() -> T) -> T {
    let flavor = tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor());
    if matches!(flavor, Ok(tokio::runtime::RuntimeFlavor::MultiThread)) {
        return tokio::task::block_in_place(work);
    }
    work()
}

/// The bounds of a listener.
pub fn limits(limits: &Limits) -> verbund_tls::Limits {
    verbund_tls::Limits {
        handshake: Duration::from_secs(limits.handshake_seconds),
        handshakes: limits.handshakes,
        handshakes_per_source: limits.handshakes.div_ceil(2),
        connections: limits.connections,
        connections_per_source: limits.connections_per_address,
        ..verbund_tls::Limits::default()
    }
}

fn node_config(config: &Config, enrolment: &Enrolment, genesis: Vec<u8>) -> NodeConfig {
    let millis = Duration::from_millis;
    NodeConfig {
        // Only the genesis document's own node founds; everyone else waits for the leader.
        found: enrolment.node == NodeId::mint(0, 1),
        timing: Timing {
            heartbeat: millis(config.raft.heartbeat_ms),
            election_min: millis(config.raft.election_min_ms),
            election_max: millis(config.raft.election_max_ms),
            snapshot_entries: config.raft.snapshot_entries,
            kept_entries: config.raft.kept_entries,
            ..Timing::default()
        },
        heads: HeadSettings {
            checkpoint_every: config.checkpoint.entries,
            quiet: Duration::from_secs(config.checkpoint.quiet_seconds),
            ..HeadSettings::default()
        },
        accepts_nothing: !config.inbound,
        ..NodeConfig::new(enrolment.node, genesis)
    }
}

/// Trust as the contact told it at admission; the node's own state takes over where it is newer.
fn first_bundle(enrolment: &Enrolment) -> Bundle {
    let mut domains: BTreeMap<TrustDomain, Domain> = BTreeMap::new();
    for member in &enrolment.members {
        let domain = TrustDomain { site: member.site.clone(), federation: enrolment.federation_name.clone() };
        domains.entry(domain).or_default().anchors = member.anchors.iter().map(|anchor| anchor.0.clone()).collect();
    }
    // One above the index, as the node itself counts.
    Bundle { sequence: enrolment.index + 1, domains, ..Bundle::default() }
}

fn first_routes(enrolment: &Enrolment) -> BTreeMap<NodeId, Route> {
    let others = enrolment.members.iter().filter(|member| member.node != enrolment.node);
    let route = |member: &crate::join::protocol::Member| {
        let trust_domain = TrustDomain { site: member.site.clone(), federation: enrolment.federation_name.clone() };
        let for_peers = member.addresses.iter().filter(|address| address.network != crate::context::API_NETWORK);
        let addresses = for_peers.filter_map(|address| address.authority().parse().ok()).collect();
        Route { id: SpiffeId { trust_domain, subject: Subject::Node(member.node) }, addresses }
    };
    others.map(|member| (member.node, route(member))).collect()
}

/// How this node dials out. Errors: the proxy's address cannot be used.
pub fn dialer(config: &Config) -> Result<Dialer, ServeError> {
    Ok(lines_settings(config)?.dialer)
}

fn lines_settings(config: &Config) -> Result<LinesSettings, ServeError> {
    let proxy = match &config.proxy {
        None => None,
        Some(proxy) => {
            let unusable = |reason: String| ServeError::Trust { data_dir: config.data_dir.clone(), reason };
            let address = proxy.address.to_string();
            let address = address.parse().map_err(|e: verbund_tls::AddressError| unusable(e.to_string()))?;
            Some(Proxy { address, auth: proxy.credentials_file.clone().map(ProxyAuth::from_file), except: Vec::new() })
        }
    };
    Ok(LinesSettings { dialer: Dialer { proxy, ..Dialer::default() }, ..LinesSettings::default() })
}

fn open_store(config: &Config, enrolment: &Enrolment) -> Result<Store, ServeError> {
    let dir = config.data_dir.join(STATE);
    let made = config.data_dir.join(STATE_MADE);
    let header = Header { format: FORMAT, node: enrolment.node.0, federation: enrolment.federation.0.0 };
    let options = StoreOptions {
        low_water: config.low_disk_bytes,
        on_fatal: Some(Box::new(|failure| {
            // Nothing may be promised any more: the process ends here, and its next start copies the log (design 4).
            tracing::error!(%failure, "the disk failed: verbund ends at once");
            std::process::exit(1);
        })),
        ..StoreOptions::default()
    };
    if made.exists() {
        return match Store::header_of(&dir)? {
            Some(_) => Ok(Store::open(&dir, header, options)?),
            None => Err(ServeError::StoreLost { dir }),
        };
    }
    let store = match Store::header_of(&dir)? {
        Some(_) => Store::open(&dir, header, options)?,
        None => Store::create(&dir, header, options)?,
    };
    mark(&made)?;
    Ok(store)
}

fn mark(path: &Path) -> Result<(), ServeError> {
    let io = |source| ServeError::Io { path: path.to_owned(), source };
    fs::File::create(path).and_then(|file| file.sync_all()).map_err(io)?;
    match path.parent() {
        Some(dir) => fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(io),
        None => Ok(()),
    }
}
