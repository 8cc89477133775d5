//! Directives from the outside: golden bytes, strictness, and whose signatures count. `VERBUND_BLESS=1` writes the
//! golden bytes.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use p384::ecdsa::SigningKey;
use p384::ecdsa::signature::Signer as _;
use verbund_identity::directive::{Distrust, MAX_SIGNATURES, add_signature, from_file, to_file};
use verbund_identity::{Directive, DirectiveError, PureVerifier, key_id, sha256};
use verbund_model::resource::{
    CoordinatorSet, Der, DirectiveSignature, ExcludedSite, Federation, Order, SignedDirective,
};
use verbund_model::{Algorithm, FederationId, KeyId, NodeId, OrgName, PublicKey, SiteName};

fn coordinator(n: u8) -> (SigningKey, PublicKey) {
    let secret = SigningKey::from_slice(&[n; 48]).unwrap();
    let point = secret.verifying_key().to_encoded_point(false);
    (secret, PublicKey::from_point(Algorithm::P384, point.as_bytes()).unwrap())
}

fn federation() -> Federation {
    let keys = (1..=5).map(|n| coordinator(n).1).collect();
    Federation {
        id: FederationId(sha256(b"federation")),
        name: SiteName::new("dvc").unwrap(),
        generation: 0,
        coordinators: CoordinatorSet { version: 4, keys, threshold: 3 },
    }
}

fn site(name: &str) -> ExcludedSite {
    ExcludedSite {
        site: SiteName::new(name).unwrap(),
        nodes: BTreeSet::from([NodeId::mint(0, 3), NodeId::mint(0, 7)]),
        keys: BTreeSet::from([KeyId(sha256(b"ca")), KeyId(sha256(b"node"))]),
    }
}

fn site_order() -> Order {
    let ExcludedSite { site, nodes, keys } = site("nord");
    Order::ExcludeSite { site, nodes, keys, reason: "Schlüssel entwendet".to_owned() }
}

fn organisation_order() -> Order {
    Order::ExcludeOrganisation {
        organisation: OrgName::new("dataport").unwrap(),
        below: BTreeSet::from([OrgName::new("hamburg").unwrap()]),
        sites: vec![site("nord"), site("west")],
        keys: BTreeSet::from([KeyId(sha256(b"user"))]),
        reason: "left no other way".to_owned(),
    }
}

fn directive(order: Order) -> Directive {
    Directive {
        v: 1,
        federation: federation().id,
        generation: 0,
        number: 1,
        predecessor: federation().id.0,
        coordinator_set_version: 4,
        issued: 1_700_000_000_000,
        order,
        accept_quorum_loss: false,
    }
}

/// The directive under the signatures of these coordinators.
fn signed(directive: &Directive, by: &[u8]) -> SignedDirective {
    let mut signed = SignedDirective { payload: Der(directive.to_payload()), signatures: vec![] };
    for n in by {
        let (secret, public) = coordinator(*n);
        let signature = raw(&secret, &signed.payload.0);
        add_signature(&mut signed, &public, &signature, &PureVerifier).unwrap();
    }
    signed
}

fn raw(secret: &SigningKey, payload: &[u8]) -> Vec<u8> {
    let signature: p384::ecdsa::Signature = secret.sign(&Directive::message(payload));
    signature.to_bytes().to_vec()
}

fn verify(signed: &SignedDirective) -> Result<Directive, DirectiveError> {
    Directive::verify(signed, &federation(), &PureVerifier)
}

/// Compares with a golden file, or writes it.
fn golden(name: &str, found: &str) {
    let path = format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("VERBUND_BLESS").is_some() {
        std::fs::write(&path, format!("{found}\n")).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(&path).unwrap().trim(), "{path}");
}

#[test]
fn the_bytes_are_golden() {
    let recover = Order::Recover { terms: "from 0.3".to_owned() };
    for (order, name) in [(site_order(), "site"), (organisation_order(), "organisation"), (recover, "recover")] {
        let payload = directive(order).to_payload();
        golden(&format!("directive-{name}.v1.json"), std::str::from_utf8(&payload).unwrap());
        assert_eq!(Directive::from_payload(&payload).unwrap().to_payload(), payload);
    }
    // RFC 6979 makes a signature a function of key and message, so that the whole file has one form.
    let file = to_file(&signed(&directive(site_order()), &[1, 2, 3]));
    golden("directive.v1.sha256", &sha256(&file).to_string());
    assert_eq!(from_file(&file).unwrap(), signed(&directive(site_order()), &[1, 2, 3]));
}

