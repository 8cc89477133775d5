//! The one map from what the federation answers to problems.

use http::HeaderValue;
use http::header::RETRY_AFTER;
use serde_json::json;
use verbund_model::Refusal;

use super::{Problem, ProblemKind, refusal};
use crate::language::Localised;
use crate::port::{AuditError, IssueError, ReadError, SubmitError, WatchError, WatchInterrupted};

/// After how many seconds a caller should try again when the federation is electing or a node is starting.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("1");

impl From<&Refusal> for ProblemKind {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Malformed { .. } => Self::Malformed,
            Refusal::TooLarge { .. } => Self::TooLarge,
            Refusal::NotEnabled { .. } => Self::NotEnabled,
            Refusal::WrongFederation { .. } => Self::WrongFederation,
            Refusal::WrongGeneration { .. } => Self::WrongGeneration,
            Refusal::UnknownKey { .. } => Self::UnknownKey,
            Refusal::KeyRevoked { .. } => Self::KeyRevoked,
            Refusal::BadSignature { .. } => Self::BadSignature,
            Refusal::Expired { .. } => Self::Expired,
            Refusal::ValidTooLong { .. } => Self::ValidTooLong,
            Refusal::NoSession { .. } => Self::NoSession,
            Refusal::SessionNotNew { .. } => Self::SessionNotNew,
            Refusal::TooManySessions { .. } => Self::TooManySessions,
            Refusal::SequenceTooOld { .. } => Self::SequenceTooOld,
            Refusal::SequenceReused { .. } => Self::SequenceReused,
            Refusal::NotAuthorised { .. } => Self::NotAuthorised,
            Refusal::Suspended { .. } => Self::Suspended,
            Refusal::VersionMismatch { .. } => Self::VersionMismatch,
            Refusal::AlreadyExists { .. } => Self::AlreadyExists,
            Refusal::NotFound { .. } => Self::NotFound,
            Refusal::Invalid { .. } => Self::Invalid,
            Refusal::InvitationSpent { .. } => Self::InvitationSpent,
            Refusal::BadProof { .. } => Self::BadProof,
            Refusal::NotNow { .. } => Self::NotNow,
            Refusal::Conflict { .. } => Self::Conflict,
            Refusal::Excluded { .. } => Self::Excluded,
            Refusal::BadDirective { .. } => Self::BadDirective,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = Localised::new(refusal::german(&refusal), refusal.to_string());
        let mut problem = Self::new(ProblemKind::from(&refusal), detail);
        if let Refusal::NotNow { next: Some(next), .. } = &refusal {
            problem = problem.with("notBefore", verbund_model::instant::rfc3339(*next));
        }
        problem.content.refusal = Some(refusal);
        problem
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::NoLeader => Self::of(
                ProblemKind::NoLeader,
                "Zurzeit leitet kein erreichbarer Knoten den Verbund. Nichts wurde geändert. Bitte gleich noch einmal senden.",
                "No node that can be reached leads the federation at present. Nothing was changed. Send it again shortly.",
            )
            .header(RETRY_AFTER, RETRY_SOON),
            SubmitError::OutcomeUnknown => outcome_unknown(),
            SubmitError::LowDisk { free, low_water } => Self::of(
                ProblemKind::LowDisk,
                format!("Schreiben ist angehalten, solange weniger als {low_water} Byte frei sind (frei: {free}). Bitte Platz schaffen."),
                format!("Writes are refused while less than {low_water} bytes are free (free: {free}). Make room on the disk."),
            )
            .with("free", free)
            .with("lowWater", low_water),
            SubmitError::WritesStopped { alarm } => {
                let detail = alarm.message.clone();
                Self::new(ProblemKind::WritesStopped, detail).with("alarm", json!(alarm))
            }
            SubmitError::Refused(refusal) => refusal.into(),
            SubmitError::Busy => Self::busy(),
            SubmitError::Stopping => Self::stopping(),
        }
    }
}

