//! The author's own key, opened, and what it signs.

use verbund_identity::envelope::{BATCH_TYPE, STATEMENT_TYPE, pae};
use verbund_identity::{Authentication, Directive, Envelope, LoginRequest, Statement, add_signature, batch, key_id};
use verbund_keys::{Asking, AwsVerifier, KeyFile, PassphraseSource, SignError, Signer, Token, TokenError};
use verbund_model::resource::{Millis, SignedDirective};
use verbund_model::{FederationId, KeyId};

use crate::context::KeyReference;
use crate::failure::Failure;
use crate::t;

/// An author with an opened key.
pub struct Author {
    id: KeyId,
    signer: Box<dyn Signer>,
}

impl Author {
    /// Opens a key, in a file or in a token. Errors: there is none, or the passphrase or PIN is wrong.
    pub fn open(key: &KeyReference, passphrase: &PassphraseSource) -> Result<Self, Failure> {
        let path = match key {
            KeyReference::File(path) => path,
            KeyReference::Pkcs11(uri) => {
                let key = Token::open(uri, passphrase)?.any_key(uri)?;
                if key.agrees() {
                    let (token, key) = (uri.token.clone(), uri.object.clone().unwrap_or_default());
                    let (found, wanted) = (t!("keys-word-sealing"), t!("keys-word-signing"));
                    return Err(TokenError::KeyType { token, key, found, wanted }.into());
                }
                return Ok(Self::new(key));
            }
        };
        let file = KeyFile::read(path)?;
        let what = t!("client-key-at", path = path.display().to_string());
        let passphrase = passphrase.obtain(&what, Asking::Existing)?;
        Ok(Self::new(file.unlock(&passphrase)?))
    }

    /// An author with an opened key.
    #[must_use]
    pub fn new(signer: impl Signer + 'static) -> Self {
        Self { id: key_id(signer.public_key()), signer: Box::new(signer) }
    }

    /// The key's id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Signs one statement.
    pub fn sign(&self, statement: &Statement) -> Result<Envelope, SignError> {
        Envelope::direct(statement, |message| self.signer.sign(message))
    }

    /// Signs many statements at once: one signature over the root of their Merkle tree (design 3.3). At most
    /// [`batch::MAX_BATCH`]; for none the answer is none.
    pub fn sign_batch(&self, statements: &[Statement]) -> Result<Vec<Envelope>, SignError> {
        if let [statement] = statements {
            return Ok(vec![self.sign(statement)?]);
        }
        let payloads: Vec<Vec<u8>> = statements.iter().map(Statement::to_payload).collect();
        let leaves: Vec<_> = payloads.iter().map(|p| batch::leaf_hash(&pae(STATEMENT_TYPE, p))).collect();
        let Some((root, proofs)) = batch::build(&leaves) else { return Ok(Vec::new()) };
        let signature = self.signer.sign(&pae(BATCH_TYPE, &root.0))?;
        let envelope = |(payload, proof)| Envelope {
            payload,
            key: self.id,
            authentication: Authentication::Batch { signature: signature.clone(), proof },
        };
        Ok(payloads.into_iter().zip(proofs).map(envelope).collect())
    }

    /// Adds this author's signature to a directive. It changes nothing if that is there already. Errors: the key does not sign.
    pub fn sign_directive(&self, signed: &mut SignedDirective) -> Result<(), Failure> {
        let signature = self.signer.sign(&Directive::message(&signed.payload.0))?;
        Ok(add_signature(signed, self.signer.public_key(), &signature, &AwsVerifier)?)
    }

    /// Signs a request for a user certificate.
    pub fn sign_login(&self, federation: FederationId, time: Millis, csr: String) -> Result<LoginRequest, SignError> {
        let signature = self.signer.sign(&LoginRequest::message(&federation, &self.id, time, &csr))?;
        Ok(LoginRequest { federation, key: self.id, time, csr, signature })
    }
}
