//! The lease: who may run an exclusive workload, and when it may start elsewhere (design 6).
//!
//! A majority of voters grants each cluster a lease for a limited time; a majority of voters that have granted nothing for
//! long enough ends it. Everything that decides here is a state machine without I/O, which the daemon, the agent and the
//! guard run as it is, and which the model in `tests/` checks as it is, with every order of events that it can think of.
//!
//! ```text
//!   guard ──question──▶ agent ──renewal──▶ voter ─────statement──▶ log: verdict ──▶ activation elsewhere
//!   Guard ◀──grant───── GuardDesk          Voter                   count()
//!                       Holder ◀──answer──
//! ```
//!
//! **The rules**, by number (what happens without each is shown by the model, one test for a rule):
//!
//! | # | rule | where |
//! |---|---|---|
//! | 1 | who relies on the lease counts from their own send | [`Holder::renew`], [`Guard::ask`] |
//! | 2 | a renewal names its holder's incarnation, which the log minted when the agent registered its start; only the newest registered is answered | [`Voter::answer`], [`Holder::adopt`] |
//! | 3 | only answers under one membership count, and a majority of it is needed | [`Holder::answered`] |
//! | 4 | a voter answers only when it applied the log up to the membership before its effective one, and never for a generation that is closed or unknown there | [`Voter::answer`] |
//! | 5 | a voter states "ended" only L + m after its last answer, and only once its refusal is durable; anew after a change of membership | [`Voter::close`] |
//! | 6 | it treats every lease as granted now at its start, at a change of membership, at an opening | [`Voter::observe`] |
//! | 7 | a statement names the log id of its membership; only those of the membership in force count | [`count()`] |
//! | 8 | a generation is usable only with a desired state at or after the entry that opened it | [`Holder::adopt`] |
//! | 9 | a holder that starts remembers nothing, and reads before it activates | [`Holder::start`] |
//! | 10 | the agent answers for (workload, epoch), never for the lease alone | [`GuardDesk::answer`] |
//! | 11 | a receipt is signed only when every grant has ended, or the kubelet confirmed | [`GuardDesk::may_sign_receipt`] |
//! | 12 | renewals name L; a lower L takes effect after L + m of the old one | [`Terms`], [`Voter::observe`] |
//! | 13 | a node that may have lost its refusals neither answers nor signs | [`Memory::Lost`] |
//!
//! Rule 14 (no voter is replaced while a verdict is pending; a living holder gets g + 1) is for who changes the log.
//!
//! **Time** is a [`Tick`]: milliseconds of `CLOCK_BOOTTIME`, which counts suspension, of whoever calls. No tick ever crosses
//! a wire: only spans do, and who receives one counts it from its own send. Ticks given to one machine never go back.
//!
//! **Never in this crate**: clocks, randomness, I/O, tokio, cryptography (statements come here verified), and placement.

mod count;
mod desired;
mod desk;
mod guard;
mod holder;
mod liveness;
mod membership;
mod number;
mod renewal;
mod settings;
mod statement;
mod view;
mod voter;

pub use count::{CountError, Demand, Strictness, count};
pub use desired::{Desired, Granted, Read};
pub use desk::{Denied, Gone, GuardDesk, NotYet, Stopped};
pub use guard::{Advice, Guard, GuardError};
pub use holder::{AdoptError, AnswerError, Holder, NoLease, RenewError};
pub use liveness::{Liveness, LivenessSettings, Standing};
pub use membership::Voters;
pub use number::{Epoch, Generation, Incarnation, Nonce};
pub use renewal::{Answer, Grant, Question, Refused, Renewal};
pub use settings::{LeaseSettings, SettingsError, Sum, Terms};
pub use statement::Statement;
pub use verbund_model::resource::{Finding, MembershipId};
pub use view::{Leases, OpenLease, View};
pub use voter::{CannotClose, Closing, Memory, Refusal, Voter, VoterIdentity};

/// Milliseconds of `CLOCK_BOOTTIME` at whoever calls. Meaningless anywhere else, and after a reboot.
pub type Tick = u64;
