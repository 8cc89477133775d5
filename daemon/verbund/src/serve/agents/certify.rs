//! Certificates for agents, issued for a request that the registered key signed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::serve::start::waiting;
use time::OffsetDateTime;
use verbund_agent_link::{Certified, DeskError};
use verbund_identity::{LoginRequest, SignatureVerifier as _, SpiffeId, Subject};
use verbund_keys::{AwsVerifier, LeafRequest, ProvenKey, SiteKeys};
use verbund_machine::State;
use verbund_model::resource::KeyOwner;
use verbund_model::{ClusterName, SiteName};
use verbund_node::{Clock as _, SystemClock};

/// How long an agent's certificate is valid.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose agent asks. Errors: the request is stale, of another federation, or not signed by the registered key of an agent.
pub fn check(state: &State, request: &LoginRequest) -> Result<ClusterName, DeskError> {
    let refused = |why: String| DeskError::Refused(why);
    if request.federation != state.federation().value.id {
        return Err(refused(format!("the request is for federation {}", request.federation)));
    }
    if !request.is_fresh(SystemClock.now()) {
        return Err(refused("the request is old, or the clocks of agent and daemon differ: check the time".to_owned()));
    }
    let key = state.key(&request.key).filter(|key| !key.value.revoked);
    let key = key.ok_or_else(|| refused(format!("the key {} is not registered, or was revoked", request.key)))?;
    if !AwsVerifier.verify(&key.value.key, &request.signed_message(), &request.signature) {
        return Err(refused(format!("the request is not signed by the key {}", request.key)));
    }
    match &key.value.owner {
        KeyOwner::Agent { cluster } => Ok(cluster.clone()),
        _ => Err(refused(format!("the key {} is no agent's", request.key))),
    }
}

/// Issues the certificate. Errors: the signing request is not sound, or the CA cannot sign.
pub fn issue(keys: &Mutex<SiteKeys>, cluster: &ClusterName, request: &LoginRequest) -> Result<Certified, DeskError> {
    let refused = |error: String| DeskError::Refused(error);
    let unavailable = |error: String| DeskError::Unavailable(error);
    let key = ProvenKey::from_csr(request.csr.as_bytes()).map_err(|error| refused(error.to_string()))?;
    let name = SiteName::new(cluster.as_str()).map_err(|error| refused(error.to_string()))?;
    // A panic while the lock was held leaves the keys as they were.
    let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
    let spiffe_id = SpiffeId { trust_domain: keys.trust_domain().clone(), subject: Subject::Agent(name) };
    let leaf = LeafRequest { spiffe_id, key, dns_names: Vec::new(), ip_addresses: Vec::new(), lifetime: LIFETIME };
    let issued = waiting(|| keys.issue_leaf(&leaf, OffsetDateTime::now_utc()));
    let issued = issued.map_err(|error| unavailable(error.to_string()))?;
    tracing::info!(%cluster, "issued a certificate for an agent");
    let chain = vec![issued.der().to_vec(), keys.ca().certificate().der().to_vec()];
    Ok(Certified { chain, anchor: keys.anchor_certificate().der().to_vec() })
}
