//! What an exclusion would do, told before anybody signs it (design 7). Nothing here changes the state.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use verbund_identity::directive::Distrust;
use verbund_model::resource::{
    Cause, CopyRole, Millis, Node, NodeStanding, Order, PlacedCopy, Placement, Site, Standing, Waiting,
};
use verbund_model::{CatalogueName, ClusterName, KeyId, NodeId, OrgName, SiteName, UserId, WorkloadName};
use verbund_planner::{Inventory, Plan, Protection, Request, excluded, plan_batch};

use crate::object::Stored;
use crate::plans::dry_ticket;
use crate::state::State;
use crate::voters::voter_plan;

/// What an exclusion would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Impact {
    /// The log index whose state was looked at.
    pub index: u64,
    /// Whether a node that can vote would be left; without one the log refuses the directive.
    pub possible: bool,
    /// The organisations that would be members no more.
    pub organisations: BTreeSet<OrgName>,
    /// The sites that would be members no more.
    pub sites: BTreeSet<SiteName>,
    /// Their nodes.
    pub nodes: BTreeSet<NodeId>,
    /// The keys that would count no more.
    pub keys: BTreeSet<KeyId>,
    /// Keys among them that the order does not name: they are distrusted only where the log records it.
    pub unnamed: BTreeSet<KeyId>,
    /// The users who would lose a key, as `organisation.user`.
    pub users: BTreeSet<String>,
    /// What the order names of members that it does not exclude, in words: most likely a mistake.
    pub strays: BTreeSet<String>,
    /// What becomes of the quorum.
    pub quorum: Quorum,
    /// The workloads that would leave, the most urgent first.
    pub workloads: Vec<Moved>,
    /// Workloads of the excluded organisations, wherever they run: nobody of their own may change them any more.
    pub orphaned: BTreeSet<WorkloadName>,
    /// Catalogue entries that would vanish.
    pub offerings: BTreeSet<CatalogueName>,
    /// Secrets that the excluded could open, as `workload.secret`, of organisations that stay: their values must be
    /// others.
    pub secrets: BTreeSet<String>,
}

/// What becomes of the quorum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quorum {
    /// Who votes now.
    pub now: BTreeSet<NodeId>,
    /// Who of them would be left, and is not found lost.
    pub left: BTreeSet<NodeId>,
    /// How many must be left for the log to go on: a majority, of each set where two stand.
    pub needed: u32,
    /// Whether enough are left. If not, only a directive that accepts the loss of the quorum makes sense: the site is
    /// cut off at once, and the log records it when the quorum is back.
    pub survives: bool,
    /// Who would vote afterwards.
    pub after: BTreeSet<NodeId>,
}

/// What would become of a workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Moved {
    /// The workload.
    pub workload: WorkloadName,
    /// Whose it is.
    pub organisation: OrgName,
    /// What it has at the excluded sites.
    pub from: BTreeSet<ClusterName>,
    /// Whether it is active there.
    pub active: bool,
    /// Where it would be active or prepared instead; empty: it loses a standby, or fits nowhere.
    pub to: BTreeSet<ClusterName>,
    /// For what it would wait.
    pub waiting: Option<Waiting>,
    /// Whether every copy that it loses finds another place.
    pub fits: bool,
    /// What protects its data from the copy that is left behind.
    pub protection: Protection,
}

impl State {
    /// What an order would do to this state, at `now` by the log's time.
    #[must_use]
    pub fn impact(&self, order: &Order, now: Millis) -> Impact {
        let reach = self.reach(order);
        let after = self.without(&reach);
        let named = order.keys();
        Impact {
            index: self.applied().index,
            possible: after.active_nodes().next().is_some(),
            unnamed: reach.keys.difference(&named).copied().collect(),
            users: self
                .users_of(&reach.keys)
                .into_iter()
                .map(|(of, user): (OrgName, UserId)| format!("{of}.{user}"))
                .collect(),
            strays: self.strays(order, &reach),
            quorum: self.quorum(&reach, &after),
            workloads: after.moved(&self.index.inventory, &reach.sites, now),
            orphaned: self.orphaned(&reach.organisations),
            offerings: self.offerings_of(&reach.organisations).cloned().collect(),
            secrets: self
                .secrets_exposed_to(&reach.sites)
                .filter(|secret| !reach.organisations.contains(&secret.value.organisation))
                .map(|secret| format!("{}.{}", secret.value.workload, secret.value.name))
                .collect(),
            organisations: reach.organisations,
            sites: reach.sites,
            nodes: reach.nodes,
            keys: reach.keys,
        }
    }

    /// This state with the sites excluded and their nodes removed, for looking at only: its index and its chain are
    /// those from before.
    fn without(&self, reach: &Distrust) -> Self {
        fn put<T: Stored>(state: &mut State, key: &T::Key, change: impl FnOnce(&mut T)) {
            let Some(old) = T::table(&state.tables).get(key).cloned() else { return };
            let mut new = old.as_ref().clone();
            change(&mut new.value);
            old.value.index(&mut state.index, false);
            new.value.index(&mut state.index, true);
            T::table_mut(&mut state.tables).put(key.clone(), new.into());
        }
        let mut after = self.clone();
        for site in &reach.sites {
            put::<Site>(&mut after, site, |site| site.standing = Standing::Excluded);
        }
        for node in &reach.nodes {
            put::<Node>(&mut after, node, |node| node.standing = NodeStanding::Removed);
        }
        after
    }

