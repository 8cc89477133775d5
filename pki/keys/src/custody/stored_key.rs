//! A key as a directory holds it: sealed into a file, or as a reference to a token, which is public but for whom it helps.
//!
//! ```text
//! { "version": 1, "label": "issuing-ca", "publicKey": "p384:…", "token": "pkcs11:token=…;object=…?module-path=…" }
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use verbund_model::PublicKey;

use super::key_file::{CreateError, KeyFile, ReadError, UnlockError};
use super::label::KeyLabel;
use super::passphrase::Passphrase;
use super::passphrase_source::PassphraseSource;
use super::signer::Signer;
use super::token::{Token, TokenError, TokenKey, TokenUri};
use crate::files;
use crate::sealing::Opener;

const VERSION: u32 = 1;
/// The most bytes of a file.
const MAX_FILE: u64 = 16 * 1024;

/// What opens stored keys: the passphrase of sealed files, and for tokens where they are now and where their PIN comes from.
pub struct Access<'a> {
    passphrase: Option<&'a Passphrase>,
    place: Option<TokenUri>,
    pin: PassphraseSource,
    /// Each token is opened once.
    tokens: Mutex<Vec<Token>>,
}

impl<'a> Access<'a> {
    /// Access with a passphrase, if there are sealed files. `place`: the token in which the keys are to be, whatever their
    /// references say of token, module and PIN; then no sealed file is taken. `pin`: where a PIN comes from if no URI says.
    #[must_use]
    pub fn new(passphrase: Option<&'a Passphrase>, place: Option<TokenUri>, pin: PassphraseSource) -> Self {
        Self { passphrase, place, pin, tokens: Mutex::default() }
    }

    /// The token in which keys are to be, if one was named.
    #[must_use]
    pub const fn place(&self) -> Option<&TokenUri> {
        self.place.as_ref()
    }

    /// The passphrase, if there is one.
    #[must_use]
    pub const fn passphrase(&self) -> Option<&'a Passphrase> {
        self.passphrase
    }

    /// The token that `uri` names. Errors: [`TokenError`].
    #[cfg_attr(not(feature = "pkcs11"), allow(unreachable_code, reason = "such a build has no token to go on with"))]
    pub fn token(&self, uri: &TokenUri) -> Result<Token, TokenError> {
        let uri = uri.without_key();
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(token) = tokens.iter().find(|token| *token.uri() == uri) {
            return Ok(token.clone());
        }
        let token = Token::open(&uri, &self.pin)?;
        tokens.push(token.clone());
        Ok(token)
    }
}

