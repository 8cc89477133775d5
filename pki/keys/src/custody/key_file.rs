//! A private key at rest: a header that anybody may read and nobody may change, and the sealed scalar.
//!
//! ```text
//! { "header": { version, label, publicKey, kdf, salt, check, cipher, nonce },   authenticated as associated data
//!   "sealed": AES-256-GCM(Argon2id(passphrase, salt), nonce, scalar),
//!   "checksum": SHA-256(header ‖ sealed) }                                      tells damage from a wrong passphrase
//! ```

mod error;

use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
pub use error::{CreateError, ReadError, UnlockError};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use verbund_identity::sha256;
use verbund_model::{Hash, PublicKey};
use zeroize::Zeroizing;

use super::label::KeyLabel;
use super::passphrase::{Derived, KdfParameters, Passphrase, SALT};
use super::signer::Signer as _;
use super::software_key::SoftwareKey;
use crate::files;
use crate::sealing::SealingKey;

/// The version of the format that this program writes.
const VERSION: u32 = 1;
/// The most bytes of a key file.
const MAX_FILE: u64 = 16 * 1024;
const CIPHER: &str = "aes-256-gcm";

/// Base64 in JSON, of a fixed length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fixed<const N: usize>([u8; N]);

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)?;
        let length = bytes.len();
        let wrong = |_| de::Error::custom(format!("{length} bytes of base64 where {N} are needed"));
        Ok(Self(bytes.try_into().map_err(wrong)?))
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
enum Kdf {
    Argon2id(KdfParameters),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    version: u32,
    label: KeyLabel,
    /// Names the algorithm, too.
    public_key: PublicKey,
    kdf: Kdf,
    salt: Fixed<SALT>,
    /// The other part of Argon2id's output: says whether the passphrase is right, and nothing about the key.
    check: Fixed<16>,
    cipher: String,
    nonce: Fixed<NONCE_LEN>,
}

impl Header {
    /// The bytes that are authenticated: fixed order, no spaces, whatever the file looks like.
    fn canonical(&self) -> Vec<u8> {
        // No map with other than string keys and no serialiser of its own fails in here.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn checksum(&self, sealed: &str) -> Hash {
        sha256(&[self.canonical(), sealed.as_bytes().to_vec()].concat())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    header: Header,
    sealed: String,
    checksum: Hash,
}

/// Only as much as any version will have.
#[derive(Deserialize)]
struct AnyVersion {
    header: AnyHeader,
}

#[derive(Deserialize)]
struct AnyHeader {
    version: u32,
}

/// A sealed private key in a file. Reading it needs no passphrase and gives the public half; unlocking does.
#[derive(Debug, Clone)]
pub struct KeyFile {
    path: PathBuf,
    header: Header,
    sealed: Vec<u8>,
}

impl KeyFile {
    /// Makes a new key for `label`'s purpose and writes it to `path` (mode 0600; never over an existing file).
    /// Errors: [`CreateError`]; nothing is left behind then.
    pub fn create(
        path: &Path,
        label: KeyLabel,
        passphrase: &Passphrase,
        parameters: KdfParameters,
    ) -> Result<Self, CreateError> {
        let key = SoftwareKey::generate(label.algorithm()).map_err(|source| CreateError::Key { label, source })?;
        Self::store(path, label, &key, passphrase, parameters)
    }

    fn store(
        path: &Path,
        label: KeyLabel,
        key: &SoftwareKey,
        passphrase: &Passphrase,
        parameters: KdfParameters,
    ) -> Result<Self, CreateError> {
        let kdf = |source| CreateError::Kdf { label, source };
        let salt = passphrase.salt_for_new(parameters).map_err(kdf)?;
        let derived = passphrase.derive(parameters, salt).map_err(kdf)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| CreateError::Seal { label })?;
        let header = Header {
            version: VERSION,
            label,
            public_key: key.public_key().clone(),
            kdf: Kdf::Argon2id(parameters),
            salt: Fixed(salt),
            check: Fixed(derived.check),
            cipher: CIPHER.to_owned(),
            nonce: Fixed(nonce),
        };
        let scalar = key.scalar().map_err(|source| CreateError::Key { label, source })?;
        let sealed = seal(&derived, &header, &scalar).ok_or(CreateError::Seal { label })?;
        let file = Self { path: path.to_owned(), header, sealed };
        files::create(path, &file.to_bytes(), files::SECRET).map_err(|source| CreateError::File { label, source })?;
        Ok(file)
    }