#[test]
fn m_distinct_coordinators_are_enough_and_fewer_are_not() {
    for order in [site_order(), organisation_order()] {
        let wanted = directive(order);
        assert_eq!(verify(&signed(&wanted, &[5, 1, 3])).unwrap(), wanted);
        assert_eq!(verify(&signed(&wanted, &[1, 2, 3, 4, 5])).unwrap(), wanted);
        for by in [&[][..], &[2], &[2, 4]] {
            let have = by.len();
            assert_eq!(verify(&signed(&wanted, by)), Err(DirectiveError::TooFew { have, need: 3 }));
        }
    }
}

#[test]
fn one_coordinator_counts_once() {
    let mut twice = signed(&directive(site_order()), &[1, 2]);
    let (secret, public) = coordinator(2);
    let again = raw(&secret, &twice.payload.0);
    add_signature(&mut twice, &public, &again, &PureVerifier).unwrap();
    assert_eq!(twice.signatures.len(), 2, "adding it again changes nothing");
    twice.signatures.push(twice.signatures[1].clone());
    assert_eq!(verify(&twice), Err(DirectiveError::SignedTwice { key: key_id(&public) }));
}

#[test]
fn nobody_else_signs() {
    let (stranger, public) = coordinator(9);
    let mut signed = signed(&directive(site_order()), &[1, 2, 3]);
    let signature = raw(&stranger, &signed.payload.0);
    add_signature(&mut signed, &public, &signature, &PureVerifier).unwrap();
    assert_eq!(verify(&signed), Err(DirectiveError::UnknownSigner { key: key_id(&public) }));
    // Nor does a stranger in a coordinator's name.
    let (_, first) = coordinator(1);
    signed.signatures[3].key = key_id(&coordinator(4).1);
    assert_eq!(verify(&signed), Err(DirectiveError::BadSignature { key: key_id(&coordinator(4).1) }));
    assert!(add_signature(&mut signed, &first, &signature, &PureVerifier).is_err());
}

#[test]
fn it_counts_for_one_federation_one_generation_and_one_set_of_coordinators() {
    let of = |change: fn(&mut Directive)| {
        let mut other = directive(site_order());
        change(&mut other);
        verify(&signed(&other, &[1, 2, 3]))
    };
    let found = FederationId(sha256(b"another"));
    let other =
        |d: &mut Directive| (d.federation, d.predecessor) = (FederationId(sha256(b"another")), sha256(b"another"));
    assert_eq!(of(other), Err(DirectiveError::WrongFederation { found }));
    assert_eq!(of(|d| d.generation = 1), Err(DirectiveError::WrongGeneration { found: 1, current: 0 }));
    for found in [3, 5] {
        let mut other = directive(site_order());
        other.coordinator_set_version = found;
        assert_eq!(verify(&signed(&other, &[1, 2, 3])), Err(DirectiveError::WrongSet { found, current: 4 }));
    }
    assert!(of(|_| ()).is_ok());
}

#[test]
fn it_cannot_distrust_who_orders_it() {
    let key = key_id(&coordinator(4).1);
    let ExcludedSite { site, nodes, .. } = site("nord");
    let order = Order::ExcludeSite { site, nodes, keys: BTreeSet::from([key]), reason: "r".to_owned() };
    assert_eq!(verify(&signed(&directive(order), &[1, 2, 3])), Err(DirectiveError::NamesCoordinator { key }));
}

#[test]
fn recovery_is_reserved() {
    let order = Order::Recover { terms: String::new() };
    assert_eq!(verify(&signed(&directive(order), &[1, 2, 3])), Err(DirectiveError::NotEnabled));
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let good = signed(&directive(site_order()), &[1, 2, 3]);
    assert!(verify(&good).is_ok());
    for at in 0..good.payload.0.len() {
        let mut changed = good.clone();
        changed.payload.0[at] ^= 1 << (at % 8);
        assert!(verify_cheaply(&changed).is_err(), "payload byte {at}");
    }
    for n in 0..3 {
        for at in (0..good.signatures[n].signature.0.len()).step_by(31) {
            let mut changed = good.clone();
            changed.signatures[n].signature.0[at] ^= 1 << (at % 8);
            assert!(verify(&changed).is_err(), "signature {n}, byte {at}");
        }
    }
}

