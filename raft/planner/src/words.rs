//! The words in which reasons are told, German and English: the only place where the planner has any.

use verbund_model::resource::{ClusterStanding, KubernetesVersion, Operator, Standing};

use crate::reason::{Compute, Lang, Reason};

/// A German and an English form.
type Both = (&'static str, &'static str);

const fn of(both: Both, lang: Lang) -> &'static str {
    match lang {
        Lang::De => both.0,
        Lang::En => both.1,
    }
}

const NOTHING: Both = ("nichts", "nothing");
const UNKNOWN: Both = ("unbekannt", "unknown");
const ACTIVE: Both = ("aktiv", "active");
const SUSPENDED: Both = ("gesperrt", "suspended");
const EXCLUDED: Both = ("ausgeschlossen", "excluded");
const MEMBER: Both = ("Mitglied", "a member");
const CORDONED: Both = ("nimmt nichts Neues an", "cordoned");
const PUBLIC: Both = ("öffentliche Hand", "public");
const PRIVATE: Both = ("privat", "private");
const LOST: Both = ("verloren", "lost");
const PRESENT: Both = ("erreichbar", "present");
const READY: Both = ("bereit", "ready");
const NOT_READY: Both = ("nicht bereit", "not ready");
const VALID: Both = ("gültig", "valid");
const NEVER: Both = ("nie nachgewiesen", "never attested");
const NO_VETO: Both = ("keine Ablehnung", "no refusal");
const NO_CONSENT: Both = ("keine Einwilligung", "no consent");
const OPEN: Both = ("offen", "open");
const NO_LEASE: Both = ("keine", "none");
const ANOTHER_SITE: Both = ("ein anderer Standort", "another site");

