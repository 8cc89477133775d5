//! What a voter keeps of one open lease.

use crate::Tick;
use crate::number::Generation;
use crate::settings::Terms;
use crate::view::OpenLease;

/// One line of a voter's table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Entry {
    generation: Generation,
    /// L and m as last applied.
    terms: Terms,
    /// Larger ones that may still be live, and until when they are reckoned with (rule 12).
    longer: Option<(Terms, Tick)>,
    /// Until when the lease counts as granted: the last answer, or the opening, and L + m.
    granted_until: Tick,
}

impl Entry {
    /// A lease first seen, by its opening or after a start: granted now, with the largest terms that may be live (rule 6).
    pub(super) fn new(lease: OpenLease, now: Tick) -> Self {
        let hold_until = now.saturating_add(lease.longest.hold());
        Self {
            generation: lease.generation,
            terms: lease.terms,
            longer: (lease.longest != lease.terms).then_some((lease.longest, hold_until)),
            granted_until: hold_until,
        }
    }

    pub(super) const fn generation(&self) -> Generation {
        self.generation
    }

    pub(super) const fn granted_until(&self) -> Tick {
        self.granted_until
    }

    /// Takes the terms as applied. What was larger before stays allowed for one hold of it.
    pub(super) fn see(&mut self, lease: OpenLease, now: Tick) {
        let new = lease.terms;
        if new.length < self.terms.length || new.margin < self.terms.margin {
            let before = self.allowed(now);
            self.longer = Some((before, now.saturating_add(before.hold())));
        }
        self.terms = new;
    }

    /// L and m with which it may be granted now.
    pub(super) fn allowed(&self, now: Tick) -> Terms {
        match self.longer {
            Some((longer, until)) if now < until => self.terms.longer(longer),
            _ => self.terms,
        }
    }

    /// Grants it from `now`.
    pub(super) fn grant(&mut self, now: Tick) {
        self.granted_until = self.granted_until.max(now.saturating_add(self.allowed(now).hold()));
    }
}
