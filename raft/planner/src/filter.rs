//! The filters: for each hard rule one function that says nothing, or why a place does not fit.

use std::collections::BTreeSet;
use std::sync::Arc;

use verbund_model::resource::{
    Cluster, ClusterStanding, Consent, Coordinates, CopyRole, DistanceClass, EvidenceKind, LicenceVeto, Millis,
    Operator, Standing,
};
use verbund_model::{ClusterName, SecretName, SiteName};

use crate::demand::{Demand, Shape};
use crate::distance::{GEOREDUNDANT, WITH_REASON, kilometres};
use crate::inventory::{Inventory, Recipients};
use crate::place::Place;
use crate::reason::{Compute, Reason};
use crate::rule::Rule;
use crate::sum::plain;

/// What a filter of the place alone looks at: nothing here depends on where other copies are.
pub(crate) struct Ask<'a> {
    pub(crate) shape: &'a Shape,
    pub(crate) inventory: &'a Inventory,
    pub(crate) now: Millis,
}

/// A filter of the place alone, by what it looks at: so much of it need not be tried again.
enum Filter {
    /// What the cluster itself offers: [`crate::offer::Offer`].
    Cluster(fn(&Shape, &Cluster) -> Option<Reason>),
    /// The site, and what is attested of it and of the cluster: [`Shape::of_site`].
    Site(fn(&Ask<'_>, &Place<'_>) -> Option<Reason>),
    /// Whether the site is there: it may be lost for a trial only.
    Presence(fn(&Place<'_>) -> Option<Reason>),
}

/// The filters of the place alone, in the order in which reasons are told.
const FILTERS: &[(Rule, Filter)] = &[
    (Rule::Membership, Filter::Site(membership)),
    (Rule::SiteStanding, Filter::Site(site_standing)),
    (Rule::OrganisationStanding, Filter::Site(organisation_standing)),
    (Rule::SitePresent, Filter::Presence(site_present)),
    (Rule::ClusterStanding, Filter::Cluster(cluster_standing)),
    (Rule::Observation, Filter::Cluster(observation)),
    (Rule::Zone, Filter::Cluster(zone)),
    (Rule::Schutzbedarf, Filter::Cluster(schutzbedarf)),
    (Rule::Confidentiality, Filter::Cluster(confidentiality)),
    (Rule::Stage, Filter::Cluster(stage)),
    (Rule::Country, Filter::Site(country)),
    (Rule::PublicControl, Filter::Site(public_control)),
    (Rule::Iso27001, Filter::Site(|ask, place| evidence(ask, place, EvidenceKind::Iso27001))),
    (Rule::C5, Filter::Site(|ask, place| evidence(ask, place, EvidenceKind::C5))),
    (Rule::CncfConformance, Filter::Site(|ask, place| evidence(ask, place, EvidenceKind::CncfConformance))),
    (Rule::ScsKaas, Filter::Site(|ask, place| evidence(ask, place, EvidenceKind::ScsKaas))),
    (Rule::Networks, Filter::Cluster(networks)),
    (Rule::Kubernetes, Filter::Cluster(kubernetes)),
    (Rule::ApiKinds, Filter::Cluster(api_kinds)),
    (Rule::ClusterKinds, Filter::Cluster(cluster_kinds)),
    (Rule::StorageClasses, Filter::Cluster(storage_classes)),
    (Rule::IngressClasses, Filter::Cluster(ingress_classes)),
    (Rule::Labels, Filter::Cluster(labels)),
    (Rule::AllowedSites, Filter::Site(allowed_sites)),
];

/// Whether what a cluster offers fits.
pub(crate) fn cluster_fits(shape: &Shape, cluster: &Cluster) -> bool {
    FILTERS.iter().all(|(_, filter)| match filter {
        Filter::Cluster(filter) => filter(shape, cluster).is_none(),
        Filter::Site(_) | Filter::Presence(_) => true,
    })
}

/// Whether the site of a place fits, but for whether it is there.
pub(crate) fn site_fits(ask: &Ask<'_>, place: &Place<'_>) -> bool {
    FILTERS.iter().all(|(_, filter)| match filter {
        Filter::Site(filter) => filter(ask, place).is_none(),
        Filter::Cluster(_) | Filter::Presence(_) => true,
    })
}

/// What the place alone does not keep.
pub(crate) fn reasons(ask: &Ask<'_>, place: &Place<'_>) -> Vec<Reason> {
    let reason = |(_, filter): &(Rule, Filter)| match filter {
        Filter::Cluster(filter) => filter(ask.shape, place.cluster),
        Filter::Site(filter) => filter(ask, place),
        Filter::Presence(filter) => filter(place),
    };
    FILTERS.iter().filter_map(reason).collect()
}

fn membership(ask: &Ask<'_>, place: &Place<'_>) -> Option<Reason> {
    let excluded = ask.inventory.is_excluded(place.site_name());
    excluded.then(|| Reason::Excluded { site: place.site_name().clone() })
}

fn site_standing(_: &Ask<'_>, place: &Place<'_>) -> Option<Reason> {
    let found = place.site.map(|site| site.standing);
    // Of an excluded one the rule before speaks.
    (!matches!(found, Some(Standing::Active | Standing::Excluded))).then_some(Reason::SiteStanding { found })
}

fn organisation_standing(_: &Ask<'_>, place: &Place<'_>) -> Option<Reason> {
    let organisation = || place.site.map(|site| site.organisation.clone());
    let found = place.organisation;
    let fits = matches!(found, Some(Standing::Active | Standing::Excluded));
    (!fits).then(|| Reason::OrganisationStanding { organisation: organisation(), found })
}

fn site_present(place: &Place<'_>) -> Option<Reason> {
    place.is_lost().then(|| Reason::SiteLost { site: place.site_name().clone() })
}

fn cluster_standing(_: &Shape, cluster: &Cluster) -> Option<Reason> {
    let found = cluster.standing;
    (found != ClusterStanding::Active).then_some(Reason::ClusterStanding { found })
}

fn observation(_: &Shape, cluster: &Cluster) -> Option<Reason> {
    match &cluster.observation {
        None => Some(Reason::NotObserved),
        Some(seen) => (!seen.ready).then(|| Reason::NotReady { impairment: seen.impairment.clone() }),
    }
}

fn zone(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let (found, wanted) = (cluster.spec.zone, shape.zone);
    (found != wanted).then_some(Reason::Zone { found, wanted })
}

fn schutzbedarf(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let (found, wanted) = (cluster.spec.schutzbedarf, shape.schutzbedarf);
    (found != wanted).then_some(Reason::Schutzbedarf { found, wanted })
}

fn confidentiality(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let (found, wanted) = (cluster.spec.confidentiality, shape.confidentiality);
    (found < wanted).then_some(Reason::Confidentiality { found, wanted })
}

fn stage(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let (found, wanted) = (cluster.spec.stage, shape.stage);
    (found != wanted).then_some(Reason::Stage { found, wanted })
}

fn country(_: &Ask<'_>, place: &Place<'_>) -> Option<Reason> {
    let found = place.facts.map(|facts| &facts.country);
    (found.map(String::as_str) != Some("DE")).then(|| Reason::Country { found: found.cloned() })
}

fn public_control(ask: &Ask<'_>, place: &Place<'_>) -> Option<Reason> {
    let found = place.facts.map(|facts| facts.operator);
    (ask.shape.important && found != Some(Operator::Public)).then_some(Reason::PublicControl { found })
}

fn evidence(ask: &Ask<'_>, place: &Place<'_>, kind: EvidenceKind) -> Option<Reason> {
    if !ask.shape.evidence.contains(&kind) {
        return None;
    }
    match ask.inventory.attested_until(place.cluster, kind) {
        Some(until) if until > ask.now => None,
        expired => Some(Reason::Evidence { kind, expired }),
    }
}

fn networks(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let found = &cluster.spec.networks;
    let missing = missing(&shape.networks, found)?;
    Some(Reason::Networks { found: found.clone(), missing })
}

fn kubernetes(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    // Without an observation that filter says so.
    let found = cluster.observation.as_ref()?.kubernetes;
    let (min, max) = (shape.kubernetes_min, shape.kubernetes_max);
    let fits = min.is_none_or(|min| found >= min) && max.is_none_or(|max| found <= max);
    (!fits).then_some(Reason::Kubernetes { found, min, max })
}

fn api_kinds(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let known = &cluster.observation.as_ref()?.kinds;
    missing(&shape.kinds, known).map(|missing| Reason::ApiKinds { missing })
}

fn cluster_kinds(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let found = &cluster.spec.cluster_kinds;
    let missing = missing(&shape.cluster_kinds, found)?;
    Some(Reason::ClusterKinds { found: found.clone(), missing })
}

fn storage_classes(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let found = &cluster.observation.as_ref()?.storage_classes;
    let missing = missing(&shape.storage_classes, found)?;
    Some(Reason::StorageClasses { found: found.clone(), missing })
}

fn ingress_classes(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let found = &cluster.observation.as_ref()?.ingress_classes;
    let missing = missing(&shape.ingress_classes, found)?;
    Some(Reason::IngressClasses { found: found.clone(), missing })
}

fn labels(shape: &Shape, cluster: &Cluster) -> Option<Reason> {
    let has = &cluster.spec.labels;
    let (key, wanted) = shape.labels.iter().find(|(key, wanted)| has.get(*key) != Some(wanted))?;
    Some(Reason::Label { key: key.clone(), found: has.get(key).cloned(), wanted: wanted.clone() })
}

fn allowed_sites(ask: &Ask<'_>, place: &Place<'_>) -> Option<Reason> {
    let wanted = &ask.shape.sites;
    let found = place.site_name();
    (!wanted.is_empty() && !wanted.contains(found))
        .then(|| Reason::AllowedSites { found: found.clone(), wanted: wanted.clone() })
}

/// What of `wanted` is not in `found`; none if that is nothing.
fn missing<T: Ord + Clone>(wanted: &BTreeSet<T>, found: &BTreeSet<T>) -> Option<BTreeSet<T>> {
    if wanted.iter().all(|item| found.contains(item)) {
        return None;
    }
    Some(wanted.difference(found).cloned().collect())
}

/// Another copy of the workload, whose place matters.
#[derive(Clone, Debug)]
pub(crate) struct Other<'a> {
    pub(crate) cluster: &'a ClusterName,
    pub(crate) site: &'a SiteName,
    pub(crate) organisation: Option<&'a verbund_model::OrgName>,
    pub(crate) coordinates: Option<Coordinates>,
}

/// What is sought: a place for one copy of a workload, beside the copies that it has.
pub(crate) struct Seek<'a> {
    pub(crate) demand: &'a Demand,
    pub(crate) role: CopyRole,
    /// Copies that must be at other sites, and from which distances are measured.
    pub(crate) others: Vec<Other<'a>>,
    /// Clusters at which the workload has a copy of whatever role: its amounts are reserved there already.
    pub(crate) holds: Vec<ClusterName>,
    /// Clusters that are out of the question.
    pub(crate) avoid: Vec<ClusterName>,
    /// Where it was before.
    pub(crate) home: Option<ClusterName>,
    /// Whether an exception allows 100 to 200 km.
    pub(crate) excepted: bool,
    pub(crate) consent: Option<&'a Consent>,
    pub(crate) vetoes: Option<&'a imbl::OrdMap<SiteName, LicenceVeto>>,
    pub(crate) secrets: Option<&'a imbl::OrdMap<SecretName, Arc<Recipients>>>,
}

