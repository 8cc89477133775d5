//! The port behind which private keys are used, wherever they are kept.

use std::sync::Arc;

use verbund_model::PublicKey;

use super::token::TokenError;

/// Why a key did not sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key's keeper failed or refused.
    #[error(
        "signing with the key {key} failed: {reason}; check that its keeper (file or HSM) can be reached and try again"
    )]
    Keeper {
        /// The public key.
        key: PublicKey,
        /// What the keeper said.
        reason: String,
    },
    /// The keeper gave bytes that are no signature of the key's algorithm.
    #[error(
        "the keeper of the key {key} returned {length} bytes that are no signature of its algorithm; do not use this keeper"
    )]
    Malformed {
        /// The public key.
        key: PublicKey,
        /// How many bytes came.
        length: usize,
    },
    /// The token failed or refused.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// Signs with one private key, which itself never comes out.
pub trait Signer: Send + Sync {
    /// The public half, with its algorithm.
    fn public_key(&self) -> &PublicKey;

    /// Signs `message` (hashed with SHA-256 for P-256, with SHA-384 for P-384). Gives raw `r ‖ s` with low `s`
    /// (formats 6). May block for as long as the keeper needs. Errors: [`SignError`].
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        (**self).sign(message)
    }
}

impl<S: Signer + ?Sized> Signer for &S {
    fn public_key(&self) -> &PublicKey {
        (**self).public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        (**self).sign(message)
    }
}
