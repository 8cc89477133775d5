//! A scripted daemon with scripted voters, and a simulated cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use verbund_agent::{Agent, AgentConfig, AgentError, Clock, GuardService, Parts, SessionStore, Updates, Uplink};
use verbund_agent_core::{Desired, DesiredCopy, DesiredLease, DesiredRole, names};
use verbund_agent_link::{Heard, LinkError, Membership, Sessions, Update};
use verbund_agent_simulated::{Shape, Simulated};
use verbund_identity::{Envelope, PureVerifier, SignatureVerifier as _, Statement};
use verbund_keys::{Signer, SoftwareKey};
use verbund_lease::{Answer, MembershipId, Renewal, Tick, Voters};
use verbund_model::resource::{Amounts, CopyPhase, Millis, Mode};
use verbund_model::{
    Accepted, Algorithm, ClusterName, Command, Document, FederationId, NodeId, OrgName, Outcome, Refusal, WorkloadName,
};

/// How long the lease lasts, in milliseconds.
pub const L: u64 = 8_400;
const MARGIN: u64 = 1_600;
const WALL: Millis = 1_800_000_000_000;
/// No condition takes longer, in virtual time.
const BOUND: Duration = Duration::from_secs(300);

pub fn name(text: &str) -> WorkloadName {
    WorkloadName::new(text).unwrap()
}

pub fn copy(workload: &str, mode: Mode, role: DesiredRole, epoch: u64, bodies: &[Value]) -> DesiredCopy {
    DesiredCopy {
        workload: name(workload),
        organisation: OrgName::new("stadt").unwrap(),
        epoch,
        role,
        generation: if matches!(mode, Mode::Exclusive { .. }) { 1 } else { 0 },
        mode,
        stop_budget: 3_000,
        manifests: bodies.iter().map(|body| Document::from_value(body).unwrap()).collect(),
        secrets: Arc::new([]),
        amounts: Amounts { pods: 1, ..Amounts::default() },
    }
}

/// A Deployment of one pod that follows a script.
pub fn deployment(script: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": { "replicas": 1, "template": {
            "metadata": { "annotations": { names::SIMULATE: script } },
            "spec": { "containers": [{ "name": "web", "image": "web" }] },
        } },
    })
}

