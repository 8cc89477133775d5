//! What planning needs of the state, indexed, kept step by step by whoever holds the state.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use verbund_model::resource::{
    Cluster, Consent, CopyRole, Evidence, EvidenceKind, EvidenceSubject, Exception, Lease, LicenceVeto, Millis,
    Organisation, PlacedCopy, Placement, Presence, SealedSecret, Site, SiteFacts, Standing, Workload,
};
use verbund_model::{ClusterName, EvidenceName, ExceptionName, OrgName, PublicKey, SecretName, SiteName, WorkloadName};

use crate::demand::{Demand, Group, group};
use crate::offer::Offer;
use crate::sum::Sum;

/// What planning needs of the state. Cloning is O(1); each change is O(log n), and O(copies) for placements. It is a function of
/// what was put and not removed, whatever the order.
///
/// Put what the state holds, whatever its standing: filters look at standings, presences and dates themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inventory {
    pub(crate) organisations: OrdMap<OrgName, Standing>,
    pub(crate) sites: OrdMap<SiteName, SiteEntry>,
    pub(crate) organisation_sites: OrdMap<OrgName, OrdSet<SiteName>>,
    pub(crate) facts: OrdMap<SiteName, SiteFacts>,
    pub(crate) absent: OrdSet<SiteName>,
    pub(crate) clusters: OrdMap<ClusterName, Arc<Cluster>>,
    /// The clusters of each group, by what they offer.
    pub(crate) groups: OrdMap<Group, OrdMap<Offer, OrdSet<ClusterName>>>,
    pub(crate) site_clusters: OrdMap<SiteName, OrdSet<ClusterName>>,
    pub(crate) leases: OrdMap<ClusterName, Lease>,
    evidence: OrdMap<EvidenceName, Evidence>,
    attested: OrdMap<(EvidenceSubject, EvidenceKind), OrdSet<(Millis, EvidenceName)>>,
    pub(crate) consents: OrdMap<WorkloadName, Consent>,
    exceptions: OrdMap<ExceptionName, Exception>,
    excepted: OrdMap<WorkloadName, OrdSet<ExceptionName>>,
    pub(crate) vetoes: OrdMap<WorkloadName, OrdMap<SiteName, LicenceVeto>>,
    /// The secrets of each workload, with the sites to which they are sealed, and for which key of theirs.
    pub(crate) secrets: OrdMap<WorkloadName, OrdMap<SecretName, Arc<Recipients>>>,
    pub(crate) demands: OrdMap<WorkloadName, Arc<Demand>>,
    pub(crate) placements: OrdMap<WorkloadName, Arc<Placement>>,
    pub(crate) reserved: OrdMap<ClusterName, Sum>,
    pub(crate) residents: OrdMap<ClusterName, OrdSet<WorkloadName>>,
    unsettled: OrdSet<WorkloadName>,
}

/// Who can open a secret: the sites, each with the key for which it was sealed.
pub(crate) type Recipients = BTreeMap<SiteName, PublicKey>;

/// What the planner keeps of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SiteEntry {
    pub(crate) organisation: OrgName,
    pub(crate) standing: Standing,
    /// For which secrets are sealed to it.
    pub(crate) sealing_key: PublicKey,
}

/// Adds `item` to the set at `key`.
fn enter<K: Ord + Clone, V: Ord + Clone>(map: &mut OrdMap<K, OrdSet<V>>, key: K, item: V) {
    map.entry(key).or_default().insert(item);
}

/// Removes `item` from the set at `key`, and the set when it is empty.
fn leave<K: Ord + Clone, V: Ord + Clone>(map: &mut OrdMap<K, OrdSet<V>>, key: &K, item: &V) {
    if let Some(set) = map.get_mut(key) {
        set.remove(item);
        if set.is_empty() {
            map.remove(key);
        }
    }
}

impl Inventory {
    /// Puts an organisation, new or changed.
    pub fn put_organisation(&mut self, organisation: &Organisation) {
        self.organisations.insert(organisation.name.clone(), organisation.standing);
    }

