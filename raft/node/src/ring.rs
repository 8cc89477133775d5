//! This node's own recent history: the head after each applied index.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use verbund_identity::Head;

/// Heads kept one for each index.
const RECENT: usize = 8192;
/// Heads kept of multiples of [`STEP`].
const MARKS: usize = 256;
/// Of these indexes heads are kept longer (formats 9).
pub(crate) const STEP: u64 = 256;

#[derive(Debug, Default)]
struct Heads {
    recent: VecDeque<Head>,
    marks: VecDeque<Head>,
}

/// The heads of recent indexes. Written by apply, read by who compares.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<Heads>);

impl Ring {
    /// Adds heads in the order of their indexes.
    pub(crate) fn extend(&self, heads: &[Head]) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for head in heads {
            // What is replayed is known already; after a snapshot the indexes jump.
            while ring.recent.back().is_some_and(|last| last.index >= head.index) {
                ring.recent.pop_back();
            }
            ring.recent.push_back(*head);
            if ring.recent.len() > RECENT {
                ring.recent.pop_front();
            }
            if head.index.is_multiple_of(STEP) {
                while ring.marks.back().is_some_and(|last| last.index >= head.index) {
                    ring.marks.pop_back();
                }
                ring.marks.push_back(*head);
                if ring.marks.len() > MARKS {
                    ring.marks.pop_front();
                }
            }
        }
    }

    /// The head after `index`, if it is still known.
    pub(crate) fn at(&self, index: u64) -> Option<Head> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let find =
            |heads: &VecDeque<Head>| heads.binary_search_by_key(&index, |head| head.index).ok().map(|at| heads[at]);
        find(&ring.recent).or_else(|| find(&ring.marks))
    }

    /// The newest head.
    pub(crate) fn newest(&self) -> Option<Head> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).recent.back().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verbund_model::Hash;

    fn head(index: u64, byte: u8) -> Head {
        Head { index, chain: Hash([byte; 32]), state: Hash([byte; 32]) }
    }

    #[test]
    fn keeps_the_recent_ones_and_the_marks() {
        let ring = Ring::default();
        for index in 0..20_000 {
            ring.extend(&[head(index, 1)]);
        }
        assert_eq!(ring.newest(), Some(head(19_999, 1)));
        assert_eq!(ring.at(19_999 - RECENT as u64 + 1), Some(head(19_999 - RECENT as u64 + 1, 1)));
        assert_eq!(ring.at(257), None);
        assert_eq!(ring.at(256), Some(head(256, 1)));
        assert_eq!(ring.at(20_000), None);
    }

    #[test]
    fn a_jump_leaves_a_gap_and_a_replay_replaces() {
        let ring = Ring::default();
        ring.extend(&[head(1, 1), head(2, 1), head(1000, 1)]);
        assert_eq!(ring.at(3), None);
        assert_eq!(ring.at(2), Some(head(2, 1)));
        ring.extend(&[head(2, 9)]);
        assert_eq!(ring.at(2), Some(head(2, 9)));
        assert_eq!(ring.at(1000), None);
    }
}
