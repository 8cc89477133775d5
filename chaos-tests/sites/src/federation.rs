//! A federation on the testbed, founded and grown by the command line, as its people do it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use verbund_kit::{Desk, Process, until_async};
use verbund_testbed::{PATIENCE, Testbed};

use crate::interval::Writing;
use crate::kubernetes::{self, Guards};
use crate::member::Member;
use crate::placing::Placed;
use crate::sink::Sink;
use crate::workload::Sample;

/// The federation's name.
const NAME: &str = "dvc";
/// Where sites stand: Land, latitude, longitude. Each pair of the first two is at least 200 km apart.
const PLACES: [(&str, f64, f64); 5] = [
    ("DE-HE", 50.1109, 8.6821),
    ("DE-SH", 54.3233, 10.1228),
    ("DE-BW", 48.7758, 9.1829),
    ("DE-SN", 51.0504, 13.7373),
    ("DE-NW", 51.2277, 6.7735),
];
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
    /// Its members, at most five; the first founds.
    pub members: Vec<(&'static str, Where)>,
    /// What is process 1 in containers of level `guard`.
    pub guards: Guards,
}

impl Plan {
    /// Two sites with clusters, `mitte` and `nord`, and as many voters without as are needed for `voters` in all.
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

/// A federation of whole sites. When it ends, so does everything in it.
#[derive(Debug)]
pub struct Federation {
    /// Its members, in the order in which they came.
    pub members: Vec<Member>,
    /// Where all its people sit: on the machine itself.
    pub desk: Desk,
    /// What its workloads write to.
    pub sink: Sink,
    /// The sites and their links.
    pub testbed: Testbed,
}

impl Federation {
    /// Starts clusters, founds the federation, lets every other member join, registers the clusters and starts their agents.
    /// Data and logs lie below `directory`, which holds no other federation and whose path must be short. Errors: root is
    /// missing, or a step failed.
    pub async fn up(directory: &Path, plan: &Plan) -> Result<Self> {
        ensure!(plan.members.len() <= PLACES.len(), "at most {} members have a place", PLACES.len());
        let testbed = Testbed::new(directory).await?;
        let names = |what: Where| plan.members.iter().filter(move |member| member.1 == what).map(|member| member.0);
        let sites = testbed.sites(&names(Where::Site).collect::<Vec<_>>()).await?;
        let mut members = Vec::new();
        for (name, _) in &plan.members {
            let site = sites.iter().find(|site| site.name() == *name).cloned();
            let space = match &site {
                Some(site) => (**site).clone(),
                None => testbed.space(name).await?,
            };
            members.push(Member::new(name, space, site));
        }
        for site in &sites {
            kubernetes::prepare(site, plan.guards).await.with_context(|| format!("preparing {}", site.name()))?;
        }
        let desk = Desk::at(&directory.join("desk"))?;
        let sink = Sink::listen(testbed.host()).await?;
        let mut federation = Self { members, desk, sink, testbed };
        federation.found().await.context("founding")?;
        for number in 1..federation.members.len() {
            federation.join(number).await.with_context(|| format!("{} joins", federation.members[number].name))?;
        }
        federation.wait_for_voters(plan.members.len()).await?;
        for number in 0..federation.members.len() {
            if federation.members[number].has_cluster() {
                federation.register(number).await.with_context(|| format!("the cluster of member {number}"))?;
            }
        }
        Ok(federation)
    }

    async fn found(&mut self) -> Result<()> {
        let coordinator = self.desk.new_key("coordinator", "coordinator")?;
        let first = &self.members[0];
        first.configure(&self.desk)?;
        let administrator = self.desk.new_key("user", &key_of(first))?;
        let (address, data) = (first.peers(), first.data_dir().display().to_string());
        let arguments = [
            ["--name", NAME],
            ["--coordinator", &coordinator],
            ["--threshold", "1"],
            ["--organisation", &first.organisation],
            ["--display-name", &first.organisation],
            ["--role", "koordinierungsstelle"],
            ["--role", "plattformbetreiber"],
            ["--role", "softwarebetreiber"],
            ["--administrator", "admin"],
            ["--administrator-key", &administrator],
            ["--site", &first.name],
            ["--land", PLACES[0].0],
            ["--address", &address],
            ["--data-dir", &data],
        ];
        self.desk.run(&[&["found"], arguments.as_flattened()].concat())?;
        self.start(0).await?;
        self.add_context("coordinator", 0, "coordinator")
    }

