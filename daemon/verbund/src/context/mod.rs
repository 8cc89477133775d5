//! Contexts: which federation commands talk to, where, and as whom (formats 4).

mod key;
mod learned;
mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use verbund_model::resource::Address;
use verbund_model::{FederationId, Hash, SiteName};

pub use key::KeyReference;
pub use learned::{API_NETWORK, Learned, OtherSite};
pub use store::Contexts;

/// A context.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Context {
    /// HTTP APIs of nodes of one site, tried in this order.
    #[serde(with = "addresses")]
    pub addresses: Vec<Address>,
    /// The federation that must answer.
    pub federation: FederationId,
    /// SHA-256 of the site's trust anchor's SubjectPublicKeyInfo (RFC 7469's pin), by which the server is known.
    pub pin: Hash,
    /// The own registered key; without one only what needs no certificate works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyReference>,
    /// HTTP APIs of other sites as the user knows them; the network is the site's name. Whom to believe there is
    /// in [`Context::learned`] and [`Context::other_pins`] alone.
    #[serde(with = "addresses", default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Address>,
    /// Pins of other sites' trust anchors as the user knows them: whom to believe there as long as nothing was learned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub other_pins: BTreeMap<SiteName, Hash>,
    /// What the pinned site said of the others, for the time when it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned>,
}

/// Addresses as text.
mod addresses {
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer, de};
    use verbund_model::resource::Address;

    pub fn serialize<S: Serializer>(addresses: &[Address], serializer: S) -> Result<S::Ok, S::Error> {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Address>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests;
