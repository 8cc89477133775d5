//! The audit export: its form ([`mod@format`]), and its verification, offline, with the export alone
//! ([`mod@verify`]).

pub mod format;
mod summary;
pub mod verify;

pub use format::ExportWriter;
pub use summary::Summary;
pub use verify::{Anchored, Bad, Options, Report, verify, verify_each};
