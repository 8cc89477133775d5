//! A federation on the testbed: the kit's daemons and agents, each inside a site of the testbed.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use verbund_kit::federation::{COORDINATOR, Settings};
use verbund_kit::placements::Placed;
use verbund_kit::{Desk, Place, Process, until_async};
use verbund_testbed::{PATIENCE, Site, Space, Testbed};

use crate::interval::Writing;
use crate::kubernetes::{self, GUARD_IMAGE, Guards};
use crate::sink::Sink;
use crate::workload::Sample;

/// Where containers ask the agent's guard desk.
const GUARD_DESK: u16 = 7440;
/// How long a leader may take to be known.
const ELECTION: Duration = Duration::from_secs(60);

/// What a member of the federation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// A whole site with a cluster.
    Site,
    /// A daemon that votes, without a cluster.
    Voter,
}

/// Which federation to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its members; the first founds.
    pub members: Vec<(&'static str, Where)>,
    /// What is process 1 in containers of level `guard`.
    pub guards: Guards,
}

impl Plan {
    /// Two sites with clusters, `mitte` and `nord`, and as many voters without as are needed for `voters` in all, at most five.
    #[must_use]
    pub fn of(voters: usize, guards: Guards) -> Self {
        let all = [
            ("mitte", Where::Site),
            ("nord", Where::Site),
            ("sued", Where::Voter),
            ("ost", Where::Voter),
            ("west", Where::Voter),
        ];
        Self { members: all.into_iter().take(voters).collect(), guards }
    }
}

/// A federation of whole sites. When it ends, so does everything in it. A member is named by its position.
#[derive(Debug)]
pub struct Federation {
    /// Its daemons, its agents and the desk of all its people, which is on the machine itself.
    pub kit: verbund_kit::Federation,
    /// What its workloads write to.
    pub sink: Sink,
    /// The sites and their links.
    pub testbed: Testbed,
    clusters: Vec<Option<Site>>,
}

impl Federation {
    /// Starts clusters, founds the federation, lets every other member join, registers the clusters and starts their agents.
    /// Data and logs lie below `directory`, which holds no other federation and whose path must be short. Errors: root is
    /// missing, or a step failed.
    pub async fn up(directory: &Path, plan: &Plan) -> Result<Self> {
        let testbed = Testbed::new(directory).await?;
        let names = plan.members.iter().filter(|member| member.1 == Where::Site).map(|member| member.0);
        let sites = testbed.sites(&names.collect::<Vec<_>>()).await?;
        let (mut clusters, mut settings) = (Vec::new(), Settings::default());
        for (name, _) in &plan.members {
            let site = sites.iter().find(|site| site.name() == *name).cloned();
            let space = match &site {
                Some(site) => (**site).clone(),
                None => testbed.space(name).await?,
            };
            settings.places.push(place(&space)?);
            clusters.push(site);
        }
        for site in &sites {
            kubernetes::prepare(site, plan.guards).await.with_context(|| format!("preparing {}", site.name()))?;
        }
        let sink = Sink::listen(testbed.host()).await?;
        let mut kit = verbund_kit::Federation::found(settings, Some(directory)).await.context("founding")?;
        kit.grow(plan.members.len()).await?;
        let mut federation = Self { kit, sink, testbed, clusters };
        for member in 0..federation.clusters.len() {
            if federation.has_cluster(member) {
                federation.register(member).await.with_context(|| format!("the cluster of member {member}"))?;
            }
        }
        let (name, organisation) = (federation.name(0), federation.organisation());
        let bind = ["--context", name, "role", "bind", "admin", "softwarebetreiber", "--org", organisation];
        federation.desk().run(&bind)?;
        Ok(federation)
    }

    /// Registers a member's cluster and starts its agent.
    async fn register(&mut self, member: usize) -> Result<()> {
        let site = &self.kit.sites[member];
        let kubeconfig = site.directory().join("agent.kubeconfig");
        let guards = format!("{}:{GUARD_DESK}", site.place.host);
        kubernetes::agent_kubeconfig(self.cluster(member)?, &kubeconfig).await?;
        let kubeconfig = kubeconfig.display().to_string();
        let driver = ["--kubeconfig", &kubeconfig, "--guard-listen", &guards, "--guard-desk", &guards];
        let guard = ["--guard-image", GUARD_IMAGE, "--guard-image-present"];
        self.kit.add_cluster(member, &[&driver[..], &guard].concat())?;
        self.revive(member)
    }

