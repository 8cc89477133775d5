//! Shows: a secret that is sealed by the command line reaches the namespace of its workload at the sites to which it is
//! sealed, and changes there when it is changed; the workload runs nowhere else. Its values are found in no byte of disks,
//! logs, memory and answers of a site that is no recipient (I9), and on no disk at all; the same search finds them in the same
//! processes once the secret is sealed to that site too. After that site's exclusion the secret stays to be rotated until it
//! has other values.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use verbund_agent::{Agent, AgentConfig, Clock as _, Connection, Enrolment, Parts, SessionStore, SystemClock};
use verbund_agent_core::ObjectKey;
use verbund_agent_simulated::{Shape, Simulated};
use verbund_keys::Passphrase;
use verbund_kit::canary::Canary;
use verbund_kit::desk::PASSPHRASE;
use verbund_kit::federation::clusters::SIMULATED;
use verbund_kit::placements::Placed;
use verbund_kit::{Federation, Settings, Workload, until_async};
use verbund_model::resource::Mode;
use verbund_tls::Dialer;

/// How long anything may take on a busy machine.
const BOUND: Duration = Duration::from_secs(120);
/// The site to which nothing is sealed at first.
const OTHER: usize = 2;

/// An agent within this process, so that its cluster can be looked into.
async fn agent(federation: &mut Federation, site: usize) -> Result<Simulated> {
    let cluster = federation.add_cluster(site, SIMULATED)?;
    let folder = federation.sites[site].clusters[cluster].agent_dir();
    let enrolment = Enrolment::read(&folder)?;
    let signer = Enrolment::open_key(&folder, &Passphrase::new(PASSPHRASE)?)?;
    let simulated = Simulated::new(Shape::default());
    simulated.advance(SystemClock.wall());
    tokio::spawn(simulated.clone().follow_clock());
    let clock = Arc::new(SystemClock);
    let opened = || Connection::open(enrolment.clone(), signer.clone(), clock.clone(), Dialer::default());
    let look = || async { opened().await.context("no certificate yet") };
    let (connection, _) = until_async("the agent's certificate", BOUND, look).await?;
    let (driver, sessions) = (Arc::new(simulated.clone()), SessionStore::in_folder(&folder));
    let parts = Parts { driver, uplink: connection.link.clone(), signer, clock, sessions };
    let agent = Agent::new(AgentConfig::new(enrolment.cluster.clone()), parts);
    tokio::spawn(async move {
        tokio::select! {
            ended = agent.run() => drop(ended),
            () = connection.keep_fresh(1.0) => {}
        }
    });
    Ok(simulated)
}

/// The Secret `db` in the workload's namespace of a cluster.
fn secret(cluster: &Simulated) -> Option<Value> {
    let mut found = None;
    let key = ObjectKey::new("v1", "Secret", Some("kfz"), "db");
    cluster.tamper(&"kfz".parse().unwrap(), &key, |body| found = Some(body.clone()));
    found
}

fn holds(cluster: &Simulated, value: &str) -> Result<()> {
    let found = secret(cluster).context("there is no Secret")?;
    let wanted = data_encoding::BASE64.encode(value.as_bytes());
    ensure!(found["data"]["password"] == wanted.as_str(), "the Secret has another value");
    Ok(())
}

struct Scene {
    federation: Federation,
    /// The clusters of the first two sites.
    clusters: Vec<Simulated>,
}

impl Scene {
    /// Three sites with a cluster each, and a workload that needs a secret which is not sealed yet.
    async fn new() -> Self {
        let mut federation = Federation::of(3, Settings::default()).await.unwrap();
        let mut clusters = Vec::new();
        for site in 0..OTHER {
            clusters.push(agent(&mut federation, site).await.unwrap());
        }
        let cluster = federation.add_cluster(OTHER, SIMULATED).unwrap();
        let desk = federation.desk.clone();
        federation.sites[OTHER].clusters[cluster].launch(&desk).unwrap();
        let scene = Self { federation, clusters };
        scene.desk(&["role", "bind", "admin", "softwarebetreiber", "--org", "o1"]);
        let measured = || async {
            let all = scene.federation.desk.json(&["--context", "s1", "list", "clusters"])?;
            let items = all["items"].as_array().cloned().unwrap_or_default();
            let ready = items.iter().filter(|one| one["status"]["observation"]["ready"] == true).count();
            ensure!(ready == 3, "{ready} of three clusters are measured");
            Ok(())
        };
        until_async("all clusters being measured", BOUND, measured).await.unwrap();
        let mut spec = serde_json::to_value(Workload::new("kfz", Mode::Parallel { copies: 1 }).unwrap().spec).unwrap();
        spec["secrets"] = json!(["db"]);
        spec["standby"] = json!({ "distance": "betriebsredundant" });
        spec["organisation"] = json!("o1");
        let document = json!({
            "apiVersion": "verbund.de/v1", "kind": "Workload", "metadata": { "name": "kfz" }, "spec": spec,
        });
        scene.federation.apply(0, "kfz", &document).unwrap();
        scene
    }

