//! What is wrong with a directive, in German, and as a problem.

use verbund_identity::DirectiveError;
use verbund_identity::directive::{MAX_DIRECTIVE, MAX_SIGNATURES, SCHEMA};

use super::{Problem, ProblemKind};
use crate::port::TakeError;

/// What is wrong with a directive, in German.
#[must_use]
pub fn german(error: &DirectiveError) -> String {
    match error {
        DirectiveError::TooLarge { found } => {
            format!("Eine Anordnung hat höchstens {MAX_DIRECTIVE} Byte, diese hat {found}.")
        }
        DirectiveError::TooManySignatures { found } => {
            format!("Eine Anordnung hat höchstens {MAX_SIGNATURES} Unterschriften, diese hat {found}.")
        }
        DirectiveError::Form { reason } => format!("Die Anordnung ist nicht lesbar: {reason}"),
        DirectiveError::Version { found } => {
            format!("Die Anordnung hat die Schemaversion {found}, dieses Programm kennt Version {SCHEMA}.")
        }
        DirectiveError::Rule { field, reason } => format!("Anordnung, {field}: {reason}"),
        DirectiveError::WrongFederation { found } => {
            format!("Die Anordnung gilt für den Verbund {found}, nicht für diesen.")
        }
        DirectiveError::WrongGeneration { found, current } => {
            format!("Die Anordnung gilt für Generation {found} des Verbunds, dies ist Generation {current}.")
        }
        DirectiveError::WrongSet { found, current } => format!(
            "Die Anordnung gilt für Version {found} der Koordinierenden, in Kraft ist Version {current}: sie muss neu unterschrieben werden."
        ),
        DirectiveError::NotEnabled => {
            "Anordnungen, die einen Verbund neu gründen, sind noch nicht eingeschaltet.".to_owned()
        }
        DirectiveError::NamesCoordinator { key } => format!(
            "Die Anordnung nennt den Schlüssel {key} einer koordinierenden Person: stattdessen die Koordinierenden ersetzen."
        ),
        DirectiveError::UnknownSigner { key } => {
            format!("Der Schlüssel {key}, der die Anordnung unterschrieben hat, gehört keiner koordinierenden Person.")
        }
        DirectiveError::SignedTwice { key } => {
            format!("Der Schlüssel {key} steht zweimal unter der Anordnung: jede Person unterschreibt einmal.")
        }
        DirectiveError::BadSignature { key } => {
            format!("Die Unterschrift des Schlüssels {key} passt nicht zu dieser Anordnung.")
        }
        DirectiveError::TooFew { have, need } => {
            format!("{have} koordinierende Personen haben die Anordnung unterschrieben, {need} müssen es.")
        }
    }
}

fn kind(error: &DirectiveError) -> ProblemKind {
    match error {
        DirectiveError::TooLarge { .. } | DirectiveError::TooManySignatures { .. } => ProblemKind::TooLarge,
        DirectiveError::Form { .. } | DirectiveError::Version { .. } => ProblemKind::Malformed,
        DirectiveError::Rule { .. } | DirectiveError::NamesCoordinator { .. } => ProblemKind::Invalid,
        DirectiveError::WrongFederation { .. } => ProblemKind::WrongFederation,
        DirectiveError::WrongGeneration { .. } => ProblemKind::WrongGeneration,
        DirectiveError::WrongSet { .. } => ProblemKind::Conflict,
        DirectiveError::NotEnabled => ProblemKind::NotEnabled,
        DirectiveError::UnknownSigner { .. } => ProblemKind::UnknownKey,
        DirectiveError::SignedTwice { .. } | DirectiveError::BadSignature { .. } => ProblemKind::BadSignature,
        DirectiveError::TooFew { .. } => ProblemKind::NotAuthorised,
    }
}

impl From<TakeError> for Problem {
    fn from(error: TakeError) -> Self {
        match error {
            TakeError::Invalid(error) => Self::of(kind(&error), german(&error), error.to_string()),
            TakeError::Ahead { found, known } => Self::of(
                ProblemKind::Conflict,
                format!(
                    "Die Anordnung gilt für Version {found} der Koordinierenden, dieser Knoten kennt erst Version {known}. Er hat sie beiseitegelegt und versucht es wieder, sobald er aufgeholt hat; sie auch einem anderen Standort übergeben."
                ),
                format!(
                    "The directive is of version {found} of the set of coordinators, and this node knows version {known} only. It has put it aside and tries again once it has caught up; hand it to another site, too."
                ),
            ),
            TakeError::Failed { reason } => Self::of(
                ProblemKind::Internal,
                format!(
                    "Die Anordnung wirkt an diesem Knoten nicht, weil er sie nicht festhalten konnte: {reason}. Einem anderen Standort übergeben."
                ),
                format!(
                    "The directive did not act at this node, which could not keep it: {reason}. Hand it to another site."
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_model::{FederationId, KeyId};

    /// One of each, by an exhaustive match that a new variant breaks.
    fn all() -> Vec<DirectiveError> {
        let key = KeyId::default();
        vec![
            DirectiveError::TooLarge { found: 1 },
            DirectiveError::TooManySignatures { found: 1 },
            DirectiveError::Form { reason: "r".into() },
            DirectiveError::Version { found: 9 },
            DirectiveError::Rule { field: "f", reason: "r".into() },
            DirectiveError::WrongFederation { found: FederationId::default() },
            DirectiveError::WrongGeneration { found: 1, current: 2 },
            DirectiveError::WrongSet { found: 1, current: 2 },
            DirectiveError::NotEnabled,
            DirectiveError::NamesCoordinator { key },
            DirectiveError::UnknownSigner { key },
            DirectiveError::SignedTwice { key },
            DirectiveError::BadSignature { key },
            DirectiveError::TooFew { have: 1, need: 2 },
        ]
    }

    #[test]
    fn each_is_said_in_both_languages_and_none_as_another() {
        let german: std::collections::BTreeSet<String> = all().iter().map(german).collect();
        assert_eq!(german.len(), all().len());
        for error in all() {
            assert_ne!(super::german(&error), error.to_string());
            let problem = Problem::from(TakeError::Invalid(error.clone()));
            assert!(problem.kind().status().is_client_error(), "{error}");
        }
    }
}
