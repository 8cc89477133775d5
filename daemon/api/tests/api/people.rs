//! People with keys, who sign statements.

use p256::ecdsa::signature::Signer as _;
use verbund_agent_core::Question;
use verbund_api::Caller;
use verbund_api::wire::question_bytes;
use verbund_identity::envelope::{STATEMENT_TYPE, pae};
use verbund_identity::login::login_name;
use verbund_identity::statement::SCHEMA;
use verbund_identity::{
    AskedBy, Authentication, Envelope, LoginRequest, Precondition, SpiffeId, Statement, Subject, key_id, normalise,
};
use verbund_model::resource::KeyOwner;
use verbund_model::{Algorithm, Command, Document, KeyId, PublicKey};

use crate::memory::{START, federation_id};

pub struct Person {
    secret: p256::ecdsa::SigningKey,
}

impl Person {
    pub fn new(seed: u8) -> Self {
        Self { secret: p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap() }
    }

    pub fn public(&self) -> PublicKey {
        let point = self.secret.verifying_key().to_encoded_point(false);
        PublicKey::from_point(Algorithm::P256, point.as_bytes()).unwrap()
    }

    pub fn key_id(&self) -> KeyId {
        key_id(&self.public())
    }

    pub fn owner(&self) -> KeyOwner {
        KeyOwner::User { organisation: "o".parse().unwrap(), user: "u".parse().unwrap() }
    }

    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = self.secret.sign(message);
        normalise(Algorithm::P256, &signature.to_bytes()).unwrap()
    }

    /// What the listener makes of this person's certificate.
    pub fn caller(&self) -> Caller {
        Caller::from_certificate(Some(SpiffeId {
            trust_domain: "nord.dvc".parse().unwrap(),
            subject: Subject::User(login_name(&self.key_id()).unwrap()),
        }))
    }

    pub fn statement(&self, sequence: u64, precondition: Option<Precondition>, command: Command) -> Statement {
        Statement {
            v: SCHEMA,
            federation: federation_id(),
            generation: 0,
            key: self.key_id(),
            session: 1,
            sequence,
            not_after: START + 600_000,
            precondition,
            command,
            sealed: Vec::new(),
        }
    }

    pub fn envelope(&self, statement: &Statement) -> Envelope {
        let payload = statement.to_payload();
        let signature = self.sign(&pae(STATEMENT_TYPE, &payload));
        Envelope { payload, key: self.key_id(), authentication: Authentication::Direct { signature } }
    }

    pub fn entry(&self, sequence: u64, name: &str, precondition: Option<Precondition>) -> Envelope {
        self.envelope(&self.statement(sequence, precondition, apply(name)))
    }

    /// The proof that this person asks, with a login whose key is the person's own: nobody looks at it here.
    pub fn asked(&self, question: &Question) -> AskedBy {
        let login = self.login(START, "CSR");
        let message = AskedBy::message(&login.federation, &login.key, START, &question_bytes(question));
        AskedBy { login, time: START, signature: self.sign(&message) }
    }

    pub fn login(&self, time: u64, csr: &str) -> LoginRequest {
        let message = LoginRequest::message(&federation_id(), &self.key_id(), time, csr);
        let signature = self.sign(&message);
        LoginRequest { federation: federation_id(), key: self.key_id(), time, csr: csr.into(), signature }
    }
}

pub fn apply(name: &str) -> Command {
    Command::ApplyCatalogueEntry {
        name: name.parse().unwrap(),
        organisation: "o".parse().unwrap(),
        schema_version: 1,
        document: Document::from_value(&serde_json::json!({"title": name})).unwrap(),
    }
}