    /// Forgets an organisation.
    pub fn remove_organisation(&mut self, name: &OrgName) {
        self.organisations.remove(name);
    }

    /// Puts a site, new or changed.
    pub fn put_site(&mut self, site: &Site) {
        self.remove_site(&site.name);
        let entry = SiteEntry {
            organisation: site.organisation.clone(),
            standing: site.standing,
            sealing_key: site.sealing_key.clone(),
        };
        self.sites.insert(site.name.clone(), entry);
        enter(&mut self.organisation_sites, site.organisation.clone(), site.name.clone());
    }

    /// Forgets a site; its facts, its presence and its clusters have removals of their own.
    pub fn remove_site(&mut self, name: &SiteName) {
        if let Some(old) = self.sites.remove(name) {
            leave(&mut self.organisation_sites, &old.organisation, name);
        }
    }

    /// Puts the facts of a site.
    pub fn put_facts(&mut self, site: &SiteName, facts: &SiteFacts) {
        self.facts.insert(site.clone(), facts.clone());
    }

    /// Forgets the facts of a site.
    pub fn remove_facts(&mut self, site: &SiteName) {
        self.facts.remove(site);
    }

    /// Puts whether a site is there.
    pub fn put_presence(&mut self, presence: &Presence) {
        if presence.lost {
            self.absent.insert(presence.site.clone());
        } else {
            self.absent.remove(&presence.site);
        }
    }

    /// Forgets whether a site is there: it counts as there.
    pub fn remove_presence(&mut self, site: &SiteName) {
        self.absent.remove(site);
    }

    /// Puts a cluster, new or changed, with its last observation.
    pub fn put_cluster(&mut self, cluster: &Cluster) {
        self.remove_cluster(&cluster.name);
        let cluster = Arc::new(cluster.clone());
        let offers = self.groups.entry(group(&cluster.spec)).or_default();
        enter(offers, Offer::of(Arc::clone(&cluster)), cluster.name.clone());
        enter(&mut self.site_clusters, cluster.site.clone(), cluster.name.clone());
        self.clusters.insert(cluster.name.clone(), cluster);
    }

    /// Forgets a cluster; its lease and the copies on it have removals of their own.
    pub fn remove_cluster(&mut self, name: &ClusterName) {
        if let Some(old) = self.clusters.remove(name) {
            leave(&mut self.site_clusters, &old.site, name);
            let group = group(&old.spec);
            if let Some(offers) = self.groups.get_mut(&group) {
                leave(offers, &Offer::of(old), name);
                if offers.is_empty() {
                    self.groups.remove(&group);
                }
            }
        }
    }

    /// Puts the last generation of a cluster's lease. It stays when the cluster is removed: what proves that old copies are
    /// stopped is that it is closed.
    pub fn put_lease(&mut self, lease: &Lease) {
        self.leases.insert(lease.cluster.clone(), lease.clone());
    }

    /// Forgets a lease.
    pub fn remove_lease(&mut self, cluster: &ClusterName) {
        self.leases.remove(cluster);
    }

    /// Puts an evidence.
    pub fn put_evidence(&mut self, evidence: &Evidence) {
        self.remove_evidence(&evidence.name);
        let key = (evidence.subject.clone(), evidence.kind);
        enter(&mut self.attested, key, (evidence.valid_until, evidence.name.clone()));
        self.evidence.insert(evidence.name.clone(), evidence.clone());
    }

    /// Forgets an evidence.
    pub fn remove_evidence(&mut self, name: &EvidenceName) {
        if let Some(old) = self.evidence.remove(name) {
            leave(&mut self.attested, &(old.subject, old.kind), &(old.valid_until, old.name));
        }
    }

    /// Puts a customer's consent.
    pub fn put_consent(&mut self, consent: &Consent) {
        self.consents.insert(consent.workload.clone(), consent.clone());
    }

    /// Forgets the consent for a workload.
    pub fn remove_consent(&mut self, workload: &WorkloadName) {
        self.consents.remove(workload);
    }

