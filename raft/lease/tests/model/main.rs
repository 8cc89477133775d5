//! The model check of the lease: the crate's own voter, holder, desk, guard and count, with every order of events within a
//! bound (stateright). [`safe`] finds nothing; [`broken`] leaves out one rule at a time, in a wrapper of the model's own,
//! and fails if no counterexample is found.

#![allow(clippy::unwrap_used)]

mod agent;
mod broken;
mod case;
mod check;
mod log;
mod mail;
mod node;
mod part;
mod quorum;
mod safe;
mod step;
mod world;
