//! From texts to checked values; every error is noted with the place of the text.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use verbund_keys::{PassphraseSource, TokenUri, TokenUriError};
use verbund_model::SiteName;
use verbund_model::resource::Address;

use super::error::ConfigError;
use super::field;
use super::settings::{Setting, Settings, Source};
use super::values::{
    Authority, Checkpoints, Config, Limits, Listen, Log, LogFormat, LogLevel, Proxy, RaftTimers, Syslog,
};
use crate::t;

/// The configuration that `settings` describe. `None` only if `errors` got one.
pub fn convert(settings: &Settings, errors: &mut Vec<ConfigError>) -> Option<Config> {
    let mut c = Converter { settings, errors };
    let data_dir = c.directory("dataDir");
    let inbound = c.choice("inbound", &[("accept", true), ("none", false)]);
    let peers = c.sockets("listen.peers");
    let (admin, agents) = (c.sockets("listen.admin"), c.sockets("listen.agents"));
    let (metrics, pki, bundle) = (c.sockets("listen.metrics"), c.sockets("listen.pki"), c.sockets("listen.bundle"));
    let listen = Listen { peers, admin, agents, metrics, pki, bundle };
    let site = c.optional("site", SiteName::from_str);
    let advertise = c.list("advertise", Address::from_str);
    let proxy = c.proxy();
    let passphrase = c.passphrase();
    let custody = c.optional("custody", |text| {
        text.parse().map(|uri: TokenUri| uri.without_key()).map_err(|error: TokenUriError| crate::words::chain(&error))
    });
    let log = c.log();
    let raft = c.raft();
    let limits = c.limits();
    let low_disk_bytes = c.bytes("lowDiskBytes", 1 << 20, 1 << 50);
    let syslog = c.syslog(data_dir.as_deref());
    let checkpoint = c.checkpoint();
    if inbound == Some(false) && !advertise.is_empty() {
        c.error("advertise", t!("config-advertise-closed"), t!("config-advertise-closed-remedy"));
    }
    if inbound == Some(true) && listen.peers.is_empty() {
        c.error("listen.peers", t!("config-no-peers"), t!("config-no-peers-remedy"));
    }
    let inbound = inbound?;
    let listen = if inbound { listen } else { Listen { peers: Vec::new(), ..listen } };
    Some(Config {
        data_dir: data_dir?,
        site,
        listen,
        advertise,
        inbound,
        proxy,
        passphrase: passphrase?,
        custody,
        log: log?,
        raft: raft?,
        limits: limits?,
        low_disk_bytes: low_disk_bytes?,
        syslog,
        checkpoint: checkpoint?,
    })
}

struct Converter<'a> {
    settings: &'a Settings,
    errors: &'a mut Vec<ConfigError>,
}

