//! What an agent decides: from what is desired, what is observed and the lease follow the actions, each with its reason
//! (design 6). The agent of `verbund-agent` carries them out through a [`Driver`], of which there are two: Kubernetes and
//! the simulated cluster.
//!
//! The order of one workload's life: [`manifest`] refuses what may not run, [`mod@render`] makes the objects to apply from the
//! manifests, [`mod@reconcile`] compares them with what is there, [`readiness`] says how far it has come.
//!
//! What always holds:
//! - An exclusive copy is applied only under a lease that is held, of the generation that the copy names, and with a desired
//!   state that was read linearizably in this run of the agent, at or after the entry that opened the generation (lease.md
//!   8 and 9). Otherwise it is fenced.
//! - An epoch older than one that was carried out, or one that was stopped by receipt, is never applied (lease.md 11).
//! - Only objects that carry the owner's label are changed or removed.
//!
//! **Never in this crate**: tokio, clocks, randomness, files, network, Kubernetes clients. The trait [`Driver`] only names
//! what a driver can do.

pub mod action;
pub mod base;
pub mod desired;
pub mod drift;
pub mod driver;
pub mod facts;
pub mod guard;
pub mod manifest;
pub mod names;
pub mod object;
pub mod observed;
pub mod pods;
pub mod question;
pub mod readiness;
pub mod reconcile;
pub mod render;
#[cfg(test)]
mod samples;
pub mod secret;
pub mod settings;

pub use action::{Act, Action, Why};
pub use desired::{Desired, DesiredCopy, DesiredLease, DesiredRole};
pub use driver::{ClusterEvent, Driver, LogLine, LogQuery, Measured};
pub use facts::Facts;
pub use object::{Object, ObjectKey, Origin, Scope, Scopes};
pub use observed::{NamespaceState, Observed, ObservedCopy, ObservedNamespace, ObservedObject, ObservedPod};
pub use question::{Found, Question};
pub use reconcile::{Given, Right, keys, reconcile};
pub use render::Context;
pub use secret::{DesiredSecret, SecretContent, SecretText};
pub use settings::{PullPolicy, Settings};
