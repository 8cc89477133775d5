//! A token in use, and what happens when it does not answer as before.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{Mechanism as Call, MechanismType};
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use verbund_model::{Algorithm, PublicKey};

use super::error::TokenError;
use super::key::TokenKey;
use super::login::Login;
use super::mechanisms::Mechanism;
use super::module::{Lent, Module, Place};
use super::objects::{self, Seen};
use super::uri::TokenUri;
use super::{MODULE_VARIABLE, TokenKeyInfo};
use crate::custody::label::KeyLabel;
use crate::custody::passphrase_source::PassphraseSource;

/// Bytes of a new key's CKA_ID.
const ID: usize = 16;

/// A token that is there and took the PIN. Clones share it. Every use may block for as long as the token needs, and at most a
/// few threads are let in at once.
#[derive(Clone)]
pub struct Token {
    pub(super) uri: TokenUri,
    module: Arc<Module>,
    place: Place,
    login: Arc<Login>,
}

/// A failure, and whether it may pass when all sessions are opened again.
pub(super) struct Fault {
    pub(super) error: TokenError,
    pub(super) passing: bool,
}

impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        // A token that is away may look like an empty one, and one that came back like a strange one.
        let passing = matches!(
            error,
            TokenError::TokenMissing { .. }
                | TokenError::Wiped { .. }
                | TokenError::KeyMissing { .. }
                | TokenError::OtherKey { .. }
                | TokenError::NoPublicKey { .. }
                | TokenError::PinNotSet { .. }
                | TokenError::Failed { .. }
                | TokenError::Module { .. }
        );
        Self { error, passing }
    }
}

impl Token {
    /// Opens the token that `uri` names: loads its module, finds it by its label, logs in. `pin`: where the PIN comes from if
    /// the URI does not say and the token has no key pad. Errors: [`TokenError`].
    pub fn open(uri: &TokenUri, pin: &PassphraseSource) -> Result<Self, TokenError> {
        let module = Module::load(&module_path(uri)?)?;
        let place = Place {
            token: uri.token.clone(),
            serial: uri.serial.clone(),
            manufacturer: uri.manufacturer.clone(),
            model: uri.model.clone(),
        };
        let login = Arc::new(Login::new(uri.token.clone(), uri.pin.clone(), pin.clone()));
        let token = Self { uri: uri.without_key(), module, place, login };
        token.run(|_| Ok(()))?;
        Ok(token)
    }

    /// Its URI, without a key.
    #[must_use]
    pub const fn uri(&self) -> &TokenUri {
        &self.uri
    }

    /// Makes a key of `label`'s purpose under the name `object`: it cannot be read or taken out, and does only what the
    /// purpose needs. Errors: [`TokenError`]; no key of this run is left behind then.
    pub fn generate(&self, object: &str, label: KeyLabel) -> Result<TokenKey, TokenError> {
        self.needs(Mechanism::Generate)?;
        self.needs(use_of(label == KeyLabel::Sealing))?;
        let name = Attribute::Label(object.as_bytes().to_vec());
        let there = self.run(|lent| {
            objects::private_keys(lent.session(), std::slice::from_ref(&name))
                .map_err(|e| self.fault("looking for keys", &e))
        })?;
        if !there.is_empty() {
            return Err(TokenError::KeyExists { token: self.uri.token.clone(), key: object.to_owned() });
        }
        self.make(object, label)?;
        self.key(&self.uri.with_object(object), label)
    }

    fn make(&self, object: &str, label: KeyLabel) -> Result<(), TokenError> {
        let failed = |e: &Error| self.fault("making a key", e).error;
        let mut id = vec![0; ID];
        SystemRandom::new().fill(&mut id).map_err(|_| TokenError::Failed {
            token: self.uri.token.clone(),
            verb: "making a key",
            reason: "the system's random source gave nothing".to_owned(),
        })?;
        let agrees = label == KeyLabel::Sealing;
        let common = [
            Attribute::Token(true),
            Attribute::KeyType(KeyType::EC),
            Attribute::Label(object.as_bytes().to_vec()),
            Attribute::Id(id),
            Attribute::Derive(agrees),
        ];
        let mut public = common.to_vec();
        public.extend([
            Attribute::Class(ObjectClass::PUBLIC_KEY),
            Attribute::Private(false),
            Attribute::EcParams(objects::curve(label.algorithm()).to_vec()),
            Attribute::Verify(!agrees),
            Attribute::Encrypt(false),
            Attribute::Wrap(false),
        ]);
        let mut private = common.to_vec();
        private.extend([
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Sign(!agrees),
            Attribute::Decrypt(false),
            Attribute::Unwrap(false),
        ]);
        let lent = self.module.lend(&self.place, &self.login)?;
        let session = self.module.open_to_write(&lent, &self.login)?;
        let (public, private) =
            session.generate_key_pair(&Call::EccKeyPairGen, &public, &private).map_err(|e| failed(&e))?;
        let seen = objects::look(&session, private).map_err(|e| failed(&e))?;
        if let Some(why) = seen.weakness() {
            // The token did not do as it was told: what it made must not stay.
            for object in [public, private] {
                session.destroy_object(object).map_err(|e| failed(&e))?;
            }
            return Err(TokenError::Unprotected { token: self.uri.token.clone(), key: object.to_owned(), why });
        }
        Ok(())
    }