impl Converter<'_> {
    fn error(&mut self, path: &str, problem: String, remedy: String) {
        let source = self.settings.get(path).first().map_or(Source::Default, |setting| setting.source.clone());
        self.errors.push(ConfigError { source, field: path.to_owned(), problem, remedy });
    }

    /// An error between fields: it is shown for the first, at the place of the first of them that somebody set.
    fn error_at_first(&mut self, paths: &[&str], problem: String, remedy: String) {
        let sources = paths.iter().filter_map(|path| self.settings.get(path).first()).map(|setting| &setting.source);
        let source = sources.clone().find(|source| **source != Source::Default).unwrap_or(&Source::Default).clone();
        self.errors.push(ConfigError { source, field: paths[0].to_owned(), problem, remedy });
    }

    fn error_at(&mut self, path: &str, setting: &Setting, problem: String, remedy: String) {
        let source = setting.source.clone();
        self.errors.push(ConfigError { source, field: path.to_owned(), problem, remedy });
    }

    /// The one text of a field, if it is set.
    fn text(&mut self, path: &str) -> Option<Setting> {
        self.settings.get(path).first().filter(|setting| !setting.text.is_empty()).cloned()
    }

    fn optional<T, E: std::fmt::Display>(&mut self, path: &str, parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
        let setting = self.text(path)?;
        match parse(&setting.text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.error_at(path, &setting, error.to_string(), remedy(path));
                None
            }
        }
    }

    fn list<T, E: std::fmt::Display>(&mut self, path: &str, parse: impl Fn(&str) -> Result<T, E>) -> Vec<T> {
        let mut values = Vec::new();
        for setting in self.settings.get(path).iter().filter(|setting| !setting.text.is_empty()) {
            match parse(&setting.text) {
                Ok(value) => values.push(value),
                Err(error) => self.error_at(path, setting, error.to_string(), remedy(path)),
            }
        }
        values
    }

    fn sockets(&mut self, path: &str) -> Vec<SocketAddr> {
        self.list(path, |text| text.parse::<SocketAddr>().map_err(|_| t!("config-not-a-socket", got = text)))
    }

    fn directory(&mut self, path: &str) -> Option<PathBuf> {
        let setting = self.text(path);
        let Some(setting) = setting else {
            self.error(path, t!("config-missing"), remedy(path));
            return None;
        };
        self.path(path, &setting)
    }

    fn path(&mut self, path: &str, setting: &Setting) -> Option<PathBuf> {
        let value = PathBuf::from(&setting.text);
        if value.is_absolute() {
            return Some(value);
        }
        if let Source::Flag { .. } = setting.source
            && let Ok(absolute) = std::path::absolute(&value)
        {
            // On the command line people mean the directory where they are; a service has none worth the name.
            return Some(absolute);
        }
        self.error_at(path, setting, t!("config-relative", got = setting.text.as_str()), t!("config-relative-remedy"));
        None
    }

    fn file(&mut self, path: &str) -> Option<PathBuf> {
        let setting = self.text(path)?;
        self.path(path, &setting)
    }

    fn choice<T: Copy>(&mut self, path: &str, choices: &[(&str, T)]) -> Option<T> {
        let names = || choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let Some(setting) = self.text(path) else {
            self.error(path, t!("config-missing"), t!("config-choice-remedy", choices = names()));
            return None;
        };
        let found = choices.iter().find(|(name, _)| *name == setting.text).map(|(_, value)| *value);
        if found.is_none() {
            let problem = t!("config-choice", got = setting.text.as_str());
            self.error_at(path, &setting, problem, t!("config-choice-remedy", choices = names()));
        }
        found
    }

    fn number(&mut self, path: &str, least: u64, most: u64) -> Option<u64> {
        self.bounded(path, least, most, |text| text.parse().ok())
    }

    fn bytes(&mut self, path: &str, least: u64, most: u64) -> Option<u64> {
        self.bounded(path, least, most, parse_bytes)
    }

    fn bounded(&mut self, path: &str, least: u64, most: u64, parse: impl Fn(&str) -> Option<u64>) -> Option<u64> {
        let Some(setting) = self.text(path) else {
            self.error(path, t!("config-missing"), t!("config-number-remedy", least = least, most = most));
            return None;
        };
        let found = parse(&setting.text).filter(|value| (least..=most).contains(value));
        if found.is_none() {
            let problem = t!("config-number", got = setting.text.as_str());
            self.error_at(path, &setting, problem, t!("config-number-remedy", least = least, most = most));
        }
        found
    }

    fn size(&mut self, path: &str, least: u64, most: u64) -> Option<usize> {
        self.number(path, least, most).and_then(|value| usize::try_from(value).ok())
    }

    fn proxy(&mut self) -> Option<Proxy> {
        let address = self.optional("proxy.address", parse_authority);
        let credentials_file = self.file("proxy.credentialsFile");
        if address.is_none() && credentials_file.is_some() && self.text("proxy.address").is_none() {
            self.error("proxy.credentialsFile", t!("config-needs", other = "proxy.address"), remedy("proxy.address"));
        }
        Some(Proxy { address: address?, credentials_file })
    }

    fn passphrase(&mut self) -> Option<PassphraseSource> {
        // The text is not shown: somebody may have put the passphrase itself there.
        let source = self.optional("passphraseSource", |text| {
            PassphraseSource::from_str(text).map_err(|_| t!("config-passphrase"))
        })?;
        if let PassphraseSource::File(path) = &source
            && path.is_relative()
        {
            let got = path.display().to_string();
            self.error("passphraseSource", t!("config-relative", got = got), t!("config-relative-remedy"));
        }
        Some(source)
    }

    fn log(&mut self) -> Option<Log> {
        let format = self.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
        let levels = [
            ("error", LogLevel::Error),
            ("warn", LogLevel::Warn),
            ("info", LogLevel::Info),
            ("debug", LogLevel::Debug),
            ("trace", LogLevel::Trace),
        ];
        let level = self.choice("log.level", &levels);
        Some(Log { format: format?, level: level? })
    }

    fn raft(&mut self) -> Option<RaftTimers> {
        let heartbeat = self.number("raft.heartbeatMs", 10, 10_000);
        let least = self.number("raft.electionMinMs", 50, 60_000);
        let most = self.number("raft.electionMaxMs", 50, 120_000);
        let snapshot = self.number("raft.snapshotEntries", 100, 10_000_000);
        let kept = self.number("raft.keptEntries", 0, 10_000_000);
        let timers = RaftTimers {
            heartbeat_ms: heartbeat?,
            election_min_ms: least?,
            election_max_ms: most?,
            snapshot_entries: snapshot?,
            kept_entries: kept?,
        };
        if timers.election_min_ms < 3 * timers.heartbeat_ms {
            self.error_at_first(
                &["raft.electionMinMs", "raft.heartbeatMs"],
                t!("config-election-short"),
                t!("config-election-short-remedy"),
            );
            return None;
        }
        if timers.election_max_ms <= timers.election_min_ms {
            self.error_at_first(
                &["raft.electionMaxMs", "raft.electionMinMs"],
                t!("config-election-range"),
                t!("config-election-range-remedy"),
            );
            return None;
        }
        Some(timers)
    }

    fn limits(&mut self) -> Option<Limits> {
        let connections = self.size("limits.connections", 8, 65_536);
        let per_address = self.size("limits.connectionsPerAddress", 1, 65_536);
        let handshakes = self.size("limits.handshakes", 1, 4096);
        let handshake_seconds = self.number("limits.handshakeSeconds", 1, 60);
        let streams = self.number("limits.streams", 8, 4096).and_then(|n| u32::try_from(n).ok());
        let message = self.bytes("limits.messageBytes", 512 << 10, 64 << 20).and_then(|n| usize::try_from(n).ok());
        let pending_writes = self.size("limits.pendingWrites", 1, 1 << 20);
        Some(Limits {
            connections: connections?,
            connections_per_address: per_address?,
            handshakes: handshakes?,
            handshake_seconds: handshake_seconds?,
            streams: streams?,
            message_bytes: message?,
            pending_writes: pending_writes?,
        })
    }

    fn syslog(&mut self, data_dir: Option<&std::path::Path>) -> Option<Syslog> {
        let address = self.optional("syslog.address", parse_authority);
        let (ca_file, cursor_file) = (self.file("syslog.caFile"), self.file("syslog.cursorFile"));
        let server_name = self.text("syslog.serverName").map(|setting| setting.text);
        if self.text("syslog.address").is_none() {
            for path in ["syslog.caFile", "syslog.cursorFile", "syslog.serverName"] {
                if self.text(path).is_some() {
                    self.error(path, t!("config-needs", other = "syslog.address"), remedy("syslog.address"));
                }
            }
            return None;
        }
        if self.text("syslog.caFile").is_none() {
            self.error("syslog.address", t!("config-needs", other = "syslog.caFile"), remedy("syslog.caFile"));
        }
        let address = address?;
        Some(Syslog {
            server_name: server_name.unwrap_or_else(|| address.host.clone()),
            address,
            ca_file: ca_file?,
            cursor_file: cursor_file.or_else(|| Some(data_dir?.join("syslog-cursor")))?,
        })
    }

    fn checkpoint(&mut self) -> Option<Checkpoints> {
        let entries = self.number("checkpoint.entries", 256, 1 << 20);
        let quiet_seconds = self.number("checkpoint.quietSeconds", 1, 86_400);
        let entries = entries?;
        if entries % 256 != 0 {
            self.error("checkpoint.entries", t!("config-checkpoint"), t!("config-checkpoint-remedy"));
            return None;
        }
        Some(Checkpoints { entries, quiet_seconds: quiet_seconds? })
    }
}

/// What a field is for and how it is written: the remedy for most errors.
fn remedy(path: &str) -> String {
    let Some(field) = field::find(path) else { return String::new() };
    crate::i18n::text(&format!("config-field-{}", field.flag()), &[])
}

/// Bytes as people write them: `4096`, `512KiB`, `4MiB`, `2GiB`.
fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

fn parse_authority(text: &str) -> Result<Authority, String> {
    let address: Address = text.parse().map_err(|_| t!("config-not-an-authority", got = text))?;
    if text.contains('=') {
        return Err(t!("config-not-an-authority", got = text));
    }
    Ok(Authority { host: address.host, port: address.port })
}
