//! Shows: after a load every member has the same state hash at the same index; `audit export` gives what `audit verify`
//! accepts; and after any one byte was changed, a record was dropped and the rest rehashed, the tail was cut, or the whole
//! chain was rewritten by one site, `audit verify` refuses it and names the first bad record.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::Rng as _;
use rand::rngs::StdRng;
use verbund_identity::{Head, SignedHead};
use verbund_keys::Signer as _;
use verbund_kit::audit::{Applied, END, HEAD, Parts, RECORD, record, record_frames};
use verbund_kit::checker::{check_members, equal_heads};
use verbund_kit::desk::Said;
use verbund_kit::peer::site_keys;
use verbund_kit::traffic::{Load, Traffic};
use verbund_kit::{Federation, Settings, seeded, until_async};
use verbund_machine::AuditRecord;
use verbund_model::NodeId;

const FILE: &str = "audit_exports_show_every_change";
/// Entries between two checkpoints, so that there are several.
const CHECKPOINT: u64 = 256;
/// Acknowledged writes.
const WRITES: usize = 1000;
/// Bytes that are changed, one after the other.
const FLIPS: usize = 24;
/// How long a checkpoint may take.
const BOUND: Duration = Duration::from_secs(60);
/// `audit verify` found something bad.
const BAD: i32 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn accepted_when_true_and_named_when_not() {
    let mut rng = seeded(FILE, "accepted_when_true_and_named_when_not");
    let extra = format!("checkpoint: {{entries: {CHECKPOINT}, quietSeconds: 1}}");
    let federation = Federation::of(3, Settings { extra, ..Settings::default() }).await.unwrap();
    let author = federation.new_provider("load").unwrap();
    let traffic = Traffic::start(&federation, &author, Load::default()).await.unwrap();
    let enough = || async {
        ensure!(traffic.acknowledged() >= WRITES, "{} of {WRITES}", traffic.acknowledged());
        Ok(())
    };
    until_async("acknowledged writes", BOUND, enough).await.unwrap();
    let history = traffic.stop().await.unwrap();
    check_members(&federation, &author, &history).await.unwrap();
    let last = history.last_version();
    println!("equal on all members: {:?}", equal_heads(&federation, &author, last).await.unwrap());

    let mut exports = Vec::new();
    for site in ["s1", "s2", "s3"] {
        exports.push(export(&federation, site, last).await.unwrap());
    }
    same_records(&exports).unwrap();
    let desk = Auditor { federation: &federation, file: federation.desk.path("export") };
    let whole = &exports[0];
    desk.accepts(whole, &["--at-least", &last.to_string()]);
    flipped(&desk, whole, &mut rng);
    dropped(&desk, whole, &mut rng);
    cut(&desk, whole, &mut rng);
    rewritten(&desk, whole, &mut rng);
}

/// Runs `audit verify` on whatever it is given.
struct Auditor<'a> {
    federation: &'a Federation,
    file: PathBuf,
}

impl Auditor<'_> {
    fn verify(&self, export: &[u8], more: &[&str]) -> Said {
        std::fs::write(&self.file, export).unwrap();
        let (file, federation) = (self.file.display().to_string(), self.federation.id.to_string());
        self.federation.desk.say(&[&["audit", "verify", &file, "--federation", &federation], more].concat()).unwrap()
    }

    fn accepts(&self, export: &[u8], more: &[&str]) {
        let said = self.verify(export, more);
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// What `audit verify` says about a bad export.
    fn refuses(&self, export: &[u8], more: &[&str], what: &str) -> String {
        let said = self.verify(export, more);
        assert_eq!(said.code, BAD, "{what}: {said:?}");
        said.err
    }

    /// Demands that a bad export is refused and `index` is named as its first bad record.
    fn names(&self, export: &[u8], index: u64, what: &str) {
        let said = self.refuses(export, &[], what);
        assert!(said.contains(&format!("First bad record: {index}.")), "{what}: wanted record {index}: {said}");
    }
}

