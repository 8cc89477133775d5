//! The other sites of a federation, as the pinned site told of them: whom to ask when it does not answer.
//!
//! Nothing here is believed on anybody else's word. Anchors come from a linearizable read at the site that the user pinned,
//! never from a site that was itself learned, and count for a week: a site that was thrown out since is then asked no more.
//! Until something was learned, the user's own word for another site's pin counts, as it does for the pinned one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_identity::TrustDomain;
use verbund_model::resource::{Address, Millis};
use verbund_model::{Hash, SiteName};

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

/// Another site that can be asked, and how it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alternative {
    /// Its name.
    pub name: SiteName,
    /// The trust domain that its nodes must be of; `None`: the user named the pin, and the pin alone decides.
    pub trust_domain: Option<TrustDomain>,
    /// Pins of its trust anchors.
    pub pins: BTreeSet<Hash>,
    /// HTTP APIs of its nodes, each once; those that the user named first.
    pub addresses: Vec<Address>,
}

impl Context {
    /// The other sites that can be asked at `now`, each with all addresses that are known of it.
    #[must_use]
    pub fn other_sites(&self, now: Millis) -> Vec<Alternative> {
        let counts = self.learned.as_ref().filter(|learned| learned.counts(now));
        let learned = counts.iter().flat_map(|learned| &learned.sites).map(|site| Alternative {
            name: site.trust_domain.site.clone(),
            trust_domain: Some(site.trust_domain.clone()),
            pins: site.pins.clone(),
            addresses: self.addresses_of(&site.trust_domain.site, &site.addresses),
        });
        // What the user says holds until the pinned site said something; of a site that it did not name, it said no.
        let gone = |name: &SiteName| {
            self.learned.as_ref().is_some_and(|all| all.sites.iter().all(|site| site.trust_domain.site != *name))
        };
        let said = self.other_pins.iter().filter(|(name, _)| counts.is_none() && !gone(name));
        let said = said.map(|(name, pin)| Alternative {
            name: name.clone(),
            trust_domain: None,
            pins: [*pin].into(),
            addresses: self.addresses_of(name, &[]),
        });
        learned.chain(said).filter(|site| !site.addresses.is_empty()).collect()
    }

    /// Sites of which the user named an address and that cannot be asked at `now`: nobody said whom to believe there.
    #[must_use]
    pub fn unknown_others(&self, now: Millis) -> BTreeSet<&str> {
        let known = self.other_sites(now);
        let names = self.others.iter().map(|address| address.network.as_str());
        names.filter(|name| known.iter().all(|site| site.name.as_str() != *name)).collect()
    }

    /// The user's addresses of a site and the learned ones, each once.
    fn addresses_of(&self, site: &SiteName, learned: &[Address]) -> Vec<Address> {
        let own = self.others.iter().filter(|address| address.network == site.as_str());
        let mut all: Vec<Address> = Vec::new();
        for address in own.chain(learned) {
            if all.iter().all(|there| there.authority() != address.authority()) {
                all.push(address.clone());
            }
        }
        all
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
            other_pins: Default::default(),
            learned: None,
        }
    }

    #[test]
    fn only_sites_with_an_address_are_asked_and_only_for_a_week() {
        let mut context = context();
        assert!(context.other_sites(0).is_empty());
        context.learn(&context.clone(), learned(5, 1_000));
        let names = |context: &Context, now| -> Vec<String> {
            context.other_sites(now).iter().map(|site| site.trust_domain.as_ref().unwrap().to_string()).collect()
        };
        assert_eq!(names(&context, 1_000), ["sued.dvc"]);
        context.others.push("west=10.0.0.3:7101".parse().unwrap());
        // An address alone makes nobody believed: of this site no anchor was learned.
        context.others.push("evil=10.0.0.4:7101".parse().unwrap());
        assert_eq!(names(&context, 1_000 + USED_FOR), ["sued.dvc", "west.dvc"]);
        assert!(names(&context, 1_001 + USED_FOR).is_empty());
    }

    #[test]
    fn an_address_that_is_said_and_learned_is_one() {
        let mut context = context();
        context.others = ["sued=10.0.0.2:7101", "sued=10.0.0.9:7101"].map(|text| text.parse().unwrap()).into();
        context.learn(&context.clone(), learned(5, 1_000));
        let sites = context.other_sites(1_000);
        let addresses: Vec<String> = sites[0].addresses.iter().map(|address| address.authority()).collect();
        assert_eq!(addresses, ["10.0.0.2:7101", "10.0.0.9:7101"]);
    }

    #[test]
    fn a_pin_that_the_user_names_counts_until_something_is_learned() {
        let mut context = context();
        context.others = ["sued=10.0.0.2:7101", "ost=10.0.0.4:7101"].map(|text| text.parse().unwrap()).into();
        assert!(context.other_sites(0).is_empty());
        assert_eq!(context.unknown_others(0), ["ost", "sued"].into());
        context.other_pins = ["sued", "ost"].map(|name| (name.parse().unwrap(), Hash([7; 32]))).into();
        let pins = |context: &Context, now| -> Vec<(String, Hash)> {
            let sites = context.other_sites(now);
            sites.iter().map(|site| (site.name.to_string(), *site.pins.first().unwrap())).collect()
        };
        assert_eq!(pins(&context, 0), [("ost".to_owned(), Hash([7; 32])), ("sued".to_owned(), Hash([7; 32]))]);
        assert!(context.unknown_others(0).is_empty());
        // The pinned site knows of no ost, and of another anchor of sued.
        context.learn(&context.clone(), learned(5, 1_000));
        assert_eq!(pins(&context, 1_000), [("sued".to_owned(), Hash([3; 32]))]);
        // What it said is too old to count; that it did not name ost stays.
        assert_eq!(pins(&context, 1_001 + USED_FOR), [("sued".to_owned(), Hash([7; 32]))]);
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
