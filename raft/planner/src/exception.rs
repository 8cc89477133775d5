//! Exceptions that planning knows.

use verbund_model::WorkloadName;
use verbund_model::resource::Millis;

use crate::inventory::Inventory;

/// The rule of an exception that lets a georedundant standby be 100 to 200 km away.
pub const GEOREDUNDANCY: &str = "georedundancy";

/// How many coordinators' approvals an exception needs (Rahmenwerk 2.2).
const APPROVALS: usize = 2;

/// Whether an exception of the workload allows a standby 100 to 200 km away: approved by two, and not ended.
pub(crate) fn allows_nearer(inventory: &Inventory, workload: &WorkloadName, now: Millis) -> bool {
    inventory.exceptions_of(workload).any(|exception| {
        exception.rule == GEOREDUNDANCY && exception.until > now && exception.approvals.len() >= APPROVALS
    })
}
