//! Scenarios as text files: state in, placements with reasons out. `VERBUND_BLESS=1` writes what comes out into the files.

// Where the words of a test are wrong, a panic is the message.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use support::scenario::{Scenario, play};
use verbund_planner::Rule;

/// Between what goes in and what comes out.
const LINE: &str = "\n=== out ===\n";

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
}

#[test]
fn scenarios_come_out_as_written() {
    let bless = std::env::var_os("VERBUND_BLESS").is_some();
    let files = files();
    assert!(files.len() >= 20, "the scenarios are there");
    let mut differ = vec![];
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let (input, expected) = text.split_once(LINE).unwrap_or((text.trim_end(), ""));
        let scenario: Scenario =
            serde_saphyr::from_str(input).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let out = play(&scenario);
        if bless {
            fs::write(&path, format!("{input}{LINE}{out}")).unwrap();
        } else if out != expected {
            differ.push(format!("{}\n--- written\n{expected}\n--- came out\n{out}", path.display()));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn every_rule_says_no_in_some_scenario() {
    let all: String = files().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let silent: BTreeSet<Rule> = Rule::ALL
        .iter()
        .filter(|rule| {
            let word = serde_json::to_string(rule).unwrap().replace('"', "");
            !all.contains(&format!("    {word} ({})\n", rule.standard()))
        })
        .copied()
        .collect();
    assert_eq!(silent, BTreeSet::new());
}
