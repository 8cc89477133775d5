//! Any resource of the state, with its version: what reads, lists and watches hand out.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use verbund_model::resource::{
    Admission, CatalogueEntry, ChangeTicket, Cluster, Consent, Evidence, Exception, Federation, Incident, Invitation,
    Lease, LicenceVeto, Node, Organisation, Placement, Policy, Presence, Proposal, RecordedDirective, RegisteredKey,
    RoleBinding, SealedSecret, Site, TimingsInForce, User, UserRole, Verdict, Versioned, Workload,
};
use verbund_model::view::Kind;
use verbund_model::{
    CatalogueName, ClusterName, EvidenceName, ExceptionName, Hash, KeyId, NodeId, OrgName, PolicyName, SecretName,
    SiteName, TicketName, UserId, WorkloadName,
};

use crate::index::Index;
use crate::table::{Row, Table};
use crate::tables::Tables;

/// A resource as the state holds it: shared, so that copies cost nothing.
pub type Held<T> = Arc<Versioned<T>>;

/// A resource that people see: it has a kind, a name, a table.
pub(crate) trait Stored: Clone + PartialEq + Debug + Serialize + DeserializeOwned {
    /// The table's tag.
    const TAG: u8;
    /// The kind.
    const KIND: Kind;
    /// By what it is found.
    type Key: Ord + Clone + Debug + Serialize + DeserializeOwned;

    fn key(&self) -> Self::Key;
    /// The name as people write it; [`Stored::parse`] reads it.
    fn name(key: &Self::Key) -> String;
    fn parse(name: &str) -> Option<Self::Key>;
    fn object(held: Held<Self>) -> Object;
    fn table(tables: &Tables) -> &Table<Held<Self>>;
    fn table_mut(tables: &mut Tables) -> &mut Table<Held<Self>>;

    /// Enters the resource into the indexes derived from the tables (`present`), or strikes it out.
    fn index(&self, _index: &mut Index, _present: bool) {}
}

impl<T: Stored> Row for Held<T> {
    const TAG: u8 = T::TAG;
    type Key = T::Key;
}

/// A resource of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// The federation.
    Federation(Held<Federation>),
    /// An organisation.
    Organisation(Held<Organisation>),
    /// A site.
    Site(Held<Site>),
    /// A node.
    Node(Held<Node>),
    /// A user.
    User(Held<User>),
    /// A role binding.
    RoleBinding(Held<RoleBinding>),
    /// A registered key.
    Key(Held<RegisteredKey>),
    /// An invitation.
    Invitation(Held<Invitation>),
    /// A request for admission.
    Admission(Held<Admission>),
    /// A proposal.
    Proposal(Held<Proposal>),
    /// A policy.
    Policy(Held<Policy>),
    /// A catalogue entry.
    CatalogueEntry(Held<CatalogueEntry>),
    /// A cluster.
    Cluster(Held<Cluster>),
    /// A workload.
    Workload(Held<Workload>),
    /// A placement.
    Placement(Held<Placement>),
    /// An evidence.
    Evidence(Held<Evidence>),
    /// A cluster's lease.
    Lease(Held<Lease>),
    /// A site's presence.
    Presence(Held<Presence>),
    /// A verdict.
    Verdict(Held<Verdict>),
    /// A change.
    Change(Held<ChangeTicket>),
    /// An incident.
    Incident(Held<Incident>),
    /// An exception.
    Exception(Held<Exception>),
    /// A consent.
    Consent(Held<Consent>),
    /// A licence veto.
    LicenceVeto(Held<LicenceVeto>),
    /// The timings.
    Timings(Held<TimingsInForce>),
    /// A recorded directive.
    Directive(Held<RecordedDirective>),
    /// A sealed secret.
    Secret(Held<SealedSecret>),
}