    /// Puts an exception, approved or not: approvals and dates are looked at when it is used.
    pub fn put_exception(&mut self, exception: &Exception) {
        self.remove_exception(&exception.name);
        enter(&mut self.excepted, exception.workload.clone(), exception.name.clone());
        self.exceptions.insert(exception.name.clone(), exception.clone());
    }

    /// Forgets an exception.
    pub fn remove_exception(&mut self, name: &ExceptionName) {
        if let Some(old) = self.exceptions.remove(name) {
            leave(&mut self.excepted, &old.workload, name);
        }
    }

    /// Puts a licence veto.
    pub fn put_veto(&mut self, veto: &LicenceVeto) {
        self.vetoes.entry(veto.workload.clone()).or_default().insert(veto.site.clone(), veto.clone());
    }

    /// Forgets a licence veto.
    pub fn remove_veto(&mut self, site: &SiteName, workload: &WorkloadName) {
        if let Some(sites) = self.vetoes.get_mut(workload) {
            sites.remove(site);
            if sites.is_empty() {
                self.vetoes.remove(workload);
            }
        }
    }

    /// Puts a secret, new or changed; only who can open it counts.
    pub fn put_secret(&mut self, secret: &SealedSecret) {
        let recipients = secret.sealed.recipients.iter().map(|(site, to)| (site.clone(), to.key.clone())).collect();
        let all = self.secrets.entry(secret.workload.clone()).or_default();
        all.insert(secret.name.clone(), Arc::new(recipients));
    }

    /// Forgets a secret.
    pub fn remove_secret(&mut self, workload: &WorkloadName, name: &SecretName) {
        if let Some(all) = self.secrets.get_mut(workload) {
            all.remove(name);
            if all.is_empty() {
                self.secrets.remove(workload);
            }
        }
    }

    /// Puts a workload, new or changed. What its copies reserve follows its amounts.
    pub fn put_workload(&mut self, workload: &Workload) {
        let placement = self.placements.get(&workload.name).cloned();
        self.reserve(placement.as_deref(), false);
        self.demands.insert(workload.name.clone(), Arc::new(Demand::of(workload)));
        self.reserve(placement.as_deref(), true);
        self.settle(&workload.name);
    }

    /// Forgets a workload; its placement has a removal of its own.
    pub fn remove_workload(&mut self, name: &WorkloadName) {
        let placement = self.placements.get(name).cloned();
        self.reserve(placement.as_deref(), false);
        self.demands.remove(name);
        self.settle(name);
    }

    /// Puts where a workload runs. Its copies reserve its amounts at their clusters: active, standby and stopping ones.
    pub fn put_placement(&mut self, placement: &Placement) {
        self.put_shared_placement(Arc::new(placement.clone()));
    }

    pub(crate) fn put_shared_placement(&mut self, placement: Arc<Placement>) {
        let name = placement.workload.clone();
        let old = self.placements.insert(name.clone(), Arc::clone(&placement));
        let stayed = |copies: &[PlacedCopy], cluster: &ClusterName| copies.iter().any(|copy| copy.cluster == *cluster);
        let before = old.as_ref().map_or(&[][..], |old| &old.copies);
        for copy in before.iter().filter(|copy| !stayed(&placement.copies, &copy.cluster)) {
            self.occupy(&name, copy, false);
        }
        for copy in placement.copies.iter().filter(|copy| !stayed(before, &copy.cluster)) {
            self.occupy(&name, copy, true);
        }
        self.settle(&name);
    }

    /// Forgets where a workload ran.
    pub fn remove_placement(&mut self, workload: &WorkloadName) {
        if let Some(old) = self.placements.remove(workload) {
            for copy in &old.copies {
                self.occupy(workload, copy, false);
            }
        }
        self.settle(workload);
    }

    /// Where a workload runs.
    #[must_use]
    pub fn placement(&self, workload: &WorkloadName) -> Option<&Placement> {
        self.placements.get(workload).map(Arc::as_ref)
    }

