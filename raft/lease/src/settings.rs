//! Lengths, margins, and the conditions that tie them.

use serde::{Deserialize, Serialize};
use verbund_model::resource::TimingsInForce;

/// What the federation grants leases with: in the replicated state (rule 12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// L: how long a lease lasts from its holder's send, in milliseconds.
    pub length: u64,
    /// m: how much longer a voter waits by its own clock, in milliseconds.
    pub margin: u64,
}

impl Terms {
    /// Those that are granted now, by the timings in force.
    #[must_use]
    pub fn now(in_force: &TimingsInForce) -> Self {
        Self { length: in_force.timings.lease.into(), margin: in_force.timings.margin.into() }
    }

    /// The longest of before, with which a lease may live on (rule 12).
    #[must_use]
    pub fn before(in_force: &TimingsInForce) -> Self {
        Self { length: in_force.lease_before.into(), margin: in_force.margin_before.into() }
    }

    /// L + m: how long a voter waits after its last answer.
    #[must_use]
    pub const fn hold(&self) -> u64 {
        self.length.saturating_add(self.margin)
    }

    /// The larger of each.
    #[must_use]
    pub fn longer(self, other: Self) -> Self {
        Self { length: self.length.max(other.length), margin: self.margin.max(other.margin) }
    }
}

/// All settings on which the time to a failover hangs. Milliseconds, but for the drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LeaseSettings {
    /// L: how long a lease lasts.
    pub length: u64,
    /// m: how much longer voters wait.
    pub margin: u64,
    /// ρ: how far each clock may run from true time, in millionths, with slewing by NTP. The default covers chrony's
    /// `maxslewrate` of one twelfth.
    pub drift_ppm: u32,
    /// The step of the coarsest clock.
    pub granule: u64,
    /// How often a holder renews.
    pub renewal_interval: u64,
    /// The longest round trip from an agent to a majority of voters for which a lease shall last.
    pub renewal_round_trip: u64,
    /// How often a guard asks.
    pub guard_interval: u64,
    /// The longest round trip from a guard to its agent.
    pub guard_round_trip: u64,
    /// The longest stop budget that a workload may have: time to end its program before its lease ends.
    pub stop_budget: u64,
    /// What statements, the verdict and the activation elsewhere may take once the voters have waited.
    pub activation: u64,
}

impl Default for LeaseSettings {
    fn default() -> Self {
        Self {
            length: 8_400,
            margin: 1_600,
            drift_ppm: 84_000,
            granule: 10,
            renewal_interval: 1_000,
            renewal_round_trip: 500,
            guard_interval: 1_000,
            guard_round_trip: 250,
            stop_budget: 3_000,
            activation: 2_000,
        }
    }
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nothing can be bounded with such clocks.
    #[error("clocks that drift by {drift_ppm} ppm keep no lease: the drift must be below 500000 ppm")]
    Drift {
        /// What was given.
        drift_ppm: u32,
    },
    /// A voter could end a lease on which its holder still relies.
    #[error(
        "a margin of {margin} ms is too small for a lease of {length} ms and a drift of {drift_ppm} ppm: at least {needed} ms are needed"
    )]
    Margin {
        /// What was given.
        margin: u64,
        /// L.
        length: u64,
        /// ρ.
        drift_ppm: u32,
        /// What is needed.
        needed: u64,
    },
    /// Leases would end although all is well.
    #[error(
        "a lease of {length} ms is too short: renewal interval, guard interval, both round trips and the stop budget take {used} ms, which must be less"
    )]
    Length {
        /// L.
        length: u64,
        /// What is used of it.
        used: u64,
    },
    /// An interval of nothing.
    #[error("{what} must be at least 1 ms")]
    Zero {
        /// Which setting.
        what: &'static str,
    },
    /// No failover waits that long.
    #[error("{what} of {value} ms is too long: at most one day is allowed")]
    TooLong {
        /// Which setting.
        what: &'static str,
        /// What was given.
        value: u64,
    },
}

const MILLION: u64 = 1_000_000;
const DAY: u64 = 86_400_000;

/// How long it takes, at worst, until an exclusive workload may run elsewhere, and of what that consists. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sum {
    /// L.
    pub length: u64,
    /// m.
    pub margin: u64,
    /// Statements, verdict and activation.
    pub activation: u64,
    /// All of it.
    pub total: u64,
}

impl LeaseSettings {
    /// L and m.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        Terms { length: self.length, margin: self.margin }
    }

    /// The least margin that is safe: 2ρL/(1−ρ), rounded up, plus one granule. With (L + m)/(1 + ρ) ≥ L/(1 − ρ) the
    /// fastest voter still waits until the slowest holder's lease is over; hops add nothing, as each counts from its own send.
    #[must_use]
    pub fn least_margin(&self) -> u64 {
        let drift = u64::from(self.drift_ppm).min(MILLION - 1);
        (2 * drift).saturating_mul(self.length).div_ceil(MILLION - drift).saturating_add(self.granule)
    }

    /// How much of a lease is used up, at worst, between what keeps it and what it keeps, all being well.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.renewal_interval
            .saturating_add(self.guard_interval)
            .saturating_add(self.renewal_round_trip)
            .saturating_add(self.guard_round_trip)
            .saturating_add(self.stop_budget)
    }

    /// The worst time from a loss to the activation elsewhere: to be shown before settings are chosen.
    #[must_use]
    pub const fn sum(&self) -> Sum {
        let total = self.terms().hold().saturating_add(self.activation);
        Sum { length: self.length, margin: self.margin, activation: self.activation, total }
    }

    /// Checks every condition. Errors: the first [`SettingsError`] found.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let spans = [
            ("the length", self.length),
            ("the granule", self.granule),
            ("the renewal interval", self.renewal_interval),
            ("the guard interval", self.guard_interval),
            ("the margin", self.margin),
            ("the renewal round trip", self.renewal_round_trip),
            ("the guard round trip", self.guard_round_trip),
            ("the stop budget", self.stop_budget),
            ("the activation", self.activation),
        ];
        if let Some((what, _)) = spans[..4].iter().find(|(_, value)| *value == 0) {
            return Err(SettingsError::Zero { what });
        }
        if let Some(&(what, value)) = spans.iter().find(|(_, value)| *value > DAY) {
            return Err(SettingsError::TooLong { what, value });
        }
        if self.drift_ppm >= 500_000 {
            return Err(SettingsError::Drift { drift_ppm: self.drift_ppm });
        }
        let needed = self.least_margin();
        if self.margin < needed {
            let Self { margin, length, drift_ppm, .. } = *self;
            return Err(SettingsError::Margin { margin, length, drift_ppm, needed });
        }
        let used = self.used();
        if used >= self.length {
            return Err(SettingsError::Length { length: self.length, used });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
