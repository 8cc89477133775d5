//! The inner form: what the daemon works with. Every value is checked.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use verbund_keys::{PassphraseSource, TokenUri};
use verbund_model::SiteName;
use verbund_model::resource::Address;

/// The configuration of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the daemon keeps everything: keys, log, snapshots, audit segments.
    pub data_dir: PathBuf,
    /// The site this daemon belongs to, if it is to be compared with what the data directory says.
    pub site: Option<SiteName>,
    /// What it binds.
    pub listen: Listen,
    /// Where others reach it. What it binds is not what it advertises.
    pub advertise: Vec<Address>,
    /// Whether peers may connect; if not, this node dials everyone itself.
    pub inbound: bool,
    /// The HTTP CONNECT proxy through which it dials.
    pub proxy: Option<Proxy>,
    /// Where the passphrase of the sealed keys comes from (formats 4).
    pub passphrase: PassphraseSource,
    /// The token in which the site's keys are to be: its label, module and PIN's source, before what the keys' references say.
    pub custody: Option<TokenUri>,
    /// What is logged, and how.
    pub log: Log,
    /// Raft's timers.
    pub raft: RaftTimers,
    /// Bounds for what strangers and peers can take.
    pub limits: Limits,
    /// Below so many free bytes in the data directory's file system writes are refused.
    pub low_disk_bytes: u64,
    /// Where audit records are sent.
    pub syslog: Option<Syslog>,
    /// When checkpoints are made.
    pub checkpoint: Checkpoints,
}

/// Addresses to bind. Peers, administration, agents and metrics have listeners of their own: what is visible follows the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// For peers and joining sites; empty if nothing inbound is accepted.
    pub peers: Vec<SocketAddr>,
    /// For the HTTP API.
    pub admin: Vec<SocketAddr>,
    /// For the agents of the site's clusters; empty: none is served.
    pub agents: Vec<SocketAddr>,
    /// For Prometheus, without TLS; empty: no metrics are served.
    pub metrics: Vec<SocketAddr>,
    /// For revocation lists and CA certificates, without TLS; empty: none are served.
    pub pki: Vec<SocketAddr>,
    /// For the bundles of trust domains (SPIFFE); empty: none are served.
    pub bundle: Vec<SocketAddr>,
}

/// A host and port to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// DNS name, IPv4 address, or IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An HTTP CONNECT proxy (RFC 9110, 9.3.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it is.
    pub address: Authority,
    /// File (mode 0600) with `user:password` for Basic authentication (RFC 7617), if the proxy wants it.
    pub credentials_file: Option<PathBuf>,
}

/// The daemon's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// How lines look.
    pub format: LogFormat,
    /// From which level on.
    pub level: LogLevel,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// From which level on is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// A human must look.
    Error,
    /// Something is unusual.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level as `tracing` knows it.
    #[must_use]
    pub const fn filter(self) -> tracing::Level {
        match self {
            Self::Error => tracing::Level::ERROR,
            Self::Warn => tracing::Level::WARN,
            Self::Info => tracing::Level::INFO,
            Self::Debug => tracing::Level::DEBUG,
            Self::Trace => tracing::Level::TRACE,
        }
    }
}

/// Raft's timers in milliseconds, and when its log is cut. An election timeout is drawn between its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaftTimers {
    /// Between two heartbeats.
    pub heartbeat_ms: u64,
    /// Shortest election timeout; at least three heartbeats.
    pub election_min_ms: u64,
    /// Longest election timeout.
    pub election_max_ms: u64,
    /// Entries after which a snapshot is taken, so that a restart replays little.
    pub snapshot_entries: u64,
    /// Entries below a snapshot that stay in the log for those who are only a little behind.
    pub kept_entries: u64,
}

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Open connections of one listener.
    pub connections: usize,
    /// Open connections from one address.
    pub connections_per_address: usize,
    /// Handshakes under way at once.
    pub handshakes: usize,
    /// How long a handshake may take.
    pub handshake_seconds: u64,
    /// Open HTTP/2 streams of a connection.
    pub streams: u32,
    /// Bytes of one message or request body.
    pub message_bytes: usize,
    /// Writes that wait for their outcome.
    pub pending_writes: usize,
}

/// A SIEM that takes the audit records over TLS (RFC 5425).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// Where it is.
    pub address: Authority,
    /// The name its certificate must carry; the address' host if nothing is said.
    pub server_name: String,
    /// The CA that its certificate must come from, PEM.
    pub ca_file: PathBuf,
    /// Where the index of the last record sent is kept; in the data directory if nothing is said.
    pub cursor_file: PathBuf,
}

/// When a checkpoint is made (formats 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoints {
    /// At multiples of so many entries.
    pub entries: u64,
    /// And at the last entry before so many quiet seconds.
    pub quiet_seconds: u64,
}
