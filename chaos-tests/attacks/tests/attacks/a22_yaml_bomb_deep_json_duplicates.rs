//! Attack 22: documents that are small and cost much, or say one thing twice: YAML bombs (Kubernetes' CVE-2019-11253), depth,
//! duplicate keys (design 3.3, 8).
//!
//! Expected: refused. The real `verbund` reads the YAML, with a bound on its memory and processor time, so that a bomb would end it;
//! what daemons read of strangers is JSON and binary, and is tried here in one process. The plan's 50 ms are held by budgets of the
//! parsers (`daemon/verbund/src/cmd/apply.rs`, `raft/model/src/document.rs`), not by a clock; the slowest refusal is printed.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::json;
use verbund_attacks::world::World;
use verbund_identity::{Envelope, Genesis, InvitationToken, LoginRequest, Statement, directive};
use verbund_kit::desk::Desk;
use verbund_kit::seeded;
use verbund_machine::{AuditRecord, Entry};
use verbund_model::{Command, Document};

const CASES: usize = 3_000;
/// What `verbund` may take for a file of some hundred kilobytes: address space, and seconds of a processor.
const BOUNDS: [&str; 3] = ["prlimit", "--as=4294967296", "--cpu=20"];

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}1{}", open.repeat(depth), close.repeat(depth))
}

/// Nine lists, each of nine times the one before: 387 million scalars in half a kilobyte.
fn laughs() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let alias = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", vec![alias; 9].join(", "));
    }
    text
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn workload(more: &str) -> String {
    format!(
        "apiVersion: verbund.de/v1\nkind: Workload\nmetadata: {{name: kfz}}\nspec:\n  organisation: kost\n  requirements: \
         {{zone: internal, schutzbedarf: normal, confidentiality: internal, stage: production, amounts: {{cpuMillis: 10}}}}\n  \
         mode: {{parallel: {{copies: 1}}}}\n  stopBudget: 2000\n  failover: automatic\n  manifests: []\n{more}"
    )
}

#[test]
fn the_command_line_takes_no_bomb() {
    let directory = tempfile::tempdir().unwrap();
    let desk = Desk::at(directory.path()).unwrap();
    let bounds = BOUNDS.map(String::from);
    let render = |text: &str| {
        let file = desk.path("file.yaml");
        std::fs::write(&file, text).unwrap();
        let arguments = ["workload", "render", "-f", &file.display().to_string(), "-o", "json"].map(String::from);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let begun = Instant::now();
        let output = desk.command_in(&bounds, &arguments).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), begun.elapsed())
    };
    let (code, said, _) = render(&workload(""));
    assert_eq!(code, Some(0), "positive control: {said}");
    let cases = [
        ("a bomb of anchors", laughs()),
        ("a bomb within a workload", workload(&format!("  x:\n{}", indented(&laughs())))),
        ("deep lists", nested("[", "]", 100_000)),
        ("deep objects", nested("{a: ", "}", 100_000)),
        ("deep blocks", (0..5_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 900))).collect()),
        ("deep JSON", nested("{\"a\":", "}", 100_000)),
        ("an anchor within itself", "a: &a [*a]\n".to_owned()),
        ("a key twice", workload("  stopBudget: 3000\n")),
        ("a key twice, quoted", workload("  \"stopBudget\": 3000\n")),
        ("many documents", "---\na: 1\n".repeat(200_000)),
    ];
    for (what, text) in &cases {
        let (code, said, took) = render(text);
        println!("{what}, {} bytes: {took:?}: {}", text.len(), said.lines().next().unwrap_or_default());
        assert!(matches!(code, Some(1 | 2)), "{what}: {code:?}: {said}");
        assert!(said.len() < 20_000, "{what}: the answer itself has {} bytes", said.len());
    }
}

/// Whether bytes were taken.
type Reads = fn(&[u8]) -> bool;

