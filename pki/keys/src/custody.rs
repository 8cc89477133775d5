//! Keeping private keys: who may use one, and in what form it rests.

mod key_file;
mod label;
mod passphrase;
mod passphrase_source;
mod signer;
mod software_key;
mod stored_key;
mod token;
mod verifier;

pub use key_file::{CreateError, KeyFile, ReadError, UnlockError};
pub use label::KeyLabel;
pub use passphrase::{KdfError, KdfParameters, Passphrase, PassphraseError};
pub use passphrase_source::{Asking, PassphraseSource, Question, SourceError, ask_with};
pub use signer::{SignError, Signer};
pub use software_key::{KeyError, SoftwareKey};
pub use stored_key::{Access, StoredKey, TokenReference};
pub use token::{
    MODULE_VARIABLE, Mechanism, PinSource, Token, TokenError, TokenKey, TokenKeyInfo, TokenUri, TokenUriError,
};
pub use verifier::AwsVerifier;
