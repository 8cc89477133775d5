//! What a node counts, for metrics and the benchmark.

use std::sync::atomic::{AtomicU64, Ordering};

/// One number that only rises.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: Counter,)* }

        /// The node's counts since its start.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counts { $($(#[$doc])* pub $name: u64,)* }

        impl Counters {
            pub(crate) fn counts(&self) -> Counts {
                Counts { $($name: self.$name.get(),)* }
            }
        }

        impl Counts {
            /// Name and value of each, for a metrics page.
            #[must_use]
            pub fn named(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    /// Signatures that were asked for, by apply, at the edge and in advance.
    signatures_asked,
    /// Signatures that were computed; the others were remembered.
    signatures_checked,
    /// Entries applied.
    entries_applied,
    /// Bytes of commands applied.
    bytes_applied,
    /// Envelopes that apply refused.
    refused_by_apply,
    /// Envelopes that were refused before they reached the log.
    refused_at_edge,
    /// Envelopes appended by this node as leader.
    submitted,
    /// Batches in which they were appended.
    submit_batches,
    /// Envelopes sent on to the leader.
    forwarded,
    /// Linearizable reads.
    reads,
    /// Questions to the leader or a quorum that they took.
    read_rounds,
    /// Calls of peers that were refused by name, standing or message.
    calls_refused,
    /// Directives and receipts of peers that proved nothing.
    directives_refused,
    /// Appends that were refused for their content.
    appends_refused,
    /// Snapshots written.
    snapshots_written,
    /// Snapshots taken over from a leader.
    snapshots_installed,
    /// Heads of other nodes that were compared with our own history.
    heads_compared,
    /// Checkpoints stored.
    checkpoints,
}
