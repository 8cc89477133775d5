//! The handlers, one file for each group of routes.

pub mod asked;
pub mod audit;
pub mod certificates;
pub mod directives;
pub mod envelopes;
pub mod genesis;
pub mod health;
pub mod openapi;
pub mod planning;
pub mod resources;
pub mod sessions;
pub mod status;
pub mod stream;
pub mod watch;
