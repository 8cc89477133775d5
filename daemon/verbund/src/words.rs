//! What the crates below say, in the language of the process: they know English only. One table by type; what it does not
//! know is said as it is.

use std::error::Error;
use std::io;

use verbund_identity::DirectiveError;
use verbund_keys::custody::{CreateError, KdfError, PassphraseError, ReadError, UnlockError};
use verbund_keys::{
    FileError, Mechanism, OpenError, OpenSecretError, SignError, SiteKeysError, SourceError, TokenError, TokenUriError,
};
use verbund_model::Refusal;
use verbund_model::id::{HashError, NameError};
use verbund_tls::{AttemptError, DialError};

use crate::i18n::{self, Lang};
use crate::output::local;
use crate::serve::enrolment::EnrolmentError;
use crate::t;

/// What a person is asked for a key.
pub fn question(question: verbund_keys::Question<'_>) -> String {
    use verbund_keys::Question as Q;
    match question {
        Q::Passphrase(of) => t!("words-ask-passphrase", of = of),
        Q::NewPassphrase(of) => t!("words-ask-new", of = of),
        Q::Again(of) => t!("words-ask-again", of = of),
        Q::Pin(token) => t!("words-ask-pin", token = token),
    }
}

/// An error with its causes in one line, in the language of the process as far as it is known there.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let (own, known) = (error.to_string(), of(error));
        let said = known.clone().unwrap_or_else(|| own.clone());
        if text.is_empty() {
            text = said;
        } else if text.contains(&own) {
            // The outer one repeats the inner one: it does so in our words.
            text = text.replace(&own, &said);
        } else {
            text = format!("{text}: {said}");
        }
        // What is known tells its causes itself.
        next = if known.is_some() { None } else { error.source() };
    }
    text
}

/// The error in the language of the process, with what to do; `None` for types that are not known here.
#[must_use]
pub fn of(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<SiteKeysError>() {
        return site_keys(error);
    }
    if let Some(error) = error.downcast_ref::<CreateError>() {
        return error.source().and_then(of);
    }
    if let Some(error) = error.downcast_ref::<ReadError>() {
        return Some(read(error));
    }
    if let Some(error) = error.downcast_ref::<UnlockError>() {
        return Some(unlock(error));
    }
    if let Some(error) = error.downcast_ref::<TokenError>() {
        return Some(token(error));
    }
    if let Some(error) = error.downcast_ref::<TokenUriError>() {
        return Some(token_uri(error));
    }
    if let Some(SignError::Token(error)) = error.downcast_ref() {
        return Some(token(error));
    }
    if let Some(OpenError::Token(error)) = error.downcast_ref() {
        return Some(token(error));
    }
    if let Some(error) = error.downcast_ref::<OpenSecretError>() {
        return Some(secret(error));
    }
    if let Some(error) = error.downcast_ref::<SourceError>() {
        return Some(source(error));
    }
    if let Some(error) = error.downcast_ref::<FileError>() {
        return Some(file(error));
    }
    if let Some(error) = error.downcast_ref::<KdfError>() {
        return matches!(error, KdfError::Derive { .. }).then(|| t!("words-memory"));
    }
    if let Some(error) = error.downcast_ref::<PassphraseError>() {
        return Some(passphrase(error));
    }
    if let Some(error) = error.downcast_ref::<NameError>() {
        return Some(t!("words-name", got = error.got.as_str(), max = error.max));
    }
    if let Some(error) = error.downcast_ref::<HashError>() {
        return Some(t!("words-hash", got = error.got.as_str()));
    }
    if let Some(error) = error.downcast_ref::<verbund_model::id::NodeIdError>() {
        return Some(t!("words-node-id", got = error.got.as_str()));
    }
    if let Some(error) = error.downcast_ref::<verbund_model::key::KeyError>() {
        return Some(t!("words-public-key", got = error.got.as_str()));
    }
    if let Some(error) = error.downcast_ref::<verbund_model::resource::LandError>() {
        return Some(t!("words-land", got = error.got.as_str(), all = crate::cli::laender().join(", ")));
    }
    if let Some(error) = error.downcast_ref::<verbund_model::resource::AddressError>() {
        return Some(t!("words-address", got = error.got.as_str()));
    }
    if let Some(error) = error.downcast_ref::<verbund_model::view::KindError>() {
        return Some(t!("words-kind", got = error.got.as_str(), all = crate::cli::kinds().join(", ")));
    }
    if let Some(error) = error.downcast_ref::<DirectiveError>() {
        return (i18n::lang() == Lang::De).then(|| verbund_api::directive_in_german(error));
    }
    if let Some(error) = error.downcast_ref::<Refusal>() {
        return Some(refusal(error));
    }
    if let Some(error) = error.downcast_ref::<DialError>() {
        return Some(dial(error));
    }
    if let Some(error) = error.downcast_ref::<EnrolmentError>() {
        return enrolment(error);
    }
    error.downcast_ref::<io::Error>().and_then(known_io)
}

