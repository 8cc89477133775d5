//! openraft's log storage over `verbund-store`: one writer thread, one commit for many appended entries.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use futures::Stream;
use openraft::OptionalSend;
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use tokio::sync::oneshot;
use verbund_store::{Archive, LogRecord, LogStore};

use super::codec;
use super::{Entry, LogId, Types, Vote};

/// The most bytes of entries that one message to a follower carries, well below the limit of a gRPC message.
const MESSAGE_BYTES: usize = 2 * 1024 * 1024;
/// The most bytes of entries that are read for applying at once.
const APPLY_BYTES: usize = 4 * 1024 * 1024;

/// The log. Clones share it.
#[derive(Clone)]
pub(crate) struct Log {
    store: LogStore,
    archive: Arc<Archive>,
}

impl Log {
    /// Over the node's store; `archive` is synced before anything is purged (formats 10).
    pub(crate) fn new(store: LogStore, archive: Arc<Archive>) -> Self {
        Self { store, archive }
    }

    /// The entries of `start..end` that exist, as many as fit in `bytes`, at least one.
    fn read(&self, start: u64, end: u64, bytes: usize) -> io::Result<Vec<Entry>> {
        let records = self.store.read(start..end, bytes).map_err(io::Error::other)?;
        records.into_iter().map(entry).collect()
    }
}

fn entry(record: LogRecord) -> io::Result<Entry> {
    let payload = codec::decode(&record.payload).map_err(io::Error::other)?;
    Ok(Entry { log_id: from_store(record.id), payload })
}

fn from_store(id: verbund_store::LogId) -> LogId {
    codec::log_id(id.term, id.node, id.index)
}

pub(crate) fn to_store(id: &LogId) -> verbund_store::LogId {
    verbund_store::LogId { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
}

fn encode_vote(vote: &Vote) -> [u8; 17] {
    let mut out = [0; 17];
    out[..8].copy_from_slice(&vote.leader_id.term.to_le_bytes());
    out[8..16].copy_from_slice(&vote.leader_id.node_id.to_le_bytes());
    out[16] = u8::from(vote.committed);
    out
}

fn decode_vote(bytes: &[u8]) -> Option<Vote> {
    let (term, rest) = bytes.split_first_chunk::<8>()?;
    let (node, rest) = rest.split_first_chunk::<8>()?;
    let committed = match rest {
        [0] => false,
        [1] => true,
        _ => return None,
    };
    let (term, node_id) = (u64::from_le_bytes(*term), u64::from_le_bytes(*node));
    let leader_id = openraft::impls::leader_id_adv::LeaderId { term, node_id };
    Some(Vote { leader_id, committed })
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let start = match range.start_bound() {
        Bound::Included(index) => *index,
        Bound::Excluded(index) => index.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(index) => index.saturating_add(1),
        Bound::Excluded(index) => *index,
        Bound::Unbounded => u64::MAX,
    };
    (start, end)
}

impl RaftLogReader<Types> for Log {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let (start, end) = bounds(&range);
        self.read(start, end, usize::MAX)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        let Some(bytes) = self.store.vote().map_err(io::Error::other)? else { return Ok(None) };
        decode_vote(&bytes).map(Some).ok_or_else(|| io::Error::other("the stored vote cannot be read: it is damaged"))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.read(start, end, MESSAGE_BYTES)
    }

    /// Read piece by piece, so that applying a long log needs no memory for all of it.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (start, end) = bounds(&range);
        let begin = (self.clone(), start, Vec::new().into_iter());
        futures::stream::try_unfold(begin, move |(log, mut next, mut ready)| async move {
            if let Some(entry) = ready.next() {
                return Ok(Some((entry, (log, next, ready))));
            }
            if next >= end {
                return Ok(None);
            }
            ready = log.read(next, end, APPLY_BYTES)?.into_iter();
            next += ready.len() as u64;
            let first = ready.next();
            Ok(first.map(|entry: Entry| (entry, (log, next, ready))))
        })
    }
}

impl RaftLogStorage<Types> for Log {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let purged = self.store.purged().map_err(io::Error::other)?.map(from_store);
        let last = self.store.last().map_err(io::Error::other)?.map(from_store);
        Ok(LogState { last_purged_log_id: purged, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        let done = Box::new(move |result| {
            // Nobody waits any more only when this node stops.
            let _ = sender.send(result);
        });
        self.store.save_vote_with(&encode_vote(vote), done).map_err(io::Error::other)?;
        let lost = |_| io::Error::other("the store stopped before the vote was durable");
        receiver.await.map_err(lost)?.map_err(io::Error::other)
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        match committed {
            Some(id) => self.store.save_committed(to_store(&id)).map_err(io::Error::other),
            None => Ok(()),
        }
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.store.committed().map_err(io::Error::other)?.map(from_store))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let record = |entry: Entry| LogRecord { id: to_store(&entry.log_id), payload: codec::encode(&entry.payload) };
        let records: Vec<LogRecord> = entries.into_iter().map(record).collect();
        let done = Box::new(move |result: Result<(), _>| callback.io_completed(result.map_err(io::Error::other)));
        self.store.append(records, done).map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.store.truncate_after(last.map(|id| id.index)).map_err(io::Error::other)
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let archive = self.archive.clone();
        let synced = tokio::task::spawn_blocking(move || archive.sync()).await.map_err(io::Error::other)?;
        synced.map_err(io::Error::other)?;
        self.store.purge(to_store(&upto)).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_round_trip_and_damage_shows() {
        let leader_id = openraft::impls::leader_id_adv::LeaderId { term: 7, node_id: 3 };
        for committed in [false, true] {
            let vote = Vote { leader_id, committed };
            assert_eq!(decode_vote(&encode_vote(&vote)), Some(vote));
        }
        let mut bytes = encode_vote(&Vote { leader_id, committed: true });
        bytes[16] = 2;
        assert_eq!(decode_vote(&bytes), None);
        assert_eq!(decode_vote(&bytes[..16]), None);
    }

    #[test]
    fn ranges() {
        assert_eq!(bounds(&(3..5)), (3, 5));
        assert_eq!(bounds(&(3..=5)), (3, 6));
        assert_eq!(bounds(&(..)), (0, u64::MAX));
    }
}
