//! Golden outputs.

use serde_json::json;
use verbund_model::view::{API_VERSION, Kind, Metadata, Resource};

use super::*;

fn entry(name: &str) -> Resource {
    Resource {
        api_version: API_VERSION.to_owned(),
        kind: Kind::CatalogueEntry,
        metadata: Metadata {
            name: name.to_owned(),
            resource_version: 42,
            created: "2026-11-22T16:04:31.000Z".to_owned(),
            changed: "2026-11-22T16:05:00.250Z".to_owned(),
        },
        spec: json!({ "organisation": "dataport", "schemaVersion": 1, "document": { "title": "Geodaten" } }),
        status: serde_json::Value::Null,
    }
}

#[test]
fn a_table_lines_up_and_ends_no_line_with_spaces() {
    let text = table::of_resources(&[entry("geodaten"), entry("x")]).render();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0].split_whitespace().collect::<Vec<_>>(),
        ["NAME", "ORGANISATION", "SCHEMA", "VERSION", "CHANGED"]
    );
    assert!(lines[1].starts_with("geodaten  dataport      1       42       2026-11-22 "), "{}", lines[1]);
    assert!(lines[2].starts_with("x         dataport"), "{}", lines[2]);
    assert!(lines.iter().all(|line| line.trim_end() == *line));
}

#[test]
fn an_invitation_whose_time_is_over_is_not_open_and_an_action_names_its_node() {
    let invitation = |expires: &str| Resource {
        kind: Kind::Invitation,
        spec: json!({ "site": "nord", "organisation": "dataport", "expires": expires }),
        status: json!({ "used": { "state": "open" } }),
        ..entry("ab")
    };
    let row = |resource| table::of_resources(&[resource]).render().lines().nth(1).unwrap().to_owned();
    assert!(row(invitation("2026-01-01T00:00:00.000Z")).contains(&crate::t!("invitation-expired")));
    assert!(row(invitation("2999-01-01T00:00:00.000Z")).contains(&crate::t!("invitation-open")));
    let proposal = Resource {
        kind: Kind::Proposal,
        spec: json!({ "action": { "replaceVoter": { "lost": 3 } } }),
        status: json!({ "approvals": [], "done": false }),
        ..entry("cd")
    };
    assert!(row(proposal).contains("0.3"));
}

#[test]
fn several_kinds_name_themselves() {
    let site = Resource { kind: Kind::Site, ..entry("nord") };
    let text = table::of_resources(&[entry("geodaten"), site]).render();
    assert!(text.contains("\ncatalogue/geodaten  42"), "{text}");
    assert!(text.contains("\nsites/nord"), "{text}");
}

#[test]
fn json_and_yaml_are_the_resource_itself() {
    let json = structured(Format::Json, &entry("geodaten")).unwrap();
    assert_eq!(serde_json::from_str::<Resource>(&json).unwrap(), entry("geodaten"));
    let golden = "apiVersion: verbund.de/v1
kind: CatalogueEntry
metadata:
  name: geodaten
  resourceVersion: 42
  created: \"2026-11-22T16:04:31.000Z\"
  changed: \"2026-11-22T16:05:00.250Z\"
spec:
  document:
    title: Geodaten
  organisation: dataport
  schemaVersion: 1
status: null
";
    assert_eq!(structured(Format::Yaml, &entry("geodaten")).unwrap(), golden);
    assert_eq!(name(&entry("geodaten")), "catalogue/geodaten");
}

#[test]
fn what_others_wrote_cannot_steer_the_terminal() {
    let mut table = Table::plain();
    table.row(vec!["a\u{1b}[2Jb\u{7}\u{202e}c".to_owned(), Paint::new(true).paint(Tone::Good, "ok"), "end".to_owned()]);
    let text = table.render();
    assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{7}') && !text.contains('\u{202e}'), "{text:?}");
    assert!(text.contains("\u{1b}[32mok\u{1b}[0m  end"), "{text:?}");
}

#[test]
fn times_are_local_with_offset_for_people_and_utc_for_programs() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    assert_eq!(time::in_zone(1_795_363_471_250, zone), "2026-11-22 17:04:31 +01:00");
    assert_eq!(utc(1_795_363_471_250), "2026-11-22T16:04:31.250Z");
    assert_eq!(
        [age(340), age(12_000), age(300_000), age(10_800_000), age(1_036_800_000)],
        ["340 ms", "12 s", "5 min", "3 h", "12 d"]
    );
}

#[test]
fn colours_only_where_wanted() {
    assert_eq!(Paint::new(false).paint(Tone::Bad, "x"), "x");
    assert_eq!(Paint::new(true).paint(Tone::Bad, "x"), "\u{1b}[31;1mx\u{1b}[0m");
}
