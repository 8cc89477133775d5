//! openraft's state machine over the replicated state: batches in, outcomes, records, events and heads out.

use std::io;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use openraft::OptionalSend;
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine};
use verbund_identity::Head;
use verbund_machine::{LogEntry, Object, State, StateEvent};
use verbund_model::{NodeId, Outcome};
use verbund_store::SnapshotStore;

use super::snapshot::{self, Builder, Current, SnapshotData};
use super::{
    Body, Entry, LogId, Reply, Snapshot, SnapshotMeta, StoredMembership, Types, log_id_to_machine, to_machine,
};
use crate::alarm::Alarm;
use crate::shared::Shared;

/// Entries that are applied before readers see the result and writers hear of it.
const BATCH: usize = 256;

/// The state and what it leaves behind.
pub(crate) struct Machine {
    shared: Arc<Shared>,
    state: State,
    applied: Option<LogId>,
    membership: StoredMembership,
    snapshots: SnapshotStore,
    current: Current,
    snapshot_bytes: u64,
    bytes_since: u64,
}

/// What a batch gathers until it is published.
#[derive(Default)]
struct Batch {
    heads: Vec<Head>,
    events: Vec<StateEvent>,
    answers: Vec<(ApplyResponder<Types>, Reply)>,
    members_changed: bool,
}

impl Machine {
    /// Begins with the state before the first entry; openraft brings a snapshot and the log back.
    pub(crate) fn new(shared: Arc<Shared>, genesis: State, snapshots: SnapshotStore, snapshot_bytes: u64) -> Self {
        Self {
            shared,
            state: genesis,
            applied: None,
            membership: StoredMembership::default(),
            snapshots,
            current: Current::default(),
            snapshot_bytes,
            bytes_since: 0,
        }
    }

    fn apply_one(&mut self, entry: &Entry, batch: &mut Batch) -> io::Result<Option<Outcome>> {
        let at = log_id_to_machine(&entry.log_id);
        let members;
        let content = match &entry.payload.body {
            Body::Blank => LogEntry::Blank,
            Body::Command(command) => {
                self.bytes_since += command.0.len() as u64;
                self.shared.counters.bytes_applied.add(command.0.len() as u64);
                LogEntry::Command(&command.0)
            }
            Body::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
                members = to_machine(membership);
                LogEntry::Membership { membership: &members, basis: entry.payload.basis }
            }
        };
        let applied = self.state.apply(at, content, &*self.shared.verifier);
        if let Some(format) = applied.unknown_format.filter(|format| *format > self.shared.known_format()) {
            // Nothing of the entry is kept, and Raft stops at this error: after an update the node goes on from here.
            let alarm = Alarm::UnknownFormat { index: at.index, format, known: self.shared.known_format() };
            let error = io::Error::other(alarm.to_string());
            self.shared.raise(alarm);
            return Err(error);
        }
        self.applied = Some(entry.log_id);
        self.shared.archive.append(at.index, &applied.record.to_bytes()).map_err(io::Error::other)?;
        if let Some(alarm) = &applied.alarm {
            let (index, leader, what) = (at.index, NodeId(at.node), alarm.to_string());
            self.shared.raise(match alarm {
                verbund_machine::Alarm::UnauthorisedEntry { .. } => Alarm::UnauthorisedEntry { index, leader, what },
                verbund_machine::Alarm::FalseCause { author, .. } => {
                    Alarm::FalseCause { index, leader, author: *author, what }
                }
                verbund_machine::Alarm::ForkedDirectives { number, .. } => {
                    Alarm::ForkedDirectives { index, number: *number, what }
                }
            });
        }
        if matches!(applied.outcome, Some(Outcome::Refused(_))) {
            self.shared.counters.refused_by_apply.add(1);
        }
        self.shared.counters.entries_applied.add(1);
        let transport =
            |event: &StateEvent| matches!(event.object, Object::Site(_) | Object::Node(_) | Object::Federation(_));
        batch.members_changed |= applied.events.iter().any(transport);
        batch.events.extend(applied.events);
        batch.heads.push(self.state.head());
        Ok(applied.outcome)
    }

    /// Readers see the batch before its writers hear of it.
    fn publish(&mut self, batch: Batch) {
        let index = self.state.applied().index;
        self.shared.ring.extend(&batch.heads);
        self.shared.published.publish(self.state.clone());
        self.shared.feed.extend(batch.events, index);
        if batch.members_changed {
            self.shared.members_changed.notify_one();
        }
        if self.bytes_since >= self.snapshot_bytes {
            self.bytes_since = 0;
            self.shared.snapshot_due.notify_one();
        }
        for (responder, reply) in batch.answers {
            responder.send(reply);
        }
    }

    /// Takes over a state that came from a snapshot file. Errors: it is another federation's, or not what it says.
    fn adopt(&mut self, state: State, meta: &SnapshotMeta) -> io::Result<()> {
        let wrong = |what: &str| io::Error::other(format!("the snapshot is refused: {what}"));
        if state.federation().value.id != self.shared.federation {
            return Err(wrong("it is another federation's"));
        }
        if meta.last_log_id.as_ref().map(log_id_to_machine) != Some(state.applied()) {
            return Err(wrong("its state is not that of the index it names"));
        }
        let index = state.applied().index;
        self.shared.archive.start_at(index + 1).map_err(io::Error::other)?;
        self.applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.state = state;
        self.bytes_since = 0;
        self.shared.ring.extend(&[self.state.head()]);
        self.shared.published.publish(self.state.clone());
        self.shared.feed.restart(index);
        self.shared.members_changed.notify_one();
        Ok(())
    }

    fn builder(&self) -> Builder {
        Builder {
            state: self.state.clone(),
            meta: SnapshotMeta { last_log_id: self.applied, last_membership: self.membership.clone() },
            store: self.snapshots.clone(),
            current: self.current.clone(),
            shared: self.shared.clone(),
        }
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = SnapshotData;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<Strm>(&mut self, entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        let mut batches = entries.ready_chunks(BATCH);
        while let Some(entries) = batches.next().await {
            let entries = entries.into_iter().collect::<io::Result<Vec<_>>>()?;
            let mut batch = Batch::default();
            for (entry, responder) in entries {
                let outcome = self.apply_one(&entry, &mut batch)?;
                batch.answers.extend(responder.map(|responder| (responder, Reply { outcome })));
            }
            self.publish(batch);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        self.builder()
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, data: SnapshotData) -> io::Result<()> {
        let reader = data.0.clone();
        let state = tokio::task::spawn_blocking(move || snapshot::read(&reader)).await.map_err(io::Error::other)??;
        self.adopt(state, meta)?;
        self.current.set(Snapshot { meta: meta.clone(), snapshot: data });
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        if let Some(snapshot) = self.current.get() {
            return Ok(Some(snapshot));
        }
        let store = self.snapshots.clone();
        let newest =
            tokio::task::spawn_blocking(move || snapshot::newest(&store)).await.map_err(io::Error::other)??;
        if let Some(snapshot) = &newest {
            self.current.set(snapshot.clone());
        }
        Ok(newest)
    }
}