    /// Opens the key that `uri` names, for `label`'s purpose. Errors: [`TokenError`].
    pub fn key(&self, uri: &TokenUri, label: KeyLabel) -> Result<TokenKey, TokenError> {
        self.key_for(uri, label.algorithm(), label == KeyLabel::Sealing)
    }

    /// Opens the key that `uri` names, of whatever curve it is. Errors: [`TokenError`].
    pub fn any_key(&self, uri: &TokenUri) -> Result<TokenKey, TokenError> {
        let seen = self.run(|lent| Ok(self.find(lent, uri)?.1))?;
        let Some(algorithm) = seen.algorithm else {
            return Err(self.wrong_type(uri, &seen, "a key on P-256 or P-384"));
        };
        self.key_for(uri, algorithm, seen.derives && !seen.signs)
    }

    fn key_for(&self, uri: &TokenUri, algorithm: Algorithm, agrees: bool) -> Result<TokenKey, TokenError> {
        if uri.object.is_none() && uri.id.is_none() {
            return Err(TokenError::NoKeyNamed { token: self.uri.token.clone() });
        }
        self.needs(use_of(agrees))?;
        let uri = uri.moved_to(&self.uri);
        let public = self.run(|lent| {
            let (_, seen) = self.find(lent, &uri)?;
            self.check(&uri, &seen, algorithm, agrees)?;
            self.public_key(lent, &uri, &seen, algorithm)
        })?;
        Ok(TokenKey::new(self.clone(), uri, public, agrees))
    }

    fn check(&self, uri: &TokenUri, seen: &Seen, algorithm: Algorithm, agrees: bool) -> Result<(), TokenError> {
        if seen.key_type != Some(KeyType::EC) || seen.algorithm != Some(algorithm) {
            return Err(self.wrong_type(uri, seen, algorithm.as_str()));
        }
        if agrees && !seen.derives {
            return Err(self.wrong_type(uri, seen, "a key that may agree on secrets (CKA_DERIVE)"));
        }
        if !agrees && !seen.signs {
            return Err(self.wrong_type(uri, seen, "a key that may sign (CKA_SIGN)"));
        }
        match seen.weakness() {
            None => Ok(()),
            Some(why) => Err(TokenError::Unprotected { token: self.uri.token.clone(), key: name(uri), why }),
        }
    }

    fn wrong_type(&self, uri: &TokenUri, seen: &Seen, wanted: &str) -> TokenError {
        let uses = match (seen.signs, seen.derives) {
            (true, true) => "that may sign and agree",
            (true, false) => "that may only sign",
            (false, true) => "that may only agree",
            (false, false) => "that may do neither",
        };
        TokenError::KeyType {
            token: self.uri.token.clone(),
            key: name(uri),
            found: format!("{}, {uses}", seen.describe()),
            wanted: wanted.to_owned(),
        }
    }

    /// The one private key that `uri` names.
    pub(super) fn find(&self, lent: &Lent, uri: &TokenUri) -> Result<(cryptoki::object::ObjectHandle, Seen), Fault> {
        let fault = |e: Error| self.fault("looking for a key", &e);
        let mut template = Vec::new();
        template.extend(uri.object.as_ref().map(|label| Attribute::Label(label.clone().into_bytes())));
        template.extend(uri.id.clone().map(Attribute::Id));
        let found = objects::private_keys(lent.session(), &template).map_err(fault)?;
        let token = self.uri.token.clone();
        match found[..] {
            [handle] => Ok((handle, objects::look(lent.session(), handle).map_err(fault)?)),
            [] => {
                let mut present = Vec::new();
                for handle in objects::private_keys(lent.session(), &[]).map_err(fault)? {
                    present.push(objects::look(lent.session(), handle).map_err(fault)?.label);
                }
                let key = name(uri);
                Err(if present.is_empty() {
                    TokenError::Wiped { token, key }.into()
                } else {
                    TokenError::KeyMissing { token, key, present }.into()
                })
            }
            _ => Err(TokenError::KeyAmbiguous { token, key: name(uri), count: found.len() }.into()),
        }
    }