/// The write may or may not be made; the same envelope finds out.
fn outcome_unknown() -> Problem {
    Problem::of(
        ProblemKind::OutcomeUnknown,
        "Es ist nicht bekannt, ob die Änderung angenommen wurde. Derselbe Umschlag darf noch einmal gesendet werden: er wirkt nur einmal und liefert das erste Ergebnis.",
        "It is not known whether the change was made. The same envelope may be sent again: it takes effect once and returns the first outcome.",
    )
    .header(RETRY_AFTER, RETRY_SOON)
    .with("sendAgain", true)
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NoQuorum => Self::of(
                ProblemKind::NoQuorum,
                "Für linearisierbares Lesen fehlt die Mehrheit. Mit ?consistency=stale antwortet dieser Knoten mit seinem letzten Stand und dessen Alter.",
                "A linearizable read needs a majority, which cannot be reached. With ?consistency=stale this node answers with what it has, and how old that is.",
            )
            .header(RETRY_AFTER, RETRY_SOON),
            ReadError::Starting => Self::of(
                ProblemKind::Starting,
                "Der Knoten hat noch keinen Stand: er wartet auf seine Aufnahme oder holt den ersten Abzug.",
                "The node has no state yet: it waits for its admission or fetches its first snapshot.",
            )
            .header(RETRY_AFTER, RETRY_SOON),
            ReadError::Stopping => Self::stopping(),
        }
    }
}

impl From<WatchError> for Problem {
    fn from(error: WatchError) -> Self {
        match error {
            WatchError::Gone { oldest } => Self::of(
                ProblemKind::Gone,
                format!("Änderungen vor Index {oldest} werden nicht mehr vorgehalten. Bitte ohne from und Last-Event-ID neu beginnen: dann kommt zuerst der ganze Stand."),
                format!("Changes before index {oldest} are no longer held. Begin anew without from and Last-Event-ID: the whole state comes first then."),
            )
            .with("oldest", oldest),
            WatchError::Stopping => Self::stopping(),
        }
    }
}

impl From<WatchInterrupted> for Problem {
    fn from(error: WatchInterrupted) -> Self {
        match error {
            WatchInterrupted::Lagged => Self::of(
                ProblemKind::Lagged,
                "Die Ereignisse wurden zu langsam abgeholt. Bitte mit der letzten Ereignisnummer fortsetzen.",
                "The events were read too slowly. Resume with the last event's id.",
            ),
            WatchInterrupted::Stopping => Self::stopping(),
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::NotHeld { oldest, newest } => Self::of(
                ProblemKind::RangeNotHeld,
                format!("Das Archiv dieses Standorts hält die Einträge {oldest} bis {newest}."),
                format!("This site's archive holds the records {oldest} to {newest}."),
            )
            .with("oldest", oldest)
            .with("newest", newest),
            AuditError::NotVouched { wanted, first: Some(first) } => Self::of(
                ProblemKind::RangeNotHeld,
                format!("Für keinen Index bis {wanted} bürgt eine Mehrheit der Standorte; der erste ist {first}. Ein Export endet dort, wo sie bürgt."),
                format!("A majority of sites vouches for no index up to {wanted}; the first is {first}. An export ends where one does."),
            )
            .with("oldest", first),
            AuditError::NotVouched { wanted, first: None } => Self::of(
                ProblemKind::RangeNotHeld,
                format!("Noch bürgt für keinen Index bis {wanted} eine Mehrheit der Standorte: sie tauschen sich jede Sekunde aus, gleich noch einmal versuchen."),
                format!("A majority of sites vouches for no index up to {wanted} yet: they tell each other each second, try again."),
            ),
            AuditError::Failed { reason } => Self::of(
                ProblemKind::Internal,
                format!("Das Archiv konnte nicht gelesen werden: {reason}"),
                format!("The archive could not be read: {reason}"),
            ),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Csr { reason } => Self::of(
                ProblemKind::CsrRefused,
                format!("Der Zertifikatsantrag wurde abgelehnt: {reason}"),
                format!("The certificate signing request was refused: {reason}"),
            ),
            IssueError::Unavailable { reason } => Self::of(
                ProblemKind::CaUnavailable,
                format!("Die Zertifizierungsstelle des Standorts kann zurzeit nicht signieren: {reason}"),
                format!("The site's CA cannot sign at present: {reason}"),
            )
            .header(RETRY_AFTER, RETRY_SOON),
        }
    }
}

impl Problem {
    /// Too much at once.
    #[must_use]
    pub fn busy() -> Self {
        Self::of(
            ProblemKind::Busy,
            "Es sind zu viele Anfragen in Arbeit. Nichts wurde geändert. Bitte gleich noch einmal versuchen.",
            "Too many requests are in progress. Nothing was changed. Try again shortly.",
        )
        .header(RETRY_AFTER, RETRY_SOON)
    }