    /// The desk of all its people.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.kit.desk
    }

    /// The organisation that workloads belong to: the first member's.
    #[must_use]
    pub fn organisation(&self) -> &str {
        &self.kit.sites[0].organisation
    }

    /// A member's name, which is also that of its administrator's context.
    #[must_use]
    pub fn name(&self, member: usize) -> &str {
        &self.kit.sites[member].name
    }

    /// Whether a member has a cluster.
    #[must_use]
    pub fn has_cluster(&self, member: usize) -> bool {
        self.clusters[member].is_some()
    }

    /// The first member without a cluster, where no workload can come.
    #[must_use]
    pub fn without_cluster(&self) -> Option<usize> {
        (0..self.clusters.len()).find(|member| !self.has_cluster(*member))
    }

    /// A member's cluster. Errors: it only votes.
    pub fn cluster(&self, member: usize) -> Result<&Site> {
        self.clusters[member].as_ref().with_context(|| format!("{} has no cluster", self.name(member)))
    }

    /// The name under which a member's cluster is registered. Errors: it only votes.
    pub fn cluster_name(&self, member: usize) -> Result<String> {
        let cluster = self.kit.sites[member].clusters.first();
        Ok(cluster.with_context(|| format!("{} has no cluster", self.name(member)))?.name.clone())
    }

    /// The process of a member's agent. Errors: it does not run.
    pub fn agent(&mut self, member: usize) -> Result<&mut Process> {
        self.kit.sites[member].clusters.first_mut().context("the member only votes")?.process()
    }

    /// `kill -9` of a member's agent. Errors: it does not run.
    pub fn kill_agent(&mut self, member: usize) -> Result<()> {
        self.kit.sites[member].clusters.first_mut().context("the member only votes")?.kill()
    }

    /// Starts whatever of a member's daemon and agent does not run, and lets go on what is stopped. Waits for nothing.
    pub fn revive(&mut self, member: usize) -> Result<()> {
        let desk = self.kit.desk.clone();
        self.kit.sites[member].revive(&desk)
    }

    /// Deploys a sample, and waits until it writes and its fallback is reserved.
    pub async fn deploy(&mut self, sample: &Sample) -> Result<()> {
        self.kit.apply(0, &sample.name, &sample.document())?;
        self.settled(&sample.name).await?;
        Ok(())
    }

    /// Waits until one copy of a workload serves, writes alone, and a fallback stands by. Returns the member that serves.
    pub async fn settled(&mut self, workload: &str) -> Result<usize> {
        let what = format!("{workload} serving at one site, with the other standing by");
        let start = Instant::now();
        loop {
            self.kit.sites.iter_mut().try_for_each(verbund_kit::Site::expect_running)?;
            match self.is_settled(workload) {
                Ok(member) => return Ok(member),
                Err(last) if start.elapsed() > PATIENCE => {
                    return Err(last.context(format!("{what}: not within {PATIENCE:?}\n{}", self.kit.logs())));
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn is_settled(&self, workload: &str) -> Result<usize> {
        let placed = self.placed(workload)?;
        ensure!(placed.is_settled(), "{placed:?}");
        let serving = placed.serving().unwrap_or_default();
        let writing = self.writing(workload);
        let alone = matches!(&writing[..], [only] if only.cluster == serving);
        ensure!(alone, "{serving} should be the only one that writes: {writing:?}");
        self.kit.site_of(serving)
    }

    /// The first member with a cluster other than `victim`: where what runs there falls back to. Errors: there is none.
    pub fn fallback_of(&self, victim: usize) -> Result<usize> {
        let mut others = (0..self.clusters.len()).filter(|member| *member != victim);
        others.find(|member| self.has_cluster(*member)).context("a fallback needs a second cluster")
    }

    /// The writings of a workload that go on.
    #[must_use]
    pub fn writing(&self, workload: &str) -> Vec<Writing> {
        self.sink.of(workload).into_iter().filter(|writing| writing.ended.is_none()).collect()
    }

    /// Waits for the first write of a workload at a cluster since `since` (time of the sink). Returns when that was.
    pub async fn first_write(&self, workload: &str, cluster: &str, since: Duration) -> Result<Duration> {
        let what = format!("a write of {workload} at {cluster}");
        let first = until_async(&what, PATIENCE, || async {
            let all = self.sink.of(workload);
            let seen = all.iter().filter(|writing| writing.cluster == cluster && writing.first >= since);
            seen.map(|writing| writing.first).min().context("nothing was written there")
        });
        Ok(first.await.with_context(|| self.kit.logs())?.0)
    }

    /// Where a workload is, as any member that answers says it.
    pub fn placed(&self, workload: &str) -> Result<Placed> {
        let mut last = None;
        for site in &self.kit.sites {
            match self.desk().json(&["--context", &site.name, "get", "placements", workload]) {
                Ok(document) => return Placed::read(&document),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("there is no member")?)
    }

    /// The member that leads, as `witness` sees it.
    pub async fn leader(&self, witness: usize) -> Result<usize> {
        Ok(until_async("a leader", ELECTION, || async { self.kit.leader(witness) }).await?.0)
    }

    /// Waits until `witness` names another leader than `old`.
    pub async fn another_leader(&self, witness: usize, old: usize) -> Result<usize> {
        let another = until_async("another leader", ELECTION, || async {
            let now = self.kit.leader(witness)?;
            ensure!(now != old, "{} is still taken for the leader", self.name(old));
            Ok(now)
        });
        Ok(another.await?.0)
    }

    /// Has leaders step down, by starting their daemons anew, until this member leads.
    pub async fn let_lead(&mut self, wanted: usize) -> Result<()> {
        let start = Instant::now();
        loop {
            let leader = self.leader(wanted).await?;
            if leader == wanted {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "{} does not come to lead", self.name(wanted));
            self.kit.sites[leader].kill()?;
            self.another_leader(wanted, leader).await?;
            self.revive(leader)?;
            self.kit.sites[leader].ready().await?;
        }
    }

    /// Lease and margin in force, in milliseconds.
    pub fn timings(&self) -> Result<(u64, u64)> {
        let shown = self.desk().json(&["--context", COORDINATOR, "timings", "show"])?;
        let number = |field: &str| shown["timings"][field].as_u64().with_context(|| format!("no {field} in {shown}"));
        Ok((number("lease")?, number("margin")?))
    }
}

fn place(space: &Space) -> Result<Place> {
    let name = Some(space.name().to_owned());
    Ok(Place { name, host: space.address().to_string(), enter: space.entering()? })
}
