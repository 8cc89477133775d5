//! Tokens in a build that knows none: each use says so.

use verbund_model::PublicKey;
use zeroize::Zeroizing;

use super::TokenKeyInfo;
use super::error::TokenError;
use super::mechanisms::Mechanism;
use super::uri::TokenUri;
use crate::custody::label::KeyLabel;
use crate::custody::passphrase_source::PassphraseSource;
use crate::custody::signer::{SignError, Signer};
use crate::sealing::{OpenError, Opener};

/// A token; there is none.
#[derive(Debug, Clone)]
pub enum Token {}

/// A key in a token; there is none.
#[derive(Debug)]
pub enum TokenKey {}

impl Token {
    /// Errors: [`TokenError::NotBuilt`], always.
    pub fn open(_: &TokenUri, _: &PassphraseSource) -> Result<Self, TokenError> {
        Err(TokenError::NotBuilt)
    }

    /// Its URI.
    #[must_use]
    pub fn uri(&self) -> &TokenUri {
        match *self {}
    }

    /// Makes a key.
    pub fn generate(&self, _: &str, _: KeyLabel) -> Result<TokenKey, TokenError> {
        match *self {}
    }

    /// Opens a key.
    pub fn key(&self, _: &TokenUri, _: KeyLabel) -> Result<TokenKey, TokenError> {
        match *self {}
    }

    /// Opens a key of whatever curve it is.
    pub fn any_key(&self, _: &TokenUri) -> Result<TokenKey, TokenError> {
        match *self {}
    }

    /// All keys.
    pub fn keys(&self) -> Result<Vec<TokenKeyInfo>, TokenError> {
        match *self {}
    }

    /// What it lacks.
    pub fn missing_mechanisms(&self) -> Result<Vec<Mechanism>, TokenError> {
        match *self {}
    }
}

impl TokenKey {
    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        match *self {}
    }

    /// Where it is.
    #[must_use]
    pub fn uri(&self) -> &TokenUri {
        match *self {}
    }

    /// Whether it agrees on secrets.
    #[must_use]
    pub fn agrees(&self) -> bool {
        match *self {}
    }

    /// Insists on a public half.
    pub fn expect(self, _: &PublicKey) -> Result<Self, TokenError> {
        match self {}
    }
}

impl Signer for TokenKey {
    fn public_key(&self) -> &PublicKey {
        match *self {}
    }

    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        match *self {}
    }
}

impl Opener for TokenKey {
    fn public_key(&self) -> &PublicKey {
        match *self {}
    }

    fn open(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        match *self {}
    }
}
