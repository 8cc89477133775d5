//! The peer: three etcd nodes on loopback with TLS on both sides, and a client of their KV service.

mod client;
mod cluster;
mod wire;

pub use cluster::Cluster;
