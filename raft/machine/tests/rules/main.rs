//! The rules of apply one by one, the formats' golden bytes, snapshots, the voter plan and the vetting of members.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

#[path = "../support/mod.rs"]
mod support;

mod admissions;
mod authority;
mod bytes;
mod country;
mod exclusions;
mod federation;
mod golden;
mod placements;
mod refusals;
mod rotation;
mod secrets;
mod sessions;
mod snapshots;
mod views;
mod voters;