/// Like [`verify`], with a verifier that knows the messages that were signed: the curve's arithmetic is tested
/// elsewhere.
fn verify_cheaply(signed: &SignedDirective) -> Result<Directive, DirectiveError> {
    struct Known(Vec<u8>);
    impl verbund_identity::SignatureVerifier for Known {
        fn verify(&self, _: &PublicKey, message: &[u8], _: &[u8]) -> bool {
            message == self.0
        }
    }
    let known = Known(Directive::message(&directive(site_order()).to_payload()));
    Directive::verify(signed, &federation(), &known)
}

#[test]
fn the_other_signature_of_the_same_message_does_not_count() {
    let mut signed = signed(&directive(site_order()), &[1, 2, 3]);
    let parsed = p384::ecdsa::Signature::from_slice(&signed.signatures[0].signature.0).unwrap();
    let high = p384::ecdsa::Signature::from_scalars(parsed.r().to_bytes(), (-*parsed.s()).to_bytes()).unwrap();
    signed.signatures[0].signature = Der(high.to_bytes().to_vec());
    let key = signed.signatures[0].key;
    assert_eq!(verify(&signed), Err(DirectiveError::BadSignature { key }));
}

#[test]
fn it_is_read_strictly() {
    let good = String::from_utf8(directive(site_order()).to_payload()).unwrap();
    assert!(Directive::from_payload(good.as_bytes()).is_ok());
    let refused = |text: String, why: &str| match Directive::from_payload(text.as_bytes()) {
        Err(DirectiveError::Form { reason }) => assert!(reason.contains(why), "{reason}"),
        other => panic!("{text}: {other:?}"),
    };
    refused(good.replacen('{', r#"{"extra":1,"#, 1), "unknown field");
    refused(good.replacen('{', r#"{"number":1,"#, 1), "duplicate field");
    refused(good.replace(r#"{"site":"nord""#, r#"{"site":"nord","more":1"#), "unknown field");
    refused(good.replace("excludeSite", "forgiveSite"), "unknown variant");
    refused(format!("{good} 1"), "trailing");
    let other = good.replacen(r#""v":1"#, r#""v":2"#, 1);
    assert_eq!(Directive::from_payload(other.as_bytes()), Err(DirectiveError::Version { found: 2 }));
    let rule = |change: fn(&mut Directive), wanted: &str| {
        let mut other = directive(organisation_order());
        change(&mut other);
        match Directive::from_payload(&other.to_payload()) {
            Err(DirectiveError::Rule { field, .. }) => assert_eq!(field, wanted),
            other => panic!("{wanted}: {other:?}"),
        }
    };
    rule(|d| d.number = 0, "number");
    rule(|d| d.predecessor = sha256(b"another"), "predecessor");
    for reason in ["", "  ", "two\nlines"] {
        let Order::ExcludeOrganisation { organisation, below, sites, keys, .. } = organisation_order() else {
            panic!()
        };
        let order = Order::ExcludeOrganisation { organisation, below, sites, keys, reason: reason.to_owned() };
        let read = Directive::from_payload(&directive(order).to_payload());
        assert!(matches!(read, Err(DirectiveError::Rule { field: "reason", .. })), "{reason:?}");
    }
    rule(
        |d| {
            if let Order::ExcludeOrganisation { sites, .. } = &mut d.order {
                sites.push(sites[0].clone());
            }
        },
        "sites",
    );
}

#[test]
fn there_is_no_room_for_more_signatures_than_coordinators() {
    let mut many = signed(&directive(site_order()), &[1, 2, 3]);
    let filler = DirectiveSignature { key: KeyId(sha256(b"x")), signature: Der(vec![0; 96]) };
    many.signatures.resize(MAX_SIGNATURES + 1, filler);
    let found = MAX_SIGNATURES + 1;
    assert_eq!(verify(&many), Err(DirectiveError::TooManySignatures { found }));
    assert!(matches!(
        Directive::from_payload(&vec![b' '; verbund_identity::directive::MAX_DIRECTIVE + 1]),
        Err(DirectiveError::TooLarge { .. })
    ));
}

#[test]
fn what_is_distrusted_stands_in_the_signed_bytes() {
    let mut distrust = Distrust::default();
    distrust.add(&organisation_order());
    let names: Vec<String> = distrust.sites.iter().map(ToString::to_string).collect();
    assert_eq!(names, ["nord", "west"]);
    assert_eq!(distrust.organisations.len(), 2);
    assert_eq!(distrust.nodes.len(), 2);
    assert_eq!(distrust.keys, BTreeSet::from([b"ca".as_slice(), b"node", b"user"].map(|k| KeyId(sha256(k)))));
}
