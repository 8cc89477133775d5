//! Secrets of workloads, as everybody may see them: sealed. Names of keys are visible, values never.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Der;
use crate::id::{OrgName, SecretName, SiteName, WorkloadName};
use crate::key::PublicKey;

/// The content key of a secret, sealed for one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Recipient {
    /// The site's sealing key for which it was sealed (P-384). A site that has another one by now can't open it.
    pub key: PublicKey,
    /// HPKE (RFC 9180): encapsulated key ‖ sealed content key ‖ tag.
    pub sealed: Der,
}

/// What an author sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sealed {
    /// Its number: one above the last of this secret, 1 for the first. It is sealed in, so that no older revision can be
    /// put in its place.
    pub revision: u64,
    /// The names of the keys under which the values are found.
    pub keys: BTreeSet<String>,
    /// AES-256-GCM of all values: nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes).
    pub ciphertext: Der,
    /// Who can open it.
    pub recipients: BTreeMap<SiteName, Recipient>,
}

/// A secret of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SealedSecret {
    /// The workload.
    pub workload: WorkloadName,
    /// Its name, within the workload.
    pub name: SecretName,
    /// The organisation that runs the workload.
    pub organisation: OrgName,
    /// What was sealed.
    pub sealed: Sealed,
    /// Whether the Plattformbetreiber of a recipient may seal it to further sites.
    pub delegated: bool,
    /// The revision that brought these values; later ones sealed the same anew.
    pub values_since: u64,
    /// Every site that could ever open these values, since they were last others. If one of them was excluded, they must be
    /// rotated.
    pub exposed: BTreeSet<SiteName>,
}
