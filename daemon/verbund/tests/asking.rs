//! Logs and events of a workload at another site than where it runs: real daemons, a simulated cluster, and people who may and
//! may not.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use std::path::Path;

use desk::{Desk, Running, Said, port};
use serde_json::Value;

struct Site {
    name: &'static str,
    peers: u16,
    admin: u16,
    agents: u16,
}

impl Site {
    fn new(desk: &Desk, name: &'static str) -> Self {
        let site = Self { name, peers: port(), admin: port(), agents: port() };
        let (data, secret) = (desk.text(&format!("{name}/data")), desk.text("passphrase"));
        std::fs::create_dir_all(desk.path(name)).unwrap();
        let Self { peers, admin, agents, .. } = &site;
        let config = format!(
            "dataDir: {data}\nsite: {name}\nlisten:\n  peers: ['127.0.0.1:{peers}']\n  admin: ['127.0.0.1:{admin}']\n  \
             agents: ['127.0.0.1:{agents}']\nadvertise: ['127.0.0.1:{peers}']\npassphraseSource: file:{secret}\n\
             lowDiskBytes: 1MiB\nraft: {{heartbeatMs: 100, electionMinMs: 400, electionMaxMs: 800}}\n"
        );
        std::fs::write(desk.path(&format!("{name}.yaml")), config).unwrap();
        site
    }

    fn serve(&self, desk: &Desk) -> Running {
        let config = desk.text(&format!("{}.yaml", self.name));
        Running::start(desk.command(&["serve", "--config", &config]), &desk.path(&format!("{}.log", self.name)))
    }

    fn context(&self, desk: &Desk, name: &str, key: &str) {
        let (data, key) = (desk.text(&format!("{}/data", self.name)), format!("file:{}", desk.text(key)));
        let address = format!("127.0.0.1:{}", self.admin);
        desk.run(&["context", "add", name, "--address", &address, "--data-dir", &data, "--key", &key]).expect(0);
    }
}

