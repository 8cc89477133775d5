//! The judgement: does this chain speak for the name in it, under this bundle, at this time, in this role?

use std::fmt;

use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use verbund_identity::{SpiffeId, Subject, TrustDomain};
use verbund_model::KeyId;
use webpki::{
    EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::bundle::{Anchor, Anchored, Compiled};
use crate::certificate::{Certificate, read_all};
use crate::profile::SIGNATURES;
use crate::trust_error::TrustError;

/// The longest chain that is looked at: leaf, issuing CA, root, and one to spare.
pub(crate) const MAX_CHAIN: usize = 4;

/// What the certificate's holder does in the handshake, whichever way RPCs go afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// It accepted the connection.
    Server,
    /// It dialled.
    Client,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "server (serverAuth)",
            Self::Client => "client (clientAuth)",
        })
    }
}

/// What a chain proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) id: SpiffeId,
    pub(crate) leaf: Certificate,
}

/// Judges `chain` (leaf first) by the bundle. Pure, but for the bytes' own size.
pub(crate) fn judge(
    compiled: &Compiled,
    chain: &[CertificateDer<'_>],
    role: Role,
    now: UnixTime,
) -> Result<Judged, TrustError> {
    let (certificates, id) = read(chain)?;
    excluded(compiled, &certificates, &id)?;
    let unknown = || TrustError::UnknownDomain { id: id.clone(), sequence: compiled.bundle.sequence };
    let domain = compiled.domains.get(&id.trust_domain).ok_or_else(unknown)?.as_ref().map_err(Clone::clone)?;
    let anchors = usable_anchors(compiled, domain, &id, now)?;
    vouched(chain, &certificates[0], &id, role, now, &anchors, &domain.crls)?;
    let leaf = certificates.into_iter().next().ok_or(TrustError::Length { got: 0 })?;
    Ok(Judged { id, leaf })
}

/// Reads the chain and the one name of its leaf.
pub(crate) fn read(chain: &[CertificateDer<'_>]) -> Result<(Vec<Certificate>, SpiffeId), TrustError> {
    if chain.is_empty() || chain.len() > MAX_CHAIN {
        return Err(TrustError::Length { got: chain.len() });
    }
    let certificates = read_all(chain)?;
    let id = certificates[0].id()?;
    Ok((certificates, id))
}

/// Cheap, and first: exclusion does not wait for signatures to be checked.
pub(crate) fn excluded(compiled: &Compiled, chain: &[Certificate], id: &SpiffeId) -> Result<(), TrustError> {
    let bundle = &compiled.bundle;
    if bundle.excluded_sites.contains(&id.trust_domain.site) {
        return Err(TrustError::ExcludedSite { id: id.clone() });
    }
    if bundle.excluded_ids.contains(id) {
        return Err(TrustError::ExcludedId { id: id.clone() });
    }
    if let Subject::User(name) = &id.subject
        && let Some(key) = bundle.refused_login(name)
    {
        return Err(TrustError::RefusedKey { id: id.clone(), key });
    }
    match chain.iter().find(|certificate| is_refused(compiled, &id.trust_domain, &certificate.key)) {
        Some(certificate) => Err(TrustError::RefusedKey { id: id.clone(), key: certificate.key }),
        None => Ok(()),
    }
}

fn is_refused(compiled: &Compiled, domain: &TrustDomain, key: &KeyId) -> bool {
    let bundle = &compiled.bundle;
    bundle.refused_keys.contains(key) || bundle.domains.get(domain).is_some_and(|d| d.refused_keys.contains(key))
}

/// The anchors of the name's own domain whose keys are not refused and whose dates hold: webpki checks neither.
fn usable_anchors(
    compiled: &Compiled,
    domain: &Anchored,
    id: &SpiffeId,
    now: UnixTime,
) -> Result<Vec<TrustAnchor<'static>>, TrustError> {
    let mut usable = Vec::new();
    let mut refused = None;
    for anchor in &domain.anchors {
        if is_refused(compiled, &id.trust_domain, &anchor.certificate.key) {
            refused = Some(anchor.certificate.key);
        } else if anchor.is_current(seconds(now)) {
            usable.push(anchor.trust.clone());
        }
    }
    match (usable.is_empty(), refused) {
        (false, _) => Ok(usable),
        (true, Some(key)) => Err(TrustError::RefusedKey { id: id.clone(), key }),
        (true, None) => Err(TrustError::AnchorsOutOfDate { id: id.clone() }),
    }
}

/// Judges by one anchor that a pin vouches for, instead of a bundle.
pub(crate) fn judge_under(
    anchor: &Anchor,
    chain: &[CertificateDer<'_>],
    role: Role,
    now: UnixTime,
) -> Result<Judged, TrustError> {
    let (certificates, id) = read(chain)?;
    if !anchor.is_current(seconds(now)) {
        return Err(TrustError::AnchorsOutOfDate { id });
    }
    vouched(chain, &certificates[0], &id, role, now, std::slice::from_ref(&anchor.trust), &[])?;
    let leaf = certificates.into_iter().next().ok_or(TrustError::Length { got: 0 })?;
    Ok(Judged { id, leaf })
}

/// Path building and signatures (RFC 5280, 6), by webpki.
fn vouched(
    chain: &[CertificateDer<'_>],
    leaf: &Certificate,
    id: &SpiffeId,
    role: Role,
    now: UnixTime,
    anchors: &[TrustAnchor<'_>],
    crls: &[webpki::CertRevocationList<'_>],
) -> Result<(), TrustError> {
    // webpki lets a leaf pass that states no extended key usage at all; ours always state theirs.
    if !leaf.may_act_as(role) {
        return Err(TrustError::Usage { id: id.clone(), role });
    }
    let usage = match role {
        Role::Server => KeyUsage::server_auth(),
        Role::Client => KeyUsage::client_auth(),
    };
    let lists: Vec<&webpki::CertRevocationList<'_>> = crls.iter().collect();
    // No lists means no revocation to check, which is what an error of the builder says too.
    let revocation = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
        builder
            .with_depth(RevocationCheckDepth::Chain)
            .with_status_policy(UnknownStatusPolicy::Allow)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build()
    });
    let refuse = |error| explain(error, id);
    let end_entity = EndEntityCert::try_from(&chain[0]).map_err(refuse)?;
    end_entity.verify_for_usage(SIGNATURES, anchors, &chain[1..], now, usage, revocation, None).map_err(refuse)?;
    Ok(())
}

fn explain(error: webpki::Error, id: &SpiffeId) -> TrustError {
    let id = id.clone();
    match error {
        webpki::Error::CertExpired { time, not_after } => {
            TrustError::Expired { id, not_after: seconds(not_after), now: seconds(time) }
        }
        webpki::Error::CertNotValidYet { time, not_before } => {
            TrustError::NotYetValid { id, not_before: seconds(not_before), now: seconds(time) }
        }
        webpki::Error::CertRevoked => TrustError::Revoked { id },
        webpki::Error::CrlExpired { next_update, .. } => {
            TrustError::RevocationListExpired { id, next_update: seconds(next_update) }
        }
        other => TrustError::NotVouchedFor { id, why: other.to_string() },
    }
}

pub(crate) fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