/// The sentence of a reason, with `{what}`, `{found}` and `{wanted}` in it.
const fn template(reason: &Reason) -> Both {
    match reason {
        Reason::Excluded { .. } => (
            "Der Standort {what} ist {found}, verlangt ist {wanted}.",
            "The site {what} is {found}, wanted is {wanted}.",
        ),
        Reason::SiteStanding { .. } => {
            ("Der Standort ist {found}, verlangt ist {wanted}.", "The site is {found}, wanted is {wanted}.")
        }
        Reason::OrganisationStanding { .. } => (
            "Die Organisation {what} ist {found}, verlangt ist {wanted}.",
            "The organisation {what} is {found}, wanted is {wanted}.",
        ),
        Reason::SiteLost { .. } => (
            "Der Standort {what} ist {found}, verlangt ist {wanted}.",
            "The site {what} is {found}, wanted is {wanted}.",
        ),
        Reason::ClusterStanding { .. } => {
            ("Der Cluster ist: {found}; verlangt ist {wanted}.", "The cluster is {found}, wanted is {wanted}.")
        }
        Reason::NotObserved => (
            "Der Agent des Clusters hat noch nichts gemessen; verlangt ist {wanted}.",
            "The cluster's agent has measured nothing yet; wanted is {wanted}.",
        ),
        Reason::NotReady { .. } => {
            ("Der Cluster ist {found}, verlangt ist {wanted}.", "The cluster is {found}, wanted is {wanted}.")
        }
        Reason::Zone { .. } => (
            "Der Cluster liegt in der Zone {found}, verlangt ist {wanted}.",
            "The cluster is in zone {found}, wanted is {wanted}.",
        ),
        Reason::Schutzbedarf { .. } => (
            "Der Schutzbedarf des Clusters ist {found}, verlangt ist genau {wanted}.",
            "The cluster's protection need is {found}, wanted is exactly {wanted}.",
        ),
        Reason::Confidentiality { .. } => (
            "Der Cluster verarbeitet höchstens {found}, verlangt ist {wanted}.",
            "The cluster serves at most {found}, wanted is {wanted}.",
        ),
        Reason::Stage { .. } => {
            ("Der Cluster ist für {found}, verlangt ist {wanted}.", "The cluster is for {found}, wanted is {wanted}.")
        }
        Reason::Country { .. } => (
            "Der Standort liegt in: {found}; verlangt ist {wanted}.",
            "The site's country is {found}, wanted is {wanted}.",
        ),
        Reason::PublicControl { .. } => (
            "Betreiber des Standorts: {found}; wichtige Verfahren verlangen {wanted}.",
            "The site's operator is {found}; important procedures want {wanted}.",
        ),
        Reason::Evidence { .. } => (
            "Der Nachweis {what} ist: {found}; verlangt ist {wanted}.",
            "The evidence {what} is {found}, wanted is {wanted}.",
        ),
        Reason::Networks { .. } => (
            "Der Cluster ist erreichbar aus {found}; es fehlt {wanted}.",
            "The cluster is reached from {found}; missing is {wanted}.",
        ),
        Reason::Kubernetes { .. } => (
            "Der Cluster hat Kubernetes {found}, verlangt ist {wanted}.",
            "The cluster has Kubernetes {found}, wanted is {wanted}.",
        ),
        Reason::ApiKinds { .. } => {
            ("Der Cluster kennt diese Objektarten nicht: {wanted}.", "The cluster does not know these kinds: {wanted}.")
        }
        Reason::ClusterKinds { .. } => (
            "Erlaubte clusterweite Objektarten: {found}; es fehlt {wanted}.",
            "Allowed cluster-scoped kinds: {found}; missing is {wanted}.",
        ),
        Reason::StorageClasses { .. } => (
            "Speicherklassen des Clusters: {found}; es fehlt {wanted}.",
            "The cluster's storage classes: {found}; missing is {wanted}.",
        ),
        Reason::IngressClasses { .. } => (
            "Ingress-Klassen des Clusters: {found}; es fehlt {wanted}.",
            "The cluster's ingress classes: {found}; missing is {wanted}.",
        ),
        Reason::Label { .. } => (
            "Das Etikett {what} ist {found}, verlangt ist {wanted}.",
            "The label {what} is {found}, wanted is {wanted}.",
        ),
        Reason::AllowedSites { .. } => (
            "Der Standort {found} gehört nicht zu den erlaubten: {wanted}.",
            "The site {found} is not among the allowed ones: {wanted}.",
        ),
        Reason::LicenceVeto { .. } => (
            "Der Plattformbetreiber lehnt wegen der Lizenz ab: {found}; verlangt ist {wanted}.",
            "The Plattformbetreiber refuses for the licence: {found}; wanted is {wanted}.",
        ),
        Reason::Consent { .. } => (
            "Einwilligung von {what}: {found}; verlangt ist {wanted}.",
            "The consent of {what}: {found}; wanted is {wanted}.",
        ),
        Reason::Secrets { .. } => (
            "Geheimnisse, die der Standort {what} öffnen kann: {found}; es fehlt {wanted}.",
            "Secrets that the site {what} can open: {found}; missing is {wanted}.",
        ),
        Reason::ExtendedResource { .. } | Reason::Capacity { .. } => {
            ("Frei an {what}: {found}; verlangt sind {wanted}.", "Free of {what}: {found}; wanted are {wanted}.")
        }
        Reason::Lease { .. } => (
            "Generation der Leihe: {found}; verlangt ist {wanted}.",
            "The lease's generation: {found}; wanted is {wanted}.",
        ),
        Reason::SameSite { .. } => (
            "Am Standort {found} ist schon eine Kopie ({what}); verlangt ist {wanted}.",
            "At the site {found} there is a copy already ({what}); wanted is {wanted}.",
        ),
        Reason::Distance { .. } => (
            "Der Abstand zu {what} ist {found}, verlangt sind {wanted}.",
            "The distance to {what} is {found}, wanted are {wanted}.",
        ),
    }
}

/// The whole sentence.
pub(crate) fn sentence(reason: &Reason, lang: Lang) -> String {
    fill(of(template(reason), lang), &what(reason, lang), &found(reason, lang), &wanted(reason, lang))
}

/// Puts the values into their places in one walk, so that a value with braces in it stays what it is.
fn fill(template: &str, what: &str, found: &str, wanted: &str) -> String {
    let mut text = String::with_capacity(template.len() + found.len() + wanted.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        text.push_str(match name {
            "what" => what,
            "found" => found,
            _ => wanted,
        });
        rest = behind;
    }
    text + rest
}

