//! A federation of real processes, founded and grown as people do it: by the command line.

pub mod clusters;
pub mod directives;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use verbund_model::FederationId;

use crate::api::{Connection, log_in};
use crate::author::Author;
use crate::delay::Delayed;
use crate::desk::Desk;
use crate::site::{Place, Site};
use crate::wait::until_async;

/// The federation's name.
pub const NAME: &str = "dvc";
/// Context of the first coordinator.
pub const COORDINATOR: &str = "coordinator-1";
/// How long the voters may take to become what they should be.
const SETTLE: Duration = Duration::from_secs(60);

/// How a federation is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Coordinators in all.
    pub coordinators: usize,
    /// How many of them must agree.
    pub threshold: usize,
    /// Lines of YAML for every site's configuration.
    pub extra: String,
    /// Where the sites' processes run, in the order of the sites; those without a place run on loopback.
    pub places: Vec<Place>,
    /// Sites, by their position, that peers reach later by so much, each way.
    pub delayed: BTreeMap<usize, Duration>,
}

impl Settings {
    fn place(&self, site: usize) -> Place {
        self.places.get(site).cloned().unwrap_or_default()
    }

    /// Puts a site behind its link, if it has one.
    fn link(&self, position: usize, site: &mut Site, desk: &Desk) -> Result<Option<Delayed>> {
        let Some(delay) = self.delayed.get(&position) else { return Ok(None) };
        let link = Delayed::open(site.peer_port, *delay)?;
        site.advertised_port = Some(link.port());
        site.configure(desk, &self.extra)?;
        Ok(Some(link))
    }
}

impl Default for Settings {
    /// One coordinator decides: fastest where a test is not about them.
    fn default() -> Self {
        let (places, delayed) = (Vec::new(), BTreeMap::new());
        Self { coordinators: 1, threshold: 1, extra: String::new(), places, delayed }
    }
}

/// A federation. Dropping it stops every process; if a test panics, the ends of all logs are printed before.
#[derive(Debug)]
pub struct Federation {
    /// Its sites, in the order in which they came.
    pub sites: Vec<Site>,
    /// Where all its people sit.
    pub desk: Desk,
    /// Its id.
    pub id: FederationId,
    settings: Settings,
    /// Links that take their time.
    links: Vec<Delayed>,
    directory: TempDir,
}

impl Federation {
    /// Founds a federation below `parent` (the system's directory for temporary files if `None`) and starts its first
    /// site.
    pub async fn found(settings: Settings, parent: Option<&Path>) -> Result<Self> {
        let builder = tempfile::Builder::new().prefix("verbund-kit-").to_owned();
        let directory = parent.map_or_else(|| builder.tempdir(), |parent| builder.tempdir_in(parent))?;
        let desk = Desk::at(&directory.path().join("desk"))?;
        let mut first = Site::new(directory.path(), 1, settings.place(0), &desk, &settings.extra)?;
        let links = settings.link(0, &mut first, &desk)?.into_iter().collect();
        let mut arguments: Vec<String> = ["found", "--name", NAME].map(String::from).into();
        for number in 1..=settings.coordinators {
            let key = desk.new_key("coordinator", &coordinator(number))?;
            arguments.extend(["--coordinator".to_owned(), key]);
        }
        let administrator = desk.new_key("user", &administrator(&first))?;
        let (threshold, address) = (settings.threshold.to_string(), first.peer_address());
        let data = first.data_dir().display().to_string();
        let rest = [
            ["--threshold", &threshold],
            ["--organisation", &first.organisation],
            ["--display-name", &first.organisation],
            ["--role", "koordinierungsstelle"],
            ["--role", "plattformbetreiber"],
            ["--role", "softwarebetreiber"],
            ["--administrator", "admin"],
            ["--administrator-key", &administrator],
            ["--site", &first.name],
            ["--land", first.land],
            ["--address", &address],
            ["--data-dir", &data],
        ];
        arguments.extend(rest.as_flattened().iter().map(|text| (*text).to_owned()));
        desk.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
        let id = FederationId(verbund_model::Hash::default());
        let mut federation = Self { sites: vec![first], desk, id, settings, links, directory };
        federation.id = federation.open(0)?.parse()?;
        for number in 1..=federation.settings.coordinators {
            federation.add_context(&coordinator(number), 0, &coordinator(number))?;
        }
        federation.start(0).await?;
        Ok(federation)
    }

    /// Founds a federation and grows it to `count` sites.
    pub async fn of(count: usize, settings: Settings) -> Result<Self> {
        let mut federation = Self::found(settings, None).await?;
        federation.grow(count).await?;
        Ok(federation)
    }

    /// Admits sites until there are `count`, and waits until as many of them vote as should.
    pub async fn grow(&mut self, count: usize) -> Result<()> {
        while self.sites.len() < count {
            let site = self.invite()?;
            self.join(site).await?;
        }
        self.settle().await
    }

