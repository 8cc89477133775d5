//! The audit records of this node: for the syslog sink, and for exports.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use verbund_api::port::AuditError;
use verbund_identity::SignedHead;
use verbund_machine::AuditRecord;
use verbund_node::NodeHandle;
use verbund_store::Archive;

use super::syslog::Records;
use crate::audit::ExportWriter;

/// How often the applied index is looked at for the sink, which is never in a hurry.
const LOOK: std::time::Duration = std::time::Duration::from_millis(250);

/// Records from the archive.
pub struct Archived(Arc<Archive>);

impl Archived {
    /// Over an archive.
    pub fn new(archive: Arc<Archive>) -> Self {
        Self(archive)
    }
}

impl Records for Archived {
    fn from(&self, from: u64, most: usize) -> Result<Vec<AuditRecord>, String> {
        let next = self.0.next().unwrap_or(0);
        let to = next.min(from.saturating_add(most as u64));
        if from >= to {
            return Ok(Vec::new());
        }
        let records = self.0.read(from..to).map_err(|e| e.to_string())?;
        let read = |record: Result<(u64, Vec<u8>), verbund_store::ArchiveError>| {
            let (_, bytes) = record.map_err(|e| e.to_string())?;
            AuditRecord::from_bytes(&bytes).map_err(|e| e.to_string())
        };
        records.map(read).collect()
    }
}

/// The index up to which records exist, as it rises.
pub fn applied(node: NodeHandle, mut stop: watch::Receiver<bool>) -> watch::Receiver<u64> {
    let (sender, receiver) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            let index = node.archive().next().map_or(0, |next| next.saturating_sub(1));
            sender.send_if_modified(|known| std::mem::replace(known, index) != index);
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    });
    receiver
}

/// Bytes that are gathered before they are sent on.
const CHUNK: usize = 64 * 1024;
/// Chunks that may wait for a slow reader.
const AHEAD: usize = 8;

/// The export `from..=to` as a stream, from the genesis to the newest index for which a majority of sites vouches. `from`
/// may be absent or the first record: an export always begins at the genesis. Errors: [`AuditError`].
pub async fn export(
    node: &NodeHandle,
    from: Option<u64>,
    to: Option<u64>,
) -> Result<BoxStream<'static, std::io::Result<Bytes>>, AuditError> {
    let archive = node.archive();
    let failed = |reason: String| AuditError::Failed { reason };
    let held = archive.segments();
    let oldest = held.iter().map(|segment| segment.first).min().unwrap_or(0);
    let newest = archive.next().unwrap_or(0).saturating_sub(1);
    let most = to.unwrap_or(newest).min(newest);
    if oldest > 0 || from.is_some_and(|from| from > 0) {
        return Err(AuditError::NotHeld { oldest, newest });
    }
    let Some((last, heads)) = vouched(node, &archive, most).map_err(failed)? else {
        let first = first_vouched(node, &archive, most, newest).map_err(failed)?;
        return Err(AuditError::NotVouched { wanted: most, first });
    };
    let (state, _) = node.read_stale();
    let genesis = state.genesis().to_vec();
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        let out = Sink { sender: sender.clone(), buffer: Vec::with_capacity(CHUNK) };
        if let Err(error) = write(out, &archive, &genesis, last, &heads) {
            // The reader may have gone away, and then nobody needs to know.
            let _ = sender.blocking_send(Err(error));
        }
    });
    Ok(ReceiverStream::new(receiver).boxed())
}

type Vouched = Option<(u64, Vec<SignedHead>)>;

/// The newest checkpoint or set of heads at or below `most`.
fn vouched(node: &NodeHandle, archive: &Archive, most: u64) -> Result<Vouched, String> {
    let live = node.vouched_heads(most);
    let checkpoints = archive.checkpoints().map_err(|e| e.to_string())?;
    let newest = checkpoints.into_iter().filter(|index| *index <= most).max();
    let Some(index) = newest.filter(|index| live.as_ref().is_none_or(|(live, _)| live < index)) else {
        return Ok(live);
    };
    let Some(bytes) = archive.checkpoint(index).map_err(|e| e.to_string())? else { return Ok(live) };
    let heads = serde_json::from_slice(&bytes).map_err(|e| format!("checkpoint {index}: {e}"))?;
    Ok(Some((index, heads)))
}

/// The first index above `most` where an export could end: there is none between two of which sites told each other.
fn first_vouched(node: &NodeHandle, archive: &Archive, most: u64, newest: u64) -> Result<Option<u64>, String> {
    let checkpoints = archive.checkpoints().map_err(|e| e.to_string())?;
    let live = node.vouched_heads(newest).map(|(index, _)| index);
    Ok(checkpoints.into_iter().chain(live).filter(|index| *index > most).min())
}

fn write(out: Sink, archive: &Archive, genesis: &[u8], last: u64, heads: &[SignedHead]) -> std::io::Result<()> {
    let mut export = ExportWriter::from_genesis(out, genesis)?;
    let checkpoints = archive.checkpoints().map_err(std::io::Error::other)?;
    let mut due = checkpoints.into_iter().filter(|index| *index < last).peekable();
    for record in archive.read(0..last + 1).map_err(std::io::Error::other)? {
        let (index, bytes) = record.map_err(std::io::Error::other)?;
        export.record(&bytes)?;
        if due.next_if_eq(&index).is_some()
            && let Some(bytes) = archive.checkpoint(index).map_err(std::io::Error::other)?
        {
            let heads: Vec<SignedHead> = serde_json::from_slice(&bytes)?;
            heads.iter().try_for_each(|head| export.head(head))?;
        }
    }
    heads.iter().try_for_each(|head| export.head(head))?;
    export.finish()?;
    Ok(())
}

/// Hands bytes to the stream in chunks; waits while the reader is slow.
struct Sink {
    sender: mpsc::Sender<std::io::Result<Bytes>>,
    buffer: Vec<u8>,
}

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= CHUNK {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sender.blocking_send(Ok(chunk.into())).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }
}
