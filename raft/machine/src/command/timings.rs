//! How long leases last: set by m coordinators.

use verbund_model::Refusal;
use verbund_model::resource::{Timings, TimingsInForce};

use super::form;
use crate::act::{Act, invalid};

impl Act<'_> {
    /// A lease that was granted under the old timings, or under still older ones, may live on: the state remembers the
    /// longest (lease.md 12).
    pub(crate) fn set_timings(&mut self, timings: Timings) {
        let old = self.state.timings();
        let (before, changed) = (old.value, old.changed);
        let still = changed.saturating_add(u64::from(before.lease_before) + u64::from(before.margin_before));
        let (mut lease_before, mut margin_before) = (before.timings.lease, before.timings.margin);
        if self.now < still {
            lease_before = lease_before.max(before.lease_before);
            margin_before = margin_before.max(before.margin_before);
        }
        self.put(TimingsInForce { timings, lease_before, margin_before });
    }
}

/// That the numbers are possible, and safe together (lease.md, Numbers).
pub(crate) fn check_timings(timings: &Timings) -> Result<(), Refusal> {
    let at = |field: &str| format!("action.setTimings.timings.{field}");
    form::number(&at("lease"), timings.lease.into(), 1_000, 600_000)?;
    form::number(&at("drift"), timings.drift.into(), 1, 400_000)?;
    form::number(&at("unreachableAfter"), timings.unreachable_after.into(), 500, 600_000)?;
    form::number(&at("returnedAfter"), timings.returned_after.into(), 500, 3_600_000)?;
    form::number(&at("margin"), timings.margin.into(), 1, 600_000)?;
    match timings.least_margin() {
        Some(least) if least <= u64::from(timings.margin) => Ok(()),
        least => {
            let least = least.unwrap_or(u64::MAX);
            let reason = format!("found {}, wanted for this lease and drift is {least} or more", timings.margin);
            Err(invalid(&at("margin"), reason))
        }
    }
}
