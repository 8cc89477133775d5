use proptest::collection::btree_map;
use proptest::prelude::*;
use verbund_model::{FederationId, Hash, OrgName, SecretName, WorkloadName};

use super::*;
use crate::sealing::SealingKey;

struct Scene {
    federation: FederationId,
    organisation: OrgName,
    workload: WorkloadName,
    name: SecretName,
}

impl Scene {
    fn new() -> Self {
        Self {
            federation: FederationId(Hash([7; 32])),
            organisation: "kommune".parse().unwrap(),
            workload: "wohngeld".parse().unwrap(),
            name: "db".parse().unwrap(),
        }
    }

    fn place(&self, revision: u64) -> Place<'_> {
        let Self { federation, organisation, workload, name } = self;
        Place { federation, organisation, workload, name, revision }
    }
}

fn site(name: &str) -> SiteName {
    name.parse().unwrap()
}

fn values(pairs: &[(&str, &[u8])]) -> SecretValues {
    let mut values = SecretValues::default();
    for (key, value) in pairs {
        values.insert((*key).to_owned(), Zeroizing::new(value.to_vec()));
    }
    values
}

fn to(sites: &[(&str, &SealingKey)]) -> BTreeMap<SiteName, PublicKey> {
    sites.iter().map(|(name, key)| (site(name), key.public_key().clone())).collect()
}

#[test]
fn each_recipient_opens_it_and_nobody_else() {
    let scene = Scene::new();
    let [nord, west, other] = [(); 3].map(|()| SealingKey::generate().unwrap());
    let secret = values(&[("password", b"hunter2"), ("user", b"wohngeld"), ("empty", b"")]);
    let place = scene.place(3);
    let sealed = seal_secret(&place, &secret, &to(&[("nord", &nord), ("west", &west)])).unwrap();
    assert_eq!(sealed.revision, 3);
    assert_eq!(sealed.keys, secret.keys());
    for (name, key) in [("nord", &nord), ("west", &west)] {
        assert_eq!(open_secret(key, &site(name), &place, &sealed).unwrap(), secret);
    }
    let open = |key: &SealingKey, name: &str| open_secret(key, &site(name), &place, &sealed);
    assert_eq!(open(&other, "ost"), Err(OpenSecretError::NoRecipient { site: site("ost") }));
    assert_eq!(open(&other, "nord"), Err(OpenSecretError::OtherKey { site: site("nord") }));
    assert_eq!(open(&west, "nord"), Err(OpenSecretError::OtherKey { site: site("nord") }));
}

#[test]
fn nothing_opens_at_another_place() {
    let scene = Scene::new();
    let nord = SealingKey::generate().unwrap();
    let sealed = seal_secret(&scene.place(1), &values(&[("k", b"v")]), &to(&[("nord", &nord)])).unwrap();
    let others = [
        Scene { federation: FederationId(Hash([8; 32])), ..Scene::new() },
        Scene { organisation: "kommun".parse().unwrap(), ..Scene::new() },
        Scene { workload: "wohngel".parse().unwrap(), ..Scene::new() },
        Scene { name: "db2".parse().unwrap(), ..Scene::new() },
    ];
    for other in &others {
        let opened = open_secret(&nord, &site("nord"), &other.place(1), &sealed);
        assert!(matches!(opened, Err(OpenSecretError::Key(OpenError::Refused { .. }))), "{opened:?}");
    }
    let later = open_secret(&nord, &site("nord"), &scene.place(2), &sealed);
    assert!(matches!(later, Err(OpenSecretError::Key(OpenError::Refused { .. }))), "{later:?}");
    // A part that ends elsewhere is another place, though the letters are the same.
    let split = Scene { workload: "wohngeldd".parse().unwrap(), name: "b".parse().unwrap(), ..Scene::new() };
    assert!(open_secret(&nord, &site("nord"), &split.place(1), &sealed).is_err());
}

#[test]
fn no_part_can_be_moved_between_secrets_or_sites() {
    let scene = Scene::new();
    let [nord, west] = [(); 2].map(|()| SealingKey::generate().unwrap());
    let place = scene.place(1);
    let to = to(&[("nord", &nord), ("west", &west)]);
    let one = seal_secret(&place, &values(&[("k", b"one")]), &to).unwrap();
    let two = seal_secret(&place, &values(&[("k", b"two")]), &to).unwrap();
    assert_ne!(one.ciphertext, two.ciphertext);

    let moved_key = Sealed { recipients: two.recipients.clone(), ..one.clone() };
    assert!(matches!(open_secret(&nord, &site("nord"), &place, &moved_key), Err(OpenSecretError::Key(_))));
    let moved_values = Sealed { ciphertext: two.ciphertext.clone(), ..one.clone() };
    assert!(matches!(open_secret(&nord, &site("nord"), &place, &moved_values), Err(OpenSecretError::Key(_))));
    let mut other_keys = one.clone();
    other_keys.keys.insert("another".to_owned());
    assert!(open_secret(&nord, &site("nord"), &place, &other_keys).is_err());

    // The key that was sealed to one site is no other site's, even if both have one sealing key.
    let mut as_west = one.clone();
    let nords = one.recipients[&site("nord")].clone();
    as_west.recipients.insert(site("west"), nords);
    assert!(matches!(
        open_secret(&nord, &site("west"), &place, &as_west),
        Err(OpenSecretError::Key(OpenError::Refused { .. }))
    ));
}

