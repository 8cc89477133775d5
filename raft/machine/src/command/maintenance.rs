//! Windows and freezes: when what runs may be moved as planned.

use verbund_model::local::TimeOfDay;
use verbund_model::resource::{
    Closed, CopyRole, Maintenance, MaintenanceOf, Millis, Organisation, Placement, Site, Workload, next_open,
};
use verbund_model::{Accepted, ClusterName, OrgName, Refusal, SiteName};

use super::form;
use crate::act::{Act, Decision, invalid, within};
use crate::limits::{MAX_FREEZES, MAX_WINDOWS};
use crate::state::State;

impl Act<'_> {
    pub(crate) fn set_site_maintenance(&mut self, name: &SiteName, maintenance: &Maintenance) -> Decision {
        let found = self.existing::<Site>(name)?;
        check_maintenance("maintenance", maintenance)?;
        if found.value.maintenance == *maintenance {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let changed = Site { maintenance: maintenance.clone(), ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }

    pub(crate) fn set_organisation_maintenance(&mut self, name: &OrgName, maintenance: &Maintenance) -> Decision {
        let found = self.existing::<Organisation>(name)?;
        check_maintenance("maintenance", maintenance)?;
        if found.value.maintenance == *maintenance {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        let changed = Organisation { maintenance: maintenance.clone(), ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }
}

/// That windows and freezes say something. Errors: the first field that is wrong, by its path.
pub(super) fn check_maintenance(field: &str, maintenance: &Maintenance) -> Result<(), Refusal> {
    within(&format!("the number of {field}.windows"), maintenance.windows.len() as u64, MAX_WINDOWS)?;
    for (at, window) in maintenance.windows.iter().enumerate() {
        let at = format!("{field}.windows[{at}]");
        if window.days.is_empty() {
            return Err(invalid(&format!("{at}.days"), "found none, wanted is one at least, such as sat"));
        }
        if window.from == TimeOfDay::END || window.from == window.to {
            let reason = format!(
                "found {} to {}, allowed is a beginning before 24:00 and another end; a whole day is 00:00 to 24:00",
                window.from, window.to
            );
            return Err(invalid(&format!("{at}.from"), reason));
        }
    }
    within(&format!("the number of {field}.freezes"), maintenance.freezes.len() as u64, MAX_FREEZES)?;
    for (at, freeze) in maintenance.freezes.iter().enumerate() {
        let at = format!("{field}.freezes[{at}]");
        if freeze.to < freeze.from {
            let reason = format!("found {}, allowed is {} (from) or later", freeze.to, freeze.from);
            return Err(invalid(&format!("{at}.to"), reason));
        }
        form::text(&format!("{at}.reason"), &freeze.reason, true)?;
    }
    Ok(())
}

impl State {
    /// The windows and freezes that count for a workload, for what leaves clusters and comes to them.
    fn maintenance_of<'a>(
        &'a self,
        workload: &'a Workload,
        clusters: impl IntoIterator<Item = &'a ClusterName>,
    ) -> Vec<(MaintenanceOf, &'a Maintenance)> {
        let mut all = vec![(MaintenanceOf::Workload(workload.name.clone()), &workload.spec.maintenance)];
        let organisation = self.organisation(&workload.organisation);
        all.extend(
            organisation
                .map(|found| (MaintenanceOf::Organisation(workload.organisation.clone()), &found.value.maintenance)),
        );
        let mut sites: Vec<&SiteName> =
            clusters.into_iter().filter_map(|cluster| Some(&self.cluster(cluster)?.value.site)).collect();
        sites.sort();
        sites.dedup();
        let found = sites.into_iter().filter_map(|site| self.site(site));
        all.extend(found.map(|site| (MaintenanceOf::Site(site.value.name.clone()), &site.value.maintenance)));
        all
    }

    /// The refusal of a planned move that leaves clusters and comes to them, if it may not happen now.
    fn not_now<'a>(
        &'a self,
        workload: &'a Workload,
        clusters: impl IntoIterator<Item = &'a ClusterName>,
        now: Millis,
    ) -> Option<Refusal> {
        let all = self.maintenance_of(workload, clusters);
        let (by, closed) = all.iter().find_map(|(of, one)| one.closed(now).map(|closed| (of, closed)))?;
        let freeze = match closed {
            Closed::Frozen(freeze) => Some(freeze.reason.clone()),
            Closed::Outside => None,
        };
        let every: Vec<&Maintenance> = all.iter().map(|(_, one)| *one).collect();
        let (workload, by, next) = (workload.name.clone(), by.clone(), next_open(&every, now));
        Some(Refusal::NotNow { workload, by, freeze, next })
    }

    /// Whether what runs of a workload stays where it had better not be until windows open.
    pub(crate) fn is_held(&self, workload: &Workload, now: Millis) -> bool {
        let all = self.maintenance_of(workload, self.active_at(workload));
        all.iter().any(|(_, one)| one.closed(now).is_some())
    }

    /// In which freeze a workload is, in words.
    pub(crate) fn freeze_of(&self, workload: &Workload, now: Millis) -> Option<String> {
        let all = self.maintenance_of(workload, self.active_at(workload));
        all.iter().find_map(|(of, one)| match one.closed(now)? {
            Closed::Frozen(freeze) => Some(format!("the freeze of {of} ({})", freeze.reason)),
            Closed::Outside => None,
        })
    }

    fn active_at<'a>(&'a self, workload: &Workload) -> impl Iterator<Item = &'a ClusterName> {
        let copies = self.placement(&workload.name).map_or(&[][..], |found| &found.value.copies);
        copies.iter().filter(|copy| copy.role == CopyRole::Active).map(|copy| &copy.cluster)
    }

    /// Whether any site is closed to planned moves now.
    pub(crate) fn any_site_closed(&self, now: Millis) -> bool {
        self.sites().any(|site| site.value.maintenance.closed(now).is_some())
    }

    /// The refusal of a placement that moves what runs, if it may not be moved now. What was lost may be replaced at any
    /// time, and what is on its way arrives.
    pub(crate) fn closed_to(&self, workload: &Workload, after: &Placement, now: Millis) -> Option<Refusal> {
        let before = &self.placement(&workload.name)?.value;
        let is_active = |placement: &Placement, cluster: &ClusterName| {
            placement.copies.iter().any(|copy| copy.cluster == *cluster && copy.role == CopyRole::Active)
        };
        let active = before.copies.iter().filter(|copy| copy.role == CopyRole::Active);
        let alive: Vec<&ClusterName> = active.filter(|copy| self.serves(copy)).map(|copy| &copy.cluster).collect();
        let leaving = alive.iter().copied().filter(|cluster| !is_active(after, cluster));
        let leaving: Vec<&ClusterName> = leaving.collect();
        let coming = arriving(before, after);
        let replaced = !leaving.is_empty() && (!coming.is_empty() || after.waiting.is_some());
        let sent = !alive.is_empty() && after.target.is_some() && after.target != before.target;
        (replaced || sent).then(|| self.not_now(workload, leaving.into_iter().chain(coming), now))?
    }

    /// Whether a site to which a plan brings something is closed to it.
    pub(crate) fn arrives_closed(&self, workload: &Workload, after: &Placement, now: Millis) -> bool {
        let Some(before) = self.placement(&workload.name) else { return false };
        self.not_now(workload, arriving(&before.value, after), now).is_some()
    }
}

/// The clusters that a plan newly wants to serve.
fn arriving<'a>(before: &Placement, after: &'a Placement) -> Vec<&'a ClusterName> {
    let was = |cluster: &ClusterName| {
        before.copies.iter().any(|copy| copy.cluster == *cluster && copy.role == CopyRole::Active)
    };
    let active = after.copies.iter().filter(|copy| copy.role == CopyRole::Active && !was(&copy.cluster));
    let target = after.target.iter().filter(|target| before.target.as_ref() != Some(target));
    active.map(|copy| &copy.cluster).chain(target).collect()
}
