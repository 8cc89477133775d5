//! What can go wrong with a token, told apart by what a person has to do about it.

use std::path::PathBuf;

use verbund_model::PublicKey;

use super::mechanisms::Mechanism;

/// Why a token did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// This build knows no tokens.
    #[error("this build of verbund cannot use tokens (PKCS#11): take one that was built with the feature `pkcs11`")]
    NotBuilt,
    /// Nobody says which module speaks to the token.
    #[error(
        "no module is named for the token {token:?}: add ?module-path=/path/of/module.so to its URI, or set {variable}"
    )]
    NoModule {
        /// The token's label.
        token: String,
        /// The environment variable that can name one.
        variable: &'static str,
    },
    /// The module is not there.
    #[error("there is no PKCS#11 module at {}: install the token's software, or correct module-path", .path.display())]
    ModuleNotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The module does not work.
    #[error(
        "the PKCS#11 module {} cannot be used ({reason}): check that it is the token's module, for this machine, and that its own configuration is readable",
        .path.display()
    )]
    Module {
        /// Where it is.
        path: PathBuf,
        /// What was said.
        reason: String,
    },
    /// No token of this label is there.
    #[error(
        "there is no token with the label {token:?} at {}{}: insert or switch on the token, or correct token= in the URI",
        .module.display(), found(.present)
    )]
    TokenMissing {
        /// What was looked for.
        token: String,
        /// The module that was asked.
        module: PathBuf,
        /// The labels of the tokens that are there.
        present: Vec<String>,
    },
    /// Several tokens of this label are there.
    #[error("there are {count} tokens with the label {token:?}: add ;serial= to the URI, to say which is meant")]
    TokenAmbiguous {
        /// What was looked for.
        token: String,
        /// How many there are.
        count: usize,
    },
    /// No PIN came.
    #[error("no PIN for the token {token:?}: {reason}")]
    NoPin {
        /// The token's label.
        token: String,
        /// Why not.
        reason: String,
    },
    /// The PIN is wrong.
    #[error(
        "the token {token:?} refused the PIN{}: correct it at its source ({from}). The same PIN is not tried again, so that the token does not lock",
        if *.last_try { ", and one try is left before it locks" } else { "" }
    )]
    PinWrong {
        /// The token's label.
        token: String,
        /// Where the PIN came from.
        from: String,
        /// Whether the next wrong PIN locks the token.
        last_try: bool,
    },
    /// The token takes no PIN any more.
    #[error(
        "the PIN of the token {token:?} is locked after too many wrong ones: unlock it with the security officer's PIN (for example `pkcs11-tool --init-pin --login --login-type so`), after finding out who tried"
    )]
    PinLocked {
        /// The token's label.
        token: String,
    },
    /// The token has no user PIN.
    #[error(
        "the token {token:?} has no user PIN: it is new or was initialised anew. Set one with the security officer's PIN; if keys were in it, restore them with the vendor's backup"
    )]
    PinNotSet {
        /// The token's label.
        token: String,
    },
    /// The token holds no private key at all.
    #[error(
        "the token {token:?} is empty, and {key:?} should be in it: it was initialised anew. Restore it with the vendor's backup; what has no backup is made anew and registered again"
    )]
    Wiped {
        /// The token's label.
        token: String,
        /// Which key was looked for.
        key: String,
    },
    /// The token holds other keys.
    #[error("the token {token:?} has no private key {key:?}, but {}: correct object= or id= in the URI", .present.join(", "))]
    KeyMissing {
        /// The token's label.
        token: String,
        /// Which key was looked for.
        key: String,
        /// The labels of the keys that are there.
        present: Vec<String>,
    },
    /// Several keys match.
    #[error("the token {token:?} has {count} private keys {key:?}: add ;id= to the URI, to say which is meant")]
    KeyAmbiguous {
        /// The token's label.
        token: String,
        /// Which key was looked for.
        key: String,
        /// How many there are.
        count: usize,
    },
    /// A key of this name is there already.
    #[error("the token {token:?} has a key {key:?} already: keys are never replaced, choose another name (object=)")]
    KeyExists {
        /// The token's label.
        token: String,
        /// The name.
        key: String,
    },
    /// The URI names a token and no key.
    #[error("the URI names the token {token:?} and no key in it: add ;object=NAME")]
    NoKeyNamed {
        /// The token's label.
        token: String,
    },
    /// The key is of another type than is needed.
    #[error("the key {key:?} in the token {token:?} is {found}, wanted {wanted}: name another key, or make one")]
    KeyType {
        /// The token's label.
        token: String,
        /// The key's name.
        key: String,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// Under this name there is another key.
    #[error(
        "the key {key:?} in the token {token:?} is {found}, not {wanted}: it was made anew, or this is another token. Restore the old one with the vendor's backup"
    )]
    OtherKey {
        /// The token's label.
        token: String,
        /// The key's name.
        key: String,
        /// The key that is there.
        found: PublicKey,
        /// The key that should be.
        wanted: PublicKey,
    },
    /// The private key could leave the token.
    #[error(
        "the key {key:?} in the token {token:?} {why}: such a key could be copied, do not use it. Make one with `verbund keys new --custody`"
    )]
    Unprotected {
        /// The token's label.
        token: String,
        /// The key's name.
        key: String,
        /// What it lacks.
        why: &'static str,
    },
    /// The token does not show the public half.
    #[error("the token {token:?} holds no usable public key beside {key:?} ({reason}): restore the public key object")]
    NoPublicKey {
        /// The token's label.
        token: String,
        /// The key's name.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// The token lacks a mechanism.
    #[error("the token {token:?} lacks {mechanism}: {}. See `verbund keys probe`", .mechanism.needed_for())]
    MechanismMissing {
        /// The token's label.
        token: String,
        /// Which.
        mechanism: Mechanism,
    },
    /// All sessions are in use.
    #[error(
        "all {most} sessions of the token {token:?} are in use for {seconds} s: it answers too slowly or not at all"
    )]
    Busy {
        /// The token's label.
        token: String,
        /// How many there may be.
        most: usize,
        /// For how long was waited.
        seconds: u64,
    },
    /// Anything else that the token says.
    #[error("the token {token:?} failed while {verb}: {reason}. Look at the token, and try again")]
    Failed {
        /// The token's label.
        token: String,
        /// What was tried.
        verb: &'static str,
        /// What was said.
        reason: String,
    },
}

fn found(present: &[String]) -> String {
    if present.is_empty() { " (it has none)".to_owned() } else { format!(" (it has {})", present.join(", ")) }
}
