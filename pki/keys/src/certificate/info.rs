//! What a certificate says about itself.

use std::net::IpAddr;

use time::OffsetDateTime;
use verbund_identity::{SpiffeId, TrustDomain, key_id};
use verbund_model::{KeyId, PublicKey};
use x509_parser::extensions::{
    AuthorityInfoAccess, CRLDistributionPoints, DistributionPointName, GeneralName, ParsedExtension,
};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::X509Certificate;

use super::{CertificateError, x509};

/// The parts of a certificate that matter here. Nothing in it is proven: verifying the chain is another's job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The SPIFFE id, if the certificate has exactly one URI and that is one of ours.
    pub spiffe_id: Option<SpiffeId>,
    /// The trust domain, if the certificate has exactly one URI: the SPIFFE id's, or a CA's own (`spiffe://<domain>`).
    pub trust_domain: Option<TrustDomain>,
    /// Its key, if that is one on P-256 or P-384.
    pub public_key: Option<PublicKey>,
    /// That key's id.
    pub key_id: Option<KeyId>,
    /// Valid from.
    pub not_before: OffsetDateTime,
    /// Valid until, inclusive.
    pub not_after: OffsetDateTime,
    /// Whether it may issue (basicConstraints).
    pub is_ca: bool,
    /// How many further CAs may follow below it.
    pub path_len: Option<u32>,
    /// Whether subject and issuer are the same.
    pub self_issued: bool,
    /// The subjectKeyIdentifier.
    pub subject_key_id: Option<Vec<u8>>,
    /// The authorityKeyIdentifier.
    pub authority_key_id: Option<Vec<u8>>,
    /// The serial number, big-endian.
    pub serial: Vec<u8>,
    /// DNS names.
    pub dns_names: Vec<String>,
    /// IP addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// All URIs, also foreign ones.
    pub uris: Vec<String>,
    /// Where the list is on which it would stand if it were revoked (CRL distribution points).
    pub list_urls: Vec<String>,
    /// Where its issuer's certificate is (authorityInfoAccess, caIssuers).
    pub issuer_urls: Vec<String>,
    /// The subject's distinguished name, for people.
    pub subject: String,
    /// The issuer's distinguished name, for people.
    pub issuer: String,
}

impl CertificateInfo {
    /// Reads one certificate in DER of at most 16 KiB. Errors: [`CertificateError`].
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        let certificate = x509::parse(der)?;
        let mut info = Self::without_names(&certificate);
        let names = certificate.subject_alternative_name().ok().flatten();
        for name in names.iter().flat_map(|san| &san.value.general_names) {
            match name {
                GeneralName::URI(uri) => info.uris.push((*uri).to_owned()),
                GeneralName::DNSName(name) => info.dns_names.push((*name).to_owned()),
                GeneralName::IPAddress(bytes) => info.ip_addresses.push(ip_address(bytes)?),
                _ => {}
            }
        }
        // SPIFFE X509-SVID, 2: exactly one URI; with more it would be open whom it names.
        if let [uri] = &info.uris[..] {
            info.spiffe_id = uri.parse().ok();
            info.trust_domain = match &info.spiffe_id {
                Some(id) => Some(id.trust_domain.clone()),
                None => uri.strip_prefix("spiffe://").and_then(|domain| domain.parse().ok()),
            };
        }
        Ok(info)
    }

    fn without_names(certificate: &X509Certificate<'_>) -> Self {
        let public_key = x509::public_key(certificate.public_key());
        let constraints = certificate.basic_constraints().ok().flatten();
        let mut info = Self {
            spiffe_id: None,
            trust_domain: None,
            key_id: public_key.as_ref().map(key_id),
            public_key,
            not_before: certificate.validity().not_before.to_datetime(),
            not_after: certificate.validity().not_after.to_datetime(),
            is_ca: constraints.as_ref().is_some_and(|c| c.value.ca),
            path_len: constraints.and_then(|c| c.value.path_len_constraint),
            self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            subject_key_id: None,
            authority_key_id: None,
            serial: certificate.raw_serial().to_vec(),
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            uris: Vec::new(),
            list_urls: Vec::new(),
            issuer_urls: Vec::new(),
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => info.subject_key_id = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    info.authority_key_id = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::CRLDistributionPoints(points) => info.list_urls = distribution_points(points),
                ParsedExtension::AuthorityInfoAccess(access) => info.issuer_urls = issuers(access),
                _ => {}
            }
        }
        info
    }

    /// Whether `now` lies in its validity.
    #[must_use]
    pub fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

fn url(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(url) => Some((*url).to_owned()),
        _ => None,
    }
}

fn distribution_points(points: &CRLDistributionPoints<'_>) -> Vec<String> {
    let names = points.points.iter().filter_map(|point| match &point.distribution_point {
        Some(DistributionPointName::FullName(names)) => Some(names),
        _ => None,
    });
    names.flatten().filter_map(url).collect()
}

fn issuers(access: &AuthorityInfoAccess<'_>) -> Vec<String> {
    let described =
        access.accessdescs.iter().filter(|access| access.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS);
    described.filter_map(|access| url(&access.access_location)).collect()
}

fn ip_address(bytes: &[u8]) -> Result<IpAddr, CertificateError> {
    match (<[u8; 4]>::try_from(bytes), <[u8; 16]>::try_from(bytes)) {
        (Ok(v4), _) => Ok(v4.into()),
        (_, Ok(v6)) => Ok(v6.into()),
        _ => Err(CertificateError::Form { reason: format!("an IP address of {} bytes", bytes.len()) }),
    }
}
