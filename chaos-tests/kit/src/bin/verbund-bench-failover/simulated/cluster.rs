//! The federation, its workloads, and the loss of a site.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use verbund_kit::author::now;
use verbund_kit::checker::export_reaching;
use verbund_kit::placements::All;
use verbund_kit::{Federation, Operator, Placements, Settings, Workload};
use verbund_model::resource::{CopyRole, Millis, Mode};

use super::records::Records;

/// Sites, each with a voter and a cluster.
pub const SITES: usize = 3;
/// How long anything may take before the run is given up.
const BOUND: Duration = Duration::from_secs(180);

/// A federation of three sites with a simulated cluster each.
pub struct Cluster {
    federation: Federation,
    operator: Operator,
}

/// What a loss looked like from outside.
#[derive(Clone, Debug)]
pub struct Lost {
    /// The site.
    pub site: String,
    /// The moment before, milliseconds since 1970.
    pub at: Millis,
    /// How long until the last workload was ready elsewhere.
    pub ready: Duration,
    /// Where each workload was ready then, with its epoch.
    pub now_at: BTreeMap<String, (String, u64)>,
}

impl Cluster {
    /// Founds the federation below `directory`.
    pub async fn start(directory: &Path) -> Result<Self> {
        let settings = Settings { extra: "log: {level: warn}".to_owned(), ..Settings::default() };
        let mut federation = Federation::found(settings, Some(directory)).await?;
        federation.grow(SITES).await?;
        federation.simulate_clusters().await?;
        let operator = Operator::new(&federation, "bench", 0).await?;
        Ok(Self { federation, operator })
    }

    /// Has so many workloads run at one site, loses it, waits until all are ready elsewhere, and brings it back. The inner
    /// error says why the run is void.
    pub async fn lose(&mut self, workloads: usize, leads: bool) -> Result<Result<Lost, String>> {
        self.federation.settle().await?;
        let leader = self.federation.leader(0)?;
        let site = if leads { leader } else { (leader + 1) % SITES };
        let watcher = (0..SITES).find(|other| *other != site && *other != leader).context("there are three sites")?;
        let mut placements = Placements::follow(&self.federation, watcher, &self.operator.author).await?;
        self.settle_at(&mut placements, workloads, site, watcher).await?;

        let cluster = self.federation.sites[site].clusters[0].name.clone();
        let there = placements.all().values().filter(|placed| placed.ready().any(|at| at == cluster)).count();
        if there < workloads {
            return Ok(Err(format!("only {there} of {workloads} workloads were active at the site before the loss")));
        }
        if self.federation.leader(watcher)? != leader {
            return Ok(Err("another site leads than when the run began".to_owned()));
        }
        let (wall, before) = (now(), self.federation.lose(site)?);
        let gone = |all: &All| {
            let missing = all.values().filter(|placed| !placed.ready().any(|at| at != cluster)).count();
            ensure!(missing == 0 && all.len() >= workloads, "{missing} of {} are not ready elsewhere", all.len());
            Ok(())
        };
        let seen = placements.until("all workloads ready elsewhere", BOUND, gone).await;
        let seen = seen.with_context(|| self.federation.logs())?;
        let now_at = placements.all().iter().filter_map(|(name, placed)| {
            let copy = placed.of(CopyRole::Active).find(|copy| copy.cluster.as_str() != cluster)?;
            Some((name.to_string(), (copy.cluster.to_string(), copy.epoch)))
        });
        let lost = Lost {
            site: self.federation.sites[site].name.clone(),
            at: wall,
            ready: seen - before,
            now_at: now_at.collect(),
        };
        self.federation.bring_back(site).await?;
        Ok(Ok(lost))
    }

    /// Has the workloads run at one site, each with a standby elsewhere, free to go anywhere from there.
    async fn settle_at(
        &self,
        placements: &mut Placements,
        workloads: usize,
        site: usize,
        watcher: usize,
    ) -> Result<()> {
        let site = &self.federation.sites[site];
        let workload = |number| Workload::new(&format!("register-{number}"), Mode::Parallel { copies: 1 });
        let all = (1..=workloads).map(workload).collect::<Result<Vec<_>>>()?;
        let only_there = all.iter().map(|workload| workload.clone().only_at(&[&site.name]));
        let only_there = only_there.collect::<Result<Vec<_>>>()?;
        self.operator.apply(&self.federation, watcher, &only_there).await?;
        self.operator.apply(&self.federation, watcher, &all).await?;
        let cluster = &site.clusters[0].name;
        let settled = |all: &All| {
            let rests = |placed: &&verbund_kit::placements::Placed| {
                placed.copies.len() == 2
                    && placed.ready().any(|at| at == cluster)
                    && placed.of(CopyRole::Standby).count() == 1
            };
            let resting = all.values().filter(rests).count();
            ensure!(resting == workloads, "{resting} of {workloads} are ready at {cluster} with a standby elsewhere");
            Ok(())
        };
        let settled = placements.until("workloads running at the site that is to be lost", BOUND, settled).await;
        settled.with_context(|| self.federation.logs()).map(drop)
    }

    /// The records of all that happened, verified.
    pub async fn records(&self) -> Result<Records> {
        let mut connection = self.federation.connect(0, &self.operator.author).await?;
        let applied = self.federation.status(0)?["applied"].as_u64().context("no applied index")?;
        let export = export_reaching(&mut connection, applied).await?;
        let file = self.federation.desk.path("export.audit");
        std::fs::write(&file, &export)?;
        let (file, id) = (file.display().to_string(), self.federation.id.to_string());
        let said = self.federation.desk.run(&["audit", "verify", &file, "--federation", &id])?;
        eprint!("{said}");
        Records::of(&export)
    }
}