    pub(super) fn public_key(
        &self,
        lent: &Lent,
        uri: &TokenUri,
        seen: &Seen,
        algorithm: Algorithm,
    ) -> Result<PublicKey, Fault> {
        let none = |reason: String| TokenError::NoPublicKey { token: self.uri.token.clone(), key: name(uri), reason };
        let points = objects::points(lent.session(), seen).map_err(|e| self.fault("reading a public key", &e))?;
        let mut keys: Vec<PublicKey> = points.iter().filter_map(|p| objects::public_key(algorithm, p)).collect();
        keys.dedup();
        match keys.len() {
            1 => Ok(keys.remove(0)),
            0 => Err(none(format!("{} points, none on {}", points.len(), algorithm.as_str())).into()),
            count => Err(none(format!("{count} different ones have its id or label")).into()),
        }
    }

    /// All private keys in it. Errors: [`TokenError`].
    pub fn keys(&self) -> Result<Vec<TokenKeyInfo>, TokenError> {
        self.run(|lent| {
            let fault = |e: Error| self.fault("listing keys", &e);
            let mut keys = Vec::new();
            for handle in objects::private_keys(lent.session(), &[]).map_err(fault)? {
                let seen = objects::look(lent.session(), handle).map_err(fault)?;
                let mut uri = self.uri.with_object(seen.label.clone());
                uri.id = Some(seen.id.clone()).filter(|id| !id.is_empty());
                let public = seen.algorithm.and_then(|a| self.public_key(lent, &uri, &seen, a).ok());
                let protected = seen.weakness().is_none();
                let (kind, signs, agrees) = (seen.describe(), seen.signs, seen.derives);
                keys.push(TokenKeyInfo { uri, public, kind, signs, agrees, protected });
            }
            keys.sort_by(|a, b| (&a.uri.object, &a.uri.id).cmp(&(&b.uri.object, &b.uri.id)));
            Ok(keys)
        })
    }

    /// Which of the mechanisms that keys of this program use it lacks. Errors: [`TokenError`].
    pub fn missing_mechanisms(&self) -> Result<Vec<Mechanism>, TokenError> {
        let has = self.run(|lent| {
            self.module.context().get_mechanism_list(lent.slot).map_err(|e| self.fault("listing its mechanisms", &e))
        })?;
        let of = |mechanism: &Mechanism| match mechanism {
            Mechanism::Generate => MechanismType::ECC_KEY_PAIR_GEN,
            Mechanism::Sign => MechanismType::ECDSA,
            Mechanism::Agree => MechanismType::ECDH1_DERIVE,
        };
        Ok(Mechanism::ALL.into_iter().filter(|mechanism| !has.contains(&of(mechanism))).collect())
    }

    /// Some modules do what they do not list, others fail with anything: so the list counts.
    fn needs(&self, mechanism: Mechanism) -> Result<(), TokenError> {
        if self.missing_mechanisms()?.contains(&mechanism) {
            return Err(TokenError::MechanismMissing { token: self.uri.token.clone(), mechanism });
        }
        Ok(())
    }

    /// Does `work` with a session; once more after all sessions were opened again, if it failed in a way that may pass.
    pub(super) fn run<T>(&self, work: impl Fn(&Lent) -> Result<T, Fault>) -> Result<T, TokenError> {
        let epoch = self.module.epoch();
        match self.once(&work) {
            Ok(value) => Ok(value),
            Err(fault) if fault.passing && self.module.reset(epoch, &self.uri.token)? => {
                self.once(&work).map_err(|fault| fault.error)
            }
            Err(fault) => Err(fault.error),
        }
    }

    fn once<T>(&self, work: impl Fn(&Lent) -> Result<T, Fault>) -> Result<T, Fault> {
        let lent = self.module.lend(&self.place, &self.login)?;
        work(&lent)
    }

    /// What the module's answer means.
    pub(super) fn fault(&self, verb: &'static str, error: &Error) -> Fault {
        let token = || self.uri.token.clone();
        let mechanism = match verb {
            "signing" => Mechanism::Sign,
            "agreeing" => Mechanism::Agree,
            _ => Mechanism::Generate,
        };
        match error {
            Error::Pkcs11(RvError::MechanismInvalid, _) => {
                TokenError::MechanismMissing { token: token(), mechanism }.into()
            }
            other => TokenError::Failed { token: token(), verb, reason: other.to_string() }.into(),
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.uri)
    }
}

const fn use_of(agrees: bool) -> Mechanism {
    if agrees { Mechanism::Agree } else { Mechanism::Sign }
}

/// How a message names a key.
pub(super) fn name(uri: &TokenUri) -> String {
    match (&uri.object, &uri.id) {
        (Some(object), _) => object.clone(),
        (None, Some(id)) => id.iter().map(|byte| format!("{byte:02x}")).collect(),
        (None, None) => String::new(),
    }
}

fn module_path(uri: &TokenUri) -> Result<PathBuf, TokenError> {
    if let Some(path) = &uri.module {
        return Ok(path.clone());
    }
    let missing = || TokenError::NoModule { token: uri.token.clone(), variable: MODULE_VARIABLE };
    std::env::var_os(MODULE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from).ok_or_else(missing)
}
