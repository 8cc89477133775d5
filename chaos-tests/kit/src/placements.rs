//! Where workloads run, as a site tells it while it changes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use futures::FutureExt as _;
use serde::Deserialize;
use verbund_model::WorkloadName;
use verbund_model::resource::{Cause, CopyPhase, CopyRole, PlacedCopy, Waiting};
use verbund_model::view::Resource;

use crate::api::{Watch, Watched};
use crate::author::Author;
use crate::federation::Federation;

/// Where a workload runs.
#[derive(Clone, Debug, Deserialize)]
pub struct Placed {
    /// The last epoch that was given.
    pub epoch: u64,
    /// Its copies.
    pub copies: Vec<PlacedCopy>,
    /// Why it has fewer active ones than wanted.
    pub waiting: Option<Waiting>,
    /// What made it so.
    pub cause: Cause,
}

impl Placed {
    /// From what `verbund get placements NAME -o json` prints. Errors: it is no placement.
    pub fn read(document: &serde_json::Value) -> Result<Self> {
        serde_json::from_value(document["status"].clone()).with_context(|| format!("no placement: {document}"))
    }

    /// The cluster of the only active copy, if it is ready.
    #[must_use]
    pub fn serving(&self) -> Option<&str> {
        let mut active = self.of(CopyRole::Active);
        let only = active.next().filter(|copy| copy.phase == CopyPhase::Ready && active.next().is_none());
        only.map(|copy| copy.cluster.as_str())
    }

    /// Whether one copy serves, one stands by, and nothing else is left.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.serving().is_some() && self.copies.len() == 2 && self.of(CopyRole::Standby).count() == 1
    }

    /// The copies that have a role.
    pub fn of(&self, role: CopyRole) -> impl Iterator<Item = &PlacedCopy> {
        self.copies.iter().filter(move |copy| copy.role == role)
    }

    /// The clusters at which a copy is active and, as its agent says, ready.
    pub fn ready(&self) -> impl Iterator<Item = &str> {
        let ready = self.of(CopyRole::Active).filter(|copy| copy.phase == CopyPhase::Ready);
        ready.map(|copy| copy.cluster.as_str())
    }

    /// Whether any copy is there, in whatever role.
    #[must_use]
    pub fn is_at(&self, cluster: &str, role: CopyRole) -> bool {
        self.of(role).any(|copy| copy.cluster.as_str() == cluster)
    }
}

/// All placements, by workload.
pub type All = BTreeMap<WorkloadName, Placed>;

/// All placements, followed at one site.
pub struct Placements {
    watch: Watch,
    all: All,
}

impl Placements {
    /// Follows the placements at a site, from those of now.
    pub async fn follow(federation: &Federation, site: usize, author: &Author) -> Result<Self> {
        let mut connection = federation.connect(site, author).await?;
        let watch = Watch::open(&mut connection, &["placements"]).await?;
        let mut placements = Self { watch, all: BTreeMap::new() };
        loop {
            let watched = placements.watch.next().await?;
            let whole = matches!(watched, Watched::Upto(_));
            placements.take(watched)?;
            if whole {
                return Ok(placements);
            }
        }
    }

    /// The placements as far as they were told.
    #[must_use]
    pub fn all(&self) -> &All {
        &self.all
    }

    fn take(&mut self, watched: Watched) -> Result<()> {
        match watched {
            Watched::Is(resource) => {
                let (name, placed) = read(resource)?;
                self.all.insert(name, placed);
            }
            Watched::Gone(resource) => {
                self.all.remove(&WorkloadName::new(resource.metadata.name)?);
            }
            Watched::Upto(_) => {}
        }
        Ok(())
    }

    /// Waits until `condition` holds, and says when it was seen to. Errors: not within `bound`; the message names `what` and
    /// what was missing last.
    pub async fn until(
        &mut self,
        what: &str,
        bound: Duration,
        mut condition: impl FnMut(&All) -> Result<()>,
    ) -> Result<Instant> {
        let give_up = Instant::now() + bound;
        loop {
            let Err(missing) = condition(&self.all) else { return Ok(Instant::now()) };
            let left = give_up.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.watch.next()).await {
                Ok(watched) => self.take(watched.context("following the placements")?)?,
                Err(_) => bail!("{what}: not within {bound:?}; last: {missing:#}"),
            }
            // What has come already is looked at together.
            while let Some(watched) = self.watch.next().now_or_never() {
                self.take(watched.context("following the placements")?)?;
            }
        }
    }
}

fn read(resource: Resource) -> Result<(WorkloadName, Placed)> {
    let placed = serde_json::from_value(resource.status).context("a placement's status")?;
    Ok((WorkloadName::new(resource.metadata.name)?, placed))
}