type Search = fn(&Seek<'_>, &Place<'_>) -> Option<Reason>;

/// The filters that depend on the workload itself and on its other copies.
const SEARCHES: &[(Rule, Search)] = &[
    (Rule::LicenceVeto, licence_veto),
    (Rule::Consent, consent),
    (Rule::Secrets, secrets),
    (Rule::Lease, lease),
    (Rule::Capacity, capacity),
    (Rule::ExtendedResources, extended_resources),
    (Rule::DistinctSites, distinct_sites),
];

/// Whether the place suits what is sought, given that the place alone fits. `away` says how many kilometres it is to the other
/// copy of that number.
pub(crate) fn suits(seek: &Seek<'_>, place: &Place<'_>, away: impl Fn(usize) -> Option<u32>) -> bool {
    SEARCHES.iter().all(|(_, search)| search(seek, place).is_none()) && distance(seek, away).is_none()
}

/// What the place does not keep of what is sought.
pub(crate) fn objections(seek: &Seek<'_>, place: &Place<'_>) -> Vec<Reason> {
    let away = |number: usize| {
        let other = seek.others.get(number).and_then(|other| other.coordinates);
        other.zip(place.coordinates()).map(|(from, to)| kilometres(from, to))
    };
    let searched = SEARCHES.iter().filter_map(|(_, search)| search(seek, place));
    searched.chain(distance(seek, away)).collect()
}

