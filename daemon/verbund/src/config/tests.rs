//! All errors at once, with line and remedy; precedence.

use std::collections::BTreeMap;
use std::io::Write as _;

use verbund_keys::PassphraseSource;

use super::values::{LogLevel, RaftTimers};
use super::*;

fn load_with(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &[&str])],
) -> (String, Result<Loaded, ConfigErrors>) {
    let mut named = tempfile::NamedTempFile::new().unwrap();
    named.write_all(file.as_bytes()).unwrap();
    let environment: BTreeMap<&str, &str> = environment.iter().copied().collect();
    let flags = flags.iter().map(|(path, texts)| (*path, texts.iter().map(|t| (*t).to_owned()).collect())).collect();
    let path = named.path().to_owned();
    let loaded = load(&Sources {
        file: Some(path.clone()),
        environment: &|name| environment.get(name).map(|value| (*value).to_owned()),
        flags,
    });
    (path.display().to_string(), loaded)
}

fn errors(file: &str) -> String {
    let (path, loaded) = load_with(file, &[], &[]);
    let Err(errors) = loaded else { panic!("it was accepted") };
    errors.to_string().replace(&path, "verbund.yaml")
}

#[test]
fn an_empty_file_gives_the_defaults() {
    let (_, loaded) = load_with("", &[], &[]);
    let config = loaded.unwrap().config;
    assert_eq!(config.data_dir, PathBuf::from("/var/lib/verbund"));
    let RaftTimers { heartbeat_ms, election_min_ms, election_max_ms, .. } = config.raft;
    assert_eq!((heartbeat_ms, election_min_ms, election_max_ms), (250, 1000, 2000));
    assert_eq!(config.limits.message_bytes, 4 << 20);
    assert!(
        config.inbound
            && config.syslog.is_none()
            && config.proxy.is_none()
            && config.passphrase == PassphraseSource::Prompt
    );
}

#[test]
fn a_full_file() {
    let file = "
dataDir: /srv/verbund
site: nord
listen:
  peers: ['[::]:7100', 10.0.0.1:7100]
  admin: [127.0.0.1:7101]
  metrics: [127.0.0.1:7102]
advertise:
  - nds-vn=10.0.0.1:7100
  - internet=[2001:db8::1]:443
proxy: {address: 'proxy.nord.example:3128', credentialsFile: /etc/verbund/proxy}
passphraseSource: credential:verbund
log: {format: json, level: debug}
raft: {heartbeatMs: 100, electionMinMs: 400, electionMaxMs: 800}
lowDiskBytes: 2GiB
syslog: {address: 'siem:6514', caFile: /etc/verbund/siem.pem}
";
    let (_, loaded) = load_with(file, &[], &[]);
    let config = loaded.unwrap_or_else(|e| panic!("{e}")).config;
    assert_eq!(config.listen.peers.len(), 2);
    assert_eq!(config.advertise[1].to_string(), "internet=[2001:db8::1]:443");
    assert_eq!(config.proxy.unwrap().address.to_string(), "proxy.nord.example:3128");
    assert_eq!(config.passphrase, PassphraseSource::Credential("verbund".to_owned()));
    assert_eq!(config.log, Log { format: LogFormat::Json, level: LogLevel::Debug });
    assert_eq!(config.low_disk_bytes, 2 << 30);
    let syslog = config.syslog.unwrap();
    assert_eq!(syslog.server_name, "siem");
    assert_eq!(syslog.cursor_file, PathBuf::from("/srv/verbund/syslog-cursor"));
}

#[test]
fn all_errors_at_once_with_line_and_remedy() {
    let file = "dataDir: data
sitte: nord
site: Nord!
listen:
  peers:
    - 10.0.0.1
    - '[::]:7100'
  admin: {port: 7101}
  metrik: []
raft:
  heartbeatMs: 500
log: json
lowDiskBytes: plenty
inbound: perhaps
passphraseSource: hunter2
syslog:
  caFile: /etc/siem.pem
";
    let golden = "The configuration has 12 errors:
verbund.yaml:1: dataDir: data is a relative path
  Write the whole path, beginning with \"/\".
verbund.yaml:2: sitte: there is no such setting
  Did you mean site?
verbund.yaml:3: site: the site's name \"Nord!\" is not allowed: use 1 to 40 of the characters a-z, 0-9 and '-', beginning and ending with a letter or digit
  Name of the site that this daemon must belong to.
verbund.yaml:6: listen.peers: 10.0.0.1 is no address to bind
  Addresses to bind for peers, such as [::]:7100 or 10.0.0.1:7100.
verbund.yaml:8: listen.admin: a list is wanted here, not a group
  Write each value on a line of its own behind \"- \".
verbund.yaml:9: listen.metrik: there is no such setting
  Did you mean listen.metrics?
verbund.yaml:11: raft.electionMinMs: elections would begin before three heartbeats could be missed
  Make it at least three times raft.heartbeatMs.
verbund.yaml:12: log: a group of settings is wanted here, not a value
  Write its settings below it, indented: format, level.
verbund.yaml:13: lowDiskBytes: plenty is not an allowed number
  Write a number from 1048576 to 1125899906842624; for bytes KiB, MiB and GiB may follow it.
verbund.yaml:14: inbound: perhaps is not one of the choices
  Choose one of: accept, none.
verbund.yaml:15: passphraseSource: the text names no source of a passphrase
  Where the passphrase of the sealed keys comes from: file:PATH (mode 0600), credential:NAME (systemd), env:VARIABLE or prompt.
verbund.yaml:17: syslog.caFile: it needs syslog.address beside it
  Syslog over TLS to which audit records are sent: host:port.";
    assert_eq!(errors(file), golden);
}

