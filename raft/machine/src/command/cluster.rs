//! Sites' facts, and clusters with what their agents measure.

use verbund_identity::key_id;
use verbund_model::resource::{
    Cluster, ClusterSpec, ClusterStanding, KeyOwner, Lease, Observation, RegisteredKey, Site, SiteFacts,
};
use verbund_model::{Accepted, Algorithm, ClusterName, PublicKey, Refusal, SiteName};

use super::form;
use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::{MAX_CLUSTERS, MAX_LIST};
use crate::object::label;

impl Act<'_> {
    pub(crate) fn set_site_facts(&mut self, name: &SiteName, facts: &SiteFacts) -> Decision {
        let found = self.existing::<Site>(name)?;
        check_facts(facts)?;
        if found.value.facts.as_ref() == Some(facts) {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let changed = Site { facts: Some(facts.clone()), ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }

    pub(crate) fn apply_cluster(
        &mut self,
        name: &ClusterName,
        site: &SiteName,
        spec: &ClusterSpec,
        agent_key: &PublicKey,
    ) -> Decision {
        self.active_site(site)?;
        check_cluster(spec)?;
        let Some(found) = self.state.find::<Cluster>(name) else {
            let clusters = self.state.index.clusters.count(site);
            within("the site's number of clusters", clusters + 1, MAX_CLUSTERS)?;
            let agent = self.fresh_key("agentKey", agent_key, Algorithm::P256)?;
            self.register_agent(name, agent_key);
            let (site, spec) = (site.clone(), spec.clone());
            let standing = ClusterStanding::Active;
            let (name, observation, incarnation) = (name.clone(), None, 0);
            self.put(Cluster { name, site, spec, agent, standing, observation, incarnation });
            return Ok(self.changed());
        };
        if found.value.site != *site {
            return Err(conflict(format!("cluster {name} belongs to site {}", found.value.site)));
        }
        let (old, version) = (found.value.clone(), found.version);
        let agent = key_id(agent_key);
        if old.agent == agent && old.spec == *spec {
            return Ok(Accepted::Unchanged { version });
        }
        if old.agent != agent {
            self.fresh_key("agentKey", agent_key, Algorithm::P256)?;
        }
        self.check_respecified(&old, spec)?;
        if old.agent != agent {
            self.revoke(&old.agent);
            self.register_agent(name, agent_key);
        }
        self.put(Cluster { spec: spec.clone(), agent, ..old });
        Ok(self.changed())
    }

    fn register_agent(&mut self, cluster: &ClusterName, key: &PublicKey) {
        let owner = KeyOwner::Agent { cluster: cluster.clone() };
        self.put(RegisteredKey { id: key_id(key), key: key.clone(), owner, revoked: false });
    }

    /// While copies lie there, a cluster stays in its zone, its protection need and its stage, and loses nothing that they
    /// were promised.
    fn check_respecified(&self, old: &Cluster, new: &ClusterSpec) -> Result<(), Refusal> {
        let copies = self.state.index.copies.count(&old.name);
        if copies == 0 {
            return Ok(());
        }
        let before = &old.spec;
        let kept = [
            ("spec.zone", before.zone == new.zone),
            ("spec.schutzbedarf", before.schutzbedarf == new.schutzbedarf),
            ("spec.stage", before.stage == new.stage),
            ("spec.confidentiality", before.confidentiality <= new.confidentiality),
            ("spec.networks", before.networks.is_subset(&new.networks)),
            ("spec.labels", before.labels.iter().all(|(key, value)| new.labels.get(key) == Some(value))),
            ("spec.clusterKinds", before.cluster_kinds.is_subset(&new.cluster_kinds)),
        ];
        match kept.iter().find(|(_, kept)| !kept) {
            None => Ok(()),
            Some((field, _)) => Err(conflict(format!(
                "{field}: {copies} workload(s) lie on {} as it is: relocate them first",
                label::<Cluster>(&old.name)
            ))),
        }
    }

    pub(crate) fn cordon_cluster(&mut self, name: &ClusterName, cordoned: bool) -> Decision {
        let found = self.existing::<Cluster>(name)?;
        let standing = if cordoned { ClusterStanding::Cordoned } else { ClusterStanding::Active };
        if found.value.standing == standing {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let changed = Cluster { standing, ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }

    /// Nothing lies there any more, so its lease can be closed without asking anybody; its generation stays known.
    pub(crate) fn remove_cluster(&mut self, name: &ClusterName) -> Decision {
        let agent = self.existing::<Cluster>(name)?.value.agent;
        let copies = self.state.index.copies.count(name);
        if copies > 0 {
            let what = label::<Cluster>(name);
            return Err(conflict(format!(
                "{copies} workload(s) have a copy on {what}: cordon it and relocate them first"
            )));
        }
        if let Some(lease) = self.state.find::<Lease>(name).filter(|lease| lease.value.open) {
            let closed = Lease { open: false, ..lease.value.clone() };
            self.put(closed);
        }
        for evidence in self.state.index.evidence.of(&verbund_model::resource::EvidenceSubject::Cluster(name.clone())) {
            self.delete::<verbund_model::resource::Evidence>(&evidence);
        }
        self.resolve_incidents(name);
        self.revoke(&agent);
        self.delete::<Cluster>(name);
        Ok(self.changed())
    }

    /// The agent starts: the entry's index is the number of this start, so that it only rises, also where a cluster was taken
    /// out and is registered again. Voters that applied this answer no earlier start any more.
    pub(crate) fn register_start(&mut self, name: &ClusterName) -> Decision {
        let started = Cluster { incarnation: self.index, ..self.existing::<Cluster>(name)?.value.clone() };
        self.put(started);
        Ok(self.changed())
    }

    pub(crate) fn observe(&mut self, name: &ClusterName, observation: &Observation) -> Decision {
        check_observation(observation)?;
        let found = self.existing::<Cluster>(name)?;
        if found.value.observation.as_ref() == Some(observation) {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let before = found.value.observation.clone();
        let changed = Cluster { observation: Some(observation.clone()), ..found.value.clone() };
        self.put(changed);
        self.note_impairment(name, before.as_ref(), observation);
        Ok(self.changed())
    }
}

fn check_facts(facts: &SiteFacts) -> Result<(), Refusal> {
    if !facts.coordinates.is_well_formed() {
        let (latitude, longitude) = (facts.coordinates.latitude, facts.coordinates.longitude);
        let reason = format!(
            "found {latitude} and {longitude} millionths of a degree, allowed is -90000000 to 90000000 and -180000000 to 180000000"
        );
        return Err(invalid("facts.coordinates", reason));
    }
    if facts.country.len() == 2 && facts.country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Ok(());
    }
    let found: String = facts.country.chars().take(20).filter(|c| !c.is_control()).collect();
    Err(invalid(
        "facts.country",
        format!("found \"{found}\", allowed are two capital letters (ISO 3166-1), such as DE"),
    ))
}

fn check_cluster(spec: &ClusterSpec) -> Result<(), Refusal> {
    form::labels("spec.labels", &spec.labels)?;
    within("the number of spec.clusterKinds", spec.cluster_kinds.len() as u64, MAX_LIST)?;
    form::kinds("spec.clusterKinds", &spec.cluster_kinds)
}

fn check_observation(observation: &Observation) -> Result<(), Refusal> {
    form::kinds("observation.kinds", &observation.kinds)?;
    form::classes("observation.storageClasses", &observation.storage_classes)?;
    form::classes("observation.ingressClasses", &observation.ingress_classes)?;
    form::amounts("observation.allocatable", &observation.allocatable)?;
    form::amounts("observation.foreign", &observation.foreign)?;
    form::text("observation.impairment", &observation.impairment, false)
}
