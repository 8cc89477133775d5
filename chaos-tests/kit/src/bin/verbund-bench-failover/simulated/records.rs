//! What the records say of each loss: every move is there, and rests on a verdict of a majority about that site.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use verbund_kit::Replay;
use verbund_kit::replay::Move;
use verbund_model::resource::{Finding, Millis};

use super::cluster::{Lost, SITES};
use crate::case::{Run, Took};

/// All records, carried out again.
pub struct Records(Replay);

impl Records {
    /// Reads an export that was verified.
    pub fn of(export: &[u8]) -> Result<Self> {
        Ok(Self(Replay::of(export).context("carrying the records out again")?))
    }

    /// Where the time of a loss went. Errors: it is void, because a move has no record or no proven cause.
    pub fn judge(&self, lost: &Lost) -> Run {
        self.times(lost).map_err(|error| format!("{error:#}"))
    }

    fn times(&self, lost: &Lost) -> Result<Took> {
        let mut times: Vec<Millis> = Vec::with_capacity(lost.now_at.len());
        for (workload, at) in &lost.now_at {
            times.push(self.moved(workload, at, &lost.site)?.time);
        }
        let since = |time: Option<&Millis>| Duration::from_millis(time.map_or(0, |time| time.saturating_sub(lost.at)));
        Ok(Took { verdict: since(times.iter().min()), planned: since(times.iter().max()), ready: lost.ready })
    }

    fn moved(&self, workload: &str, (cluster, epoch): &(String, u64), site: &str) -> Result<&Move> {
        let is = |moved: &&Move| moved.cluster.as_str() == cluster && moved.epoch == *epoch;
        let moved = self.0.moves_of(workload).find(is);
        let moved = moved.with_context(|| format!("no record says that {workload} went to {cluster}"))?;
        let finding = self.0.finding(moved, SITES)?;
        let proven = matches!(finding, Some(Finding::Unreachable { site: lost, .. }) if lost.as_str() == site);
        ensure!(proven, "{workload} moved because of {finding:?}, and not because {site} was lost");
        Ok(moved)
    }
}