/// What a daemon reads of others, by name.
fn readers() -> [(&'static str, Reads); 9] {
    [
        ("statement", |bytes| Statement::from_payload(bytes).is_ok()),
        ("envelope", |bytes| Envelope::from_bytes(bytes).is_ok()),
        ("envelope as JSON", |bytes| serde_json::from_slice::<Envelope>(bytes).is_ok()),
        ("login", |bytes| serde_json::from_slice::<LoginRequest>(bytes).is_ok()),
        ("genesis", |bytes| Genesis::from_bytes(bytes).is_ok()),
        ("directive", |bytes| directive::from_file(bytes).is_ok()),
        ("document", |bytes| serde_json::from_slice::<Document>(bytes).is_ok()),
        ("invitation", |bytes| InvitationToken::from_text(&String::from_utf8_lossy(bytes)).is_ok()),
        ("record", |bytes| AuditRecord::from_bytes(bytes).is_ok()),
    ]
}

#[test]
fn depth_and_repetition_are_refused_by_all_who_read() {
    let mut slowest = (Duration::ZERO, "");
    for (name, reads) in readers() {
        for text in [
            nested("[", "]", 100_000),
            nested("{\"a\":", "}", 100_000),
            nested("{\"command\":{\"applyCatalogueEntry\":{\"document\":", "}}}", 20_000),
            format!("[{}1]", "[],".repeat(300_000)),
            "\"".repeat(1 << 20),
        ] {
            let since = Instant::now();
            assert!(!reads(text.as_bytes()), "{name} took {:.40}", text);
            slowest = slowest.max((since.elapsed(), name));
        }
    }
    println!("the slowest refusal was that of a {}: {:?} (the plan: 50 ms)", slowest.1, slowest.0);
    let document = |text: &str| serde_json::from_str::<Document>(text);
    assert!(document(r#"{"a":{"b":1},"c":1}"#).is_ok(), "positive control");
    for twice in [r#"{"a":1,"a":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"\u0062":2}]}"#] {
        assert!(document(twice).is_err(), "{twice}");
    }
    assert!(document(&nested("{\"a\":", "}", 31)).is_ok() && document(&nested("{\"a\":", "}", 33)).is_err());
}

fn mutated(rng: &mut StdRng, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for _ in 0..rng.random_range(1..8) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..6) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = *b"{}[]\",:0e\\u-".get(rng.random_range(0..12)).unwrap(),
            2 => bytes.truncate(at),
            3 => drop(bytes.remove(at)),
            4 => bytes.insert(at, rng.random()),
            _ => {
                // A part once more: duplicate fields, and lists that grow.
                let end = rng.random_range(at..bytes.len().min(at + 60));
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

#[test]
fn whatever_comes_is_answered_and_means_one_thing() {
    let mut rng =
        seeded("attacks", "a22_yaml_bomb_deep_json_duplicates::whatever_comes_is_answered_and_means_one_thing");
    let mut world = World::new().unwrap();
    let command = Command::ApplyCatalogueEntry {
        name: "entry".parse().unwrap(),
        organisation: "kost".parse().unwrap(),
        schema_version: 1,
        document: Document::from_value(&json!({ "a": [1, { "b": "c" }], "d": null })).unwrap(),
    };
    let envelope = world.administrator_says(command).unwrap();
    let record = world.apply_bytes(&envelope.to_bytes()).record.to_bytes();
    let entry = Entry { stamp: 1, envelope: envelope.to_bytes() }.to_bytes();
    let seeds: [Vec<u8>; 5] = [
        envelope.payload.clone(),
        envelope.to_bytes(),
        serde_json::to_vec(&envelope).unwrap(),
        world.state.genesis().to_vec(),
        record,
    ];
    for case in 0..CASES {
        let bytes = mutated(&mut rng, &seeds[case % seeds.len()]);
        for (_, reads) in readers() {
            // Only that it comes back; a panic would end the test.
            reads(&bytes);
        }
        if let Ok(statement) = Statement::from_payload(&bytes) {
            assert_eq!(Statement::from_payload(&statement.to_payload()).unwrap(), statement, "case {case}");
        }
        // What a leader may put into the log is answered, too, whatever it is.
        let whole = world.state.clone();
        world.apply_bytes(&bytes);
        world.apply_bytes(&mutated(&mut rng, &entry));
        world.state = whole;
    }
}
