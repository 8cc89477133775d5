//! What must wake somebody, and what stops a node until an operator has looked.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use verbund_identity::{Head, SignedHead};
use verbund_model::NodeId;
use verbund_model::resource::Millis;

/// Alarms kept; the oldest are forgotten first, but those on disk never.
const KEPT: usize = 256;

/// An alarm. Those with proof carry it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "alarm")]
pub enum Alarm {
    /// A leader let an entry into the log that no registered author signed. Apply refused it.
    #[error("{what}")]
    UnauthorisedEntry {
        /// The entry's index.
        index: u64,
        /// The leader that appended it.
        leader: NodeId,
        /// The machine's words.
        what: String,
    },
    /// A node brought a cause that no honest node brings. Apply refused it.
    #[error("{what}")]
    FalseCause {
        /// The entry's index.
        index: u64,
        /// The leader that appended it.
        leader: NodeId,
        /// The node that signed it.
        author: NodeId,
        /// The machine's words.
        what: String,
    },
    /// The coordinators issued two directives with one number. Both hold, and both were carried out.
    #[error("{what}")]
    ForkedDirectives {
        /// The index of the entry that brought the second.
        index: u64,
        /// The number.
        number: u64,
        /// The machine's words.
        what: String,
    },
    /// A leader proposed members that nobody decided. The append was refused.
    #[error("node {leader} proposed a membership at index {index} that the state does not give: {why}")]
    ForgedMembership {
        /// The leader.
        leader: NodeId,
        /// The entry's index.
        index: u64,
        /// What was found and wanted.
        why: String,
    },
    /// A clock is far ahead: entries with its stamps are refused, and a leader with it resigns.
    #[error("the clock of node {node} is {ahead} ms ahead of node {seen_by}'s: check its time source")]
    ClockAhead {
        /// Whose clock.
        node: NodeId,
        /// By how many milliseconds.
        ahead: Millis,
        /// Against whose clock.
        seen_by: NodeId,
    },
    /// Two voters have different histories. Writes stop here until an operator clears it.
    #[error("nodes {one} and {other} have different histories at index {index}: the federation has forked, writes stop", one = .one.node, other = .other.node)]
    Fork {
        /// The index at which they differ.
        index: u64,
        /// One voter's signed head.
        one: Box<SignedHead>,
        /// The other's.
        other: Box<SignedHead>,
    },
    /// This node, which does not vote, has another history than the voters. It halts alone.
    #[error("this node's history at index {} differs from that of a majority of voters ({}): it halts", own.index, list(voters))]
    Diverged {
        /// What this node has.
        own: Head,
        /// The voters that differ.
        voters: Vec<NodeId>,
    },
    /// A node that does not vote has another history than this one.
    #[error("node {node}, which does not vote, has another history than this node at index {index}")]
    LearnerDiffers {
        /// The node.
        node: NodeId,
        /// The index.
        index: u64,
    },
    /// One node signed two different heads for one index: proof of its guilt.
    #[error("node {node} signed two different heads for index {index}: it lies, or its key is in other hands; exclude it", node = .one.node, index = .one.head.index)]
    Equivocation {
        /// One head.
        one: Box<SignedHead>,
        /// The other.
        other: Box<SignedHead>,
    },
    /// A head whose signature is not its node's.
    #[error("node {from} passed on a head in the name of node {node} that {node} did not sign")]
    ForgedHead {
        /// Who brought it.
        from: NodeId,
        /// In whose name.
        node: NodeId,
    },
    /// The federation switched formats on that this build does not know. It halts before that entry, and goes on from it
    /// when it is updated.
    #[error(
        "entry {index} switched on format {format} in this federation, and this daemon knows format {known}: update it, and start it again"
    )]
    UnknownFormat {
        /// The entry's index. Neither it nor any later one was applied.
        index: u64,
        /// The format that was switched on.
        format: u32,
        /// The latest format that this build knows.
        known: u32,
    },
    /// The disk is nearly full: writes are refused.
    #[error("the disk of this node is nearly full ({free} bytes free): writes are refused")]
    LowDisk {
        /// Free bytes.
        free: u64,
    },
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Alarm {
    /// A name that stays, for metrics and tests.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UnauthorisedEntry { .. } => "unauthorised-entry",
            Self::FalseCause { .. } => "false-cause",
            Self::ForkedDirectives { .. } => "forked-directives",
            Self::ForgedMembership { .. } => "forged-membership",
            Self::ClockAhead { .. } => "clock-ahead",
            Self::Fork { .. } => "fork",
            Self::Diverged { .. } => "diverged",
            Self::LearnerDiffers { .. } => "learner-differs",
            Self::Equivocation { .. } => "equivocation",
            Self::ForgedHead { .. } => "forged-head",
            Self::UnknownFormat { .. } => "unknown-format",
            Self::LowDisk { .. } => "low-disk",
        }
    }

    const fn is_kept_on_disk(&self) -> bool {
        matches!(self, Self::Fork { .. } | Self::Diverged { .. } | Self::Equivocation { .. })
    }

    /// Whether both speak of one trouble, so that it is raised once.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::ClockAhead { node: a, .. }, Self::ClockAhead { node: b, .. })
            | (Self::LearnerDiffers { node: a, .. }, Self::LearnerDiffers { node: b, .. })
            | (Self::ForgedHead { from: a, .. }, Self::ForgedHead { from: b, .. }) => a == b,
            (Self::LowDisk { .. }, Self::LowDisk { .. }) | (Self::Diverged { .. }, Self::Diverged { .. }) => true,
            (Self::Equivocation { one: a, .. }, Self::Equivocation { one: b, .. }) => a.node == b.node,
            (Self::Fork { one: a, other: b, .. }, Self::Fork { one: c, other: d, .. }) => {
                (a.node, b.node) == (c.node, d.node) || (a.node, b.node) == (d.node, c.node)
            }
            (
                Self::ForgedMembership { leader: a, index: i, .. },
                Self::ForgedMembership { leader: b, index: j, .. },
            ) => (a, i) == (b, j),
            _ => self == other,
        }
    }
}

