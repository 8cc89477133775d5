//! What the tests and the bench share: short descriptions of sites, clusters and workloads, and the resources made of them.
// Each binary uses a part of it, and where the words of a test are wrong, a panic is the message.
#![allow(dead_code, clippy::unwrap_used)]

pub mod large;
pub mod scenario;
pub mod small;
pub mod state;
pub mod tell;
