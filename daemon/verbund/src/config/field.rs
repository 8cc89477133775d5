//! The one table of settings: path in the file, variable, flag, default.

/// A setting that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its path in the file, such as `listen.peers`.
    pub path: &'static str,
    /// Whether it has several values: a list in the file, commas in the environment, a repeated flag.
    pub list: bool,
    /// Its values if nobody says otherwise.
    pub default: &'static [&'static str],
}

impl Field {
    /// The environment variable: `VERBUND_LISTEN_PEERS` for `listen.peers`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("VERBUND_{}", self.words("_").to_ascii_uppercase())
    }

    /// The flag without dashes: `listen-peers` for `listen.peers`.
    #[must_use]
    pub fn flag(&self) -> String {
        self.words("-")
    }

    fn words(&self, separator: &str) -> String {
        let mut out = String::new();
        for c in self.path.chars() {
            match c {
                '.' => out.push_str(separator),
                c if c.is_ascii_uppercase() => {
                    out.push_str(separator);
                    out.push(c.to_ascii_lowercase());
                }
                c => out.push(c),
            }
        }
        out
    }
}

const fn one(path: &'static str, default: &'static [&'static str]) -> Field {
    Field { path, list: false, default }
}

const fn many(path: &'static str, default: &'static [&'static str]) -> Field {
    Field { path, list: true, default }
}

/// Every setting. The meaning of each stands at the field of [`super::Config`] that it becomes, and in the messages
/// `config-field-…`.
pub const FIELDS: &[Field] = &[
    one("dataDir", &["/var/lib/verbund"]),
    one("site", &[]),
    many("listen.peers", &["[::]:7100"]),
    many("listen.admin", &["[::1]:7101", "127.0.0.1:7101"]),
    many("listen.agents", &[]),
    many("listen.metrics", &[]),
    many("listen.pki", &[]),
    many("listen.bundle", &[]),
    many("advertise", &[]),
    one("inbound", &["accept"]),
    one("proxy.address", &[]),
    one("proxy.credentialsFile", &[]),
    one("passphraseSource", &["prompt"]),
    one("custody", &[]),
    one("log.format", &["text"]),
    one("log.level", &["info"]),
    one("raft.heartbeatMs", &["250"]),
    one("raft.electionMinMs", &["1000"]),
    one("raft.electionMaxMs", &["2000"]),
    one("raft.snapshotEntries", &["20000"]),
    one("raft.keptEntries", &["10000"]),
    one("limits.connections", &["1024"]),
    one("limits.connectionsPerAddress", &["128"]),
    one("limits.handshakes", &["128"]),
    one("limits.handshakeSeconds", &["10"]),
    one("limits.streams", &["256"]),
    one("limits.messageBytes", &["4MiB"]),
    one("limits.pendingWrites", &["4096"]),
    one("lowDiskBytes", &["512MiB"]),
    one("syslog.address", &[]),
    one("syslog.serverName", &[]),
    one("syslog.caFile", &[]),
    one("syslog.cursorFile", &[]),
    one("checkpoint.entries", &["4096"]),
    one("checkpoint.quietSeconds", &["60"]),
];

/// The setting with that path.
pub fn find(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}
