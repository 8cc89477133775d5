//! Gathering a directive's signatures from separate people, also from file to file.

use std::collections::BTreeSet;

use verbund_model::resource::{Der, DirectiveSignature, Federation, SignedDirective};
use verbund_model::{KeyId, PublicKey};

use super::{Directive, DirectiveError, MAX_DIRECTIVE, MAX_SIGNATURES};
use crate::verify::{SignatureVerifier, is_fixed_form, key_id, normalise};

/// The most bytes of a signed directive's file: both parts as base64, with room for names.
const MAX_FILE: usize = 2 * MAX_DIRECTIVE + MAX_SIGNATURES * 512;

/// The coordinators who signed, if each signature is one, and each coordinator stands once. Errors: the first signature
/// that is not as it should be.
pub fn signatures(
    signed: &SignedDirective,
    federation: &Federation,
    verifier: &dyn SignatureVerifier,
) -> Result<BTreeSet<KeyId>, DirectiveError> {
    if signed.signatures.len() > MAX_SIGNATURES {
        return Err(DirectiveError::TooManySignatures { found: signed.signatures.len() });
    }
    let message = Directive::message(&signed.payload.0);
    let mut signers = BTreeSet::new();
    for DirectiveSignature { key, signature } in &signed.signatures {
        let mut coordinators = federation.coordinators.keys.iter();
        let public = coordinators.find(|public| key_id(public) == *key);
        let public = public.ok_or(DirectiveError::UnknownSigner { key: *key })?;
        if !signers.insert(*key) {
            return Err(DirectiveError::SignedTwice { key: *key });
        }
        if !is_fixed_form(public.algorithm(), &signature.0) || !verifier.verify(public, &message, &signature.0) {
            return Err(DirectiveError::BadSignature { key: *key });
        }
    }
    Ok(signers)
}

/// Adds a coordinator's signature, brought to its one form. Adding the same coordinator again changes nothing. Errors:
/// [`DirectiveError::BadSignature`] if it is none over these bytes, [`DirectiveError::TooManySignatures`].
pub fn add_signature(
    signed: &mut SignedDirective,
    key: &PublicKey,
    signature: &[u8],
    verifier: &dyn SignatureVerifier,
) -> Result<(), DirectiveError> {
    let id = key_id(key);
    let bad = || DirectiveError::BadSignature { key: id };
    let signature = normalise(key.algorithm(), signature).ok_or_else(bad)?;
    if !verifier.verify(key, &Directive::message(&signed.payload.0), &signature) {
        return Err(bad());
    }
    if signed.signatures.iter().any(|one| one.key == id) {
        return Ok(());
    }
    if signed.signatures.len() == MAX_SIGNATURES {
        return Err(DirectiveError::TooManySignatures { found: MAX_SIGNATURES + 1 });
    }
    signed.signatures.push(DirectiveSignature { key: id, signature: Der(signature) });
    Ok(())
}

/// A signed directive from the bytes of a file or a message. Nothing is verified. Errors: [`DirectiveError::Form`],
/// [`DirectiveError::TooLarge`].
pub fn from_file(bytes: &[u8]) -> Result<SignedDirective, DirectiveError> {
    if bytes.len() > MAX_FILE {
        return Err(DirectiveError::TooLarge { found: bytes.len() });
    }
    serde_json::from_slice(bytes).map_err(|e| DirectiveError::Form { reason: e.to_string() })
}

/// The bytes of a signed directive's file: JSON, for people to look at.
#[must_use]
pub fn to_file(signed: &SignedDirective) -> Vec<u8> {
    // Every type inside has string keys and no failing serialiser.
    serde_json::to_vec_pretty(signed).unwrap_or_default()
}
