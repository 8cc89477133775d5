//! Snapshots: the state's records in the store's snapshot file, written and read record by record, so that there is
//! never a second copy of the state in memory.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use openraft::storage::RaftSnapshotBuilder;
use verbund_machine::{Restore, State};
use verbund_store::{SnapshotReader, SnapshotStore};

use super::codec;
use super::log::to_store;
use super::{Snapshot, SnapshotMeta, Types};
use crate::shared::Shared;

/// The most bytes of one record: larger than anything that a state holds.
const MAX_RECORD: usize = 16 * 1024 * 1024;
/// Bytes gathered before one write.
const PIECE: usize = 256 * 1024;

/// An open snapshot file.
#[derive(Debug, Clone)]
pub(crate) struct SnapshotData(pub(crate) SnapshotReader);

/// Writes one snapshot from an O(1) copy of the state, while writers go on.
pub(crate) struct Builder {
    pub(crate) state: State,
    pub(crate) meta: SnapshotMeta,
    pub(crate) store: SnapshotStore,
    pub(crate) current: Current,
    pub(crate) shared: Arc<Shared>,
}

/// The newest snapshot, opened and checked once.
#[derive(Clone, Default)]
pub(crate) struct Current(Arc<Mutex<Option<Snapshot>>>);

impl Current {
    pub(crate) fn get(&self) -> Option<Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes a snapshot unless a later one is held: one may be installed while an older one is being written.
    pub(crate) fn set(&self, snapshot: Snapshot) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = |snapshot: &Snapshot| snapshot.meta.last_log_id.as_ref().map(|id| id.index);
        if held.as_ref().is_none_or(|held| index(held) <= index(&snapshot)) {
            *held = Some(snapshot);
        }
    }
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = SnapshotData;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let (state, meta, store) = (self.state.clone(), self.meta.clone(), self.store.clone());
        let archive = self.shared.archive.clone();
        let work = move || {
            // What the snapshot covers is not replayed any more, so its records must be durable before it is.
            archive.sync().map_err(io::Error::other)?;
            write(&state, &meta, &store)
        };
        let snapshot = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)??;
        self.current.set(snapshot.clone());
        self.shared.counters.snapshots_written.add(1);
        Ok(snapshot)
    }
}

/// Writes `state` to a new snapshot file. Errors: the disk's, or a state that contradicts its own hash.
fn write(state: &State, meta: &SnapshotMeta, store: &SnapshotStore) -> io::Result<Snapshot> {
    let last = meta.last_log_id.as_ref().ok_or_else(|| io::Error::other("there is nothing to take a snapshot of"))?;
    if state.recompute_hash() != state.head().state {
        let why = format!("the state at index {} contradicts its own hash: memory or program is damaged", last.index);
        return Err(io::Error::other(why));
    }
    let mut writer = store.writer(to_store(last), &codec::encode_meta(meta)).map_err(io::Error::other)?;
    let mut piece = Vec::with_capacity(PIECE);
    for record in state.records() {
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        piece.extend_from_slice(&length.to_le_bytes());
        piece.extend_from_slice(&record);
        if piece.len() >= PIECE {
            writer.write_chunk(&piece).map_err(io::Error::other)?;
            piece.clear();
        }
    }
    writer.write_chunk(&piece).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    // Read back and checked: what cannot be read is no reason to purge the log.
    newest(store)?.ok_or_else(|| io::Error::other("the snapshot that was just written is gone"))
}

/// The state that a snapshot file holds. Errors: the disk's, and whatever does not fit together in the file.
pub(crate) fn read(reader: &SnapshotReader) -> io::Result<State> {
    let mut restore = Restore::new();
    // What of a record the chunks so far did not complete.
    let mut held: Vec<u8> = Vec::new();
    for chunk in reader.chunks() {
        held.extend_from_slice(&chunk.map_err(io::Error::other)?);
        let mut at = 0;
        while let Some((length, rest)) = held[at..].split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            if length > MAX_RECORD {
                return Err(io::Error::other(format!("a record of {length} bytes, at most {MAX_RECORD} are allowed")));
            }
            let Some(record) = rest.get(..length) else { break };
            restore.push(record).map_err(io::Error::other)?;
            at += 4 + length;
        }
        held.drain(..at);
    }
    if !held.is_empty() {
        return Err(io::Error::other(format!("the last record is cut: {} bytes of it are there", held.len())));
    }
    restore.finish().map_err(io::Error::other)
}

/// The newest whole snapshot of this node with its meta data, if there is one.
pub(crate) fn newest(store: &SnapshotStore) -> io::Result<Option<Snapshot>> {
    let Some(reader) = store.latest().map_err(io::Error::other)? else { return Ok(None) };
    let meta = codec::decode_meta(&reader.info().membership).map_err(io::Error::other)?;
    Ok(Some(Snapshot { meta, snapshot: SnapshotData(reader) }))
}