/// Of what the values are.
fn what(reason: &Reason, lang: Lang) -> String {
    match reason {
        Reason::OrganisationStanding { organisation, .. } => {
            organisation.as_ref().map_or_else(|| of(UNKNOWN, lang).to_owned(), ToString::to_string)
        }
        Reason::SiteLost { site } | Reason::Excluded { site } => site.to_string(),
        Reason::Evidence { kind, .. } => kind.to_string(),
        Reason::Label { key, .. } => key.clone(),
        Reason::Consent { customer, .. } => customer.to_string(),
        Reason::Secrets { site, .. } => site.to_string(),
        Reason::ExtendedResource { name, .. } => name.clone(),
        Reason::Capacity { resource, .. } => compute(*resource, lang).to_owned(),
        Reason::SameSite { other, .. } => other.to_string(),
        Reason::Distance { other, .. } => other.to_string(),
        _ => String::new(),
    }
}

/// What was found.
pub(crate) fn found(reason: &Reason, lang: Lang) -> String {
    match reason {
        Reason::SiteStanding { found } | Reason::OrganisationStanding { found, .. } => standing(*found, lang),
        Reason::SiteLost { .. } => of(LOST, lang).to_owned(),
        Reason::Excluded { .. } => of(EXCLUDED, lang).to_owned(),
        Reason::ClusterStanding { found } => match found {
            ClusterStanding::Active => of(ACTIVE, lang).to_owned(),
            ClusterStanding::Cordoned => of(CORDONED, lang).to_owned(),
        },
        Reason::NotObserved | Reason::ApiKinds { .. } => of(NOTHING, lang).to_owned(),
        Reason::NotReady { impairment } if impairment.is_empty() => of(NOT_READY, lang).to_owned(),
        Reason::NotReady { impairment } => format!("{} ({impairment})", of(NOT_READY, lang)),
        Reason::Zone { found, .. } => found.to_string(),
        Reason::Schutzbedarf { found, .. } => found.to_string(),
        Reason::Confidentiality { found, .. } => found.to_string(),
        Reason::Stage { found, .. } => found.to_string(),
        Reason::Country { found } => found.clone().unwrap_or_else(|| of(UNKNOWN, lang).to_owned()),
        Reason::PublicControl { found } => operator(*found, lang),
        Reason::Evidence { expired, .. } => expired.map_or_else(|| of(NEVER, lang).to_owned(), |end| ended(end, lang)),
        Reason::Networks { found, .. } => list(found, lang),
        Reason::Kubernetes { found, .. } => found.to_string(),
        Reason::ClusterKinds { found, .. } => list(found, lang),
        Reason::StorageClasses { found, .. } | Reason::IngressClasses { found, .. } => list(found, lang),
        Reason::Label { found, .. } => found.clone().unwrap_or_else(|| of(NOTHING, lang).to_owned()),
        Reason::AllowedSites { found, .. } => found.to_string(),
        Reason::LicenceVeto { reason } => reason.clone(),
        Reason::Consent { found, .. } => {
            found.as_ref().map_or_else(|| of(NO_CONSENT, lang).to_owned(), |sites| list(sites, lang))
        }
        Reason::Secrets { found, .. } => list(found, lang),
        Reason::ExtendedResource { found, .. } | Reason::Capacity { found, .. } => found.to_string(),
        Reason::Lease { closed } => closed.map_or_else(|| of(NO_LEASE, lang).to_owned(), |g| closed_lease(g, lang)),
        Reason::SameSite { site, .. } => site.to_string(),
        Reason::Distance { found, .. } => {
            found.map_or_else(|| of(UNKNOWN, lang).to_owned(), |kilometres| format!("{kilometres} km"))
        }
    }
}