/// An alarm with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RaisedAlarm {
    /// What.
    #[serde(flatten)]
    pub alarm: Alarm,
    /// When it was first raised here, by this node's clock.
    pub since: Millis,
    /// How often it was seen since.
    pub times: u64,
}

/// Why an alarm could not be cleared.
#[derive(Debug, thiserror::Error)]
#[error("the alarms in {path} could not be changed: {source}", path = .path.display())]
pub struct ClearError {
    /// The directory.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

/// The alarms of a node. Forks, divergence and equivocation lie as files in a directory, and hold across restarts.
#[derive(Debug)]
pub(crate) struct Alarms {
    dir: PathBuf,
    raised: Mutex<VecDeque<RaisedAlarm>>,
    writes_stopped: AtomicBool,
    halted: AtomicBool,
}

impl Alarms {
    /// Opens the directory (created if missing) and takes up what an earlier run left. Errors: the system's, and a file
    /// that cannot be read, because it may be the one that says "stop".
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let mut raised = VecDeque::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                raised.push_back(serde_json::from_slice::<RaisedAlarm>(&fs::read(path)?)?);
            }
        }
        let alarms = Self {
            dir: dir.to_path_buf(),
            raised: Mutex::default(),
            writes_stopped: AtomicBool::new(false),
            halted: AtomicBool::new(false),
        };
        raised.iter().for_each(|known| alarms.take_effect(&known.alarm));
        *alarms.raised.lock().unwrap_or_else(PoisonError::into_inner) = raised;
        Ok(alarms)
    }

    fn take_effect(&self, alarm: &Alarm) {
        match alarm {
            Alarm::Fork { .. } => self.writes_stopped.store(true, Ordering::SeqCst),
            Alarm::Diverged { .. } => self.halted.store(true, Ordering::SeqCst),
            _ => {}
        }
    }

    /// Raises an alarm; a known one is only counted. `true` if it is new.
    pub(crate) fn raise(&self, alarm: Alarm, now: Millis) -> bool {
        // Before anything else, and whatever the disk says.
        self.take_effect(&alarm);
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = raised.iter_mut().find(|known| known.alarm.is_same(&alarm)) {
            known.times += 1;
            return false;
        }
        tracing::error!(alarm = alarm.name(), "{alarm}");
        let known = RaisedAlarm { alarm, since: now, times: 1 };
        if known.alarm.is_kept_on_disk()
            && let Err(error) = self.keep(&known, raised.len())
        {
            tracing::error!(%error, dir = %self.dir.display(), "the alarm could not be written; it holds until a restart");
        }
        raised.push_back(known);
        if raised.len() > KEPT
            && let Some(at) = raised.iter().position(|known| !known.alarm.is_kept_on_disk())
        {
            raised.remove(at);
        }
        true
    }

    fn keep(&self, known: &RaisedAlarm, number: usize) -> io::Result<()> {
        let name = format!("{}-{}-{number}", known.alarm.name(), known.since);
        let part = self.dir.join(format!("{name}.part"));
        let mut file = fs::File::create(&part)?;
        io::Write::write_all(&mut file, &serde_json::to_vec_pretty(known)?)?;
        file.sync_all()?;
        fs::rename(part, self.dir.join(format!("{name}.json")))?;
        fs::File::open(&self.dir)?.sync_all()
    }

    pub(crate) fn all(&self) -> Vec<RaisedAlarm> {
        self.raised.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Whether a fork was seen, so that nothing is written.
    pub(crate) fn writes_stopped(&self) -> bool {
        self.writes_stopped.load(Ordering::SeqCst)
    }

    /// Whether this node must not take part.
    pub(crate) fn halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    /// Forgets everything, after an operator has looked: the files get another ending, as evidence.
    pub(crate) fn clear(&self) -> Result<(), ClearError> {
        let fail = |source| ClearError { path: self.dir.clone(), source };
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in fs::read_dir(&self.dir).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                fs::rename(&path, path.with_extension("cleared")).map_err(fail)?;
            }
        }
        fs::File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(fail)?;
        raised.clear();
        self.writes_stopped.store(false, Ordering::SeqCst);
        self.halted.store(false, Ordering::SeqCst);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_model::{FederationId, Hash};

    fn head(node: u64, byte: u8) -> Box<SignedHead> {
        Box::new(SignedHead {
            federation: FederationId(Hash([1; 32])),
            generation: 0,
            head: Head { index: 5, chain: Hash([byte; 32]), state: Hash([0; 32]) },
            node: NodeId(node),
            signature: vec![1],
        })
    }

    #[test]
    fn a_fork_holds_across_a_restart_until_it_is_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let fork = Alarm::Fork { index: 5, one: head(1, 1), other: head(2, 2) };
        let alarms = Alarms::open(dir.path()).unwrap();
        assert!(!alarms.writes_stopped());
        assert!(alarms.raise(fork.clone(), 10));
        assert!(!alarms.raise(Alarm::Fork { index: 9, one: head(2, 2), other: head(1, 3) }, 11));
        assert!(alarms.writes_stopped() && !alarms.halted());
        drop(alarms);
        let again = Alarms::open(dir.path()).unwrap();
        assert!(again.writes_stopped());
        assert_eq!(again.all()[0].alarm, fork);
        again.clear().unwrap();
        assert!(!again.writes_stopped());
        assert!(!Alarms::open(dir.path()).unwrap().writes_stopped());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the evidence stays");
    }

    #[test]
    fn an_unreadable_alarm_is_no_reason_to_go_on() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("fork-1-0.json"), b"{").unwrap();
        assert!(Alarms::open(dir.path()).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let alarms = Alarms::open(dir.path()).unwrap();
        alarms.raise(Alarm::Equivocation { one: head(1, 1), other: head(1, 2) }, 0);
        for index in 0..1000 {
            alarms.raise(Alarm::UnauthorisedEntry { index, leader: NodeId(1), what: String::new() }, index);
        }
        assert_eq!(alarms.all().len(), KEPT);
        assert_eq!(alarms.all()[0].alarm.name(), "equivocation");
    }
}
