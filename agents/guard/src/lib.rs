//! The guard: process 1 in each container of an exclusive workload of fence level `guard` (design 6, lease.md).
//!
//! It asks the desk of its cluster's agent whether this workload may run with this epoch, counts what it is granted from its
//! own sending of the question, starts the program only under a grant, and ends it `stopBudget` before the last grant
//! ends. Nobody else has to live for that: not the agent, not the kubelet, not the API server. What it decides is
//! [`verbund_lease::Guard`]; here are the clock, the socket, the signals and the processes around it.
//!
//! As process 1 it also forwards signals to the program and reaps what the program leaves behind; when it exits, the kernel
//! ends everything else in the container. That is why it refuses to be another process than the first one (unless told so for
//! tests), and why such pods may not share their process namespace.
//!
//! It needs no capability, no root, no writable file system and no name server, and no shared library when it is linked
//! statically (`agents/guard/static`).
//!
//! **Never in this crate**: threads, an asynchronous runtime, decisions about leases, and anything that could keep the guard
//! from looking at its clock: no lock, no blocking read, no name look-up.

pub mod cli;
mod clock;
mod config;
mod copy;
mod line;
mod program;
mod signals;
mod supervisor;
pub mod wire;

pub use clock::{ClockError, now};
pub use config::{Config, ConfigError};
pub use copy::{CopyError, copy};
pub use supervisor::{GuardFailure, run};
