//! Two sites with real daemons, and what the commands say on the way: of waiting requests, approvals given twice, a site
//! that does not answer, and a node that was given up.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use desk::{Desk, Running, port};

/// A site of the test.
struct Site {
    name: &'static str,
    peers: u16,
    admin: u16,
}

impl Site {
    fn new(desk: &Desk, name: &'static str, secret: &str) -> Self {
        let site = Self { name, peers: port(), admin: port() };
        let (data, secret) = (desk.text(&format!("{name}/data")), desk.text(secret));
        std::fs::create_dir_all(desk.path(name)).unwrap();
        let config = format!(
            "dataDir: {data}\nsite: {name}\nlisten:\n  peers: ['127.0.0.1:{}']\n  admin: ['127.0.0.1:{}']\n\
             advertise: ['127.0.0.1:{}']\npassphraseSource: file:{secret}\nlowDiskBytes: 1MiB\n\
             raft: {{heartbeatMs: 100, electionMinMs: 400, electionMaxMs: 800}}\n",
            site.peers, site.admin, site.peers
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

#[test]
fn from_founding_to_a_node_that_was_given_up() {
    let desk = Desk::new();
    let coordinators = [desk.key("coordinator", "c1"), desk.key("coordinator", "c2")];
    let (anna, bert) = (desk.key("user", "anna"), desk.key("user", "bert"));
    // sued's keys have another passphrase than its people's.
    desk.secret("passphrase-of-sued", "the site's own\n");
    let (nord, sued) = (Site::new(&desk, "nord", "passphrase"), Site::new(&desk, "sued", "passphrase-of-sued"));

    // Founding says where the API will be.
    let (peers, api) = (format!("127.0.0.1:{}", nord.peers), format!("api=127.0.0.1:{}", nord.admin));
    let data = desk.text("nord/data");
    let mut found = vec!["found", "--name", "dvc", "--threshold", "2", "--organisation", "dataport", "--site", "nord"];
    found.extend(["--role", "koordinierungsstelle", "--role", "plattformbetreiber", "--land", "DE-SH"]);
    found.extend(["--administrator", "anna", "--administrator-key", &anna, "--address", &peers, "--address", &api]);
    found.extend(["--coordinator", &coordinators[0], "--coordinator", &coordinators[1], "--data-dir", &data]);
    // A context for a key that the federation would not know is none, and nothing is made.
    let (stranger, own) = (format!("file:{}", desk.text("stranger")), format!("file:{}", desk.text("c1")));
    desk.key("user", "stranger");
    let said = desk.run(&[&found[..], &["--lang", "en", "--context", "one", "--key", &stranger]].concat()).expect(2);
    assert!(said.talk.contains("would not know it") && !desk.path("nord/data").exists(), "{}", said.all());
    let said = desk.run(&[&found[..], &["--lang", "en", "--context", "one", "--key", &own]].concat()).expect(0);
    assert!(said.talk.contains(&format!("--address 127.0.0.1:{} ", nord.admin)), "{}", said.talk);
    assert!(said.talk.contains("verbund --context one status"), "{}", said.talk);
    let mut at_nord = nord.serve(&desk);
    nord.context(&desk, "two", "c2");
    desk.until(&["--context", "one", "status"], |said| matches!(said.code, Some(0 | 4)));

    // Nothing of a kind is said so that it can be read.
    let said = desk.run(&["--lang", "en", "list", "catalogue"]).expect(0);
    assert!(!said.talk.contains("no catalogue"), "{}", said.talk);
    let said = desk.run(&["--lang", "de", "get", "sites", "west"]).expect(1);
    assert!(said.talk.contains("verbund list sites"), "{}", said.talk);
    // Who may not is told what to do, in German.
    nord.context(&desk, "anna", "anna");
    let said = desk.run(&["--lang", "de", "--context", "anna", "policy", "delete", "x", "--yes"]).expect(1);
    assert!(said.talk.contains("--context"), "{}", said.talk);

    // A site asks to be admitted, and is shown while it waits.
    let mut create = vec!["org", "create", "akdb", "--display-name", "AKDB", "--role", "plattformbetreiber"];
    create.extend(["--administrator", "bert", "--administrator-key", &bert]);
    desk.run(&create).expect(0);
    let (invitation, config) = (desk.text("invitation"), desk.text("sued.yaml"));
    desk.run(&["init", "--federation", "dvc", "--config", &config]).expect(0);
    refused(&desk, &sued);
    desk.run(&["invite", "sued", "--org", "akdb", "--out", &invitation]).expect(0);
    let (api, key) = (format!("api=127.0.0.1:{}", sued.admin), format!("file:{}", desk.text("bert")));
    let peers = format!("127.0.0.1:{}", sued.peers);
    let mut join = vec!["join", &invitation, "--config", &config, "--land", "DE-BY", "--address", &peers];
    join.extend(["--address", &api, "--context", "sued", "--key", &key]);
    let mut joining = Running::start(desk.with_passphrase(&join), &desk.path("join.log"));
    let hash = request_of(&desk, "sued");
    let said = desk.run(&["--lang", "en", "site", "list"]).expect(0);
    assert!(said.out.contains("sued") && said.out.contains("0 of 2"), "{}", said.out);
    assert!(desk.run(&["site", "show", "sued"]).expect(8).out.contains("DE-BY"));
    assert!(desk.run(&["--lang", "en", "status"]).out.contains("waiting: sued"));

    // The same approval twice is one: it waits on.
    let approve = |context| desk.run(&["--context", context, "site", "approve", "sued", "--hash", &hash, "--yes"]);
    approve("one").expect(8);
    let said = approve("one").expect(8);
    assert!(said.out.contains("1 ") && said.out.contains("2 "), "{}", said.all());
    approve("two").expect(0);
    assert_eq!(joining.ended(), Some(0), "{}", std::fs::read_to_string(desk.path("join.log")).unwrap());
    assert!(!desk.run(&["--lang", "en", "status"]).out.contains("waiting: sued"));
    let said = std::fs::read_to_string(desk.path("join.log")).unwrap();
    assert!(said.contains(&format!("serve --config {config}")) && said.contains("--context sued status"), "{said}");
    let at_sued = sued.serve(&desk);
    desk.until(&["--context", "sued", "get", "sites"], |said| said.code == Some(0));

    // The context learned of nobody when nobody else was there. With the next command it knows where the other site is, and
    // whom to believe there; also from the status, and also when the address changed a moment ago.
    let shown = || desk.run(&["--context", "one", "context", "show", "one"]).expect(0).out;
    desk.run(&["--context", "one", "status"]);
    assert!(shown().contains(&format!("sued: 127.0.0.1:{}", sued.admin)), "{}", shown());
    desk.run(&["--context", "sued", "role", "bind", "bert", "plattformbetreiber", "--org", "akdb"]).expect(0);
    let moved = |addresses: &[&str]| {
        let mut update = vec!["--context", "sued", "node", "update", "0.2"];
        addresses.iter().for_each(|address| update.extend(["--address", address]));
        desk.run(&update).expect(0);
        desk.run(&["--context", "one", "get", "sites"]).expect(0);
    };
    moved(&[&peers, "api=127.0.0.1:1"]);
    assert!(shown().contains("sued: 127.0.0.1:1\n"), "{}", shown());
    moved(&[&peers, &api]);
    assert!(shown().contains(&format!("sued: 127.0.0.1:{}\n", sued.admin)), "{}", shown());

    audit(&desk);

    // nord alone votes. Without it its coordinator is answered by sued: stale on demand, else that there is no quorum.
    drop(at_nord);
    let said = desk.run(&["--lang", "en", "--context", "one", "get", "sites", "--stale"]).expect(0);
    assert!(said.out.contains("nord") && said.talk.contains("sued"), "{}", said.all());
    let said = desk.run(&["--lang", "en", "--context", "one", "get", "sites"]).expect(1);
    assert!(said.talk.contains("majority") && said.talk.contains("--stale"), "{}", said.talk);
    at_nord = nord.serve(&desk);
    desk.until(&["--context", "one", "get", "sites"], |said| said.code == Some(0) && !said.talk.contains("sued"));

    // sued's node is given up by both coordinators, while it is away.
    drop(at_sued);
    let said = desk.run(&["--lang", "en", "--context", "one", "node", "replace-voter", "0.2", "--yes"]).expect(8);
    let hash = said.out.split_whitespace().rfind(|word| word.len() == 64).unwrap().to_owned();
    let said = desk.run(&["--lang", "en", "proposal", "show", &hash[..12]]).expect(0);
    assert!(said.out.contains("0.2") && said.out.contains("1 of 2"), "{}", said.out);
    let again = desk.run(&["--context", "one", "proposal", "approve", &hash[..12], "--yes"]).expect(8);
    assert!(again.out.contains('1') && again.out.contains('2'), "{}", again.all());
    let said = desk.run(&["--lang", "en", "--context", "two", "proposal", "approve", &hash[..12], "--yes"]).expect(0);
    assert!(said.out.contains("0.2"), "what was carried out is said: {}", said.out);
    let said = desk.run(&["--lang", "en", "--context", "one", "status"]).expect(4);
    assert!(said.out.contains("sued has no node") && said.out.contains("verbund node add"), "{}", said.out);

    // Back again, it hears from nord that it was given up.
    let _at_sued = sued.serve(&desk);
    let given_up = |said: &desk::Said| said.code == Some(3) && said.out.contains("given up for ever");
    desk.until(&["--lang", "en", "--context", "sued", "status"], given_up);

    // It returns as a new node. The two passphrases that this takes are not the same.
    nord.context(&desk, "bert-at-nord", "bert");
    let (old, new) = (desk.text("sued/data"), desk.text("sued/data-2"));
    let add =
        ["--context", "bert-at-nord", "--lang", "en", "node", "add", "sued", "--ca-dir", &old, "--data-dir", &new];
    let said = desk.run(&[&add[..], &["--address", &peers]].concat()).expect(1);
    assert!(said.talk.contains("wrong passphrase"), "the positive control: {}", said.talk);
    let said = desk.run(&[&add[..], &["--config", &config]].concat()).expect(0);
    assert!(said.talk.contains(&format!("serve --config {config}")), "{}", said.talk);
    assert!(desk.run(&["--context", "one", "list", "nodes"]).expect(0).out.contains("0.3"));
    drop(at_nord);
}

/// An export ends where a majority vouches; where it does not, the first index is named for which it does.
fn audit(desk: &Desk) {
    let out = desk.text("audit.export");
    let export =
        |to: &str| desk.run(&["--lang", "en", "--context", "one", "audit", "export", "--out", &out, "--to", to]);
    let named = |said: &desk::Said| {
        let word = said.talk.split("the first is ").nth(1)?;
        Some(word.split('.').next()?.to_owned())
    };
    desk.until(&["--context", "one", "status"], |_| {
        let said = export("1").expect(1);
        named(&said).is_some_and(|first| export(&first).code == Some(0))
    });
    // Who did what is read from the daemon and from the file alike, in every language with the same data.
    let list = |lang: &str, more: &[&str]| {
        let arguments = [&["--lang", lang, "--context", "one", "audit", "list", &out], more].concat();
        desk.run(&arguments).expect(0)
    };
    // The first index for which a majority vouches may lie before what bert did; a later export reaches it.
    desk.until(&["--context", "one", "status"], |_| {
        std::fs::remove_file(&out).unwrap();
        desk.run(&["--context", "one", "audit", "export", "--out", &out]).expect(0);
        list("en", &["--author", "bert"]).out.contains("bindRole bert")
    });
    let said = list("en", &["--author", "bert"]);
    assert!(said.out.contains("akdb/bert") && said.out.contains("bindRole bert"), "{}", said.all());
    assert!(!said.out.contains("coordinator"), "{}", said.all());
    let json = |lang| list(lang, &["-o", "json"]).out;
    assert_eq!(json("en"), json("de"));
    let all: serde_json::Value = serde_json::from_str(&json("en")).unwrap();
    let created = |item: &&serde_json::Value| item["kind"] == "createOrganisation" && item["subject"] == "akdb";
    let created = all["items"].as_array().unwrap().iter().find(created).unwrap();
    assert_eq!((&created["outcome"], &created["author"]["owner"]), (&"accepted".into(), &"coordinator".into()));
    let index = created["index"].to_string();
    let said =
        desk.run(&["--lang", "de", "--context", "one", "audit", "list", "--from", &index, "--to", &index]).expect(0);
    assert!(said.out.contains("createOrganisation akdb") && said.out.lines().count() == 2, "{}", said.all());
}

/// The hash of the site's one request that waits, as soon as it is there.
fn request_of(desk: &Desk, site: &str) -> String {
    let hash_in = |said: &desk::Said| {
        let all: serde_json::Value = serde_json::from_str(&said.out).ok()?;
        let waits =
            |item: &&serde_json::Value| item["spec"]["request"]["site"] == site && item["status"]["refused"].is_null();
        let found = all["items"].as_array()?.iter().find(waits)?;
        Some(found["metadata"]["name"].as_str()?.to_owned())
    };
    let list = ["--context", "one", "list", "admissions", "-o", "json"];
    hash_in(&desk.until(&list, |said| hash_in(said).is_some())).unwrap()
}

/// A site asks, one coordinator approves and the other refuses: it is told why, and waits no more.
fn refused(desk: &Desk, site: &Site) {
    let (invitation, config) = (desk.text("first.invitation"), desk.text(&format!("{}.yaml", site.name)));
    desk.run(&["invite", site.name, "--org", "akdb", "--out", &invitation]).expect(0);
    let join = ["--lang", "de", "join", &invitation, "--config", &config, "--land", "DE-BY"];
    let mut joining = Running::start(desk.with_passphrase(&join), &desk.path("refused.log"));
    let hash = request_of(desk, site.name);
    desk.run(&["--context", "one", "site", "approve", site.name, "--hash", &hash, "--yes"]).expect(8);
    let reason = "Fingerabdruck passt nicht";
    let refuse = ["--context", "two", "site", "refuse", site.name, "--hash", &hash, "--reason", reason];
    assert!(desk.run(&refuse).expect(2).talk.contains("--yes"), "nobody was there to confirm it");
    let said = desk.run(&[&refuse[..], &["--yes", "--lang", "en"]].concat()).expect(0);
    assert!(said.talk.contains("verbund invite sued --org akdb"), "{}", said.talk);
    assert_eq!(joining.ended(), Some(1));
    let said = std::fs::read_to_string(desk.path("refused.log")).unwrap();
    assert!(said.contains(reason) && said.contains("endgültig abgelehnt"), "{said}");
    // Asked again, it says the same; and whoever would approve now is told.
    assert!(desk.run(&join).expect(1).talk.contains(reason));
    let approve = ["--lang", "en", "--context", "one", "site", "approve", site.name, "--hash", &hash, "--yes"];
    let said = desk.run(&approve).expect(1);
    assert!(said.talk.contains(reason) && said.talk.contains("verbund invite sued"), "{}", said.talk);
    assert!(!desk.run(&["--context", "one", "status"]).out.contains(site.name), "nobody waits");
    assert!(desk.run(&["--context", "one", "list", "admissions"]).expect(0).out.contains(reason));
}
