//! Random commands from random authors, compared with a separate simple model (`tests/model`).
//!
//! Runs many small federations. After each entry the answer must be the model's; now and then, and at the end, all
//! resources must be, and the sum of all events. The same log is applied to a second state, and to one restored from a
//! snapshot midway: all must end with the same hashes.
//!
//! `VERBUND_SEED=… VERBUND_CASES=… cargo test -p verbund-machine --test apply_against_model` runs another one.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

mod generator;
mod model;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use generator::{Generator, Step};
use model::{Kept, Model};
use support::build::{Ca, Founders, at};
use support::keys::{Keyring, Signer, TestVerifier};
use verbund_identity::Precondition;
use verbund_machine::{
    Alarm, Applied, Held, LogEntry, LogId, Membership, Object, Restore, State, VoterWarning, voter_plan,
};
use verbund_model::resource::{Action, KeyOwner, NodeStanding};
use verbund_model::view::{Change, Kind};
use verbund_model::{Accepted, Command, NodeId, Outcome, Refusal};

const SEED: u64 = 20_261_122;
const CASES: u64 = 120_000;
const CASES_PER_WORLD: u64 = 2_000;
/// How often each command must be accepted, and each refusal given, in all cases together.
const LEAST: u64 = 1_000;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[derive(Default)]
struct Counters {
    cases: u64,
    accepted: u64,
    repeated: u64,
    tried: BTreeMap<String, u64>,
    commands: BTreeMap<String, u64>,
    actions: BTreeMap<&'static str, u64>,
    refusals: BTreeMap<&'static str, u64>,
    conditions: u64,
    real_signatures: u64,
}

#[test]
fn apply_agrees_with_the_model() {
    let (seed, cases) = (setting("VERBUND_SEED", SEED), setting("VERBUND_CASES", CASES));
    println!(
        "again with: VERBUND_SEED={seed} VERBUND_CASES={cases} cargo test -p verbund-machine --test apply_against_model"
    );
    let mut counters = Counters::default();
    let mut world = 0;
    while counters.cases < cases {
        World::new(seed, world).run(CASES_PER_WORLD.min(cases - counters.cases), &mut counters);
        world += 1;
    }
    counters.print();
    if cases >= CASES {
        counters.check();
    }
}

impl Counters {
    fn count(&mut self, step: &Step, applied: &Applied, repeated: bool, real: bool) {
        self.cases += 1;
        self.repeated += u64::from(repeated);
        self.real_signatures += u64::from(real);
        let command = command_name(&step.case.statement.command);
        *self.tried.entry(command.clone()).or_default() += 1;
        match applied.outcome.as_ref().unwrap() {
            Outcome::Accepted(_) => {
                self.accepted += 1;
                *self.commands.entry(command).or_default() += 1;
                self.conditions +=
                    u64::from(matches!(step.case.statement.precondition, Some(Precondition::Version(_))));
            }
            Outcome::Refused(refusal) => *self.refusals.entry(refusal.name()).or_default() += 1,
        }
        for event in &applied.events {
            if let (Change::Updated | Change::Created, Object::Proposal(held)) = (event.change, &event.object)
                && held.value.done
            {
                *self.actions.entry(action_name(&held.value.action)).or_default() += 1;
            }
        }
    }

    fn print(&self) {
        println!("{} cases, {} accepted ({} %)", self.cases, self.accepted, self.accepted * 100 / self.cases);
        println!(
            "{} repeated, {} by real signatures, {} with a version",
            self.repeated, self.real_signatures, self.conditions
        );
        println!("accepted, of tried:");
        for (command, tried) in &self.tried {
            println!("  {:>7} of {tried:>7}  {command}", self.commands.get(command).copied().unwrap_or(0));
        }
        println!("carried out: {:?}", self.actions);
        println!("refused:");
        self.refusals.iter().for_each(|(refusal, count)| println!("  {count:>7}  {refusal}"));
    }