/// Does one thing with whatever an object holds.
macro_rules! with_held {
    ($object:expr, $held:ident => $what:expr) => {
        match $object {
            $crate::object::Object::Federation($held) => $what,
            $crate::object::Object::Organisation($held) => $what,
            $crate::object::Object::Site($held) => $what,
            $crate::object::Object::Node($held) => $what,
            $crate::object::Object::User($held) => $what,
            $crate::object::Object::RoleBinding($held) => $what,
            $crate::object::Object::Key($held) => $what,
            $crate::object::Object::Invitation($held) => $what,
            $crate::object::Object::Admission($held) => $what,
            $crate::object::Object::Proposal($held) => $what,
            $crate::object::Object::Policy($held) => $what,
            $crate::object::Object::CatalogueEntry($held) => $what,
            $crate::object::Object::Cluster($held) => $what,
            $crate::object::Object::Workload($held) => $what,
            $crate::object::Object::Placement($held) => $what,
            $crate::object::Object::Evidence($held) => $what,
            $crate::object::Object::Lease($held) => $what,
            $crate::object::Object::Presence($held) => $what,
            $crate::object::Object::Verdict($held) => $what,
            $crate::object::Object::Change($held) => $what,
            $crate::object::Object::Incident($held) => $what,
            $crate::object::Object::Exception($held) => $what,
            $crate::object::Object::Consent($held) => $what,
            $crate::object::Object::LicenceVeto($held) => $what,
            $crate::object::Object::Timings($held) => $what,
            $crate::object::Object::Directive($held) => $what,
            $crate::object::Object::Secret($held) => $what,
        }
    };
}
pub(crate) use with_held;

/// Calls a generic function with the type of a kind's resources.
macro_rules! with_type {
    ($kind:expr, $function:ident($($argument:expr),*)) => {
        match $kind {
            verbund_model::view::Kind::Federation => $function::<verbund_model::resource::Federation>($($argument),*),
            verbund_model::view::Kind::Organisation => $function::<verbund_model::resource::Organisation>($($argument),*),
            verbund_model::view::Kind::Site => $function::<verbund_model::resource::Site>($($argument),*),
            verbund_model::view::Kind::Node => $function::<verbund_model::resource::Node>($($argument),*),
            verbund_model::view::Kind::User => $function::<verbund_model::resource::User>($($argument),*),
            verbund_model::view::Kind::RoleBinding => $function::<verbund_model::resource::RoleBinding>($($argument),*),
            verbund_model::view::Kind::Key => $function::<verbund_model::resource::RegisteredKey>($($argument),*),
            verbund_model::view::Kind::Invitation => $function::<verbund_model::resource::Invitation>($($argument),*),
            verbund_model::view::Kind::Admission => $function::<verbund_model::resource::Admission>($($argument),*),
            verbund_model::view::Kind::Proposal => $function::<verbund_model::resource::Proposal>($($argument),*),
            verbund_model::view::Kind::Policy => $function::<verbund_model::resource::Policy>($($argument),*),
            verbund_model::view::Kind::CatalogueEntry => $function::<verbund_model::resource::CatalogueEntry>($($argument),*),
            verbund_model::view::Kind::Cluster => $function::<verbund_model::resource::Cluster>($($argument),*),
            verbund_model::view::Kind::Workload => $function::<verbund_model::resource::Workload>($($argument),*),
            verbund_model::view::Kind::Placement => $function::<verbund_model::resource::Placement>($($argument),*),
            verbund_model::view::Kind::Evidence => $function::<verbund_model::resource::Evidence>($($argument),*),
            verbund_model::view::Kind::Lease => $function::<verbund_model::resource::Lease>($($argument),*),
            verbund_model::view::Kind::Presence => $function::<verbund_model::resource::Presence>($($argument),*),
            verbund_model::view::Kind::Verdict => $function::<verbund_model::resource::Verdict>($($argument),*),
            verbund_model::view::Kind::Change => $function::<verbund_model::resource::ChangeTicket>($($argument),*),
            verbund_model::view::Kind::Incident => $function::<verbund_model::resource::Incident>($($argument),*),
            verbund_model::view::Kind::Exception => $function::<verbund_model::resource::Exception>($($argument),*),
            verbund_model::view::Kind::Consent => $function::<verbund_model::resource::Consent>($($argument),*),
            verbund_model::view::Kind::LicenceVeto => $function::<verbund_model::resource::LicenceVeto>($($argument),*),
            verbund_model::view::Kind::Timings => $function::<verbund_model::resource::TimingsInForce>($($argument),*),
            verbund_model::view::Kind::Directive => $function::<verbund_model::resource::RecordedDirective>($($argument),*),
            verbund_model::view::Kind::Secret => $function::<verbund_model::resource::SealedSecret>($($argument),*),
        }
    };
}
pub(crate) use with_type;

/// The name of what is held.
pub(crate) fn name_of<T: Stored>(held: &Held<T>) -> String {
    T::name(&held.value.key())
}

