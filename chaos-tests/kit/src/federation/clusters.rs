//! Clusters and their agents, registered and started by the command line.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::{Federation, SETTLE, collect};
use crate::author::Author;
use crate::cluster::Cluster;
use crate::site::Site;
use crate::wait::until_async;

/// The driver of an agent that carries out what is simulated within it.
pub const SIMULATED: &[&str] = &["--simulated"];
/// The network of every cluster.
pub const NETWORK: &str = "landesnetz";

impl Federation {
    /// Registers one more cluster of a site and enrols its agent, which does not run yet. `driver` is what `verbund agent
    /// run` is told of the cluster. Returns its position among the site's clusters.
    pub fn add_cluster(&mut self, site: usize, driver: &[&str]) -> Result<usize> {
        let owner = &self.sites[site];
        let (name, organisation) = (owner.name.clone(), owner.organisation.clone());
        let before = owner.clusters.len();
        let cluster_name = format!("{name}-{}", before + 1);
        let cluster = Cluster::new(cluster_name, owner.directory(), owner.place.enter.clone(), driver);
        if before == 0 {
            let bind = ["--context", &name, "role", "bind", "admin", "plattformbetreiber", "--org", &organisation];
            self.desk.run(&bind)?;
            self.say_facts(site)?;
        }
        let (folder, agents) = (cluster.agent_dir().display().to_string(), self.sites[site].agents_address());
        let add = ["--context", &name, "cluster", "add", &cluster.name, "--site", &name, "--network", NETWORK];
        self.desk.run(&[&add[..], &["--agent-dir", &folder, "--agents", &agents]].concat())?;
        self.sites[site].clusters.push(cluster);
        Ok(before)
    }

    /// What matters about a site for what runs there.
    fn say_facts(&self, site: usize) -> Result<()> {
        let Site { name, land, coordinates: (latitude, longitude), .. } = &self.sites[site];
        let facts = serde_json::json!({
            "apiVersion": "verbund.de/v1", "kind": "Site", "metadata": { "name": name },
            "spec": { "land": land, "facts": {
                "coordinates": { "latitude": latitude, "longitude": longitude },
                "country": "DE", "operator": "public", "fallback": true,
            } },
        });
        self.apply(site, "facts", &facts)
    }

    /// Applies a document as a site's administrator; `what` names its file.
    pub fn apply(&self, site: usize, what: &str, document: &serde_json::Value) -> Result<()> {
        let context = self.sites[site].name.as_str();
        let file = self.desk.path(&format!("{context}.{what}.json"));
        std::fs::write(&file, serde_json::to_vec_pretty(document)?)?;
        self.desk.run(&["--context", context, "apply", "-f", &file.display().to_string()]).map(drop)
    }

    /// Gives each site a simulated cluster with an agent that runs, and waits until workloads can be placed there.
    pub async fn simulate_clusters(&mut self) -> Result<()> {
        for site in 0..self.sites.len() {
            let cluster = self.add_cluster(site, SIMULATED)?;
            let desk = self.desk.clone();
            self.sites[site].clusters[cluster].launch(&desk)?;
        }
        self.clusters_ready().await
    }

    /// Waits until the cluster of every agent that runs was measured and has an open lease.
    pub async fn clusters_ready(&self) -> Result<()> {
        let context = self.sites.iter().find(|site| site.runs()).context("no site runs")?.name.as_str();
        let clusters = self.sites.iter().flat_map(|site| &site.clusters).filter(|cluster| cluster.runs());
        for cluster in clusters {
            let look = || async {
                let get = |kind| self.desk.json(&["--context", context, "get", kind, &cluster.name]);
                let (seen, lease) = (get("clusters")?, get("leases")?);
                ensure!(seen["status"]["observation"]["ready"] == true, "not measured: {seen}");
                ensure!(lease["status"]["open"] == true, "no open lease: {lease}");
                Ok(())
            };
            let ready = until_async(&format!("{} being ready for workloads", cluster.name), SETTLE, look).await;
            ready.with_context(|| self.logs())?;
        }
        Ok(())
    }

    /// Position of the site of a cluster.
    pub fn site_of(&self, cluster: &str) -> Result<usize> {
        let has = |site: &Site| site.clusters.iter().any(|other| other.name == cluster);
        self.sites.iter().position(has).with_context(|| format!("no site has the cluster {cluster}"))
    }

    /// `kill -9` of a site's agents and of its daemon. Returns the moment before.
    pub fn lose(&mut self, site: usize) -> Result<Instant> {
        let before = Instant::now();
        // Agents first: one that outlived its daemon would be another fault than a site that is gone.
        for cluster in self.sites[site].clusters.iter_mut().filter(|cluster| cluster.runs()) {
            cluster.kill()?;
        }
        self.sites[site].kill()?;
        Ok(before)
    }

    /// Starts a site's daemon and its agents, and waits until the federation has found that the site returned and its
    /// clusters can take workloads.
    pub async fn bring_back(&mut self, site: usize) -> Result<()> {
        self.start(site).await?;
        let desk = self.desk.clone();
        for cluster in self.sites[site].clusters.iter_mut().filter(|cluster| !cluster.runs()) {
            cluster.launch(&desk)?;
        }
        self.returned(site).await?;
        self.clusters_ready().await
    }

    /// Waits until no verdict holds the site for lost.
    pub async fn returned(&self, site: usize) -> Result<Duration> {
        let name = &self.sites[site].name;
        let look = || async {
            let lost = self.is_lost(site)?;
            ensure!(!lost, "it is still held for lost");
            Ok(())
        };
        let found = until_async(&format!("{name} being found again"), SETTLE, look).await;
        Ok(found.with_context(|| self.logs())?.1)
    }

    /// Whether a verdict holds the site for lost, as another site that runs sees it.
    pub fn is_lost(&self, site: usize) -> Result<bool> {
        let name = self.sites[site].name.as_str();
        let other = self.sites.iter().find(|other| other.runs() && other.name != name).context("no other site runs")?;
        let all = self.desk.json(&["--context", &other.name, "list", "presences"])?;
        let mut lost = false;
        collect(&all, &mut |item| {
            lost |= item["metadata"]["name"] == name && item["status"]["lost"] == true;
        });
        Ok(lost)
    }

    /// A new user of the first organisation, with a key in this process' memory, who may run workloads.
    pub fn new_operator(&self, user: &str) -> Result<Author> {
        let author = self.new_user(user)?;
        self.desk.run(&["--context", "s1", "role", "bind", user, "softwarebetreiber", "--org", "o1"])?;
        Ok(author)
    }
}
