//! openraft's settings from ours.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

/// The log's timing and sizes. The defaults suit data centres that are up to some 100 ms apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// How often a leader shows that it lives.
    pub heartbeat: Duration,
    /// The least that a voter waits for a leader before it stands for election.
    pub election_min: Duration,
    /// The most.
    pub election_max: Duration,
    /// Entries after which a snapshot is taken, so that a restart replays little.
    pub snapshot_entries: u64,
    /// Bytes of entries after which one is taken.
    pub snapshot_bytes: u64,
    /// Entries below a snapshot that stay in the log for those who are only a little behind.
    pub kept_entries: u64,
    /// The most entries in one message to a follower.
    pub batch_entries: u64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(250),
            election_min: Duration::from_millis(1000),
            election_max: Duration::from_millis(2000),
            snapshot_entries: 20_000,
            snapshot_bytes: 64 * 1024 * 1024,
            kept_entries: 10_000,
            batch_entries: 512,
        }
    }
}

/// Timing that openraft would not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log's timing does not fit together: {0}. Wanted: heartbeat < least election time < most election time")]
pub struct TimingError(String);

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Timing {
    /// openraft's settings. Errors: [`TimingError`].
    pub(crate) fn to_openraft(&self, federation: String) -> Result<Config, TimingError> {
        let config = Config {
            cluster_name: federation,
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            // Two rounds of losing touch, then silence, so that the others elect (CheckQuorum).
            quorum_loss_probe_interval: Some(2 * millis(self.election_max)),
            enable_pre_vote: Some(true),
            // A restarted leader must win an election like everybody else (design 4).
            enable_leader_restore: Some(false),
            allow_log_reversion: Some(false),
            max_payload_entries: self.batch_entries,
            max_append_entries: Some(4096),
            api_channel_size: Some(8192),
            api_batch_capacity: 4096,
            broadcast_submitted_on_append: Some(true),
            install_snapshot_timeout: 600_000,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_entries),
            replication_lag_threshold: self.snapshot_entries.saturating_add(self.kept_entries),
            max_in_snapshot_log_to_keep: self.kept_entries,
            purge_batch_size: 256,
            backoff: "100ms 200ms 400ms ...2s".to_owned(),
            ..Config::default()
        };
        config.validate().map_err(|e| TimingError(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_bad_timing_is_not() {
        let config = Timing::default().to_openraft("f".to_owned()).unwrap();
        assert_eq!(config.enable_leader_restore, Some(false));
        assert_eq!(config.enable_pre_vote, Some(true));
        assert_eq!(config.allow_log_reversion, Some(false));
        let timing = Timing { heartbeat: Duration::from_secs(5), ..Timing::default() };
        assert!(timing.to_openraft("f".to_owned()).is_err());
    }
}
