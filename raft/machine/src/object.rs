//! Any resource of the state, with its version: what reads, lists and watches hand out.

use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use verbund_model::resource::{
    Admission, CatalogueEntry, Federation, Invitation, Node, Organisation, Policy, Proposal, RegisteredKey,
    RoleBinding, Site, User, UserRole, Versioned,
};
use verbund_model::view::Kind;
use verbund_model::{CatalogueName, Hash, KeyId, NodeId, OrgName, PolicyName, SiteName, UserId};

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
}

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
stored!(Site, Site, 3, sites, SiteName, |s| s.name.clone(), ToString::to_string, |n| n.parse().ok());
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
    };
    format!("{word} {}", T::name(key))
}