    fn check(&self) {
        assert!(self.accepted * 100 >= self.cases * 60, "fewer than 60 % were accepted");
        assert_eq!(self.tried.len(), 27, "a command is missing");
        for command in self.tried.keys() {
            let accepted = self.commands.get(command).copied().unwrap_or(0);
            assert!(accepted >= LEAST, "{command} was accepted only {accepted} times");
        }
        assert_eq!(self.refusals.len(), 26, "a refusal is missing");
        for (refusal, count) in &self.refusals {
            assert!(*count >= LEAST, "{refusal} was given only {count} times");
        }
        assert_eq!(self.actions.len(), 4, "an action is missing");
        assert!(self.actions.values().all(|count| *count >= 100), "an action was carried out too seldom");
        assert!(self.repeated >= LEAST && self.real_signatures >= LEAST && self.conditions >= LEAST);
    }
}

fn command_name(command: &Command) -> String {
    let value = serde_json::to_value(command).unwrap();
    value.as_object().unwrap().keys().next().unwrap().clone()
}

fn action_name(action: &Action) -> &'static str {
    match action {
        Action::SetPolicy { .. } => "setPolicy",
        Action::DeletePolicy { .. } => "deletePolicy",
        Action::ReplaceVoter { .. } => "replaceVoter",
        Action::SetCoordinators { .. } => "setCoordinators",
        Action::SetTimings { .. } => "setTimings",
        Action::SwitchOn { .. } => "switchOn",
    }
}

/// One federation from genesis on.
struct World {
    number: u64,
    state: State,
    second: State,
    restored: Option<State>,
    model: Model,
    generator: Generator,
    verifier: TestVerifier,
    index: u64,
    /// What events say the resources are.
    mirror: BTreeMap<(Kind, String), Object>,
}

impl World {
    fn new(seed: u64, number: u64) -> Self {
        let mut ring = Keyring::new(seed.wrapping_add(number) | 1 << 50);
        // The first administrator signs with a real key, and now and then a coordinator: those cost milliseconds.
        let administrator = Signer::real256(1);
        let first = if number.is_multiple_of(10) { Signer::real384(2) } else { ring.p384() };
        let (root, issuing) = (ring.p384(), ring.p384());
        let root_ca = Ca::root("root nord", root.clone());
        let founders = Founders {
            coordinators: vec![first.clone(), ring.p384(), ring.p384()],
            administrator: administrator.clone(),
            node: ring.p256(),
            issuing: root_ca.below("issuing nord", issuing.clone()),
            root: root_ca,
            sealing: ring.p384(),
        };
        let genesis = founders.genesis(2);
        let state = State::from_genesis(&genesis.to_bytes()).unwrap();
        let id = state.federation().value.id;
        let marks = [format!("key {}", root.id), format!("key {}", issuing.id), "name root nord".to_owned()];
        let mut signers = founders.coordinators.clone();
        signers.extend([administrator.clone(), founders.node.clone(), founders.sealing.clone()]);
        let greedy = founders.node.id;
        let kinds = Kind::ALL.iter().flat_map(|kind| state.objects(*kind, None, usize::MAX));
        Self {
            number,
            mirror: kinds.map(|object| (mirror_key(&object), object)).collect(),
            second: state.clone(),
            restored: None,
            model: Model::new(&genesis, id, marks.into()),
            generator: Generator::new(seed.wrapping_mul(1_000_003) + number, signers, issuing, root, greedy),
            verifier: TestVerifier::new([&Signer::real256(1), &Signer::real384(2)]),
            state,
            index: 0,
        }
    }

    fn run(mut self, cases: u64, counters: &mut Counters) {
        self.membership(Membership { configs: vec![[NodeId(1)].into()], learners: BTreeSet::new() }, 0);
        self.both(at(1), LogEntry::Blank);
        self.index = 1;
        for case in 0..cases {
            if case == cases / 2 {
                self.restored = Some(restore(&self.state));
            }
            if case % 40 == 0 {
                self.follow_plan();
            }
            if case % 500 == 0 {
                self.compare_all();
            }
            self.step(counters);
        }
        self.compare_all();
        self.compare_replicas();
    }

