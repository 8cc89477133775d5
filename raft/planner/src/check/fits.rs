//! What a copy's cluster and site must be like.

use verbund_model::SecretName;
use verbund_model::resource::{
    Cluster, ClusterStanding, CopyRole, DistanceClass, EvidenceKind, Mode, Observation, Operator, PlacedCopy, Standing,
};

use super::{Case, Violation};
use crate::distance::{class, kilometres};
use crate::exception::GEOREDUNDANCY;
use crate::rule::Rule;

impl Case<'_> {
    pub(super) fn places(&self) -> Result<(), Violation> {
        let stays = |copy: &&PlacedCopy| copy.role != CopyRole::Stopping;
        for copy in self.placement.copies.iter().filter(stays) {
            let cluster = self.inventory.clusters.get(&copy.cluster);
            let cluster = cluster.ok_or_else(|| Violation::UnknownCluster(copy.cluster.clone()))?;
            self.binding(cluster)?;
            let fresh = self.is_activated(copy) || self.old(&copy.cluster).is_none();
            if fresh {
                self.site(cluster)?;
                self.cluster(cluster)?;
                self.room(cluster)?;
            }
            if copy.role == CopyRole::Standby && self.is_fallback(copy) {
                self.far_enough(cluster)?;
            }
        }
        Ok(())
    }

    /// Whether a reserved place is the fallback of what is active: while nothing is, it is where the workload will go on.
    fn is_fallback(&self, copy: &PlacedCopy) -> bool {
        let active = self.placement.copies.iter().any(|other| other.role == CopyRole::Active);
        active && self.placement.target.as_ref() != Some(&copy.cluster)
    }

    fn hold(&self, cluster: &Cluster, rules: &[(Rule, bool)]) -> Result<(), Violation> {
        match rules.iter().find(|(_, kept)| !kept) {
            Some((rule, _)) => Err(Violation::Place { cluster: cluster.name.clone(), rule: *rule }),
            None => Ok(()),
        }
    }

    /// Whether neither the cluster's site nor that site's organisation was excluded.
    pub(super) fn is_member(&self, cluster: &Cluster) -> bool {
        let site = self.inventory.sites.get(&cluster.site);
        let organisation = site.and_then(|site| self.inventory.organisations.get(&site.organisation));
        let standings = [site.map(|site| &site.standing), organisation];
        standings.into_iter().flatten().all(|standing| *standing != Standing::Excluded)
    }

    /// What binds also what runs already.
    fn binding(&self, cluster: &Cluster) -> Result<(), Violation> {
        let (spec, wanted) = (&cluster.spec, &self.demand.shape);
        let consented = self.demand.customer.as_ref().is_none_or(|customer| {
            let consent = self.inventory.consents.get(&self.demand.name);
            consent.is_some_and(|given| {
                given.customer == *customer && (given.sites.is_empty() || given.sites.contains(&cluster.site))
            })
        });
        self.hold(
            cluster,
            &[
                (Rule::Membership, self.is_member(cluster)),
                (Rule::Zone, spec.zone == wanted.zone),
                (Rule::Schutzbedarf, spec.schutzbedarf == wanted.schutzbedarf),
                (Rule::Confidentiality, spec.confidentiality >= wanted.confidentiality),
                (Rule::Stage, spec.stage == wanted.stage),
                (Rule::Consent, consented),
            ],
        )
    }

    fn site(&self, cluster: &Cluster) -> Result<(), Violation> {
        let site = self.inventory.sites.get(&cluster.site);
        let organisation = site.and_then(|site| self.inventory.organisations.get(&site.organisation));
        let facts = self.inventory.facts.get(&cluster.site);
        let vetoed =
            self.inventory.vetoes.get(&self.demand.name).is_some_and(|sites| sites.contains_key(&cluster.site));
        let sealed = self.inventory.secrets.get(&self.demand.name);
        let can_open = |secret: &SecretName| {
            let key = sealed.and_then(|all| all.get(secret)).and_then(|recipients| recipients.get(&cluster.site));
            key.is_some() && key == site.map(|site| &site.sealing_key)
        };
        let allowed = &self.demand.shape.sites;
        let public = facts.is_some_and(|facts| facts.operator == Operator::Public);
        self.hold(
            cluster,
            &[
                (Rule::SiteStanding, site.is_some_and(|site| site.standing == Standing::Active)),
                (Rule::OrganisationStanding, organisation == Some(&Standing::Active)),
                (Rule::SitePresent, !self.inventory.absent.contains(&cluster.site)),
                (Rule::Country, facts.is_some_and(|facts| facts.country == "DE")),
                (Rule::PublicControl, public || !self.demand.shape.important),
                (Rule::AllowedSites, allowed.is_empty() || allowed.contains(&cluster.site)),
                (Rule::LicenceVeto, !vetoed),
                (Rule::Secrets, self.demand.secrets.iter().all(can_open)),
                (Rule::Iso27001, self.attested(cluster, EvidenceKind::Iso27001)),
                (Rule::C5, self.attested(cluster, EvidenceKind::C5)),
                (Rule::CncfConformance, self.attested(cluster, EvidenceKind::CncfConformance)),
                (Rule::ScsKaas, self.attested(cluster, EvidenceKind::ScsKaas)),
            ],
        )
    }

    fn attested(&self, cluster: &Cluster, kind: EvidenceKind) -> bool {
        !self.demand.shape.evidence.contains(&kind)
            || self.inventory.attested_until(cluster, kind).is_some_and(|until| self.now < until)
    }

    fn cluster(&self, cluster: &Cluster) -> Result<(), Violation> {
        let (spec, wanted) = (&cluster.spec, &self.demand.shape);
        let ready = cluster.observation.as_ref().filter(|seen| seen.ready);
        self.hold(
            cluster,
            &[
                (Rule::ClusterStanding, cluster.standing == ClusterStanding::Active),
                (Rule::Observation, ready.is_some()),
                (Rule::Networks, wanted.networks.is_subset(&spec.networks)),
                (Rule::ClusterKinds, wanted.cluster_kinds.is_subset(&spec.cluster_kinds)),
                (Rule::Labels, wanted.labels.iter().all(|pair| spec.labels.get_key_value(pair.0) == Some(pair))),
            ],
        )?;
        ready.map_or(Ok(()), |seen| self.software(cluster, seen))
    }

    fn software(&self, cluster: &Cluster, seen: &Observation) -> Result<(), Violation> {
        let wanted = &self.demand.shape;
        let version = seen.kubernetes;
        let too_old = wanted.kubernetes_min.is_some_and(|least| version < least);
        let too_new = wanted.kubernetes_max.is_some_and(|most| version > most);
        self.hold(
            cluster,
            &[
                (Rule::Kubernetes, !too_old && !too_new),
                (Rule::ApiKinds, wanted.kinds.is_subset(&seen.kinds)),
                (Rule::StorageClasses, wanted.storage_classes.is_subset(&seen.storage_classes)),
                (Rule::IngressClasses, wanted.ingress_classes.is_subset(&seen.ingress_classes)),
            ],
        )
    }

    /// Capacity: what the cluster gives, less what others use, less what every other workload has reserved there.
    fn room(&self, cluster: &Cluster) -> Result<(), Violation> {
        let exclusive = matches!(self.demand.mode, Mode::Exclusive { .. });
        let leased = self.inventory.leases.get(&cluster.name).is_some_and(|lease| lease.open);
        self.hold(cluster, &[(Rule::Lease, leased || !exclusive)])?;
        let Some(seen) = &cluster.observation else { return Ok(()) };
        let mut reserved = self.inventory.reserved.get(&cluster.name).cloned().unwrap_or_default();
        if self.old(&cluster.name).is_some() {
            reserved.take(&self.demand.amounts);
        }
        // What is asked for comes on top of everything else; the sum must be within what the nodes can give.
        reserved.add(&self.demand.amounts);
        reserved.add(&seen.foreign);
        let can = |of: fn(&verbund_model::resource::Amounts) -> u64| u128::from(of(&seen.allocatable));
        let wants = &self.demand.amounts;
        let plain = [
            (wants.cpu_millis, can(|a| a.cpu_millis)),
            (wants.memory_bytes, can(|a| a.memory_bytes)),
            (wants.storage_bytes, can(|a| a.storage_bytes)),
            (wants.pods, can(|a| a.pods)),
        ];
        let fits = plain.iter().zip(reserved.plain).all(|((want, has), needed)| *want == 0 || needed <= *has);
        let extended = wants.extended.iter().filter(|(_, want)| **want > 0).all(|(name, _)| {
            let needed = reserved.extended.get(name).copied().unwrap_or(0);
            needed <= u128::from(seen.allocatable.extended_of(name))
        });
        self.hold(cluster, &[(Rule::Capacity, fits), (Rule::ExtendedResources, extended)])
    }

    /// The distance class, and another site, than those of the active copies.
    fn far_enough(&self, cluster: &Cluster) -> Result<(), Violation> {
        for active in self.placement.copies.iter().filter(|copy| copy.role == CopyRole::Active) {
            let Some(other) = self.inventory.clusters.get(&active.cluster) else { continue };
            if other.site == cluster.site {
                return Err(Violation::SameSite(cluster.site.clone()));
            }
            let demanded = self.demand.standby.map_or(DistanceClass::Betriebsredundant, |standby| standby.distance);
            if demanded == DistanceClass::Betriebsredundant {
                continue;
            }
            let place = |cluster: &Cluster| self.inventory.facts.get(&cluster.site).map(|facts| facts.coordinates);
            let reached = place(other).zip(place(cluster)).map(|(from, to)| class(kilometres(from, to)));
            let kept = match reached {
                Some(DistanceClass::Georedundant) => true,
                Some(DistanceClass::GeoredundantMitBegruendung) => self.has_exception(),
                Some(DistanceClass::Betriebsredundant) | None => false,
            };
            self.hold(cluster, &[(Rule::Distance, kept)])?;
        }
        Ok(())
    }

    fn has_exception(&self) -> bool {
        let mut all = self.inventory.exceptions_of(&self.demand.name);
        all.any(|one| one.rule == GEOREDUNDANCY && one.approvals.iter().nth(1).is_some() && self.now < one.until)
    }
}
