//! The voter's part in leases, and whether sites are heard (design 6, lease.md): what `verbund-lease` decides, carried out.
//!
//! Every node beats at every voter several times a second; a beat carries the renewals of its site's clusters, and says that
//! the site lives. A voter keeps its table ([`verbund_lease::Voter`]) and its judgement ([`verbund_lease::Liveness`]) by its
//! own clock, which counts suspension, and signs what it finds itself when it is asked. Nothing here decides a verdict: that
//! is apply's, from enough signed statements.

mod beat;
mod boottime;
mod desk;
mod refusals;
mod round;
mod view;

pub(crate) use beat::Beats;
pub(crate) use desk::Desk;
pub(crate) use refusals::RefusalFile;
pub(crate) use round::Rounds;

pub use boottime::boottime;
pub use round::{Found, RenewalResult};
