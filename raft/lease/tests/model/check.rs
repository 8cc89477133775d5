//! Runs a case, prints what was explored, and says what was found.

use std::time::{Duration, Instant};

use stateright::{Checker, HasDiscoveries, Model, Path, Property};

use crate::case::Case;
use crate::step::{Action, actions, next};
use crate::world::World;

const NEVER_TWO: &str = "never two";

impl Model for Case {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::begin(self)]
    }

    fn actions(&self, world: &World, list: &mut Vec<Action>) {
        actions(world, self, list);
        list.retain(|action| (self.only)(world, action));
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        next(world, &action, self).filter(|after| after != world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_TWO, |case: &Self, world: &World| !(world.elsewhere() && world.here(case))),
            // Without these a check could pass because nothing ever happens.
            Property::sometimes("runs here", |case: &Self, world: &World| world.here(case)),
            Property::sometimes("runs elsewhere", |_: &Self, world: &World| world.elsewhere()),
        ]
    }
}

fn report(name: &str, kind: &str, checker: &impl Checker<Case>, began: Instant) {
    println!(
        "{name}: {kind}; {} states ({} unique), depth {}, {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed().as_secs_f64()
    );
}

fn steps(path: Path<World, Action>) -> Vec<Action> {
    path.into_actions()
}

/// Explores everything within the case's bound, and panics with the steps if the workload ever runs twice, or if it never
/// runs here or never elsewhere. `VERBUND_MODEL_STEPS=n` adds n events to the bound on their number, for a longer look.
pub fn safe(name: &str, case: Case) {
    let began = Instant::now();
    let more = std::env::var("VERBUND_MODEL_STEPS").ok().and_then(|steps| steps.parse::<usize>().ok()).unwrap_or(0);
    if case.depth == 0 {
        // Depth first: the set of states seen is the same, and what is waiting stays small.
        let checker = case.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join();
        return judge(name, "every state", &checker, began);
    }
    let depth = case.depth + more;
    let kind = format!("every state within {depth} events");
    // Breadth first and with one thread, so that each state is met first by its shortest path, and none is cut off wrongly.
    let checker =
        case.checker().target_max_depth(depth + 2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    judge(name, &kind, &checker, began);
}

fn judge(name: &str, kind: &str, checker: &impl Checker<Case>, began: Instant) {
    report(name, kind, checker, began);
    let mut discoveries = checker.discoveries();
    if let Some(path) = discoveries.remove(NEVER_TWO) {
        panic!("{name}: two active copies after {:#?}", steps(path));
    }
    assert_eq!(discoveries.len(), 2, "{name}: the workload must have run here and elsewhere, or nothing was shown");
}

/// Looks for a counterexample, breadth first, and panics if there is none, or if one is also found with the rule kept.
pub fn broken(name: &str, case: Case) {
    let began = Instant::now();
    let limit = Duration::from_secs(600);
    let checker = case.clone().checker().timeout(limit).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let found = checker.discoveries().remove(NEVER_TWO).map(steps);
    let kind =
        found.as_ref().map_or("NO COUNTEREXAMPLE".to_owned(), |steps| format!("two actives in {} steps", steps.len()));
    report(name, &kind, &checker, began);
    let steps = found.unwrap_or_else(|| panic!("{name}: no counterexample was found"));
    for (number, step) in steps.iter().enumerate() {
        println!("    {:2} {step:?}", number + 1);
    }
    control(name, &case, steps.len());
}

/// The same search with the rule kept, as far as the counterexample went.
fn control(name: &str, case: &Case, depth: usize) {
    let began = Instant::now();
    let kept = case.kept();
    let checker =
        kept.checker().target_max_depth(depth + 2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    report(name, &format!("with the rule kept, every state within {depth} events"), &checker, began);
    if let Some(path) = checker.discoveries().remove(NEVER_TWO) {
        panic!("{name}: two active copies although the rule is kept, after {:#?}", steps(path));
    }
    assert!(checker.unique_state_count() > depth, "{name}: the control explored nothing");
}
