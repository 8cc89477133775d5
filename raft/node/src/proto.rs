//! The messages and services of `proto/peer.proto`, as prost and tonic make them.
#![allow(missing_docs, clippy::all, clippy::pedantic, unused_results)]

tonic::include_proto!("verbund.peer.v1");