    fn step(&mut self, counters: &mut Counters) {
        let step = self.generator.next(&self.model);
        self.index += 1;
        let before = self.model.sessions.len();
        let repeated = self.is_repeated(&step);
        let expected = self.model.apply(self.index, &step.case);
        let applied = self.both(at(self.index), LogEntry::Command(&step.bytes));
        let place = format!("world {}, index {}, {:?}", self.number, self.index, step.case);
        let found = match applied.outcome.as_ref().unwrap() {
            Outcome::Accepted(accepted) => Ok(accepted.clone()),
            Outcome::Refused(refusal) => Err(refusal.name()),
        };
        assert_eq!(found, expected, "{place}: {:?}", applied.outcome);
        assert_eq!(applied.time, self.model.time, "{place}");
        assert!(self.model.sessions.len() >= before);
        self.check_events(&applied, &place);
        if step.case.directive.is_some() && step.case.fault.is_none() {
            self.check_directive_alarm(&applied, &step, repeated, &place);
        } else {
            check_alarm(&applied, &step, repeated, &place);
        }
        let real = self.generator.signers.get(&step.case.statement.key).is_some_and(Signer::is_real);
        counters.count(&step, &applied, repeated, real && step.case.fault.is_none());
    }

    /// What a node brings that does not count wakes somebody, unless an honest one can have been overtaken; so does a
    /// fork.
    fn check_directive_alarm(&self, applied: &Applied, step: &Step, repeated: bool, place: &str) {
        let directive = &step.case.directive.as_ref().unwrap().directive;
        let owner = self.model.things.keys.get(&step.case.statement.key).map(|(_, key)| &key.owner);
        let of_node = matches!(owner, Some(KeyOwner::Node { .. }));
        match (applied.outcome.as_ref().unwrap(), &applied.alarm) {
            (Outcome::Accepted(Accepted::Changed { version }), alarm) if *version == self.index => {
                let numbers = self.model.things.directives.values().map(|(_, d)| d.number);
                let forked = numbers.filter(|number| *number == directive.number).count() > 1;
                let wanted = Alarm::ForkedDirectives { at: applied.record.at, number: directive.number };
                assert_eq!(*alarm, forked.then_some(wanted), "{place}");
            }
            (Outcome::Accepted(_), alarm) => assert_eq!(*alarm, None, "{place}"),
            (Outcome::Refused(Refusal::BadDirective { .. }), alarm) => {
                let overtaken = directive.coordinator_set_version < self.model.things.set().version;
                let wanted = of_node && !repeated && !overtaken;
                assert_eq!(matches!(alarm, Some(Alarm::FalseCause { .. })), wanted, "{place}: {alarm:?}");
            }
            _ => check_alarm(applied, step, repeated, place),
        }
    }

    fn is_repeated(&self, step: &Step) -> bool {
        let statement = &step.case.statement;
        let session = self.model.sessions.get(&(statement.key, statement.session));
        session
            .and_then(|s| s.answers.get(&statement.sequence))
            .is_some_and(|(payload, _)| *payload == step.case.payload)
    }

    /// Applies to all replicas, and demands the same from each.
    fn both(&mut self, at: LogId, entry: LogEntry<'_>) -> Applied {
        let applied = self.state.apply(at, entry, &self.verifier);
        assert_eq!(self.second.apply(at, entry, &self.verifier), applied);
        if let Some(restored) = &mut self.restored {
            assert_eq!(restored.apply(at, entry, &self.verifier), applied);
        }
        applied
    }

