//! Federations of whole sites: a daemon and an agent of Verbund for each site of the testbed, beside its real Kubernetes
//! cluster, and workloads whose containers write to a sink that no cut concerns.
//!
//! ```text
//!   network namespace of mitte         of nord                  of sued (votes only)     the machine itself
//!  ┌───────────────────────────┐  ┌─────────────────────────┐  ┌──────────────────┐   ┌──────────────────┐
//!  │ verbund serve             │──│ verbund serve           │──│ verbund serve    │   │ Desk: operators  │
//!  │ verbund agent run         │  │ verbund agent run       │  └──────────────────┘   │ Sink: who wrote, │
//!  │ Kubernetes ─ pods ────────┼──┼─ Kubernetes ─ pods ─────┼─────────────────────────▶ and until when   │
//!  └───────────────────────────┘  └─────────────────────────┘                         └──────────────────┘
//! ```
//!
//! Daemons, agents and what people type are the kit's. [`Federation::up`] makes one; [`Sink`] accepts every write and knows who wrote how long; [`overlaps`] says afterwards
//! whether two copies of a workload ever wrote at the same time. The fencing test, the failover benchmark and the demo on
//! real clusters are programs of this crate.
//!
//! **Never in this crate**: anything that a daemon or an agent needs to run, and a sink that refuses somebody: what must not
//! happen has to be seen when it happens.

pub mod failover;
mod federation;
pub mod fencing;
mod interval;
mod kubernetes;
mod sink;
mod workload;

pub use federation::{Federation, Plan, Where};
pub use interval::{Overlap, Writing, overlaps};
pub use kubernetes::Guards;
pub use sink::Sink;
pub use workload::{Mode, Sample};