macro_rules! stored {
    ($type:ident, $variant:ident, $tag:literal, $field:ident, $key:ty, $of:expr, $name:expr, $parse:expr $(, $index:expr)?) => {
        impl Stored for $type {
            const TAG: u8 = $tag;
            const KIND: Kind = Kind::$variant;
            type Key = $key;

            fn key(&self) -> $key {
                let of: fn(&Self) -> $key = $of;
                of(self)
            }

            fn name(key: &$key) -> String {
                let name: fn(&$key) -> String = $name;
                name(key)
            }

            fn parse(name: &str) -> Option<$key> {
                let parse: fn(&str) -> Option<$key> = $parse;
                parse(name)
            }

            fn object(held: Held<Self>) -> Object {
                Object::$variant(held)
            }

            fn table(tables: &Tables) -> &Table<Held<Self>> {
                &tables.$field
            }

            fn table_mut(tables: &mut Tables) -> &mut Table<Held<Self>> {
                &mut tables.$field
            }

            $(fn index(&self, index: &mut Index, present: bool) {
                let enter: fn(&Self, &mut Index, bool) = $index;
                enter(self, index, present);
            })?
        }
    };
}

// Tags are part of the state's hash and of snapshots: none is ever changed or given again.
stored!(Federation, Federation, 1, federation, (), |_| (), |()| "federation".to_owned(), |_| Some(()));
stored!(
    Organisation,
    Organisation,
    2,
    organisations,
    OrgName,
    |o| o.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::organisation
);
stored!(Site, Site, 3, sites, SiteName, |s| s.name.clone(), ToString::to_string, |n| n.parse().ok(), Index::site);
stored!(Node, Node, 4, nodes, NodeId, |n| n.id, ToString::to_string, |n| n.parse().ok());
stored!(
    User,
    User,
    5,
    users,
    (OrgName, UserId),
    |u| (u.organisation.clone(), u.id.clone()),
    |(organisation, user)| format!("{organisation}.{user}"),
    parse_user,
    Index::user
);
stored!(
    RoleBinding,
    RoleBinding,
    6,
    role_bindings,
    (OrgName, UserId, UserRole),
    |b| (b.organisation.clone(), b.user.clone(), b.role),
    |(organisation, user, role)| format!("{organisation}.{user}.{}", role_name(*role)),
    parse_binding,
    Index::role_binding
);
stored!(RegisteredKey, Key, 7, keys, KeyId, |k| k.id, ToString::to_string, |n| n.parse().ok(), Index::key);
stored!(
    Invitation,
    Invitation,
    8,
    invitations,
    KeyId,
    |i| verbund_identity::key_id(&i.key),
    ToString::to_string,
    |n| n.parse().ok()
);
stored!(Admission, Admission, 9, admissions, Hash, |a| a.hash, ToString::to_string, |n| n.parse().ok());
stored!(Proposal, Proposal, 10, proposals, Hash, |p| p.hash, ToString::to_string, |n| n.parse().ok());
stored!(Policy, Policy, 11, policies, PolicyName, |p| p.name.clone(), ToString::to_string, |n| n.parse().ok());
stored!(
    CatalogueEntry,
    CatalogueEntry,
    12,
    catalogue,
    CatalogueName,
    |e| e.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::catalogue_entry
);
stored!(
    Cluster,
    Cluster,
    13,
    clusters,
    ClusterName,
    |c| c.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::cluster
);
stored!(
    Workload,
    Workload,
    14,
    workloads,
    WorkloadName,
    |w| w.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::workload
);
stored!(
    Placement,
    Placement,
    15,
    placements,
    WorkloadName,
    |p| p.workload.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::placement
);
stored!(
    Evidence,
    Evidence,
    16,
    evidence,
    EvidenceName,
    |e| e.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::evidence
);
stored!(
    Lease,
    Lease,
    17,
    leases,
    ClusterName,
    |l| l.cluster.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::lease
);
stored!(
    Presence,
    Presence,
    18,
    presences,
    SiteName,
    |p| p.site.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::presence
);
stored!(Verdict, Verdict, 19, verdicts, u64, |v| v.index, ToString::to_string, parse_number, Index::verdict);
stored!(
    ChangeTicket,
    Change,
    20,
    changes,
    TicketName,
    |c| c.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::change
);
stored!(
    Incident,
    Incident,
    21,
    incidents,
    TicketName,
    |i| i.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::incident
);
stored!(
    Exception,
    Exception,
    22,
    exceptions,
    ExceptionName,
    |e| e.name.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::exception
);
stored!(
    Consent,
    Consent,
    23,
    consents,
    WorkloadName,
    |c| c.workload.clone(),
    ToString::to_string,
    |n| n.parse().ok(),
    Index::consent
);
stored!(
    LicenceVeto,
    LicenceVeto,
    24,
    licence_vetoes,
    (SiteName, WorkloadName),
    |v| (v.site.clone(), v.workload.clone()),
    |(site, workload)| format!("{site}.{workload}"),
    parse_veto,
    Index::licence_veto
);
stored!(TimingsInForce, Timings, 25, timings, (), |_| (), |()| "timings".to_owned(), |n| (n == "timings")
    .then_some(()));
