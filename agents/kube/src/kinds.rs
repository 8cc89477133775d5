//! The kinds that a cluster knows: its discovery.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use kube::core::discovery::Scope as KubeScope;
use kube::core::discovery::verbs;
use kube::core::dynamic::ApiResource;
use kube::discovery::Discovery;
use kube::{Client, Resource as _};
use verbund_agent_core::{Scope, Scopes};
use verbund_model::resource::ApiKind;

use crate::error::KubeError;

/// How often an unknown kind makes the driver look anew.
const AGAIN: Duration = Duration::from_millis(500);

/// One kind.
#[derive(Clone, Debug)]
pub struct Kind {
    /// How it is named in paths.
    pub resource: ApiResource,
    /// Whether its objects lie in namespaces.
    pub scope: Scope,
    /// Whether its objects can be listed.
    pub listable: bool,
    /// Whether this version is the one that the cluster prefers.
    pub preferred: bool,
}

impl Kind {
    /// The path of its objects, in a namespace if they lie in one.
    pub fn path(&self, namespace: Option<&str>) -> String {
        kube::core::DynamicObject::url_path(&self.resource, namespace)
    }
}

/// All kinds.
pub type Known = BTreeMap<ApiKind, Kind>;

/// The kinds as they were found last.
#[derive(Default)]
pub struct Kinds(RwLock<Option<(Instant, Arc<Known>)>>);

impl Kinds {
    /// The kinds, found again if that was longer ago than `age`.
    pub async fn known(&self, client: &Client, age: Duration, timeout: Duration) -> Result<Arc<Known>, KubeError> {
        let last = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        match last {
            Some((at, known)) if at.elapsed() < age => Ok(known),
            _ => self.discover(client, timeout).await,
        }
    }

    /// One kind; looked for again if it is unknown, for its definition may be new.
    pub async fn find(&self, client: &Client, kind: &ApiKind, timeout: Duration) -> Result<Kind, KubeError> {
        for age in [Duration::MAX, AGAIN] {
            if let Some(found) = self.known(client, age, timeout).await?.get(kind) {
                return Ok(found.clone());
            }
        }
        Err(KubeError::UnknownKind { kind: kind.clone() })
    }

    async fn discover(&self, client: &Client, timeout: Duration) -> Result<Arc<Known>, KubeError> {
        let what = "looking for the kinds of the cluster";
        let find = async {
            match Discovery::new(client.clone()).run_aggregated().await {
                // Older than 1.30: one request for each group.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 406) => {
                    Discovery::new(client.clone()).run().await
                }
                found => found,
            }
        };
        let silent = |_| KubeError::Silent { what: what.to_owned(), seconds: timeout.as_secs() };
        let found = tokio::time::timeout(timeout, find).await.map_err(silent)?;
        let known = Arc::new(all(&found.map_err(|error| KubeError::of(what, error))?));
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&known)));
        Ok(known)
    }
}

fn all(found: &Discovery) -> Known {
    let mut known = Known::new();
    for group in found.groups() {
        let recommended: BTreeSet<(String, String)> =
            group.recommended_resources().into_iter().map(|(kind, _)| (kind.kind, kind.version)).collect();
        for version in group.versions() {
            for (resource, can) in group.versioned_resources(version) {
                let kind = ApiKind {
                    group: resource.group.clone(),
                    version: resource.version.clone(),
                    kind: resource.kind.clone(),
                };
                let scope = match can.scope {
                    KubeScope::Namespaced => Scope::Namespaced,
                    KubeScope::Cluster => Scope::Cluster,
                };
                let listable = can.supports_operation(verbs::LIST) && can.supports_operation(verbs::DELETE);
                let preferred = recommended.contains(&(resource.kind.clone(), resource.version.clone()));
                known.insert(kind, Kind { resource, scope, listable, preferred });
            }
        }
    }
    known
}

/// Kinds with their scope, as the agent's core wants them.
pub fn scopes(known: &Known) -> Scopes {
    known.iter().map(|(kind, found)| (kind.clone(), found.scope)).collect()
}