    async fn join(&mut self, number: usize) -> Result<()> {
        let member = &self.members[number];
        member.configure(&self.desk)?;
        let key = self.desk.new_key("user", &key_of(member))?;
        let organisation = member.organisation.as_str();
        let roles = ["--role", "plattformbetreiber", "--role", "softwarebetreiber"];
        let create = ["--context", "coordinator", "org", "create", organisation, "--display-name", organisation];
        let administrator = ["--administrator", "admin", "--administrator-key", &key];
        self.desk.run(&[&create[..], &roles, &administrator].concat())?;
        let (contact, invitation) = (self.members[0].peers(), self.desk.path(&format!("{}.invitation", member.name)));
        let (name, invitation) = (member.name.as_str(), invitation.display().to_string());
        let invite = ["--context", "coordinator", "invite", name, "--org", organisation];
        self.desk.run(&[&invite[..], &["--contact", &contact, "--out", &invitation]].concat())?;
        let (data, address) = (member.data_dir().display().to_string(), member.peers());
        self.desk.run(&["init", "--site", name, "--federation", NAME, "--data-dir", &data])?;
        let land = PLACES[number].0;
        let join = ["join", &invitation, "--data-dir", &data, "--land", land, "--address", &address];
        let log = self.desk.path(&format!("{name}.join.log"));
        let mut joining = Process::spawn("verbund join", &mut self.desk.command(&join), &log)?;
        self.approve(name).await.with_context(|| joining.log_tail())?;
        let status = joining.wait(PATIENCE)?;
        ensure!(status.success(), "verbund join ended with {status}: {}", joining.log_tail());
        self.start(number).await
    }

    async fn approve(&self, name: &str) -> Result<()> {
        let (hash, _) = until_async("the request for admission", PATIENCE, || async {
            let list = self.desk.json(&["--context", "coordinator", "list", "admissions"])?;
            request(&list, name).with_context(|| format!("no open request of {name}"))
        })
        .await?;
        self.desk.run(&["--context", "coordinator", "site", "approve", name, "--yes", "--hash", &hash])?;
        Ok(())
    }

    /// Starts a member's daemon for the first time, and waits until it answers its administrator.
    async fn start(&mut self, number: usize) -> Result<()> {
        self.members[number].start_daemon(&self.desk)?;
        let member = &self.members[number];
        let (name, key) = (member.name.clone(), key_of(member));
        self.add_context(&name, number, &key)?;
        self.serves(number).await
    }

    /// Waits until a member's daemon answers.
    pub async fn serves(&self, number: usize) -> Result<()> {
        let member = &self.members[number];
        until_async(&format!("{} answering", member.name), PATIENCE, || async {
            member.daemon()?.expect_alive()?;
            self.status(number).map(drop)
        })
        .await
        .with_context(|| member.logs())?;
        Ok(())
    }

    fn add_context(&self, context: &str, number: usize, key: &str) -> Result<()> {
        let member = &self.members[number];
        let (address, data) = (member.admin(), member.data_dir().display().to_string());
        let key = format!("file:{}", self.desk.path(key).display());
        let add = ["context", "add", context, "--address", &address, "--data-dir", &data, "--key", &key];
        self.desk.run(&add).map(drop)
    }

    /// Registers a member's cluster and starts its agent.
    async fn register(&mut self, number: usize) -> Result<()> {
        let member = &self.members[number];
        let (name, organisation, cluster) = (member.name.clone(), member.organisation.clone(), member.cluster());
        let (agents, folder) = (member.agents(), member.agent_dir().display().to_string());
        for role in ["plattformbetreiber", "softwarebetreiber"] {
            self.desk.run(&["--context", &name, "role", "bind", "admin", role, "--org", &organisation])?;
        }
        let (land, latitude, longitude) = PLACES[number];
        let facts = json!({
            "apiVersion": "verbund.de/v1", "kind": "Site", "metadata": { "name": name }, "spec": { "land": land, "facts": {
                "coordinates": { "latitude": latitude, "longitude": longitude }, "country": "DE", "operator": "public",
                "fallback": true,
            } },
        });
        self.apply(&name, "facts", &facts)?;
        let add = ["--context", &name, "cluster", "add", &cluster, "--site", &name, "--agent-dir", &folder];
        self.desk.run(&[&add[..], &["--agents", &agents, "--network", "landesnetz"]].concat())?;
        self.members[number].prepare_agent().await?;
        self.members[number].start_agent(&self.desk)
    }

    /// Applies a document as a member's administrator.
    pub fn apply(&self, context: &str, what: &str, document: &Value) -> Result<()> {
        let file = self.desk.path(&format!("{context}-{what}.json"));
        std::fs::write(&file, document.to_string())?;
        self.desk.run(&["--context", context, "apply", "-f", &file.display().to_string()]).map(drop)
    }

    /// Deploys a sample of a member's organisation, and waits until it writes and its fallback is reserved.
    pub async fn deploy(&self, owner: usize, sample: &Sample) -> Result<()> {
        self.apply(&self.members[owner].name, &sample.name, &sample.document())?;
        self.settled(&sample.name).await?;
        Ok(())
    }

