//! One node's judgement of whether a site is there, for parallel workloads: no lease hangs on it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use verbund_model::SiteName;

use crate::Tick;

/// When a site counts as unreachable, and when as returned. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LivenessSettings {
    /// Silence of this length makes it unreachable.
    pub silence: u64,
    /// It must be heard this long, without such a silence, before it counts as returned.
    pub steady: u64,
    /// Each loss within `memory` of the one before doubles the time to return, up to this.
    pub steady_max: u64,
    /// How long a loss is remembered after the site returned.
    pub memory: u64,
    /// A judge that did not look for this long slept itself, and begins anew.
    pub stall: u64,
}

impl Default for LivenessSettings {
    fn default() -> Self {
        Self { silence: 2_000, steady: 5_000, steady_max: 80_000, memory: 300_000, stall: 1_000 }
    }
}

/// How a site stands with this judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// It is heard.
    Reachable,
    /// Nothing is heard of it since this tick.
    Silent {
        /// The last sign of life.
        since: Tick,
    },
    /// It is heard again, but not steadily for long enough; at this tick it would be.
    Returning {
        /// When.
        until: Tick,
    },
}

/// The judge: signs of life in, judgement out.
///
/// Unreachable after `silence`, and from then on until it was heard **steadily** for `steady`, longer each time that it is
/// lost again: a flapping site stays lost. A judge that was itself stopped accuses nobody: it begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Liveness {
    settings: LivenessSettings,
    looked: Tick,
    sites: BTreeMap<SiteName, Record>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    /// The last sign of life.
    heard: Tick,
    lost: Option<Loss>,
    /// How often it was lost lately, and when it returned last.
    losses: u32,
    returned: Tick,
}

/// A loss that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Loss {
    /// Since when it is heard without a silence.
    steady_since: Tick,
}

impl Liveness {
    /// A judge that begins now and has heard nobody.
    #[must_use]
    pub const fn new(settings: LivenessSettings, now: Tick) -> Self {
        Self { settings, looked: now, sites: BTreeMap::new() }
    }

    /// A sign of life of `site`, received now.
    pub fn heard(&mut self, site: &SiteName, now: Tick) {
        self.look(now);
        let settings = self.settings;
        match self.sites.get_mut(site) {
            Some(record) => record.heard(now, &settings),
            None => self.expect(site, now),
        }
    }

    /// A site that should be there: silence counts from now if it is new. Without this, a site never heard is not judged.
    pub fn expect(&mut self, site: &SiteName, now: Tick) {
        let new = Record { heard: now, lost: None, losses: 0, returned: now };
        self.sites.entry(site.clone()).or_insert(new);
    }

    /// A site that need not be there any more.
    pub fn forget(&mut self, site: &SiteName) {
        self.sites.remove(site);
    }

    /// To be called several times within `stall`, whether or not anything is heard: so the judge knows that it was awake.
    pub fn look(&mut self, now: Tick) {
        if now.saturating_sub(self.looked) > self.settings.stall {
            for record in self.sites.values_mut() {
                record.begin_anew(now);
            }
        }
        self.looked = self.looked.max(now);
        let settings = self.settings;
        for record in self.sites.values_mut() {
            record.judge(now, &settings);
        }
    }

    /// Whether a statement that `site` is unreachable may be signed now. Never of a site that is not known, nor by a judge
    /// that has not looked lately.
    #[must_use]
    pub fn unreachable(&self, site: &SiteName, now: Tick) -> bool {
        !matches!(self.standing(site, now), None | Some(Standing::Reachable))
    }

    /// How `site` stands. `None`: not known, or the judge has not looked lately.
    #[must_use]
    pub fn standing(&self, site: &SiteName, now: Tick) -> Option<Standing> {
        if now.saturating_sub(self.looked) > self.settings.stall {
            return None;
        }
        let mut record = self.sites.get(site)?.clone();
        record.judge(now, &self.settings);
        Some(match &record.lost {
            None => Standing::Reachable,
            Some(_) if record.silent(now, &self.settings) => Standing::Silent { since: record.heard },
            Some(loss) => {
                Standing::Returning { until: loss.steady_since.saturating_add(record.wanted(&self.settings)) }
            }
        })
    }
}

impl Record {
    const fn silent(&self, now: Tick, settings: &LivenessSettings) -> bool {
        now.saturating_sub(self.heard) >= settings.silence
    }

    /// How long it must be heard before it counts as returned.
    fn wanted(&self, settings: &LivenessSettings) -> u64 {
        let doubled = settings.steady.saturating_mul(1 << self.losses.saturating_sub(1).min(32));
        doubled.min(settings.steady_max.max(settings.steady))
    }

    fn judge(&mut self, now: Tick, settings: &LivenessSettings) {
        if self.silent(now, settings) {
            if self.lost.is_none() {
                let forgotten = now.saturating_sub(self.returned) > settings.memory;
                self.losses = if forgotten { 1 } else { self.losses.saturating_add(1) };
                self.lost = Some(Loss { steady_since: now });
            }
            return;
        }
        let steady = |loss: &Loss| now.saturating_sub(loss.steady_since) >= self.wanted(settings);
        if self.lost.as_ref().is_some_and(steady) {
            self.lost = None;
            self.returned = now;
        }
    }

    fn heard(&mut self, now: Tick, settings: &LivenessSettings) {
        self.judge(now, settings);
        if let Some(loss) = self.lost.as_mut()
            && now.saturating_sub(self.heard) >= settings.silence
        {
            loss.steady_since = now;
        }
        self.heard = self.heard.max(now);
    }

    /// The judge slept: what it did not hear in that time says nothing.
    fn begin_anew(&mut self, now: Tick) {
        self.heard = now;
        self.lost = None;
    }
}

#[cfg(test)]
mod tests;
