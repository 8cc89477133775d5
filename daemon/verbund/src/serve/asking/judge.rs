//! Who may ask about a workload at a cluster of this site (formats 3):
//!
//! | asker | logs | events |
//! |---|---|---|
//! | Softwarebetreiber of the workload's organisation | yes | yes |
//! | Plattformbetreiber of the cluster's site | yes | yes |
//! | Auditor, coordinator | no: they are the customer's data | yes |
//! | everybody else | no | no |

use std::collections::BTreeSet;

use verbund_agent_link::Question;
use verbund_api::wire::question_bytes;
use verbund_identity::{AskedBy, SignatureVerifier as _};
use verbund_keys::{AwsVerifier, ProvenKey};
use verbund_machine::State;
use verbund_model::resource::{KeyOwner, Millis, RegisteredKey, UserRole};
use verbund_model::{ClusterName, FederationId, OrgName, Refusal, SiteName, UserId};

/// Verifies who asks, with nothing but the state and the proof, and whether they may. `now` is this node's clock. Errors: the
/// refusal.
pub fn judge(
    state: &State,
    own: &SiteName,
    cluster: &ClusterName,
    question: &Question,
    by: &AskedBy,
    now: Millis,
) -> Result<(), Refusal> {
    let registered = state.key(&by.login.key).map(|key| &key.value);
    let asker = proven(state.federation().value.id, registered, question, by, now)?;
    let workload = question.workload();
    let site = state.site(own).map(|site| &site.value);
    let is_own = state.cluster(cluster).is_some_and(|cluster| cluster.value.site == *own);
    let placement = state.placement(workload).map(|placement| &placement.value);
    let has_copy = placement.is_some_and(|placement| placement.copies.iter().any(|copy| copy.cluster == *cluster));
    let organisation = state.workload(workload).map(|workload| &workload.value.organisation);
    let (Some(site), Some(organisation), true, true) = (site, organisation, is_own, has_copy) else {
        return Err(Refusal::NotFound {
            what: format!("a copy of workload {workload} at cluster {cluster} of site {own}"),
        });
    };
    let sites_of = |home: &OrgName, user: &UserId, role| {
        state.role_binding(&(home.clone(), user.clone(), role)).map(|binding| binding.value.sites.clone())
    };
    let events = matches!(question, Question::Events(_));
    if may(&asker, sites_of, organisation, (&site.organisation, own), events) {
        return Ok(());
    }
    let author = match &asker {
        KeyOwner::User { organisation, user } => format!("user {organisation}.{user}"),
        KeyOwner::Coordinator => format!("coordinator {}", by.login.key.0.short()),
        KeyOwner::Node { .. } | KeyOwner::Invitation | KeyOwner::Agent { .. } => format!("key {}", by.login.key),
    };
    let mut needed = format!(
        "a user with the role softwarebetreiber in organisation {organisation} or with the role plattformbetreiber for site {own}"
    );
    if events {
        needed += " or with the role auditor";
    }
    Err(Refusal::NotAuthorised { author, needed })
}

/// Whose registered key vouches for the key that signed the question.
fn proven(
    federation: FederationId,
    registered: Option<&RegisteredKey>,
    question: &Question,
    by: &AskedBy,
    now: Millis,
) -> Result<KeyOwner, Refusal> {
    let login = &by.login;
    if login.federation != federation {
        return Err(Refusal::WrongFederation { found: login.federation });
    }
    let registered = registered.ok_or(Refusal::UnknownKey { key: login.key })?;
    if registered.revoked {
        return Err(Refusal::KeyRevoked { key: login.key });
    }
    if !by.is_fresh(now) {
        return Err(Refusal::Expired { not_after: by.until(), now });
    }
    if !AwsVerifier.verify(&registered.key, &login.signed_message(), &login.signature) {
        return Err(Refusal::BadSignature { key: login.key });
    }
    let asking =
        ProvenKey::from_csr(login.csr.as_bytes()).map_err(|error| Refusal::BadProof { which: error.to_string() })?;
    let message = by.signed_message(&question_bytes(question));
    if !AwsVerifier.verify(asking.public_key(), &message, &by.signature) {
        return Err(Refusal::BadProof { which: "asking".to_owned() });
    }
    Ok(registered.owner.clone())
}

/// The table above. `sites_of`: to which sites a user's role is limited (none: not limited), if the user has it.
fn may(
    asker: &KeyOwner,
    sites_of: impl Fn(&OrgName, &UserId, UserRole) -> Option<BTreeSet<SiteName>>,
    organisation: &OrgName,
    (operator, site): (&OrgName, &SiteName),
    events: bool,
) -> bool {
    match asker {
        KeyOwner::Coordinator => events,
        KeyOwner::User { organisation: home, user } => {
            let sites = |role| sites_of(home, user, role);
            // As in apply: a role that is limited to sites is none for workloads.
            let runs = || sites(UserRole::Softwarebetreiber).is_some_and(|sites| sites.is_empty());
            let operates =
                || sites(UserRole::Plattformbetreiber).is_some_and(|sites| sites.is_empty() || sites.contains(site));
            let audits = || sites(UserRole::Auditor).is_some();
            (home == organisation && runs()) || (home == operator && operates()) || (events && audits())
        }
        KeyOwner::Node { .. } | KeyOwner::Invitation | KeyOwner::Agent { .. } => false,
    }
}

#[cfg(test)]
mod tests;
