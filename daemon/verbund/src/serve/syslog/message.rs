//! One audit record as one syslog message.

use std::fmt::Write as _;

use verbund_identity::sha256;
use verbund_machine::AuditRecord;
use verbund_model::{FederationId, NodeId};

use crate::audit::Summary;

/// Facility 13 (log audit, RFC 5424, 6.2.1).
const FACILITY: u8 = 13;
const NOTICE: u8 = 5;
const WARNING: u8 = 4;
/// 32473 is the enterprise number for documentation (RFC 5612); ours will replace it when there is one.
const STRUCTURED: &str = "verbund@32473";

/// Who sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The federation.
    pub federation: FederationId,
    /// The sending node.
    pub node: NodeId,
    /// HOSTNAME of the message: the site's trust domain.
    pub host: String,
}

/// The message of a record (RFC 5424, 6). Bytes that people chose appear escaped, so that no value ends its field.
pub fn render(origin: &Origin, record: &AuditRecord) -> String {
    let Summary { kind, key, refused, subject: _ } = Summary::of(record);
    let severity = if refused.is_some() { WARNING } else { NOTICE };
    let time = verbund_model::instant::rfc3339(record.time);
    let mut data = String::new();
    let mut field = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(data, " {name}=\"{}\"", escape(value));
    };
    field("federation", &origin.federation.to_string());
    field("index", &record.at.index.to_string());
    field("term", &record.at.term.to_string());
    field("kind", &kind);
    if let Some(key) = &key {
        field("key", &key.to_string());
    }
    field("outcome", refused.as_deref().unwrap_or("accepted"));
    field("record", &sha256(&record.to_bytes()).to_string());
    let text = match &refused {
        Some(refusal) => format!("{kind} refused: {refusal}"),
        None => kind,
    };
    format!(
        "<{}>1 {time} {} verbund {} audit [{STRUCTURED}{data}] {text}",
        FACILITY * 8 + severity,
        origin.host,
        origin.node
    )
}

/// Octet counting (RFC 5425, 4.3).
pub fn frame(message: &str) -> Vec<u8> {
    format!("{} {message}", message.len()).into_bytes()
}

/// PARAM-VALUE escapes (RFC 5424, 6.3.3); control characters have no place in a message at all.
fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '"' | '\\' | ']' => out.extend(['\\', c]),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_ends_its_field() {
        assert_eq!(escape("a\"]\\\nb"), "a\\\"\\]\\\\\u{fffd}b");
    }

    #[test]
    fn frames_count_bytes_not_characters() {
        assert_eq!(frame("ä"), "2 ä".as_bytes());
    }
}
