//! The types of problems: stable names, status codes, titles. The one table of all of them.

use http::StatusCode;

use crate::language::Language;

macro_rules! problems {
    ($($(#[$doc:meta])* $kind:ident, $name:literal, $status:ident, $de:literal, $en:literal;)*) => {
        /// The types of problems. Names are stable; titles are for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemKind {
            $($(#[$doc])* $kind,)*
        }

        impl ProblemKind {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The stable name: the last part of the type URN.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            /// The title.
            #[must_use]
            pub const fn title(self, language: Language) -> &'static str {
                match (self, language) {
                    $((Self::$kind, Language::German) => $de, (Self::$kind, Language::English) => $en,)*
                }
            }
        }
    };
}

problems! {
    // Refusals: the names are those of `verbund_model::Refusal`.
    /// A body, statement or field could not be read.
    Malformed, "malformed", BAD_REQUEST, "Nicht lesbar", "Could not be read";
    /// Something is larger than allowed.
    TooLarge, "too-large", PAYLOAD_TOO_LARGE, "Zu groß", "Too large";
    /// A reserved variant.
    NotEnabled, "not-enabled", UNPROCESSABLE_ENTITY, "Noch nicht eingeschaltet", "Not enabled yet";
    /// Another federation's.
    WrongFederation, "wrong-federation", BAD_REQUEST, "Für einen anderen Verbund", "For another federation";
    /// Another generation's.
    WrongGeneration, "wrong-generation", CONFLICT, "Für eine andere Generation des Verbunds", "For another federation generation";
    /// No such key.
    UnknownKey, "unknown-key", FORBIDDEN, "Schlüssel nicht registriert", "Key not registered";
    /// A revoked key.
    KeyRevoked, "key-revoked", FORBIDDEN, "Schlüssel gesperrt", "Key revoked";
    /// A signature that does not hold.
    BadSignature, "bad-signature", FORBIDDEN, "Signatur ungültig", "Signature not valid";
    /// Too late.
    Expired, "expired", UNPROCESSABLE_ENTITY, "Abgelaufen", "Expired";
    /// Valid for too long.
    ValidTooLong, "valid-too-long", UNPROCESSABLE_ENTITY, "Zu lange gültig", "Valid for too long";
    /// The session is not open.
    NoSession, "no-session", CONFLICT, "Sitzung nicht offen", "Session not open";
    /// The session's number does not rise.
    SessionNotNew, "session-not-new", CONFLICT, "Sitzungsnummer nicht neu", "Session number not new";
    /// Too many sessions.
    TooManySessions, "too-many-sessions", TOO_MANY_REQUESTS, "Zu viele Sitzungen", "Too many sessions";
    /// Before the session's window.
    SequenceTooOld, "sequence-too-old", CONFLICT, "Laufende Nummer zu alt", "Sequence number too old";
    /// The number stands for other bytes (as draft-ietf-httpapi-idempotency-key-header, 2.7, wants it).
    SequenceReused, "sequence-reused", UNPROCESSABLE_ENTITY, "Laufende Nummer schon verwendet", "Sequence number used before";
    /// The author or caller may not.
    NotAuthorised, "not-authorised", FORBIDDEN, "Nicht berechtigt", "Not authorised";
    /// A suspended member.
    Suspended, "suspended", FORBIDDEN, "Mitgliedschaft ruht", "Suspended";
    /// The resource has changed.
    VersionMismatch, "version-mismatch", PRECONDITION_FAILED, "Inzwischen geändert", "Changed in the meantime";
    /// The resource exists.
    AlreadyExists, "already-exists", CONFLICT, "Schon vorhanden", "Exists already";
    /// The resource does not exist.
    NotFound, "not-found", NOT_FOUND, "Nicht vorhanden", "Does not exist";
    /// A field's value is wrong.
    Invalid, "invalid", UNPROCESSABLE_ENTITY, "Wert nicht zulässig", "Value not allowed";
    /// The invitation cannot be used.
    InvitationSpent, "invitation-spent", CONFLICT, "Einladung nicht verwendbar", "Invitation cannot be used";
    /// A proof of possession does not hold.
    BadProof, "bad-proof", FORBIDDEN, "Besitznachweis ungültig", "Proof of possession not valid";
    /// A planned move outside of windows, or in a freeze.
    NotNow, "not-now", CONFLICT, "Jetzt nicht: außerhalb der Wartungsfenster", "Not now: outside of maintenance windows";
    /// A rule for the state as a whole.
    Conflict, "conflict", CONFLICT, "Widerspricht dem Zustand des Verbunds", "In conflict with the federation's state";
    /// An excluded member.
    Excluded, "excluded", FORBIDDEN, "Ausgeschlossen", "Excluded";
    /// A directive that does not count.
    BadDirective, "bad-directive", UNPROCESSABLE_ENTITY, "Anordnung gilt nicht", "Directive does not count";

    // The federation.
    /// No leader for a write.
    NoLeader, "no-leader", SERVICE_UNAVAILABLE, "Keine Leitung", "No leader";
    /// The write may or may not be made.
    OutcomeUnknown, "outcome-unknown", GATEWAY_TIMEOUT, "Ausgang unbekannt", "Outcome unknown";
    /// Before the disk is full.
    LowDisk, "low-disk", INSUFFICIENT_STORAGE, "Speicher fast voll", "Disk almost full";
    /// An alarm.
    WritesStopped, "writes-stopped", SERVICE_UNAVAILABLE, "Schreiben angehalten", "Writes stopped";
    /// No quorum for a linearizable read.
    NoQuorum, "no-quorum", SERVICE_UNAVAILABLE, "Kein Quorum", "No quorum";
    /// No state yet.
    Starting, "starting", SERVICE_UNAVAILABLE, "Noch nicht bereit", "Not ready yet";
    /// The daemon is stopping.
    Stopping, "stopping", SERVICE_UNAVAILABLE, "Wird beendet", "Stopping";
    /// Too much at once.
    Busy, "busy", SERVICE_UNAVAILABLE, "Überlastet", "Busy";
    /// The federation did not answer in time.
    Timeout, "timeout", GATEWAY_TIMEOUT, "Zeit abgelaufen", "Timed out";
    /// Events that are no longer held.
    Gone, "gone", GONE, "Nicht mehr vorgehalten", "No longer held";
    /// A watch that could not keep up.
    Lagged, "lagged", SERVICE_UNAVAILABLE, "Zu langsam gelesen", "Read too slowly";
    /// A range that the archive lacks.
    RangeNotHeld, "range-not-held", NOT_FOUND, "Bereich nicht im Archiv", "Range not in the archive";
    /// The daemon failed.
    Internal, "internal", INTERNAL_SERVER_ERROR, "Interner Fehler", "Internal error";

    // The caller.
    /// A certificate is needed.
    Unauthenticated, "unauthenticated", UNAUTHORIZED, "Zertifikat nötig", "Certificate needed";
    /// Asked by a page of another origin.
    CrossOrigin, "cross-origin", FORBIDDEN, "Von fremder Seite gerufen", "Called from a foreign page";
    /// The caller's clock is wrong.
    Clock, "clock", FORBIDDEN, "Uhrzeit weicht ab", "Clocks differ";
    /// A certificate signing request that is not acceptable.
    CsrRefused, "csr-refused", UNPROCESSABLE_ENTITY, "Zertifikatsantrag abgelehnt", "Certificate signing request refused";
    /// The CA cannot sign.
    CaUnavailable, "ca-unavailable", SERVICE_UNAVAILABLE, "Zertifizierungsstelle nicht verfügbar", "Certification authority not available";
    /// Too many streams.
    TooManyStreams, "too-many-streams", TOO_MANY_REQUESTS, "Zu viele Verbindungen", "Too many streams";

    // HTTP.
    /// No such path or kind.
    NoSuchPath, "no-such-path", NOT_FOUND, "Kein solcher Pfad", "No such path";
    /// The path exists, the method does not.
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED, "Methode nicht erlaubt", "Method not allowed";
    /// A query parameter is wrong.
    BadQuery, "bad-query", BAD_REQUEST, "Anfrageparameter falsch", "Query parameter wrong";
    /// A header is wrong.
    BadHeader, "bad-header", BAD_REQUEST, "Kopfzeile falsch", "Header wrong";
    /// `Idempotency-Key` says something else than the envelope.
    IdempotencyKeyMismatch, "idempotency-key-mismatch", BAD_REQUEST, "Idempotency-Key passt nicht zum Umschlag", "Idempotency-Key differs from the envelope";
    /// `If-Match` or `If-None-Match` say something else than the envelope.
    PreconditionMismatch, "precondition-mismatch", BAD_REQUEST, "If-Match passt nicht zum Umschlag", "If-Match differs from the envelope";
    /// The body is of another type.
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Inhaltstyp nicht unterstützt", "Media type not supported";
    /// The body did not arrive.
    BodyTimeout, "body-timeout", REQUEST_TIMEOUT, "Anfrage kam nicht vollständig an", "Request did not arrive in time";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_distinct_and_fit_a_urn() {
        let names: BTreeSet<_> = ProblemKind::ALL.iter().map(|k| k.name()).collect();
        assert_eq!(names.len(), ProblemKind::ALL.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
    }

    #[test]
    fn every_type_is_an_error_with_two_titles() {
        for kind in ProblemKind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
            assert!(!kind.title(Language::German).is_empty() && !kind.title(Language::English).is_empty());
            assert_ne!(kind.title(Language::German), kind.title(Language::English), "{kind:?}");
        }
    }
}
