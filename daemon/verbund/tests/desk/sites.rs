//! Sites of a small federation, as their people make them.

use super::{Desk, Running, Said, port};

/// A site with its ports.
pub struct Site {
    pub name: &'static str,
    pub peers: u16,
    pub admin: u16,
    pub pki: u16,
    pub bundle: u16,
}

impl Site {
    /// A site with keys and configuration, that says in its certificates where it publishes.
    pub fn new(desk: &Desk, name: &'static str) -> Self {
        let site = Self { name, peers: port(), admin: port(), pki: port(), bundle: port() };
        let (data, secret) = (desk.text(&format!("{name}/data")), desk.text("passphrase"));
        std::fs::create_dir_all(desk.path(name)).unwrap();
        let config = format!(
            "dataDir: {data}\nsite: {name}\nlisten:\n  peers: ['127.0.0.1:{}']\n  admin: ['127.0.0.1:{}']\n  \
             pki: ['127.0.0.1:{}']\n  bundle: ['127.0.0.1:{}']\nadvertise: ['127.0.0.1:{}']\n\
             passphraseSource: file:{secret}\nlowDiskBytes: 1MiB\n\
             raft: {{heartbeatMs: 100, electionMinMs: 400, electionMaxMs: 800}}\n",
            site.peers, site.admin, site.pki, site.bundle, site.peers
        );
        std::fs::write(desk.path(&format!("{name}.yaml")), config).unwrap();
        let url = format!("http://127.0.0.1:{}", site.pki);
        let init = ["init", "--site", name, "--federation", "dvc", "--data-dir", &data, "--pki-url", &url];
        desk.run(&init).expect(0);
        site
    }

    pub fn serve(&self, desk: &Desk) -> Running {
        let config = desk.text(&format!("{}.yaml", self.name));
        Running::start(desk.command(&["serve", "--config", &config]), &desk.path(&format!("{}.log", self.name)))
    }
}

/// Founds a federation `dvc` at `first`, with one coordinator `c1` (context `one`) and the administrator `anna` (context
/// `anna`), who also runs the site. Gives the running daemon.
pub fn found(desk: &Desk, first: &Site) -> Running {
    let (coordinator, anna) = (desk.key("coordinator", "c1"), desk.key("user", "anna"));
    let (peers, api) = (format!("127.0.0.1:{}", first.peers), format!("api=127.0.0.1:{}", first.admin));
    let data = desk.text(&format!("{}/data", first.name));
    let mut found = vec!["found", "--name", "dvc", "--threshold", "1", "--organisation", "dataport"];
    found.extend(["--site", first.name, "--land", "DE-SH"]);
    found.extend(["--role", "koordinierungsstelle", "--role", "plattformbetreiber"]);
    found.extend(["--administrator", "anna", "--administrator-key", &anna, "--address", &peers, "--address", &api]);
    found.extend(["--coordinator", &coordinator, "--data-dir", &data]);
    let own = format!("file:{}", desk.text("c1"));
    desk.run(&[&found[..], &["--context", "one", "--key", &own]].concat()).expect(0);
    let running = first.serve(desk);
    let (address, key) = (format!("127.0.0.1:{}", first.admin), format!("file:{}", desk.text("anna")));
    desk.run(&["context", "add", "anna", "--address", &address, "--data-dir", &data, "--key", &key]).expect(0);
    desk.until(&["--context", "one", "status"], |said| matches!(said.code, Some(0 | 4)));
    let bind = ["--context", "anna", "role", "bind", "anna", "plattformbetreiber", "--org", "dataport"];
    desk.run(&bind).expect(0);
    running
}

/// Has a further site join, of an organisation of its own with an administrator (context: the site's name) who also runs it.
pub fn join(desk: &Desk, site: &Site, land: &str) -> Running {
    let (organisation, person) = (format!("amt-{}", site.name), format!("p-{}", site.name));
    let key = desk.key("user", &person);
    let mut create = vec!["--context", "one", "org", "create", &organisation, "--display-name", "Amt"];
    create.extend(["--role", "plattformbetreiber", "--administrator", &person, "--administrator-key", &key]);
    desk.run(&create).expect(0);
    let (invitation, config) = (desk.text(&format!("{}.inv", site.name)), desk.text(&format!("{}.yaml", site.name)));
    desk.run(&["--context", "one", "invite", site.name, "--org", &organisation, "--out", &invitation]).expect(0);
    let (api, key) = (format!("api=127.0.0.1:{}", site.admin), format!("file:{}", desk.text(&person)));
    let peers = format!("127.0.0.1:{}", site.peers);
    let mut join = vec!["join", &invitation, "--config", &config, "--land", land, "--address", &peers];
    join.extend(["--address", &api, "--context", site.name, "--key", &key]);
    let log = desk.path(&format!("{}.join.log", site.name));
    let mut joining = Running::start(desk.with_passphrase(&join), &log);
    let list = ["--context", "one", "list", "admissions", "-o", "json"];
    let hash = |said: &Said| {
        let all: serde_json::Value = serde_json::from_str(&said.out).ok()?;
        let all = all["items"].as_array()?.clone();
        let of_site = all.into_iter().find(|item| item["spec"]["request"]["site"] == site.name)?;
        Some(of_site["metadata"]["name"].as_str()?.to_owned())
    };
    let hash = hash(&desk.until(&list, |said| hash(said).is_some())).unwrap();
    desk.run(&["--context", "one", "site", "approve", site.name, "--hash", &hash, "--yes"]).expect(0);
    assert_eq!(joining.ended(), Some(0), "{}", std::fs::read_to_string(log).unwrap());
    let running = site.serve(desk);
    desk.until(&["--context", site.name, "get", "sites"], |said| said.code == Some(0));
    let bind = ["--context", site.name, "role", "bind", &person, "plattformbetreiber", "--org", &organisation];
    desk.run(&bind).expect(0);
    running
}