    /// A command of the first site's administrator, who runs the workload.
    fn desk(&self, arguments: &[&str]) -> String {
        self.federation.desk.run(&[&["--context", "s1"], arguments].concat()).unwrap()
    }

    /// The same, whatever comes of it.
    fn say(&self, arguments: &[&str]) -> verbund_kit::desk::Said {
        self.federation.desk.say(&[&["--context", "s1"], arguments].concat()).unwrap()
    }

    /// Puts the canary into a file on the desk; only its name stands in a command.
    fn file(&self, canary: &Canary) -> String {
        let path = self.federation.desk.path("password.txt");
        std::fs::write(&path, &canary.value).unwrap();
        format!("password={}", path.display())
    }

    fn placed(&self) -> Result<Placed> {
        Placed::read(&self.federation.desk.json(&["--context", "s1", "get", "placements", "kfz"])?)
    }

    /// Waits until both recipients' clusters have the Secret with this value, and the workload is ready at one.
    async fn settled(&self, canary: &Canary) {
        let look = || async {
            let placed = self.placed()?;
            ensure!(placed.is_settled(), "{placed:?}");
            self.clusters.iter().try_for_each(|cluster| holds(cluster, &canary.value))
        };
        until_async("the secret at both sites", BOUND, look).await.with_context(|| self.federation.logs()).unwrap();
    }

