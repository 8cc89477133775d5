//! The replicated state machine: `apply(state, entry) → outcome + events`, the same on every replica.
//!
//! Here is decided who may do what, in which order things happened, and what the state is after it. Everything follows
//! from the bytes of the log: there is no other input but a verifier of signatures, which is a pure function. Each entry
//! leaves an audit record, chained by hash to the one before.
//!
//! What apply answers is for ever: a replica of a later release that replays the log must give the same answers, to the
//! letter, because outcomes are part of the audit chain. So no words of a library stand in them, and a change of a rule
//! or a limit is switched on through the log (design 4).
//!
//! **Never in this crate**: clocks, randomness, I/O, tokio, floating point, unordered maps; a panic, whatever the bytes.

mod act;
pub mod alarm;
pub mod apply;
mod authenticate;
pub mod authority;
mod command;
mod due;
pub mod entry;
pub mod event;
mod excluded;
mod founding;
pub mod impact;
mod index;
pub mod limits;
pub mod log;
pub mod object;
pub mod plans;
mod precondition;
pub mod record;
mod render;
pub mod session;
mod session_rules;
pub mod snapshot;
pub mod state;
mod statements;
mod sum;
mod table;
mod tables;
pub mod vet;
pub mod voters;

pub use alarm::Alarm;
pub use apply::{Applied, FORMAT};
pub use entry::{Entry, EntryError, MAX_ENTRY};
pub use event::StateEvent;
pub use impact::{Impact, Moved, Quorum};
pub use log::{LogEntry, LogId, Membership};
pub use object::{Held, Object};
pub use plans::{DryRun, plan_hash};
pub use record::{AuditRecord, RecordError, RecordedEntry, chain_start};
pub use session::SessionInfo;
pub use snapshot::{Restore, RestoreError};
pub use state::State;
pub use verbund_identity::{GenesisError, Head};
pub use verbund_planner as planner;
pub use vet::VetError;
pub use voters::{MAX_VOTERS, VoterPlan, VoterWarning, voter_plan};
