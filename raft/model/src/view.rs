//! Resources as people and programs see them: the declarative form that Kubernetes users know (design 4).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The API version of every resource of this release.
pub const API_VERSION: &str = "verbund.de/v1";

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident, $plural:literal;)*) => {
        /// The kinds of resources. In URLs and on the command line they are named by their plural.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The plural for URLs and the command line.
            #[must_use]
            pub const fn plural(self) -> &'static str {
                match self { $(Self::$kind => $plural,)* }
            }

            /// The kind's own name, as in the field `kind`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind),)* }
            }
        }
    };
}

kinds! {
    /// The federation itself; its one resource is named like it.
    Federation, "federations";
    /// An organisation.
    Organisation, "organisations";
    /// A site.
    Site, "sites";
    /// A node, named by its id.
    Node, "nodes";
    /// A user, named `organisation.user`.
    User, "users";
    /// A role binding, named `organisation.user.role`.
    RoleBinding, "role-bindings";
    /// A registered key, named by its id.
    Key, "keys";
    /// An invitation, named by its one-time key's id.
    Invitation, "invitations";
    /// A request for admission, named by its hash.
    Admission, "admissions";
    /// A proposal of a coordinator, named by its hash.
    Proposal, "proposals";
    /// A policy.
    Policy, "policies";
    /// A catalogue entry.
    CatalogueEntry, "catalogue";
    /// A Kubernetes cluster.
    Cluster, "clusters";
    /// A workload.
    Workload, "workloads";
    /// Where a workload runs, named like it.
    Placement, "placements";
    /// A certificate or attestation.
    Evidence, "evidence";
    /// A cluster's lease, named like it.
    Lease, "leases";
    /// Whether a site is there, named like it.
    Presence, "presences";
    /// What voters found, named by its log index.
    Verdict, "verdicts";
    /// A change of where a workload runs.
    Change, "changes";
    /// Something that a Softwarebetreiber must know.
    Incident, "incidents";
    /// A deviation from a standard.
    Exception, "exceptions";
    /// A customer's consent, named by its workload.
    Consent, "consents";
    /// A Plattformbetreiber's refusal, named `site.workload`.
    LicenceVeto, "licence-vetoes";
    /// How long leases last; its one resource is named `timings`.
    Timings, "timings";
    /// A recorded directive, named by its hash.
    Directive, "directives";
    /// A sealed secret, named `workload.secret`.
    Secret, "secrets";
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no kind {got:?}: wanted one of {}", Kind::ALL.iter().map(|k| k.plural()).collect::<Vec<_>>().join(", "))]
pub struct KindError {
    /// The text that was given, cut to 80 characters.
    pub got: String,
}

impl FromStr for Kind {
    type Err = KindError;

    /// By plural (`sites`) or name (`Site`), the latter in any case.
    fn from_str(text: &str) -> Result<Self, KindError> {
        let found = Self::ALL.iter().find(|k| k.plural() == text || k.as_str().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| KindError { got: text.chars().take(80).collect() })
    }
}

/// Name, version and times of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Its name, unique within its kind.
    pub name: String,
    /// Log index of its last change, for compare-and-set.
    pub resource_version: u64,
    /// When it was created, RFC 3339, UTC, milliseconds.
    pub created: String,
    /// When it was last changed, RFC 3339, UTC, milliseconds.
    pub changed: String,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resource {
    /// [`API_VERSION`].
    pub api_version: String,
    /// Its kind.
    pub kind: Kind,
    /// Name, version, times.
    pub metadata: Metadata,
    /// What was asked for.
    pub spec: Value,
    /// What became of it; `null` where there is nothing to say.
    #[serde(default)]
    pub status: Value,
}

/// What happened to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is new.
    Created,
    /// It is another.
    Updated,
    /// It is gone.
    Deleted,
}

/// One change of one resource, as a watch reports it. Ordered by (`index`, position within the index).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Event {
    /// Log index of the entry that made the change.
    pub index: u64,
    /// Position among the changes of that entry, from 0.
    pub part: u32,
    /// What happened.
    pub change: Change,
    /// The resource after the change; for a deletion as it was before.
    pub resource: Resource,
}
