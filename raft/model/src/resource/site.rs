//! Sites and their nodes.

use std::collections::BTreeSet;
use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Address, Land, Maintenance, SiteAuthority, SiteFacts, Standing};
use crate::id::{KeyId, NodeId, OrgName, SiteName};
use crate::key::PublicKey;

/// Bytes of one DER structure. Text form: base64.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Der(pub Vec<u8>);

impl fmt::Debug for Der {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Der({} bytes)", self.0.len())
    }
}

impl Serialize for Der {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(&BASE64.encode(&self.0))
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Der {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            BASE64.decode(text.as_bytes()).map(Self).map_err(|e| de::Error::custom(format!("not base64: {e}")))
        } else {
            Vec::deserialize(deserializer).map(Self)
        }
    }
}

/// A Cloud-Standort.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Site {
    /// Its name.
    pub name: SiteName,
    /// The organisation that runs it.
    pub organisation: OrgName,
    /// Where it stands.
    pub land: Land,
    /// The trust anchors of its trust domain: its root, or its CA below an authority's PKI (X.509, DER).
    pub anchors: Vec<Der>,
    /// The key of its issuing CA, which signs for new nodes (formats 2).
    pub issuing_key: PublicKey,
    /// Its other issuing CAs: one that was announced, and those that issued before.
    #[serde(default)]
    pub authorities: Vec<SiteAuthority>,
    /// Keys of CAs that were taken out: nothing below them counts.
    #[serde(default)]
    pub retired: BTreeSet<KeyId>,
    /// The key to which secrets for the site are sealed (HPKE, P-384).
    pub sealing_key: PublicKey,
    /// What matters about it for what runs there; until it is said, nothing runs there.
    pub facts: Option<SiteFacts>,
    /// When workloads may be moved from or to it as planned.
    #[serde(default)]
    pub maintenance: Maintenance,
    /// Whether it may act.
    pub standing: Standing,
}

/// Whether a node takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeStanding {
    /// Voter or learner, as the voter plan wants it.
    Active,
    /// Retired or lost: it never returns under this id.
    Removed,
}

/// A running daemon of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// Its site.
    pub site: SiteName,
    /// The key with which it signs statements and heads (not its TLS key).
    pub key: KeyId,
    /// Where its peers reach it; empty: it accepts nothing inbound and dials everyone itself.
    pub addresses: Vec<Address>,
    /// Whether it takes part.
    pub standing: NodeStanding,
}
