//! Whole federations as real processes, built, loaded, hurt and judged: what the chaos tests and the benchmark share.
//!
//! - [`Process`]: a child with its log, stopped by its pid, measured through `/proc`.
//! - [`Ports`]: loopback ports that stay free while a process is down.
//! - [`wait`]: bounded waiting for a condition; nothing here sleeps and hopes.
//!
//! **Never in this crate**: anything that a daemon needs to run. It knows Verbund from outside, as a user does: by its
//! command line, its API, and its public formats.

pub mod api;
pub mod audit;
pub mod author;
pub mod bench;
pub mod canary;
pub mod checker;
pub mod cluster;
pub mod delay;
pub mod desk;
pub mod federation;
pub mod helm;
pub mod joiner;
pub mod metrics;
pub mod operator;
pub mod peer;
pub mod placements;
pub mod ports;
pub mod process;
pub mod replay;
pub mod rpc;
pub mod seed;
pub mod serving;
pub mod site;
pub mod tls;
pub mod traffic;
pub mod wait;

pub use author::{Author, Session};
pub use cluster::Cluster;
pub use desk::Desk;
pub use federation::{Federation, Settings};
pub use helm::helm;
pub use operator::{Operator, Workload};
pub use placements::Placements;
pub use ports::Ports;
pub use process::{Process, Signal, Usage};
pub use replay::Replay;
pub use seed::seeded;
pub use serving::Serving;
pub use site::{Place, Site};
pub use wait::{until, until_async};
