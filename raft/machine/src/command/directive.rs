//! Directives in the log: recorded once, in the order of their chain, whoever brings them.
//!
//! A directive proves itself, and daemons act on it before it stands here. The log gives it its index: from there on
//! apply believes nothing of what was excluded. **Two directives with one number both hold.** Whoever issues directives
//! without a log at hand can issue two, by mistake or in bad faith, and an exclusion must not be lost to another one.
//! Since exclusions only add up, both can be carried out in either order; so the chain is a tree, whose every directive
//! follows a recorded one with the number before, and a fork raises an alarm: at least one coordinator signed both.

use verbund_identity::{Directive, DirectiveError};
use verbund_model::resource::{RecordedDirective, SignedDirective};
use verbund_model::{Accepted, Hash, Refusal};

use crate::act::{Act, Decision, conflict, invalid};

impl Act<'_> {
    pub(crate) fn record_directive(&mut self, signed: &SignedDirective) -> Decision {
        let hash = Directive::hash_of(signed);
        if let Some(found) = self.state.find::<RecordedDirective>(&hash) {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let directive = Directive::verify(signed, self.federation(), self.verifier);
        let directive = directive.map_err(|error| {
            self.made_up |= !is_overtaken(&error);
            refusal(&error)
        })?;
        self.check_chain(&directive)?;
        let reach = self.state.reach(&directive.order);
        self.keep_a_voter_beside(&reach)?;
        let beside = self.state.directives().find(|other| other.value.number == directive.number);
        let beside = beside.map(|other| other.value.hash);
        self.forked = beside.map(|_| directive.number);
        self.put(RecordedDirective {
            hash,
            number: directive.number,
            predecessor: directive.predecessor,
            coordinator_set_version: directive.coordinator_set_version,
            issued: directive.issued,
            order: directive.order,
            accept_quorum_loss: directive.accept_quorum_loss,
            signed: signed.clone(),
            beside,
        });
        self.exclude(&reach, hash);
        Ok(self.changed())
    }

    /// That a directive follows the federation itself, or a recorded one with the number before.
    fn check_chain(&self, directive: &Directive) -> Result<(), Refusal> {
        if directive.number == 1 {
            return Ok(()); // its form demands the federation's id
        }
        let (number, before) = (directive.number, &directive.predecessor);
        let found = self.state.find::<RecordedDirective>(before).map(|found| found.value.number);
        match found {
            Some(found) if found.checked_add(1) == Some(number) => Ok(()),
            Some(found) => Err(conflict(format!("directive {number} follows one with the number {found}"))),
            None => Err(missing(number, before)),
        }
    }
}

fn missing(number: u64, before: &Hash) -> Refusal {
    conflict(format!("directive {number} follows {}, which is not recorded: record that one first", before.short()))
}

/// Whether an honest node can have brought it: the federation has moved on since.
fn is_overtaken(error: &DirectiveError) -> bool {
    match error {
        DirectiveError::WrongSet { found, current } => found < current,
        DirectiveError::WrongGeneration { found, current } => found < current,
        _ => false,
    }
}

fn refusal(error: &DirectiveError) -> Refusal {
    match error {
        DirectiveError::Form { .. } => invalid("directive", "the payload is not JSON of its schema"),
        DirectiveError::TooLarge { .. }
        | DirectiveError::TooManySignatures { .. }
        | DirectiveError::Version { .. }
        | DirectiveError::Rule { .. } => invalid("directive", error.to_string()),
        DirectiveError::WrongFederation { found } => Refusal::WrongFederation { found: *found },
        DirectiveError::WrongGeneration { found, current } => {
            Refusal::WrongGeneration { found: *found, current: *current }
        }
        DirectiveError::NotEnabled => Refusal::NotEnabled { what: "directives that recover a federation".to_owned() },
        DirectiveError::WrongSet { .. }
        | DirectiveError::NamesCoordinator { .. }
        | DirectiveError::UnknownSigner { .. }
        | DirectiveError::SignedTwice { .. }
        | DirectiveError::BadSignature { .. }
        | DirectiveError::TooFew { .. } => Refusal::BadDirective { reason: error.to_string() },
    }
}
