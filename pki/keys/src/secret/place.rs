//! Where a secret belongs.

use std::collections::BTreeSet;

use verbund_model::resource::SealedSecret;
use verbund_model::{FederationId, OrgName, SecretName, WorkloadName};

/// Told apart from whatever else is ever authenticated.
const DOMAIN: &[u8] = b"verbund.secret.v1";

/// Where a secret belongs: it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The federation. Its generation is no part of it: a recovery leaves secrets as they are.
    pub federation: &'a FederationId,
    /// The organisation that runs the workload.
    pub organisation: &'a OrgName,
    /// The workload.
    pub workload: &'a WorkloadName,
    /// The secret's name.
    pub name: &'a SecretName,
    /// The secret's revision.
    pub revision: u64,
}

impl<'a> Place<'a> {
    /// Where a secret of the state belongs.
    #[must_use]
    pub const fn of(federation: &'a FederationId, secret: &'a SealedSecret) -> Self {
        Self {
            federation,
            organisation: &secret.organisation,
            workload: &secret.workload,
            name: &secret.name,
            revision: secret.sealed.revision,
        }
    }

    /// The bytes for it: every part with its length, so that no two places have the same.
    pub(super) fn bytes(&self, keys: &BTreeSet<String>) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(256);
        put(&mut bytes, DOMAIN);
        put(&mut bytes, &self.federation.0.0);
        put(&mut bytes, self.organisation.as_str().as_bytes());
        put(&mut bytes, self.workload.as_str().as_bytes());
        put(&mut bytes, self.name.as_str().as_bytes());
        put(&mut bytes, &self.revision.to_be_bytes());
        put(&mut bytes, &(keys.len() as u64).to_be_bytes());
        keys.iter().for_each(|key| put(&mut bytes, key.as_bytes()));
        bytes
    }
}

/// Appends a part with its length.
pub(super) fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
    bytes.extend_from_slice(part);
}
