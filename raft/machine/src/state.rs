//! The replicated state, and how it is read.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use verbund_identity::Head;
use verbund_model::resource::{
    Admission, CatalogueEntry, ChangeTicket, Cluster, Consent, Evidence, Exception, Federation, Incident, Invitation,
    Lease, LicenceVeto, Millis, Node, NodeStanding, Organisation, Placement, Policy, Presence, Proposal,
    RecordedDirective, RegisteredKey, RoleBinding, SealedSecret, Site, TimingsInForce, User, UserRole, Verdict,
    Versioned, Workload,
};
use verbund_model::view::{Kind, Resource};
use verbund_model::{
    CatalogueName, ClusterName, EvidenceName, ExceptionName, Hash, KeyId, NodeId, OrgName, PolicyName, SecretName,
    SiteName, TicketName, UserId, WorkloadName,
};

use crate::index::Index;
use crate::log::{LogId, Membership};
use crate::object::{Held, Object, Stored, with_type};
use crate::session::SessionInfo;
use crate::tables::Tables;

/// The whole replicated state at one index. A clone is O(1) and shares everything; whoever holds one can read it for as
/// long as they like, and nobody waits for them.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) genesis: Arc<[u8]>,
    pub(crate) progress: Progress,
    pub(crate) tables: Tables,
    pub(crate) index: Index,
}

/// How far the log was applied. Not below the state's hash: the chain covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Progress {
    /// The last entry applied.
    pub(crate) applied: LogId,
    /// Its time.
    pub(crate) time: Millis,
    /// The chain's hash after it.
    pub(crate) chain: Hash,
    /// How many entries were applied since genesis.
    pub(crate) entries: u64,
}

