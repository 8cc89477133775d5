//! The loop by which every node shows every voter that it lives.

use std::sync::Arc;
use std::time::Duration;

use super::desk::Desk;
use super::round::Rounds;

/// Between two beats. Silence is judged after several of them.
const BEAT: Duration = Duration::from_millis(400);

/// The loop.
pub(crate) struct Beats {
    pub(crate) desk: Arc<Desk>,
    pub(crate) rounds: Rounds,
}

impl Beats {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        let mut tick = tokio::time::interval(BEAT);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.desk.look().await;
            // A voter out of reach must not keep the next beat from the others.
            let rounds = self.rounds.clone();
            tokio::spawn(async move { rounds.beat().await });
        }
    }
}
