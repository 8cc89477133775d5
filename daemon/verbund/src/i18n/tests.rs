//! Both languages say the same, and all that the code asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

/// Every message's id with the names of its variables.
fn messages(files: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for (name, source) in files {
        let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(_, e)| panic!("{name}: {e:?}"));
        let starts = source.lines().filter_map(|line| line.split_once(" ="));
        let mut ids: Vec<&str> =
            starts.map(|(id, _)| id).filter(|id| id.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
        assert_eq!(resource.entries().count() - comments(&resource), ids.len(), "{name}: a message is not read");
        ids.dedup();
        for id in ids {
            let body = message_body(source, id);
            assert!(found.insert(id.to_owned(), variables(&body)).is_none(), "{name}: {id} stands twice");
        }
    }
    found
}

fn comments(resource: &FluentResource) -> usize {
    resource
        .entries()
        .filter(|entry| format!("{entry:?}").contains("Comment {"))
        .filter(|e| !format!("{e:?}").starts_with("Message"))
        .count()
}

fn message_body(source: &str, id: &str) -> String {
    let mut lines = source.lines().skip_while(|line| !line.starts_with(&format!("{id} =")));
    let first = lines.next().unwrap_or_default().to_owned();
    let rest = lines.take_while(|line| line.is_empty() || line.starts_with(' ') || line.starts_with('}'));
    rest.fold(first, |body, line| body + "\n" + line)
}

fn variables(body: &str) -> BTreeSet<String> {
    let name = |rest: &str| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '-').collect();
    body.match_indices('$').map(|(at, _)| name(&body[at + 1..])).collect()
}

/// Ids that the code names with `t!` (or `text("…")`), with the variables it gives.
fn used() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut |source| {
        for (at, _) in source.match_indices("t!(\"") {
            if source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            let rest = &source[at + 4..];
            let (id, rest) = rest.split_once('"').unwrap();
            if id == "id" || id.is_empty() {
                continue;
            }
            found.insert(id.to_owned(), arguments(rest));
        }
    });
    found
}

/// The names before ` = ` at depth 0 of a macro call whose id was just read.
fn arguments(rest: &str) -> BTreeSet<String> {
    let (mut depth, mut start, mut names) = (0_i32, 0, BTreeSet::new());
    for (at, c) in rest.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => start = at + 1,
            '=' if depth == 0 && rest[..at].ends_with(' ') && rest[at + 1..].starts_with([' ', '\n']) => {
                names.insert(rest[start..at].trim().to_owned());
            }
            _ => {}
        }
    }
    names
}

fn walk(directory: &Path, visit: &mut impl FnMut(&str)) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|e| e == "rs")
            && !path.ends_with("i18n/mod.rs")
            && !path.ends_with("i18n/tests.rs")
        {
            visit(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn both_languages_have_the_same_messages_with_the_same_variables() {
    let (english, german) = (messages(ENGLISH), messages(GERMAN));
    for (id, variables) in &english {
        assert_eq!(german.get(id), Some(variables), "{id} in German");
    }
    for id in german.keys() {
        assert!(english.contains_key(id), "{id} is missing in English");
    }
}

#[test]
fn every_id_in_the_code_exists_with_its_variables() {
    let (english, used) = (messages(ENGLISH), used());
    assert!(used.len() > 20, "the search for ids no longer finds them");
    for (id, given) in used {
        let wanted = english.get(&id).unwrap_or_else(|| panic!("there is no message {id}"));
        assert_eq!(&given, wanted, "the variables of {id}");
    }
}

#[test]
fn values_stand_in_the_text() {
    assert_eq!(text_in(Lang::De, "error-prefix", &[]), "Fehler");
    assert_eq!(text_in(Lang::En, "error-prefix", &[]), "error");
    assert_eq!(text_in(Lang::En, "no-such-id", &[]), "no-such-id");
}
