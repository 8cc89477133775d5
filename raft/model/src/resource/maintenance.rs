//! When planned moves may happen: windows and freezes, in local time.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Millis;
use crate::id::{OrgName, SiteName, WorkloadName};
use crate::local::{Date, TimeOfDay, Weekday, day_at, instant};

/// Days of a week: what is closed now and is ever open is open within as many.
const WEEK: u64 = 7;
/// How often [`next_open`] goes on to a later time: enough to get over every freeze and over weeks of windows.
const STEPS: usize = 1_024;

/// A time of the week at which planned moves may happen. It begins at the first instant at which the local clock shows
/// `from` or a later time, and ends at the first at which it shows `to`: a window that contains the skipped hour is an hour
/// shorter, and one that contains the doubled hour an hour longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// The days on which it begins.
    pub days: BTreeSet<Weekday>,
    /// When it begins.
    pub from: TimeOfDay,
    /// When it ends: on the next day, if that is earlier.
    pub to: TimeOfDay,
}

impl Window {
    /// When it begins and ends, if it begins on a day.
    fn on(&self, day: u64) -> Option<(Millis, Millis)> {
        let last = day + u64::from(self.to <= self.from);
        self.days.contains(&Weekday::of(day)).then(|| (instant(day, self.from), instant(last, self.to)))
    }

    /// Whether it is open.
    #[must_use]
    pub fn is_open(&self, now: Millis) -> bool {
        let today = day_at(now);
        let mut spans = [today.saturating_sub(1), today].into_iter().filter_map(|day| self.on(day));
        spans.any(|(from, to)| from <= now && now < to)
    }

    /// When it next opens after `now`.
    fn opens_after(&self, now: Millis) -> Option<Millis> {
        let today = day_at(now);
        // A window that lies in the skipped hour is not open at all in that week.
        let spans = (today..=today.saturating_add(2 * WEEK)).filter_map(|day| self.on(day));
        spans.filter(|(from, to)| *from > now && from < to).map(|(from, _)| from).next()
    }
}

/// A time in which no planned moves happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Freeze {
    /// The first day.
    pub from: Date,
    /// The last day, which belongs to it.
    pub to: Date,
    /// Why.
    pub reason: String,
}

impl Freeze {
    /// When it ends.
    #[must_use]
    pub fn end(&self) -> Millis {
        instant(self.to.day(), TimeOfDay::END)
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self, now: Millis) -> bool {
        (self.from.day()..=self.to.day()).contains(&day_at(now))
    }
}

/// When planned moves of something may happen. Nothing said: always.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Maintenance {
    /// Only within one of these; none: at any time.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Never within any of these.
    #[serde(default)]
    pub freezes: Vec<Freeze>,
}

/// Whose windows and freezes they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MaintenanceOf {
    /// A workload's own.
    Workload(WorkloadName),
    /// Those of the organisation that runs it.
    Organisation(OrgName),
    /// Those of a site that it would leave or come to.
    Site(SiteName),
}

impl fmt::Display for MaintenanceOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workload(name) => write!(f, "workload {name}"),
            Self::Organisation(name) => write!(f, "organisation {name}"),
            Self::Site(name) => write!(f, "site {name}"),
        }
    }
}

/// Why a planned move may not happen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed<'a> {
    /// No window is open.
    Outside,
    /// There is a freeze.
    Frozen(&'a Freeze),
}

impl Maintenance {
    /// Why a planned move may not happen now; `None`: it may.
    #[must_use]
    pub fn closed(&self, now: Millis) -> Option<Closed<'_>> {
        let frozen = self.freezes.iter().find(|freeze| freeze.is_on(now)).map(Closed::Frozen);
        let outside = || !self.windows.is_empty() && !self.windows.iter().any(|window| window.is_open(now));
        frozen.or_else(|| outside().then_some(Closed::Outside))
    }

    /// The next time for which it is worth asking again, where it is closed.
    fn later(&self, closed: Closed<'_>, now: Millis) -> Option<Millis> {
        match closed {
            Closed::Frozen(freeze) => Some(freeze.end()),
            Closed::Outside => self.windows.iter().filter_map(|window| window.opens_after(now)).min(),
        }
    }
}

/// The first time from `now` on at which none of `all` is closed. `None`: their windows have no time in common.
#[must_use]
pub fn next_open(all: &[&Maintenance], now: Millis) -> Option<Millis> {
    let mut time = now;
    for _ in 0..STEPS {
        let closed = all.iter().find_map(|one| one.closed(time).map(|closed| (one, closed)));
        let Some((one, closed)) = closed else { return Some(time) };
        time = one.later(closed, time).filter(|later| *later > time)?;
    }
    None
}

#[cfg(test)]
mod tests;
