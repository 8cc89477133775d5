//! Resources in the form that people and programs see. There is nothing secret in the state, so nothing is left out.

use serde::Serialize;
use serde_json::{Map, Value, json};
use verbund_model::resource::{InvitationUse, Versioned};
use verbund_model::view::{API_VERSION, Kind, Metadata, Resource};

use crate::instant::rfc3339;
use crate::object::{Object, Stored, name_of};

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
        }
    }

    /// Its name, unique within its kind.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Federation(held) => held.value.name.to_string(),
            Self::Organisation(held) => name_of(held),
            Self::Site(held) => name_of(held),
            Self::Node(held) => name_of(held),
            Self::User(held) => name_of(held),
            Self::RoleBinding(held) => name_of(held),
            Self::Key(held) => name_of(held),
            Self::Invitation(held) => name_of(held),
            Self::Admission(held) => name_of(held),
            Self::Proposal(held) => name_of(held),
            Self::Policy(held) => name_of(held),
            Self::CatalogueEntry(held) => name_of(held),
        }
    }

    /// Log index of its last change.
    #[must_use]
    pub fn version(&self) -> u64 {
        match self {
            Self::Federation(held) => held.version,
            Self::Organisation(held) => held.version,
            Self::Site(held) => held.version,
            Self::Node(held) => held.version,
            Self::User(held) => held.version,
            Self::RoleBinding(held) => held.version,
            Self::Key(held) => held.version,
            Self::Invitation(held) => held.version,
            Self::Admission(held) => held.version,
            Self::Proposal(held) => held.version,
            Self::Policy(held) => held.version,
            Self::CatalogueEntry(held) => held.version,
        }
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
            Self::Admission(held) => resource(held, &["approvals", "admitted"]),
            Self::Proposal(held) => resource(held, &["approvals", "coordinatorSetVersion", "done"]),
            Self::Policy(held) => resource(held, &[]),
            Self::CatalogueEntry(held) => resource(held, &[]),
        }
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
