//! Who signed an entry: everything up to the signature. Nothing of it is remembered, so that nobody without a registered
//! key can fill the state.
//!
//! The texts are this crate's own and not a decoder's: they are part of the audit chain. Whoever takes an envelope in at
//! the edge tells its author more.

use verbund_identity::envelope::EnvelopeError;
use verbund_identity::statement::StatementError;
use verbund_identity::{Authentication, Envelope, SignatureVerifier, Statement, is_fixed_form};
use verbund_model::resource::{KeyOwner, NodeStanding, RegisteredKey, Standing};
use verbund_model::{Hash, KeyId, Refusal};

use crate::entry::{EntryError, MAX_ENTRY};
use crate::object::label;
use crate::state::State;

/// A statement whose author is known.
#[derive(Clone, Debug)]
pub(crate) struct Authenticated {
    /// What the author said.
    pub(crate) statement: Statement,
    /// SHA-256 of the bytes that the author signed.
    pub(crate) payload: Hash,
    /// The author's key.
    pub(crate) key: KeyId,
    /// Whose key it is.
    pub(crate) owner: KeyOwner,
}

impl State {
    /// The statement in an envelope's bytes, if a registered key in good standing signed it.
    pub(crate) fn authenticate(
        &self,
        envelope: &[u8],
        verifier: &dyn SignatureVerifier,
    ) -> Result<Authenticated, Refusal> {
        let envelope = Envelope::from_bytes(envelope).map_err(envelope_refusal)?;
        match &envelope.authentication {
            Authentication::Direct { .. } | Authentication::Batch { .. } => {}
            Authentication::Passkey { .. } => return Err(not_enabled("passkey authors")),
            Authentication::Gateway { .. } => return Err(not_enabled("gateway authors")),
        }
        let statement = Statement::from_payload(&envelope.payload).map_err(statement_refusal)?;
        if !statement.sealed.is_empty() {
            return Err(not_enabled("sealed parts"));
        }
        if statement.key != envelope.key {
            return Err(malformed("the envelope names another key than the statement in it"));
        }
        self.check_federation(&statement)?;
        let registered = self.check_key(&envelope.key)?;
        check_signature(&envelope, registered, verifier)?;
        let owner = registered.owner.clone();
        Ok(Authenticated { payload: envelope.payload_hash(), key: envelope.key, owner, statement })
    }

    fn check_federation(&self, statement: &Statement) -> Result<(), Refusal> {
        let federation = &self.federation().value;
        if statement.federation != federation.id {
            return Err(Refusal::WrongFederation { found: statement.federation });
        }
        if statement.generation != federation.generation {
            return Err(Refusal::WrongGeneration { found: statement.generation, current: federation.generation });
        }
        Ok(())
    }

    /// The key at this very index, if it still counts and its owner may act.
    fn check_key(&self, key: &KeyId) -> Result<&RegisteredKey, Refusal> {
        let registered = &self.key(key).ok_or(Refusal::UnknownKey { key: *key })?.value;
        if registered.revoked {
            return Err(Refusal::KeyRevoked { key: *key });
        }
        match &registered.owner {
            KeyOwner::Coordinator | KeyOwner::Invitation => {}
            KeyOwner::User { organisation, .. } => self.check_organisation(organisation)?,
            KeyOwner::Node { node } => {
                // A removed node's key is revoked with it; this holds should that ever be forgotten.
                let node = self.node(node).filter(|node| node.value.standing == NodeStanding::Active);
                let node = node.ok_or(Refusal::KeyRevoked { key: *key })?;
                self.check_site(&node.value.site)?;
            }
            KeyOwner::Agent { cluster } => {
                // A removed cluster's key is revoked with it, like a node's.
                let cluster = self.cluster(cluster).ok_or(Refusal::KeyRevoked { key: *key })?;
                self.check_site(&cluster.value.site)?;
            }
        }
        Ok(registered)
    }

    fn check_site(&self, name: &verbund_model::SiteName) -> Result<(), Refusal> {
        match self.site(name) {
            // A suspended site is still a member: its node votes, its agents report.
            Some(site) if site.value.standing != Standing::Excluded => Ok(()),
            _ => Err(Refusal::Excluded { what: label::<verbund_model::resource::Site>(name) }),
        }
    }

    /// Whether an organisation exists and may act.
    pub(crate) fn check_organisation(&self, organisation: &verbund_model::OrgName) -> Result<(), Refusal> {
        let what = || label::<verbund_model::resource::Organisation>(organisation);
        match self.organisation(organisation).map(|found| found.value.standing) {
            Some(Standing::Active) => Ok(()),
            Some(Standing::Suspended) => Err(Refusal::Suspended { what: what() }),
            Some(Standing::Excluded) => Err(Refusal::Excluded { what: what() }),
            None => Err(Refusal::NotFound { what: what() }),
        }
    }
}

fn check_signature(
    envelope: &Envelope,
    registered: &RegisteredKey,
    verifier: &dyn SignatureVerifier,
) -> Result<(), Refusal> {
    let holds = envelope.signed().is_some_and(|signed| {
        is_fixed_form(registered.key.algorithm(), signed.signature)
            && verifier.verify(&registered.key, &signed.message, signed.signature)
    });
    if holds { Ok(()) } else { Err(Refusal::BadSignature { key: envelope.key }) }
}

/// What an author is told of an entry that is none.
pub(crate) fn entry_refusal(error: EntryError) -> Refusal {
    match error {
        EntryError::TooLarge { found } => too_large("the log entry", found as u64, MAX_ENTRY as u64),
        EntryError::Version { .. } => malformed("the log entry has a version that is not known"),
        EntryError::Form => malformed("the log entry is not one stamp and one envelope"),
    }
}

fn envelope_refusal(error: EnvelopeError) -> Refusal {
    match error {
        EnvelopeError::TooLarge { found } => {
            too_large("the envelope", found as u64, verbund_identity::envelope::MAX_ENVELOPE as u64)
        }
        EnvelopeError::Form { .. } => malformed("the bytes are not one envelope"),
    }
}

fn statement_refusal(error: StatementError) -> Refusal {
    match error {
        StatementError::TooLarge { found } => {
            too_large("the statement", found as u64, verbund_identity::envelope::MAX_PAYLOAD as u64)
        }
        StatementError::Form { .. } => malformed("the statement is not JSON of its schema"),
        StatementError::Version { .. } => malformed("the statement's schema has a version that is not known"),
    }
}

fn malformed(reason: &str) -> Refusal {
    Refusal::Malformed { reason: reason.to_owned() }
}

fn not_enabled(what: &str) -> Refusal {
    Refusal::NotEnabled { what: what.to_owned() }
}

pub(crate) fn too_large(what: impl Into<String>, found: u64, limit: u64) -> Refusal {
    Refusal::TooLarge { what: what.into(), found, limit }
}
