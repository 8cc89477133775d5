//! What all runs showed, as a table.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Counted, Fault, Run};

/// All runs so far.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Them.
    pub runs: Vec<Run>,
}

impl Report {
    /// How many overlaps there were.
    #[must_use]
    pub fn overlaps(&self) -> usize {
        self.runs.iter().map(|run| run.overlaps.len()).sum()
    }

    /// How many runs of a fault say something.
    #[must_use]
    pub fn counted(&self, fault: Fault) -> usize {
        self.of(fault).filter(|run| run.counted == Counted::Yes).count()
    }

    /// The runs of bounded faults that took longer than `bound`.
    #[must_use]
    pub fn late(&self, bound: Duration) -> Vec<&Run> {
        let late = |run: &&Run| run.fault.is_bounded() && run.elsewhere.is_none_or(|elsewhere| elsewhere > bound);
        self.runs.iter().filter(late).collect()
    }

    /// For people. `bound`: lease + margin + 2 s.
    #[must_use]
    pub fn table(&self, bound: Duration) -> String {
        let mut text = format!(
            "{:<34} {:>5} {:>8} {:>9} {:>22} {:>22}\n",
            "fault", "runs", "counted", "overlaps", "old ended p50/max s", "elsewhere p50/max s"
        );
        for fault in Fault::ALL {
            let runs: Vec<&Run> = self.of(fault).collect();
            if runs.is_empty() {
                continue;
            }
            let overlaps: usize = runs.iter().map(|run| run.overlaps.len()).sum();
            let ended = spread(runs.iter().filter_map(|run| run.ended).collect());
            let elsewhere = spread(runs.iter().filter_map(|run| run.elsewhere).collect());
            let counted = self.counted(fault);
            let name = fault.to_string();
            // Writing into a text does not fail.
            let _ =
                writeln!(text, "{name:<34} {:>5} {counted:>8} {overlaps:>9} {ended:>22} {elsewhere:>22}", runs.len());
        }
        let _ = writeln!(
            text,
            "lease + margin + 2 s = {:.1} s, which holds where neither voters nor leader change; late: {}",
            bound.as_secs_f64(),
            self.late(bound).len()
        );
        text
    }

    fn of(&self, fault: Fault) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.fault == fault)
    }
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    match (times.get(times.len() / 2), times.last()) {
        (Some(middle), Some(most)) => format!("{:.1} / {:.1}", middle.as_secs_f64(), most.as_secs_f64()),
        _ => "-".to_owned(),
    }
}