/// A refusal.
#[must_use]
pub fn refusal(refusal: &Refusal) -> String {
    // The log counts milliseconds since 1970; people do not.
    match refusal {
        Refusal::Expired { not_after, now } => {
            return t!("words-expired", end = local(*not_after), now = local(*now));
        }
        Refusal::ValidTooLong { not_after, now, .. } => {
            return t!("words-valid-too-long", end = local(*not_after), now = local(*now));
        }
        Refusal::TooManySessions { limit, first_end } => {
            return t!("words-sessions", limit = *limit, end = local(*first_end));
        }
        _ => {}
    }
    let language = match i18n::lang() {
        Lang::De => verbund_api::Language::German,
        Lang::En => verbund_api::Language::English,
    };
    verbund_api::Problem::from(refusal.clone()).document(language, "").detail
}

/// What came of dialling each address.
#[must_use]
pub fn dial(error: &DialError) -> String {
    if error.attempts.is_empty() {
        return t!("words-no-address");
    }
    let one = |(address, error): &(verbund_tls::Address, AttemptError)| format!("{address}: {}", attempt(error));
    error.attempts.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn attempt(error: &AttemptError) -> String {
    match error {
        AttemptError::Resolve(_) => t!("words-unresolved"),
        AttemptError::Connect(error) => io(error),
        AttemptError::Proxy(error) => t!("words-proxy", reason = error.to_string()),
        AttemptError::Untrusted(error) => t!("words-untrusted", reason = error.to_string()),
        // The other side says it, or this one: either way it is another listener (RFC 7301, 3.2).
        AttemptError::Tls(error) if error.to_string().contains("NoApplicationProtocol") => t!("words-alpn"),
        AttemptError::Tls(error) => t!("words-tls", reason = error.to_string()),
        AttemptError::Alpn(_) => t!("words-alpn"),
        AttemptError::Timeout(time) => t!("words-timeout", seconds = time.as_secs()),
    }
}

/// What the system said.
#[must_use]
pub fn io(error: &io::Error) -> String {
    known_io(error).unwrap_or_else(|| error.to_string())
}

fn known_io(error: &io::Error) -> Option<String> {
    use io::ErrorKind as K;
    // An error with a text of its own says more than its kind.
    if error.get_ref().is_some() {
        return None;
    }
    Some(match error.kind() {
        K::NotFound => t!("words-io-none"),
        K::PermissionDenied => t!("words-io-denied"),
        K::AlreadyExists => t!("words-io-exists"),
        K::IsADirectory => t!("words-io-directory"),
        K::NotADirectory => t!("words-io-no-directory"),
        K::StorageFull => t!("words-io-full"),
        K::ReadOnlyFilesystem => t!("words-io-read-only"),
        K::ConnectionRefused => t!("words-io-refused"),
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => t!("words-io-broken"),
        K::HostUnreachable | K::NetworkUnreachable => t!("words-io-unreachable"),
        K::TimedOut => t!("words-io-late"),
        K::AddrInUse => t!("words-io-in-use"),
        K::AddrNotAvailable => t!("words-io-not-ours"),
        _ => return None,
    })
}

fn file(error: &FileError) -> String {
    let shown = |path: &std::path::Path| path.display().to_string();
    match error {
        FileError::Exists { path } => t!("words-file-exists", path = shown(path)),
        FileError::Mode { path, mode } => t!("words-file-mode", path = shown(path), mode = format!("{mode:04o}")),
        FileError::DirectoryMode { path, mode } => {
            t!("words-directory-mode", path = shown(path), mode = format!("{mode:04o}"))
        }
        FileError::Kind { path } => t!("words-file-kind", path = shown(path)),
        FileError::Size { path, max } => t!("words-file-size", path = shown(path), max = *max),
        FileError::Io { path, source, .. } => t!("words-file-io", path = shown(path), reason = io(source)),
    }
}

fn read(error: &ReadError) -> String {
    match error {
        ReadError::File(error) => file(error),
        ReadError::Form { path, .. } => t!("words-key-form", path = path.display().to_string()),
        ReadError::Version { path, version } => {
            t!("words-key-version", path = path.display().to_string(), version = *version)
        }
        ReadError::Damaged { path } => t!("words-key-damaged", path = path.display().to_string()),
    }
}

fn unlock(error: &UnlockError) -> String {
    match error {
        UnlockError::WrongPassphrase { path } => t!("words-passphrase", path = path.display().to_string()),
        UnlockError::Altered { path } => t!("words-key-altered", path = path.display().to_string()),
        UnlockError::Purpose { path, found, wanted } => {
            t!("words-key-purpose", path = path.display().to_string(), found = found.to_string(), wanted = *wanted)
        }
        UnlockError::Kdf { source, .. } => of(source).unwrap_or_else(|| source.to_string()),
        UnlockError::NoPassphrase { path } => t!("words-no-passphrase", path = path.display().to_string()),
        UnlockError::NotInToken { path, token } => {
            t!("words-not-in-token", path = path.display().to_string(), token = token.as_str())
        }
        UnlockError::Token(error) => token(error),
    }
}

/// What does not work in a token without a mechanism.
#[must_use]
pub fn without(mechanism: Mechanism) -> String {
    match mechanism {
        Mechanism::Generate => t!("words-token-no-generate"),
        Mechanism::Sign => t!("words-token-no-sign"),
        Mechanism::Agree => t!("words-token-no-agree"),
    }
}

fn token_uri(error: &TokenUriError) -> String {
    use TokenUriError as E;
    match error {
        E::Form { .. } => t!("words-token-uri-form"),
        E::Attribute { name, .. } if name == "pin-value" => t!("words-token-uri-pin"),
        E::Attribute { name, .. } => t!("words-token-uri-attribute", name = name.as_str()),
        E::Value { name, .. } => t!("words-token-uri-value", name = *name),
        E::Twice { name } => t!("words-token-uri-twice", name = *name),
        E::NoToken => t!("words-token-uri-no-token"),
    }
}

fn token(error: &TokenError) -> String {
    use TokenError as E;
    let listed = |all: &[String]| if all.is_empty() { t!("words-token-none") } else { all.join(", ") };
    match error {
        E::NotBuilt => t!("words-token-not-built"),
        E::NoModule { token, variable } => t!("words-token-no-module", token = token.as_str(), variable = *variable),
        E::ModuleNotFound { path } => t!("words-token-module-missing", path = path.display().to_string()),
        E::Module { path, reason } => {
            t!("words-token-module", path = path.display().to_string(), reason = reason.as_str())
        }
        E::TokenMissing { token, module, present } => t!(
            "words-token-missing",
            token = token.as_str(),
            module = module.display().to_string(),
            present = listed(present)
        ),
        E::TokenAmbiguous { token, count } => t!("words-token-ambiguous", token = token.as_str(), count = *count),
        E::NoPin { token, reason } => t!("words-token-no-pin", token = token.as_str(), reason = reason.as_str()),
        E::PinWrong { token, from, last_try: false } => {
            t!("words-token-pin-wrong", token = token.as_str(), from = from.as_str())
        }
        E::PinWrong { token, from, last_try: true } => {
            t!("words-token-pin-last", token = token.as_str(), from = from.as_str())
        }
        E::PinLocked { token } => t!("words-token-pin-locked", token = token.as_str()),
        E::PinNotSet { token } => t!("words-token-pin-not-set", token = token.as_str()),
        E::Busy { token, most, seconds } => {
            t!("words-token-busy", token = token.as_str(), most = *most, seconds = *seconds)
        }
        E::MechanismMissing { token, mechanism } => t!(
            "words-token-mechanism",
            token = token.as_str(),
            mechanism = mechanism.as_str(),
            without = without(*mechanism)
        ),
        E::Failed { token, reason, .. } => t!("words-token-failed", token = token.as_str(), reason = reason.as_str()),
        of_key => key_in_token(of_key).unwrap_or_else(|| of_key.to_string()),
    }
}

fn key_in_token(error: &TokenError) -> Option<String> {
    use TokenError as E;
    Some(match error {
        E::Wiped { token, key } => t!("words-token-wiped", token = token.as_str(), key = key.as_str()),
        E::KeyMissing { token, key, present } => {
            t!("words-token-key-missing", token = token.as_str(), key = key.as_str(), present = present.join(", "))
        }
        E::KeyAmbiguous { token, key, count } => {
            t!("words-token-key-ambiguous", token = token.as_str(), key = key.as_str(), count = *count)
        }
        E::KeyExists { token, key } => t!("words-token-key-exists", token = token.as_str(), key = key.as_str()),
        E::NoKeyNamed { token } => t!("words-token-no-key", token = token.as_str()),
        E::KeyType { token, key, found, wanted } => t!(
            "words-token-key-type",
            token = token.as_str(),
            key = key.as_str(),
            found = found.as_str(),
            wanted = wanted.as_str()
        ),
        E::OtherKey { token, key, found, wanted } => t!(
            "words-token-other-key",
            token = token.as_str(),
            key = key.as_str(),
            found = found.to_string(),
            wanted = wanted.to_string()
        ),
        E::Unprotected { token, key, .. } => {
            t!("words-token-unprotected", token = token.as_str(), key = key.as_str())
        }
        E::NoPublicKey { token, key, .. } => t!("words-token-no-public", token = token.as_str(), key = key.as_str()),
        _ => return None,
    })
}

fn secret(error: &OpenSecretError) -> String {
    match error {
        OpenSecretError::NoRecipient { site } => t!("words-secret-no-recipient", site = site.to_string()),
        OpenSecretError::OtherKey { site } => t!("words-secret-other-key", site = site.to_string()),
        OpenSecretError::Key(OpenError::Token(error)) => token(error),
        OpenSecretError::Key(_) | OpenSecretError::Values => t!("words-secret-altered"),
    }
}

fn source(error: &SourceError) -> String {
    match error {
        SourceError::None => t!("words-source-none"),
        SourceError::Form { .. } => t!("words-source-form"),
        SourceError::File(error) => file(error),
        SourceError::NoCredentials { name } => t!("words-source-credential", name = name.as_str()),
        SourceError::NoVariable { name } => t!("words-source-variable", name = name.as_str()),
        SourceError::Prompt { source } => t!("words-source-prompt", reason = io(source)),
        SourceError::Differ => t!("words-source-differ"),
        SourceError::Unusable { from, source } => format!("{from}: {}", passphrase(source)),
    }
}

fn passphrase(error: &PassphraseError) -> String {
    match error {
        PassphraseError::Empty => t!("words-passphrase-empty"),
        PassphraseError::Long { length } => t!("words-passphrase-long", length = *length),
    }
}

fn site_keys(error: &SiteKeysError) -> Option<String> {
    Some(match error {
        SiteKeysError::Nothing { dir } => t!("words-no-keys", dir = dir.display().to_string()),
        SiteKeysError::OtherSite { dir, found, wanted } => t!(
            "words-other-keys",
            dir = dir.display().to_string(),
            found = found.to_string(),
            wanted = wanted.to_string()
        ),
        SiteKeysError::File(error) => file(error),
        SiteKeysError::Read(error) => read(error),
        SiteKeysError::Unlock(error) => unlock(error),
        SiteKeysError::Create(error) => return of(error),
        _ => return None,
    })
}

fn enrolment(error: &EnrolmentError) -> Option<String> {
    Some(match error {
        EnrolmentError::None { dir } => t!("words-no-enrolment", dir = dir.display().to_string()),
        EnrolmentError::Exists { dir, federation, node } => t!(
            "words-enrolled",
            dir = dir.display().to_string(),
            federation = federation.to_string(),
            node = node.to_string()
        ),
        EnrolmentError::Io { path, source } => {
            t!("words-file-io", path = path.display().to_string(), reason = io(source))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_translated_also_within_other_errors() {
        let gone = || io::Error::from_raw_os_error(2);
        assert_eq!(chain(&gone()), t!("words-io-none"));
        let outer = FileError::Io { verb: "read", path: "/k".into(), source: gone() };
        assert!(chain(&outer).contains("/k") && chain(&outer).contains(&t!("words-io-none")), "{}", chain(&outer));
        assert!(!chain(&outer).contains("os error"));
        assert_eq!(chain(&io::Error::other("of its own")), "of its own");
    }

    #[test]
    fn refusals_tell_times_as_people_do() {
        for refused in [
            Refusal::Expired { not_after: 1_795_363_471_000, now: 1_795_363_472_000 },
            Refusal::ValidTooLong { not_after: 1_795_363_471_000, now: 1_795_363_472_000, limit: 1 },
            Refusal::TooManySessions { limit: 16, first_end: 1_795_363_471_000 },
        ] {
            let text = chain(&refused);
            assert!(text.contains("2026-11-2") && !text.contains("1795363"), "{text}");
        }
    }

    #[test]
    fn a_wrong_passphrase_says_what_to_do() {
        let wrong = SiteKeysError::Unlock(UnlockError::WrongPassphrase { path: "/k".into() });
        let text = chain(&wrong);
        assert!(text.contains("/k") && text.contains("--passphrase-source"), "{text}");
    }

    #[test]
    fn what_is_not_known_stays_as_it_is_with_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] std::num::ParseIntError);
        let inner = "x".parse::<u8>().unwrap_err();
        assert_eq!(chain(&Outer(inner.clone())), format!("outer: {inner}"));
        assert_eq!(chain(&inner), inner.to_string());
    }
}
