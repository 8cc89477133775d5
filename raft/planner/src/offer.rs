//! What clusters have in common, so that filters try it once for all of them.

use std::cmp::Ordering;
use std::sync::Arc;

use verbund_model::resource::Cluster;

/// All that the filters of a cluster's own properties look at. Two clusters with the same offer differ in their names, their
/// sites, their sizes and their prices only.
#[derive(Clone, Debug)]
pub(crate) struct Offer(Arc<Cluster>);

impl Offer {
    /// What a cluster offers.
    pub(crate) const fn of(cluster: Arc<Cluster>) -> Self {
        Self(cluster)
    }

    /// What counts: the short parts first, for they are compared often.
    fn parts(&self) -> impl Ord + '_ {
        let (cluster, spec) = (&*self.0, &self.0.spec);
        let seen = cluster
            .observation
            .as_ref()
            .map(|seen| (seen.ready, seen.kubernetes, &seen.storage_classes, &seen.ingress_classes, &seen.kinds));
        let place = (spec.zone, spec.schutzbedarf, spec.stage, spec.confidentiality, cluster.standing);
        (place, &spec.networks, &spec.labels, &spec.cluster_kinds, seen)
    }
}

impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.parts().cmp(&other.parts()) }
    }
}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Offer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Offer {}
