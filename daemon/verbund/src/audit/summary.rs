//! One record in short: what was asked for, of what, by which key, and what came of it.

use serde_json::Value;
use verbund_identity::{Envelope, Statement};
use verbund_machine::{AuditRecord, Entry, RecordedEntry};
use verbund_model::{KeyId, Outcome};

/// What a statement is about stands in the first of these fields that it has.
const SUBJECTS: &[&str] =
    &["name", "workload", "cluster", "user", "node", "site", "subject", "invitation", "change", "organisation", "key"];

/// A record in short. All texts are the field's own names, the same in every language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The command as the API names it; `leader` and `membership` for what no author signed.
    pub kind: String,
    /// What it is about, if it names it.
    pub subject: Option<String>,
    /// The author's key.
    pub key: Option<KeyId>,
    /// The name of the refusal; `None`: it was accepted, or nobody asked.
    pub refused: Option<String>,
}

impl Summary {
    /// Of a record.
    #[must_use]
    pub fn of(record: &AuditRecord) -> Self {
        let refused = match &record.outcome {
            Some(Outcome::Refused(refusal)) => Some(refusal.name().to_owned()),
            Some(Outcome::Accepted(_)) | None => None,
        };
        let plain = |kind: &str, refused| Self { kind: kind.to_owned(), subject: None, key: None, refused };
        let bytes = match &record.entry {
            RecordedEntry::Blank => return plain("leader", refused),
            RecordedEntry::Membership { .. } => return plain("membership", refused),
            RecordedEntry::Command(bytes) => bytes,
        };
        let entry = Entry::from_bytes(bytes).ok();
        let Some(envelope) = entry.and_then(|entry| Envelope::from_bytes(&entry.envelope).ok()) else {
            return plain("unreadable", refused);
        };
        let command = Statement::from_payload(&envelope.payload).ok();
        let command = command.and_then(|statement| serde_json::to_value(statement.command).ok());
        let named = command.as_ref().and_then(Value::as_object).and_then(|fields| fields.iter().next());
        let kind = named.map_or_else(|| "unreadable".to_owned(), |(kind, _)| kind.clone());
        Self { kind, subject: named.and_then(|(_, fields)| subject(fields)), key: Some(envelope.key), refused }
    }
}

/// What a command is about: a name among its fields, or what is proposed, requested or found.
fn subject(fields: &Value) -> Option<String> {
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let own = SUBJECTS.iter().find_map(|field| fields.get(field).and_then(word));
    own.or_else(|| {
        let inner = ["action", "request", "finding", "spec"].iter().find_map(|field| fields.get(field))?;
        let (name, below) = inner.as_object()?.iter().next()?;
        if !below.is_object() {
            return subject(inner);
        }
        Some(subject(below).map_or_else(|| name.clone(), |of| format!("{name} {of}")))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_it_is_about_is_found_where_it_stands() {
        let of = |fields| subject(&fields);
        assert_eq!(of(json!({ "name": "geodaten", "organisation": "lgln" })).unwrap(), "geodaten");
        assert_eq!(of(json!({ "organisation": "lgln", "user": "anna", "role": "auditor" })).unwrap(), "anna");
        assert_eq!(of(json!({ "action": { "replaceVoter": { "lost": 2 } } })).unwrap(), "replaceVoter");
        assert_eq!(
            of(json!({ "finding": { "unreachable": { "site": "nord", "presence": 0 } } })).unwrap(),
            "unreachable nord"
        );
        assert_eq!(of(json!({ "request": { "site": "nord", "anchors": [] } })).unwrap(), "nord");
        assert_eq!(of(json!({})), None);
    }
}
