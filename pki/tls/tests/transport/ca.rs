//! Sites' certification authorities: an offline root, an issuing CA below it, leaves with SPIFFE names.

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData,
    RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use time::{Duration, OffsetDateTime};
use verbund_identity::TrustDomain;
use verbund_tls::{Bundle, Domain, LiveIdentity};

static SERIAL: AtomicU64 = AtomicU64::new(1);

pub struct Site {
    pub domain: TrustDomain,
    pub root: CertificateDer<'static>,
    pub issuing: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A leaf to be issued; the default is what a node gets.
#[derive(Clone)]
pub struct Leaf {
    pub uris: Vec<String>,
    pub days: (i64, i64),
    pub usages: Vec<ExtendedKeyUsagePurpose>,
}

pub struct Issued {
    pub chain: Vec<CertificateDer<'static>>,
    pub anchor: CertificateDer<'static>,
    pub key: Vec<u8>,
    pub serial: u64,
}

impl Leaf {
    pub fn named(uri: &str) -> Self {
        Self {
            uris: vec![uri.to_owned()],
            days: (-1, 30),
            usages: vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
        }
    }
}

impl Issued {
    pub fn identity(&self) -> Arc<LiveIdentity> {
        LiveIdentity::from_pkcs8(self.chain.clone(), self.anchor.clone(), self.private()).unwrap()
    }

    pub fn private(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.clone())
    }
}

fn ca(name: &str, depth: Option<u8>, days: (i64, i64)) -> CertificateParams {
    let mut params = params(name, days);
    params.is_ca = IsCa::Ca(depth.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn params(name: &str, days: (i64, i64)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() + Duration::days(days.0);
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days.1);
    params.serial_number = Some(SerialNumber::from(SERIAL.fetch_add(1, Ordering::Relaxed)));
    params.use_authority_key_identifier_extension = true;
    params
}

impl Site {
    pub fn new(name: &str) -> Self {
        Self::with_root(name, (-10, 3650))
    }

    pub fn with_root(name: &str, days: (i64, i64)) -> Self {
        let domain: TrustDomain = format!("{name}.fed").parse().unwrap();
        let root_key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let root_params = ca(&format!("{domain} root"), None, days);
        let root = root_params.self_signed(&root_key).unwrap().der().clone();
        let root_issuer = Issuer::new(root_params, root_key);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let issuing_params = ca(&format!("{domain} issuing"), Some(0), (-5, 365));
        let issuing = issuing_params.signed_by(&key, &root_issuer).unwrap().der().clone();
        Self { domain, root, issuing, issuer: Issuer::new(issuing_params, key) }
    }

    pub fn issue(&self, leaf: &Leaf) -> Issued {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let (der, serial) = self.sign(leaf, &key);
        Issued { chain: vec![der, self.issuing.clone()], anchor: self.root.clone(), key: key.serialize_der(), serial }
    }

    /// Signs `leaf` for any public key.
    pub fn sign(&self, leaf: &Leaf, key: &impl PublicKeyData) -> (CertificateDer<'static>, u64) {
        let mut params = params("leaf", leaf.days);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        params.serial_number = Some(SerialNumber::from(serial));
        params.subject_alt_names = leaf.uris.iter().map(|uri| SanType::URI(uri.as_str().try_into().unwrap())).collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = leaf.usages.clone();
        (params.signed_by(key, &self.issuer).unwrap().der().clone(), serial)
    }

    /// An issuing CA that this issuing CA signed, which its path length forbids, and a leaf below it.
    pub fn issue_below_a_second_ca(&self, leaf: &Leaf) -> Issued {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
        let second_params = ca("second", Some(0), (-5, 365));
        let second = second_params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let below = Self {
            domain: self.domain.clone(),
            root: self.root.clone(),
            issuing: second,
            issuer: Issuer::new(second_params, key),
        };
        let mut issued = below.issue(leaf);
        issued.chain.push(self.issuing.clone());
        issued
    }

    pub fn crl(&self, revoked: &[u64], days: (i64, i64)) -> Vec<u8> {
        let now = OffsetDateTime::now_utc();
        let entry = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now - Duration::days(1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: now + Duration::days(days.0),
            next_update: now + Duration::days(days.1),
            crl_number: SerialNumber::from(SERIAL.fetch_add(1, Ordering::Relaxed)),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().der().to_vec()
    }

    pub fn entry(&self) -> Domain {
        Domain { anchors: vec![self.root.to_vec()], refused_keys: BTreeSet::new(), crls: Vec::new() }
    }
}

pub fn bundle(sequence: u64, sites: &[&Site]) -> Bundle {
    let domains = sites.iter().map(|site| (site.domain.clone(), site.entry())).collect();
    Bundle { sequence, domains, ..Bundle::default() }
}