    fn check_events(&mut self, applied: &Applied, place: &str) {
        if matches!(applied.outcome, Some(Outcome::Refused(_))) {
            assert!(applied.events.is_empty(), "{place}: a refusal changed something");
        }
        if let Some(Outcome::Accepted(Accepted::Changed { version })) = &applied.outcome
            && *version == self.index
        {
            assert!(!applied.events.is_empty(), "{place}: a change without events");
        }
        for (part, event) in applied.events.iter().enumerate() {
            assert_eq!((event.index, event.part), (self.index, part as u32), "{place}");
            let key = mirror_key(&event.object);
            match event.change {
                Change::Created => assert!(self.mirror.insert(key, event.object.clone()).is_none(), "{place}"),
                Change::Updated => assert!(self.mirror.insert(key, event.object.clone()).is_some(), "{place}"),
                Change::Deleted => assert_eq!(self.mirror.remove(&key), Some(event.object.clone()), "{place}"),
            }
        }
    }

    /// What a leader does: the next step from the present voters to what the plan wants, vetted as a follower would.
    fn follow_plan(&mut self) {
        let basis = self.state.applied().index;
        let target = self.state.voter_target(basis).unwrap().clone();
        let (current, _) = self.state.membership();
        let going_to = current.configs.last().unwrap().clone();
        let configs = if current.configs.len() == 2 {
            vec![going_to]
        } else if going_to != target {
            vec![going_to, target]
        } else {
            vec![target]
        };
        let voters: BTreeSet<NodeId> = configs.iter().flatten().copied().collect();
        let active = self.state.active_nodes().map(|(node, _)| node.value.id);
        let learners = active.filter(|node| !voters.contains(node)).collect();
        self.membership(Membership { configs, learners }, basis);
    }

    fn membership(&mut self, proposed: Membership, basis: u64) {
        let current = self.state.membership().0.clone();
        self.state.vet_membership(&current, &proposed, basis).unwrap();
        if !current.configs.is_empty() {
            self.index += 1;
        }
        self.both(at(self.index), LogEntry::Membership { membership: &proposed, basis });
        assert_eq!(self.state.membership().0, &proposed);
    }

    fn compare_all(&self) {
        let (state, things) = (&self.state, &self.model.things);
        let place = format!("world {}, index {}", self.number, self.index);
        same(state.organisations(), &things.organisations, &place);
        same(state.sites(), &things.sites, &place);
        same(state.nodes(), &things.nodes, &place);
        same(state.users(), &things.users, &place);
        same(state.role_bindings(), &things.bindings, &place);
        same(state.keys(), &things.keys, &place);
        same(state.invitations(), &things.invitations, &place);
        same(state.admissions(), &things.admissions, &place);
        same(state.proposals(), &things.proposals, &place);
        same(state.policies(), &things.policies, &place);
        same(state.catalogue(), &things.catalogue, &place);
        same(state.directives(), &things.directives, &place);
        self.check_distrust(&place);
        let federation = state.federation();
        assert_eq!(
            (federation.version, &federation.value.coordinators),
            (things.coordinators.0, things.set()),
            "{place}"
        );
        for (key, number) in &self.model.last_number {
            assert_eq!(state.last_session(key).map(|info| info.number), Some(*number), "{place}");
        }
        assert_eq!(state.recompute_hash(), state.head().state, "{place}");
        let kinds = Kind::ALL.iter().flat_map(|kind| state.objects(*kind, None, usize::MAX));
        let found: BTreeMap<_, _> = kinds.map(|object| (mirror_key(&object), object)).collect();
        assert!(found == self.mirror, "{place}: the events do not add up to the state");
        self.check_plan(&place);
    }

    /// Just what was excluded is distrusted.
    fn check_distrust(&self, place: &str) {
        let distrust = self.state.distrust();
        let sites = distrust.sites.iter().map(|name| format!("site {name}"));
        let organisations = distrust.organisations.iter().map(|name| format!("organisation {name}"));
        let nodes = distrust.nodes.iter().map(|id| format!("node {id}"));
        let keys = distrust.keys.iter().map(|id| format!("key {id}"));
        let found: BTreeSet<String> = sites.chain(organisations).chain(nodes).chain(keys).collect();
        assert_eq!(found, self.model.things.gone, "{place}");
    }

