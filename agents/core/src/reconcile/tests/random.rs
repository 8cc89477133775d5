//! Any order of wishes, leases, failures and people, against what must always hold.

use proptest::prelude::*;

use super::*;
use crate::samples::GUARDED;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    /// The federation wants something else; `true` raises the epoch.
    Wish(DesiredRole, bool),
    /// The lease is as given now.
    Lease(Right),
    /// The agent looks and acts; only so many of its actions succeed.
    Act(usize),
    /// The agent looks, and acts on it only later.
    LookAndWait,
    /// Controllers and kubelet do their part.
    Settle,
    /// Somebody scales up.
    ScaleUp,
}

fn event() -> impl Strategy<Value = Event> {
    let role = prop_oneof![
        4 => Just(DesiredRole::Active),
        1 => Just(DesiredRole::Standby),
        2 => Just(DesiredRole::Stopping),
        1 => Just(DesiredRole::Gone { deleted: false }),
    ];
    let right = prop_oneof![
        3 => Just(Right::Held { generation: 7 }),
        1 => Just(Right::Held { generation: 8 }),
        2 => Just(Right::None),
        1 => Just(Right::Starting),
    ];
    prop_oneof![
        2 => (role, any::<bool>()).prop_map(|(role, rises)| Event::Wish(role, rises)),
        2 => right.prop_map(Event::Lease),
        6 => (0usize..8).prop_map(Event::Act),
        1 => Just(Event::LookAndWait),
        4 => Just(Event::Settle),
        1 => Just(Event::ScaleUp),
    ]
}

/// What the oracle knows.
struct World {
    toy: Toy,
    copy: DesiredCopy,
    right: Right,
    receipts: BTreeSet<u64>,
    epoch_seen: u64,
    waiting: Vec<Action>,
    /// Whether the agent under test believes in any lease: the positive control.
    credulous: bool,
}

impl World {
    fn new(mode: verbund_model::resource::Mode, credulous: bool) -> Self {
        Self {
            toy: Toy::default(),
            copy: copy(mode, DesiredRole::Active, 1, &bodies()),
            right: Right::None,
            receipts: BTreeSet::new(),
            epoch_seen: 0,
            waiting: Vec::new(),
            credulous,
        }
    }

    fn look(&self) -> Vec<Action> {
        let place = Place::new();
        let right = if self.credulous { Right::Held { generation: self.copy.generation } } else { self.right };
        let given = Given { right, ..HELD };
        reconcile(&self.copy.workload, Some(&self.copy), &self.toy.observe(), given, &place.context())
    }

    fn run(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Wish(role, rises) => {
                let raise = *rises || (*role == DesiredRole::Active && self.copy.role != DesiredRole::Active);
                self.copy.role = *role;
                self.copy.epoch += u64::from(raise);
            }
            Event::Lease(right) => self.right = *right,
            Event::Act(succeed) => {
                let actions = self.look();
                self.check(&actions)?;
                for action in actions.iter().take(*succeed) {
                    if let Act::SignReceipt { epoch } = action.act {
                        self.receipts.insert(epoch);
                    }
                    // An action that fails keeps those after it from being tried.
                    if self.toy.do_it(&action.act).is_err() {
                        break;
                    }
                }
            }
            Event::LookAndWait => self.waiting = self.look(),
            Event::Settle => self.toy.settle(),
            Event::ScaleUp => self.toy.scale_up(self.copy.epoch),
        }
        // A write that was sent and delayed: only what is conditional may come so late.
        if matches!(event, Event::Act(_)) {
            for action in std::mem::take(&mut self.waiting) {
                if let Act::EnsureNamespace { objects } = &action.act {
                    for object in objects.iter().filter(|object| object.expect.is_some()) {
                        let _ = self.toy.apply(object);
                    }
                }
            }
        }
        self.check_world()
    }

    fn check(&self, actions: &[Action]) -> Result<(), String> {
        let held = self.right == Right::Held { generation: self.copy.generation };
        for action in actions {
            let opens = match &action.act {
                Act::Apply { object } => !crate::pods::is_inert(&object.key.kind),
                Act::EnsureNamespace { objects } => objects.iter().any(|object| {
                    object.key.kind.kind == "ResourceQuota" && object.body["spec"]["hard"]["pods"] != "0"
                }),
                _ => false,
            };
            if opens && self.copy.is_exclusive() && !held {
                return Err(format!("{action:?} without a lease"));
            }
            if opens && self.receipts.contains(&self.copy.epoch) {
                return Err(format!("{action:?} after a receipt of that epoch"));
            }
            if let Act::SignReceipt { epoch } = action.act
                && self.toy.pods.values().any(|pod| pod.epoch <= epoch && !pod.ended)
            {
                return Err(format!("a receipt for {epoch} while its pods are there"));
            }
        }
        Ok(())
    }

    fn check_world(&mut self) -> Result<(), String> {
        // An epoch only rises while its namespace lives.
        let epoch = self.toy.namespace().map(|body| crate::Facts::read(body).epoch);
        if epoch.is_some_and(|epoch| epoch < self.epoch_seen) {
            return Err(format!("epoch {epoch:?} after {}", self.epoch_seen));
        }
        self.epoch_seen = epoch.unwrap_or(0);
        Ok(())
    }
}

fn play(mode: verbund_model::resource::Mode, credulous: bool, events: &[Event]) -> Result<World, String> {
    let mut world = World::new(mode, credulous);
    events.iter().try_for_each(|event| world.run(event))?;
    Ok(world)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn never_without_a_lease_and_never_after_a_receipt(
        events in prop::collection::vec(event(), 1..60),
        mode in prop_oneof![Just(EXCLUSIVE), Just(GUARDED), Just(PARALLEL)],
    ) {
        if let Err(broken) = play(mode, false, &events) {
            prop_assert!(false, "{broken}");
        }
    }

    /// Whatever happened, it comes to rest where it is wanted.
    #[test]
    fn it_comes_to_rest(events in prop::collection::vec(event(), 0..40)) {
        let mut world = play(EXCLUSIVE, false, &events).unwrap();
        world.copy.role = DesiredRole::Active;
        world.copy.epoch += 1;
        // At first it may wait for pods that end.
        settle(&mut world.toy, &world.copy, HELD);
        let actions = settle(&mut world.toy, &world.copy, HELD);
        prop_assert_eq!(phase(&actions), Some(CopyPhase::Ready));
        let epoch = world.copy.epoch;
        prop_assert!(world.toy.pods.values().all(|pod| pod.epoch == epoch));
    }
}

/// The positive control: an agent that believes in a lease which it does not hold is found out.
#[test]
fn a_credulous_agent_is_found_out() {
    let events = [Event::Act(8), Event::Act(8)];
    assert!(play(EXCLUSIVE, true, &events).is_err());
    assert!(play(EXCLUSIVE, false, &events).is_ok());
    assert!(play(PARALLEL, true, &events).is_ok(), "parallel ones need none");
}
