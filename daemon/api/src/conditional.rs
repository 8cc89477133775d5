//! Entity tags and conditions (RFC 9110, 8.8.3 and 13.1): the tag of a resource is its version in quotes.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use axum::response::{IntoResponse, Response};
use verbund_identity::{Precondition, Statement};

use crate::problem::{Problem, ProblemKind};

/// The header of the client's own name for a change (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The entity tag with that text, which must be of letters, digits and hyphens.
#[must_use]
pub fn etag(text: impl std::fmt::Display) -> HeaderValue {
    // Digits, letters and quotes are header characters.
    HeaderValue::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Whether the caller's `If-None-Match` holds the tag (weak comparison, RFC 9110, 13.1.2).
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|v| v.to_str().ok());
    let mut tags = values.flat_map(|v| v.split(',')).map(str::trim);
    tags.any(|t| t == "*" || t.strip_prefix("W/").unwrap_or(t).as_bytes() == tag.as_bytes())
}

/// An answer with its tag, or 304 if the caller has it.
pub fn tagged(request: &HeaderMap, tag: HeaderValue, marks: HeaderMap, body: impl IntoResponse) -> Response {
    let mut response =
        if is_known(request, &tag) { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    response.headers_mut().extend(marks);
    response.headers_mut().insert(ETAG, tag);
    response
}

/// Whether the request says anything that must equal what the envelope says.
#[must_use]
pub fn restates(headers: &HeaderMap) -> bool {
    [&IDEMPOTENCY_KEY, &IF_MATCH, &IF_NONE_MATCH].into_iter().any(|name| headers.contains_key(name))
}

/// Checks that `Idempotency-Key`, `If-Match` and `If-None-Match` say what the envelope says (formats 7): it is the
/// envelope that binds, and a header that differs shows a confused caller.
pub fn check_restated(headers: &HeaderMap, statement: &Statement) -> Result<(), Problem> {
    if let Some(key) = single(headers, &IDEMPOTENCY_KEY)? {
        let wanted = format!("{}.{}", statement.session, statement.sequence);
        if key.trim_matches('"') != wanted {
            return Err(mismatch(
                ProblemKind::IdempotencyKeyMismatch,
                "Idempotency-Key",
                key,
                &format!("\"{wanted}\""),
            ));
        }
    }
    let wanted = match statement.precondition {
        None => (None, None),
        Some(Precondition::Version(version)) => (Some(format!("\"{version}\"")), None),
        Some(Precondition::Exists) => (Some("*".to_owned()), None),
        Some(Precondition::Absent) => (None, Some("*".to_owned())),
    };
    for (name, text, wanted) in [(IF_MATCH, "If-Match", wanted.0), (IF_NONE_MATCH, "If-None-Match", wanted.1)] {
        let Some(got) = single(headers, &name)? else { continue };
        if wanted.as_deref() != Some(got) {
            let wanted = wanted.as_deref().unwrap_or("-");
            return Err(mismatch(ProblemKind::PreconditionMismatch, text, got, wanted));
        }
    }
    Ok(())
}

fn mismatch(kind: ProblemKind, header: &str, got: &str, wanted: &str) -> Problem {
    let got: String = got.chars().take(80).collect();
    Problem::of(
        kind,
        format!("{header} ist {got}, aber im Umschlag steht {wanted}. Bindend ist der Umschlag: bitte weglassen oder angleichen."),
        format!("{header} is {got}, but the envelope says {wanted}. The envelope binds: leave the header out or make it equal."),
    )
    .with("header", header)
    .with("expected", wanted)
}

/// The one value of a header. A second one, or bytes that are no text, are refused.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next().map(|v| v.to_str().map(str::trim));
    match (first, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Problem::of(
            ProblemKind::BadHeader,
            format!("Die Kopfzeile {name} steht mehrmals da oder ist nicht lesbar."),
            format!("The header {name} stands more than once or cannot be read."),
        )),
    }
}

#[cfg(test)]
mod tests {
    use verbund_model::{Command, FederationId, KeyId};

    use super::*;

    fn statement(precondition: Option<Precondition>) -> Statement {
        Statement {
            v: 1,
            federation: FederationId::default(),
            generation: 0,
            key: KeyId::default(),
            session: 3,
            sequence: 14,
            not_after: 0,
            precondition,
            command: Command::OpenSession {},
            sealed: Vec::new(),
        }
    }

    fn check(precondition: Option<Precondition>, headers: &[(HeaderName, &str)]) -> Result<(), ProblemKind> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value.parse().unwrap());
        }
        check_restated(&map, &statement(precondition)).map_err(|p| p.kind())
    }

    #[test]
    fn what_equals_the_envelope_passes() {
        let version = Some(Precondition::Version(7));
        assert_eq!(check(None, &[]), Ok(()));
        assert_eq!(check(None, &[(IDEMPOTENCY_KEY, "3.14")]), Ok(()));
        assert_eq!(check(version, &[(IDEMPOTENCY_KEY, "\"3.14\""), (IF_MATCH, "\"7\"")]), Ok(()));
        assert_eq!(check(version, &[]), Ok(()));
        assert_eq!(check(Some(Precondition::Exists), &[(IF_MATCH, "*")]), Ok(()));
        assert_eq!(check(Some(Precondition::Absent), &[(IF_NONE_MATCH, "*")]), Ok(()));
    }

    #[test]
    fn what_differs_is_refused() {
        use ProblemKind::{BadHeader, IdempotencyKeyMismatch, PreconditionMismatch};
        let version = Some(Precondition::Version(7));
        for key in ["3.15", "3", "4.14", "", "03.14", "3.14.0"] {
            assert_eq!(check(None, &[(IDEMPOTENCY_KEY, key)]), Err(IdempotencyKeyMismatch), "{key}");
        }
        for (precondition, header) in [
            (None, (IF_MATCH, "*")),
            (None, (IF_MATCH, "\"7\"")),
            (None, (IF_NONE_MATCH, "*")),
            (version, (IF_MATCH, "\"8\"")),
            (version, (IF_MATCH, "7")),
            (version, (IF_MATCH, "W/\"7\"")),
            (version, (IF_MATCH, "\"7\", \"8\"")),
            (version, (IF_MATCH, "*")),
            (version, (IF_NONE_MATCH, "*")),
            (Some(Precondition::Exists), (IF_MATCH, "\"7\"")),
            (Some(Precondition::Absent), (IF_MATCH, "*")),
            (Some(Precondition::Absent), (IF_NONE_MATCH, "\"7\"")),
        ] {
            assert_eq!(
                check(precondition, std::slice::from_ref(&header)),
                Err(PreconditionMismatch),
                "{precondition:?} {header:?}"
            );
        }
        assert_eq!(check(None, &[(IDEMPOTENCY_KEY, "3.14"), (IDEMPOTENCY_KEY, "3.14")]), Err(BadHeader));
    }

    #[test]
    fn known_tags() {
        let tag = etag(7);
        for (value, known) in
            [("\"7\"", true), ("\"6\", \"7\"", true), ("W/\"7\"", true), ("*", true), ("\"8\"", false), ("7", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, value.parse().unwrap());
            assert_eq!(is_known(&headers, &tag), known, "{value}");
        }
        assert!(!is_known(&HeaderMap::new(), &tag));
    }
}
