//! Joining: the invitation that a site carries home, and what its keys sign to prove that it holds them (formats 2).

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use verbund_model::resource::{Address, AdmissionRequest, Der, Millis};
use verbund_model::{FederationId, Hash, KeyId, OrgName, PublicKey, SiteName};

use crate::envelope::pae;
use crate::verify::sha256;

/// The bytes that the node's key and the issuing CA's key sign in a `RequestAdmission`: they bind federation, invitation
/// and every field of the request.
#[must_use]
pub fn admission_binding(federation: &FederationId, invitation: &KeyId, request: &AdmissionRequest) -> Vec<u8> {
    // Every type inside has string keys and no failing serialiser.
    let request = serde_json::to_vec(request).unwrap_or_default();
    let mut body = Vec::with_capacity(64 + request.len());
    body.extend_from_slice(&federation.0.0);
    body.extend_from_slice(&invitation.0.0);
    body.extend_from_slice(&request);
    pae("application/vnd.verbund.admission.v1", &body)
}

/// The bytes that a site's issuing CA and the new node's key sign in an `AddNode`.
#[must_use]
pub fn node_binding(federation: &FederationId, site: &SiteName, node_key: &PublicKey) -> Vec<u8> {
    let body = format!("{federation}\n{site}\n{node_key}");
    pae("application/vnd.verbund.node.v1", body.as_bytes())
}

/// The bytes that a site's new issuing CA signs when it is announced, and the present one where no root vouches for it.
#[must_use]
pub fn authority_binding(federation: &FederationId, site: &SiteName, certificate: &Der) -> Vec<u8> {
    let mut body = format!("{federation}\n{site}\n").into_bytes();
    body.extend_from_slice(&certificate.0);
    pae("application/vnd.verbund.authority.v1", &body)
}

/// An invitation as it travels: everything a site needs to find and recognise its contact, and the one-time private key.
/// It is a secret until it is used.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvitationToken {
    /// The federation.
    pub federation: FederationId,
    /// Its name.
    pub federation_name: SiteName,
    /// Its generation.
    pub generation: u32,
    /// The site that is invited.
    pub site: SiteName,
    /// Its organisation.
    pub organisation: OrgName,
    /// After this it is worth nothing.
    pub expires: Millis,
    /// Where the contact is reached.
    pub contacts: Vec<Address>,
    /// SHA-256 of the contact's trust anchor's SubjectPublicKeyInfo (RFC 7469's pin).
    pub pin: Hash,
    /// The one-time private key: the P-256 scalar, base64url.
    pub secret: String,
}

impl std::fmt::Debug for InvitationToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InvitationToken(site {}, federation {})", self.site, self.federation.0.short())
    }
}

/// Why a text is no invitation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not even its beginning.
    #[error("this is no invitation: one begins with {PREFIX:?}")]
    Prefix,
    /// Cut, mistyped or altered.
    #[error("the invitation was damaged on its way (its checksum does not fit): copy it again, whole")]
    Damaged,
    /// Whole, but of no form that this version knows.
    #[error("the invitation cannot be read: {reason}")]
    Form {
        /// What the decoder said.
        reason: String,
    },
}

const PREFIX: &str = "verbund-invitation-1.";
const CHECKSUM: usize = 8;

impl InvitationToken {
    /// The text that people copy. The checksum finds accidents; what protects against forgery is the signature of the
    /// one-time key and the pin.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Every type inside has string keys and no failing serialiser.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        let sum = sha256(&bytes);
        bytes.extend_from_slice(&sum.0[..CHECKSUM]);
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads the text; white space around and line breaks within it are ignored. Errors: [`TokenError`].
    pub fn from_text(text: &str) -> Result<Self, TokenError> {
        let text: String = text.split_whitespace().collect();
        let encoded = text.strip_prefix(PREFIX).ok_or(TokenError::Prefix)?;
        let bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| TokenError::Damaged)?;
        let at = bytes.len().checked_sub(CHECKSUM).ok_or(TokenError::Damaged)?;
        let (body, sum) = bytes.split_at(at);
        if sha256(body).0[..CHECKSUM] != *sum {
            return Err(TokenError::Damaged);
        }
        serde_json::from_slice(body).map_err(|e| TokenError::Form { reason: e.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> InvitationToken {
        InvitationToken {
            federation: FederationId(sha256(b"f")),
            federation_name: SiteName::new("dvc").unwrap(),
            generation: 0,
            site: SiteName::new("nord").unwrap(),
            organisation: OrgName::new("dataport").unwrap(),
            expires: 1,
            contacts: vec!["localhost:7100".parse().unwrap()],
            pin: sha256(b"pin"),
            secret: "s".to_owned(),
        }
    }

    #[test]
    fn round_trips_through_a_wrapped_mail() {
        let text = token().to_text();
        let wrapped = format!("  {}\r\n{}\n", &text[..60], &text[60..]);
        assert_eq!(InvitationToken::from_text(&wrapped).unwrap(), token());
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = token().to_text();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(InvitationToken::from_text(&String::from_utf8(bytes).unwrap()).is_err(), "position {at}");
        }
        assert_eq!(InvitationToken::from_text(&text[..text.len() - 4]), Err(TokenError::Damaged));
        assert_eq!(InvitationToken::from_text("hello"), Err(TokenError::Prefix));
    }
}
