//! What documents of the kinds that concern placements say, as commands. A mistake is told with the path of its field, what
//! was found and what is allowed.

mod chart;
mod facts;
mod manifests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use verbund_model::resource::{
    ClusterSpec, Consent, Evidence, EvidenceKind, EvidenceSubject, LicenceVeto, Millis, SiteFacts, Timings, Workload,
    WorkloadSpec,
};
use verbund_model::view::Kind;
use verbund_model::{Command, Hash, OrgName, SiteName, TicketName, WorkloadName};

use self::chart::Chart;
use crate::t;

/// Where a document comes from, and what it leaves to the command line.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    /// The directory of its file: paths within it are relative to that.
    pub directory: &'a Path,
    /// The organisation where it names none.
    pub organisation: Option<&'a OrgName>,
}

/// Reads a `spec` strictly. Errors: the path of the field and what is wrong with it.
pub fn read<T: DeserializeOwned>(spec: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(spec).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "spec".to_owned() } else { format!("spec.{path}") };
        format!("{field}: {}", error.inner())
    })
}

/// A name in its place.
pub fn named<T: std::str::FromStr<Err: ToString>>(name: &str) -> Result<T, String> {
    name.parse().map_err(|error: T::Err| format!("metadata.name: {}", error.to_string()))
}

/// A time in RFC 3339, or milliseconds since 1970.
fn time(field: &str, value: &Value) -> Result<Millis, String> {
    let found = value.as_u64().or_else(|| {
        let time: jiff::Timestamp = value.as_str()?.parse().ok()?;
        u64::try_from(time.as_millisecond()).ok()
    });
    found.ok_or_else(|| t!("document-time", field = field, found = value.to_string()))
}

/// What a workload's document says. Its own fields, and those of [`WorkloadSpec`].
pub fn workload(name: &str, mut spec: Value, origin: Origin<'_>) -> Result<Workload, String> {
    let fields = spec.as_object_mut().ok_or_else(|| t!("document-object", field = "spec"))?;
    let organisation = match fields.remove("organisation") {
        Some(value) => at("organisation", value)?,
        None => origin.organisation.cloned().ok_or_else(|| t!("apply-no-organisation"))?,
    };
    let customer = fields.remove("customer").map(|value| at("customer", value)).transpose()?.flatten();
    let name: WorkloadName = named(name)?;
    let (files, chart) = (fields.remove("manifestFiles"), fields.remove("chart"));
    if files.is_some() || chart.is_some() {
        let mut all = match fields.remove("manifests") {
            None => Vec::new(),
            Some(Value::Array(inline)) => inline,
            Some(_) => return Err(t!("document-list", field = "spec.manifests")),
        };
        if let Some(files) = files {
            let files: Vec<String> = at("manifestFiles", files)?;
            all = manifests::with_files(all, &files, origin.directory)?;
        }
        if let Some(chart) = chart {
            let chart: Chart = at("chart", chart)?;
            let version = &fields.get("requirements").map_or(&Value::Null, |wanted| &wanted["kubernetesMin"]);
            let version = version["major"].as_u64().zip(version["minor"].as_u64());
            let version = version.map(|(major, minor)| format!("{major}.{minor}"));
            let rendered = chart.render(name.as_str(), version.as_deref(), origin.directory);
            all.extend(rendered.map_err(|reason| format!("spec.chart: {reason}"))?);
        }
        fields.insert("manifests".to_owned(), Value::Array(all));
    }
    let spec: WorkloadSpec = read(spec)?;
    Ok(Workload { name, organisation, customer, spec, deleting: false })
}

