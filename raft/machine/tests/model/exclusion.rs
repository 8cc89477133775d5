//! Directives, exclusion and suspension in the model.

use std::collections::BTreeSet;
use std::fmt::Display;

use verbund_identity::{key_id, sha256};
use verbund_model::resource::{
    InvitationUse, KeyOwner, NodeStanding, Order, RecordedDirective, SignedDirective, Standing,
};
use verbund_model::{Accepted, Command, Hash, KeyId, NodeId, OrgName, SiteName};

use super::commands::must;
use super::{Case, Expected, Model};

impl Model {
    /// Whether something of this kind and name was excluded.
    pub fn is_gone(&self, kind: &str, name: impl Display) -> bool {
        self.things.gone.contains(&format!("{kind} {name}"))
    }

    /// Whether a Plattformbetreiber's command is about a site that was excluded.
    pub(super) fn is_about_excluded(&self, command: &Command) -> bool {
        use Command as C;
        let site = match command {
            C::UpdateSite { site, .. } | C::RotateAuthority { site, .. } | C::AddNode { site, .. } => Some(site),
            C::UpdateNode { node, .. } | C::RemoveNode { node } => self.things.nodes.get(node).map(|(_, n)| &n.site),
            _ => None,
        };
        site.is_some_and(|site| self.things.sites.contains_key(site) && self.is_gone("site", site))
    }

    pub(super) fn stand_site(&mut self, index: u64, name: &SiteName, standing: Standing) -> Expected {
        let (version, site) = self.things.sites.get_mut(name).ok_or("not-found")?;
        if site.standing == standing {
            return Ok(Accepted::Unchanged { version: *version });
        }
        must(site.standing != Standing::Excluded, "excluded")?;
        (*version, site.standing) = (index, standing);
        Ok(Accepted::Changed { version: index })
    }

    pub(super) fn record(&mut self, index: u64, case: &Case, signed: &SignedDirective) -> Expected {
        let hash = sha256(&signed.payload.0);
        if let Some((version, _)) = self.things.directives.get(&hash) {
            return Ok(Accepted::Unchanged { version: *version });
        }
        let directed = case.directive.clone().unwrap();
        let directive = directed.directive;
        let set = self.things.set();
        must(directive.coordinator_set_version == set.version, "bad-directive")?;
        let coordinators: BTreeSet<KeyId> = set.keys.iter().map(key_id).collect();
        must(directed.well_signed, "bad-directive")?;
        must(directed.signers.iter().all(|key| coordinators.contains(key)), "bad-directive")?;
        let distinct: BTreeSet<&KeyId> = directed.signers.iter().collect();
        must(distinct.len() == directed.signers.len(), "bad-directive")?;
        must(distinct.len() >= set.threshold as usize, "bad-directive")?;
        if directive.number > 1 {
            let before = self.things.directives.get(&directive.predecessor).map(|(_, before)| before.number);
            must(before == Some(directive.number - 1), "conflict")?;
        }
        let gone = self.reached(&directive.order);
        let stays = self.things.nodes.values().any(|(_, node)| {
            node.standing == NodeStanding::Active
                && !gone.contains(&format!("node {}", node.id))
                && !gone.contains(&format!("site {}", node.site))
        });
        must(stays, "conflict")?;
        let same = self.things.directives.values().filter(|(_, other)| other.number == directive.number);
        // The first in the order of hashes.
        let beside: Option<Hash> = same.map(|(_, other)| other.hash).min();
        let recorded = RecordedDirective {
            hash,
            number: directive.number,
            predecessor: directive.predecessor,
            coordinator_set_version: directive.coordinator_set_version,
            issued: directive.issued,
            order: directive.order,
            accept_quorum_loss: directive.accept_quorum_loss,
            signed: signed.clone(),
            beside,
        };
        self.things.directives.insert(hash, (index, recorded));
        self.carry_out(index, gone);
        Ok(Accepted::Changed { version: index })
    }

    /// All that goes with what an order names.
    fn reached(&self, order: &Order) -> BTreeSet<String> {
        let t = &self.things;
        let mut organisations: BTreeSet<OrgName> = order.organisations();
        for _ in 0..4 {
            let children = t.organisations.values().filter(|(_, o)| o.parent.iter().any(|p| organisations.contains(p)));
            let children: Vec<OrgName> = children.map(|(_, o)| o.name.clone()).collect();
            organisations.extend(children);
        }
        let mut sites: BTreeSet<SiteName> = order.sites().into_iter().map(|site| site.site).collect();
        sites.extend(
            t.sites.values().filter(|(_, s)| organisations.contains(&s.organisation)).map(|(_, s)| s.name.clone()),
        );
        let mut nodes: BTreeSet<NodeId> = order.nodes();
        nodes.extend(t.nodes.values().filter(|(_, n)| sites.contains(&n.site)).map(|(_, n)| n.id));
        let mut gone: BTreeSet<String> = BTreeSet::new();
        let coordinators: BTreeSet<KeyId> = t.set().keys.iter().map(key_id).collect();
        let mut key = |id: KeyId| {
            if !coordinators.contains(&id) {
                gone.insert(format!("key {id}"));
            }
        };
        order.keys().into_iter().for_each(&mut key);
        for (mark, site) in &t.marks {
            if let Some(id) = mark.strip_prefix("key ").filter(|_| sites.contains(site)) {
                key(id.parse().unwrap());
            }
        }
        for (_, site) in t.sites.values().filter(|(_, site)| sites.contains(&site.name)) {
            key(key_id(&site.issuing_key));
            key(key_id(&site.sealing_key));
        }
        for (id, (_, found)) in t.keys.iter().filter(|(_, (_, key))| !key.revoked) {
            match &found.owner {
                KeyOwner::Node { node } if sites.contains(&t.nodes[node].1.site) => key(*id),
                KeyOwner::User { organisation, .. } if organisations.contains(organisation) => key(*id),
                _ => {}
            }
        }
        gone.extend(organisations.iter().map(|name| format!("organisation {name}")));
        gone.extend(sites.iter().map(|name| format!("site {name}")));
        gone.extend(nodes.iter().map(|id| format!("node {id}")));
        gone
    }

    fn carry_out(&mut self, index: u64, gone: BTreeSet<String>) {
        let is = |kind: &str, name: &dyn Display| gone.contains(&format!("{kind} {name}"));
        let t = &mut self.things;
        for (version, organisation) in t.organisations.values_mut() {
            if is("organisation", &organisation.name) && organisation.standing != Standing::Excluded {
                (*version, organisation.standing) = (index, Standing::Excluded);
            }
        }
        for (version, site) in t.sites.values_mut() {
            if is("site", &site.name) && site.standing != Standing::Excluded {
                (*version, site.standing) = (index, Standing::Excluded);
            }
        }
        let mut keys: Vec<KeyId> = t.keys.keys().filter(|id| is("key", id)).copied().collect();
        for (version, node) in t.nodes.values_mut() {
            if is("node", &node.id) && node.standing == NodeStanding::Active {
                (*version, node.standing) = (index, NodeStanding::Removed);
                keys.push(node.key);
            }
        }
        for (version, invitation) in t.invitations.values_mut() {
            let concerned = is("site", &invitation.site) || is("organisation", &invitation.organisation);
            if concerned && invitation.used == InvitationUse::Open {
                (*version, invitation.used) = (index, InvitationUse::Revoked);
            }
        }
        t.catalogue.retain(|_, (_, entry)| !is("organisation", &entry.organisation));
        keys.iter().for_each(|key| self.revoke(index, key));
        self.things.gone.extend(gone);
    }
}
