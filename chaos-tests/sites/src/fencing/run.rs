//! One run: an exclusive workload, a fault, and what the sink saw.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use verbund_kit::until_async;
use verbund_testbed::PATIENCE;

use super::Fault;
use crate::Federation;
use crate::interval::{Overlap, Writing, overlaps};

/// The old writer must have written this shortly before it ended, or nothing was shown.
const FRESH: Duration = Duration::from_millis(500);
/// How long is looked on after the workload serves elsewhere, while the fault lasts.
const LOOK_ON: Duration = Duration::from_secs(1);

/// Whether a run says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It does.
    Yes,
    /// It does not, and why.
    No(String),
}

/// What came of one run. Times count from the fault.
#[derive(Clone, Debug)]
pub struct Run {
    /// What happened.
    pub fault: Fault,
    /// Where the workload was.
    pub from: String,
    /// After how long it wrote elsewhere; `None`: it stayed.
    pub elsewhere: Option<Duration>,
    /// After how long its old container had ended; `None`: it never did.
    pub ended: Option<Duration>,
    /// Copies that wrote at the same time.
    pub overlaps: Vec<Overlap>,
    /// Whether it says something.
    pub counted: Counted,
}

/// Hurts the site where `workload` runs, waits until it serves elsewhere (or again), and mends everything. Errors: something
/// that should happen did not within generous time.
pub async fn run(federation: &mut Federation, workload: &str, fault: Fault, random: &mut StdRng) -> Result<Run> {
    let victim = federation.settled(workload).await.context("before the run")?;
    let other = federation.fallback_of(victim)?;
    let terms = federation.timings()?;
    let (from, to) = (federation.cluster_name(victim)?, federation.cluster_name(other)?);
    let old = federation.writing(workload).pop().context("the workload writes")?;
    let begin = federation.sink.now();
    fault.strike(federation, victim, random)?;
    let insisting = fault.meanwhile(federation, (victim, other), workload, terms, random).await?;
    let elsewhere = if fault.moves() {
        Some(federation.first_write(workload, &to, begin).await.with_context(|| format!("after {fault}"))?)
    } else {
        moved_or_stayed(federation, workload, &to, begin).await?
    };
    tokio::time::sleep(LOOK_ON).await;
    if let Some(insisting) = insisting {
        insisting.abort();
    }
    fault.mend(federation, victim).await?;
    federation.settled(workload).await.with_context(|| format!("after {fault} was mended"))?;
    let (now, all) = (federation.sink.now(), federation.sink.of(workload));
    let since: Vec<Writing> = all.into_iter().filter(|writing| writing.until(now) >= begin).collect();
    let old = since.iter().find(|writing| writing.pod == old.pod && writing.first == old.first);
    let old = old.context("the sink forgets nothing")?.clone();
    let after = |at: Duration| at.saturating_sub(begin);
    Ok(Run {
        fault,
        from,
        elsewhere: elsewhere.map(after),
        ended: old.ended.map(after),
        overlaps: overlaps(&since, now),
        counted: counted(&old, elsewhere),
    })
}

/// A run counts if the workload moved and its old writer was seen to write to its end.
fn counted(old: &Writing, elsewhere: Option<Duration>) -> Counted {
    match old.ended {
        _ if elsewhere.is_none() => Counted::No("it stayed where it was".to_owned()),
        Some(ended) if ended.saturating_sub(old.last) > FRESH => {
            Counted::No(format!("the old writer was silent for {:?} before its end", ended.saturating_sub(old.last)))
        }
        _ => Counted::Yes,
    }
}

/// The first write elsewhere, or that the workload has settled where it was.
async fn moved_or_stayed(
    federation: &Federation,
    workload: &str,
    to: &str,
    begin: Duration,
) -> Result<Option<Duration>> {
    let look = || async {
        let all = federation.sink.of(workload);
        let first = all.iter().filter(|writing| writing.cluster == to && writing.first >= begin);
        if let Some(first) = first.map(|writing| writing.first).min() {
            return Ok(Some(first));
        }
        let placed = federation.placed(workload)?;
        ensure!(placed.is_settled() && placed.serving() != Some(to), "neither here nor there: {placed:?}");
        ensure!(!federation.writing(workload).is_empty(), "nobody writes");
        Ok(None)
    };
    Ok(until_async("the workload elsewhere, or at rest", PATIENCE, look).await?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn old(last: u64, ended: Option<u64>) -> Writing {
        Writing {
            workload: "register".to_owned(),
            epoch: 1,
            cluster: "nord-1".to_owned(),
            pod: "pod".to_owned(),
            first: Duration::ZERO,
            last: Duration::from_millis(last),
            ended: ended.map(Duration::from_millis),
            writes: 9,
        }
    }

    #[test]
    fn only_a_writer_that_wrote_to_its_end_counts() {
        let elsewhere = Some(Duration::from_secs(12));
        assert_eq!(counted(&old(9_800, Some(10_000)), elsewhere), Counted::Yes);
        assert!(matches!(counted(&old(9_000, Some(10_000)), elsewhere), Counted::No(_)));
        assert!(matches!(counted(&old(9_800, Some(10_000)), None), Counted::No(_)));
        assert_eq!(counted(&old(9_800, None), elsewhere), Counted::Yes, "one that never ended shows the most");
    }
}