    /// What is found of a canary at the other site: in files, in its processes' memory, in what it answers.
    fn at_the_other(&mut self, canary: &Canary) -> (usize, usize, usize) {
        let mut told = 0;
        for arguments in [
            &["get", "secrets", "kfz.db", "-o", "json"][..],
            &["list", "secrets", "-o", "yaml"],
            &["secret", "list"],
            &["secret", "show", "db", "--workload", "kfz"],
            &["get", "workloads", "kfz", "-o", "json"],
            &["get", "placements", "kfz", "-o", "json"],
            &["why", "kfz", "-o", "json"],
            &["status", "-o", "json"],
        ] {
            let said = self.federation.desk.say(&[&["--context", "s3"], arguments].concat()).unwrap();
            assert!([0, 4, 6].contains(&said.code), "{arguments:?}: {said:?}");
            told += usize::from(canary.is_told(said.out) || canary.is_told(said.err));
        }
        let export = self.federation.desk.path("s3.audit").display().to_string();
        self.federation.desk.run(&["--context", "s3", "audit", "export", "--out", &export]).unwrap();
        told += usize::from(canary.is_told(std::fs::read(&export).unwrap()));
        std::fs::remove_file(&export).unwrap();

        let site = &mut self.federation.sites[OTHER];
        let (files, read) = canary.below(site.directory()).unwrap();
        assert!(read > 10_000, "VOID: only {read} bytes of files were read");
        // The search finds in these files what is there: the name of the key stands beside the ciphertext.
        let control = Canary::of("password".to_owned()).below(&site.data_dir()).unwrap().0;
        assert!(!control.is_empty(), "VOID: the log was not searched");
        let pids = [site.process().unwrap().pid(), site.clusters[0].process().unwrap().pid()];
        let mut places = 0;
        for pid in pids {
            let (found, read) = canary.in_memory_of(pid).unwrap();
            assert!(read > 1_000_000, "VOID: only {read} bytes of memory were read");
            places += found;
        }
        (files.len(), places, told)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_in_clear_only_where_it_is_sealed_to() {
    let mut scene = Scene::new().await;
    // Nobody can open it yet: it fits nowhere, and that is said in both languages.
    let why = scene.say(&["why", "kfz"]);
    assert_eq!(why.code, 6, "{why:?}");
    assert!(why.out.contains("Secrets that the site s1 can open: nothing; missing is db."), "{}", why.out);
    let why = scene.say(&["--lang", "de", "why", "kfz"]);
    assert!(why.out.contains("Geheimnisse, die der Standort s1 öffnen kann: nichts; es fehlt db."), "{}", why.out);

    let first = Canary::new();
    let from = scene.file(&first);
    let set = ["secret", "set", "db", "--workload", "kfz", "--from-file", &from];
    // Who it would go to is said before: all three might run it. Nobody is there to answer.
    let said = scene.say(&set);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(["s1", "s2", "s3"].iter().all(|site| said.err.contains(site)), "{said:?}");
    let said = scene.say(&[&set[..], &["--to", "s1", "--to", "s2", "--delegate", "true"]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("s1") && said.err.contains("s2") && !said.err.contains("s3"), "{said:?}");
    scene.settled(&first).await;
    let placed = scene.placed().unwrap();
    assert!(placed.copies.iter().all(|copy| copy.cluster.as_str() != "s3-1"), "{placed:?}");

    // Another value takes its place, with the old one gone from the clusters.
    let second = Canary::new();
    let from = scene.file(&second);
    let set = ["secret", "set", "db", "--workload", "kfz", "--from-file", &from, "--to", "s1", "--to", "s2"];
    scene.desk(&set);
    scene.settled(&second).await;
    let shown = scene.desk(&["secret", "show", "db", "--workload", "kfz"]);
    assert!(shown.contains("password") && !second.is_told(&shown), "{shown}");

    for canary in [&first, &second] {
        assert_eq!(scene.at_the_other(canary), (0, 0, 0), "files, memory, answers of s3");
        for site in &scene.federation.sites {
            let (files, _) = canary.below(site.directory()).unwrap();
            assert!(files.is_empty(), "{}: {files:?}", site.name);
        }
    }
    // Control: who can open it has it in memory.
    let opens = scene.federation.sites[0].process().unwrap().pid();
    assert!(second.in_memory_of(opens).unwrap().0 > 0, "VOID: not even a recipient has it");

    // A recipient's Plattformbetreiber seals it to the third site. Then the same search finds it in the same processes.
    let data = scene.federation.sites[1].data_dir().display().to_string();
    let reseal = ["--context", "s2", "secret", "reseal", "db", "--workload", "kfz", "--data-dir", &data, "--to", "s3"];
    scene.federation.desk.run(&reseal).unwrap();
    scene.desk(&["relocate", "kfz", "--to", "s3-1", "--yes"]);
    let moved = || async {
        let placed = scene.placed()?;
        ensure!(placed.ready().any(|cluster| cluster == "s3-1"), "{placed:?}");
        Ok(())
    };
    let moved = until_async("the workload at s3", BOUND, moved).await;
    moved.with_context(|| scene.federation.logs()).unwrap();
    let (files, places, told) = scene.at_the_other(&second);
    assert!(places > 0, "VOID: the search does not find what is there");
    assert_eq!((files, told), (0, 0), "in memory only");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_excluded_know_stays_to_be_rotated_until_it_is() {
    let scene = Scene::new().await;
    let first = Canary::new();
    let from = scene.file(&first);
    let set = ["secret", "set", "db", "--workload", "kfz", "--from-file", &from];
    // To all at which it might run.
    scene.desk(&[&set[..], &["--yes"]].concat());
    let to_rotate = ["secret", "list", "--to-rotate"];
    assert_eq!(scene.say(&to_rotate).code, 0);
    let (said, _) = scene.federation.draw_up(OTHER, &[]).unwrap();
    assert!(said.err.contains("kfz.db"), "the impact names it: {said:?}");
    let seen = scene.federation.exclude(OTHER, 0, &[]).unwrap();
    assert!(!seen["recordedAfterMs"].is_null(), "{seen}");
    let said = scene.say(&to_rotate);
    assert!(said.code == 3 && said.out.contains("kfz") && said.out.contains("s3"), "{said:?}");
    let refused = scene.say(&[&set[..], &["--to", "s3"]].concat());
    assert!(refused.code == 1 && refused.err.contains("excluded"), "{refused:?}");

    // Sealed anew without the excluded, it is what they know still.
    let reseal = ["secret", "reseal", "db", "--workload", "kfz", "--from-file", &from, "--yes"];
    let said = scene.say(&reseal);
    assert!(said.code == 0 && !said.err.contains("s3"), "{said:?}");
    assert_eq!(scene.say(&to_rotate).code, 3);
    let second = Canary::new();
    let from = scene.file(&second);
    scene.desk(&["secret", "set", "db", "--workload", "kfz", "--from-file", &from, "--yes"]);
    let said = scene.say(&to_rotate);
    assert!(said.code == 0 && said.err.contains("No secret is known"), "{said:?}");
    scene.settled(&second).await;
}
