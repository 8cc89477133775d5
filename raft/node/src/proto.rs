//! The messages and services of `proto/peer.proto`, as prost and tonic make them.
#![allow(missing_docs, clippy::all, clippy::pedantic, unused_results)]

/// A field that holds JSON. What is sent so has string keys only and no failing serialiser.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> bytes::Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

tonic::include_proto!("verbund.peer.v1");
