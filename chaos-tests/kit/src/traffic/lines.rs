//! One connection with one envelope stream to each site, opened anew when it broke.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::sync::Mutex;
use verbund_tls::LiveIdentity;

use crate::api::{Door, EnvelopeStream, log_in};
use crate::author::Author;
use crate::federation::Federation;

pub(super) struct Lines(Vec<Line>);

struct Line {
    door: Door,
    identity: Arc<LiveIdentity>,
    stream: Mutex<Option<Arc<EnvelopeStream>>>,
    under_way: AtomicU64,
}

impl Lines {
    pub(super) async fn open(federation: &Federation, author: &Author) -> Result<Self> {
        let mut lines = Vec::new();
        for site in &federation.sites {
            let door = site.door()?.clone();
            let identity = log_in(&door, author).await?;
            lines.push(Line { door, identity, stream: Mutex::default(), under_way: AtomicU64::default() });
        }
        Ok(Self(lines))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many envelopes the site at that position was sent and has not answered.
    pub(super) fn unanswered(&self, site: usize) -> u64 {
        self.0[site].under_way.load(Ordering::Relaxed)
    }

    /// Counts an envelope at the site at that position as unanswered for as long as what is returned lives.
    pub(super) fn under_way(&self, site: usize) -> UnderWay<'_> {
        self.0[site].under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(&self.0[site].under_way)
    }

    /// The stream to the site at that position. Errors: it cannot be reached.
    pub(super) async fn at(&self, site: usize) -> Result<Arc<EnvelopeStream>> {
        let line = &self.0[site];
        let mut stream = line.stream.lock().await;
        if let Some(open) = stream.as_ref().filter(|open| !open.is_closed()) {
            return Ok(open.clone());
        }
        let mut connection = line.door.connect(Some(&line.identity)).await?;
        let open = Arc::new(EnvelopeStream::open(&mut connection).await?);
        *stream = Some(open.clone());
        Ok(open)
    }
}

/// An envelope that waits for its answer.
pub(super) struct UnderWay<'a>(&'a AtomicU64);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
