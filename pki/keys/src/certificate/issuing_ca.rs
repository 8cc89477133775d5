//! The online CA of a site, which issues the leaves.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};
use time::OffsetDateTime;
use verbund_identity::{SpiffeId, Subject, TrustDomain, key_id};
use verbund_model::{Algorithm, KeyId};

use super::authority::{IssueError, common_name, set_validity, sign_below, uri};
use super::checks::MAX_LEAF;
use super::publication::Publication;
use super::{Certificate, ProvenKey};
use crate::custody::{Signer, SoftwareKey};

/// The most DNS names and IP addresses in one leaf.
const MAX_NAMES: usize = 32;

/// What a leaf is to say. It comes from the issuer's own records, never from the asker's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRequest {
    /// Whom it names: a node (client and server), an agent or a user (client only) of the CA's trust domain.
    pub spiffe_id: SpiffeId,
    /// The key, proven to be in the asker's hands.
    pub key: ProvenKey,
    /// Host names, without wildcards.
    pub dns_names: Vec<String>,
    /// Addresses.
    pub ip_addresses: Vec<IpAddr>,
    /// How long it is to be valid from now; shorter if the CA ends before. At most three years.
    pub lifetime: Duration,
}

/// A leaf with its chain and its key, as a TLS endpoint presents it.
pub struct TlsIdentity {
    /// The leaf, then the issuing CA.
    pub chain: Vec<Certificate>,
    /// The leaf's key, made for this leaf alone.
    pub key: SoftwareKey,
    /// The leaf's last valid second.
    pub not_after: OffsetDateTime,
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsIdentity({:?}, until {}, {:?})", self.chain, self.not_after, self.key)
    }
}

/// A site's issuing CA: certificate and key.
#[derive(Clone)]
pub struct IssuingCa {
    trust_domain: TrustDomain,
    certificate: Certificate,
    signer: Arc<dyn Signer>,
    publication: Option<Publication>,
}

impl IssuingCa {
    /// Puts the CA's certificate and key together. Whether the certificate is valid is asked at each issuing. Errors:
    /// [`IssueError::OtherKey`], [`IssueError::CaTrustDomain`], [`IssueError::CaKey`], an unreadable certificate.
    pub fn new(
        trust_domain: TrustDomain,
        certificate: Certificate,
        signer: Arc<dyn Signer>,
    ) -> Result<Self, IssueError> {
        let info = certificate.info()?;
        if info.public_key.as_ref() != Some(signer.public_key()) {
            return Err(IssueError::OtherKey);
        }
        // A certificate of an authority's PKI may name none.
        if let Some(found) = info.trust_domain
            && found != trust_domain
        {
            return Err(IssueError::CaTrustDomain { found, wanted: trust_domain });
        }
        match signer.public_key().algorithm() {
            Algorithm::P384 => Ok(Self { trust_domain, certificate, signer, publication: None }),
            found => Err(IssueError::CaKey { found }),
        }
    }

    /// The same, saying in what it issues where its list and its certificate are published.
    #[must_use]
    pub fn published_at(self, publication: Option<Publication>) -> Self {
        Self { publication, ..self }
    }

    /// Where its list and its certificate are published.
    #[must_use]
    pub fn publication(&self) -> Option<&Publication> {
        self.publication.as_ref()
    }

    /// The id of its key, which names it.
    #[must_use]
    pub fn id(&self) -> KeyId {
        key_id(self.signer.public_key())
    }

    /// The trust domain in which it issues.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// Its certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Its key, for the few other things that it signs (the proof of an admission, CRLs).
    #[must_use]
    pub fn signer(&self) -> &Arc<dyn Signer> {
        &self.signer
    }

    /// Issues a leaf. Errors: [`IssueError`].
    pub fn issue_leaf(&self, request: &LeafRequest, now: OffsetDateTime) -> Result<Certificate, IssueError> {
        let id = &request.spiffe_id;
        if id.trust_domain != self.trust_domain {
            return Err(IssueError::TrustDomain { asked: id.to_string(), own: self.trust_domain.clone() });
        }
        let (name, usages) = match &id.subject {
            Subject::Node(node) => {
                (format!("node/{node}"), vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth])
            }
            Subject::Agent(cluster) => (format!("agent/{cluster}"), vec![ExtendedKeyUsagePurpose::ClientAuth]),
            Subject::User(user) => (format!("user/{user}"), vec![ExtendedKeyUsagePurpose::ClientAuth]),
            Subject::Workload(_) => return Err(IssueError::Kind { asked: id.to_string() }),
        };
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = common_name(&name);
        // Written out, with the key identifier, unlike when it is left open.
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = usages;
        parameters.subject_alt_names = alternative_names(request)?;
        if let Some(publication) = &self.publication {
            parameters.crl_distribution_points.push(publication.distribution_point(&self.id()));
            parameters.custom_extensions.push(publication.authority_info_access(&self.id()));
        }
        set_validity(&mut parameters, "leaf certificate", request.lifetime, MAX_LEAF, now)?;
        sign_below(parameters, request.key.public_key(), &self.signer, &self.certificate, "issuing CA", now)
    }

    /// Makes a fresh P-256 key in memory and issues a leaf for it: each rotation has a key of its own, which is never
    /// written anywhere. Errors: [`IssueError`].
    pub fn issue_identity(
        &self,
        subject: Subject,
        dns_names: Vec<String>,
        ip_addresses: Vec<IpAddr>,
        lifetime: Duration,
        now: OffsetDateTime,
    ) -> Result<TlsIdentity, IssueError> {
        let key = SoftwareKey::generate(Algorithm::P256);
        let key = key.map_err(|e| IssueError::Encoding { reason: e.to_string() })?;
        let spiffe_id = SpiffeId { trust_domain: self.trust_domain.clone(), subject };
        let request = LeafRequest { spiffe_id, key: ProvenKey::held(&key), dns_names, ip_addresses, lifetime };
        let leaf = self.issue_leaf(&request, now)?;
        let not_after = leaf.info()?.not_after;
        Ok(TlsIdentity { chain: vec![leaf, self.certificate.clone()], key, not_after })
    }
}

impl fmt::Debug for IssuingCa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuingCa({}, {:?})", self.trust_domain, self.certificate)
    }
}

fn alternative_names(request: &LeafRequest) -> Result<Vec<SanType>, IssueError> {
    let count = request.dns_names.len() + request.ip_addresses.len();
    if count > MAX_NAMES {
        return Err(IssueError::Names { count, max: MAX_NAMES });
    }
    let mut names = vec![uri(&request.spiffe_id.to_string())?];
    for name in &request.dns_names {
        let refused = || IssueError::DnsName { name: name.chars().take(80).collect() };
        if !is_host_name(name) {
            return Err(refused());
        }
        names.push(SanType::DnsName(name.as_str().try_into().map_err(|_| refused())?));
    }
    names.extend(request.ip_addresses.iter().copied().map(SanType::IpAddress));
    Ok(names)
}

/// A host name by RFC 1123, in lower case, that nobody can take for an address or a pattern.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label) && name.parse::<IpAddr>().is_err()
        // A last label of digits only makes parsers take the name for an address (WHATWG URL, 3.5).
        && name.rsplit('.').next().is_some_and(|last| !last.bytes().all(|b| b.is_ascii_digit()))
}
