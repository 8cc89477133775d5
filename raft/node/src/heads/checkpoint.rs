//! Checkpoints: heads of a majority of active sites for one index, stored beside the archive (formats 10).

use std::collections::BTreeSet;

use verbund_identity::SignedHead;
use verbund_machine::State;
use verbund_model::SiteName;

use super::Book;

impl Book {
    /// Stores a checkpoint if one is due and a majority of active sites vouches for it. Blocks on the disk.
    pub(super) fn make_checkpoint(&self) {
        for index in self.due() {
            let Some(heads) = self.gather(index) else { continue };
            // String keys only, and no failing serialiser.
            let bytes = serde_json::to_vec(&heads).unwrap_or_default();
            match self.shared.archive.put_checkpoint(index, &bytes) {
                Ok(()) => {
                    self.shared.counters.checkpoints.add(1);
                    let mut pages = self.pages();
                    pages.last_checkpoint = pages.last_checkpoint.max(Some(index));
                }
                Err(error) => tracing::error!(index, %error, "the checkpoint could not be stored"),
            }
        }
    }

    /// The indexes that want a checkpoint: the last multiples, and the last entry before a quiet while.
    fn due(&self) -> BTreeSet<u64> {
        let pages = self.pages();
        let (newest, since) = pages.newest;
        let quiet = (since.elapsed() >= self.settings.quiet).then_some(newest);
        let last = pages.last_checkpoint;
        self.multiples(newest).chain(quiet).filter(|index| *index > 0 && Some(*index) > last).collect()
    }

    /// The newest index not above `most` for which equal heads of a majority of active sites are known, and those heads:
    /// what an export of the audit trail can end with, between checkpoints.
    pub(crate) fn vouched(&self, most: u64) -> Option<(u64, Vec<SignedHead>)> {
        let indexes: Vec<u64> = self.pages().own.range(..=most).rev().map(|(index, _)| *index).collect();
        indexes.into_iter().find_map(|index| Some((index, self.gather(index)?)))
    }

    /// Equal heads for `index` from a majority of active sites, one for each site, this node's own first.
    fn gather(&self, index: u64) -> Option<Vec<SignedHead>> {
        let state = self.shared.published.state();
        let pages = self.pages();
        let own = pages.own.get(&index)?;
        let others = pages.seen.values().filter_map(|heads| heads.get(&index)).filter(|head| head.head == own.head);
        let mut sites = BTreeSet::new();
        let mut heads = Vec::new();
        for head in std::iter::once(own).chain(others) {
            let Some(site) = active_site(&state, head) else { continue };
            if sites.insert(site) {
                heads.push(head.clone());
            }
        }
        let active: BTreeSet<&SiteName> = state.active_nodes().map(|(_, site)| &site.value.name).collect();
        (sites.len() * 2 > active.len()).then_some(heads)
    }
}

/// The site for which an active node's head speaks.
fn active_site(state: &State, head: &SignedHead) -> Option<SiteName> {
    let mut nodes = state.active_nodes();
    nodes.find(|(node, _)| node.value.id == head.node).map(|(_, site)| site.value.name.clone())
}
