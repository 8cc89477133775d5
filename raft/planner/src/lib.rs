//! Where workloads may run (design 5): filters with typed reasons, scores, standby, and the checker of what comes out.
//!
//! Nobody decides a placement: [`plan`] does, and apply runs it, on every replica, when an entry brings a cause. It is a pure
//! function of the [`Inventory`], which whoever holds the state keeps step by step, and of the [`Request`].
//!
//! ```text
//! Inventory ── plan, plan_batch ──> Plan { placement, report } ── check ──> apply
//!     │  └──── lost, excluded: whom a finding or an exclusion concerns, the most urgent first
//!     └─────── why, capacity: the same filters, asked by people
//! ```
//!
//! A placement keeps every hard rule ([`Rule`]) at the moment a copy is reserved or activated. What runs stays where it is while
//! its place is still right, whatever better place there may be; ties break by name.
//!
//! **Never in this crate**: I/O, clocks, randomness, tokio, unordered maps, and floating point but for the distance, which is
//! rounded to whole kilometres; who may ask for what, and whether a cause is proven, which is apply's.

mod capacity;
mod check;
mod demand;
mod distance;
mod exception;
mod filter;
mod ground;
mod inventory;
mod offer;
mod place;
mod plan;
mod protection;
mod reason;
mod report;
mod rule;
mod score;
mod sum;
mod why;
mod words;

pub use capacity::{SiteLoss, capacity};
pub use check::{Violation, check};
pub use distance::{GEOREDUNDANT, WITH_REASON, class, kilometres};
pub use exception::GEOREDUNDANCY;
pub use inventory::Inventory;
pub use plan::{BATCH, excluded, lost, plan, plan_batch, turn};
pub use protection::Protection;
pub use reason::{Compute, Lang, Reason};
pub use report::{Choice, ClusterReport, Lack, Plan, Refused, Report, Request, Score, Tried};
pub use rule::Rule;
pub use why::why;
