//! Refusals in German. The English text is the refusal's own.

use verbund_model::Refusal;

/// What happened and what to do, in German.
pub fn german(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Malformed { reason } => format!("Die Erklärung ist nicht lesbar: {reason}"),
        Refusal::TooLarge { what, found, limit } => format!("{what}: {found}, erlaubt sind {limit}"),
        Refusal::NotEnabled { what } => format!("{what}: in diesem Verbund noch nicht eingeschaltet"),
        Refusal::WrongFederation { found } => format!("Die Erklärung gilt dem Verbund {found}, nicht diesem"),
        Refusal::WrongGeneration { found, current } => {
            format!("Die Erklärung gilt der Generation {found} des Verbunds, in Kraft ist {current}")
        }
        Refusal::UnknownKey { key } => format!("Der Schlüssel {key} ist nicht registriert"),
        Refusal::KeyRevoked { key } => format!("Der Schlüssel {key} ist gesperrt"),
        Refusal::BadSignature { key } => {
            format!("Die Signatur stammt nicht vom Schlüssel {key} über diese Erklärung")
        }
        Refusal::Expired { not_after, now } => {
            format!("Die Erklärung galt bis {not_after}, jetzt ist {now} (Millisekunden seit 1970)")
        }
        Refusal::ValidTooLong { not_after, now, limit } => {
            format!("Die Erklärung gilt bis {not_after}, mehr als {limit} ms nach der Zeit {now} des Protokolls")
        }
        Refusal::NoSession { session } => {
            format!("Die Sitzung {session} dieses Schlüssels ist nicht offen: bitte eine neue öffnen")
        }
        Refusal::SessionNotNew { session, last } => {
            format!(
                "Die Sitzung {session} kann nicht geöffnet werden: die letzte dieses Schlüssels hatte Nummer {last}"
            )
        }
        Refusal::TooManySessions { limit, first_end } => format!(
            "Der Schlüssel hat {limit} offene Sitzungen, mehr sind nicht erlaubt: die erste endet um {first_end} (Millisekunden seit 1970)"
        ),
        Refusal::SequenceTooOld { sequence, oldest } => {
            format!("Die laufende Nummer {sequence} liegt vor dem Fenster dieser Sitzung, das bei {oldest} beginnt")
        }
        Refusal::SequenceReused { sequence } => {
            format!("Die laufende Nummer {sequence} dieser Sitzung wurde für eine andere Erklärung verwendet")
        }
        Refusal::NotAuthorised { author, needed } => format!("{author} darf das nicht. Berechtigt: {needed}"),
        Refusal::Suspended { what } => format!("{what}: die Mitgliedschaft ruht"),
        Refusal::VersionMismatch { what, expected, found } => {
            format!("{what} hat die Version {found}, nicht {expected}: bitte neu lesen und neu entscheiden")
        }
        Refusal::AlreadyExists { what, version } => format!("{what} ist schon vorhanden (Version {version})"),
        Refusal::NotFound { what } => format!("{what} ist nicht vorhanden"),
        Refusal::Invalid { field, reason } => format!("{field}: {reason}"),
        Refusal::InvitationSpent { reason } => format!("Die Einladung ist nicht verwendbar: {reason}"),
        Refusal::BadProof { which } => {
            format!("Der Nachweis, dass der Standort den Schlüssel „{which}“ hat, ist ungültig")
        }
        Refusal::Conflict { what } => what.clone(),
    }
}
