//! What was excluded: an add-only set of names and ids, and what of the state an exclusion reaches (design 7).

use std::collections::BTreeSet;

use verbund_identity::directive::Distrust;
use verbund_identity::key_id;
use verbund_model::resource::{ExcludedSite, KeyOwner, Node, Order, Organisation, Site};
use verbund_model::{ClusterName, KeyId, NodeId, OrgName, Refusal, SiteName};

use crate::object::label;
use crate::state::State;
use crate::tables::{Mark, Trace};

impl State {
    /// Whether a site of this name was excluded.
    #[must_use]
    pub fn is_excluded_site(&self, site: &SiteName) -> bool {
        self.tables.distrusted.contains(&Trace::Site(site.clone()))
    }

    /// Whether an organisation of this name was excluded.
    #[must_use]
    pub fn is_excluded_organisation(&self, organisation: &OrgName) -> bool {
        self.tables.distrusted.contains(&Trace::Organisation(organisation.clone()))
    }

    /// Whether a node with this id was excluded.
    #[must_use]
    pub fn is_excluded_node(&self, node: NodeId) -> bool {
        self.tables.distrusted.contains(&Trace::Node(node))
    }

    /// Whether a key with this id was excluded.
    #[must_use]
    pub fn is_excluded_key(&self, key: &KeyId) -> bool {
        self.tables.distrusted.contains(&Trace::Key(*key))
    }

    /// Everything that recorded directives excluded.
    #[must_use]
    pub fn distrust(&self) -> Distrust {
        let mut all = Distrust::default();
        for (trace, _) in self.tables.distrusted.iter() {
            let _new = match trace {
                Trace::Site(site) => all.sites.insert(site.clone()),
                Trace::Organisation(organisation) => all.organisations.insert(organisation.clone()),
                Trace::Node(node) => all.nodes.insert(*node),
                Trace::Key(key) => all.keys.insert(*key),
            };
        }
        all
    }

    /// The order that excludes a site, with all by which this state would trust it. `None`: there is no such site, or
    /// it was excluded already.
    #[must_use]
    pub fn exclude_site_order(&self, site: &SiteName, reason: &str) -> Option<Order> {
        self.site(site).filter(|_| !self.is_excluded_site(site))?;
        let ExcludedSite { site, nodes, keys } = self.traces_of(site);
        Some(Order::ExcludeSite { site, nodes, keys, reason: reason.to_owned() })
    }

    /// The order that excludes an organisation, with those below it and all by which this state would trust them. At
    /// most `room` keys of users are named; the others are distrusted where the log records the directive. `None`:
    /// there is no such organisation, or it was excluded already.
    #[must_use]
    pub fn exclude_organisation_order(&self, name: &OrgName, reason: &str, room: usize) -> Option<Order> {
        self.organisation(name).filter(|_| !self.is_excluded_organisation(name))?;
        let mut below = BTreeSet::from([name.clone()]);
        self.add_below(&mut below);
        let sites = self.sites_of(&below).map(|site| self.traces_of(&site.name)).collect();
        let keys = self.keys_of(&below).take(room).collect();
        below.remove(name);
        Some(Order::ExcludeOrganisation { organisation: name.clone(), below, sites, keys, reason: reason.to_owned() })
    }

    /// What an order reaches: all that it names, and all that belongs to it at this index. No key of a coordinator:
    /// whoever orders is not among those.
    pub(crate) fn reach(&self, order: &Order) -> Distrust {
        let mut reach = Distrust::default();
        reach.add(order);
        self.add_below(&mut reach.organisations);
        reach.sites.extend(self.sites_of(&reach.organisations).map(|site| site.name.clone()));
        for site in reach.sites.clone() {
            let ExcludedSite { nodes, keys, .. } = self.traces_of(&site);
            reach.nodes.extend(nodes);
            reach.keys.extend(keys);
        }
        reach.keys.extend(self.keys_of(&reach.organisations));
        for key in &self.federation().value.coordinators.keys {
            reach.keys.remove(&key_id(key));
        }
        reach
    }