    /// Waits until one copy of a workload serves, writes alone, and a fallback stands by. Returns the position of the member
    /// that serves.
    pub async fn settled(&self, workload: &str) -> Result<usize> {
        let what = format!("{workload} serving at one site, with the other standing by");
        let settled = until_async(&what, PATIENCE, || async {
            self.members.iter().try_for_each(Member::expect_alive)?;
            let placed = self.placed(workload)?;
            ensure!(placed.is_settled(), "{placed:?}");
            let serving = placed.serving().unwrap_or_default().to_owned();
            let writing = self.writing(workload);
            ensure!(
                writing.len() == 1 && writing[0].cluster == serving,
                "{serving} should be the only one that writes: {writing:?}"
            );
            self.members.iter().position(|member| member.cluster() == serving).context("no member serves")
        });
        Ok(settled.await.with_context(|| self.logs())?.0)
    }

    /// The first member with a cluster other than `victim`: where what runs there falls back to. Errors: there is none.
    pub fn fallback_of(&self, victim: usize) -> Result<usize> {
        let mut others = (0..self.members.len()).filter(|member| *member != victim);
        others.find(|member| self.members[*member].has_cluster()).context("a fallback needs a second cluster")
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
        Ok(first.await.with_context(|| self.logs())?.0)
    }

    /// Where a workload is, as any member that answers says it.
    pub fn placed(&self, workload: &str) -> Result<Placed> {
        let mut last = None;
        for member in &self.members {
            match self.desk.json(&["--context", &member.name, "get", "placements", workload]) {
                Ok(document) => return Placed::read(&document),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("there is no member")?)
    }

    /// A member's status.
    pub fn status(&self, number: usize) -> Result<Value> {
        // 3 and 4 say that something is not right, which is what is being looked at.
        let out = self.desk.run_to(&["--context", &self.members[number].name, "status", "-o", "json"], &[0, 3, 4])?;
        Ok(serde_json::from_str(&out)?)
    }

    async fn wait_for_voters(&self, wanted: usize) -> Result<()> {
        for number in 0..self.members.len() {
            let what = format!("{wanted} voters");
            let voters = until_async(&what, PATIENCE, || async {
                let status = self.status(number)?;
                let voters = status["voters"].as_array().map_or(0, Vec::len);
                ensure!(voters == wanted && !status["leader"].is_null(), "{voters} voters: {status}");
                Ok(())
            });
            voters.await.with_context(|| self.logs())?;
        }
        Ok(())
    }

    /// The member that leads, as `witness` sees it.
    pub async fn leader(&self, witness: usize) -> Result<usize> {
        let leader = until_async("a leader", ELECTION, || async {
            let status = self.status(witness)?;
            let leader = &status["leader"];
            ensure!(!leader.is_null(), "{} knows no leader", self.members[witness].name);
            let leads = |site: &&Value| {
                site["nodes"].as_array().is_some_and(|nodes| nodes.iter().any(|node| node["node"] == *leader))
            };
            let sites = status["sites"].as_array().context("a status names the sites")?;
            let name = sites.iter().find(leads).and_then(|site| site["site"].as_str());
            self.members.iter().position(|member| Some(member.name.as_str()) == name).context("no member leads")
        });
        Ok(leader.await?.0)
    }

    /// Has leaders step down, by starting their daemons anew, until this member leads.
    pub async fn let_lead(&mut self, wanted: usize) -> Result<()> {
        let start = Instant::now();
        loop {
            let leader = self.leader(wanted).await?;
            if leader == wanted {
                return Ok(());
            }
            ensure!(start.elapsed() < PATIENCE, "{} does not come to lead", self.members[wanted].name);
            self.members[leader].kill_daemon()?;
            until_async("another leader", ELECTION, || async {
                ensure!(self.leader(wanted).await? != leader, "the old one is still named");
                Ok(())
            })
            .await?;
            self.members[leader].revive(&self.desk)?;
            self.serves(leader).await?;
        }
    }

    /// L + margin, in force, in milliseconds: lease and margin.
    pub fn timings(&self) -> Result<(u64, u64)> {
        let shown = self.desk.json(&["--context", &self.members[0].name, "timings", "show"])?;
        let number = |field: &str| find_number(&shown, field).with_context(|| format!("no {field} in {shown}"));
        Ok((number("lease")?, number("margin")?))
    }

    /// The ends of the logs of all daemons and agents.
    #[must_use]
    pub fn logs(&self) -> String {
        self.members.iter().map(Member::logs).collect()
    }
}

fn key_of(member: &Member) -> String {
    format!("admin-{}", member.organisation)
}

/// Hash of the open request of a site in a list of admissions.
fn request(list: &Value, site: &str) -> Option<String> {
    match list {
        Value::Object(fields) => {
            if list["spec"]["request"]["site"] == site && list["status"]["admitted"].is_null() {
                return list["metadata"]["name"].as_str().map(str::to_owned);
            }
            fields.values().find_map(|value| request(value, site))
        }
        Value::Array(items) => items.iter().find_map(|value| request(value, site)),
        _ => None,
    }
}

fn find_number(value: &Value, field: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => {
            fields.get(field).and_then(Value::as_u64).or_else(|| fields.values().find_map(|v| find_number(v, field)))
        }
        Value::Array(items) => items.iter().find_map(|value| find_number(value, field)),
        _ => None,
    }
}
