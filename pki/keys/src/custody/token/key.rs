//! A private key that stays in its token.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism as Call;
use cryptoki::mechanism::elliptic_curve::{EcKdf, Ecdh1DeriveParams};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use verbund_identity::{SignatureVerifier as _, normalise};
use verbund_model::{Algorithm, PublicKey};
use zeroize::Zeroizing;

use super::error::TokenError;
use super::module::Lent;
use super::objects;
use super::session::{Fault, Token, name};
use super::uri::TokenUri;
use crate::custody::signer::{SignError, Signer};
use crate::custody::verifier::AwsVerifier;
use crate::sealing::{self, OpenError, Opener};

/// A private key in a token: it signs, or opens what was sealed, and never comes out. It finds its way back after the token
/// was away.
pub struct TokenKey {
    token: Token,
    uri: TokenUri,
    public: PublicKey,
    agrees: bool,
    /// Where it was found, good in one epoch of the module's sessions.
    handle: Mutex<Option<(u64, ObjectHandle)>>,
}

impl TokenKey {
    pub(super) fn new(token: Token, uri: TokenUri, public: PublicKey, agrees: bool) -> Self {
        Self { token, uri, public, agrees, handle: Mutex::new(None) }
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Where it is.
    #[must_use]
    pub const fn uri(&self) -> &TokenUri {
        &self.uri
    }

    /// Whether it agrees on secrets (a sealing key), rather than signing.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.agrees
    }

    /// Insists that it is the key which is known by its public half. Errors: [`TokenError::OtherKey`].
    pub fn expect(self, wanted: &PublicKey) -> Result<Self, TokenError> {
        if self.public == *wanted { Ok(self) } else { Err(self.other(self.public.clone(), wanted.clone())) }
    }

    fn other(&self, found: PublicKey, wanted: PublicKey) -> TokenError {
        TokenError::OtherKey { token: self.uri.token.clone(), key: name(&self.uri), found, wanted }
    }

    /// The handle in this epoch; the key is looked for, and its public half compared, once for each.
    fn handle(&self, lent: &Lent) -> Result<ObjectHandle, Fault> {
        let known = *self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((epoch, handle)) = known
            && epoch == lent.epoch
        {
            return Ok(handle);
        }
        let (handle, seen) = self.token.find(lent, &self.uri)?;
        let found = self.token.public_key(lent, &self.uri, &seen, self.public.algorithm())?;
        if found != self.public {
            return Err(self.other(found, self.public.clone()).into());
        }
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = Some((lent.epoch, handle));
        Ok(handle)
    }

    fn sign_digest(&self, lent: &Lent, message: &[u8], digest: &[u8]) -> Result<Vec<u8>, Fault> {
        let handle = self.handle(lent)?;
        let raw = lent.session().sign(&Call::Ecdsa, handle, digest).map_err(|e| self.token.fault("signing", &e))?;
        // A handle may meanwhile mean another key, and tokens fail too: nothing leaves unchecked.
        let signature = normalise(self.public.algorithm(), &raw)
            .filter(|signature| AwsVerifier.verify(&self.public, message, signature));
        signature.ok_or_else(|| {
            let reason = format!("its {} bytes are no signature of this key", raw.len());
            TokenError::Failed { token: self.uri.token.clone(), verb: "signing", reason }.into()
        })
    }

    /// The secret that this key agrees on with a point on P-384: the x coordinate, which leaves the token; the key does not.
    fn agree(&self, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        self.token.run(|lent| {
            let handle = self.handle(lent)?;
            match self.derive(lent, handle, point) {
                // Some tokens want the point in an OCTET STRING.
                Err(Error::Pkcs11(RvError::MechanismParamInvalid | RvError::ArgumentsBad, _)) => {
                    let wrapped = objects::wrapped(point).unwrap_or_default();
                    self.derive(lent, handle, &wrapped)
                }
                other => other,
            }
            .map_err(|e| self.token.fault("agreeing", &e))
        })
    }

    fn derive(&self, lent: &Lent, handle: ObjectHandle, point: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        let length = self.public.algorithm().coordinate_len();
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::GENERIC_SECRET),
            Attribute::Token(false),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::ValueLen(length.try_into()?),
        ];
        let call = Call::Ecdh1Derive(Ecdh1DeriveParams::new(EcKdf::null(), point));
        let session = lent.session();
        let derived = session.derive_key(&call, handle, &template)?;
        let read = session.get_attributes(derived, &[AttributeType::Value]);
        session.destroy_object(derived)?;
        let mut secret = Zeroizing::new(vec![0; length]);
        for attribute in read? {
            if let Attribute::Value(value) = attribute {
                let value = Zeroizing::new(value);
                // A coordinate that begins with zeros may come shortened.
                let start = length.checked_sub(value.len()).filter(|_| !value.is_empty()).ok_or(Error::InvalidValue)?;
                secret[start..].copy_from_slice(&value);
                return Ok(secret);
            }
        }
        Err(Error::InvalidValue)
    }
}

impl Signer for TokenKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let algorithm = match self.public.algorithm() {
            Algorithm::P256 => &digest::SHA256,
            Algorithm::P384 => &digest::SHA384,
        };
        let digest = digest::digest(algorithm, message);
        Ok(self.token.run(|lent| self.sign_digest(lent, message, digest.as_ref()))?)
    }
}

impl Opener for TokenKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        sealing::open_by_agreement(&self.public, info, aad, sealed, |point| Ok(self.agree(point)?))
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, {})", self.public, self.uri)
    }
}