    /// The daemon is stopping.
    #[must_use]
    pub fn stopping() -> Self {
        Self::of(
            ProblemKind::Stopping,
            "Der Knoten wird beendet. Bitte einen anderen fragen.",
            "The node is stopping. Ask another one.",
        )
        .header(RETRY_AFTER, RETRY_SOON)
    }

    /// A read that the federation did not answer in time.
    #[must_use]
    pub fn timeout() -> Self {
        Self::of(
            ProblemKind::Timeout,
            "Die Anfrage wurde nicht rechtzeitig beantwortet. Nichts wurde geändert.",
            "The request was not answered in time. Nothing was changed.",
        )
        .header(RETRY_AFTER, RETRY_SOON)
    }
}

#[cfg(test)]
mod tests {
    use verbund_model::resource::MaintenanceOf;
    use verbund_model::{FederationId, KeyId};

    use super::*;
    use crate::language::Language;

    /// One of each, by an exhaustive match that a new variant breaks.
    pub(crate) fn all() -> Vec<Refusal> {
        let text = String::new;
        let key = KeyId::default();
        vec![
            Refusal::Malformed { reason: "r".into() },
            Refusal::TooLarge { what: "w".into(), found: 2, limit: 1 },
            Refusal::NotEnabled { what: "w".into() },
            Refusal::WrongFederation { found: FederationId::default() },
            Refusal::WrongGeneration { found: 1, current: 2 },
            Refusal::UnknownKey { key },
            Refusal::KeyRevoked { key },
            Refusal::BadSignature { key },
            Refusal::Expired { not_after: 1, now: 2 },
            Refusal::ValidTooLong { not_after: 1, now: 2, limit: 3 },
            Refusal::NoSession { session: 1 },
            Refusal::SessionNotNew { session: 1, last: 2 },
            Refusal::TooManySessions { limit: 1, first_end: 2 },
            Refusal::SequenceTooOld { sequence: 1, oldest: 2 },
            Refusal::SequenceReused { sequence: 1 },
            Refusal::NotAuthorised { author: "a".into(), needed: "n".into() },
            Refusal::Suspended { what: "w".into() },
            Refusal::VersionMismatch { what: "w".into(), expected: 1, found: 2 },
            Refusal::AlreadyExists { what: "w".into(), version: 1 },
            Refusal::NotFound { what: "w".into() },
            Refusal::Invalid { field: "f".into(), reason: "r".into() },
            Refusal::InvitationSpent { reason: text() },
            Refusal::BadProof { which: "w".into() },
            Refusal::NotNow {
                workload: "w".parse().unwrap(),
                by: MaintenanceOf::Site("s".parse().unwrap()),
                freeze: Some("f".into()),
                next: Some(1),
            },
            Refusal::Conflict { what: "w".into() },
            Refusal::Excluded { what: "w".into() },
            Refusal::BadDirective { reason: "r".into() },
        ]
    }

    #[test]
    fn refusals_keep_their_names_and_say_it_in_both_languages() {
        let mut kinds = std::collections::BTreeSet::new();
        for refusal in all() {
            let kind = ProblemKind::from(&refusal);
            assert_eq!(kind.name(), refusal.name());
            kinds.insert(kind);
            let problem = Problem::from(refusal.clone());
            let (de, en) = (problem.document(Language::German, "i"), problem.document(Language::English, "i"));
            assert_eq!(en.detail, refusal.to_string());
            assert!(!de.detail.is_empty());
            if !matches!(refusal, Refusal::Conflict { .. } | Refusal::Invalid { .. }) {
                assert_ne!(de.detail, en.detail, "{refusal:?}");
            }
            assert_eq!(en.refusal, Some(refusal));
        }
        assert_eq!(kinds.len(), 27);
    }

    #[test]
    fn refusals_are_as_described() {
        let document: serde_json::Value = serde_json::from_str(crate::OPENAPI).unwrap();
        let schema = json!({"$ref": "#/components/schemas/Refusal", "components": document["components"]});
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for refusal in all() {
            let value = json!(refusal);
            assert!(validator.is_valid(&value), "{value}");
            seen.extend(value.as_object().unwrap().keys().cloned());
        }
        let described = document["components"]["schemas"]["Refusal"]["oneOf"].as_array().unwrap().iter();
        assert_eq!(seen, described.map(|d| d["title"].as_str().unwrap().to_owned()).collect());
    }
}
