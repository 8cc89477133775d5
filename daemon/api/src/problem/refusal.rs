//! Refusals in German. The English text is the refusal's own.

use verbund_model::Refusal;

/// How the log names somebody or something, and how that is said in German. What follows the beginning is a name.
const PHRASES: &[(&str, &str)] = &[
    ("an invitation's one-time key", "Der Einmalschlüssel einer Einladung"),
    ("every member", "jedes Mitglied"),
    ("a coordinator", "ein Koordinator"),
    ("a node or a coordinator", "ein Knoten oder ein Koordinator"),
    ("directive ", "Anordnung "),
    ("a site with an invitation", "ein Standort mit Einladung"),
    ("a user with the role ", "ein Benutzer mit der Rolle "),
    ("admission or proposal ", "Aufnahmeanfrage oder Vorschlag "),
    ("coordinator ", "Koordinator "),
    ("user ", "Benutzer "),
    ("node ", "Knoten "),
    ("workload ", "Workload "),
    ("site ", "Standort "),
    ("organisation ", "Organisation "),
    ("invitation ", "Einladung "),
    ("admission ", "Aufnahmeanfrage "),
    ("proposal ", "Vorschlag "),
    ("policy ", "Richtlinie "),
    ("key ", "Schlüssel "),
    ("catalogue entry ", "Katalogeintrag "),
    ("role binding ", "Rolle "),
    ("workload ", "Workload "),
    ("secret ", "Geheimnis "),
    ("a copy of workload ", "eine Kopie des Workloads "),
];

/// What can stand within a phrase.
const WITHIN: &[(&str, &str)] = &[
    (" in organisation ", " in der Organisation "),
    (" for site ", " für den Standort "),
    (" of site ", " des Standorts "),
    (" at cluster ", " auf dem Cluster "),
    (" or with the role ", " oder mit der Rolle "),
];

/// A phrase of the log in German; one that is not known stays as it is.
fn phrase(text: &str) -> String {
    let known = PHRASES.iter().find_map(|(en, de)| text.strip_prefix(en).map(|rest| format!("{de}{rest}")));
    let mut text = known.unwrap_or_else(|| text.to_owned());
    for (en, de) in WITHIN {
        text = text.replace(en, de);
    }
    text
}

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
        Refusal::NotAuthorised { author, needed } => {
            format!("{} darf das nicht. Berechtigt: {}", phrase(author), phrase(needed))
        }
        Refusal::Suspended { what } => format!("{}: die Mitgliedschaft ruht", phrase(what)),
        Refusal::VersionMismatch { what, expected, found } => {
            let what = phrase(what);
            format!("{what} hat die Version {found}, nicht {expected}: bitte neu lesen und neu entscheiden")
        }
        Refusal::AlreadyExists { what, version } => format!("{} ist schon vorhanden (Version {version})", phrase(what)),
        Refusal::NotFound { what } => format!("{} ist nicht vorhanden", phrase(what)),
        Refusal::Invalid { field, reason } => format!("{field}: {reason}"),
        Refusal::InvitationSpent { reason } => format!("Die Einladung ist nicht verwendbar: {reason}"),
        Refusal::BadProof { which } => {
            format!("Der Nachweis, dass der Standort den Schlüssel „{which}“ hat, ist ungültig")
        }
        Refusal::NotNow { workload, by, freeze, next } => {
            let by = phrase(&by.to_string());
            let why = match freeze {
                Some(reason) => format!("{by}: Sperrzeit ({reason})"),
                None => format!("{by}: kein Wartungsfenster ist offen"),
            };
            let next = match next {
                Some(next) => format!("Möglich ab {}", verbund_model::local::text(*next)),
                None => "Die Wartungsfenster haben keine gemeinsame Zeit".to_owned(),
            };
            format!(
                "Der Workload {workload} wird jetzt nicht verlegt. {why}. {next}; was nicht warten kann, geht als Notfall mit Begründung"
            )
        }
        Refusal::Conflict { what } => what.clone(),
        Refusal::Excluded { what } => format!(
            "{} ist ausgeschlossen und kehrt unter diesem Namen und mit diesen Schlüsseln nicht zurück: nötig ist eine Einladung mit neuen",
            phrase(what)
        ),
        Refusal::BadDirective { reason } => format!("Das ist keine Anordnung, die gilt: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_and_what_are_named_in_german() {
        let needed = "a user with the role plattformbetreiber for site nord".to_owned();
        let refusal = Refusal::NotAuthorised { author: "user dataport.anna".to_owned(), needed };
        assert_eq!(
            german(&refusal),
            "Benutzer dataport.anna darf das nicht. Berechtigt: ein Benutzer mit der Rolle plattformbetreiber für den Standort nord"
        );
        let missing = Refusal::NotFound { what: "organisation akdb".to_owned() };
        assert_eq!(german(&missing), "Organisation akdb ist nicht vorhanden");
        let odd = Refusal::NotFound { what: "something else".to_owned() };
        assert!(german(&odd).starts_with("something else"));
    }
}
