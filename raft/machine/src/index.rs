//! What can be derived from the tables, kept at hand so that no rule needs a walk over the state. Never in a snapshot and
//! never in the state's hash: a restored state derives it anew.

use imbl::{OrdMap, OrdSet};
use verbund_model::resource::{
    CatalogueEntry, ChangeTicket, Cluster, Consent, Evidence, EvidenceSubject, Exception, Incident, KeyOwner, Lease,
    LicenceVeto, Millis, Organisation, Placement, Presence, RegisteredKey, RoleBinding, SealedSecret, Site, User,
    UserRole, Verdict, Workload,
};
use verbund_model::{
    ClusterName, EvidenceName, ExceptionName, KeyId, OrgName, SecretName, SiteName, TicketName, UserId, WorkloadName,
};
use verbund_planner::Inventory;

/// The derived indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The live keys of each user.
    pub(crate) live_keys: OrdMap<(OrgName, UserId), OrdSet<KeyId>>,
    /// Who is administrator, by organisation.
    pub(crate) administrators: OrdMap<OrgName, OrdSet<UserId>>,
    /// How much of what each organisation has.
    pub(crate) counts: OrdMap<OrgName, Counts>,
    /// Sessions by when nothing of them can be repeated any more, and by their id.
    pub(crate) session_ends: OrdMap<(Millis, u64), (KeyId, u64)>,
    /// The clusters of each site.
    pub(crate) clusters: Sets<SiteName, ClusterName>,
    /// The workloads that have a copy at each cluster.
    pub(crate) copies: Sets<ClusterName, WorkloadName>,
    /// The workloads that are on their way to a place that a person wants.
    pub(crate) moving: OrdSet<WorkloadName>,
    /// What planning looks at.
    pub(crate) inventory: Inventory,
    /// What is attested of each site and cluster.
    pub(crate) evidence: Sets<EvidenceSubject, EvidenceName>,
    /// Evidence by its end.
    pub(crate) evidence_ends: OrdSet<(Millis, EvidenceName)>,
    /// The changes of each workload.
    pub(crate) changes: Sets<WorkloadName, TicketName>,
    /// The incidents of each workload.
    pub(crate) incidents: Sets<WorkloadName, TicketName>,
    /// The unresolved incidents of each cluster.
    pub(crate) troubles: Sets<ClusterName, TicketName>,
    /// The exceptions of each workload.
    pub(crate) exceptions: Sets<WorkloadName, ExceptionName>,
    /// Exceptions by their end.
    pub(crate) exception_ends: OrdSet<(Millis, ExceptionName)>,
    /// The sites that refuse each workload.
    pub(crate) vetoes: Sets<WorkloadName, SiteName>,
    /// How many workloads each site refuses.
    pub(crate) veto_counts: OrdMap<SiteName, u64>,
    /// The secrets of each workload.
    pub(crate) secrets: Sets<WorkloadName, SecretName>,
    /// Verdicts of which workloads remain to be planned.
    pub(crate) pending: OrdSet<u64>,
}

/// A set for each key; empty ones are not kept.
#[derive(Clone, Debug)]
pub(crate) struct Sets<K: Ord, V: Ord>(OrdMap<K, OrdSet<V>>);

impl<K: Ord, V: Ord> Default for Sets<K, V> {
    fn default() -> Self {
        Self(OrdMap::new())
    }
}