    /// Reads a key file. It must belong to its owner alone (mode 0600). Errors: [`ReadError`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = files::read_secret(path, MAX_FILE)?;
        let form = |reason: String| ReadError::Form { path: path.to_owned(), reason };
        let any: AnyVersion = serde_json::from_slice(&bytes).map_err(|e| form(e.to_string()))?;
        if any.header.version != VERSION {
            return Err(ReadError::Version { path: path.to_owned(), version: any.header.version });
        }
        let content: Content = serde_json::from_slice(&bytes).map_err(|e| form(e.to_string()))?;
        if content.header.checksum(&content.sealed) != content.checksum {
            return Err(ReadError::Damaged { path: path.to_owned() });
        }
        if content.header.cipher != CIPHER {
            return Err(form(format!("it is sealed with {:?}, this program knows {CIPHER}", content.header.cipher)));
        }
        let (label, algorithm) = (content.header.label, content.header.public_key.algorithm());
        if algorithm != label.algorithm() {
            return Err(form(format!(
                "a {label} key must be {}, not {}",
                label.algorithm().as_str(),
                algorithm.as_str()
            )));
        }
        let sealed = STANDARD.decode(&content.sealed).map_err(|e| form(e.to_string()))?;
        Ok(Self { path: path.to_owned(), header: content.header, sealed })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the key is for.
    #[must_use]
    pub fn label(&self) -> KeyLabel {
        self.header.label
    }

    /// The public half, as the header says; it is proven only by unlocking.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.header.public_key
    }

    /// Opens a key that signs. Errors: [`UnlockError`].
    pub fn unlock(&self, passphrase: &Passphrase) -> Result<SoftwareKey, UnlockError> {
        if self.label() == KeyLabel::Sealing {
            return Err(self.purpose("a key that signs"));
        }
        self.open(passphrase)
    }

    /// Opens a sealing key. Errors: [`UnlockError`].
    pub fn unlock_sealing(&self, passphrase: &Passphrase) -> Result<SealingKey, UnlockError> {
        if self.label() != KeyLabel::Sealing {
            return Err(self.purpose("a sealing key"));
        }
        let altered = || UnlockError::Altered { path: self.path.clone() };
        let scalar = self.open(passphrase)?.scalar().map_err(|_| altered())?;
        SealingKey::from_scalar(&scalar).map_err(|_| altered())
    }

    /// Checks that the file holds a key of one purpose. Errors: [`UnlockError::Purpose`].
    pub fn expect_label(&self, label: KeyLabel) -> Result<(), UnlockError> {
        if self.label() == label { Ok(()) } else { Err(self.purpose(label.needed())) }
    }

    fn purpose(&self, wanted: &'static str) -> UnlockError {
        UnlockError::Purpose { path: self.path.clone(), found: self.label(), wanted }
    }

    fn open(&self, passphrase: &Passphrase) -> Result<SoftwareKey, UnlockError> {
        let Kdf::Argon2id(parameters) = self.header.kdf;
        let derived = passphrase
            .derive(parameters, self.header.salt.0)
            .map_err(|source| UnlockError::Kdf { path: self.path.clone(), source })?;
        if verify_slices_are_equal(&derived.check, &self.header.check.0).is_err() {
            return Err(UnlockError::WrongPassphrase { path: self.path.clone() });
        }
        let altered = || UnlockError::Altered { path: self.path.clone() };
        let scalar = unseal(&derived, &self.header, &self.sealed).ok_or_else(altered)?;
        let key = SoftwareKey::from_scalar(self.label().algorithm(), &scalar).map_err(|_| altered())?;
        if key.public_key() == self.public_key() { Ok(key) } else { Err(altered()) }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let sealed = STANDARD.encode(&self.sealed);
        let content = Content { header: self.header.clone(), checksum: self.header.checksum(&sealed), sealed };
        // As above: nothing in here can fail to serialise.
        let mut bytes = serde_json::to_vec_pretty(&content).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

fn cipher(derived: &Derived) -> Option<LessSafeKey> {
    Some(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &*derived.key).ok()?))
}

fn seal(derived: &Derived, header: &Header, scalar: &[u8]) -> Option<Vec<u8>> {
    let nonce = Nonce::assume_unique_for_key(header.nonce.0);
    // Room for the tag from the start, so that no copy of the scalar is left behind; it is encrypted in place.
    let mut bytes = Zeroizing::new(Vec::with_capacity(scalar.len() + AES_256_GCM.tag_len()));
    bytes.extend_from_slice(scalar);
    cipher(derived)?.seal_in_place_append_tag(nonce, Aad::from(header.canonical()), &mut *bytes).ok()?;
    Some(bytes.to_vec())
}

fn unseal(derived: &Derived, header: &Header, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = Nonce::assume_unique_for_key(header.nonce.0);
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let length = cipher(derived)?.open_in_place(nonce, Aad::from(header.canonical()), &mut bytes).ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

#[cfg(test)]
mod tests;
