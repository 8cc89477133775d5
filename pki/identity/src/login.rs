//! Asking a site for a certificate to read with (formats 4): a request signed with the registered key, and the name that
//! the certificate will carry.

use serde::{Deserialize, Serialize};
use verbund_model::resource::{KeyOwner, Millis};
use verbund_model::{FederationId, KeyId, UserId};

use crate::envelope::pae;

/// The payload type of a login request's signed bytes.
pub const LOGIN_TYPE: &str = "application/vnd.verbund.login.v1";
/// How far a login request's time may lie before or after the site's clock, in milliseconds.
pub const LOGIN_WINDOW: Millis = 5 * 60 * 1000;
/// The most bytes of a certificate signing request in PEM.
pub const MAX_CSR: usize = 8 * 1024;

/// A request for a user certificate. The key that signs it is the registered one; the one inside the signing request is
/// the certificate's and lives no longer than that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginRequest {
    /// The federation.
    pub federation: FederationId,
    /// The registered key of a user or coordinator.
    pub key: KeyId,
    /// The asker's clock; the site takes it within [`LOGIN_WINDOW`] of its own.
    pub time: Millis,
    /// Certificate signing request (PKCS#10, RFC 2986) in PEM. Only its key counts; every name in it is ignored.
    pub csr: String,
    /// The registered key's signature over [`LoginRequest::message`]: raw `r ‖ s`, low `s`.
    #[serde(with = "crate::base64_bytes")]
    pub signature: Vec<u8>,
}

impl LoginRequest {
    /// The bytes that the registered key signs:
    /// `PAE(LOGIN_TYPE, federation (32) ‖ key (32) ‖ time (8, big-endian) ‖ csr)`, the signing request just as it is sent.
    #[must_use]
    pub fn message(federation: &FederationId, key: &KeyId, time: Millis, csr: &str) -> Vec<u8> {
        let mut body = Vec::with_capacity(72 + csr.len());
        body.extend_from_slice(&federation.0.0);
        body.extend_from_slice(&key.0.0);
        body.extend_from_slice(&time.to_be_bytes());
        body.extend_from_slice(csr.as_bytes());
        pae(LOGIN_TYPE, &body)
    }

    /// The bytes that this request's signature must be over.
    #[must_use]
    pub fn signed_message(&self) -> Vec<u8> {
        Self::message(&self.federation, &self.key, self.time, &self.csr)
    }

    /// Whether the request's time lies within [`LOGIN_WINDOW`] of `now`.
    #[must_use]
    pub const fn is_fresh(&self, now: Millis) -> bool {
        self.time.abs_diff(now) <= LOGIN_WINDOW
    }
}

/// Hexadecimal digits of the key's id in a certificate's name: as many as a [`UserId`] holds, 160 bits.
pub const LOGIN_NAME_DIGITS: usize = 40;

/// The name after `user/` in the certificate that is issued for a registered key: the first [`LOGIN_NAME_DIGITS`] digits
/// of the key's id. A user's own id is unique within its organisation only, and a coordinator has none; the key's is
/// unique in the federation, and a revoked key is noticed with the next read.
#[must_use]
pub fn login_name(key: &KeyId) -> Option<UserId> {
    let text = key.to_string();
    UserId::new(&text[..LOGIN_NAME_DIGITS]).ok()
}

/// What people read in the certificate's subject (common name): `organisation.user`, or `coordinator`. `None` for the
/// keys of nodes, agents and invitations, which get no such certificate.
#[must_use]
pub fn common_name(owner: &KeyOwner) -> Option<String> {
    match owner {
        KeyOwner::User { organisation, user } => Some(format!("{organisation}.{user}")),
        KeyOwner::Coordinator => Some("coordinator".to_owned()),
        KeyOwner::Node { .. } | KeyOwner::Invitation | KeyOwner::Agent { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use verbund_model::{Hash, NodeId, OrgName};

    use super::*;
    use crate::verify::sha256;

    fn request() -> LoginRequest {
        LoginRequest {
            federation: FederationId(Hash([1; 32])),
            key: KeyId(Hash([2; 32])),
            time: 0x0102_0304_0506_0708,
            csr: "CSR".to_owned(),
            signature: vec![3; 64],
        }
    }

    #[test]
    fn the_signed_bytes_are_these() {
        let wanted = [
            b"DSSEv1 32 application/vnd.verbund.login.v1 75 ".as_slice(),
            &[1; 32],
            &[2; 32],
            &[1, 2, 3, 4, 5, 6, 7, 8],
            b"CSR",
        ]
        .concat();
        assert_eq!(HEXLOWER.encode(&request().signed_message()), HEXLOWER.encode(&wanted));
    }

    #[test]
    fn every_field_is_bound() {
        let base = request();
        let others = [
            LoginRequest { federation: FederationId(sha256(b"other")), ..base.clone() },
            LoginRequest { key: KeyId(sha256(b"other")), ..base.clone() },
            LoginRequest { time: base.time + 1, ..base.clone() },
            LoginRequest { csr: "CSr".to_owned(), ..base.clone() },
        ];
        for other in others {
            assert_ne!(other.signed_message(), base.signed_message());
        }
    }

    #[test]
    fn freshness_has_sharp_edges_on_both_sides() {
        let mut request = request();
        for (time, fresh) in [(0, true), (600_000, true), (600_001, false)] {
            request.time = time;
            assert_eq!(request.is_fresh(300_000), fresh, "{time}");
        }
        request.time = 0;
        assert!(!request.is_fresh(300_001));
        request.time = u64::MAX;
        assert!(!request.is_fresh(0));
    }

    #[test]
    fn names() {
        let name = login_name(&KeyId(Hash([0xab; 32]))).unwrap();
        assert_eq!(name.as_str(), "ab".repeat(20));
        let user = KeyOwner::User { organisation: OrgName::new("o").unwrap(), user: UserId::new("u").unwrap() };
        assert_eq!(common_name(&user).as_deref(), Some("o.u"));
        assert_eq!(common_name(&KeyOwner::Coordinator).as_deref(), Some("coordinator"));
        assert_eq!(common_name(&KeyOwner::Node { node: NodeId(1) }), None);
        assert_eq!(common_name(&KeyOwner::Invitation), None);
    }

    #[test]
    fn unknown_and_duplicate_fields_are_refused() {
        let text = serde_json::to_string(&request()).unwrap();
        assert_eq!(serde_json::from_str::<LoginRequest>(&text).unwrap(), request());
        assert!(serde_json::from_str::<LoginRequest>(&text.replacen('{', "{\"x\":1,", 1)).is_err());
        assert!(serde_json::from_str::<LoginRequest>(&text.replacen('{', "{\"time\":1,", 1)).is_err());
    }
}