    fn quorum(&self, reach: &Distrust, after: &Self) -> Quorum {
        let (membership, _) = self.membership();
        let is_there = |node: &NodeId| {
            let site = self.node(node).map(|node| &node.value.site);
            let excluded = reach.nodes.contains(node) || site.is_some_and(|site| reach.sites.contains(site));
            !excluded && site.is_some_and(|site| !self.is_lost(site))
        };
        let left_of = |set: &BTreeSet<NodeId>| set.iter().filter(|node| is_there(node)).count();
        let majority = |set: &BTreeSet<NodeId>| set.len() / 2 + 1;
        let now = membership.voters();
        let needed = membership.configs.iter().map(majority).max().unwrap_or(0);
        Quorum {
            left: now.iter().filter(|node| is_there(node)).copied().collect(),
            needed: u32::try_from(needed).unwrap_or(u32::MAX),
            survives: !now.is_empty() && membership.configs.iter().all(|set| left_of(set) >= majority(set)),
            after: voter_plan(after).voters,
            now,
        }
    }

    /// The workloads that leave, planned on this state, of which the sites are excluded already. All are planned,
    /// however many: nothing here holds up apply.
    fn moved(&self, before: &Inventory, sites: &BTreeSet<SiteName>, now: Millis) -> Vec<Moved> {
        let Ok(change) = dry_ticket() else { return Vec::new() };
        let mut names = excluded(&self.index.inventory, sites);
        names.retain(|name| self.living(name).is_ok());
        let closed = self.any_site_closed(now);
        let request = |workload: &WorkloadName| {
            let held = closed || self.living(workload).is_ok_and(|workload| self.is_held(workload, now));
            let (workload, cause, change) = (workload.clone(), Cause::Excluded, change.clone());
            Request { workload, cause, now, target: None, change, held }
        };
        let requests: Vec<Request> = names.iter().map(request).collect();
        let plans = plan_batch(&self.index.inventory, &requests);
        plans.iter().filter_map(|plan| self.moves(before.placement(&plan.placement.workload)?, plan, sites)).collect()
    }

    fn moves(&self, before: &Placement, plan: &Plan, sites: &BTreeSet<SiteName>) -> Option<Moved> {
        let workload = &self.workload(&before.workload)?.value;
        let is_there = |copy: &&PlacedCopy| {
            let cluster = self.cluster(&copy.cluster);
            copy.role != CopyRole::Stopping && cluster.is_some_and(|cluster| sites.contains(&cluster.value.site))
        };
        let leaving: Vec<&PlacedCopy> = before.copies.iter().filter(is_there).collect();
        let stays = |copy: &&PlacedCopy| {
            let old = before.copies.iter().find(|old| old.cluster == copy.cluster);
            copy.role == CopyRole::Stopping || old.is_some_and(|old| old.role == copy.role && old.epoch == copy.epoch)
        };
        Some(Moved {
            workload: workload.name.clone(),
            organisation: workload.organisation.clone(),
            active: leaving.iter().any(|copy| copy.role == CopyRole::Active),
            from: leaving.iter().map(|copy| copy.cluster.clone()).collect(),
            to: plan.placement.copies.iter().filter(|copy| !stays(copy)).map(|copy| copy.cluster.clone()).collect(),
            fits: plan.placement.waiting != Some(Waiting::NotPlaceable)
                && !plan.report.lacks.contains(&verbund_planner::Lack::Standby),
            waiting: plan.placement.waiting.clone(),
            protection: Protection::of(&workload.spec.mode),
        })
    }

    fn orphaned(&self, organisations: &BTreeSet<OrgName>) -> BTreeSet<WorkloadName> {
        let any = organisations.iter().any(|name| self.index.counts_of(name).workloads > 0);
        let own = self.workloads().filter(|workload| any && organisations.contains(&workload.value.organisation));
        own.map(|workload| workload.value.name.clone()).collect()
    }

    /// Nodes and keys that are named and belong to somebody who stays, and names of whom nobody has heard.
    fn strays(&self, order: &Order, reach: &Distrust) -> BTreeSet<String> {
        let mut strays = BTreeSet::new();
        for site in order.sites().iter().filter(|site| self.site(&site.site).is_none()) {
            strays.insert(format!("site {}", site.site));
        }
        for organisation in order.organisations().iter().filter(|name| self.organisation(name).is_none()) {
            strays.insert(format!("organisation {organisation}"));
        }
        let stays = |node: &NodeId| !self.node(node).is_some_and(|node| reach.sites.contains(&node.value.site));
        strays.extend(order.nodes().iter().filter(|node| stays(node)).map(|node| format!("node {node}")));
        for key in order.keys() {
            let Some(registered) = self.key(&key) else { continue };
            use verbund_model::resource::KeyOwner as K;
            let own = match &registered.value.owner {
                // A user who goes with a site is named on purpose.
                K::User { .. } | K::Invitation => true,
                K::Coordinator => false,
                K::Node { node } => !stays(node),
                K::Agent { cluster } => {
                    self.cluster(cluster).is_none_or(|cluster| reach.sites.contains(&cluster.value.site))
                }
            };
            if !own {
                strays.insert(format!("key {key}"));
            }
        }
        strays
    }
}