async fn export(federation: &Federation, site: &str, last: u64) -> Result<Vec<u8>> {
    let mut number = 0;
    let mut look = || {
        number += 1;
        let out = federation.desk.path(&format!("{site}.{number}.export"));
        let name = out.display().to_string();
        let said = federation.desk.run(&["--context", site, "audit", "export", "--out", &name]);
        let look = said.and_then(|_| Ok(std::fs::read(out)?)).and_then(|bytes| {
            let reached = Applied::of(&bytes)?.last;
            ensure!(reached >= last, "it reaches {reached}, not {last}");
            Ok(bytes)
        });
        std::future::ready(look)
    };
    Ok(until_async(&format!("an export of {site} that reaches {last}"), BOUND, &mut look).await?.0)
}

/// Members hold the same records, byte for byte.
fn same_records(exports: &[Vec<u8>]) -> Result<()> {
    let records = |export: &Vec<u8>| -> Result<Vec<Vec<u8>>> {
        Ok(record_frames(export)?.into_iter().map(|frame| export[frame.range].to_vec()).collect())
    };
    let all = exports.iter().map(records).collect::<Result<Vec<_>>>()?;
    let shortest = all.iter().map(Vec::len).min().context("no exports")?;
    ensure!(shortest > WRITES, "only {shortest} records");
    ensure!(all.iter().all(|records| records[..shortest] == all[0][..shortest]), "the members' records differ");
    Ok(())
}

/// One byte of one record changed, wherever it stands; also one of the genesis, of a head, and of the last frame.
fn flipped(desk: &Auditor<'_>, whole: &[u8], rng: &mut StdRng) {
    let frames = record_frames(whole).unwrap();
    for _ in 0..FLIPS {
        let frame = &frames[rng.random_range(0..frames.len())];
        let index = record(whole, frame).unwrap().at.index;
        // The first byte says that it is a record: what it is instead is another matter.
        let at = rng.random_range(frame.range.start + 1..frame.range.end);
        let mut changed = whole.to_vec();
        changed[at] ^= rng.random_range(1..=255u8);
        desk.names(&changed, index, &format!("byte {at} of record {index} at {:?}", frame.range));
        // And so that the file as a whole looks well: its last frame fits again.
        if let Ok(parts) = Parts::of(&changed) {
            desk.names(&parts.assemble(), index, &format!("byte {at} of record {index}, with a last frame that fits"));
        }
    }
    for frame in verbund_kit::audit::frames(whole).unwrap().iter().filter(|frame| frame.kind != RECORD) {
        if frame.kind == HEAD && rng.random_bool(0.8) {
            continue;
        }
        let at = rng.random_range(frame.range.clone());
        let mut changed = whole.to_vec();
        changed[at] ^= 1 << rng.random_range(0..8u8);
        desk.refuses(
            &changed,
            &[],
            &format!("byte {at} of the frame {:?} of kind {}", frame.range, char::from(frame.kind)),
        );
    }
}

/// A record dropped: as it is, and with all that follows carried out, numbered and hashed anew.
fn dropped(desk: &Auditor<'_>, whole: &[u8], rng: &mut StdRng) {
    let parts = Parts::of(whole).unwrap();
    let records = parts.records().unwrap();
    let at = somewhere(&records, rng);
    let index = records[at].at.index;
    let mut gap = parts.clone();
    let mut seen = 0;
    gap.0.retain(|part| {
        seen += u64::from(part.kind == RECORD);
        !(part.kind == RECORD && seen == at as u64 + 1)
    });
    desk.names(&gap.assemble(), index, "a record dropped");

    let heads = parts.heads().unwrap();
    let of_index = |head: &Head| Ok(heads.iter().filter(|signed| signed.head.index == head.index).cloned().collect());
    let forged = parts.without(index, of_index).unwrap();
    assert!(forged.records().unwrap().len() > at, "the forgery reaches behind the dropped record");
    let said = desk.refuses(&forged.assemble(), &[], "a record dropped and the rest rehashed");
    let (from, to) = range(&said, "is one of ");
    assert!((from..=to).contains(&index), "record {index} was dropped: {said}");
    assert!(said.contains(&format!("First bad record: {from}.")), "{said}");
    assert!(to - from < 2 * CHECKPOINT, "the range is no wider than two checkpoints: {said}");
}

