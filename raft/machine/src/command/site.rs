//! Sites and nodes, by their Plattformbetreiber.

use verbund_identity::{is_fixed_form, node_binding};
use verbund_model::resource::{Address, Der, KeyOwner, Land, Node, NodeStanding, RegisteredKey, Site, Standing};
use verbund_model::{Accepted, Algorithm, KeyId, NodeId, PublicKey, Refusal, SiteName};

use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::{MAX_ADDRESSES, MAX_NODES};
use crate::object::label;
use crate::tables::Single;

impl Act<'_> {
    pub(crate) fn update_site(&mut self, name: &SiteName, land: Land) -> Decision {
        let found = self.existing::<Site>(name)?;
        if found.value.land == land {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let changed = Site { land, ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }

    /// A suspended site stays a member and keeps its vote; what runs there leaves as planned (design 7).
    pub(crate) fn set_site_standing(&mut self, name: &SiteName, standing: Standing) -> Decision {
        let found = self.existing::<Site>(name)?;
        if found.value.standing == standing {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        if found.value.standing == Standing::Excluded {
            return Err(Refusal::Excluded { what: label::<Site>(name) });
        }
        let changed = Site { standing, ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }

    pub(crate) fn add_node(
        &mut self,
        site: &SiteName,
        key: &PublicKey,
        addresses: &[Address],
        issuing_proof: &Der,
        node_proof: &Der,
    ) -> Decision {
        let issuing_key = self.active_site(site)?.issuing_key.clone();
        check_addresses("addresses", addresses)?;
        let nodes = self.state.active_nodes().filter(|(node, _)| node.value.site == *site).count() as u64;
        within("the site's number of nodes", nodes + 1, MAX_NODES)?;
        let id = self.fresh_key("key", key, Algorithm::P256)?;
        let binding = node_binding(&self.federation().id, site, key);
        self.check_proof("issuing CA", &issuing_key, &binding, issuing_proof)?;
        self.check_proof("node", key, &binding, node_proof)?;
        let node = self.mint()?;
        self.put_node(node, site, id, key, addresses);
        Ok(Accepted::Admitted { node })
    }

    pub(crate) fn update_node(&mut self, id: NodeId, addresses: &[Address]) -> Decision {
        let found = self.existing::<Node>(&id)?;
        if found.value.standing == NodeStanding::Removed {
            return Err(conflict(format!("{} was removed and does not return", label::<Node>(&id))));
        }
        check_addresses("addresses", addresses)?;
        if found.value.addresses == addresses {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let changed = Node { addresses: addresses.to_vec(), ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }

    pub(crate) fn remove_node(&mut self, id: NodeId) -> Decision {
        let found = self.existing::<Node>(&id)?;
        if found.value.standing == NodeStanding::Removed {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        self.keep_a_voter(&found.value)?;
        self.retire(id);
        Ok(self.changed())
    }

    /// Takes a node out for ever, with its key.
    pub(crate) fn retire(&mut self, id: NodeId) {
        let Some(found) = self.state.find::<Node>(&id) else { return };
        let removed = Node { standing: NodeStanding::Removed, ..found.value.clone() };
        let key = removed.key;
        self.put(removed);
        self.revoke(&key);
    }

    /// The next node id of this federation generation; none is ever given twice (I10).
    pub(crate) fn mint(&mut self) -> Result<NodeId, Refusal> {
        let single = self.state.single().clone();
        let next = single.nodes_minted.checked_add(1);
        let nodes_minted = next.ok_or_else(|| conflict("no node id is left in this federation generation"))?;
        self.state.tables.single.put((), Single { nodes_minted, ..single });
        Ok(NodeId::mint(self.federation().generation, nodes_minted))
    }

    pub(crate) fn put_node(&mut self, id: NodeId, site: &SiteName, key: KeyId, public: &PublicKey, at: &[Address]) {
        let owner = KeyOwner::Node { node: id };
        self.put(RegisteredKey { id: key, key: public.clone(), owner, revoked: false });
        let standing = NodeStanding::Active;
        self.put(Node { id, site: site.clone(), key, addresses: at.to_vec(), standing });
    }

    /// That `proof` is the key's signature, in its one form, over `binding`.
    pub(crate) fn check_proof(&self, which: &str, key: &PublicKey, binding: &[u8], proof: &Der) -> Result<(), Refusal> {
        let holds = is_fixed_form(key.algorithm(), &proof.0) && self.verifier.verify(key, binding, &proof.0);
        if holds { Ok(()) } else { Err(Refusal::BadProof { which: which.to_owned() }) }
    }
}

/// That addresses are few and well-formed.
pub(crate) fn check_addresses(field: &str, addresses: &[Address]) -> Result<(), Refusal> {
    within("the number of addresses", addresses.len() as u64, MAX_ADDRESSES)?;
    if addresses.iter().all(Address::is_well_formed) {
        return Ok(());
    }
    Err(invalid(field, "an address is not of the form network, host, port"))
}
