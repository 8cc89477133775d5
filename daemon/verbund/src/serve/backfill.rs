//! Fetching audit records that this node lacks because it was given a snapshot in their place (formats 10): from any other
//! node, since the chain says whether they are the true ones.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use verbund_identity::Head;
use verbund_machine::{AuditRecord, chain_start};
use verbund_model::resource::NodeStanding;
use verbund_model::{Hash, NodeId};
use verbund_node::NodeHandle;
use verbund_store::Archive;

/// How often is looked whether something is missing.
const LOOK: Duration = Duration::from_secs(2);
/// Records that are fetched and put in at a time: what is held in memory.
const PIECE: u64 = 8192;

/// Looks for gaps in the archive until the daemon stops, and fills them.
pub async fn run(node: NodeHandle, genesis: Vec<u8>, dir: PathBuf, mut stop: watch::Receiver<bool>) {
    loop {
        let gaps = node.archive().gaps();
        if !gaps.is_empty() {
            match fill(&node, &genesis, &dir, &gaps).await {
                Ok(records) => tracing::info!(records, "fetched the audit records that this node lacked"),
                Err(why) => tracing::warn!(why, "this node lacks audit records, and will try again to fetch them"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

async fn fill(node: &NodeHandle, genesis: &[u8], dir: &Path, gaps: &[Range<u64>]) -> Result<u64, String> {
    let (state, _) = node.read_stale();
    let (head, own) = (state.head(), node.status().node);
    let others = state.nodes().map(|n| &n.value).filter(|n| n.standing == NodeStanding::Active && n.id != own);
    let mut last = "there is no other node to ask".to_owned();
    for other in others.map(|n| n.id).collect::<Vec<_>>() {
        match fill_from(node, other, genesis, dir, gaps, head).await {
            Ok(records) => return Ok(records),
            Err(why) => last = format!("node {other}: {why}"),
        }
    }
    Err(last)
}

async fn fill_from(
    node: &NodeHandle,
    other: NodeId,
    genesis: &[u8],
    dir: &Path,
    gaps: &[Range<u64>],
    head: Head,
) -> Result<u64, String> {
    let mut spools = Vec::new();
    for gap in gaps {
        let mut spool = Spool::new(dir, gap.clone()).map_err(|e| e.to_string())?;
        let mut at = gap.start;
        while at < gap.end {
            let records = node.fetch_records(other, at, gap.end.min(at + PIECE) - 1).await?;
            if records.is_empty() {
                return Err(format!("it has no record {at} either"));
            }
            at += records.len() as u64;
            spool.put(&records).map_err(|e| e.to_string())?;
        }
        spools.push(spool);
    }
    let (archive, start) = (node.archive(), chain_start(genesis));
    let put_in = tokio::task::spawn_blocking(move || {
        check(&archive, start, &mut spools, head)?;
        spools.iter_mut().try_fold(0, |sum, spool| Ok(sum + spool.put_into(&archive)?))
    });
    put_in.await.map_err(|e| e.to_string())?
}

/// Follows the chain from the genesis through what is here and what was fetched, up to our own state's head.
fn check(archive: &Archive, start: Hash, spools: &mut [Spool], head: Head) -> Result<(), String> {
    let mut chain = Chain { hash: start, next: 0 };
    for spool in spools {
        chain.through(archive, spool.gap.start)?;
        spool.each(|record| chain.take(record))?;
        if chain.next != spool.gap.end {
            return Err(format!("it gave {} records too many or too few", chain.next.abs_diff(spool.gap.end)));
        }
    }
    chain.through(archive, head.index + 1)?;
    if chain.hash == head.chain { Ok(()) } else { Err("its records are not those of this history".to_owned()) }
}

struct Chain {
    hash: Hash,
    next: u64,
}

impl Chain {
    /// Takes our own records up to but without `end`.
    fn through(&mut self, archive: &Archive, end: u64) -> Result<(), String> {
        for record in archive.read(self.next..end).map_err(|e| e.to_string())? {
            self.take(&record.map_err(|e| e.to_string())?.1)?;
        }
        if self.next == end { Ok(()) } else { Err(format!("our own record {} is not archived yet", self.next)) }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let record = AuditRecord::from_bytes(bytes).map_err(|e| e.to_string())?;
        // A log begins with index 0 or 1.
        let first = self.next == 0 && record.at.index == 1;
        if record.at.index != self.next && !first {
            return Err(format!("record {} stands where {} should", record.at.index, self.next));
        }
        self.hash = record.chain(&self.hash);
        self.next = record.at.index + 1;
        Ok(())
    }
}

/// Records of one gap, on disk until they are checked.
struct Spool {
    gap: Range<u64>,
    file: File,
}

impl Spool {
    fn new(dir: &Path, gap: Range<u64>) -> io::Result<Self> {
        Ok(Self { gap, file: tempfile::tempfile_in(dir)? })
    }

    fn put(&mut self, records: &[Bytes]) -> io::Result<()> {
        let mut out = Vec::new();
        for record in records {
            out.extend(u32::try_from(record.len()).map_err(io::Error::other)?.to_be_bytes());
            out.extend_from_slice(record);
        }
        self.file.write_all(&out)
    }

    /// Calls `take` with each record, from the first.
    fn each(&mut self, mut take: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
        self.file.rewind().map_err(|e| e.to_string())?;
        let mut input = BufReader::new(&self.file);
        let mut length = [0; 4];
        loop {
            match input.read_exact(&mut length) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                other => other.map_err(|e| e.to_string())?,
            }
            // Written by `put`, from records that fitted a message.
            let mut record = vec![0; u32::from_be_bytes(length) as usize];
            input.read_exact(&mut record).map_err(|e| e.to_string())?;
            take(&record)?;
        }
    }

    /// Puts the records into the archive, and says how many they were.
    fn put_into(&mut self, archive: &Archive) -> Result<u64, String> {
        let (mut at, mut piece) = (self.gap.start, Vec::new());
        let mut put = |piece: &mut Vec<Vec<u8>>| {
            archive.fill(at, piece).map_err(|e| e.to_string())?;
            at += piece.len() as u64;
            piece.clear();
            Ok::<_, String>(())
        };
        self.each(|record| {
            piece.push(record.to_vec());
            if piece.len() as u64 == PIECE { put(&mut piece) } else { Ok(()) }
        })?;
        if !piece.is_empty() {
            put(&mut piece)?;
        }
        Ok(self.gap.end - self.gap.start)
    }
}
