//! Directives: orders of m of n coordinators that prove themselves, with or without a log (design 3.6).
//!
//! ```text
//! payload   = JSON of a Directive
//! signature = coordinator's key over PAE(DIRECTIVE_TYPE, payload)        (one for each coordinator, at least m of them)
//! chain     = predecessor of number 1 is the federation's id, of number n+1 the SHA-256 of the payload of a number n
//! ```
//!
//! Whether its number and its predecessor follow from what is known is for whoever keeps directives to say: it is no
//! matter of its bytes.

mod error;
mod signing;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_model::resource::{Federation, Millis, Order, SignedDirective};
use verbund_model::{FederationId, Hash, KeyId};

use crate::envelope::pae;
use crate::verify::{SignatureVerifier, key_id, sha256};
pub use error::DirectiveError;
pub use signing::{add_signature, from_file, signatures, to_file};

/// The payload type of a directive, version 1.
pub const DIRECTIVE_TYPE: &str = "application/vnd.verbund.directive.v1+json";
/// The version of the directive's schema.
pub const SCHEMA: u32 = 1;
/// The most bytes of a directive's payload. With its signatures it fits into a statement.
pub const MAX_DIRECTIVE: usize = 128 * 1024;
/// The most signatures of a directive: as many as there can be coordinators.
pub const MAX_SIGNATURES: usize = 25;
/// The most characters of a directive's reason.
pub const MAX_REASON: usize = 1_000;

/// A directive. Unknown and duplicate fields are refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Directive {
    /// [`SCHEMA`].
    pub v: u32,
    /// The federation it is for.
    pub federation: FederationId,
    /// The federation generation it is for.
    pub generation: u32,
    /// Its number, from 1.
    pub number: u64,
    /// What it follows: the hash of a directive with the number before; for the first the federation's id.
    pub predecessor: Hash,
    /// The version of the set of coordinators whose signatures count.
    pub coordinator_set_version: u64,
    /// When it was issued, by its author's clock.
    pub issued: Millis,
    /// What is ordered.
    pub order: Order,
    /// That it holds even if it costs the quorum.
    pub accept_quorum_loss: bool,
}

impl Directive {
    /// Reads and checks a directive's payload, but for its signatures. Errors: those of form.
    pub fn from_payload(payload: &[u8]) -> Result<Self, DirectiveError> {
        if payload.len() > MAX_DIRECTIVE {
            return Err(DirectiveError::TooLarge { found: payload.len() });
        }
        let directive: Self =
            serde_json::from_slice(payload).map_err(|e| DirectiveError::Form { reason: e.to_string() })?;
        if directive.v != SCHEMA {
            return Err(DirectiveError::Version { found: directive.v });
        }
        directive.check()?;
        Ok(directive)
    }

    /// The payload bytes to sign.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        // Every type inside has string keys and no failing serialiser.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The directive, if at least m of the federation's coordinators signed just these bytes, each once, and nobody
    /// else did. In: what is signed, the federation as it is known (its id, generation, and set of coordinators), and
    /// the port that checks signatures. Errors: [`DirectiveError`]; [`DirectiveError::TooFew`] only if all the rest is
    /// right.
    pub fn verify(
        signed: &SignedDirective,
        federation: &Federation,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Self, DirectiveError> {
        let directive = Self::for_federation(&signed.payload.0, federation)?;
        let have = signatures(signed, federation, verifier)?.len();
        let need = federation.coordinators.threshold as usize;
        if have < need { Err(DirectiveError::TooFew { have, need }) } else { Ok(directive) }
    }

    /// The directive, if it is one for this federation as it is known, whoever has signed it so far.
    pub fn for_federation(payload: &[u8], federation: &Federation) -> Result<Self, DirectiveError> {
        let directive = Self::from_payload(payload)?;
        if directive.federation != federation.id {
            return Err(DirectiveError::WrongFederation { found: directive.federation });
        }
        let (found, current) = (directive.generation, federation.generation);
        if found != current {
            return Err(DirectiveError::WrongGeneration { found, current });
        }
        let (found, current) = (directive.coordinator_set_version, federation.coordinators.version);
        if found != current {
            return Err(DirectiveError::WrongSet { found, current });
        }
        if let Order::Recover { .. } = directive.order {
            return Err(DirectiveError::NotEnabled);
        }
        let named = directive.order.keys();
        let coordinators = federation.coordinators.keys.iter().map(key_id);
        match coordinators.into_iter().find(|key| named.contains(key)) {
            Some(key) => Err(DirectiveError::NamesCoordinator { key }),
            None => Ok(directive),
        }
    }

    /// The hash that names a directive and that its successor names as what it follows.
    #[must_use]
    pub fn hash_of(signed: &SignedDirective) -> Hash {
        sha256(&signed.payload.0)
    }

    /// The bytes that a coordinator signs.
    #[must_use]
    pub fn message(payload: &[u8]) -> Vec<u8> {
        pae(DIRECTIVE_TYPE, payload)
    }

    fn check(&self) -> Result<(), DirectiveError> {
        let rule = |field, reason: &str| Err(DirectiveError::Rule { field, reason: reason.to_owned() });
        if self.number == 0 {
            return rule("number", "directives are numbered from 1");
        }
        if self.number == 1 && self.predecessor != self.federation.0 {
            return rule("predecessor", "the first directive follows the federation's id");
        }
        let reason = self.order.reason();
        let recovers = matches!(self.order, Order::Recover { .. });
        let long = reason.chars().count() > MAX_REASON;
        if !recovers && (reason.trim().is_empty() || long || reason.chars().any(char::is_control)) {
            return rule("reason", "wanted are 1 to 1000 characters without control characters");
        }
        let sites = self.order.sites();
        let names: BTreeSet<_> = sites.iter().map(|site| &site.site).collect();
        if names.len() != sites.len() {
            return rule("sites", "a site stands twice");
        }
        Ok(())
    }
}

/// What one directive distrusts, in a form that is quickly asked: for who acts without a state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distrust {
    /// Names of sites, and so of trust domains.
    pub sites: BTreeSet<verbund_model::SiteName>,
    /// Names of organisations.
    pub organisations: BTreeSet<verbund_model::OrgName>,
    /// Ids of nodes.
    pub nodes: BTreeSet<verbund_model::NodeId>,
    /// Ids of keys.
    pub keys: BTreeSet<KeyId>,
}

impl Distrust {
    /// Adds what an order distrusts. Nothing ever takes anything out.
    pub fn add(&mut self, order: &Order) {
        self.sites.extend(order.sites().into_iter().map(|site| site.site));
        self.organisations.extend(order.organisations());
        self.nodes.extend(order.nodes());
        self.keys.extend(order.keys());
    }
}