impl<K: Ord + Clone, V: Ord + Clone> Sets<K, V> {
    /// Puts the member into the key's set (`present`), or takes it out.
    fn set(&mut self, key: &K, member: V, present: bool) {
        if present {
            self.0.entry(key.clone()).or_default().insert(member);
        } else if let Some(set) = self.0.get_mut(key) {
            set.remove(&member);
            if set.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// The key's set, as it is now: a clone is O(1).
    pub(crate) fn of(&self, key: &K) -> OrdSet<V> {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// How many members the key has.
    pub(crate) fn count(&self, key: &K) -> u64 {
        self.0.get(key).map_or(0, |set| set.len() as u64)
    }
}

/// How much an organisation has, for its quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) users: u64,
    /// Every key that was ever registered for one of its users: keys are never forgotten.
    pub(crate) keys: u64,
    pub(crate) catalogue_entries: u64,
    pub(crate) sub_organisations: u64,
    pub(crate) workloads: u64,
}

impl Index {
    pub(crate) fn organisation(organisation: &Organisation, index: &mut Self, present: bool) {
        if let Some(parent) = &organisation.parent {
            index.count(parent, present, |counts| &mut counts.sub_organisations);
        }
        if present {
            index.inventory.put_organisation(organisation);
        } else {
            index.inventory.remove_organisation(&organisation.name);
        }
    }

    pub(crate) fn site(site: &Site, index: &mut Self, present: bool) {
        match (present, &site.facts) {
            (true, Some(facts)) => index.inventory.put_facts(&site.name, facts),
            _ => index.inventory.remove_facts(&site.name),
        }
        if present {
            index.inventory.put_site(site);
        } else {
            index.inventory.remove_site(&site.name);
        }
    }

    pub(crate) fn presence(presence: &Presence, index: &mut Self, present: bool) {
        if present {
            index.inventory.put_presence(presence);
        } else {
            index.inventory.remove_presence(&presence.site);
        }
    }

    pub(crate) fn lease(lease: &Lease, index: &mut Self, present: bool) {
        if present {
            index.inventory.put_lease(lease);
        } else {
            index.inventory.remove_lease(&lease.cluster);
        }
    }

    pub(crate) fn consent(consent: &Consent, index: &mut Self, present: bool) {
        if present {
            index.inventory.put_consent(consent);
        } else {
            index.inventory.remove_consent(&consent.workload);
        }
    }

    pub(crate) fn user(user: &User, index: &mut Self, present: bool) {
        index.count(&user.organisation, present, |counts| &mut counts.users);
    }

    pub(crate) fn catalogue_entry(entry: &CatalogueEntry, index: &mut Self, present: bool) {
        index.count(&entry.organisation, present, |counts| &mut counts.catalogue_entries);
    }

    pub(crate) fn role_binding(binding: &RoleBinding, index: &mut Self, present: bool) {
        if binding.role != UserRole::Administrator {
            return;
        }
        let administrators = index.administrators.entry(binding.organisation.clone()).or_default();
        if present {
            administrators.insert(binding.user.clone());
        } else {
            administrators.remove(&binding.user);
        }
    }

    pub(crate) fn key(key: &RegisteredKey, index: &mut Self, present: bool) {
        let KeyOwner::User { organisation, user } = &key.owner else { return };
        index.count(organisation, present, |counts| &mut counts.keys);
        let owner = (organisation.clone(), user.clone());
        if present && !key.revoked {
            index.live_keys.entry(owner).or_default().insert(key.id);
        } else if let Some(keys) = index.live_keys.get_mut(&owner) {
            keys.remove(&key.id);
            if keys.is_empty() {
                index.live_keys.remove(&owner);
            }
        }
    }

    pub(crate) fn cluster(cluster: &Cluster, index: &mut Self, present: bool) {
        index.clusters.set(&cluster.site, cluster.name.clone(), present);
        if present {
            index.inventory.put_cluster(cluster);
        } else {
            index.inventory.remove_cluster(&cluster.name);
        }
    }

    pub(crate) fn workload(workload: &Workload, index: &mut Self, present: bool) {
        index.count(&workload.organisation, present, |counts| &mut counts.workloads);
        if present {
            index.inventory.put_workload(workload);
        } else {
            index.inventory.remove_workload(&workload.name);
        }
    }

    pub(crate) fn placement(placement: &Placement, index: &mut Self, present: bool) {
        for copy in &placement.copies {
            index.copies.set(&copy.cluster, placement.workload.clone(), present);
        }
        if present && placement.target.is_some() {
            index.moving.insert(placement.workload.clone());
        } else {
            index.moving.remove(&placement.workload);
        }
        if present {
            index.inventory.put_placement(placement);
        } else {
            index.inventory.remove_placement(&placement.workload);
        }
    }

    pub(crate) fn evidence(evidence: &Evidence, index: &mut Self, present: bool) {
        index.evidence.set(&evidence.subject, evidence.name.clone(), present);
        let end = (evidence.valid_until, evidence.name.clone());
        if present {
            index.evidence_ends.insert(end);
            index.inventory.put_evidence(evidence);
        } else {
            index.evidence_ends.remove(&end);
            index.inventory.remove_evidence(&evidence.name);
        }
    }

    pub(crate) fn verdict(verdict: &Verdict, index: &mut Self, present: bool) {
        if present && !verdict.remaining.is_empty() {
            index.pending.insert(verdict.index);
        } else {
            index.pending.remove(&verdict.index);
        }
    }

    pub(crate) fn change(change: &ChangeTicket, index: &mut Self, present: bool) {
        index.changes.set(&change.workload, change.name.clone(), present);
    }

    pub(crate) fn incident(incident: &Incident, index: &mut Self, present: bool) {
        index.incidents.set(&incident.workload, incident.name.clone(), present);
        index.troubles.set(&incident.cluster, incident.name.clone(), present && !incident.resolved);
    }

    pub(crate) fn exception(exception: &Exception, index: &mut Self, present: bool) {
        index.exceptions.set(&exception.workload, exception.name.clone(), present);
        let end = (exception.until, exception.name.clone());
        if present {
            index.exception_ends.insert(end);
            index.inventory.put_exception(exception);
        } else {
            index.exception_ends.remove(&end);
            index.inventory.remove_exception(&exception.name);
        }
    }

    pub(crate) fn secret(secret: &SealedSecret, index: &mut Self, present: bool) {
        index.secrets.set(&secret.workload, secret.name.clone(), present);
        if present {
            index.inventory.put_secret(secret);
        } else {
            index.inventory.remove_secret(&secret.workload, &secret.name);
        }
    }

    pub(crate) fn licence_veto(veto: &LicenceVeto, index: &mut Self, present: bool) {
        index.vetoes.set(&veto.workload, veto.site.clone(), present);
        let count = index.veto_counts.entry(veto.site.clone()).or_default();
        *count = if present { count.saturating_add(1) } else { count.saturating_sub(1) };
        if present {
            index.inventory.put_veto(veto);
        } else {
            index.inventory.remove_veto(&veto.site, &veto.workload);
        }
    }

    /// What the organisation has.
    pub(crate) fn counts_of(&self, organisation: &OrgName) -> Counts {
        self.counts.get(organisation).copied().unwrap_or_default()
    }

    fn count(&mut self, organisation: &OrgName, present: bool, which: fn(&mut Counts) -> &mut u64) {
        let count = which(self.counts.entry(organisation.clone()).or_default());
        *count = if present { count.saturating_add(1) } else { count.saturating_sub(1) };
    }
}
