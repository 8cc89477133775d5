//! Selecting fields of resources: `?fields=metadata.name,spec.land`.

use serde_json::{Map, Value};

/// The most paths in one selection, and the most characters of each.
const MAX_PATHS: usize = 64;
const MAX_PATH: usize = 256;

/// Which fields of a resource a caller wants. `apiVersion`, `kind`, `metadata.name` and `metadata.resourceVersion` are
/// always there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields(Vec<Vec<String>>);

impl Fields {
    /// Reads a comma-separated list of dotted paths below `metadata`, `spec` or `status`. Errors: the path that is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let paths: Vec<&str> = text.split(',').collect();
        if paths.len() > MAX_PATHS {
            return Err(format!("{} paths", paths.len()));
        }
        paths.into_iter().map(parse_path).collect::<Result<_, _>>().map(Self)
    }

    /// The selected part of a resource.
    #[must_use]
    pub fn select(&self, resource: &Value) -> Value {
        let mut out = Map::new();
        for always in [&["apiVersion"][..], &["kind"], &["metadata", "name"], &["metadata", "resourceVersion"]] {
            copy(resource, always, &mut out);
        }
        for path in &self.0 {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            copy(resource, &path, &mut out);
        }
        Value::Object(out)
    }
}

fn parse_path(path: &str) -> Result<Vec<String>, String> {
    let parts: Vec<String> = path.split('.').map(str::to_owned).collect();
    let rooted = matches!(parts[0].as_str(), "metadata" | "spec" | "status");
    let sound = path.len() <= MAX_PATH && parts.iter().all(|p| !p.is_empty());
    if rooted && sound { Ok(parts) } else { Err(path.chars().take(80).collect()) }
}

/// Copies what stands at `path`; a path that leads nowhere adds nothing.
fn copy(from: &Value, path: &[&str], into: &mut Map<String, Value>) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(value) = from.get(first) else { return };
    if rest.is_empty() {
        into.insert((*first).to_owned(), value.clone());
        return;
    }
    let mut inner = match into.remove(*first) {
        Some(Value::Object(map)) => map,
        Some(whole) => {
            into.insert((*first).to_owned(), whole);
            return;
        }
        None => Map::new(),
    };
    copy(value, rest, &mut inner);
    if !inner.is_empty() {
        into.insert((*first).to_owned(), Value::Object(inner));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource() -> Value {
        json!({"apiVersion": "verbund.de/v1", "kind": "Site", "metadata": {"name": "nord", "resourceVersion": 7, "created": "c"},
               "spec": {"land": "DE-NI", "deep": {"a": 1, "b": 2}}, "status": null})
    }

    #[test]
    fn selects_what_is_asked_and_what_identifies() {
        let got = Fields::parse("spec.deep.b,spec.nothing.there,metadata.created").unwrap().select(&resource());
        assert_eq!(
            got,
            json!({"apiVersion": "verbund.de/v1", "kind": "Site",
                   "metadata": {"name": "nord", "resourceVersion": 7, "created": "c"}, "spec": {"deep": {"b": 2}}})
        );
    }

    #[test]
    fn a_part_of_what_is_selected_whole_changes_nothing() {
        for text in ["spec,spec.land", "spec.land,spec"] {
            assert_eq!(Fields::parse(text).unwrap().select(&resource())["spec"], resource()["spec"], "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_path() {
        for text in ["", "spec.", ".spec", "spec..a", "name", "kind", "spec,,", &"spec,".repeat(64)] {
            assert!(Fields::parse(text).is_err(), "{text:?}");
        }
        assert!(Fields::parse(&format!("spec.{}", "a".repeat(300))).is_err());
    }
}
