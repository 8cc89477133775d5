//! What a node is started with.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use verbund_identity::SignatureVerifier;
use verbund_model::NodeId;
use verbund_store::{OpenError, Store};
use verbund_tls::{Incoming, Lines, Trust};

use crate::clock::Clock;
use crate::heads::{HeadSettings, HeadSigner};
use crate::raft::config::{Timing, TimingError};

/// A node's own settings.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Its id, as the federation minted it.
    pub id: NodeId,
    /// The genesis document, byte for byte.
    pub genesis: Vec<u8>,
    /// Whether this is the founder: an empty log then begins with this node as the only voter. Changes nothing once
    /// there is a log.
    pub found: bool,
    /// Timing and sizes of the log.
    pub timing: Timing,
    /// Heads and checkpoints.
    pub heads: HeadSettings,
    /// The networks in which this node reaches others; empty: all.
    pub networks: BTreeSet<String>,
    /// Whether nothing inbound is allowed here, so that this node keeps connections open on which the others call it.
    pub accepts_nothing: bool,
    /// How long a node that starts waits until a majority of sites has told its directives, before it goes on with those that it
    /// knows.
    pub hear: Duration,
    /// **Tests only**: the latest format that this build pretends to know, from its very start.
    #[cfg(feature = "tamper")]
    pub known_format: u32,
}

impl NodeConfig {
    /// With the defaults for everything that need not be said.
    #[must_use]
    pub fn new(id: NodeId, genesis: Vec<u8>) -> Self {
        Self {
            id,
            genesis,
            found: false,
            timing: Timing::default(),
            heads: HeadSettings::default(),
            networks: BTreeSet::new(),
            accepts_nothing: false,
            hear: Duration::from_secs(5),
            #[cfg(feature = "tamper")]
            known_format: verbund_machine::FORMAT,
        }
    }
}

/// What a node works with.
pub struct NodeParts {
    /// Its opened store.
    pub store: Store,
    /// The trust that its transport uses; it follows the applied state from now on. A joiner begins with what its contact
    /// gave it ([`crate::bundle_of`]), at each start until its own state has caught up: before that it knows nobody else.
    pub trust: Arc<Trust>,
    /// The connections to and from others; its routes follow the applied state from now on. For a joiner likewise
    /// ([`crate::routes_of`]).
    pub lines: Lines,
    /// Connections of members, to be served.
    pub incoming: Incoming,
    /// Checks signatures; the answers are remembered.
    pub verifier: Arc<dyn SignatureVerifier>,
    /// Signs this node's heads.
    pub signer: Arc<dyn HeadSigner>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The genesis document.
    #[error(transparent)]
    Genesis(#[from] verbund_machine::GenesisError),
    /// The settings.
    #[error(transparent)]
    Timing(#[from] TimingError),
    /// The store belongs to another node or federation.
    #[error("the store in {dir} is {found}'s, but node {wanted} is to be started: check data directory and node id")]
    WrongStore {
        /// Its directory.
        dir: String,
        /// Whose it is.
        found: String,
        /// Who was to start.
        wanted: NodeId,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The alarms of an earlier run cannot be read: one of them may say "stop".
    #[error(
        "the alarms in {dir} cannot be read ({source}): repair the directory, or remove what is damaged if you know why"
    )]
    Alarms {
        /// Their directory.
        dir: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The directives of an earlier run cannot be read: one of them may keep somebody out.
    #[error("the directives in {dir} cannot be read ({source}): repair the directory")]
    Directives {
        /// Their directory.
        dir: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Raft did not start.
    #[error("the log could not be taken up: {why}")]
    Raft {
        /// What openraft or the store said.
        why: String,
    },
}
