//! Objects of a cluster: how they are named, and what is applied.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use verbund_model::resource::ApiKind;

use crate::names;

/// Whether objects of a kind lie in a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// They do.
    Namespaced,
    /// They belong to the cluster.
    Cluster,
}

/// The kinds that a cluster knows, with their scope, as its discovery says.
pub type Scopes = BTreeMap<ApiKind, Scope>;

/// One object of a cluster. Two versions of the same group name the same object; the version is the one to ask with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: ApiKind,
    /// Its namespace; none for one that belongs to the cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// A key from its parts; `api_version` as in a manifest (`v1`, `apps/v1`).
    #[must_use]
    pub fn new(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let kind = ApiKind { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() };
        Self { kind, namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    /// The same object for whoever asks with another version: group, kind, namespace, name.
    #[must_use]
    pub fn identity(&self) -> (&str, &str, Option<&str>, &str) {
        (&self.kind.group, &self.kind.kind, self.namespace.as_deref(), &self.name)
    }

    /// `apiVersion` as in a manifest.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.kind.group.is_empty() {
            self.kind.version.clone()
        } else {
            format!("{}/{}", self.kind.group, self.kind.version)
        }
    }
}

impl fmt::Display for ObjectKey {
    /// `apps/v1/Deployment namespace/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// With whose rights an object is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The agent's own: what every namespace has.
    Base,
    /// A manifest: through the ServiceAccount of the workload.
    Manifest,
}

/// An object to apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Which object.
    pub key: ObjectKey,
    /// With whose rights.
    pub origin: Origin,
    /// If given, `metadata.resourceVersion` that the object must still have; otherwise nothing is changed and the
    /// operation fails. This keeps a delayed write from undoing a later one.
    pub expect: Option<String>,
    /// The whole body for a server-side apply, with the annotation [`names::APPLIED`].
    pub body: Value,
    /// What that annotation says.
    pub digest: String,
}

impl Object {
    /// Seals a body: computes its digest and writes it into its annotations.
    ///
    /// `body` is an object with `metadata`; what has none gets it.
    #[must_use]
    pub fn seal(key: ObjectKey, origin: Origin, mut body: Value) -> Self {
        let digest = HEXLOWER.encode(&Sha256::digest(body.to_string()));
        if !body["metadata"]["annotations"].is_object() {
            body["metadata"]["annotations"] = Value::Object(serde_json::Map::new());
        }
        body["metadata"]["annotations"][names::APPLIED] = Value::String(digest.clone());
        Self { key, origin, expect: None, body, digest }
    }

    /// The same, to be applied only if the object is still as `live` is.
    #[must_use]
    pub fn expecting(mut self, live: &Value) -> Self {
        self.expect = live["metadata"]["resourceVersion"].as_str().map(str::to_owned);
        self
    }
}