#[test]
fn a_recipient_seals_to_further_sites_without_changing_the_values() {
    let scene = Scene::new();
    let [nord, west] = [(); 2].map(|()| SealingKey::generate().unwrap());
    let place = scene.place(5);
    let secret = values(&[("k", b"v")]);
    let mut sealed = seal_secret(&place, &secret, &to(&[("nord", &nord)])).unwrap();
    let further = reseal_secret(&nord, &site("nord"), &place, &sealed, &to(&[("west", &west)])).unwrap().unwrap();
    sealed.recipients.extend(further);
    assert_eq!(open_secret(&west, &site("west"), &place, &sealed).unwrap(), secret);
    assert_eq!(open_secret(&nord, &site("nord"), &place, &sealed).unwrap(), secret);
    let ost = to(&[("ost", &west)]);
    assert!(matches!(
        reseal_secret(&west, &site("ost"), &place, &sealed, &ost),
        Err(OpenSecretError::NoRecipient { .. })
    ));
}

#[test]
fn lengths_and_values_do_not_show() {
    let scene = Scene::new();
    let nord = SealingKey::generate().unwrap();
    let to = to(&[("nord", &nord)]);
    let length = |value: &[u8]| {
        let sealed = seal_secret(&scene.place(1), &values(&[("k", value)]), &to).unwrap();
        sealed.ciphertext.0.len()
    };
    assert_eq!(length(b"x"), length(&[b'x'; 200]));
    assert_eq!(length(b""), 12 + PADDING + 16);
    let shown = format!("{:?}", values(&[("password", b"hunter2")]));
    assert!(shown.contains("password") && !shown.contains("hunter2"), "{shown}");
    let sealed = seal_secret(&scene.place(1), &values(&[("k", b"hunter2hunter2")]), &to).unwrap();
    let bytes = serde_json::to_vec(&sealed).unwrap();
    assert!(!bytes.windows(7).any(|w| w == b"hunter2") && !sealed.ciphertext.0.windows(7).any(|w| w == b"hunter2"));
}

#[test]
fn nothing_is_sealed_to_nobody_or_of_nothing() {
    let scene = Scene::new();
    let nord = SealingKey::generate().unwrap();
    let none = seal_secret(&scene.place(1), &values(&[("k", b"v")]), &BTreeMap::new());
    assert_eq!(none, Err(SealSecretError::NoRecipient));
    let empty = seal_secret(&scene.place(1), &SecretValues::default(), &to(&[("nord", &nord)]));
    assert_eq!(empty, Err(SealSecretError::NoValue));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the values: they open as they were, and not with any bit of what is bound or sealed flipped.
    #[test]
    fn any_values_open_unaltered_or_not_at_all(
        pairs in btree_map("[a-zA-Z0-9._-]{1,20}", proptest::collection::vec(any::<u8>(), 0..600), 1..5),
        revision in 1..u64::MAX,
        at in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let scene = Scene::new();
        let nord = SealingKey::generate().unwrap();
        let mut secret = SecretValues::default();
        for (key, value) in pairs {
            secret.insert(key, Zeroizing::new(value));
        }
        let place = scene.place(revision);
        let sealed = seal_secret(&place, &secret, &to(&[("nord", &nord)])).unwrap();
        prop_assert_eq!(open_secret(&nord, &site("nord"), &place, &sealed).unwrap(), secret);

        let mut altered = sealed.clone();
        let bytes = &mut altered.ciphertext.0;
        let index = at.index(bytes.len());
        bytes[index] ^= 1 << bit;
        prop_assert!(open_secret(&nord, &site("nord"), &place, &altered).is_err());

        let mut altered = sealed.clone();
        let bytes = &mut altered.recipients.get_mut(&site("nord")).unwrap().sealed.0;
        let index = at.index(bytes.len());
        bytes[index] ^= 1 << bit;
        prop_assert!(open_secret(&nord, &site("nord"), &place, &altered).is_err());
    }

    /// Bytes that are no values are refused, and never panic.
    #[test]
    fn any_bytes_are_values_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Some(values) = SecretValues::from_bytes(&bytes) {
            prop_assert_eq!(SecretValues::from_bytes(&values.to_bytes()), Some(values));
        }
    }
}