    /// Adds the organisations below those that are there.
    fn add_below(&self, organisations: &mut BTreeSet<OrgName>) {
        loop {
            let below = |found: &&crate::Held<Organisation>| {
                let above = found.value.parent.as_ref().is_some_and(|parent| organisations.contains(parent));
                above && !organisations.contains(&found.value.name)
            };
            let more: Vec<OrgName> = self.organisations().filter(below).map(|found| found.value.name.clone()).collect();
            if more.is_empty() {
                return;
            }
            organisations.extend(more);
        }
    }

    fn sites_of<'a>(&'a self, organisations: &'a BTreeSet<OrgName>) -> impl Iterator<Item = &'a Site> {
        self.sites().map(|site| &site.value).filter(|site| organisations.contains(&site.organisation))
    }

    /// The live keys of the users of organisations.
    fn keys_of<'a>(&'a self, organisations: &'a BTreeSet<OrgName>) -> impl Iterator<Item = KeyId> + 'a {
        let users = self.index.live_keys.iter().filter(|((organisation, _), _)| organisations.contains(organisation));
        users.flat_map(|(_, keys)| keys.iter().copied())
    }

    /// All by which a site is trusted: its nodes, removed ones too, and its keys that count.
    fn traces_of(&self, site: &SiteName) -> ExcludedSite {
        let nodes: Vec<&Node> = self.nodes().map(|node| &node.value).filter(|node| node.site == *site).collect();
        let of_ca = self.tables.marks.iter().filter(|(_, marked)| marked.0 == *site);
        let mut keys: BTreeSet<KeyId> =
            of_ca.filter_map(|(mark, _)| if let Mark::Key(key) = mark { Some(*key) } else { None }).collect();
        keys.extend(
            self.site(site)
                .into_iter()
                .flat_map(|site| [key_id(&site.value.issuing_key), key_id(&site.value.sealing_key)]),
        );
        let agents = self.clusters_of(site).filter_map(|cluster| self.cluster(&cluster).map(|found| found.value.agent));
        let live = |key: &KeyId| self.key(key).is_some_and(|key| !key.value.revoked);
        keys.extend(nodes.iter().map(|node| node.key).chain(agents).filter(live));
        ExcludedSite { site: site.clone(), nodes: nodes.iter().map(|node| node.id).collect(), keys }
    }

    /// Whether a cluster is at a site that was excluded.
    pub(crate) fn is_at_excluded_site(&self, cluster: &ClusterName) -> bool {
        self.cluster(cluster).is_some_and(|cluster| self.is_excluded_site(&cluster.value.site))
    }

    /// That a site of this name may come. Errors: [`Refusal::Excluded`].
    pub(crate) fn never_excluded_site(&self, site: &SiteName) -> Result<(), Refusal> {
        never(self.is_excluded_site(site), || label::<Site>(site))
    }

    /// That an organisation of this name may come. Errors: [`Refusal::Excluded`].
    pub(crate) fn never_excluded_organisation(&self, organisation: &OrgName) -> Result<(), Refusal> {
        never(self.is_excluded_organisation(organisation), || label::<Organisation>(organisation))
    }

    /// That a key may be registered. Errors: [`Refusal::Excluded`].
    pub(crate) fn never_excluded_key(&self, key: &KeyId) -> Result<(), Refusal> {
        never(self.is_excluded_key(key), || label::<verbund_model::resource::RegisteredKey>(key))
    }

    /// Whose a key is, if it is a user's.
    pub(crate) fn user_of(&self, key: &KeyId) -> Option<(OrgName, verbund_model::UserId)> {
        match &self.key(key)?.value.owner {
            KeyOwner::User { organisation, user } => Some((organisation.clone(), user.clone())),
            _ => None,
        }
    }
}

fn never(excluded: bool, what: impl FnOnce() -> String) -> Result<(), Refusal> {
    if excluded { Err(Refusal::Excluded { what: what() }) } else { Ok(()) }
}
