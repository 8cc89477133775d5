//! Keeping private keys: who may use one, and in what form it rests.

mod key_file;
mod label;
mod passphrase;
mod passphrase_source;
mod signer;
mod software_key;
mod verifier;

pub use key_file::{CreateError, KeyFile, ReadError, UnlockError};
pub use label::KeyLabel;
pub use passphrase::{KdfError, KdfParameters, Passphrase, PassphraseError};
pub use passphrase_source::{Asking, PassphraseSource, SourceError};
pub use signer::{SignError, Signer};
pub use software_key::{KeyError, SoftwareKey};
pub use verifier::AwsVerifier;