/// One that a guard can hold.
pub fn guarded() -> Value {
    let mut body = deployment("");
    body["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["/web"]);
    body
}

/// Virtual time, as the agent sees it.
struct TestClock(Instant);

impl Clock for TestClock {
    fn tick(&self) -> Tick {
        u64::try_from(self.0.elapsed().as_millis()).unwrap() + 1
    }

    fn wall(&self) -> Millis {
        WALL + self.tick()
    }
}

type Check = Box<dyn Fn(&Simulated, &WorkloadName) + Send>;

/// What the daemon and the federation behind it know.
#[derive(Default)]
pub struct State {
    commands: Vec<Command>,
    /// By number and sequence, with what was answered.
    sessions: BTreeMap<u64, BTreeMap<u64, Outcome>>,
    refused: usize,
    answers: bool,
    cut: bool,
    cut_submissions: bool,
    swallow: usize,
    on_receipt: Option<Check>,
}

/// Daemon, cluster, and what is known of both.
pub struct Fixture {
    pub cluster: Simulated,
    pub state: Arc<Mutex<State>>,
    desired: watch::Sender<Arc<Desired>>,
    signer: Arc<dyn Signer>,
    clock: Arc<dyn Clock>,
    folder: tempfile::TempDir,
}

impl Fixture {
    pub fn new() -> Self {
        let cluster = Simulated::new(Shape::default());
        tokio::spawn(cluster.clone().follow_clock());
        let mut desired = Desired::nothing(ClusterName::new("alpha").unwrap());
        desired.index = 10;
        desired.lease = Some(DesiredLease {
            generation: 1,
            opened: 5,
            length: L,
            margin: MARGIN,
            longest_length: L,
            longest_margin: MARGIN,
            incarnation: 0,
        });
        Self {
            cluster,
            state: Arc::new(Mutex::new(State { answers: true, ..State::default() })),
            desired: watch::Sender::new(Arc::new(desired)),
            signer: Arc::new(SoftwareKey::generate(Algorithm::P256).unwrap()),
            clock: Arc::new(TestClock(Instant::now())),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn start(&self) -> JoinHandle<Result<(), AgentError>> {
        self.start_with_guards().0
    }

    pub fn start_with_guards(&self) -> (JoinHandle<Result<(), AgentError>>, GuardService) {
        let config = AgentConfig::new(ClusterName::new("alpha").unwrap());
        let uplink = Daemon {
            state: self.state.clone(),
            desired: self.desired.clone(),
            signer: self.signer.clone(),
            cluster: self.cluster.clone(),
        };
        let parts = Parts {
            driver: Arc::new(self.cluster.clone()),
            uplink,
            signer: self.signer.clone(),
            clock: self.clock.clone(),
            sessions: SessionStore::in_folder(self.folder.path()),
        };
        let agent = Agent::new(config, parts);
        let guards = agent.guards();
        (tokio::spawn(agent.run()), guards)
    }

    fn change(&self, change: impl FnOnce(&mut Desired)) {
        change_in(&self.desired, change);
    }

    pub fn want(&self, copies: impl IntoIterator<Item = DesiredCopy>) {
        let copies = copies.into_iter().map(|copy| (copy.workload.clone(), Arc::new(copy))).collect();
        self.change(|desired| desired.workloads = copies);
    }

    pub fn close_lease(&self) {
        self.change(|desired| desired.lease = None);
    }

    /// The answers to so many registrations of a start, which the federation took, are lost on the way.
    pub fn swallow_registrations(&self, count: usize) {
        self.state.lock().unwrap().swallow = count;
    }

    /// Envelopes do not arrive.
    pub fn cut_submissions(&self, cut: bool) {
        self.state.lock().unwrap().cut_submissions = cut;
    }

    /// The number of the start that is registered.
    pub fn registered(&self) -> u64 {
        self.desired.borrow().lease.unwrap().incarnation
    }

    /// How often a start was registered.
    pub fn starts(&self) -> usize {
        self.commands().iter().filter(|command| matches!(command, Command::RegisterStart { .. })).count()
    }

    pub fn voters_answer(&self, answers: bool) {
        self.state.lock().unwrap().answers = answers;
    }

    pub fn cut(&self, cut: bool) {
        self.state.lock().unwrap().cut = cut;
        // Watches that are open see it.
        self.desired.send_modify(|_| {});
    }

    pub fn on_receipt(&self, check: impl Fn(&Simulated, &WorkloadName) + Send + 'static) {
        self.state.lock().unwrap().on_receipt = Some(Box::new(check));
    }

    pub fn commands(&self) -> Vec<Command> {
        self.state.lock().unwrap().commands.clone()
    }

    pub fn sessions_opened(&self) -> usize {
        self.state.lock().unwrap().sessions.len()
    }

    pub fn refused(&self) -> usize {
        self.state.lock().unwrap().refused
    }

    pub fn receipts(&self) -> Vec<(WorkloadName, u64)> {
        let receipt = |command| match command {
            Command::Receipt { workload, epoch, .. } => Some((workload, epoch)),
            _ => None,
        };
        self.commands().into_iter().filter_map(receipt).collect()
    }

    fn phases(&self) -> BTreeMap<WorkloadName, (u64, CopyPhase)> {
        let mut phases = BTreeMap::new();
        for command in &self.state.lock().unwrap().commands {
            if let Command::ReportCopies { copies, .. } = command {
                phases.extend(copies.iter().map(|copy| (copy.workload.clone(), (copy.epoch, copy.phase.clone()))));
            }
        }
        phases
    }

    pub fn phase(&self, workload: &str) -> Option<(u64, CopyPhase)> {
        self.phases().remove(&name(workload))
    }

    pub fn ready(&self) -> usize {
        self.phases().values().filter(|(_, phase)| *phase == CopyPhase::Ready).count()
    }

    pub fn serving(&self, workload: &str) -> Option<u64> {
        self.cluster.serving().get(&name(workload)).copied()
    }

    pub fn pods(&self, workload: &str) -> usize {
        self.cluster.pods(&name(workload)).len()
    }

    /// Waits for a condition, in virtual time.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < BOUND, "it did not come; told so far: {:?}", self.phases());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn change_in(desired: &watch::Sender<Arc<Desired>>, change: impl FnOnce(&mut Desired)) {
    desired.send_modify(|desired| {
        let mut next = (**desired).clone();
        next.index += 1;
        change(&mut next);
        *desired = Arc::new(next);
    });
}

#[derive(Clone)]
pub struct Daemon {
    state: Arc<Mutex<State>>,
    desired: watch::Sender<Arc<Desired>>,
    signer: Arc<dyn Signer>,
    cluster: Simulated,
}

fn gone() -> LinkError {
    LinkError::Unreachable("cut".to_owned())
}

impl Daemon {
    fn reached(&self) -> Result<(), LinkError> {
        if self.state.lock().unwrap().cut { Err(gone()) } else { Ok(()) }
    }

    fn judge(&self, envelope: &[u8]) -> Result<Outcome, Refusal> {
        let envelope = Envelope::from_bytes(envelope).unwrap();
        let signed = envelope.signed().unwrap();
        assert!(PureVerifier.verify(self.signer.public_key(), &signed.message, signed.signature), "a bad signature");
        let statement = Statement::from_payload(&envelope.payload).unwrap();
        let state = &mut *self.state.lock().unwrap();
        let session = statement.session;
        if matches!(statement.command, Command::OpenSession {}) {
            let last = state.sessions.keys().last().copied().unwrap_or(0);
            if session <= last {
                return Err(Refusal::SessionNotNew { session, last });
            }
            state.sessions.insert(session, BTreeMap::new());
            return Ok(Outcome::Accepted(Accepted::SessionOpened { until: WALL + 24 * 3_600_000 }));
        }
        let used = state.sessions.get_mut(&session).ok_or(Refusal::NoSession { session })?;
        if let Some(first) = used.get(&statement.sequence) {
            // No test sends other bytes under the same number.
            return Ok(first.clone());
        }
        if let (Command::Receipt { workload, .. }, Some(check)) = (&statement.command, &state.on_receipt) {
            check(&self.cluster, workload);
        }
        if matches!(statement.command, Command::RegisterStart { .. }) {
            // The log mints the number: the index of the entry.
            change_in(&self.desired, |desired| {
                let index = desired.index;
                desired.lease.iter_mut().for_each(|lease| lease.incarnation = index);
            });
        }
        let outcome = Outcome::Accepted(Accepted::Changed { version: self.desired.borrow().index });
        used.insert(statement.sequence, outcome.clone());
        state.commands.push(statement.command);
        Ok(outcome)
    }
}

pub struct Following {
    daemon: Daemon,
    changes: watch::Receiver<Arc<Desired>>,
    sent: Option<Arc<Desired>>,
}

impl Updates for Following {
    async fn next(&mut self) -> Result<Update, LinkError> {
        loop {
            self.daemon.reached()?;
            let desired = self.changes.borrow_and_update().clone();
            if self.sent.as_ref().is_none_or(|sent| sent.index < desired.index) {
                let before = self.sent.replace(desired.clone());
                let first = before.is_none();
                let is_new = |(name, copy): &(&WorkloadName, &Arc<DesiredCopy>)| {
                    before.as_ref().is_none_or(|before| before.workloads.get(*name) != Some(*copy))
                };
                let changed = desired.workloads.iter().filter(is_new).map(|(name, _)| name.clone()).collect();
                return Ok(Update { desired: (*desired).clone(), changed, first });
            }
            self.changes.changed().await.map_err(|_| gone())?;
        }
    }
}

impl Uplink for Daemon {
    type Watch = Following;

    async fn watch(&self, _cluster: ClusterName, _have: &BTreeSet<WorkloadName>) -> Result<Following, LinkError> {
        self.reached()?;
        Ok(Following { daemon: self.clone(), changes: self.desired.subscribe(), sent: None })
    }

    async fn renew(&self, renewal: &Renewal) -> Result<BoxStream<'static, Result<Heard, LinkError>>, LinkError> {
        self.reached()?;
        let id = MembershipId { term: 1, node: 1, index: 3 };
        let voters = Voters::uniform([NodeId(1), NodeId(2), NodeId(3)]);
        let mut heard = vec![Ok(Heard::Membership(Membership { id, voters }))];
        // One voter alone is no majority, and none answers a start that is not the registered one (lease.md 2).
        let registered = self.desired.borrow().lease.map(|lease| lease.incarnation);
        let answering = match registered {
            Some(registered) if registered == renewal.incarnation.0 => {
                1 + u64::from(self.state.lock().unwrap().answers)
            }
            _ => 0,
        };
        for voter in 1..=answering {
            let renewal = renewal.clone();
            heard.push(Ok(Heard::Answer(Answer { renewal, voter: NodeId(voter), membership: id })));
        }
        Ok(stream::iter(heard).boxed())
    }

    async fn submit(&self, envelope: Vec<u8>) -> Result<Outcome, LinkError> {
        self.reached()?;
        if self.state.lock().unwrap().cut_submissions {
            return Err(gone());
        }
        let outcome = self.judge(&envelope).unwrap_or_else(|refusal| {
            self.state.lock().unwrap().refused += 1;
            Outcome::Refused(refusal)
        });
        let state = &mut *self.state.lock().unwrap();
        if state.swallow > 0 && matches!(state.commands.last(), Some(Command::RegisterStart { .. })) {
            state.swallow -= 1;
            return Err(gone());
        }
        Ok(outcome)
    }

    async fn sessions(&self) -> Result<Sessions, LinkError> {
        self.reached()?;
        let last = self.state.lock().unwrap().sessions.keys().last().copied().unwrap_or(0);
        Ok(Sessions { federation: FederationId::default(), generation: 0, last, time: WALL })
    }
}
