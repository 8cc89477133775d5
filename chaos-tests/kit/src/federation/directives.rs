//! Exclusions, as coordinators order them: by the command line, from file to file.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use verbund_model::NodeId;
use verbund_tls::LiveIdentity;

use super::{Federation, administrator, coordinator};
use crate::api::log_in;
use crate::author::Author;
use crate::desk::{PASSPHRASE, Said};

/// How long a cut-off caller is waited for before its silence counts as a refusal.
const SILENCE: Duration = Duration::from_secs(5);

impl Federation {
    /// The first coordinator draws up the exclusion of a site at a site that runs, and signs it. Returns what the command said,
    /// and where the directive is.
    pub fn draw_up(&self, site: usize, more: &[&str]) -> Result<(Said, String)> {
        let name = self.sites[site].name.as_str();
        let file = self.desk.path(&format!("exclude-{name}.json"));
        // One of an earlier try is not overwritten.
        if file.exists() {
            std::fs::remove_file(&file)?;
        }
        let file = file.display().to_string();
        let arguments =
            ["--context", "coordinator-1", "site", "exclude", name, "--reason", "its operator sold the keys"];
        let said = self.desk.say(&[&arguments[..], &["--out", &file, "--yes", "-o", "json"], more].concat())?;
        Ok((said, file))
    }

    /// One more coordinator signs a directive's file, without any network.
    pub fn sign_directive(&self, number: usize, file: &str) -> Result<()> {
        let context = coordinator(number);
        self.desk.run(&["--context", &context, "directive", "sign", file, "--yes"]).map(drop)
    }

    /// Hands a directive in at one site, and waits for so long, such as `20s`. Returns what the command said.
    pub fn hand_in(&self, site: usize, file: &str, wait: &str) -> Result<Said> {
        let context = self.sites[site].name.as_str();
        self.desk.say(&["--context", context, "directive", "submit", file, "--wait", wait, "-o", "json"])
    }

    /// As many coordinators as it takes order the exclusion of a site, and hand it in at another one. Returns what was seen.
    pub fn exclude(&self, site: usize, at: usize, more: &[&str]) -> Result<Value> {
        let (said, file) = self.draw_up(site, more)?;
        ensure!([0, 8].contains(&said.code), "drawing up: {said:?}");
        for number in 2..=self.settings.threshold {
            self.sign_directive(number, &file)?;
        }
        let said = self.hand_in(at, &file, "30s")?;
        ensure!([0, 4].contains(&said.code), "handing in: {said:?}");
        serde_json::from_str(&said.out).with_context(|| format!("no JSON: {said:?}"))
    }

    /// A certificate for reading that a site issued for its organisation's administrator.
    pub async fn administrator_of(&self, site: usize) -> Result<Arc<LiveIdentity>> {
        let path = self.desk.path(&administrator(&self.sites[site]));
        let author = Author::from_file(&path, PASSPHRASE, self.id)?;
        log_in(self.sites[site].door()?, &author).await
    }

    /// Reads something at a site with a certificate. Errors: it was not let in, or not answered.
    pub async fn reads(&self, site: usize, identity: &Arc<LiveIdentity>) -> Result<()> {
        let door = self.sites[site].door()?.clone();
        let read = async {
            let answer = door.connect(Some(identity)).await?.get("/v1/sites?consistency=stale").await?;
            if answer.status.is_success() { Ok(()) } else { bail!("{}", answer.status) }
        };
        tokio::time::timeout(SILENCE, read).await.context("no answer")?
    }

    /// Whether a site has an open connection with the node of another, by its own word.
    pub fn is_connected(&self, site: usize, with: usize) -> Result<bool> {
        let status = self.status(site)?;
        let name = self.sites[with].name.as_str();
        let sites = status["sites"].as_array().cloned().unwrap_or_default();
        let nodes = sites.iter().filter(|one| one["site"] == name).flat_map(|one| one["nodes"].as_array().cloned());
        Ok(nodes.flatten().any(|node| node["connected"] == true))
    }

    /// The node of a site, by the state of another.
    pub fn node_of(&self, site: usize, by: usize) -> Result<NodeId> {
        let name = self.sites[site].name.as_str();
        let nodes = self.desk.json(&["--context", &self.sites[by].name, "--stale", "list", "nodes"])?;
        let items = nodes["items"].as_array().cloned().unwrap_or_default();
        let node = items.iter().find(|node| node["spec"]["site"] == name).context("the site has no node")?;
        let id = node["metadata"]["name"].as_str().context("a node has a name")?;
        Ok(id.parse()?)
    }
}
