//! A case, and what its runs came to.

use std::time::Duration;

/// One situation that is run several times.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where it is measured: `simulated clusters`.
    pub on: &'static str,
    /// What is lost: `100 workloads, the site that leads`.
    pub what: String,
    /// Seconds within which all must be ready elsewhere.
    pub goal: Option<f64>,
    /// Its runs.
    pub runs: Vec<Run>,
}

/// What one run came to. Errors: why it is void.
pub type Run = Result<Took, String>;

/// Where the time went, each from the moment of the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Took {
    /// Until the log had the verdict, by the log's time.
    pub verdict: Duration,
    /// Until the log had the last activation, by the log's time.
    pub planned: Duration,
    /// Until the last workload was seen to be ready elsewhere, at a site that lives.
    pub ready: Duration,
}
