//! All tables of the state.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_model::resource::{
    Admission, CatalogueEntry, ChangeTicket, Cluster, Consent, Evidence, Exception, Federation, Incident, Invitation,
    Lease, LicenceVeto, Node, Organisation, Placement, Policy, Presence, Proposal, RecordedDirective, RegisteredKey,
    RoleBinding, SealedSecret, Site, TimingsInForce, User, Verdict, Workload,
};
use verbund_model::{Hash, KeyId, NodeId, OrgName, SiteName, WorkloadName};

use crate::index::Index;
use crate::log::{LogId, Membership};
use crate::object::{Held, Stored};
use crate::session::{Answer, InvitationAnswer, LastSession, Session};
use crate::sum::Sum;
use crate::table::{Row, Table, row_bytes};

/// What a site's trust anchors and issuing CA have that no other site's may have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Mark {
    /// The id of a CA's key.
    Key(KeyId),
    /// SHA-256 of an anchor's subject, DER.
    Subject(Hash),
}

/// Whose a mark is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marked(pub(crate) SiteName);

impl Row for Marked {
    const TAG: u8 = 36;
    type Key = Mark;
}

/// The voters that the plan wanted from an index on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Target(pub(crate) BTreeSet<NodeId>);

impl Row for Target {
    const TAG: u8 = 37;
    type Key = u64;
}

/// What there is one of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Single {
    /// The last membership applied.
    pub(crate) membership: Membership,
    /// Where a set of voters last changed.
    pub(crate) membership_id: LogId,
    /// How many node ids were minted in this federation generation.
    pub(crate) nodes_minted: u32,
    /// Which formats and behaviour are switched on.
    pub(crate) format: u32,
}

impl Row for Single {
    const TAG: u8 = 38;
    type Key = ();
}

/// The last epoch of a workload that was deleted: should its name come again, its epochs go on from there (I6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastEpoch(pub(crate) u64);

impl Row for LastEpoch {
    const TAG: u8 = 39;
    type Key = WorkloadName;
}

/// What was excluded. Only ever added to: nothing of it returns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Trace {
    /// The name of a site.
    Site(SiteName),
    /// The name of an organisation.
    Organisation(OrgName),
    /// The id of a node.
    Node(NodeId),
    /// The id of a key.
    Key(KeyId),
}

/// The hash of the directive that excluded it first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Distrusted(pub(crate) Hash);

impl Row for Distrusted {
    const TAG: u8 = 40;
    type Key = Trace;
}

macro_rules! tables {
    ($($field:ident: $row:ty,)*) => {
        /// The tables. Everything in them counts for the state's hash.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Tables {
            $(pub(crate) $field: Table<$row>,)*
        }

        impl Tables {
            /// The sum over all tables, as kept.
            pub(crate) fn sum(&self) -> Sum {
                let mut sum = Sum::default();
                $(sum.merge(self.$field.sum());)*
                sum
            }

            /// The sum over all tables, computed anew.
            pub(crate) fn recompute(&self) -> Sum {
                let mut sum = Sum::default();
                $(sum.merge(&self.$field.recompute());)*
                sum
            }

            /// How many entries all tables have.
            pub(crate) fn len(&self) -> usize {
                0 $(+ self.$field.len())*
            }

            /// The bytes of every entry, table by table.
            pub(crate) fn entries(&self) -> impl Iterator<Item = Vec<u8>> + use<'_> {
                let none = std::iter::empty();
                $(let none = none.chain(self.$field.iter().map(|(key, row)| row_bytes::<$row>(key, row)));)*
                none
            }

            /// Puts back an entry from its bytes. Errors: what is wrong with them.
            pub(crate) fn restore(&mut self, bytes: &[u8]) -> Result<(), String> {
                let (tag, rest) = bytes.split_first().ok_or("it is empty")?;
                match *tag {
                    $(<$row as Row>::TAG => put_back(&mut self.$field, rest),)*
                    other => Err(format!("no table has the tag {other}")),
                }
            }
        }
    };
}

tables! {
    federation: Held<Federation>,
    organisations: Held<Organisation>,
    sites: Held<Site>,
    nodes: Held<Node>,
    users: Held<User>,
    role_bindings: Held<RoleBinding>,
    keys: Held<RegisteredKey>,
    invitations: Held<Invitation>,
    admissions: Held<Admission>,
    proposals: Held<Proposal>,
    policies: Held<Policy>,
    catalogue: Held<CatalogueEntry>,
    clusters: Held<Cluster>,
    workloads: Held<Workload>,
    placements: Held<Placement>,
    evidence: Held<Evidence>,
    leases: Held<Lease>,
    presences: Held<Presence>,
    verdicts: Held<Verdict>,
    changes: Held<ChangeTicket>,
    incidents: Held<Incident>,
    exceptions: Held<Exception>,
    consents: Held<Consent>,
    licence_vetoes: Held<LicenceVeto>,
    timings: Held<TimingsInForce>,
    directives: Held<RecordedDirective>,
    secrets: Held<SealedSecret>,
    sessions: Session,
    answers: Answer,
    last_sessions: LastSession,
    invitation_answers: InvitationAnswer,
    marks: Marked,
    targets: Target,
    single: Single,
    last_epochs: LastEpoch,
    distrusted: Distrusted,
}

fn put_back<R: Row>(table: &mut Table<R>, bytes: &[u8]) -> Result<(), String> {
    let ((key, row), rest) = postcard::take_from_bytes::<(R::Key, R)>(bytes).map_err(|e| e.to_string())?;
    if !rest.is_empty() {
        return Err(format!("{} bytes follow its end", rest.len()));
    }
    if table.contains(&key) {
        return Err(format!("the key {key:?} stands twice"));
    }
    table.put(key, row);
    Ok(())
}

impl Tables {
    /// The indexes that follow from the tables.
    pub(crate) fn index(&self) -> Index {
        fn enter<T: Stored>(tables: &Tables, index: &mut Index) {
            T::table(tables).iter().for_each(|(_, held)| held.value.index(index, true));
        }
        let mut index = Index::default();
        enter::<Organisation>(self, &mut index);
        enter::<Site>(self, &mut index);
        enter::<Presence>(self, &mut index);
        enter::<Lease>(self, &mut index);
        enter::<Consent>(self, &mut index);
        enter::<User>(self, &mut index);
        enter::<RoleBinding>(self, &mut index);
        enter::<RegisteredKey>(self, &mut index);
        enter::<CatalogueEntry>(self, &mut index);
        enter::<Cluster>(self, &mut index);
        enter::<Workload>(self, &mut index);
        enter::<Placement>(self, &mut index);
        enter::<Evidence>(self, &mut index);
        enter::<Verdict>(self, &mut index);
        enter::<ChangeTicket>(self, &mut index);
        enter::<Incident>(self, &mut index);
        enter::<Exception>(self, &mut index);
        enter::<LicenceVeto>(self, &mut index);
        enter::<SealedSecret>(self, &mut index);
        for ((key, number), session) in self.sessions.iter() {
            index.session_ends.insert((session.until, session.id), (*key, *number));
        }
        index
    }
}