stored!(RecordedDirective, Directive, 26, directives, Hash, |d| d.hash, ToString::to_string, |n| n.parse().ok());
stored!(
    SealedSecret,
    Secret,
    30,
    secrets,
    (WorkloadName, SecretName),
    |s| (s.workload.clone(), s.name.clone()),
    |(workload, name)| format!("{workload}.{name}"),
    parse_secret,
    Index::secret
);

/// The roles that a user may have, each with its name in texts.
pub(crate) const USER_ROLES: [(UserRole, &str); 6] = [
    (UserRole::Administrator, "administrator"),
    (UserRole::Plattformbetreiber, "plattformbetreiber"),
    (UserRole::Softwarebetreiber, "softwarebetreiber"),
    (UserRole::CloudServiceAnbieter, "cloud-service-anbieter"),
    (UserRole::CloudServiceKunde, "cloud-service-kunde"),
    (UserRole::Auditor, "auditor"),
];

/// A role's name, as in JSON.
pub(crate) const fn role_name(role: UserRole) -> &'static str {
    match role {
        UserRole::Administrator => "administrator",
        UserRole::Plattformbetreiber => "plattformbetreiber",
        UserRole::Softwarebetreiber => "softwarebetreiber",
        UserRole::CloudServiceAnbieter => "cloud-service-anbieter",
        UserRole::CloudServiceKunde => "cloud-service-kunde",
        UserRole::Auditor => "auditor",
    }
}

fn parse_user(name: &str) -> Option<(OrgName, UserId)> {
    let (organisation, user) = name.split_once('.')?;
    Some((organisation.parse().ok()?, user.parse().ok()?))
}

fn parse_veto(name: &str) -> Option<(SiteName, WorkloadName)> {
    let (site, workload) = name.split_once('.')?;
    Some((site.parse().ok()?, workload.parse().ok()?))
}

fn parse_secret(name: &str) -> Option<(WorkloadName, SecretName)> {
    let (workload, secret) = name.split_once('.')?;
    Some((workload.parse().ok()?, secret.parse().ok()?))
}

/// A number in its one text form.
fn parse_number(name: &str) -> Option<u64> {
    name.parse().ok().filter(|number: &u64| number.to_string() == name)
}

fn parse_binding(name: &str) -> Option<(OrgName, UserId, UserRole)> {
    let (user, role) = name.rsplit_once('.')?;
    let (organisation, user) = parse_user(user)?;
    let role = USER_ROLES.iter().find(|(_, name)| *name == role)?.0;
    Some((organisation, user, role))
}

/// How refusals speak of a resource: `site nord`. Part of the audit chain, so these words stay.
pub(crate) fn label<T: Stored>(key: &T::Key) -> String {
    let word = match T::KIND {
        Kind::Federation => return "the federation".to_owned(),
        Kind::Organisation => "organisation",
        Kind::Site => "site",
        Kind::Node => "node",
        Kind::User => "user",
        Kind::RoleBinding => "role binding",
        Kind::Key => "key",
        Kind::Invitation => "invitation",
        Kind::Admission => "admission",
        Kind::Proposal => "proposal",
        Kind::Policy => "policy",
        Kind::CatalogueEntry => "catalogue entry",
        Kind::Cluster => "cluster",
        Kind::Workload => "workload",
        Kind::Placement => "the placement of workload",
        Kind::Evidence => "evidence",
        Kind::Lease => "the lease of cluster",
        Kind::Presence => "the presence of site",
        Kind::Verdict => "verdict",
        Kind::Change => "change",
        Kind::Incident => "incident",
        Kind::Exception => "exception",
        Kind::Consent => "the consent for workload",
        Kind::LicenceVeto => "licence veto",
        Kind::Timings => return "the timings".to_owned(),
        Kind::Directive => "directive",
        Kind::Secret => "secret",
    };
    format!("{word} {}", T::name(key))
}