fn licence_veto(seek: &Seek<'_>, place: &Place<'_>) -> Option<Reason> {
    let veto = seek.vetoes?.get(place.site_name())?;
    Some(Reason::LicenceVeto { reason: veto.reason.clone() })
}

fn consent(seek: &Seek<'_>, place: &Place<'_>) -> Option<Reason> {
    let customer = seek.demand.customer.as_ref()?;
    let given = seek.consent.filter(|consent| consent.customer == *customer).map(|consent| &consent.sites);
    let wanted = place.site_name();
    let covered = given.is_some_and(|sites| sites.is_empty() || sites.contains(wanted));
    (!covered).then(|| Reason::Consent { customer: customer.clone(), found: given.cloned(), wanted: wanted.clone() })
}

/// A site opens what was sealed for the key that it has now.
fn secrets(seek: &Seek<'_>, place: &Place<'_>) -> Option<Reason> {
    let needed = &seek.demand.secrets;
    if needed.is_empty() {
        return None;
    }
    let opens = |name: &&SecretName| {
        let sealed_for = seek.secrets.and_then(|all| all.get(*name)).and_then(|to| to.get(place.site_name()));
        sealed_for.zip(place.site).is_some_and(|(key, site)| *key == site.sealing_key)
    };
    let found: BTreeSet<SecretName> = needed.iter().filter(opens).cloned().collect();
    let missing = missing(needed, &found)?;
    Some(Reason::Secrets { site: place.site_name().clone(), found, missing })
}

