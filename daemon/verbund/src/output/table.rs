//! Tables: columns that line up, no frames, so that they can be cut and searched.

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;
use verbund_model::resource::{Action, Address, CopyRole, KeyOwner, Order, PlacedCopy, Waiting};
use verbund_model::view::{Kind, Resource};

use super::time::local_of;
use crate::t;

/// A table.
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with a heading.
    #[must_use]
    pub fn new(heading: Vec<String>) -> Self {
        Self { rows: vec![heading] }
    }

    /// A table without heading.
    #[must_use]
    pub const fn plain() -> Self {
        Self { rows: Vec::new() }
    }

    /// Adds a row. Control characters, which could move the cursor or hide text, are shown as `�`.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// The text, with a line end after each row.
    #[must_use]
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows.iter().filter_map(|row| row.get(column)).map(|cell| shown(cell).as_str().width()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let mut out = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let cell = clean(cell);
                line.push_str(&cell);
                line.extend(std::iter::repeat_n(' ', (width + 2).saturating_sub(shown(&cell).as_str().width())));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// The cell without the colours that we put there ourselves.
fn shown(cell: &str) -> String {
    let mut out = String::new();
    let mut rest = cell;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

/// The cell with nothing that a terminal obeys but our own colours: names and documents come from others.
fn clean(cell: &str) -> String {
    let ours = |at: usize| {
        cell[at..].strip_prefix("\u{1b}[").is_some_and(|rest| {
            rest.split_once('m').is_some_and(|(code, _)| ["32", "33", "31;1", "2", "1", "0"].contains(&code))
        })
    };
    let safe = |(at, c): (usize, char)| match c {
        '\u{1b}' if ours(at) => c,
        c if c.is_control() || is_bidi(c) => '\u{fffd}',
        c => c,
    };
    cell.char_indices().map(safe).collect()
}

/// A line that others wrote, with nothing that a terminal obeys but the tab.
#[must_use]
pub fn clean_line(line: &str) -> String {
    let safe = |c: char| if (c.is_control() && c != '\t') || is_bidi(c) { '\u{fffd}' } else { c };
    line.chars().map(safe).collect()
}

/// Marks that turn the reading direction (Unicode TR9): a name could look like another.
const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The table for resources: columns that fit their kind.
pub(super) fn of_resources(resources: &[Resource]) -> Table {
    let kinds: std::collections::BTreeSet<Kind> = resources.iter().map(|r| r.kind).collect();
    let columns: &[Column] = match kinds.first() {
        Some(kind) if kinds.len() == 1 => columns(*kind),
        _ => &[],
    };
    let mut heading = vec![if kinds.len() > 1 { t!("column-resource") } else { t!("column-name") }];
    heading.extend(columns.iter().map(|column| (column.heading)()));
    heading.extend([t!("column-version"), t!("column-changed")]);
    let mut table = Table::new(heading);
    for resource in resources {
        let name = resource.metadata.name.clone();
        let name = if kinds.len() > 1 { format!("{}/{name}", resource.kind.plural()) } else { name };
        let mut row = vec![name];
        row.extend(columns.iter().map(|column| column.cell(resource)));
        row.extend([resource.metadata.resource_version.to_string(), local_of(&resource.metadata.changed)]);
        table.row(row);
    }
    table
}

struct Column {
    heading: fn() -> String,
    /// JSON pointer (RFC 6901) into the resource.
    pointer: &'static str,
    show: fn(&Value) -> String,
    /// Instead of the pointer: from the whole resource.
    whole: Option<fn(&Resource) -> String>,
}

impl Column {
    fn cell(&self, resource: &Resource) -> String {
        if let Some(whole) = self.whole {
            return whole(resource);
        }
        let value = match self.pointer.strip_prefix("/spec") {
            Some(below) => resource.spec.pointer(below),
            None => self.pointer.strip_prefix("/status").and_then(|below| resource.status.pointer(below)),
        };
        value.map_or_else(|| "-".to_owned(), self.show)
    }
}

/// A JSON value in a cell.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn addresses(value: &Value) -> String {
    let parsed = serde_json::from_value::<Vec<Address>>(value.clone()).unwrap_or_default();
    let texts: Vec<String> = parsed.iter().map(ToString::to_string).collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(",") }
}

fn count(value: &Value) -> String {
    value.as_array().map_or_else(|| "-".to_owned(), |items| items.len().to_string())
}

