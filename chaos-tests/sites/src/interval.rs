//! Who wrote from when until when, and whether two wrote at the same time: a pure function.

use std::time::Duration;

/// One container's writing, from its first write to the moment at which its connection ended. Times count from the start of
/// the sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    /// The workload.
    pub workload: String,
    /// The epoch of its copy.
    pub epoch: u64,
    /// The cluster of its copy.
    pub cluster: String,
    /// The pod.
    pub pod: String,
    /// Its first write.
    pub first: Duration,
    /// Its last write.
    pub last: Duration,
    /// When its connection ended: then its process had, too. `None`: it writes.
    pub ended: Option<Duration>,
    /// How many writes.
    pub writes: u64,
}

impl Writing {
    /// Until when it may have had an effect: to the end of its connection, `now` if that goes on.
    #[must_use]
    pub fn until(&self, now: Duration) -> Duration {
        self.ended.unwrap_or(now).max(self.last)
    }

    /// The copy that it belongs to.
    #[must_use]
    pub fn copy(&self) -> (&str, u64) {
        (&self.cluster, self.epoch)
    }
}

/// Two copies of a workload that wrote at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The one that began first.
    pub old: Writing,
    /// The other.
    pub new: Writing,
    /// For how long.
    pub length: Duration,
}

/// Every pair of writings of one workload by different copies (cluster and epoch) whose times meet.
#[must_use]
pub fn overlaps(writings: &[Writing], now: Duration) -> Vec<Overlap> {
    let mut sorted: Vec<&Writing> = writings.iter().collect();
    sorted.sort_by_key(|writing| writing.first);
    let mut found = Vec::new();
    for (number, old) in sorted.iter().enumerate() {
        for new in &sorted[number + 1..] {
            if new.workload != old.workload || new.copy() == old.copy() {
                continue;
            }
            let until = old.until(now).min(new.until(now));
            if until > new.first {
                found.push(Overlap { old: (*old).clone(), new: (*new).clone(), length: until - new.first });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writing(cluster: &str, epoch: u64, first: u64, last: u64, ended: Option<u64>) -> Writing {
        Writing {
            workload: "register".to_owned(),
            epoch,
            cluster: cluster.to_owned(),
            pod: format!("{cluster}-{epoch}"),
            first: Duration::from_millis(first),
            last: Duration::from_millis(last),
            ended: ended.map(Duration::from_millis),
            writes: 1,
        }
    }

    const NOW: Duration = Duration::from_millis(10_000);

    #[test]
    fn one_after_the_other_is_no_overlap() {
        let writings = [writing("a", 1, 0, 900, Some(1000)), writing("b", 2, 1000, 5000, None)];
        assert!(overlaps(&writings, NOW).is_empty());
    }

    #[test]
    fn a_process_that_lives_on_overlaps_even_if_it_writes_no_more() {
        let writings = [writing("b", 2, 950, 5000, None), writing("a", 1, 0, 900, Some(1000))];
        let found = overlaps(&writings, NOW);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].old.cluster.as_str(), found[0].length), ("a", Duration::from_millis(50)));
    }

    #[test]
    fn what_never_ended_overlaps_until_now() {
        let found = overlaps(&[writing("a", 1, 0, 900, None), writing("b", 2, 4000, 4500, Some(6000))], NOW);
        assert_eq!(found[0].length, Duration::from_millis(2000));
    }

    #[test]
    fn the_same_place_with_another_epoch_is_another_copy() {
        assert_eq!(overlaps(&[writing("a", 1, 0, 900, None), writing("a", 2, 500, 900, None)], NOW).len(), 1);
    }

    #[test]
    fn pods_of_one_copy_and_other_workloads_may_write_together() {
        let other = Writing { workload: "other".to_owned(), ..writing("b", 2, 0, 900, None) };
        let same = [writing("a", 1, 0, 900, None), writing("a", 1, 100, 900, None), other];
        assert!(overlaps(&same, NOW).is_empty());
    }
}
