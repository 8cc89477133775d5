//! The HTTP API, version 1: an axum router over the port [`Federation`], which the binary implements over the node.
//!
//! Reads answer from a consistent copy of the state and say how fresh it is; writes are signed envelopes, which this
//! crate passes on and never makes. Whatever goes wrong is a problem (RFC 9457) with a stable type, in German or English.
//! The document `openapi.json` beside this file describes every route; tests hold it against the running router.
//!
//! **Never in this crate**: consensus, transport security, private keys, the decision whether an author may do something
//! (that is apply's), and any dependency that brings openraft or tonic.

mod body;
mod caller;
mod conditional;
mod fields;
mod frames;
mod gate;
mod language;
mod layer;
mod page;
pub mod port;
mod position;
mod problem;
mod router;
mod routes;
mod service;
mod settings;
pub mod status;
pub mod wire;

pub use caller::Caller;
pub use conditional::IDEMPOTENCY_KEY;
pub use language::{Language, Localised};
pub use layer::VERBUND_REQUEST;
pub use page::{DEFAULT_LIMIT, MAX_LIMIT};
pub use port::{Federation, ReadState, View};
pub use problem::{PROBLEM_TYPE, Problem, ProblemDocument, ProblemKind, directive_in_german};
pub use router::router;
pub use routes::openapi::OPENAPI;
pub use service::{VERBUND_AGE_MS, VERBUND_CONSISTENCY, VERBUND_DIRECTORY, VERBUND_INDEX};
pub use settings::Settings;
pub use status::Status;
