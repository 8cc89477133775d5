//! The types that every part of Verbund shares: ids, resources, commands, outcomes, refusals.
//!
//! A value of this crate says *what*, never *how*: there is no function here that decides, verifies, stores or sends.
//! Constructors check form (lengths, alphabets), so that a value that exists is well-formed; whether it is *allowed* is
//! for `verbund-machine` to say. What the local clock shows follows from a time alone, and is here ([`local`]).
//!
//! **Never in this crate**: I/O, clocks, randomness, tokio, cryptography, and any dependency that brings them.

pub mod command;
pub mod document;
pub mod id;
pub mod instant;
pub mod key;
pub mod local;
pub mod outcome;
pub mod resource;
pub mod view;

pub use command::Command;
pub use document::Document;
pub use id::{
    CatalogueName, ClusterName, EvidenceName, ExceptionName, FederationId, Hash, KeyId, NodeId, OrgName, PolicyName,
    SecretName, SiteName, TicketName, UserId, WorkloadName,
};
pub use key::{Algorithm, PublicKey};
pub use outcome::{Accepted, Outcome, Refusal};
