//! The list of attacks names what there is: thirty of them, every test with its file and function, and every file of this crate.

use std::collections::BTreeSet;
use std::path::Path;

use verbund_attacks::{ATTACKS, State, Test};

const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn tests(state: &State) -> &'static [Test] {
    match state {
        State::Tested(tests) | State::InPart(tests, _) => tests,
        State::Waiting(_) => &[],
    }
}

/// The functions of a source that stand under an attribute of a test and are not ignored.
fn functions(source: &str) -> BTreeSet<&str> {
    let mut found = BTreeSet::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("#[ignore") {
            is_test = false;
        } else if let Some((_, rest)) = line.split_once("fn ")
            && std::mem::take(&mut is_test)
        {
            found.insert(rest.split(['(', '<']).next().unwrap());
        }
    }
    found
}

#[test]
fn thirty_attacks_in_their_order() {
    let numbers: Vec<usize> = ATTACKS.iter().map(|attack| attack.number).collect();
    assert_eq!(numbers, (1..=30).collect::<Vec<_>>());
    let names: BTreeSet<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
    assert_eq!(names.len(), 30, "no name twice");
    for attack in &ATTACKS {
        let (waits, has) = match attack.state {
            State::Tested(tests) => (None, !tests.is_empty()),
            State::InPart(tests, why) => (Some(why), !tests.is_empty()),
            State::Waiting(why) => (Some(why), true),
        };
        assert!(has && waits != Some(""), "{}: a test, or what it waits for", attack.name);
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    for attack in &ATTACKS {
        for (file, function) in tests(&attack.state) {
            let source = std::fs::read_to_string(Path::new(TOP).join(file));
            let source = source.unwrap_or_else(|error| panic!("attack {}: {file}: {error}", attack.number));
            assert!(functions(&source).contains(function), "attack {}: {file} has no test {function}", attack.number);
        }
    }
}

#[test]
fn every_test_of_this_crate_is_named() {
    let named: BTreeSet<Test> = ATTACKS.iter().flat_map(|attack| tests(&attack.state)).copied().collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks");
    let program = include_str!("main.rs");
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(number) = name.strip_prefix('a').and_then(|rest| rest.split('_').next()?.parse::<usize>().ok()) else {
            let others = ["main.rs", "the_list_tells_the_truth.rs"];
            assert!(others.contains(&name.as_str()), "{name}: files are named after their attack");
            continue;
        };
        let module = format!("mod {};", name.trim_end_matches(".rs"));
        assert!(program.lines().any(|line| line == module), "{name} is not in the program");
        assert!(seen.insert(number), "two files for attack {number}");
        let path = format!("chaos-tests/attacks/tests/attacks/{name}");
        for function in functions(&std::fs::read_to_string(Path::new(TOP).join(&path)).unwrap()) {
            assert!(named.iter().any(|(file, test)| *file == path && *test == function), "{path}: {function}");
        }
    }
    // What can be tested has a file here.
    for attack in &ATTACKS {
        let own = tests(&attack.state).iter().any(|(file, _)| file.starts_with("chaos-tests/attacks/tests/"));
        assert_eq!(own, seen.contains(&attack.number), "attack {}", attack.number);
        assert!(own || !matches!(attack.state, State::Tested(_)), "attack {} is tested elsewhere only", attack.number);
    }
}

#[test]
fn the_documentation_says_the_same() {
    let source = include_str!("../../src/lib.rs");
    let mut rows = Vec::new();
    for line in source.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let cells: Vec<&str> = line.trim_end_matches(" |").split(" | ").collect();
        if let [number, name, _, state] = cells.as_slice()
            && let Ok(number) = number.parse::<usize>()
        {
            rows.push((number, (*name).to_owned(), (*state).to_owned()));
        }
    }
    let wanted = |state: &State| match state {
        State::Tested(_) => "tested",
        State::InPart(..) => "in part",
        State::Waiting(_) => "waiting",
    };
    let all: Vec<_> = ATTACKS.iter().map(|a| (a.number, a.name.to_owned(), wanted(&a.state).to_owned())).collect();
    assert_eq!(rows, all);
}

#[test]
fn a_test_that_does_not_run_does_not_count() {
    let source = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn two() {}\n#[test]\n#[ignore]\nfn three() {}\nfn four() {}";
    assert_eq!(functions(source), ["one", "two"].into());
}
