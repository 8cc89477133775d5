//! The agent of a cluster: it dials its site's daemons, carries out what the federation wants, holds the lease, fences what may
//! not run, answers guards, and reports with its own signature (design 6).
//!
//! ```text
//!            ┌────────── watch ──────────┐          ┌── act ──▶ Driver ──▶ cluster
//!  daemon ◀──┼── renewals, answers ──▶ Holder ──▶ reconcile ◀── observe ──┘
//!            └── submit ◀── Reporter ◀───┴───────────┘
//!                                 GuardDesk ◀── guards (UDP)
//! ```
//!
//! [`Agent::run`] is generic over the [`verbund_agent_core::Driver`] (Kubernetes, or the simulated cluster) and over the
//! [`Uplink`], which is [`verbund_agent_link::Link`] in a real agent. Time comes through a [`Clock`].
//!
//! What it relies on is decided elsewhere: `verbund_lease` says whether the lease is held and whether a receipt may be signed,
//! `verbund_agent_core` what is to be done. Here nothing is decided but when to look.
//!
//! **Never in this crate**: rules of the lease, what may run, Kubernetes.

mod agent;
mod asked;
mod author;
mod clock;
mod config;
mod connection;
mod enrolment;
mod guards;
mod leasing;
mod reconciling;
mod reporting;
mod starting;
mod state;
mod uplink;
mod watching;

pub use agent::{Agent, AgentError, Parts};
pub use asked::answer_questions;
pub use author::{Author, AuthorError, SessionStore};
pub use clock::{Clock, SystemClock};
pub use config::AgentConfig;
pub use connection::{Connection, ConnectionError};
pub use enrolment::{Enrolment, EnrolmentError};
pub use guards::{GuardService, serve_guards};
pub use uplink::{Updates, Uplink};
