//! What served in simulated clusters, and when: read from their agents' logs, where each of them says it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use verbund_model::instant::rfc3339;

use crate::author::now;
use crate::cluster::Cluster;

/// What an agent writes when a workload begins to serve in its simulated cluster.
const SERVES: &str = "serves in the simulated cluster";
/// What it writes when one no longer does.
const ENDED: &str = "serves no more in the simulated cluster";
/// What the kit writes when it kills an agent, with which its simulated cluster ends.
const KILLED: &str = "killed, and the simulated cluster with it";

/// A time in which a workload served at a cluster. Times are RFC 3339 in UTC, which sort as text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Since when.
    pub from: String,
    /// Until when; none: it does.
    pub until: Option<String>,
    /// Where.
    pub cluster: String,
    /// Under which epoch.
    pub epoch: u64,
}

/// What served where, by workload, in order of time.
#[derive(Clone, Debug, Default)]
pub struct Serving(BTreeMap<String, Vec<Span>>);

impl Serving {
    /// What the agents of these clusters have said so far.
    pub fn read<'a>(clusters: impl IntoIterator<Item = &'a Cluster>) -> Result<Self> {
        let mut serving = Self::default();
        for cluster in clusters {
            let log = std::fs::read_to_string(cluster.log()).unwrap_or_default();
            serving.take(&cluster.name, &log)?;
        }
        serving.0.values_mut().for_each(|spans| spans.sort());
        Ok(serving)
    }

    fn take(&mut self, cluster: &str, log: &str) -> Result<()> {
        for line in log.lines() {
            let Some((time, said)) = line.split_once(' ') else { continue };
            if said.contains(KILLED) {
                self.0.values_mut().flatten().filter(|span| span.cluster == cluster).for_each(|span| end(span, time));
            } else if said.contains(ENDED) {
                let spans = self.0.entry(field(said, "workload")?.to_owned()).or_default();
                spans.iter_mut().filter(|span| span.cluster == cluster).for_each(|span| end(span, time));
            } else if said.contains(SERVES) {
                let (epoch, from) = (field(said, "epoch")?.parse()?, time.to_owned());
                let spans = self.0.entry(field(said, "workload")?.to_owned()).or_default();
                spans.iter_mut().filter(|span| span.cluster == cluster).for_each(|span| end(span, time));
                spans.push(Span { from, until: None, cluster: cluster.to_owned(), epoch });
            }
        }
        Ok(())
    }

    /// When and where a workload served, in order of time.
    #[must_use]
    pub fn of(&self, workload: &str) -> &[Span] {
        self.0.get(workload).map_or(&[], Vec::as_slice)
    }

    /// Where a workload serves now.
    pub fn now(&self, workload: &str) -> Vec<&str> {
        self.of(workload).iter().filter(|span| span.until.is_none()).map(|span| span.cluster.as_str()).collect()
    }

    /// That no two copies of a workload ever served at the same time, and that epochs rose (I5, I6). Errors: two that did.
    pub fn expect_one_at_a_time(&self, workload: &str) -> Result<()> {
        for (before, after) in self.of(workload).iter().zip(self.of(workload).iter().skip(1)) {
            let ended = before.until.as_ref().is_some_and(|until| *until <= after.from);
            ensure!(ended, "{workload} served twice at the same time: {before:?} and {after:?}");
            ensure!(before.epoch <= after.epoch, "an older epoch of {workload} came back: {before:?}, then {after:?}");
        }
        Ok(())
    }
}

fn end(span: &mut Span, time: &str) {
    span.until.get_or_insert_with(|| time.to_owned());
}

fn field<'a>(said: &'a str, name: &str) -> Result<&'a str> {
    let words = said.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    words.with_context(|| format!("no {name} in {said:?}"))
}

/// Writes into an agent's log that it was killed just now.
pub(crate) fn note_killed(log: &Path) -> Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().append(true).open(log).context("opening the agent's log")?;
    // It may have been killed within a line.
    writeln!(file, "\n{} {KILLED}", rfc3339(now()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(second: u32, said: &str, workload: &str, epoch: u64) -> String {
        format!(
            "2026-11-28T10:00:{second:02}.000001Z  INFO verbund::cmd::agent: {said} workload={workload} epoch={epoch}\n"
        )
    }

    fn serving(first: &str, second: &str) -> Serving {
        let mut serving = Serving::default();
        serving.take("a", first).unwrap();
        serving.take("b", second).unwrap();
        serving.0.values_mut().for_each(|spans| spans.sort());
        serving
    }

    /// The positive control of every test that ends with "never two".
    #[test]
    fn two_at_the_same_time_are_found() {
        let first = line(1, SERVES, "w", 1) + &line(9, ENDED, "w", 1);
        let good = serving(&first, &line(10, SERVES, "w", 2));
        good.expect_one_at_a_time("w").unwrap();
        assert_eq!(good.now("w"), ["b"]);
        assert!(serving(&first, &line(8, SERVES, "w", 2)).expect_one_at_a_time("w").is_err(), "they overlap");
        let endless = line(1, SERVES, "w", 1);
        assert!(serving(&endless, &line(8, SERVES, "w", 2)).expect_one_at_a_time("w").is_err(), "it never ended");
        assert!(serving(&first, &line(10, SERVES, "w", 0)).expect_one_at_a_time("w").is_err(), "an older epoch");
    }

    #[test]
    fn what_is_killed_serves_no_more() {
        let log =
            line(1, SERVES, "w", 1) + &line(1, SERVES, "v", 1) + &format!("\n2026-11-28T10:00:05.000Z {KILLED}\n");
        let serving = serving(&(log + &line(7, SERVES, "v", 1)), "");
        assert!(serving.now("w").is_empty());
        assert_eq!(serving.now("v"), ["a"]);
        assert_eq!(serving.of("v").len(), 2);
    }
}