impl<'a> From<&'a Passphrase> for Access<'a> {
    fn from(passphrase: &'a Passphrase) -> Self {
        Self::new(Some(passphrase), None, PassphraseSource::None)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Reference {
    version: u32,
    label: KeyLabel,
    public_key: PublicKey,
    token: String,
}

/// Only what tells the two forms apart.
#[derive(Deserialize)]
struct AnyForm {
    token: Option<IgnoredAny>,
    version: Option<u32>,
}

/// A reference to a key in a token.
#[derive(Clone, Debug)]
pub struct TokenReference {
    path: PathBuf,
    label: KeyLabel,
    public_key: PublicKey,
    uri: TokenUri,
}

impl TokenReference {
    /// Where the key is.
    #[must_use]
    pub const fn uri(&self) -> &TokenUri {
        &self.uri
    }

    fn key(&self, access: &Access<'_>) -> Result<TokenKey, TokenError> {
        let uri = access.place.as_ref().map_or_else(|| self.uri.clone(), |place| self.uri.moved_to(place));
        access.token(&uri)?.key(&uri, self.label)?.expect(&self.public_key)
    }
}

/// A key in a directory.
#[derive(Clone, Debug)]
pub enum StoredKey {
    /// Sealed in the file.
    Sealed(KeyFile),
    /// In a token; the file says in which.
    Token(TokenReference),
}

impl StoredKey {
    /// Reads what is at `path`. Needs neither passphrase nor token. Errors: [`ReadError`].
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let bytes = files::read_secret(path, MAX_FILE)?;
        let form = |reason: String| ReadError::Form { path: path.to_owned(), reason };
        match serde_json::from_slice::<AnyForm>(&bytes) {
            Ok(AnyForm { token: Some(_), version: Some(version) }) if version != VERSION => {
                Err(ReadError::Version { path: path.to_owned(), version })
            }
            Ok(AnyForm { token: Some(_), .. }) => {
                let content: Reference = serde_json::from_slice(&bytes).map_err(|e| form(e.to_string()))?;
                let (label, public_key) = (content.label, content.public_key);
                let (found, wanted) = (public_key.algorithm(), label.algorithm());
                if found != wanted {
                    return Err(form(format!("a {label} key must be {}, not {}", wanted.as_str(), found.as_str())));
                }
                let uri = content.token.parse().map_err(|e: super::token::TokenUriError| form(e.to_string()))?;
                Ok(Self::Token(TokenReference { path: path.to_owned(), label, public_key, uri }))
            }
            _ => KeyFile::read(path).map(Self::Sealed),
        }
    }

    /// Makes a key for `label`'s purpose in the token that `access` names, under the name `object`, and writes the reference
    /// to `path`. A key of that name which is there already is taken, if it fits the purpose and cannot leave the token: it is
    /// what an earlier run made, whose reference was not written or was lost with the disk. Errors: [`CreateError`].
    pub fn create_in_token(
        path: &Path,
        label: KeyLabel,
        place: &TokenUri,
        object: &str,
        access: &Access<'_>,
    ) -> Result<Self, CreateError> {
        let failed = |source| CreateError::Token { label, source };
        let token = access.token(place).map_err(failed)?;
        let key = match token.generate(object, label) {
            Err(TokenError::KeyExists { .. }) => token.key(&place.with_object(object), label).map_err(failed)?,
            other => other.map_err(failed)?,
        };
        let (uri, public_key) = (key.uri().clone(), key.public_key().clone());
        let content = Reference { version: VERSION, label, public_key: public_key.clone(), token: uri.to_string() };
        // Strings and numbers only: nothing in there can fail to serialise.
        let mut bytes = serde_json::to_vec_pretty(&content).unwrap_or_default();
        bytes.push(b'\n');
        files::create(path, &bytes, files::SECRET).map_err(|source| CreateError::File { label, source })?;
        Ok(Self::Token(TokenReference { path: path.to_owned(), label, public_key, uri }))
    }

    /// Where it is, or its reference.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Sealed(file) => file.path(),
            Self::Token(reference) => &reference.path,
        }
    }

    /// What the key is for.
    #[must_use]
    pub fn label(&self) -> KeyLabel {
        match self {
            Self::Sealed(file) => file.label(),
            Self::Token(reference) => reference.label,
        }
    }

    /// The public half, as written down; it is proven only by unlocking.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        match self {
            Self::Sealed(file) => file.public_key(),
            Self::Token(reference) => &reference.public_key,
        }
    }

    /// Where it is in a token; `None` for a sealed file.
    #[must_use]
    pub const fn token(&self) -> Option<&TokenUri> {
        match self {
            Self::Sealed(_) => None,
            Self::Token(reference) => Some(&reference.uri),
        }
    }

    /// Checks that it is a key of one purpose. Errors: [`UnlockError::Purpose`].
    pub fn expect_label(&self, label: KeyLabel) -> Result<(), UnlockError> {
        if self.label() == label { Ok(()) } else { Err(self.purpose(label.needed())) }
    }

    fn purpose(&self, wanted: &'static str) -> UnlockError {
        UnlockError::Purpose { path: self.path().to_owned(), found: self.label(), wanted }
    }

    /// Opens a key that signs. Errors: [`UnlockError`].
    pub fn unlock(&self, access: &Access<'_>) -> Result<Arc<dyn Signer>, UnlockError> {
        match self {
            Self::Sealed(file) => Ok(Arc::new(file.unlock(passphrase_for(file, access)?)?)),
            Self::Token(reference) if reference.label == KeyLabel::Sealing => Err(self.purpose("a key that signs")),
            Self::Token(reference) => Ok(Arc::new(reference.key(access)?)),
        }
    }

    /// Opens a sealing key. Errors: [`UnlockError`].
    pub fn unlock_sealing(&self, access: &Access<'_>) -> Result<Arc<dyn Opener>, UnlockError> {
        match self {
            Self::Sealed(file) => Ok(Arc::new(file.unlock_sealing(passphrase_for(file, access)?)?)),
            Self::Token(reference) if reference.label != KeyLabel::Sealing => Err(self.purpose("a sealing key")),
            Self::Token(reference) => Ok(Arc::new(reference.key(access)?)),
        }
    }
}

