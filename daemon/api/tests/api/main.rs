//! The API over a federation in memory.

#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod audit;
mod certificates;
mod client;
mod envelopes;
mod general;
mod memory;
mod people;
mod reading;
mod streaming;
mod watching;
