//! Secrets of workloads: sealed by their author, opened at the sites to which they are sealed, and nowhere else (design
//! 3.3, I9).
//!
//! All values of a secret are encrypted once, with AES-256-GCM and a content key that serves nothing else; that key is
//! sealed with HPKE for every recipient. What both are bound to makes that no part can be moved:
//!
//! - the ciphertext to federation, organisation, workload, secret, revision and names of keys ([`Place`]);
//! - a sealed content key to all of that, to its site, and to the very ciphertext.
//!
//! Values are padded to multiples of [`PADDING`] bytes, so that their length says little.

mod place;
mod values;

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use verbund_identity::sha256;
use verbund_model::resource::{Der, Recipient, Sealed};
use verbund_model::{PublicKey, SiteName};
use zeroize::Zeroizing;

use crate::sealing::{OpenError, Opener, SealError, seal};

pub use place::Place;
pub use values::{PADDING, SecretValues};

/// What a sealed content key is for (HPKE `info`).
const INFO: &[u8] = b"verbund.secret.key.v1";
/// Bytes of a content key.
const KEY: usize = 32;

/// Why a secret was not sealed. Nothing left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealSecretError {
    /// There is nobody to seal it to.
    #[error("the secret has no recipient: name at least one site")]
    NoRecipient,
    /// It has no value.
    #[error("the secret has no value: give at least one key with its value")]
    NoValue,
    /// The system gave no random bytes, or the library failed.
    #[error("sealing failed: {what}; nothing was sealed")]
    Library {
        /// What failed.
        what: &'static str,
    },
    /// The content key was not sealed for a site.
    #[error("sealing to site {site} failed: {source}")]
    Recipient {
        /// The site.
        site: SiteName,
        /// Why.
        source: SealError,
    },
}

/// Why a secret did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenSecretError {
    /// It is not sealed to the site.
    #[error("it is not sealed to site {site}: its operator has to seal it anew, to this site too")]
    NoRecipient {
        /// The site.
        site: SiteName,
    },
    /// It was sealed for another key of the site.
    #[error("it was sealed to site {site} for another sealing key than the one kept here: it has to be sealed anew")]
    OtherKey {
        /// The site.
        site: SiteName,
    },
    /// The content key did not open.
    #[error("its content key does not open: {0}")]
    Key(#[from] OpenError),
    /// The values do not belong to this content key and place, or were altered.
    #[error("its values do not belong to this workload, name and revision, or were altered")]
    Values,
}

/// Seals values for the sites of `to`, each by its sealing key. Errors: [`SealSecretError`].
pub fn seal_secret(
    place: &Place<'_>,
    values: &SecretValues,
    to: &BTreeMap<SiteName, PublicKey>,
) -> Result<Sealed, SealSecretError> {
    if to.is_empty() {
        return Err(SealSecretError::NoRecipient);
    }
    if values.is_empty() {
        return Err(SealSecretError::NoValue);
    }
    let random = |_| SealSecretError::Library { what: "the system gave no random bytes" };
    let mut key = Zeroizing::new([0; KEY]);
    aws_lc_rs::rand::fill(&mut *key).map_err(random)?;
    let mut nonce = [0; NONCE_LEN];
    aws_lc_rs::rand::fill(&mut nonce).map_err(random)?;
    let keys = values.keys();
    let mut bytes = values.to_bytes();
    let cipher = cipher(&*key).ok_or(SealSecretError::Library { what: "the cipher took no key" })?;
    cipher
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.bytes(&keys)), &mut *bytes)
        .map_err(|_| SealSecretError::Library { what: "the cipher failed" })?;
    let ciphertext = [&nonce[..], &bytes[..]].concat();
    let mut sealed =
        Sealed { revision: place.revision, keys, ciphertext: Der(ciphertext), recipients: BTreeMap::new() };
    sealed.recipients = seal_key(place, &sealed, &key, to)?;
    Ok(sealed)
}

/// Opens a secret at a site that is a recipient. Errors: [`OpenSecretError`].
pub fn open_secret(
    opener: &dyn Opener,
    site: &SiteName,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<SecretValues, OpenSecretError> {
    let key = open_key(opener, site, place, sealed)?;
    open_values(place, sealed, &key)
}

/// Seals the same values to further sites, at a site that can open them: the ciphertext stays. Errors:
/// [`OpenSecretError`] if they do not open here, else [`SealSecretError`].
pub fn reseal_secret(
    opener: &dyn Opener,
    site: &SiteName,
    place: &Place<'_>,
    sealed: &Sealed,
    to: &BTreeMap<SiteName, PublicKey>,
) -> Result<Result<BTreeMap<SiteName, Recipient>, SealSecretError>, OpenSecretError> {
    let key = open_key(opener, site, place, sealed)?;
    // A key that opens nothing is given to nobody.
    open_values(place, sealed, &key)?;
    Ok(seal_key(place, sealed, &key, to))
}

fn seal_key(
    place: &Place<'_>,
    sealed: &Sealed,
    key: &[u8; KEY],
    to: &BTreeMap<SiteName, PublicKey>,
) -> Result<BTreeMap<SiteName, Recipient>, SealSecretError> {
    let one = |(site, public): (&SiteName, &PublicKey)| {
        let aad = place.bytes_for(sealed, site);
        let sealed = seal(public, INFO, &aad, key)
            .map_err(|source| SealSecretError::Recipient { site: site.clone(), source })?;
        Ok((site.clone(), Recipient { key: public.clone(), sealed: Der(sealed) }))
    };
    to.iter().map(one).collect()
}

fn open_key(
    opener: &dyn Opener,
    site: &SiteName,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<Zeroizing<[u8; KEY]>, OpenSecretError> {
    let recipient = sealed.recipients.get(site);
    let recipient = recipient.ok_or_else(|| OpenSecretError::NoRecipient { site: site.clone() })?;
    if recipient.key != *opener.public_key() {
        return Err(OpenSecretError::OtherKey { site: site.clone() });
    }
    let opened = opener.open(INFO, &place.bytes_for(sealed, site), &recipient.sealed.0)?;
    let key: [u8; KEY] = opened.as_slice().try_into().map_err(|_| OpenSecretError::Values)?;
    Ok(Zeroizing::new(key))
}

fn open_values(place: &Place<'_>, sealed: &Sealed, key: &[u8; KEY]) -> Result<SecretValues, OpenSecretError> {
    let (nonce, ciphertext) = sealed.ciphertext.0.split_at_checked(NONCE_LEN).ok_or(OpenSecretError::Values)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenSecretError::Values)?;
    let mut bytes = Zeroizing::new(ciphertext.to_vec());
    let cipher = cipher(key).ok_or(OpenSecretError::Values)?;
    let opened = cipher.open_in_place(nonce, Aad::from(place.bytes(&sealed.keys)), &mut bytes);
    let opened = opened.map_err(|_| OpenSecretError::Values)?;
    SecretValues::from_bytes(opened).filter(|values| values.keys() == sealed.keys).ok_or(OpenSecretError::Values)
}

fn cipher(key: &[u8]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

impl Place<'_> {
    /// What a content key for a site is bound to.
    fn bytes_for(&self, sealed: &Sealed, site: &SiteName) -> Vec<u8> {
        let mut bytes = self.bytes(&sealed.keys);
        place::put(&mut bytes, site.as_str().as_bytes());
        place::put(&mut bytes, &sha256(&sealed.ciphertext.0).0);
        bytes
    }
}

#[cfg(test)]
mod tests;
