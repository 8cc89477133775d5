//! Never two: an exclusive workload is hurt, and afterwards the sink says whether two copies ever wrote at the same time.

mod fault;
mod report;
mod run;

pub use fault::Fault;
pub use report::Report;
pub use run::{Counted, Run, run};
