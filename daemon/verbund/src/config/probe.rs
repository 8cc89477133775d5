//! Looks whether the files that a configuration names can be used. The daemon finds out when it needs them; `config check`
//! before.

use std::path::Path;

use verbund_keys::{Asking, PassphraseSource};

use super::{ConfigError, ConfigErrors, Loaded, Source};
use crate::t;

/// Opens what the configuration names. Where only the service has the passphrase (a systemd credential) or only a person,
/// there is nothing to open. Errors: every one that was found.
pub fn probe(loaded: &Loaded) -> Result<(), ConfigErrors> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, problem: String, remedy: String| {
        let source = loaded.settings.get(field).first().map_or(Source::Default, |setting| setting.source.clone());
        errors.push(ConfigError { source, field: field.to_owned(), problem, remedy });
    };
    let config = &loaded.config;
    let source = &config.passphrase;
    let at_hand = match source {
        PassphraseSource::File(_) | PassphraseSource::Environment(_) => true,
        PassphraseSource::Credential(_) => std::env::var_os("CREDENTIALS_DIRECTORY").is_some(),
        PassphraseSource::Prompt | PassphraseSource::None => false,
    };
    if at_hand && let Err(error) = source.obtain("", Asking::Existing) {
        wrong("passphraseSource", crate::words::chain(&error), t!("config-probe-remedy"));
    }
    let proxy = config.proxy.as_ref().and_then(|proxy| proxy.credentials_file.as_deref());
    let syslog = config.syslog.as_ref().map(|syslog| syslog.ca_file.as_path());
    for (field, file) in [("proxy.credentialsFile", proxy), ("syslog.caFile", syslog)] {
        if let Some(problem) = file.and_then(unreadable) {
            wrong(field, problem, t!("config-probe-remedy"));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
}

fn unreadable(path: &Path) -> Option<String> {
    let error = std::fs::File::open(path).and_then(|file| file.metadata()).err()?;
    Some(t!("file-unreadable", path = path.display().to_string(), reason = crate::words::io(&error)))
}
