//! What changed: one event for each resource that an entry created, changed or deleted.

use verbund_model::view;

use crate::object::Object;

/// A change of one resource. Holds the typed value, shared with the state; it becomes text only when somebody watches.
#[derive(Clone, Debug, PartialEq)]
pub struct StateEvent {
    /// Log index of the entry.
    pub index: u64,
    /// Position among the changes of that entry, from 0.
    pub part: u32,
    /// What happened.
    pub change: view::Change,
    /// The resource after the change; for a deletion as it was before.
    pub object: Object,
}

impl StateEvent {
    /// The event as a watch reports it.
    #[must_use]
    pub fn render(&self) -> view::Event {
        view::Event { index: self.index, part: self.part, change: self.change, resource: self.object.render() }
    }
}
