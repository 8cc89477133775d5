//! The node's TLS identity: issued by the site's own CA, and again well before it ends, while connections go on.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;
use tokio::sync::watch;
use verbund_identity::Subject;
use verbund_keys::SiteKeys;
use verbund_model::NodeId;
use verbund_model::resource::Address;
use verbund_tls::{LiveIdentity, renew_at};

/// How long a node's certificate is valid: far below the three years of TLS_CERT_11, so that a stolen key is soon worth
/// nothing.
pub const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How long to wait after an issuance that failed.
const AGAIN: Duration = Duration::from_secs(60);

/// Why the node has no TLS identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The CA did not issue.
    #[error("the node's certificate could not be issued: {0}")]
    Issue(#[from] verbund_keys::IssueError),
    /// The CA's own certificate could not be read again.
    #[error(transparent)]
    Keys(#[from] verbund_keys::SiteKeysError),
    /// What it issued cannot be used.
    #[error("the node's certificate cannot be used: {0}")]
    Use(#[from] verbund_tls::IdentityError),
}

/// Who is certified, and under which names it is reached.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The node.
    pub node: NodeId,
    /// What it advertises.
    pub addresses: Vec<Address>,
    /// How long each certificate is valid.
    pub lifetime: Duration,
}

/// Issues a first identity. Errors: [`IdentityError`].
pub fn first(keys: &Mutex<SiteKeys>, certified: &Certified) -> Result<Arc<LiveIdentity>, IdentityError> {
    // A panic while the lock was held leaves the keys as they were.
    let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
    let Issued { chain, anchor, key } = issue(&mut keys, certified)?;
    Ok(LiveIdentity::from_pkcs8(chain, anchor, key)?)
}

/// Renews the identity at a jittered fraction of its life, until `stop`.
pub async fn keep_fresh(
    keys: Arc<Mutex<SiteKeys>>,
    certified: Certified,
    identity: Arc<LiveIdentity>,
    mut stop: watch::Receiver<bool>,
) {
    loop {
        let current = identity.certificate();
        let due = renew_at(current.not_before, current.not_after, rand::random());
        let wait = Duration::from_secs(u64::try_from(due - unix_now()).unwrap_or(0));
        if paused(wait, &mut stop).await {
            return;
        }
        match super::start::waiting(|| renew(&keys, &certified, &identity)) {
            Ok(()) => tracing::info!(node = %certified.node, "the node's certificate was renewed"),
            Err(error) => {
                tracing::error!(%error, "the node's certificate could not be renewed; it is tried again");
                if paused(AGAIN, &mut stop).await {
                    return;
                }
            }
        }
    }
}

/// Waits; `true` if the daemon stops meanwhile.
async fn paused(wait: Duration, stop: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = tokio::time::sleep(wait) => false,
        _ = stop.wait_for(|stop| *stop) => true,
    }
}

/// Issues a new certificate for a new key, for the connections from now on. Errors: [`IdentityError`]; the old one stays then.
pub fn renew(keys: &Mutex<SiteKeys>, certified: &Certified, identity: &LiveIdentity) -> Result<(), IdentityError> {
    // A panic while the lock was held leaves the keys as they were.
    let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
    // The root may have renewed the CA's certificate meanwhile.
    if keys.reload_ca()? {
        tracing::info!("the site's issuing CA has a new certificate");
    }
    let Issued { chain, anchor, key } = issue(&mut keys, certified)?;
    Ok(identity.replace_pkcs8(chain, anchor, key)?)
}

struct Issued {
    chain: Vec<CertificateDer<'static>>,
    anchor: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

fn issue(keys: &mut SiteKeys, certified: &Certified) -> Result<Issued, IdentityError> {
    let mut dns_names = BTreeSet::new();
    let mut ip_addresses = BTreeSet::new();
    for address in &certified.addresses {
        match address.host.parse::<IpAddr>() {
            Ok(ip) => drop(ip_addresses.insert(ip)),
            Err(_) => drop(dns_names.insert(address.host.clone())),
        }
    }
    let subject = Subject::Node(certified.node);
    let (dns_names, ip_addresses) = (dns_names.into_iter().collect(), ip_addresses.into_iter().collect());
    let issued =
        keys.issue_identity(subject, dns_names, ip_addresses, certified.lifetime, OffsetDateTime::now_utc())?;
    let chain = issued.chain.iter().map(|certificate| certificate.der().to_vec().into()).collect();
    let key = issued.key.to_pkcs8().map_err(|e| verbund_keys::IssueError::Encoding { reason: e.to_string() })?;
    let anchor = keys.anchor_certificate().der().to_vec().into();
    Ok(Issued { chain, anchor, key: PrivatePkcs8KeyDer::from(key.to_vec()) })
}

fn unix_now() -> i64 {
    // A clock before 1970 makes every certificate due.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(i64::MAX, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}
