//! Our side: three sites of a federation, and a client of their API.

mod batcher;
mod cluster;
mod lanes;
mod metrics;
mod read;
mod write;

pub use cluster::Cluster;
pub use metrics::checks_per_entry;