    /// Prepares one more site with an organisation of its own, and its invitation. Returns its position.
    pub fn invite(&mut self) -> Result<usize> {
        let site = self.prepare()?;
        self.invite_for(site, "1h")?;
        Ok(site)
    }

    /// A coordinator invites a site that was prepared, for so long. Errors: it has an invitation file already.
    pub fn invite_for(&self, site: usize, expires: &str) -> Result<()> {
        let (name, organisation) = (self.sites[site].name.as_str(), self.sites[site].organisation.as_str());
        let (contact, out) = (self.sites[0].peer_address(), self.invitation(site));
        let arguments = ["--context", COORDINATOR, "invite", name, "--org", organisation, "--expires", expires];
        self.desk.run(&[&arguments[..], &["--contact", &contact, "--out", &out]].concat())?;
        Ok(())
    }

    /// Prepares one more site with keys and an organisation of its own, not invited. Returns its position.
    pub fn prepare(&mut self) -> Result<usize> {
        let number = self.sites.len() + 1;
        let place = self.settings.place(number - 1);
        let mut site = Site::new(self.directory.path(), number, place, &self.desk, &self.settings.extra)?;
        self.links.extend(self.settings.link(number - 1, &mut site, &self.desk)?);
        let key = self.desk.new_key("user", &administrator(&site))?;
        let organisation = site.organisation.as_str();
        let create = ["--context", COORDINATOR, "org", "create", organisation, "--display-name", organisation];
        let whose = ["--role", "plattformbetreiber", "--administrator", "admin", "--administrator-key", &key];
        self.desk.run(&[&create[..], &whose[..]].concat())?;
        let data = site.data_dir().display().to_string();
        self.desk.run(&["init", "--site", &site.name, "--federation", NAME, "--data-dir", &data])?;
        self.sites.push(site);
        Ok(self.sites.len() - 1)
    }

    /// Where the invitation of a site lies.
    #[must_use]
    pub fn invitation(&self, site: usize) -> String {
        self.desk.path(&format!("{}.invitation", self.sites[site].name)).display().to_string()
    }

    /// The arguments with which a site joins.
    #[must_use]
    pub fn join_arguments(&self, site: usize, invitation: &str) -> Vec<String> {
        let site = &self.sites[site];
        let data = site.data_dir().display().to_string();
        let address = site.peer_address();
        let arguments = ["join", invitation, "--data-dir", &data, "--land", site.land, "--address", &address];
        arguments.map(String::from).into()
    }