/// The tail cut: within a frame, behind a record, and exactly at a checkpoint.
fn cut(desk: &Auditor<'_>, whole: &[u8], rng: &mut StdRng) {
    let frames = record_frames(whole).unwrap();
    let frame = &frames[rng.random_range(frames.len() / 2..frames.len())];
    let index = record(whole, frame).unwrap().at.index;
    let at = rng.random_range(frame.range.start + 1..frame.range.end);
    desk.names(&whole[..at], index, "cut within a record");

    let parts = Parts::of(whole).unwrap();
    let groups: Vec<usize> =
        (1..parts.0.len()).filter(|at| parts.0[*at].kind != HEAD && parts.0[at - 1].kind == HEAD).collect();
    let (first, rest) = (groups[0], &groups[1..]);
    assert!(!rest.is_empty(), "there are several checkpoints");
    let last_of = |parts: &Parts| parts.records().unwrap().last().unwrap().at.index;
    let at_checkpoint = Parts(parts.0[..first].to_vec());
    let checkpoint = last_of(&at_checkpoint);
    // Not so far behind that the next checkpoint is reached, which may follow at once after a quiet moment.
    let next = (first..parts.0.len()).find(|at| parts.0[*at].kind == HEAD).expect("there are several checkpoints");
    let behind = Parts(parts.0[..rng.random_range(first + 1..=next)].to_vec());
    desk.names(&behind.assemble(), checkpoint + 1, "cut behind a record");

    // An older export is true; who knows that there must be more says so.
    desk.accepts(&at_checkpoint.assemble(), &[]);
    let more = (checkpoint + 1).to_string();
    let said = desk.refuses(&at_checkpoint.assemble(), &["--at-least", &more], "cut at a checkpoint");
    assert!(said.contains(&checkpoint.to_string()) && said.contains(&more), "{said}");
    assert_eq!(parts.0.last().map(|part| part.kind), Some(END));
}

/// The whole chain rewritten by one site, which signs all heads of it.
fn rewritten(desk: &Auditor<'_>, whole: &[u8], rng: &mut StdRng) {
    let parts = Parts::of(whole).unwrap();
    let records = parts.records().unwrap();
    let index = records[somewhere(&records, rng)].at.index;
    let signer = site_keys(&desk.federation.sites[0]).unwrap().node_key();
    let node = NodeId::mint(0, 1);
    let heads: Vec<u64> = parts.heads().unwrap().iter().map(|signed| signed.head.index).collect();
    let sign = |head: &Head| {
        let message = SignedHead::message(&desk.federation.id, 0, head, node);
        let signature = signer.sign(&message)?;
        let signed = SignedHead { federation: desk.federation.id, generation: 0, head: *head, node, signature };
        Ok(if heads.contains(&head.index) { vec![signed] } else { Vec::new() })
    };
    let forged = parts.without(index, sign).unwrap();
    let said = desk.refuses(&forged.assemble(), &[], "rewritten by one site");
    let (from, to) = range(&said, "the records ");
    assert!((from..=to).contains(&index), "record {index} was dropped: {said}");
    assert!(said.contains("First bad record: "), "{said}");
}

/// Position of a record behind which there is another checkpoint.
fn somewhere(records: &[AuditRecord], rng: &mut StdRng) -> usize {
    let checkpoint = CHECKPOINT as usize;
    rng.random_range(checkpoint / 2..records.len() - checkpoint - 1)
}

/// The two numbers behind `lead`, as in "12 to 34".
fn range(said: &str, lead: &str) -> (u64, u64) {
    let rest = said.split_once(lead).unwrap_or_else(|| panic!("no {lead:?} in {said}")).1;
    let mut numbers =
        rest.split(|c: char| !c.is_ascii_digit()).filter(|text| !text.is_empty()).map(|n| n.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}