#[test]
fn what_yaml_itself_forbids_has_its_line() {
    for (file, line) in [("dataDir: /a\ndataDir: /b\n", 2), ("site: nord\nlog: {format: [\n", 3), ("a: [b\nc: d", 2)] {
        let text = errors(file);
        assert!(text.contains("verbund.yaml:") && text.contains("YAML"), "{text}");
        let at: u64 = text.split("verbund.yaml:").nth(1).unwrap().split(':').next().unwrap().parse().unwrap();
        assert!(at.abs_diff(line) <= 1, "line {line} wanted: {text}");
    }
    let bomb = (0..9).fold("a0: &a0 [x]\n".to_owned(), |text, i| {
        text + &format!("a{}: &a{} [{}]\n", i + 1, i + 1, vec![format!("*a{i}"); 9].join(","))
    });
    assert!(errors(&bomb).contains("YAML"));
}

#[test]
fn flags_before_environment_before_file_before_defaults() {
    let file = "dataDir: /file\nsite: nord\nlog: {level: warn}\nlisten: {admin: [127.0.0.1:1]}\n";
    let environment =
        [("VERBUND_DATA_DIR", "/env"), ("VERBUND_SITE", "sued"), ("VERBUND_LISTEN_ADMIN", "127.0.0.1:2, [::1]:2")];
    let flags: [(&'static str, &[&str]); 1] = [("dataDir", &["/flag"])];
    let (path, loaded) = load_with(file, &environment, &flags);
    let Loaded { settings, config, hidden, is_said: _ } = loaded.unwrap_or_else(|e| panic!("{e}"));
    let names: Vec<&str> = hidden.iter().map(|hidden| hidden.field).collect();
    assert_eq!(names, ["dataDir", "site", "listen.admin"], "what a variable replaced is told");
    assert_eq!((hidden[1].text.as_str(), hidden[1].source.to_string()), ("nord", format!("{path}:2")));
    assert_eq!(config.data_dir, PathBuf::from("/flag"));
    assert_eq!(config.site.unwrap().as_str(), "sued");
    assert_eq!(config.listen.admin, ["127.0.0.1:2".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(config.log.level, LogLevel::Warn);
    let source = |field: &str| settings.get(field)[0].source.to_string();
    assert_eq!(source("dataDir"), "--data-dir");
    assert_eq!(source("site"), "VERBUND_SITE");
    assert_eq!(source("log.level"), format!("{path}:3"));
    assert_eq!(source("log.format"), "default");
}

#[test]
fn errors_of_environment_and_flags_name_their_place() {
    let (_, loaded) = load_with("", &[("VERBUND_LOG_LEVEL", "loud")], &[("inbound", &["maybe"])]);
    let Err(errors) = loaded else { panic!("it was accepted") };
    let places: Vec<String> = errors.0.iter().map(|e| e.source.to_string()).collect();
    assert_eq!(places, ["VERBUND_LOG_LEVEL", "--inbound"]);
}

#[test]
fn a_named_file_that_is_missing_is_an_error() {
    let missing = PathBuf::from("/nonexistent/verbund.yaml");
    let loaded = load(&Sources { file: Some(missing), environment: &|_| None, flags: Vec::new() });
    assert!(loaded.is_err());
}

#[test]
fn every_field_has_a_variable_a_flag_and_a_text() {
    let mut seen = std::collections::BTreeSet::new();
    for field in FIELDS {
        assert!(seen.insert(field.variable()) && seen.insert(field.flag()), "{} clashes", field.path);
        assert!(crate::i18n::find(&format!("config-field-{}", field.flag())).is_some(), "{} has no text", field.path);
    }
}

#[test]
fn files_that_are_named_are_looked_at() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("passphrase");
    let file = format!("passphraseSource: file:{}\n", secret.display());
    let probed = || probe(&load_with(&file, &[], &[]).1.unwrap());
    let error = probed().unwrap_err().to_string();
    assert!(error.contains("passphraseSource") && error.contains(&secret.display().to_string()), "{error}");
    std::fs::write(&secret, "test\n").unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(probed().unwrap_err().to_string().contains("0644"), "others may read it");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    probed().unwrap();
    let file = format!("{file}syslog: {{address: 'siem:6514', caFile: {}/none.pem}}\n", directory.path().display());
    let error = probe(&load_with(&file, &[], &[]).1.unwrap()).unwrap_err();
    assert!(error.to_string().contains("syslog.caFile") && error.0.len() == 1, "{error}");
}