    /// What must hold for any plan.
    fn check_plan(&self, place: &str) {
        let plan = voter_plan(&self.state);
        assert_eq!(self.state.voter_target(self.index), Some(&plan.voters), "{place}");
        let things = &self.model.things;
        let active: Vec<_> = things.nodes.values().filter(|(_, n)| n.standing == NodeStanding::Active).collect();
        let organisation_of = |node: &NodeId| &things.sites[&things.nodes[node].1.site].1.organisation;
        let organisations: BTreeSet<_> = active.iter().map(|(_, node)| organisation_of(&node.id)).collect();
        let voting: BTreeSet<_> = plan.voters.iter().map(organisation_of).collect();
        assert_eq!(voting.len(), plan.voters.len(), "{place}: two voters of one organisation");
        let wanted = [0, 1, 1, 3, 3, 5][organisations.len().min(5)];
        assert_eq!(plan.voters.len(), wanted, "{place}");
        assert!(plan.voters.iter().all(|node| things.nodes[node].1.standing == NodeStanding::Active), "{place}");
        let land_of = |node: &NodeId| things.sites[&things.nodes[node].1.site].1.land;
        let (all, used): (BTreeSet<_>, BTreeSet<_>) =
            (active.iter().map(|(_, n)| land_of(&n.id)).collect(), plan.voters.iter().map(land_of).collect());
        assert!(wanted < 2 || used.len() >= all.len().min(2), "{place}: one Land where two were possible");
        let single = plan.warnings.iter().any(|warning| matches!(warning, VoterWarning::SingleLand { .. }));
        assert_eq!(single, used.len() == 1, "{place}");
    }

    fn compare_replicas(&self) {
        let head = self.state.head();
        assert_eq!(self.second.head(), head);
        let restored = self.restored.as_ref().unwrap();
        assert_eq!(restored.head(), head);
        let records: Vec<Vec<u8>> = self.state.records().collect();
        assert!(self.second.records().eq(records.iter().cloned()));
        assert!(restored.records().eq(records));
    }
}

/// Only what no honest leader lets through may raise the alarm, and all of that must.
fn check_alarm(applied: &Applied, step: &Step, repeated: bool, place: &str) {
    let Some(Outcome::Refused(refusal)) = &applied.outcome else {
        assert_eq!(applied.alarm, None, "{place}");
        return;
    };
    let unauthenticated = step.case.fault.is_some()
        || matches!(
            refusal,
            Refusal::WrongFederation { .. }
                | Refusal::WrongGeneration { .. }
                | Refusal::UnknownKey { .. }
                | Refusal::BadSignature { .. }
        );
    if let (Some(Alarm::FalseCause { at, reason, .. }), Refusal::NotAuthorised { author, .. }) =
        (&applied.alarm, refusal)
    {
        // A node that asks for what only people or agents may.
        assert!(author.starts_with("node "), "{place}: {author}");
        assert_eq!((*at, reason), (applied.record.at, refusal), "{place}");
        return;
    }
    let of_node = matches!(refusal, Refusal::NotAuthorised { author, .. } if author.starts_with("node "));
    // What is repeated gets its first answer; the alarm was raised then.
    assert!(!of_node || repeated, "{place}: no alarm for {refusal}");
    let wanted = unauthenticated.then(|| Alarm::UnauthorisedEntry { at: applied.record.at, reason: refusal.clone() });
    assert_eq!(applied.alarm, wanted, "{place}");
}

fn mirror_key(object: &Object) -> (Kind, String) {
    (object.kind(), object.name())
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

fn restore(state: &State) -> State {
    let mut restore = Restore::new();
    state.records().for_each(|record| restore.push(&record).unwrap());
    let restored = restore.finish().unwrap();
    assert_eq!(restored.head(), state.head());
    restored
}