macro_rules! accessors {
    ($($(#[$doc:meta])* $all:ident, $one:ident($key:ty): $type:ty;)*) => {
        $(
            $(#[$doc])*
            /// All of them, in the order of their keys.
            pub fn $all(&self) -> impl DoubleEndedIterator<Item = &Held<$type>> + use<'_> {
                self.tables.$all.iter().map(|(_, held)| held)
            }

            $(#[$doc])*
            /// The one with this key.
            #[must_use]
            pub fn $one(&self, key: &$key) -> Option<&Held<$type>> {
                self.tables.$all.get(key)
            }
        )*
    };
}

impl State {
    accessors! {
        /// Organisations.
        organisations, organisation(OrgName): Organisation;
        /// Sites.
        sites, site(SiteName): Site;
        /// Nodes, removed ones too.
        nodes, node(NodeId): Node;
        /// Users.
        users, user((OrgName, UserId)): User;
        /// Role bindings.
        role_bindings, role_binding((OrgName, UserId, UserRole)): RoleBinding;
        /// Registered keys, revoked ones too.
        keys, key(KeyId): RegisteredKey;
        /// Invitations.
        invitations, invitation(KeyId): Invitation;
        /// Requests for admission.
        admissions, admission(Hash): Admission;
        /// Proposals.
        proposals, proposal(Hash): Proposal;
        /// Policies.
        policies, policy(PolicyName): Policy;
        /// Catalogue entries.
        catalogue, catalogue_entry(CatalogueName): CatalogueEntry;
        /// Clusters.
        clusters, cluster(ClusterName): Cluster;
        /// Workloads, also those that wait until their last copy has stopped.
        workloads, workload(WorkloadName): Workload;
        /// Placements.
        placements, placement(WorkloadName): Placement;
        /// Evidence.
        evidence, evidence_named(EvidenceName): Evidence;
        /// Leases; a cluster without one never had one.
        leases, lease(ClusterName): Lease;
        /// Presences; a site without one was never lost.
        presences, presence(SiteName): Presence;
        /// Verdicts.
        verdicts, verdict(u64): Verdict;
        /// Changes.
        changes, change(TicketName): ChangeTicket;
        /// Incidents.
        incidents, incident(TicketName): Incident;
        /// Exceptions, asked for or approved.
        exceptions, exception(ExceptionName): Exception;
        /// Consents.
        consents, consent(WorkloadName): Consent;
        /// Licence vetoes.
        licence_vetoes, licence_veto((SiteName, WorkloadName)): LicenceVeto;
        /// Recorded directives.
        directives, directive(Hash): RecordedDirective;
        /// Sealed secrets.
        secrets, secret((WorkloadName, SecretName)): SealedSecret;
    }

    /// The timings in force.
    #[must_use]
    pub fn timings(&self) -> &Held<TimingsInForce> {
        // Genesis and restore put them there, and no command takes them away.
        self.tables.timings.get(&()).expect("every state has its timings")
    }

    /// The federation itself.
    #[must_use]
    pub fn federation(&self) -> &Held<Federation> {
        // Genesis and restore put it there, and no command takes it away.
        self.tables.federation.get(&()).expect("every state has its federation")
    }

    /// The bytes of the genesis document.
    #[must_use]
    pub fn genesis(&self) -> &[u8] {
        &self.genesis
    }

    /// Where this replica stands: what nodes sign and compare (formats 9).
    #[must_use]
    pub fn head(&self) -> Head {
        Head { index: self.progress.applied.index, chain: self.progress.chain, state: self.tables.sum().to_hash() }
    }

    /// The state's hash, computed from every entry anew; equals `head().state`, or memory is damaged.
    #[must_use]
    pub fn recompute_hash(&self) -> Hash {
        self.tables.recompute().to_hash()
    }

    /// The last entry applied. At genesis all zero, which is also where the log's first entry may stand: see
    /// [`State::entries`].
    #[must_use]
    pub const fn applied(&self) -> LogId {
        self.progress.applied
    }

    /// How many entries were applied since genesis; 0 means none, whatever [`State::applied`] says.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.progress.entries
    }

    /// The log's time: that of the last entry applied.
    #[must_use]
    pub const fn time(&self) -> Millis {
        self.progress.time
    }

    /// The last membership applied (without voters before the first), and the membership id: the log id of the last entry
    /// that changed a set of voters.
    #[must_use]
    pub fn membership(&self) -> (&Membership, LogId) {
        let single = self.single();
        (&single.membership, single.membership_id)
    }

    /// The voters that `voter_plan` gave when `basis` had been applied. `None` if `basis` was not applied yet, or lies
    /// before the last 64 changes of the plan.
    #[must_use]
    pub fn voter_target(&self, basis: u64) -> Option<&BTreeSet<NodeId>> {
        if basis > self.progress.applied.index {
            return None;
        }
        self.tables.targets.range(..=basis).next_back().map(|(_, target)| &target.0)
    }

    /// What a key's author needs to know of its sessions. `None` if it never opened one.
    #[must_use]
    pub fn last_session(&self, key: &KeyId) -> Option<SessionInfo> {
        let last = self.tables.last_sessions.get(key)?;
        let highest = self.tables.sessions.get(&(*key, last.number)).map(|session| session.highest);
        Some(SessionInfo { number: last.number, until: last.until, highest })
    }

    /// One resource in its declarative form. The federation is named like itself.
    #[must_use]
    pub fn get(&self, kind: Kind, name: &str) -> Option<Resource> {
        self.object(kind, name).map(|object| object.render())
    }

    /// One resource, typed.
    #[must_use]
    pub fn object(&self, kind: Kind, name: &str) -> Option<Object> {
        fn one<T: Stored>(state: &State, name: &str) -> Option<Object> {
            T::table(&state.tables).get(&T::parse(name)?).map(|held| T::object(Arc::clone(held)))
        }
        if kind == Kind::Federation && self.federation().value.name.as_str() != name {
            return None; // it has one resource, which is named like itself
        }
        with_type!(kind, one(self, name))
    }

    /// Up to `limit` resources of a kind, in the order of their keys, from behind the one named `after` (which need not
    /// exist any more). A text that is no name of that kind has nothing behind it.
    #[must_use]
    pub fn list(&self, kind: Kind, after: Option<&str>, limit: usize) -> Vec<Resource> {
        self.objects(kind, after, limit).iter().map(Object::render).collect()
    }

    /// The same, typed.
    #[must_use]
    pub fn objects(&self, kind: Kind, after: Option<&str>, limit: usize) -> Vec<Object> {
        fn page<T: Stored>(state: &State, after: Option<&str>, limit: usize) -> Vec<Object> {
            let from = match after.map(T::parse) {
                None => Bound::Unbounded,
                Some(Some(key)) => Bound::Excluded(key),
                Some(None) => return Vec::new(),
            };
            let rows = T::table(&state.tables).range((from, Bound::Unbounded));
            rows.take(limit).map(|(_, held)| T::object(Arc::clone(held))).collect()
        }
        with_type!(kind, page(self, after, limit))
    }

    /// The nodes that could vote: active ones at sites that are members, suspended ones too.
    pub fn active_nodes(&self) -> impl Iterator<Item = (&Held<Node>, &Held<Site>)> + use<'_> {
        self.nodes().filter_map(|node| {
            let site = self.site(&node.value.site)?;
            let takes_part = node.value.standing == NodeStanding::Active
                && site.value.standing != verbund_model::resource::Standing::Excluded;
            takes_part.then_some((node, site))
        })
    }

    pub(crate) fn single(&self) -> &crate::tables::Single {
        // Genesis and restore put it there, and nothing takes it away.
        self.tables.single.get(&()).expect("every state has its membership")
    }

    pub(crate) fn find<T: Stored>(&self, key: &T::Key) -> Option<&Versioned<T>> {
        T::table(&self.tables).get(key).map(|held| &**held)
    }
}
