//! Free-form JSON objects that people write, read strictly.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// How deep a document may be nested.
pub const MAX_DEPTH: usize = 32;

/// A JSON object in canonical text: keys sorted, no white space, no key twice, at most [`MAX_DEPTH`] deep. In binary
/// formats it is its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Document(Arc<str>);

impl Document {
    /// Takes a JSON object. A value that is no object, or nested too deeply, is `None`.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Self> {
        (value.is_object() && depth_of(value) <= MAX_DEPTH).then(|| Self(value.to_string().into()))
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // The text was made by serde_json from a value, so it parses; `Null` is never seen.
        serde_json::from_str(&self.0).unwrap_or(Value::Null)
    }

    /// Bytes of the canonical text.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text is empty, which it never is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn depth_of(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth_of).max().unwrap_or(0),
        _ => 0,
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            self.to_value().serialize(serializer)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let strict = Strict::deserialize(deserializer)?;
            Self::from_value(&strict.0)
                .ok_or_else(|| de::Error::custom(format!("a document is a JSON object at most {MAX_DEPTH} deep")))
        } else {
            let text = String::deserialize(deserializer)?;
            let strict: Strict = serde_json::from_str(&text).map_err(de::Error::custom)?;
            Self::from_value(&strict.0).ok_or_else(|| de::Error::custom("not the text of a document"))
        }
    }
}

/// Any JSON value in which no object has a key twice.
pub struct Strict(pub Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value without duplicate keys")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        serde_json::Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Strict(item)) = access.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let Strict(value) = access.next_value()?;
            if fields.contains_key(&key) {
                return Err(de::Error::custom(format!("the key {key:?} stands twice in one object")));
            }
            fields.insert(key, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Document, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn is_canonical() {
        let document = parse(r#"{ "b": [1, 2.5, null], "a": {"x": true} }"#).unwrap();
        assert_eq!(document.as_str(), r#"{"a":{"x":true},"b":[1,2.5,null]}"#);
        assert_eq!(parse(document.as_str()).unwrap(), document);
    }

    #[test]
    fn refuses_a_key_twice_at_any_depth() {
        assert!(parse(r#"{"a":1,"a":2}"#).unwrap_err().to_string().contains("twice"));
        assert!(parse(r#"{"x":[{"a":1,"a":1}]}"#).is_err());
        assert!(parse(r#"{"x":[{"a":1},{"a":1}]}"#).is_ok());
    }

    #[test]
    fn refuses_what_is_no_object_or_too_deep() {
        assert!(parse("[1]").is_err());
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert!(parse(&nested(MAX_DEPTH)).is_err());
    }
}
