//! Whole federations in one process: replication, membership, restarts, and what a hostile leader can and cannot do.
//! Nothing here measures time: each test waits for conditions, within a bound.

#![allow(clippy::unwrap_used)] // a test kit: what fails here fails the test

mod attacks;
mod causes;
mod directives;
mod formats;
mod inquiries;
mod kit;
mod leases;
mod life;
