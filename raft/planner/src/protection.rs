//! What protects a workload's data from a copy at a site that is not believed (design 6 and 7).

use serde::{Deserialize, Serialize};
use verbund_model::resource::{FenceLevel, Mode};

use crate::reason::Lang;

/// What protects a workload's data from a copy that an excluded site may still run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// Nothing needs to: several copies of it may run.
    Parallel,
    /// Its data store refuses older epochs, also from a hostile site.
    Data,
    /// Only time does: it is activated elsewhere when the lease has ended, and whoever controls the node can break the
    /// guard.
    Time,
    /// Nothing does: it is not activated elsewhere before a coordinator vouches that the old copy is stopped.
    Confirmation,
}

impl Protection {
    /// What protects a workload of this mode.
    #[must_use]
    pub const fn of(mode: &Mode) -> Self {
        match mode {
            Mode::Parallel { .. } => Self::Parallel,
            Mode::Exclusive { fence: FenceLevel::Data } => Self::Data,
            Mode::Exclusive { fence: FenceLevel::Guard } => Self::Time,
            Mode::Exclusive { fence: FenceLevel::Agent } => Self::Confirmation,
        }
    }

    /// The sentence that a report says of it.
    #[must_use]
    pub const fn text(self, lang: Lang) -> &'static str {
        match (self, lang) {
            (Self::Parallel, Lang::De) => {
                "Parallel: Weitere Kopien dürfen laufen; die am ausgeschlossenen Standort bekommt keinen Verkehr und keine Geheimnisse mehr."
            }
            (Self::Parallel, Lang::En) => {
                "Parallel: several copies may run; the one at the excluded site gets no traffic and no secrets any more."
            }
            (Self::Data, Lang::De) => {
                "Stufe data schützt: Die Datenhaltung weist ältere Epochen ab, auch von einem feindlichen Standort."
            }
            (Self::Data, Lang::En) => {
                "Level data protects: the data store refuses older epochs, also from a hostile site."
            }
            (Self::Time, Lang::De) => {
                "Nur die Zeit schützt: Die neue Kopie startet nach dem Ende der Leihe; ein feindlicher Standort kann den Wächter umgehen und die alte weiterlaufen lassen."
            }
            (Self::Time, Lang::En) => {
                "Only time protects: the new copy starts when the lease has ended; a hostile site can get round the guard and let the old one run on."
            }
            (Self::Confirmation, Lang::De) => {
                "Nichts schützt: Die neue Kopie startet erst, wenn ein Mitglied der Koordinierungsstelle mit „fence confirm“ bestätigt, dass die alte steht."
            }
            (Self::Confirmation, Lang::En) => {
                "Nothing protects: the new copy starts only when a coordinator confirms with \"fence confirm\" that the old one has stopped."
            }
        }
    }
}