    /// The last generation of a cluster's lease.
    #[must_use]
    pub fn lease(&self, cluster: &ClusterName) -> Option<&Lease> {
        self.leases.get(cluster)
    }

    /// The workloads that lack something, active copies or a standby: those for which a place that becomes fit matters.
    pub fn unsettled(&self) -> impl Iterator<Item = &WorkloadName> {
        self.unsettled.iter()
    }

    /// Whether a workload lacks nothing.
    #[must_use]
    pub fn is_settled(&self, workload: &WorkloadName) -> bool {
        !self.unsettled.contains(workload)
    }

    /// The workloads with a copy on a cluster.
    pub fn residents(&self, cluster: &ClusterName) -> impl Iterator<Item = &WorkloadName> {
        self.residents.get(cluster).into_iter().flatten()
    }

    /// Until when a kind of evidence holds for a cluster, at its site or of its own; none: there never was one.
    pub(crate) fn attested_until(&self, cluster: &Cluster, kind: EvidenceKind) -> Option<Millis> {
        let until = |subject| self.attested.get(&(subject, kind)).and_then(OrdSet::get_max).map(|(until, _)| *until);
        until(EvidenceSubject::Site(cluster.site.clone())).max(until(EvidenceSubject::Cluster(cluster.name.clone())))
    }

    /// The exceptions that name a workload.
    pub(crate) fn exceptions_of(&self, workload: &WorkloadName) -> impl Iterator<Item = &Exception> {
        let names = self.excepted.get(workload).into_iter().flatten();
        names.filter_map(|name| self.exceptions.get(name))
    }

    /// Whether a site, or the organisation that runs it, was excluded.
    pub(crate) fn is_excluded(&self, site: &SiteName) -> bool {
        self.sites.get(site).is_some_and(|entry| {
            let organisation = self.organisations.get(&entry.organisation);
            entry.standing == Standing::Excluded || organisation == Some(&Standing::Excluded)
        })
    }

    /// The site of a cluster.
    pub(crate) fn site_of(&self, cluster: &ClusterName) -> Option<&SiteName> {
        self.clusters.get(cluster).map(|cluster| &cluster.site)
    }

    fn reserve(&mut self, placement: Option<&Placement>, present: bool) {
        for copy in placement.map_or(&[][..], |placement| &placement.copies) {
            if let Some(placement) = placement {
                self.amount(&placement.workload, &copy.cluster, present);
            }
        }
    }

    fn occupy(&mut self, workload: &WorkloadName, copy: &PlacedCopy, present: bool) {
        if present {
            enter(&mut self.residents, copy.cluster.clone(), workload.clone());
        } else {
            leave(&mut self.residents, &copy.cluster, workload);
        }
        self.amount(workload, &copy.cluster, present);
    }

    fn amount(&mut self, workload: &WorkloadName, cluster: &ClusterName, present: bool) {
        let Some(demand) = self.demands.get(workload) else { return };
        let sum = self.reserved.entry(cluster.clone()).or_default();
        if present {
            sum.add(&demand.amounts);
        } else {
            sum.take(&demand.amounts);
        }
        if sum.is_zero() {
            self.reserved.remove(cluster);
        }
    }

    fn settle(&mut self, workload: &WorkloadName) {
        let settled = match (self.demands.get(workload), self.placements.get(workload)) {
            (Some(demand), Some(placement)) => is_settled(demand, placement),
            (Some(_), None) => false,
            (None, _) => true,
        };
        if settled {
            self.unsettled.remove(workload);
        } else if !self.unsettled.contains(workload) {
            self.unsettled.insert(workload.clone());
        }
    }
}

/// Whether a placement gives what a workload wants.
fn is_settled(demand: &Demand, placement: &Placement) -> bool {
    let count = |role| placement.copies.iter().filter(|copy| copy.role == role).count();
    let standby = demand.standby.is_none() || count(CopyRole::Standby) > 0;
    placement.waiting.is_none() && count(CopyRole::Active) >= demand.copies() && standby
}
