//! Resources in the form that people and programs see. What is secret is sealed before it comes into the state,
//! so nothing is left out.

use serde::Serialize;
use serde_json::{Map, Value, json};
use verbund_model::instant::rfc3339;
use verbund_model::resource::{InvitationUse, Versioned};
use verbund_model::view::{API_VERSION, Kind, Metadata, Resource};

use crate::object::{Object, Stored, name_of, with_held};

impl Object {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Federation(_) => Kind::Federation,
            Self::Organisation(_) => Kind::Organisation,
            Self::Site(_) => Kind::Site,
            Self::Node(_) => Kind::Node,
            Self::User(_) => Kind::User,
            Self::RoleBinding(_) => Kind::RoleBinding,
            Self::Key(_) => Kind::Key,
            Self::Invitation(_) => Kind::Invitation,
            Self::Admission(_) => Kind::Admission,
            Self::Proposal(_) => Kind::Proposal,
            Self::Policy(_) => Kind::Policy,
            Self::CatalogueEntry(_) => Kind::CatalogueEntry,
            Self::Cluster(_) => Kind::Cluster,
            Self::Workload(_) => Kind::Workload,
            Self::Placement(_) => Kind::Placement,
            Self::Evidence(_) => Kind::Evidence,
            Self::Lease(_) => Kind::Lease,
            Self::Presence(_) => Kind::Presence,
            Self::Verdict(_) => Kind::Verdict,
            Self::Change(_) => Kind::Change,
            Self::Incident(_) => Kind::Incident,
            Self::Exception(_) => Kind::Exception,
            Self::Consent(_) => Kind::Consent,
            Self::LicenceVeto(_) => Kind::LicenceVeto,
            Self::Timings(_) => Kind::Timings,
            Self::Directive(_) => Kind::Directive,
            Self::Secret(_) => Kind::Secret,
        }
    }

    /// Its name, unique within its kind.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Federation(held) => held.value.name.to_string(),
            other => with_held!(other, held => name_of(held)),
        }
    }

    /// Log index of its last change.
    #[must_use]
    pub fn version(&self) -> u64 {
        with_held!(self, held => held.version)
    }

    /// The resource in its declarative form. What the federation found out about it, and its author did not ask for,
    /// stands in `status`.
    #[must_use]
    pub fn render(&self) -> Resource {
        match self {
            Self::Federation(held) => {
                let mut resource = resource(held, &["id", "generation"]);
                resource.metadata.name = held.value.name.to_string();
                resource
            }
            Self::Organisation(held) => resource(held, &["standing"]),
            Self::Site(held) => resource(held, &["standing"]),
            Self::Node(held) => resource(held, &["standing"]),
            Self::User(held) => resource(held, &[]),
            Self::RoleBinding(held) => resource(held, &[]),
            Self::Key(held) => resource(held, &["revoked"]),
            Self::Invitation(held) => {
                let mut resource = resource(held, &["used", "invitedBy"]);
                set(&mut resource.spec, "expires", json!(rfc3339(held.value.expires)));
                set(&mut resource.status, "used", use_of(&held.value.used));
                resource
            }
            Self::Admission(held) => resource(held, &["approvals", "admitted", "refused"]),
            Self::Proposal(held) => resource(held, &["approvals", "coordinatorSetVersion", "done"]),
            Self::Policy(held) => resource(held, &[]),
            Self::CatalogueEntry(held) => resource(held, &[]),
            Self::Cluster(held) => flat(held, &["standing", "observation", "agent", "incarnation"]),
            Self::Workload(held) => flat(held, &["deleting"]),
            Self::Placement(held) => resource(held, &["epoch", "copies", "waiting", "cause", "home", "change"]),
            Self::Evidence(held) => {
                let mut resource = resource(held, &[]);
                set(&mut resource.spec, "validUntil", json!(rfc3339(held.value.valid_until)));
                resource
            }
            Self::Lease(held) => resource(held, &["generation", "open", "openedAt"]),
            Self::Presence(held) => resource(held, &["number", "lost"]),
            Self::Verdict(held) => resource(held, &["by", "remaining", "index"]),
            Self::Change(held) => resource(held, &["closed", "kind", "review"]),
            Self::Incident(held) => resource(held, &["awaits", "resolved"]),
            Self::Exception(held) => {
                let mut resource = resource(held, &["approvals"]);
                set(&mut resource.spec, "until", json!(rfc3339(held.value.until)));
                resource
            }
            Self::Consent(held) => resource(held, &[]),
            Self::LicenceVeto(held) => resource(held, &[]),
            Self::Timings(held) => resource(held, &["leaseBefore", "marginBefore"]),
            Self::Secret(held) => {
                let mut resource = resource(held, &["exposed", "valuesSince"]);
                lift(&mut resource, "sealed");
                resource
            }
            Self::Directive(held) => {
                let mut resource = resource(held, &["beside"]);
                set(&mut resource.spec, "issued", json!(rfc3339(held.value.issued)));
                resource
            }
        }
    }
}

/// The same as [`resource`], with the fields of the value's own `spec` beside the others, as people write them.
fn flat<T: Stored>(held: &Versioned<T>, status: &[&str]) -> Resource {
    let mut resource = resource(held, status);
    lift(&mut resource, "spec");
    resource
}

/// Puts the fields of one field beside it, in its place.
fn lift(resource: &mut Resource, field: &str) {
    if let Value::Object(fields) = &mut resource.spec
        && let Some(Value::Object(inner)) = fields.remove(field)
    {
        fields.extend(inner);
    }
}

fn use_of(used: &InvitationUse) -> Value {
    match used {
        InvitationUse::Open => json!({"state": "open"}),
        InvitationUse::Revoked => json!({"state": "revoked"}),
        InvitationUse::Used { request } => json!({"state": "used", "request": request}),
    }
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(field.to_owned(), value);
    }
}

/// The fields of the value: those named in `status` go there, those that the name says already go nowhere.
fn resource<T: Stored>(held: &Versioned<T>, status: &[&str]) -> Resource {
    let mut spec = fields(&held.value);
    let reported: Map<String, Value> =
        status.iter().filter_map(|field| spec.remove(*field).map(|value| ((*field).to_owned(), value))).collect();
    for field in ["name", "id", "hash"] {
        spec.remove(field);
    }
    Resource {
        api_version: API_VERSION.to_owned(),
        kind: T::KIND,
        metadata: Metadata {
            name: T::name(&held.value.key()),
            resource_version: held.version,
            created: rfc3339(held.created),
            changed: rfc3339(held.changed),
        },
        spec: Value::Object(spec),
        status: if reported.is_empty() { Value::Null } else { Value::Object(reported) },
    }
}

fn fields(value: &impl Serialize) -> Map<String, Value> {
    // Every resource is a structure with named fields and no failing serialiser.
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