    /// Lets an invited site join, approves it, and starts it.
    pub async fn join(&mut self, site: usize) -> Result<()> {
        let arguments = self.join_arguments(site, &self.invitation(site));
        let log = self.desk.path(&format!("{}.join.log", self.sites[site].name));
        let enter = self.sites[site].place.enter.clone();
        let mut command = self.desk.command_in(&enter, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let mut joining = crate::Process::spawn("verbund join", &mut command, &log)?;
        for number in 1..=self.settings.threshold {
            self.approve(site, number).await.with_context(|| joining.log_tail())?;
        }
        let status = joining.wait(SETTLE)?;
        ensure!(status.success(), "verbund join ended with {status}: {}", joining.log_tail());
        self.open(site)?;
        self.start(site).await
    }

    /// One coordinator approves a site, as soon as its request is there.
    pub async fn approve(&self, site: usize, number: usize) -> Result<()> {
        let (context, name) = (coordinator(number), self.sites[site].name.clone());
        let what = format!("{name}'s request for admission");
        let (hash, _) = until_async(&what, SETTLE, || async { self.request(&name) }).await?;
        let arguments = ["--context", &context, "site", "approve", &name, "--yes", "--hash", &hash];
        // 8 says that more coordinators are awaited.
        self.desk.run_to(&arguments, &[0, 8])?;
        Ok(())
    }

    /// Hash of the one open request for admission of a site.
    fn request(&self, site: &str) -> Result<String> {
        let list = self.desk.json(&["--context", COORDINATOR, "list", "admissions"])?;
        let mut found = Vec::new();
        collect(&list, &mut |resource| {
            let of_site = resource["spec"]["request"]["site"] == site;
            (of_site && resource["status"]["admitted"].is_null())
                .then(|| found.push(resource["metadata"]["name"].clone()));
        });
        match found.as_slice() {
            [Value::String(hash)] => Ok(hash.clone()),
            _ => anyhow::bail!("not one open request of {site}: {list}"),
        }
    }

    /// Starts a site's daemon and waits until it is ready.
    pub async fn start(&mut self, site: usize) -> Result<()> {
        let desk = self.desk.clone();
        self.sites[site].launch(&desk)?;
        self.sites[site].ready().await?;
        Ok(())
    }

    /// Writes a site's configuration anew with other extra lines, for its next start.
    pub fn configure(&self, site: usize, extra: &str) -> Result<()> {
        self.sites[site].configure(&self.desk, extra)
    }

    /// Makes the contexts for a site: that of its administrator is called like the site. Returns the federation's id.
    fn open(&mut self, site: usize) -> Result<String> {
        let (name, key) = (self.sites[site].name.clone(), administrator(&self.sites[site]));
        self.add_context(&name, site, &key)?;
        let shown = self.desk.json(&["context", "show", &name])?;
        let text = |field: &str| find(&shown, field).with_context(|| format!("no {field} in the context {shown}"));
        self.sites[site].know(&text("pin")?)?;
        text("federation")
    }

    fn add_context(&self, name: &str, site: usize, key: &str) -> Result<()> {
        let (address, data) = (self.sites[site].admin_address(), self.sites[site].data_dir().display().to_string());
        let key = format!("file:{}", self.desk.path(key).display());
        let arguments = ["context", "add", name, "--address", &address, "--data-dir", &data, "--key", &key];
        self.desk.run(&arguments).map(drop)
    }

    /// A new user of the first organisation, with a key in this process' memory, who may write catalogue entries.
    pub fn new_provider(&self, user: &str) -> Result<Author> {
        let author = self.new_user(user)?;
        self.desk.run(&["--context", "s1", "role", "bind", user, "cloud-service-anbieter", "--org", "o1"])?;
        Ok(author)
    }

    /// A new user of the first organisation, with a key in this process' memory and no role.
    pub fn new_user(&self, user: &str) -> Result<Author> {
        let author = Author::new(self.id)?;
        let key = author.public_key().to_string();
        self.desk.run(&["--context", "s1", "user", "create", user, "--org", "o1", "--key", &key])?;
        Ok(author)
    }

    /// A connection to a site's API as `author`.
    pub async fn connect(&self, site: usize, author: &Author) -> Result<Connection> {
        let door = self.sites[site].door()?;
        let identity = log_in(door, author).await?;
        door.connect(Some(&identity)).await
    }

    /// A site's status, as its administrator sees it.
    pub fn status(&self, site: usize) -> Result<Value> {
        // 3 and 4 say that something is not right, which is what is being looked at.
        let arguments = ["--context", &self.sites[site].name, "status", "-o", "json"];
        let out = self.desk.run_to(&arguments, &[0, 3, 4])?;
        Ok(serde_json::from_str(&out)?)
    }

    /// Waits until every running site says that there are as many voters as there should be, and that one leads.
    pub async fn settle(&self) -> Result<()> {
        let wanted = [1, 1, 1, 3, 3, 5, 5, 5, 5][self.sites.len().min(8)];
        for (site, _) in self.sites.iter().enumerate().filter(|(_, site)| site.runs()) {
            let look = || async {
                let status = self.status(site)?;
                let voters = status["voters"].as_array().map_or(0, Vec::len);
                ensure!(voters == wanted, "{voters} voters, not {wanted}: {status}");
                ensure!(!status["leader"].is_null(), "no leader");
                Ok(())
            };
            let settled = until_async(&format!("{wanted} voters at {}", self.sites[site].name), SETTLE, look).await;
            settled.with_context(|| self.logs())?;
        }
        Ok(())
    }

    /// Position of the site whose node leads, as `site` sees it.
    pub fn leader(&self, site: usize) -> Result<usize> {
        let status = self.status(site)?;
        let leader = status["leader"].clone();
        ensure!(!leader.is_null(), "{} knows no leader", self.sites[site].name);
        let sites = status["sites"].as_array().cloned().unwrap_or_default();
        let leads = |site: &&Value| site["nodes"].as_array().is_some_and(|n| n.iter().any(|n| n["node"] == leader));
        let name = sites.iter().find(leads).and_then(|site| site["site"].as_str()).context("the leader is nobody's")?;
        self.sites.iter().position(|site| site.name == name).context("the leader is no site of ours")
    }

    /// The ends of all logs.
    #[must_use]
    pub fn logs(&self) -> String {
        self.sites.iter().map(Site::log_tail).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Federation {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
        if std::env::var_os("VERBUND_KIT_KEEP").is_some() {
            self.directory.disable_cleanup(true);
            eprintln!("kept: {}", self.directory.path().display());
        }
    }
}

/// Name of a coordinator's key file and context.
fn coordinator(number: usize) -> String {
    format!("coordinator-{number}")
}

/// Name of the key file of a site's administrator.
fn administrator(site: &Site) -> String {
    format!("admin-{}", site.organisation)
}

/// A text field, wherever it stands in a document.
fn find(value: &Value, field: &str) -> Option<String> {
    match value {
        Value::Object(fields) => match fields.get(field) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => fields.values().find_map(|value| find(value, field)),
        },
        Value::Array(items) => items.iter().find_map(|value| find(value, field)),
        _ => None,
    }
}

/// Calls `each` with every object in a document.
fn collect(value: &Value, each: &mut dyn FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            each(value);
            fields.values().for_each(|value| collect(value, each));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, each)),
        _ => {}
    }
}
