//! Why a directive does not count. The texts are part of the audit chain: no library's words stand in them but in
//! [`DirectiveError::Form`], which apply does not repeat.

use verbund_model::{FederationId, KeyId};

use super::{MAX_DIRECTIVE, MAX_SIGNATURES, SCHEMA};

/// Why a directive does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectiveError {
    /// Too long to look at.
    #[error("a directive has at most {MAX_DIRECTIVE} bytes, but this one has {found}")]
    TooLarge {
        /// Its length.
        found: usize,
    },
    /// More signatures than there can be coordinators.
    #[error("a directive has at most {MAX_SIGNATURES} signatures, but this one has {found}")]
    TooManySignatures {
        /// How many.
        found: usize,
    },
    /// Not JSON of the schema.
    #[error("the directive could not be read: {reason}")]
    Form {
        /// What the decoder said, with line and column.
        reason: String,
    },
    /// A schema that this version does not know.
    #[error("the directive has schema version {found}, and this daemon knows version {SCHEMA}")]
    Version {
        /// The version found.
        found: u32,
    },
    /// Its content breaks a rule.
    #[error("directive, {field}: {reason}")]
    Rule {
        /// Which field.
        field: &'static str,
        /// What is allowed.
        reason: String,
    },
    /// Made for another federation.
    #[error("the directive is for federation {found}, not for this one")]
    WrongFederation {
        /// Which one it names.
        found: FederationId,
    },
    /// Made for another federation generation.
    #[error("the directive is for federation generation {found}, but this is {current}")]
    WrongGeneration {
        /// The one it names.
        found: u32,
        /// The one in force.
        current: u32,
    },
    /// Made for another set of coordinators.
    #[error(
        "the directive is for version {found} of the set of coordinators, but version {current} is in force: let it be signed anew"
    )]
    WrongSet {
        /// The version it names.
        found: u64,
        /// The one in force.
        current: u64,
    },
    /// Recovery is reserved.
    #[error("directives that recover a federation are not enabled yet")]
    NotEnabled,
    /// It would distrust who orders it.
    #[error("the directive names the key {key} of a coordinator: replace the set of coordinators instead")]
    NamesCoordinator {
        /// The key.
        key: KeyId,
    },
    /// A signature of somebody else.
    #[error("the key {key}, which signed the directive, is no coordinator's")]
    UnknownSigner {
        /// The key.
        key: KeyId,
    },
    /// Two signatures of one coordinator.
    #[error("coordinator {key} stands twice among the signatures: each signs once")]
    SignedTwice {
        /// The key.
        key: KeyId,
    },
    /// The signature is not the key's over these bytes, or not in its one form.
    #[error("the signature is not one of coordinator {key} over this directive")]
    BadSignature {
        /// The key.
        key: KeyId,
    },
    /// Not m of n.
    #[error("{have} coordinators signed the directive, and {need} must")]
    TooFew {
        /// How many did.
        have: usize,
        /// How many must.
        need: usize,
    },
}
