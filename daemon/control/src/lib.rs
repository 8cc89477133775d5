//! What the leader watches over (design 6): sites that fall silent or return, leases that end or may open, workloads whose
//! turn it is, directives that the log does not know yet.
//!
//! [`tasks`] decides, as a function of the state, of what this node hears, and of nothing else. [`Search`] finds the workloads
//! whose place became wrong, or for which one became free, with a bounded number of plans. [`Controller`] carries out:
//! it asks the voters for statements and brings causes into the log, through [`Port`]. It decides no placement and ends no
//! lease: apply does, from the causes and their proofs, on every replica. Should two nodes take themselves for the leader,
//! the second cause finds nothing left to do.
//!
//! **Never in this crate**: a placement, the word that votes are enough (apply has it), a key, a clock of its own.

mod controller;
mod port;
mod search;
mod tasks;

pub use controller::Controller;
pub use port::{Port, Said};
pub use search::{Budget, Search};
pub use tasks::{Heard, Task, tasks};
