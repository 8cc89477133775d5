//! The API over a federation in memory.

#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod asking;
mod audit;
mod certificates;
mod client;
mod description;
mod directives;
mod envelopes;
mod general;
mod machine;
mod memory;
mod model;
mod people;
mod reading;
mod schemas;
mod streaming;
mod watching;
