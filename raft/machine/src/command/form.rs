//! What texts in documents must look like: the forms of Kubernetes, each refusal with the path of the field, what was
//! found and what is allowed.

use std::collections::{BTreeMap, BTreeSet};

use verbund_model::Refusal;
use verbund_model::resource::{Amounts, ApiKind, KubernetesVersion};

use crate::act::{invalid, within};
use crate::limits::{MAX_KINDS, MAX_LIST, MAX_TEXT};

/// How much of a found text a refusal repeats.
const SHOWN: usize = 80;

/// A field with a text of the wrong form.
fn wrong(field: &str, found: &str, allowed: &str) -> Refusal {
    let found: String = found.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect();
    invalid(field, format!("found \"{found}\", allowed is {allowed}"))
}

/// A text for people: at most [`MAX_TEXT`] characters, no control characters but line ends; `needed`: not empty.
pub(crate) fn text(field: &str, text: &str, needed: bool) -> Result<(), Refusal> {
    within(field, text.chars().count() as u64, MAX_TEXT)?;
    if text.chars().any(|c| c.is_control() && c != '\n') || (needed && text.trim().is_empty()) {
        let least = if needed { "1 to" } else { "up to" };
        return Err(wrong(field, text, &format!("text of {least} {MAX_TEXT} characters without control characters")));
    }
    Ok(())
}

/// A DNS subdomain (RFC 1123): the form of API groups and of classes.
pub(crate) fn subdomain(field: &str, text: &str) -> Result<(), Refusal> {
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let ends = |b: Option<&u8>| b.is_some_and(|b| *b != b'-');
        let bytes = label.as_bytes();
        (1..=63).contains(&bytes.len()) && bytes.iter().all(|b| inner(*b)) && ends(bytes.first()) && ends(bytes.last())
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(());
    }
    Err(wrong(field, text, "a DNS subdomain of at most 253 characters (RFC 1123), such as apps or networking.k8s.io"))
}

/// The name part of labels and of extended resources, and a label's value.
fn qualified_part(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len()) && bytes.iter().all(|b| inner(*b)) && ends(bytes.first()) && ends(bytes.last())
}

/// A qualified name of Kubernetes: `name` or `prefix/name`.
fn qualified(field: &str, text: &str) -> Result<(), Refusal> {
    let fits = match text.split_once('/') {
        Some((prefix, name)) => subdomain(field, prefix).is_ok() && qualified_part(name),
        None => qualified_part(text),
    };
    let allowed = "a qualified name of Kubernetes, such as verbund.de/tier";
    if fits { Ok(()) } else { Err(wrong(field, text, allowed)) }
}

/// Labels of Kubernetes.
pub(crate) fn labels(field: &str, labels: &BTreeMap<String, String>) -> Result<(), Refusal> {
    within(&format!("the number of {field}"), labels.len() as u64, MAX_LIST)?;
    for (key, value) in labels {
        qualified(field, key)?;
        if !value.is_empty() && !qualified_part(value) {
            let allowed = "up to 63 of a-z, A-Z, 0-9, '-', '_', '.', beginning and ending with a letter or digit";
            return Err(wrong(&format!("{field}.{key}"), value, allowed));
        }
    }
    Ok(())
}

/// Kinds of objects.
pub(crate) fn kinds(field: &str, kinds: &BTreeSet<ApiKind>) -> Result<(), Refusal> {
    within(&format!("the number of {field}"), kinds.len() as u64, MAX_KINDS)?;
    for (at, kind) in kinds.iter().enumerate() {
        api_kind(&format!("{field}[{at}]"), kind)?;
    }
    Ok(())
}

/// A kind of objects: group, version and kind each of its form.
pub(crate) fn api_kind(field: &str, kind: &ApiKind) -> Result<(), Refusal> {
    if !kind.group.is_empty() {
        subdomain(&format!("{field}.group"), &kind.group)?;
    }
    let version = kind.version.as_bytes();
    let lower = version.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if !(1..=63).contains(&version.len()) || !lower || !version[0].is_ascii_lowercase() {
        return Err(wrong(&format!("{field}.version"), &kind.version, "a version of an API, such as v1 or v1beta1"));
    }
    let name = kind.kind.as_bytes();
    if !(1..=63).contains(&name.len()) || !name.iter().all(u8::is_ascii_alphanumeric) || !name[0].is_ascii_uppercase() {
        return Err(wrong(
            &format!("{field}.kind"),
            &kind.kind,
            "a kind's name in letters and digits, such as Deployment",
        ));
    }
    Ok(())
}

/// Classes of storage or ingress.
pub(crate) fn classes(field: &str, classes: &BTreeSet<String>) -> Result<(), Refusal> {
    within(&format!("the number of {field}"), classes.len() as u64, MAX_LIST)?;
    classes.iter().enumerate().try_for_each(|(at, class)| subdomain(&format!("{field}[{at}]"), class))
}

/// Amounts: the names of extended resources.
pub(crate) fn amounts(field: &str, amounts: &Amounts) -> Result<(), Refusal> {
    let field = format!("{field}.extended");
    within(&format!("the number of {field}"), amounts.extended.len() as u64, MAX_LIST)?;
    amounts.extended.keys().try_for_each(|name| qualified(&field, name))
}

/// A range of versions of Kubernetes.
pub(crate) fn versions(min: Option<KubernetesVersion>, max: Option<KubernetesVersion>) -> Result<(), Refusal> {
    match (min, max) {
        (Some(min), Some(max)) if max < min => {
            let field = "spec.requirements.kubernetesMax";
            Err(wrong(field, &max.to_string(), &format!("{min} (kubernetesMin) or newer")))
        }
        _ => Ok(()),
    }
}

/// A number within its range.
pub(crate) fn number(field: &str, found: u64, least: u64, most: u64) -> Result<(), Refusal> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(invalid(field, format!("found {found}, allowed is {least} to {most}")))
}
