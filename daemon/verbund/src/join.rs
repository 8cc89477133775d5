//! Joining a federation (formats 2): an ALPN of its own, no client certificate, a rate limit.
//!
//! ```text
//! joiner                                                contact (found by address, recognised by the pin)
//!   GET  /join/v1/hello            ──────────────────▶    federation, name, generation
//!   POST /join/v1/challenge        ──────────────────▶    32 random bytes, sealed to the joiner's sealing key
//!   POST /join/v1/request          ──────────────────▶    answer to the challenge + envelope `RequestAdmission`
//!   GET  /join/v1/admissions/HASH  ──────────────────▶    approvals so far; at last node id, genesis and the members
//! ```
//!
//! The contact can refuse, delay or lie about progress, but not admit: that takes m coordinators, through the log.

pub mod challenge;
pub mod client;
pub mod limiter;
pub mod protocol;
pub mod server;