fn passphrase_for<'a>(file: &KeyFile, access: &Access<'a>) -> Result<&'a Passphrase, UnlockError> {
    if let Some(place) = &access.place {
        return Err(UnlockError::NotInToken { path: file.path().to_owned(), token: place.token.clone() });
    }
    access.passphrase.ok_or_else(|| UnlockError::NoPassphrase { path: file.path().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::{KdfParameters, SoftwareKey};

    const CHEAP: KdfParameters = KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };

    fn reference(dir: &Path, label: &str, key: &PublicKey, token: &str) -> PathBuf {
        let path = dir.join(format!("{label}-{}", token.len()));
        let text = format!(r#"{{"version":1,"label":"{label}","publicKey":"{key}","token":"{token}"}}"#);
        files::create(&path, text.as_bytes(), files::SECRET).unwrap();
        path
    }

    #[test]
    fn both_forms_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::new("p").unwrap();
        let sealed = dir.path().join("sealed");
        let file = KeyFile::create(&sealed, KeyLabel::Node, &passphrase, CHEAP).unwrap();
        let read = StoredKey::read(&sealed).unwrap();
        assert_eq!((read.public_key(), read.token()), (file.public_key(), None));
        assert!(read.unlock(&(&passphrase).into()).is_ok());

        let uri = "pkcs11:token=t;object=k";
        let read = StoredKey::read(&reference(dir.path(), "node", file.public_key(), uri)).unwrap();
        assert_eq!((read.label(), read.public_key()), (KeyLabel::Node, file.public_key()));
        assert_eq!(read.token().unwrap().to_string(), uri);
        assert!(matches!(read.unlock_sealing(&(&passphrase).into()), Err(UnlockError::Purpose { .. })));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let p256 = SoftwareKey::generate(verbund_model::Algorithm::P256).unwrap().public_key().clone();
        for (label, uri) in [("issuing-ca", "pkcs11:token=t;object=k"), ("node", "pkcs11:object=k"), ("node", "x")] {
            let path = reference(dir.path(), label, &p256, uri);
            assert!(matches!(StoredKey::read(&path), Err(ReadError::Form { .. })), "{label} {uri}");
        }
    }

    #[test]
    fn a_sealed_file_is_not_taken_where_a_token_is_demanded_nor_without_a_passphrase() {
        let dir = tempfile::tempdir().unwrap();
        let passphrase = Passphrase::new("p").unwrap();
        let path = dir.path().join("k");
        KeyFile::create(&path, KeyLabel::Node, &passphrase, CHEAP).unwrap();
        let key = StoredKey::read(&path).unwrap();
        let place = Some(TokenUri::of_token("t"));
        let demanding = Access::new(Some(&passphrase), place, PassphraseSource::None);
        assert!(matches!(key.unlock(&demanding).err(), Some(UnlockError::NotInToken { .. })));
        let bare = Access::new(None, None, PassphraseSource::None);
        assert!(matches!(key.unlock(&bare).err(), Some(UnlockError::NoPassphrase { .. })));
    }
}
