//! The audit export: its form ([`format`](self::format)), and its verification, offline, with the export alone
//! ([`verify`](self::verify)).

pub mod format;
pub mod verify;

pub use format::ExportWriter;
pub use verify::{Anchored, Bad, Options, Report, verify};