fn time(value: &Value) -> String {
    value.as_str().map_or_else(|| text(value), local_of)
}

fn owner(value: &Value) -> String {
    match serde_json::from_value::<KeyOwner>(value.clone()) {
        Ok(KeyOwner::User { organisation, user }) => format!("{organisation}.{user}"),
        Ok(KeyOwner::Node { node }) => format!("node {node}"),
        Ok(KeyOwner::Agent { cluster }) => format!("agent {cluster}"),
        _ => text(value),
    }
}

/// What an action does; one that this program does not know, as it is.
fn action(value: &Value) -> String {
    let known = serde_json::from_value::<Action>(value.clone()).ok();
    known.and_then(|action| crate::cmd::act(&action).ok()).unwrap_or_else(|| text(value))
}

/// Where the copies of a placement are: the active ones, and those that are being stopped.
fn copies(value: &Value) -> String {
    let copies = serde_json::from_value::<Vec<PlacedCopy>>(value.clone()).unwrap_or_default();
    let shown = copies.iter().filter(|copy| copy.role != CopyRole::Standby);
    let texts: Vec<String> = shown
        .map(|copy| match copy.role {
            CopyRole::Stopping => format!("{} ({})", copy.cluster, t!("copy-stopping")),
            _ => copy.cluster.to_string(),
        })
        .collect();
    if texts.is_empty() { "-".to_owned() } else { texts.join(", ") }
}

/// What a placement waits for.
fn waiting(value: &Value) -> String {
    let known = serde_json::from_value::<Option<Waiting>>(value.clone()).ok();
    known.map_or_else(|| text(value), |waiting| waiting.as_ref().map_or_else(|| "-".to_owned(), crate::cmd::waiting))
}

/// Why something was refused, or that it was not.
fn reason(value: &Value) -> String {
    value["reason"].as_str().map_or_else(|| "-".to_owned(), |reason| reason.replace('\n', " "))
}

/// The names of an object's fields.
fn fields(value: &Value) -> String {
    let names = value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>().join(","));
    names.filter(|names| !names.is_empty()).unwrap_or_else(|| "-".to_owned())
}

/// An object with one field, such as the subject of an evidence: `site nord`.
fn one(value: &Value) -> String {
    let field = value.as_object().and_then(|fields| fields.iter().next());
    field.map_or_else(|| text(value), |(name, inner)| format!("{name} {}", text(inner)))
}

/// Whom a directive is about.
fn order(value: &Value) -> String {
    match serde_json::from_value::<Order>(value.clone()) {
        Ok(Order::ExcludeSite { site, .. }) => t!("order-exclude-site", site = site.to_string()),
        Ok(Order::ExcludeOrganisation { organisation, .. }) => {
            t!("order-exclude-organisation", organisation = organisation.to_string())
        }
        Ok(Order::Recover { .. }) | Err(_) => one(value),
    }
}

fn yes(value: &Value) -> String {
    match value {
        Value::Bool(true) => t!("word-yes"),
        Value::Bool(false) => t!("word-no"),
        other => text(other),
    }
}

/// What became of an invitation. That its time is over changes nothing in the state, and yet it is worth nothing.
fn invitation(resource: &Resource) -> String {
    let state = resource.status.pointer("/used/state").and_then(Value::as_str).unwrap_or("-");
    let expires = resource.spec["expires"].as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    match state {
        "open" if expires.is_some_and(|expires| expires < jiff::Timestamp::now()) => t!("invitation-expired"),
        "open" => t!("invitation-open"),
        "used" => t!("invitation-used"),
        "revoked" => t!("invitation-revoked"),
        other => other.to_owned(),
    }
}

macro_rules! column {
    ($id:literal: $pointer:literal) => { column!($id: $pointer, text) };
    ($id:literal: $pointer:literal, $show:expr) => {
        Column { heading: || t!($id), pointer: $pointer, show: $show, whole: None }
    };
    ($id:literal, $whole:expr) => { Column { heading: || t!($id), pointer: "", show: text, whole: Some($whole) } };
}

fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Federation => &[
            column!("column-id": "/status/id"),
            column!("column-generation": "/status/generation"),
            column!("column-threshold": "/spec/coordinators/threshold"),
        ],
        Kind::Organisation => &[
            column!("column-display-name": "/spec/displayName"),
            column!("column-roles": "/spec/roles"),
            column!("column-parent": "/spec/parent"),
            column!("column-standing": "/status/standing"),
        ],
        Kind::Site => &[
            column!("column-organisation": "/spec/organisation"),
            column!("column-land": "/spec/land"),
            column!("column-standing": "/status/standing"),
        ],
        Kind::Node => &[
            column!("column-site": "/spec/site"),
            column!("column-addresses": "/spec/addresses", addresses),
            column!("column-standing": "/status/standing"),
        ],
        Kind::User => &[column!("column-organisation": "/spec/organisation")],
        Kind::RoleBinding => &[
            column!("column-organisation": "/spec/organisation"),
            column!("column-user": "/spec/user"),
            column!("column-role": "/spec/role"),
            column!("column-sites": "/spec/sites"),
        ],
        Kind::Key => &[column!("column-owner": "/spec/owner", owner), column!("column-revoked": "/status/revoked")],
        Kind::Invitation => &[
            column!("column-site": "/spec/site"),
            column!("column-organisation": "/spec/organisation"),
            column!("column-expires": "/spec/expires", time),
            column!("column-used", invitation),
        ],
        Kind::Admission => &[
            column!("column-site": "/spec/request/site"),
            column!("column-organisation": "/spec/request/organisation"),
            column!("column-approvals": "/status/approvals", count),
            column!("column-admitted": "/status/admitted"),
            column!("column-refused": "/status/refused", reason),
        ],
        Kind::Proposal => &[
            column!("column-action": "/spec/action", action),
            column!("column-approvals": "/status/approvals", count),
            column!("column-done": "/status/done"),
        ],
        Kind::Policy => &[],
        Kind::CatalogueEntry => {
            &[column!("column-organisation": "/spec/organisation"), column!("column-schema": "/spec/schemaVersion")]
        }
        Kind::Cluster => &[
            column!("column-site": "/spec/site"),
            column!("column-zone": "/spec/zone"),
            column!("column-schutzbedarf": "/spec/schutzbedarf"),
            column!("column-stage": "/spec/stage"),
            column!("column-standing": "/status/standing"),
        ],
        Kind::Workload => &[
            column!("column-organisation": "/spec/organisation"),
            column!("column-customer": "/spec/customer"),
            column!("column-priority": "/spec/priority"),
        ],
        Kind::Placement => {
            &[column!("column-runs": "/status/copies", copies), column!("column-waiting": "/status/waiting", waiting)]
        }
        Kind::Evidence => &[
            column!("column-subject": "/spec/subject", one),
            column!("column-kind": "/spec/kind"),
            column!("column-issuer": "/spec/issuer"),
            column!("column-until": "/spec/validUntil", time),
        ],
        Kind::Lease => {
            &[column!("column-generation": "/status/generation"), column!("column-open": "/status/open", yes)]
        }
        Kind::Presence => &[column!("column-number": "/status/number"), column!("column-lost": "/status/lost", yes)],
        Kind::Verdict => {
            &[column!("column-finding": "/spec/finding"), column!("column-remaining": "/status/remaining", count)]
        }
        Kind::Change => &[
            column!("column-workload": "/spec/workload"),
            column!("column-kind": "/status/kind"),
            column!("column-closed": "/status/closed", yes),
        ],
        Kind::Incident => &[
            column!("column-workload": "/spec/workload"),
            column!("column-cluster": "/spec/cluster"),
            column!("column-reason": "/spec/reason"),
            column!("column-resolved": "/status/resolved", yes),
        ],
        Kind::Exception => &[
            column!("column-rule": "/spec/rule"),
            column!("column-workload": "/spec/workload"),
            column!("column-until": "/spec/until", time),
            column!("column-approvals": "/status/approvals", count),
        ],
        Kind::Consent => &[column!("column-customer": "/spec/customer"), column!("column-sites": "/spec/sites")],
        Kind::LicenceVeto => &[column!("column-reason": "/spec/reason")],
        Kind::Secret => &[
            column!("column-revision": "/spec/revision"),
            column!("column-keys": "/spec/keys"),
            column!("column-recipients": "/spec/recipients", fields),
        ],
        Kind::Directive => &[column!("column-number": "/spec/number"), column!("column-order": "/spec/order", order)],
        Kind::Timings => {
            &[column!("column-lease": "/spec/timings/lease"), column!("column-margin": "/spec/timings/margin")]
        }
    }
}