fn lease(seek: &Seek<'_>, place: &Place<'_>) -> Option<Reason> {
    let fits = !seek.demand.is_exclusive() || place.open_generation().is_some();
    (!fits).then(|| Reason::Lease { closed: place.lease.map(|lease| lease.generation) })
}

fn capacity(seek: &Seek<'_>, place: &Place<'_>) -> Option<Reason> {
    let amounts = plain(&seek.demand.amounts);
    let holds = seek.holds.contains(&place.cluster.name);
    Compute::ALL.into_iter().zip(amounts).enumerate().find_map(|(i, (resource, wanted))| {
        let found = place.free(i, if holds { wanted } else { 0 });
        (found < wanted).then_some(Reason::Capacity { resource, found, wanted })
    })
}

fn extended_resources(seek: &Seek<'_>, place: &Place<'_>) -> Option<Reason> {
    let holds = || seek.holds.contains(&place.cluster.name);
    seek.demand.amounts.extended.iter().find_map(|(name, wanted)| {
        let found = place.free_extended(name, if holds() { *wanted } else { 0 });
        (found < *wanted).then(|| Reason::ExtendedResource { name: name.clone(), found, wanted: *wanted })
    })
}

fn distinct_sites(seek: &Seek<'_>, place: &Place<'_>) -> Option<Reason> {
    let other = seek.others.iter().find(|other| other.site == place.site_name())?;
    Some(Reason::SameSite { site: other.site.clone(), other: other.cluster.clone() })
}

fn distance(seek: &Seek<'_>, away: impl Fn(usize) -> Option<u32>) -> Option<Reason> {
    if seek.role != CopyRole::Standby {
        return None;
    }
    match seek.demand.standby?.distance {
        DistanceClass::Betriebsredundant => return None,
        DistanceClass::GeoredundantMitBegruendung | DistanceClass::Georedundant => {}
    }
    seek.others.iter().enumerate().find_map(|(number, other)| {
        let found = away(number);
        let wanted = if seek.excepted { WITH_REASON } else { GEOREDUNDANT };
        let exception = !seek.excepted && found.is_some_and(|found| found >= WITH_REASON);
        let near = found.is_none_or(|found| found < wanted);
        near.then(|| Reason::Distance { other: other.site.clone(), found, wanted, exception })
    })
}
