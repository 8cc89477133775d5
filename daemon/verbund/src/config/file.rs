//! The file: YAML, read with budgets into a tree with lines, then compared with the table of fields, so that every error
//! is found and not only the first.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::ConfigError;
use super::field::{FIELDS, Field, find};
use super::settings::{Setting, Settings, Source};
use crate::t;

/// The most bytes of a configuration file.
const MAX_FILE: usize = 256 * 1024;

/// A YAML value; lines stand at the [`Spanned`] around it.
enum Node {
    Empty,
    Scalar(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

/// Reads `text` into `settings`. What is wrong goes to `errors`; the rest is taken all the same.
pub fn read(path: &Path, text: &str, settings: &mut Settings, errors: &mut Vec<ConfigError>) {
    let mut reader = Reader { path, text, settings, errors };
    if text.len() > MAX_FILE {
        let problem = t!("config-file-too-large", bytes = text.len(), limit = MAX_FILE);
        return reader.error(0, "", problem, t!("config-file-too-large-remedy"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 16, max_nodes: 4096, max_anchors: 64, max_aliases: 64, max_documents: 1 },
        with_snippet: false,
        leading_zero_numbers_as_strings: true,
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options::<Option<Spanned<Node>>>(text, options) {
        Ok(None) => {}
        Ok(Some(root)) => reader.root(root),
        Err(error) => {
            let line = error.location().map_or(0, |at| at.line());
            reader.error(line, "", t!("config-yaml", reason = error.to_string()), t!("config-yaml-remedy"));
        }
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    settings: &'a mut Settings,
    errors: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    fn error(&mut self, line: u64, field: &str, problem: String, remedy: String) {
        let source = Source::File { path: self.path.to_owned(), line };
        self.errors.push(ConfigError { source, field: field.to_owned(), problem, remedy });
    }

    fn root(&mut self, root: Spanned<Node>) {
        match root.value {
            Node::Empty => {}
            Node::Map(fields) => self.map("", fields),
            _ => self.error(root.referenced.line(), "", t!("config-not-a-map"), t!("config-not-a-map-remedy")),
        }
    }

    fn map(&mut self, prefix: &str, fields: Vec<(String, Spanned<Node>)>) {
        for (name, node) in fields {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let line = self.line_of(&name, node.referenced.line());
            let below = format!("{path}.");
            match (find(&path), node.value) {
                (Some(field), value) => self.field(field, line, value),
                (None, Node::Map(inner)) if FIELDS.iter().any(|f| f.path.starts_with(&below)) => self.map(&path, inner),
                (None, Node::Empty) if FIELDS.iter().any(|f| f.path.starts_with(&below)) => {}
                (None, _) if FIELDS.iter().any(|f| f.path.starts_with(&below)) => {
                    self.error(line, &path, t!("config-section"), t!("config-section-remedy", fields = names(&below)));
                }
                (None, _) => self.unknown(&path, line),
            }
        }
    }

    /// The line of a key: the parser knows that of its value, which may begin below.
    fn line_of(&self, name: &str, value_line: u64) -> u64 {
        let at = usize::try_from(value_line).unwrap_or(0);
        let lines: Vec<&str> = self.text.lines().take(at).collect();
        let holds = |line: &&str| line.trim_start().trim_start_matches(['"', '\'']).starts_with(name);
        let back = lines.iter().rev().take(20).position(holds).unwrap_or(0);
        value_line - u64::try_from(back).unwrap_or(0)
    }

    fn field(&mut self, field: &'static Field, line: u64, value: Node) {
        let source = Source::File { path: self.path.to_owned(), line };
        match value {
            Node::Empty => {}
            Node::Scalar(text) => self.settings.set(field, vec![text], &source),
            Node::List(items) if field.list => {
                let mut texts = Vec::new();
                for item in items {
                    let line = item.referenced.line();
                    match item.value {
                        Node::Scalar(text) => {
                            texts.push(Setting { text, source: Source::File { path: self.path.to_owned(), line } });
                        }
                        _ => self.error(line, field.path, t!("config-wants-text"), t!("config-wants-text-remedy")),
                    }
                }
                self.settings.replace(field, texts);
            }
            _ if field.list => self.error(line, field.path, t!("config-wants-list"), t!("config-wants-list-remedy")),
            _ => self.error(line, field.path, t!("config-wants-text"), t!("config-wants-text-remedy")),
        }
    }

    fn unknown(&mut self, path: &str, line: u64) {
        let near = FIELDS.iter().map(|f| (distance(f.path, path), f.path)).min().filter(|(d, _)| *d <= 3);
        let remedy = match near {
            Some((_, near)) => t!("config-unknown-near", near = near),
            None => t!("config-unknown-remedy"),
        };
        self.error(line, path, t!("config-unknown"), remedy);
    }
}

fn names(prefix: &str) -> String {
    let below = FIELDS.iter().filter_map(|f| f.path.strip_prefix(prefix));
    below.collect::<Vec<_>>().join(", ")
}

/// Levenshtein's distance, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = access.next_entry()? {
            fields.push(field);
        }
        Ok(Node::Map(fields))
    }
}