/// What was wanted.
pub(crate) fn wanted(reason: &Reason, lang: Lang) -> String {
    match reason {
        Reason::SiteStanding { .. } | Reason::OrganisationStanding { .. } | Reason::ClusterStanding { .. } => {
            of(ACTIVE, lang).to_owned()
        }
        Reason::SiteLost { .. } => of(PRESENT, lang).to_owned(),
        Reason::Excluded { .. } => of(MEMBER, lang).to_owned(),
        Reason::NotObserved | Reason::NotReady { .. } => of(READY, lang).to_owned(),
        Reason::Zone { wanted, .. } => wanted.to_string(),
        Reason::Schutzbedarf { wanted, .. } => wanted.to_string(),
        Reason::Confidentiality { wanted, .. } => wanted.to_string(),
        Reason::Stage { wanted, .. } => wanted.to_string(),
        Reason::Country { .. } => "DE".to_owned(),
        Reason::PublicControl { .. } => of(PUBLIC, lang).to_owned(),
        Reason::Evidence { .. } => of(VALID, lang).to_owned(),
        Reason::Networks { missing, .. } => list(missing, lang),
        Reason::Kubernetes { min, max, .. } => range(*min, *max),
        Reason::ApiKinds { missing } | Reason::ClusterKinds { missing, .. } => list(missing, lang),
        Reason::StorageClasses { missing, .. } | Reason::IngressClasses { missing, .. } => list(missing, lang),
        Reason::Label { wanted, .. } => wanted.clone(),
        Reason::AllowedSites { wanted, .. } => list(wanted, lang),
        Reason::LicenceVeto { .. } => of(NO_VETO, lang).to_owned(),
        Reason::Consent { wanted, .. } => wanted.to_string(),
        Reason::Secrets { missing, .. } => list(missing, lang),
        Reason::ExtendedResource { wanted, .. } | Reason::Capacity { wanted, .. } => wanted.to_string(),
        Reason::Lease { .. } => of(OPEN, lang).to_owned(),
        Reason::SameSite { .. } => of(ANOTHER_SITE, lang).to_owned(),
        Reason::Distance { wanted, exception, .. } => match (exception, lang) {
            (false, _) => format!("{wanted} km"),
            (true, Lang::De) => format!("{wanted} km oder eine genehmigte Abweichung"),
            (true, Lang::En) => format!("{wanted} km or an approved exception"),
        },
    }
}

fn standing(standing: Option<Standing>, lang: Lang) -> String {
    let both = match standing {
        None => UNKNOWN,
        Some(Standing::Active) => ACTIVE,
        Some(Standing::Suspended) => SUSPENDED,
        Some(Standing::Excluded) => EXCLUDED,
    };
    of(both, lang).to_owned()
}

fn operator(operator: Option<Operator>, lang: Lang) -> String {
    let both = match operator {
        None => UNKNOWN,
        Some(Operator::Public) => PUBLIC,
        Some(Operator::Private) => PRIVATE,
    };
    of(both, lang).to_owned()
}

const fn compute(resource: Compute, lang: Lang) -> &'static str {
    let both = match resource {
        Compute::CpuMillis => ("Tausendstel CPU", "thousandths of a CPU"),
        Compute::MemoryBytes => ("Arbeitsspeicher (Byte)", "memory (bytes)"),
        Compute::StorageBytes => ("Speicherplatz (Byte)", "storage (bytes)"),
        Compute::Pods => ("Pods", "pods"),
    };
    of(both, lang)
}

/// Milliseconds are told as they are: local time is for the faces, which have a clock and a time zone.
fn ended(end: u64, lang: Lang) -> String {
    match lang {
        Lang::De => format!("abgelaufen (Unixzeit {} s)", end / 1000),
        Lang::En => format!("expired (Unix time {} s)", end / 1000),
    }
}

fn closed_lease(generation: u64, lang: Lang) -> String {
    match lang {
        Lang::De => format!("{generation}, beendet"),
        Lang::En => format!("{generation}, ended"),
    }
}

fn range(min: Option<KubernetesVersion>, max: Option<KubernetesVersion>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("{min} – {max}"),
        (Some(min), None) => format!("≥ {min}"),
        (None, Some(max)) => format!("≤ {max}"),
        (None, None) => "–".to_owned(),
    }
}

fn list<T: ToString>(items: &std::collections::BTreeSet<T>, lang: Lang) -> String {
    if items.is_empty() {
        return of(NOTHING, lang).to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
