//! Bounds and times of the API.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Bounds and times of the API. The defaults suit one site's people, portal and programs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an ordinary request may wait for the federation before it is answered 503 or 504.
    pub request_timeout: Duration,
    /// How long a request's body may take to arrive; for the envelope stream: the rest of an envelope once begun.
    pub body_timeout: Duration,
    /// How long an envelope stream may lie idle.
    pub idle_timeout: Duration,
    /// How often a quiet watch sends a comment, so that middle boxes keep the connection.
    pub keep_alive: Duration,
    /// The least time between two bookmarks of a watch.
    pub bookmark_every: Duration,
    /// How often a running watch checks that its caller may still read.
    pub recheck_every: Duration,
    /// Requests in progress, all callers together; one more is answered 503.
    pub max_requests: usize,
    /// Watches and envelope streams of one user.
    pub max_streams: usize,
    /// Envelope streams of all callers without a certificate together.
    pub max_guest_streams: usize,
    /// Envelopes of one stream that wait for their outcome; while that many do, no further one is read.
    pub max_in_flight: usize,
    /// Requests for certificates in progress.
    pub max_logins: usize,
    /// Ends watches and envelope streams when the daemon stops.
    pub shutdown: CancellationToken,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_secs(10 * 60),
            keep_alive: Duration::from_secs(15),
            bookmark_every: Duration::from_secs(5),
            recheck_every: Duration::from_secs(5),
            max_requests: 4096,
            max_streams: 64,
            max_guest_streams: 256,
            max_in_flight: 1024,
            max_logins: 8,
            shutdown: CancellationToken::new(),
        }
    }
}
