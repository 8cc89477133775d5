//! Secrets of a copy: opened by the site's daemon, put into the workload's namespace by the agent.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use verbund_model::SecretName;

use crate::names;
use crate::object::{Object, ObjectKey, Origin};

/// What is shown instead of a value.
const HIDDEN: &str = "<not shown>";
/// Values shorter than this are not looked for in texts: they would be found everywhere.
const LOOKED_FOR: usize = 4;

/// A value, as base64: the form in which Kubernetes takes it. Never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// Takes a value.
    #[must_use]
    pub fn new(value: &[u8]) -> Self {
        Self(BASE64.encode(value))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// What the site's daemon found in a sealed secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum SecretContent {
    /// The value of each key.
    Opened {
        /// By key.
        data: BTreeMap<String, SecretText>,
    },
    /// It could not be opened.
    Closed {
        /// Why.
        reason: String,
    },
}

/// A secret that a copy needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DesiredSecret {
    /// Its name, and that of the Secret.
    pub name: SecretName,
    /// Which values these are: another text for other values. Empty for one that was never sealed.
    pub stamp: String,
    /// What is in it.
    pub content: SecretContent,
}

impl DesiredSecret {
    /// Whether it was opened.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.content, SecretContent::Opened { .. })
    }

    /// The key of its Secret.
    #[must_use]
    pub fn key(&self, workload: &str) -> ObjectKey {
        ObjectKey::new("v1", "Secret", Some(workload), self.name.as_str())
    }

    /// Its Secret; `None` if it was not opened. Through the workload's own ServiceAccount, as Secrets of manifests.
    #[must_use]
    pub fn object(&self, workload: &str) -> Option<Object> {
        let SecretContent::Opened { data } = &self.content else { return None };
        let values: Map<String, Value> = data.iter().map(|(key, text)| (key.clone(), text.0.clone().into())).collect();
        let body = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": self.name.as_str(),
                "namespace": workload,
                "labels": crate::base::owner(workload),
                "annotations": { names::SECRETS: self.stamp },
            },
            "type": kind_of(data),
            "data": values,
        });
        Some(Object::seal(self.key(workload), Origin::Manifest, body))
    }

    /// Whether the Secret that is there has these values, as its annotation says.
    #[must_use]
    pub fn is_there(&self, live: &Value) -> bool {
        !self.stamp.is_empty() && live["metadata"]["annotations"][names::SECRETS] == self.stamp.as_str()
    }
}

/// The type of a Secret follows from its keys, so that ingress controllers and image pulls take it.
fn kind_of(data: &BTreeMap<String, SecretText>) -> &'static str {
    let has = |key: &str| data.contains_key(key);
    if has("tls.crt") && has("tls.key") {
        "kubernetes.io/tls"
    } else if has(".dockerconfigjson") {
        "kubernetes.io/dockerconfigjson"
    } else {
        "Opaque"
    }
}

/// What pods of a copy are made with: a change of it lets them be made anew, so that they read the new values.
#[must_use]
pub fn stamps(secrets: &[DesiredSecret]) -> String {
    let all: Vec<String> = secrets.iter().map(|secret| format!("{}={}", secret.name, secret.stamp)).collect();
    all.join(",")
}

/// A text that leaves the cluster, without any value of the secrets in it, in clear or as base64.
#[must_use]
pub fn redact(text: &str, secrets: &[DesiredSecret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        let SecretContent::Opened { data } = &secret.content else { continue };
        for SecretText(base64) in data.values() {
            let clear = BASE64.decode(base64.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            for value in [Some(base64.as_str()), clear.as_deref()].into_iter().flatten() {
                if value.len() >= LOOKED_FOR && text.contains(value) {
                    text = text.replace(value, HIDDEN);
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests;
