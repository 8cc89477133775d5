//! The state at index 0: what the genesis document says (formats 1).

use std::collections::BTreeSet;

use verbund_identity::{CaCertificate, Genesis, GenesisError, key_id, sha256};
use verbund_model::resource::{
    CoordinatorSet, Federation, KeyOwner, Maintenance, Millis, Node, NodeStanding, Organisation, Policy, RegisteredKey,
    RoleBinding, Site, Standing, TimingsInForce, User, UserRole, Versioned,
};
use verbund_model::{FederationId, NodeId, PolicyName, PublicKey};

use crate::index::Index;
use crate::limits::{MAX_ADDRESSES, MAX_ANCHORS, MAX_COORDINATORS, MAX_DISPLAY_NAME, MAX_DOCUMENT, MAX_USER_KEYS};
use crate::log::LogId;
use crate::object::{Held, Stored};
use crate::record::chain_start;
use crate::state::{Progress, State};
use crate::tables::{Mark, Marked, Single, Tables, Target};

/// The name of the policy that genesis sets.
const FIRST_POLICY: &str = "federation";

impl State {
    /// The state before the first entry. Errors: [`GenesisError`], also where a later command would be refused: a trust
    /// anchor that is no CA certificate, a key that stands twice, too much of anything.
    pub fn from_genesis(bytes: &[u8]) -> Result<Self, GenesisError> {
        let (genesis, id) = Genesis::from_bytes(bytes)?;
        let marks = marks(&genesis)?;
        check_limits(&genesis)?;
        let mut founding = Founding { tables: Tables::default(), time: genesis.time };
        founding.put(federation(&genesis, id));
        founding.put(TimingsInForce::default());
        let policy = PolicyName::new(FIRST_POLICY).map_err(|e| rule("policy", e.to_string()))?;
        founding.put(Policy { name: policy, document: genesis.policy.clone() });
        founding.organisation(&genesis)?;
        founding.site(&genesis)?;
        for key in &genesis.coordinators.keys {
            founding.key(key, KeyOwner::Coordinator, "coordinators.keys")?;
        }
        for mark in marks {
            founding.tables.marks.put(mark, Marked(genesis.site.name.clone()));
        }
        founding.tables.targets.put(0, Target(BTreeSet::from([NodeId::mint(0, 1)])));
        let (membership, membership_id) = Default::default();
        let single = Single { membership, membership_id, nodes_minted: 1, format: 1 };
        founding.tables.single.put((), single);
        let index: Index = founding.tables.index();
        let progress =
            Progress { applied: LogId::default(), time: genesis.time, chain: chain_start(bytes), entries: 0 };
        Ok(Self { genesis: bytes.into(), progress, tables: founding.tables, index })
    }
}

struct Founding {
    tables: Tables,
    time: Millis,
}

impl Founding {
    fn put<T: Stored>(&mut self, value: T) {
        let key = value.key();
        let held = Versioned { version: 0, created: self.time, changed: self.time, value };
        T::table_mut(&mut self.tables).put(key, Held::new(held));
    }

    fn key(&mut self, key: &PublicKey, owner: KeyOwner, field: &'static str) -> Result<(), GenesisError> {
        let id = key_id(key);
        if self.tables.keys.contains(&id) {
            return Err(rule(field, format!("the key {id} stands twice in the document")));
        }
        self.put(RegisteredKey { id, key: key.clone(), owner, revoked: false });
        Ok(())
    }

    fn organisation(&mut self, genesis: &Genesis) -> Result<(), GenesisError> {
        let first = &genesis.organisation;
        self.put(Organisation {
            name: first.name.clone(),
            display_name: first.display_name.clone(),
            roles: first.roles.iter().copied().collect(),
            parent: None,
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        });
        self.put(User { organisation: first.name.clone(), id: first.administrator.clone() });
        self.put(RoleBinding {
            organisation: first.name.clone(),
            user: first.administrator.clone(),
            role: UserRole::Administrator,
            sites: BTreeSet::new(),
        });
        for key in &first.administrator_keys {
            let owner = KeyOwner::User { organisation: first.name.clone(), user: first.administrator.clone() };
            self.key(key, owner, "organisation.administratorKeys")?;
        }
        Ok(())
    }

    fn site(&mut self, genesis: &Genesis) -> Result<(), GenesisError> {
        let first = &genesis.site;
        self.put(Site {
            name: first.name.clone(),
            organisation: genesis.organisation.name.clone(),
            land: first.land,
            anchors: first.anchors.clone(),
            issuing_key: first.issuing_key.clone(),
            authorities: Vec::new(),
            retired: BTreeSet::new(),
            sealing_key: first.sealing_key.clone(),
            facts: None,
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        });
        let id = NodeId::mint(0, 1);
        self.put(Node {
            id,
            site: first.name.clone(),
            key: key_id(&first.node_key),
            addresses: first.addresses.clone(),
            standing: NodeStanding::Active,
        });
        self.key(&first.node_key, KeyOwner::Node { node: id }, "site.nodeKey")
    }
}

fn federation(genesis: &Genesis, id: FederationId) -> Federation {
    let coordinators = CoordinatorSet { version: 1, ..genesis.coordinators.clone() };
    Federation { id, name: genesis.name.clone(), generation: 0, coordinators }
}

fn marks(genesis: &Genesis) -> Result<BTreeSet<Mark>, GenesisError> {
    let mut marks = BTreeSet::from([Mark::Key(key_id(&genesis.site.issuing_key))]);
    for anchor in &genesis.site.anchors {
        let anchor = CaCertificate::from_der(&anchor.0).map_err(|e| rule("site.anchors", e.to_string()))?;
        marks.insert(Mark::Key(key_id(&anchor.key)));
        marks.insert(Mark::Subject(sha256(&anchor.subject)));
    }
    Ok(marks)
}

fn check_limits(genesis: &Genesis) -> Result<(), GenesisError> {
    let organisation = &genesis.organisation;
    for (field, found, limit) in [
        ("policy", genesis.policy.len(), MAX_DOCUMENT),
        ("coordinators.keys", genesis.coordinators.keys.len(), MAX_COORDINATORS),
        ("organisation.displayName", organisation.display_name.chars().count(), MAX_DISPLAY_NAME),
        ("organisation.administratorKeys", organisation.administrator_keys.len(), MAX_USER_KEYS),
        ("site.anchors", genesis.site.anchors.len(), MAX_ANCHORS),
        ("site.addresses", genesis.site.addresses.len(), MAX_ADDRESSES),
    ] {
        if found as u64 > limit {
            return Err(rule(field, format!("{found} is more than the {limit} allowed")));
        }
    }
    Ok(())
}

fn rule(field: &'static str, reason: String) -> GenesisError {
    GenesisError::Rule { field, reason }
}
