//! The genesis document: its bytes are the federation (formats 1).

use serde::{Deserialize, Serialize};
use verbund_model::resource::{Address, CoordinatorSet, Der, Land, Millis, OrgRole};
use verbund_model::{Document, FederationId, Hash, OrgName, PublicKey, SiteName, UserId};

use crate::verify::{is_on_curve, sha256};

/// The most bytes of a genesis document.
pub const MAX_GENESIS: usize = 256 * 1024;

/// The first organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FirstOrganisation {
    /// Its name.
    pub name: OrgName,
    /// Its name as people write it.
    pub display_name: String,
    /// Its roles.
    pub roles: Vec<OrgRole>,
    /// Its first administrator.
    pub administrator: UserId,
    /// The administrator's keys (P-256), at least one.
    pub administrator_keys: Vec<PublicKey>,
}

/// The first site, with its first node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FirstSite {
    /// Its name.
    pub name: SiteName,
    /// Where it stands.
    pub land: Land,
    /// The trust anchors of its trust domain.
    pub anchors: Vec<Der>,
    /// Its issuing CA's key.
    pub issuing_key: PublicKey,
    /// Its sealing key.
    pub sealing_key: PublicKey,
    /// Its first node's signing key (P-256).
    pub node_key: PublicKey,
    /// Where that node is reached.
    pub addresses: Vec<Address>,
}

/// The genesis document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Genesis {
    /// Schema version: 1.
    pub v: u32,
    /// The federation's name, which ends every trust domain.
    pub name: SiteName,
    /// Random, so that two federations of the same people differ.
    pub salt: Hash,
    /// When it was made; the log's time begins here.
    pub time: Millis,
    /// Coordinator keys and m.
    pub coordinators: CoordinatorSet,
    /// The first policy, named `federation`.
    pub policy: Document,
    /// The first organisation.
    pub organisation: FirstOrganisation,
    /// The first site.
    pub site: FirstSite,
}

/// Why bytes are no genesis document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON of the schema, or too long.
    #[error("the genesis document could not be read: {reason}")]
    Form {
        /// What was wrong.
        reason: String,
    },
    /// Its content breaks a rule.
    #[error("genesis document, {field}: {reason}")]
    Rule {
        /// Which field.
        field: &'static str,
        /// What was found, and what is allowed.
        reason: String,
    },
}

impl Genesis {
    /// Reads and checks a genesis document; the federation's id is the hash of just these bytes. Errors: [`GenesisError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<(Self, FederationId), GenesisError> {
        if bytes.len() > MAX_GENESIS {
            return Err(GenesisError::Form { reason: format!("{} bytes, at most {MAX_GENESIS} allowed", bytes.len()) });
        }
        let genesis: Self = serde_json::from_slice(bytes).map_err(|e| GenesisError::Form { reason: e.to_string() })?;
        genesis.check()?;
        Ok((genesis, FederationId(sha256(bytes))))
    }

    /// The bytes of a new document.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Every type inside has string keys and no failing serialiser.
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), GenesisError> {
        use verbund_model::Algorithm::{P256, P384};
        let rule = |field, reason: &str| Err(GenesisError::Rule { field, reason: reason.to_owned() });
        let all = |keys: &[PublicKey], algorithm| keys.iter().all(|k| k.algorithm() == algorithm && is_on_curve(k));
        if self.v != 1 {
            return rule("v", "this daemon knows version 1");
        }
        if !self.coordinators.is_sound() || self.coordinators.version != 1 {
            return rule("coordinators", "wanted n distinct keys and a threshold m with n/2 < m ≤ n, version 1");
        }
        if !all(&self.coordinators.keys, P384) {
            return rule("coordinators.keys", "coordinator keys are on P-384");
        }
        if self.organisation.administrator_keys.is_empty() || !all(&self.organisation.administrator_keys, P256) {
            return rule("organisation.administratorKeys", "wanted at least one key on P-256");
        }
        if self.site.anchors.is_empty() {
            return rule("site.anchors", "wanted at least one trust anchor");
        }
        if !all(std::slice::from_ref(&self.site.node_key), P256) {
            return rule("site.nodeKey", "a node signs with a key on P-256");
        }
        if !all(&[self.site.issuing_key.clone(), self.site.sealing_key.clone()], P384) {
            return rule("site", "issuing and sealing keys are on P-384");
        }
        if !self.site.addresses.iter().all(Address::is_well_formed) {
            return rule("site.addresses", "an address is not well-formed");
        }
        Ok(())
    }
}
