//! How this process logs in to a token: with which PIN, and never twice with a wrong one.

use std::sync::{Mutex, PoisonError};

use cryptoki::error::Error;
use verbund_identity::sha256;
use verbund_model::Hash;
use zeroize::Zeroizing;

use super::error::TokenError;
use super::pin::PinSource;
use crate::custody::passphrase_source::PassphraseSource;

/// A PIN for one login.
pub(super) enum Pin {
    /// The token asks for it itself.
    Pad,
    /// Its bytes.
    Typed(Zeroizing<Vec<u8>>),
}

/// PINs that tokens refused, by token and their hash: no part of this process tries them again.
static REFUSED: Mutex<Vec<(String, Hash)>> = Mutex::new(Vec::new());

/// The way to log in to one token.
pub(super) struct Login {
    token: String,
    source: Option<PinSource>,
    fallback: PassphraseSource,
    /// What a person typed, so that nobody is asked again when the token was away.
    typed: Mutex<Option<Zeroizing<Vec<u8>>>>,
}

impl Login {
    pub(super) fn new(token: String, source: Option<PinSource>, fallback: PassphraseSource) -> Self {
        Self { token, source, fallback, typed: Mutex::new(None) }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    fn source(&self, has_pad: bool) -> PinSource {
        match &self.source {
            Some(source) => source.clone(),
            None if has_pad => PinSource::Pad,
            None => PinSource::From(self.fallback.clone()),
        }
    }

    /// The PIN. `last_try`: the next wrong one locks the token, so only a person present may try it. Errors: none came, or it
    /// was refused before.
    pub(super) fn pin(&self, has_pad: bool, last_try: bool) -> Result<Pin, TokenError> {
        let source = match self.source(has_pad) {
            PinSource::Pad => return Ok(Pin::Pad),
            PinSource::From(source) => source,
        };
        let prompts = source == PassphraseSource::Prompt;
        let typed = self.typed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let bytes = match typed {
            Some(bytes) => bytes,
            None => {
                let no_pin = |reason: String| TokenError::NoPin { token: self.token.clone(), reason };
                source.obtain_pin(&self.token).map_err(|e| no_pin(e.to_string()))?
            }
        };
        let wrong = || TokenError::PinWrong { token: self.token.clone(), from: source.to_string(), last_try };
        if is_refused(&self.token, &bytes) || (last_try && !prompts) {
            return Err(wrong());
        }
        Ok(Pin::Typed(bytes))
    }

    /// The token took it.
    pub(super) fn accepted(&self, pin: Pin) {
        if let (Pin::Typed(bytes), PinSource::From(PassphraseSource::Prompt)) = (pin, self.source(false)) {
            *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes);
        }
    }

    /// The token refused it.
    pub(super) fn refused(&self, pin: &Pin, last_try: bool) -> TokenError {
        if let Pin::Typed(bytes) = pin {
            *self.typed.lock().unwrap_or_else(PoisonError::into_inner) = None;
            let mut refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
            if refused.len() == 64 {
                refused.remove(0);
            }
            refused.push((self.token.clone(), fingerprint(bytes)));
        }
        let from = match pin {
            Pin::Pad => "pad".to_owned(),
            Pin::Typed(_) => self.source(false).to_string(),
        };
        TokenError::PinWrong { token: self.token.clone(), from, last_try }
    }

    /// Anything else that the module says.
    pub(super) fn failed(&self, verb: &'static str, error: &Error) -> TokenError {
        TokenError::Failed { token: self.token.clone(), verb, reason: error.to_string() }
    }
}

fn fingerprint(pin: &[u8]) -> Hash {
    sha256(&Zeroizing::new([b"refused PIN", pin].concat()))
}

fn is_refused(token: &str, pin: &[u8]) -> bool {
    let wanted = fingerprint(pin);
    let refused = REFUSED.lock().unwrap_or_else(PoisonError::into_inner);
    refused.iter().any(|(of, hash)| of == token && *hash == wanted)
}