/// One field of a spec.
fn at<T: DeserializeOwned>(field: &str, value: Value) -> Result<T, String> {
    read::<T>(value).map_err(|reason| reason.replacen("spec", &format!("spec.{field}"), 1))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EvidenceFields {
    subject: EvidenceSubject,
    kind: EvidenceKind,
    issuer: String,
    document: Hash,
    valid_until: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConsentFields {
    customer: OrgName,
    workload: Option<WorkloadName>,
    #[serde(default)]
    sites: BTreeSet<SiteName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExceptionFields {
    rule: String,
    workload: WorkloadName,
    reason: String,
    until: Value,
}

/// `organisation` follows from the workload, and is not looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChangeFields {
    workload: WorkloadName,
    description: String,
    #[serde(default, rename = "organisation")]
    _organisation: Option<OrgName>,
}

/// The command that makes a resource as its document says; `None` for kinds that are not read here. A cluster's agent key
/// and its site are those it has: the caller puts them in ([`Wish::Cluster`]).
pub fn wish(kind: Kind, name: &str, spec: &Value, origin: Origin<'_>) -> Result<Option<Wish>, String> {
    let spec = spec.clone();
    let command = match kind {
        Kind::Workload => return workload(name, spec, origin).map(|w| Some(Wish::Workload(Box::new(w)))),
        Kind::Cluster => return cluster(name, spec).map(Some),
        Kind::Site => return site(name, spec).map(|commands| Some(Wish::Commands(commands))),
        Kind::Organisation => return organisation(name, spec).map(|command| Some(Wish::Commands(vec![command]))),
        Kind::Evidence => {
            let EvidenceFields { subject, kind, issuer, document, valid_until } = read(spec)?;
            let valid_until = time("spec.validUntil", &valid_until)?;
            let evidence = Evidence { name: named(name)?, subject, kind, issuer, document, valid_until };
            Command::ApplyEvidence { evidence }
        }
        Kind::Consent => {
            let ConsentFields { customer, workload, sites } = read(spec)?;
            let wanted = named::<WorkloadName>(name)?;
            if let Some(other) = workload.filter(|workload| *workload != wanted) {
                return Err(t!(
                    "document-other-name",
                    field = "spec.workload",
                    found = other.to_string(),
                    wanted = name
                ));
            }
            Command::GiveConsent { consent: Consent { customer, workload: wanted, sites } }
        }
        Kind::LicenceVeto => {
            let veto: LicenceVeto = read(spec)?;
            let wanted = format!("{}.{}", veto.site, veto.workload);
            if name != wanted {
                return Err(t!("document-other-name", field = "metadata.name", found = name, wanted = wanted));
            }
            Command::SetLicenceVeto { veto }
        }
        Kind::Exception => {
            let ExceptionFields { rule, workload, reason, until } = read(spec)?;
            let until = time("spec.until", &until)?;
            Command::RequestException { name: named(name)?, rule, workload, reason, until }
        }
        Kind::Change => {
            let ChangeFields { workload, description, .. } = read(spec)?;
            Command::OpenChange { name: named::<TicketName>(name)?, workload, description }
        }
        Kind::Timings => {
            let read: TimingsFields = read(spec)?;
            let action = verbund_model::resource::Action::SetTimings { timings: read.timings };
            Command::Propose { action }
        }
        // A document would hold values in clear, or what was sealed for one revision only.
        Kind::Secret => return Err(t!("apply-use", command = "verbund secret set")),
        _ => return Ok(None),
    };
    Ok(Some(Wish::Commands(vec![command])))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimingsFields {
    timings: Timings,
}

/// What a document asks for.
#[derive(Clone, Debug)]
pub enum Wish {
    /// These changes, one after the other.
    Commands(Vec<Command>),
    /// A workload, of which the plan may have been looked at before.
    Workload(Box<Workload>),
    /// Another description of a cluster that is there already.
    Cluster {
        /// Its site, if the document says it: a cluster never moves.
        site: Option<SiteName>,
        /// What it is like.
        spec: Box<ClusterSpec>,
    },
}

fn cluster(name: &str, mut spec: Value) -> Result<Wish, String> {
    named::<verbund_model::ClusterName>(name)?;
    let fields = spec.as_object_mut().ok_or_else(|| t!("document-object", field = "spec"))?;
    let site = fields.remove("site").map(|value| at("site", value)).transpose()?;
    Ok(Wish::Cluster { site, spec: Box::new(read(spec)?) })
}

/// Of an organisation its windows and freezes can be changed so; the rest of what `get` prints may stand there.
fn organisation(name: &str, mut spec: Value) -> Result<Command, String> {
    let organisation: OrgName = named(name)?;
    let fields = spec.as_object_mut().ok_or_else(|| t!("document-object", field = "spec"))?;
    let known = ["maintenance", "displayName", "roles", "parent"];
    if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(t!("document-unknown", field = format!("spec.{unknown}"), allowed = "maintenance"));
    }
    let given = fields.remove("maintenance").ok_or_else(|| t!("apply-use", command = "verbund org create"))?;
    Ok(Command::SetOrganisationMaintenance { organisation, maintenance: at("maintenance", given)? })
}

/// Of a site the Land, the facts, and its windows and freezes can be changed; the rest of what `get` prints may stand there.
fn site(name: &str, mut spec: Value) -> Result<Vec<Command>, String> {
    let site: SiteName = named(name)?;
    let fields = spec.as_object_mut().ok_or_else(|| t!("document-object", field = "spec"))?;
    let unknown = fields.keys().find(|key| {
        let shown = ["organisation", "anchors", "issuingKey", "authorities", "retired", "sealingKey"];
        !["land", "facts", "maintenance"].contains(&key.as_str()) && !shown.contains(&key.as_str())
    });
    if let Some(unknown) = unknown {
        return Err(t!("document-unknown", field = format!("spec.{unknown}"), allowed = "land, facts, maintenance"));
    }
    let mut commands = Vec::new();
    if let Some(land) = fields.remove("land") {
        commands.push(Command::UpdateSite { site: site.clone(), land: at("land", land)? });
    }
    if let Some(given) = fields.remove("facts").filter(|facts| !facts.is_null()) {
        let facts: SiteFacts = at("facts", facts::in_millionths(given)?)?;
        commands.push(Command::SetSiteFacts { site: site.clone(), facts });
    }
    if let Some(given) = fields.remove("maintenance") {
        commands.push(Command::SetSiteMaintenance { site, maintenance: at("maintenance", given)? });
    }
    if commands.is_empty() {
        return Err(t!("document-nothing", allowed = "land, facts, maintenance"));
    }
    Ok(commands)
}

/// A workload in the form in which `get` shows its spec, for comparing.
#[must_use]
pub fn shown(workload: &Workload) -> Value {
    let mut spec = json!(workload.spec);
    if let Some(fields) = spec.as_object_mut() {
        fields.insert("organisation".to_owned(), json!(workload.organisation));
        fields.insert("customer".to_owned(), json!(workload.customer));
    }
    spec
}
