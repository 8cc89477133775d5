//! What an exclusion does to the state (design 7): standing, nodes, keys, invitations, offerings, and what runs there.

use std::collections::BTreeSet;

use verbund_identity::directive::Distrust;
use verbund_model::resource::{
    CatalogueEntry, Cause, Invitation, InvitationUse, NodeStanding, Organisation, Site, Standing,
};
use verbund_model::{CatalogueName, Hash, KeyId, Refusal, SiteName, WorkloadName};
use verbund_planner::{BATCH, excluded};

use crate::act::{Act, conflict};
use crate::tables::{Distrusted, Trace};

/// What the changes say under which workloads leave excluded sites.
pub(crate) const EXCLUDED: &str = "moved because a site was excluded";

impl Act<'_> {
    /// That a node that can vote stays when all of this is excluded.
    pub(crate) fn keep_a_voter_beside(&self, reach: &Distrust) -> Result<(), Refusal> {
        let stays = self
            .state
            .active_nodes()
            .any(|(node, site)| !reach.nodes.contains(&node.value.id) && !reach.sites.contains(&site.value.name));
        let none = "no node that can vote would be left: found another federation instead";
        if stays { Ok(()) } else { Err(conflict(none)) }
    }

    /// Carries an exclusion out. Everything was checked.
    pub(crate) fn exclude(&mut self, reach: &Distrust, directive: Hash) {
        self.distrust(reach, directive);
        for name in &reach.organisations {
            let Some(found) = self.state.find::<Organisation>(name).map(|found| found.value.clone()) else { continue };
            if found.standing != Standing::Excluded {
                self.put(Organisation { standing: Standing::Excluded, ..found });
            }
        }
        for name in &reach.sites {
            let Some(found) = self.state.find::<Site>(name).map(|found| found.value.clone()) else { continue };
            if found.standing != Standing::Excluded {
                self.put(Site { standing: Standing::Excluded, ..found });
            }
        }
        for node in &reach.nodes {
            if self.state.node(node).is_some_and(|node| node.value.standing == NodeStanding::Active) {
                self.retire(*node);
            }
        }
        reach.keys.iter().for_each(|key| self.revoke(key));
        self.take_invitations_back(reach);
        self.take_offerings_down(reach);
        self.re_place(&reach.sites);
    }

    fn distrust(&mut self, reach: &Distrust, directive: Hash) {
        let sites = reach.sites.iter().cloned().map(Trace::Site);
        let organisations = reach.organisations.iter().cloned().map(Trace::Organisation);
        let nodes = reach.nodes.iter().copied().map(Trace::Node);
        let keys = reach.keys.iter().copied().map(Trace::Key);
        for trace in sites.chain(organisations).chain(nodes).chain(keys) {
            if !self.state.tables.distrusted.contains(&trace) {
                self.state.tables.distrusted.put(trace, Distrusted(directive));
            }
        }
    }

    fn take_invitations_back(&mut self, reach: &Distrust) {
        let concerned = |invitation: &&crate::Held<Invitation>| {
            let Invitation { site, organisation, used, .. } = &invitation.value;
            *used == InvitationUse::Open && (reach.sites.contains(site) || reach.organisations.contains(organisation))
        };
        let open: Vec<Invitation> =
            self.state.invitations().filter(concerned).map(|invitation| invitation.value.clone()).collect();
        for invitation in open {
            self.put(Invitation { used: InvitationUse::Revoked, ..invitation });
        }
    }

    /// Offerings are deleted: their organisation does not return under its name, so that they could not be shown again,
    /// and whoever watches the catalogue learns that they are gone.
    fn take_offerings_down(&mut self, reach: &Distrust) {
        let gone: Vec<CatalogueName> = self.state.offerings_of(&reach.organisations).cloned().collect();
        gone.iter().for_each(|name| self.delete::<CatalogueEntry>(name));
    }

    /// Plans the first batch of what ran at excluded sites, the most urgent first; the rest is due work. Whatever
    /// authority a workload's failover needs: m coordinators spoke. What may still run there is stopped by what
    /// protects it, never by what the site says.
    fn re_place(&mut self, sites: &BTreeSet<SiteName>) {
        let mut concerned: Vec<WorkloadName> = excluded(&self.state.index.inventory, sites);
        concerned.retain(|name| self.state.living(name).is_ok());
        concerned.truncate(BATCH);
        self.move_batch(&concerned, &Cause::Excluded, EXCLUDED);
    }
}

impl crate::State {
    /// The catalogue entries of organisations, by name.
    pub(crate) fn offerings_of<'a>(
        &'a self,
        organisations: &'a BTreeSet<verbund_model::OrgName>,
    ) -> impl Iterator<Item = &'a CatalogueName> {
        // Nobody offers anything unless it is counted: then there is no need to look.
        let any = organisations.iter().any(|name| self.index.counts_of(name).catalogue_entries > 0);
        let all = self.catalogue().filter(move |entry| any && organisations.contains(&entry.value.organisation));
        all.map(|entry| &entry.value.name)
    }

    /// The users who lose a key, each with how many.
    pub(crate) fn users_of(&self, keys: &BTreeSet<KeyId>) -> BTreeSet<(verbund_model::OrgName, verbund_model::UserId)> {
        keys.iter().filter_map(|key| self.user_of(key)).collect()
    }
}
