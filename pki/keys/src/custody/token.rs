//! Keys in a token: an HSM or smartcard behind PKCS#11 (design 3.1).
//!
//! ```text
//! pkcs11:token=LABEL;object=KEY?module-path=…&pin-source=…     TokenUri: labels, never a slot's number, never a PIN
//!   Module    loaded and initialised once, sessions lent to few threads at once
//!   Token     found by its label, logged in; after it was away, everything is opened again
//!   TokenKey  Signer and Opener; its public half is compared each time it is looked for
//! ```
//!
//! The private key is made in the token and stays there. What leaves are signatures, and for a sealing key the secret that it
//! agreed on with one sender. All calls block; async callers let a blocking thread wait.

mod error;
mod mechanisms;
mod pin;
mod uri;

#[cfg(feature = "pkcs11")]
mod key;
#[cfg(feature = "pkcs11")]
mod login;
#[cfg(feature = "pkcs11")]
mod module;
#[cfg(feature = "pkcs11")]
mod objects;
#[cfg(feature = "pkcs11")]
mod session;

#[cfg(not(feature = "pkcs11"))]
mod absent;

#[cfg(not(feature = "pkcs11"))]
pub use absent::{Token, TokenKey};
pub use error::TokenError;
#[cfg(feature = "pkcs11")]
pub use key::TokenKey;
pub use mechanisms::Mechanism;
pub use pin::PinSource;
#[cfg(feature = "pkcs11")]
pub use session::Token;
pub use uri::{TokenUri, TokenUriError};
use verbund_model::PublicKey;

/// The environment variable that names the module where a URI does not.
pub const MODULE_VARIABLE: &str = "VERBUND_PKCS11_MODULE";

/// What a token shows of a private key in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenKeyInfo {
    /// Its place, with label and id.
    pub uri: TokenUri,
    /// The public half, if it is on P-256 or P-384 and the token holds it.
    pub public: Option<PublicKey>,
    /// Of what kind it is.
    pub kind: String,
    /// Whether it may sign.
    pub signs: bool,
    /// Whether it may agree on secrets.
    pub agrees: bool,
    /// Whether it can neither be read nor taken out.
    pub protected: bool,
}
