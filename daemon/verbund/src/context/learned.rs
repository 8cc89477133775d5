//! The other sites of a federation, as the pinned site told of them: whom to ask when it does not answer.
//!
//! Nothing here is believed on anybody else's word. Anchors come from a linearizable read at the site that the user pinned,
//! never from a site that was itself learned, and count for a week: a site that was thrown out since is then asked no more.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_identity::TrustDomain;
use verbund_model::Hash;
use verbund_model::resource::{Address, Millis};

use super::Context;

/// The network of an address at which a node's HTTP API is reached, in the lists of addresses that the state holds. All
/// other networks are for peers.
pub const API_NETWORK: &str = "api";
/// For how long what was learned is used.
const USED_FOR: Millis = 7 * 24 * 60 * 60 * 1000;
/// After this it is learned anew.
const FRESH_FOR: Millis = 10 * 60 * 1000;

/// What was learned, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Learned {
    /// Log index of the state that said so.
    pub index: u64,
    /// When it was read, milliseconds since 1970 by the local clock.
    pub time: Millis,
    /// The other sites.
    pub sites: Vec<OtherSite>,
}

/// Another site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtherSite {
    /// The trust domain that its nodes must be of.
    #[serde(with = "text")]
    pub trust_domain: TrustDomain,
    /// Pins of its trust anchors.
    pub pins: BTreeSet<Hash>,
    /// HTTP APIs of its nodes as the state names them; perhaps none.
    #[serde(with = "super::addresses", default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
}

impl Learned {
    /// Whether it is old enough to be learned anew.
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        now.abs_diff(self.time) > FRESH_FOR
    }

    /// Whether it still counts.
    #[must_use]
    pub fn counts(&self, now: Millis) -> bool {
        now.abs_diff(self.time) <= USED_FOR
    }
}

impl Context {
    /// The other sites that can be asked at `now`, each with all addresses that are known of it.
    #[must_use]
    pub fn other_sites(&self, now: Millis) -> Vec<OtherSite> {
        let learned = self.learned.iter().filter(|learned| learned.counts(now));
        let with_own = |site: &OtherSite| {
            let own = self.others.iter().filter(|address| address.network == site.trust_domain.site.as_str());
            let mut addresses: Vec<Address> = own.cloned().collect();
            addresses.extend(site.addresses.iter().cloned());
            OtherSite { addresses, ..site.clone() }
        };
        let all = learned.flat_map(|learned| &learned.sites).map(with_own);
        all.filter(|site| !site.addresses.is_empty()).collect()
    }

    /// Takes what was learned through `through`, if this context still is the same and nothing newer is known.
    pub fn learn(&mut self, through: &Self, learned: Learned) {
        let same = (self.federation, self.pin) == (through.federation, through.pin);
        if same && self.learned.as_ref().is_none_or(|known| known.index <= learned.index) {
            self.learned = Some(learned);
        }
    }
}

/// A trust domain as text.
mod text {
    use serde::{Deserialize as _, Deserializer, Serializer, de};
    use verbund_identity::TrustDomain;

    pub fn serialize<S: Serializer>(domain: &TrustDomain, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(domain)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TrustDomain, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use verbund_model::FederationId;

    use super::*;

    fn learned(index: u64, time: Millis) -> Learned {
        let site = |name: &str, addresses: &[&str]| OtherSite {
            trust_domain: format!("{name}.dvc").parse().unwrap(),
            pins: [Hash([3; 32])].into(),
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        };
        Learned { index, time, sites: vec![site("sued", &["api=10.0.0.2:7101"]), site("west", &[])] }
    }

    fn context() -> Context {
        Context {
            addresses: vec!["127.0.0.1:7101".parse().unwrap()],
            federation: FederationId(Hash([1; 32])),
            pin: Hash([2; 32]),
            key: None,
            others: Vec::new(),
            learned: None,
        }
    }

    #[test]
    fn only_sites_with_an_address_are_asked_and_only_for_a_week() {
        let mut context = context();
        assert!(context.other_sites(0).is_empty());
        context.learn(&context.clone(), learned(5, 1_000));
        let names = |context: &Context, now| -> Vec<String> {
            context.other_sites(now).iter().map(|site| site.trust_domain.to_string()).collect()
        };
        assert_eq!(names(&context, 1_000), ["sued.dvc"]);
        context.others.push("west=10.0.0.3:7101".parse().unwrap());
        // An address alone makes nobody believed: of this site no anchor was learned.
        context.others.push("evil=10.0.0.4:7101".parse().unwrap());
        assert_eq!(names(&context, 1_000 + USED_FOR), ["sued.dvc", "west.dvc"]);
        assert!(names(&context, 1_001 + USED_FOR).is_empty());
    }

    #[test]
    fn what_is_older_or_of_another_site_replaces_nothing() {
        let mut context = context();
        let pinned = context.clone();
        context.learn(&pinned, learned(5, 1));
        context.learn(&pinned, learned(4, 2));
        assert_eq!(context.learned.as_ref().unwrap().index, 5);
        let other = Context { pin: Hash([9; 32]), ..pinned.clone() };
        context.learn(&other, learned(6, 3));
        assert_eq!(context.learned.as_ref().unwrap().index, 5);
        context.learn(&pinned, learned(6, 4));
        let text = serde_saphyr::to_string(&context).unwrap();
        assert_eq!(serde_saphyr::from_str::<Context>(&text).unwrap(), context, "{text}");
    }
}