/// nord founds and leads; dataport runs software there. akdb operates sued.
fn two_sites(desk: &Desk) -> ([Site; 2], [Running; 2]) {
    let coordinators = [desk.key("coordinator", "c1"), desk.key("coordinator", "c2")];
    let (anna, bert) = (desk.key("user", "anna"), desk.key("user", "bert"));
    let (nord, sued) = (Site::new(desk, "nord"), Site::new(desk, "sued"));
    let (peers, data) = (format!("127.0.0.1:{}", nord.peers), desk.text("nord/data"));
    let mut found = vec!["found", "--name", "dvc", "--threshold", "2", "--organisation", "dataport", "--site", "nord"];
    found.extend(["--role", "koordinierungsstelle", "--role", "plattformbetreiber", "--role", "softwarebetreiber"]);
    found.extend(["--land", "DE-SH", "--administrator", "anna", "--administrator-key", &anna, "--address", &peers]);
    found.extend(["--coordinator", &coordinators[0], "--coordinator", &coordinators[1], "--data-dir", &data]);
    desk.run(&found).expect(0);
    let at_nord = nord.serve(desk);
    for (context, key) in [("one", "c1"), ("two", "c2"), ("anna", "anna")] {
        nord.context(desk, context, key);
    }
    desk.until(&["--context", "one", "status"], |said| matches!(said.code, Some(0 | 4)));

    let mut create = vec!["--context", "one", "org", "create", "akdb", "--display-name", "AKDB"];
    create.extend(["--role", "plattformbetreiber", "--administrator", "bert", "--administrator-key", &bert]);
    desk.run(&create).expect(0);
    let invitation = desk.text("invitation");
    desk.run(&["--context", "one", "invite", "sued", "--org", "akdb", "--out", &invitation]).expect(0);
    let (data, peers) = (desk.text("sued/data"), format!("127.0.0.1:{}", sued.peers));
    desk.run(&["init", "--site", "sued", "--federation", "dvc", "--data-dir", &data]).expect(0);
    let join = ["join", &invitation, "--data-dir", &data, "--land", "DE-BY", "--address", &peers];
    let mut joining = Running::start(desk.with_passphrase(&join), &desk.path("join.log"));
    let said = desk.until(&["--context", "one", "list", "admissions", "-o", "json"], |said| said.out.contains("sued"));
    let admissions: Value = serde_json::from_str(&said.out).unwrap();
    let hash = admissions["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    desk.run(&["--context", "one", "site", "approve", "sued", "--hash", &hash, "--yes"]).expect(8);
    desk.run(&["--context", "two", "site", "approve", "sued", "--hash", &hash, "--yes"]).expect(0);
    assert_eq!(joining.ended(), Some(0), "{}", std::fs::read_to_string(desk.path("join.log")).unwrap());
    let at_sued = sued.serve(desk);
    sued.context(desk, "bert", "bert");
    desk.until(&["--context", "bert", "get", "sites"], |said| said.code == Some(0));
    ([nord, sued], [at_nord, at_sued])
}

/// A cluster of sued and its agent.
fn cluster(desk: &Desk, sued: &Site) -> Running {
    desk.run(&["--context", "bert", "role", "bind", "bert", "plattformbetreiber", "--org", "akdb"]).expect(0);
    let facts = "apiVersion: verbund.de/v1\nkind: Site\nmetadata: {name: sued}\nspec:\n  land: DE-BY\n  facts: {coordinates: \
                 {latitude: 48.1, longitude: 11.5}, country: DE, operator: public, fallback: true}\n";
    std::fs::write(desk.path("facts.yaml"), facts).unwrap();
    desk.run(&["--context", "bert", "apply", "-f", &desk.text("facts.yaml")]).expect(0);
    let (folder, agents) = (desk.text("agent"), format!("127.0.0.1:{}", sued.agents));
    let add = [
        "--context",
        "bert",
        "cluster",
        "add",
        "sued-1",
        "--site",
        "sued",
        "--agent-dir",
        &folder,
        "--agents",
        &agents,
    ];
    desk.run(&add).expect(0);
    agent(desk)
}

fn agent(desk: &Desk) -> Running {
    let run = ["agent", "run", "--data-dir", &desk.text("agent"), "--simulated"];
    Running::start(desk.with_passphrase(&run), &desk.path("agent.log"))
}

fn apply(desk: &Desk, replicas: u32) {
    let image = format!("registry.example/register@sha256:{}", "0".repeat(64));
    let manifest = format!(
        "apiVersion: verbund.de/v1\nkind: Workload\nmetadata: {{name: register}}\nspec:\n  organisation: dataport\n  \
         requirements: {{zone: internal, schutzbedarf: normal, confidentiality: internal, stage: production, \
         amounts: {{cpuMillis: 500, memoryBytes: 536870912, pods: 4}}}}\n  mode: {{parallel: {{copies: 1}}}}\n  \
         stopBudget: 1000\n  failover: automatic\n  manifests:\n  - apiVersion: apps/v1\n    kind: Deployment\n    \
         metadata: {{name: web}}\n    spec:\n      replicas: {replicas}\n      selector: {{matchLabels: {{app: web}}}}\n      \
         template:\n        metadata: {{labels: {{app: web}}}}\n        spec:\n          securityContext: {{runAsNonRoot: true, \
         runAsUser: 10001, seccompProfile: {{type: RuntimeDefault}}}}\n          containers:\n          - name: web\n            \
         image: {image}\n            command: [/register]\n            resources: {{requests: {{cpu: 50m, memory: 64Mi}}, \
         limits: {{cpu: 50m, memory: 64Mi}}}}\n            securityContext: {{allowPrivilegeEscalation: false, \
         capabilities: {{drop: [ALL]}}}}\n"
    );
    std::fs::write(desk.path("register.yaml"), manifest).unwrap();
    desk.run(&["--context", "anna", "apply", "-f", &desk.text("register.yaml")]).expect(0);
}

/// The line that each simulated pod writes when it serves.
const LINE: &str = "epoch 1: Ready";

fn people(desk: &Desk, nord: &Site, sued: &Site) {
    desk.run(&["--context", "anna", "role", "bind", "anna", "softwarebetreiber", "--org", "dataport"]).expect(0);
    for user in ["clara", "dora"] {
        let key = desk.key("user", user);
        desk.run(&["--context", "anna", "user", "create", user, "--org", "dataport", "--key", &key]).expect(0);
        nord.context(desk, user, user);
    }
    desk.run(&["--context", "anna", "role", "bind", "clara", "auditor", "--org", "dataport"]).expect(0);
    nord.context(desk, "bert-at-nord", "bert");
    sued.context(desk, "anna-at-sued", "anna");
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {}", said.all()))
}

#[test]
fn logs_and_events_of_a_workload_at_another_site() {
    let desk = Desk::new();
    let ([nord, sued], [at_nord, at_sued]) = two_sites(&desk);
    people(&desk, &nord, &sued);
    let running = cluster(&desk, &sued);
    // Nobody has a copy yet.
    desk.run(&["--lang", "de", "--context", "anna", "logs", "register"]).expect(1);
    apply(&desk, 1);
    let ready = |said: &Said| said.out.contains("\"ready\"");
    desk.until(&["--context", "anna", "get", "placements", "register", "-o", "json"], ready);

    // Asked at nord, answered at sued.
    let said = desk.until(&["--context", "anna", "logs", "register"], |said| said.out.contains(LINE));
    assert_eq!((said.code, said.out.as_str()), (Some(0), format!("sued-1 web-1/simulated: {LINE}\n").as_str()));
    let said =
        json(&desk.run(&["--context", "anna", "-o", "json", "logs", "register", "--cluster", "sued-1"]).expect(0));
    assert_eq!((&said["copies"][0]["site"], &said["copies"][0]["found"][0]["text"]), (&"sued".into(), &LINE.into()));
    for none in [&["--pod", "web-9"][..], &["--container", "other"], &["--tail", "0"], &["--previous"]] {
        let said = desk.run(&[&["--context", "anna", "-o", "json", "logs", "register"], none].concat()).expect(0);
        assert_eq!(json(&said)["copies"][0]["found"], Value::Array(Vec::new()), "{none:?}");
    }
    let said = desk.run(&["--context", "anna", "logs", "register", "--since", "1h"]).expect(0);
    assert!(said.out.contains(LINE), "{}", said.all());
    desk.run(&["--context", "anna", "logs", "register", "--cluster", "west-1"]).expect(1);
    let said = desk.run(&["--lang", "en", "--context", "anna", "events", "register"]).expect(0);
    assert!(said.out.contains("Started") && said.out.contains("Pod/web-1"), "{}", said.all());

    who_may(&desk);
    follows(&desk);
    // Nothing of it stayed anywhere.
    for kept in ["nord/data", "sued/data", "nord.log", "sued.log"] {
        assert!(!contains(&desk.path(kept), LINE.as_bytes()), "{kept} holds a line of the customer's log");
    }
    assert!(contains(&desk.path("followed"), LINE.as_bytes()), "the search finds it where it is");

    // Who cannot be reached is named: first the agent, then the site.
    drop(running);
    let gone = |said: &Said| {
        said.code == Some(1) && said.talk.contains("sued-1 (sued)") && said.talk.contains("connected to no node")
    };
    desk.until(&["--lang", "en", "--context", "anna", "logs", "register"], gone);
    drop(at_sued);
    let gone = |said: &Said| said.code == Some(1) && said.talk.contains("No node of the site sued answered");
    desk.until(&["--lang", "en", "--context", "anna", "logs", "register"], gone);
    drop(at_nord);
}

fn who_may(desk: &Desk) {
    for context in ["bert", "bert-at-nord", "anna-at-sued"] {
        let said = desk.run(&["--context", context, "logs", "register"]).expect(0);
        assert!(said.out.contains(LINE), "{context}: {}", said.all());
    }
    // An auditor sees what the cluster noted, not what the customer's containers wrote.
    desk.run(&["--context", "clara", "events", "register"]).expect(0);
    let said = desk.run(&["--lang", "de", "--context", "clara", "logs", "register"]).expect(1);
    let words = "Rolle softwarebetreiber in der Organisation dataport oder mit der Rolle plattformbetreiber für den Standort sued";
    assert!(said.out.is_empty() && said.talk.contains(words), "{}", said.all());
    for noun in ["logs", "events"] {
        let said = desk.run(&["--lang", "en", "--context", "dora", noun, "register"]).expect(1);
        assert!(said.out.is_empty() && said.talk.contains("user dataport.dora"), "{}", said.all());
    }
    // It was sued's own node that refused, not the one that was asked.
    let log = |site: &str| std::fs::read_to_string(desk.path(&format!("{site}.log"))).unwrap();
    assert!(log("sued").contains("a question was refused") && !log("nord").contains("a question was refused"));
}

/// A pod that comes later is followed too, and no line is shown twice.
fn follows(desk: &Desk) {
    let followed = desk.path("followed");
    let running = Running::start(desk.with_passphrase(&["--context", "anna", "logs", "register", "-f"]), &followed);
    let watched =
        Running::start(desk.with_passphrase(&["--context", "anna", "events", "register", "-w"]), &desk.path("watched"));
    let first = format!("sued-1 web-1/simulated: {LINE}\n");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    until("the first line", || read(&followed).contains(&first));
    apply(desk, 2);
    until("the second pod", || read(&followed).contains(&format!("sued-1 web-2/simulated: {LINE}\n")));
    until("the second pod's event", || read(&desk.path("watched")).contains("Pod/web-2"));
    drop((running, watched));
    assert_eq!(read(&followed).matches(&first).count(), 1, "{}", read(&followed));
}

fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !condition() {
        assert!(begun.elapsed().as_secs() < 90, "waited in vain for {what}");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

/// Whether a file, or one below a folder, holds these bytes.
fn contains(path: &Path, bytes: &[u8]) -> bool {
    if path.is_dir() {
        return std::fs::read_dir(path).unwrap().any(|entry| contains(&entry.unwrap().path(), bytes));
    }
    std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
}
