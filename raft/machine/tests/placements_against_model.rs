//! Random commands of placement from random authors, compared with a separate simple model (`tests/placing`): clusters,
//! evidence, workloads, leases, verdicts, agents' reports. What a plan is, the planner's own tests say; here it is run on
//! an inventory that is made anew from plain maps for each case.
//!
//! `VERBUND_SEED=… VERBUND_CASES=… cargo test -p verbund-machine --test placements_against_model` runs another one.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

#[path = "rules/country.rs"]
#[allow(dead_code)] // each test binary uses its part
mod country;
#[path = "rules/federation.rs"]
#[allow(dead_code)]
mod federation;
mod placing;
mod support;

use std::collections::BTreeMap;

use country::{Country, restored};
use placing::generator::Generator;
use placing::model::{Kept, Model};
use support::build::{at, entry, signed};
use verbund_machine::{Held, LogEntry};
use verbund_model::{Command, Outcome};

const SEED: u64 = 20_261_122;
const CASES: u64 = 100_000;
const CASES_PER_WORLD: u64 = 2_000;
/// How often each command must be accepted for every 100,000 cases.
const LEAST: u64 = 1_000;
/// Every command about placement.
const COMMANDS: usize = 38;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[derive(Default)]
struct Counters {
    cases: u64,
    accepted: u64,
    tried: BTreeMap<String, u64>,
    commands: BTreeMap<String, u64>,
    refusals: BTreeMap<&'static str, u64>,
}

#[test]
fn apply_agrees_with_the_model_of_placement() {
    let (seed, cases) = (setting("VERBUND_SEED", SEED), setting("VERBUND_CASES", CASES));
    println!(
        "again with: VERBUND_SEED={seed} VERBUND_CASES={cases} cargo test -p verbund-machine --test placements_against_model"
    );
    let mut counters = Counters::default();
    let mut world = 0;
    while counters.cases < cases {
        run(seed, world, CASES_PER_WORLD.min(cases - counters.cases), &mut counters);
        world += 1;
    }
    println!(
        "{} cases, {} accepted ({} %)",
        counters.cases,
        counters.accepted,
        counters.accepted * 100 / counters.cases
    );
    for (command, tried) in &counters.tried {
        println!("  {:>7} of {tried:>7}  {command}", counters.commands.get(command).copied().unwrap_or(0));
    }
    println!("refused: {:?}", counters.refusals);
    counters.check();
}

impl Counters {
    fn check(&self) {
        assert!(self.accepted * 100 >= self.cases * 60, "fewer than 60 % were accepted");
        assert_eq!(self.tried.len(), COMMANDS, "a command is missing");
        for command in self.tried.keys() {
            let accepted = self.commands.get(command).copied().unwrap_or(0);
            assert!(accepted * CASES >= LEAST * self.cases, "{command} was accepted only {accepted} times");
        }
        for name in [
            "not-authorised",
            "not-found",
            "already-exists",
            "invalid",
            "conflict",
            "not-now",
            "excluded",
            "bad-signature",
        ] {
            let count = self.refusals.get(name).copied().unwrap_or(0);
            assert!(count * CASES >= 100 * self.cases, "{name} was given only {count} times");
        }
    }
}

fn run(seed: u64, number: u64, cases: u64, counters: &mut Counters) {
    let mut country = Country::new();
    let mut generator = Generator::new(seed.wrapping_mul(1_000_003) + number, &mut country);
    let mut model = Model::of(&country.f.state);
    let mut other = country.f.state.clone();
    for case in 0..cases {
        if case == cases / 2 {
            other = restored(&country.f.state);
        }
        let (author, command) = generator.next(&mut country, &model);
        let opened = country.f.state.clone();
        let statement = country.f.statement(&author, command.clone());
        if country.f.index > opened.applied().index {
            // A session was opened first.
            other = country.f.state.clone();
        }
        let bytes = entry(country.f.clock, &signed(&author, statement.to_payload()));
        let now = country.f.clock;
        let applied = country.f.apply_bytes(&bytes);
        let index = country.f.index;
        assert_eq!(other.apply(at(index), LogEntry::Command(&bytes), &country.f.verifier), applied);
        let expected = model.apply(index, now, &author.id, &command, &country);
        let place = format!("world {number}, case {case}, index {index}, {command:?}");
        let found = match applied.outcome.as_ref().unwrap() {
            Outcome::Accepted(accepted) => Ok(accepted.clone()),
            Outcome::Refused(refusal) => Err(refusal.name()),
        };
        assert_eq!(found, expected, "{place}: {:?}", applied.outcome);
        counters.count(&command, &found);
        if case % 50 == 0 {
            compare(&country, &model, &place);
        }
    }
    compare(&country, &model, "the end");
    assert_eq!(country.f.state.head(), other.head());
    assert_eq!(country.f.state.recompute_hash(), country.f.state.head().state);
    assert_eq!(restored(&country.f.state).inventory(), &model.inventory());
}

impl Counters {
    fn count(&mut self, command: &Command, found: &placing::model::Expected) {
        self.cases += 1;
        let value = serde_json::to_value(command).unwrap();
        let name = value.as_object().unwrap().keys().next().unwrap().clone();
        *self.tried.entry(name.clone()).or_default() += 1;
        match found {
            Ok(_) => {
                self.accepted += 1;
                *self.commands.entry(name).or_default() += 1;
            }
            Err(refusal) => *self.refusals.entry(refusal).or_default() += 1,
        }
    }
}

fn compare(country: &Country, model: &Model, place: &str) {
    let state = &country.f.state;
    same(state.organisations(), &model.organisations, place);
    same(state.sites(), &model.sites, place);
    same(state.clusters(), &model.clusters, place);
    same(state.workloads(), &model.workloads, place);
    same(state.placements(), &model.placements, place);
    same(state.evidence(), &model.evidence, place);
    same(state.leases(), &model.leases, place);
    same(state.presences(), &model.presences, place);
    same(state.verdicts(), &model.verdicts, place);
    same(state.changes(), &model.changes, place);
    same(state.incidents(), &model.incidents, place);
    same(state.exceptions(), &model.exceptions, place);
    same(state.consents(), &model.consents, place);
    same(state.licence_vetoes(), &model.vetoes, place);
    same(state.secrets(), &model.secrets, place);
    assert!(*state.inventory() == model.inventory(), "{place}: the inventory was not kept well");
}

fn same<'a, K: Ord, T: PartialEq + std::fmt::Debug + 'a>(
    state: impl Iterator<Item = &'a Held<T>>,
    model: &BTreeMap<K, Kept<T>>,
    place: &str,
) {
    let found: Vec<_> = state.map(|held| (held.version, &held.value)).collect();
    let wanted: Vec<_> = model.values().map(|(version, value)| (*version, value)).collect();
    assert_eq!(found, wanted, "{place}");
}
