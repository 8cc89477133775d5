//! What was seen of logs that are followed: each line is shown once, though the copies are asked again and again.

use std::collections::{BTreeMap, BTreeSet};

use verbund_agent_core::LogLine;
use verbund_model::ClusterName;
use verbund_model::resource::Millis;

/// How far the clocks of a cluster's nodes may differ: a line may come so much later than one that is newer.
const SKEW: Millis = 5_000;

/// How far a container's log was seen.
#[derive(Default)]
struct Seen {
    /// The time of the last line.
    last: Millis,
    /// How many lines of that time were seen.
    at_last: usize,
    /// The last line without a time.
    timeless: Option<String>,
}

/// The copies that are followed, and what was seen of each.
pub struct Tail {
    begin: Option<Millis>,
    /// The newest line of each cluster.
    newest: BTreeMap<ClusterName, Option<Millis>>,
    silent: BTreeSet<ClusterName>,
    seen: BTreeMap<(ClusterName, String, String), Seen>,
}

impl Tail {
    /// Nothing was seen yet; lines count from `begin` on.
    pub const fn new(begin: Option<Millis>) -> Self {
        Self { begin, newest: BTreeMap::new(), silent: BTreeSet::new(), seen: BTreeMap::new() }
    }

    /// Copies that are there now.
    pub fn know(&mut self, clusters: impl Iterator<Item = ClusterName>) {
        for cluster in clusters {
            self.newest.entry(cluster).or_default();
        }
    }

    /// A copy that is there no more.
    pub fn forget(&mut self, cluster: &ClusterName) {
        self.newest.remove(cluster);
        self.silent.remove(cluster);
        self.seen.retain(|(of, ..), _| of != cluster);
    }

    /// The copies, and from when on each is to be asked.
    pub fn wanted(&self) -> Vec<(ClusterName, Option<Millis>)> {
        let since = |newest: &Option<Millis>| newest.map(|newest| newest.saturating_sub(SKEW)).max(self.begin);
        self.newest.iter().map(|(cluster, newest)| (cluster.clone(), since(newest))).collect()
    }

    /// Whether it is new that the copy does not answer (`silent`).
    pub fn is_news(&mut self, cluster: &ClusterName, silent: bool) -> bool {
        if silent {
            return self.silent.insert(cluster.clone());
        }
        self.silent.remove(cluster);
        false
    }

    /// Those of the lines that were not seen before, in their order.
    pub fn fresh(&mut self, cluster: &ClusterName, lines: Vec<LogLine>) -> Vec<LogLine> {
        let newest = self.newest.entry(cluster.clone()).or_default();
        *newest = lines.iter().filter_map(|line| line.time).max().max(*newest);
        // How many lines of the last time came again, of each container.
        let mut again: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut fresh = Vec::new();
        for line in lines {
            let stream = (line.pod.clone(), line.container.clone());
            let seen = self.seen.entry((cluster.clone(), stream.0.clone(), stream.1.clone())).or_default();
            let is_new = match line.time {
                None => seen.timeless.as_ref() != Some(&line.text),
                Some(time) if time == seen.last => {
                    let count = again.entry(stream.clone()).or_default();
                    *count += 1;
                    *count > seen.at_last
                }
                Some(time) => time > seen.last,
            };
            if !is_new {
                continue;
            }
            match line.time {
                None => seen.timeless = Some(line.text.clone()),
                Some(time) if time == seen.last => seen.at_last += 1,
                Some(time) => {
                    (seen.last, seen.at_last) = (time, 1);
                    again.insert(stream, 1);
                }
            }
            fresh.push(line);
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pod: &str, time: Option<Millis>, text: &str) -> LogLine {
        LogLine { pod: pod.to_owned(), container: "main".to_owned(), time, text: text.to_owned() }
    }

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn each_line_is_shown_once() {
        let (mut tail, nord) = (Tail::new(None), "nord-1".parse().unwrap());
        let first =
            vec![line("a", Some(10), "1"), line("a", Some(20), "2"), line("a", Some(20), "2"), line("b", Some(5), "x")];
        assert_eq!(texts(&tail.fresh(&nord, first.clone())), ["1", "2", "2", "x"]);
        assert!(tail.fresh(&nord, first.clone()).is_empty(), "the same again");
        // One more of the same time and text, and a later one of a container whose clock is behind.
        let mut more = first;
        more.insert(3, line("a", Some(20), "2"));
        more.extend([line("b", Some(6), "y"), line("a", Some(21), "3")]);
        assert_eq!(texts(&tail.fresh(&nord, more.clone())), ["2", "y", "3"]);
        assert!(tail.fresh(&nord, more).is_empty());
        // Two of a new time in one answer, then both again with a third.
        let two = vec![line("a", Some(30), "p"), line("a", Some(30), "q")];
        assert_eq!(texts(&tail.fresh(&nord, two.clone())), ["p", "q"]);
        let three = [two, vec![line("a", Some(30), "r")]].concat();
        assert_eq!(texts(&tail.fresh(&nord, three)), ["r"]);
        // The same pod at another cluster is another one.
        let sued = "sued-1".parse().unwrap();
        assert_eq!(texts(&tail.fresh(&sued, vec![line("a", Some(10), "1")])), ["1"]);
    }

    #[test]
    fn lines_without_a_time_are_shown_when_they_change() {
        let (mut tail, nord) = (Tail::new(None), "nord-1".parse().unwrap());
        let lost = vec![line("a", None, "unable to retrieve")];
        assert_eq!(tail.fresh(&nord, lost.clone()).len(), 1);
        assert!(tail.fresh(&nord, lost).is_empty());
        assert_eq!(tail.fresh(&nord, vec![line("a", None, "other")]).len(), 1);
    }

    #[test]
    fn each_copy_is_asked_from_its_own_last_line() {
        let mut tail = Tail::new(Some(1_000));
        let (nord, sued): (ClusterName, ClusterName) = ("nord-1".parse().unwrap(), "sued-1".parse().unwrap());
        tail.fresh(&nord, vec![line("a", Some(90_000), "1")]);
        tail.know([nord.clone(), sued.clone()].into_iter());
        assert_eq!(tail.wanted(), [(nord.clone(), Some(85_000)), (sued.clone(), Some(1_000))]);
        tail.fresh(&sued, vec![line("a", Some(3_000), "1")]);
        assert_eq!(tail.wanted()[1].1, Some(1_000), "not before what was asked for");
        tail.forget(&nord);
        assert_eq!(tail.wanted().len(), 1);
        assert_eq!(
            tail.fresh(&nord, vec![line("a", Some(90_000), "1")]).len(),
            1,
            "a copy that came back is a new one"
        );
    }

    #[test]
    fn silence_is_told_once() {
        let (mut tail, nord) = (Tail::new(None), "nord-1".parse().unwrap());
        assert!(!tail.is_news(&nord, false));
        assert!(tail.is_news(&nord, true) && !tail.is_news(&nord, true));
        assert!(!tail.is_news(&nord, false) && tail.is_news(&nord, true));
    }
}
