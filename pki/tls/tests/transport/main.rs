//! The transport over real loopback sockets, under real tonic.

// The whole binary is a test; the lint's exception for tests does not reach helper functions.
#![allow(clippy::unwrap_used)]

mod ca;
mod echo;
mod judgement;
mod listener;
mod lists;
mod live;
mod net;
mod node;
mod out;
mod reverse;
