//! Three sites with real daemons under load: one changes its issuing CA through all steps, back and forth, with a root that is
//! kept elsewhere, and no write fails.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use desk::sites::{Site, found, join};
use desk::{Desk, Said};

/// Writes at every site, over and over, as people do, until it is told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    written: Arc<AtomicUsize>,
    failed: Arc<Mutex<Vec<String>>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    fn start(desk: &Arc<Desk>, sites: &[(&'static str, &'static str)]) -> Self {
        let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let failed = Arc::new(Mutex::new(Vec::new()));
        let threads = sites.iter().map(|(context, site)| {
            let (desk, stop, written, failed) = (desk.clone(), stop.clone(), written.clone(), failed.clone());
            let (context, site) = (*context, *site);
            std::thread::spawn(move || {
                let mut lands = ["DE-HH", "DE-SH"].iter().cycle();
                while !stop.load(Ordering::Relaxed) {
                    let land = lands.next().unwrap();
                    let said = desk.run(&["--context", context, "site", "update", site, "--land", land]);
                    if said.code == Some(0) {
                        written.fetch_add(1, Ordering::Relaxed);
                    } else {
                        failed.lock().unwrap().push(format!("{context}: {}", said.all()));
                    }
                }
            })
        });
        let threads = threads.collect();
        Self { stop, written, failed, threads }
    }

    /// Waits until more was written, and nothing has failed.
    #[track_caller]
    fn goes_on(&self) {
        let before = self.written.load(Ordering::Relaxed);
        let begun = std::time::Instant::now();
        while self.written.load(Ordering::Relaxed) < before + 6 {
            self.check();
            assert!(begun.elapsed().as_secs() < 90, "nothing is written any more");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    #[track_caller]
    fn check(&self) {
        let failed = self.failed.lock().unwrap();
        assert!(failed.is_empty(), "{failed:?}");
    }

    fn end(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
        self.check();
        self.written.load(Ordering::Relaxed)
    }
}

fn json(said: &Said) -> serde_json::Value {
    serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{e}: {}", said.all()))
}

/// The CAs of nord, by phase.
fn phases(desk: &Desk) -> Vec<(String, String)> {
    let data = desk.text("nord/data");
    let said = desk.run(&["--context", "anna", "keys", "rotate", "ca", "status", "--data-dir", &data, "-o", "json"]);
    let all = json(&said.expect(0));
    let one =
        |ca: &serde_json::Value| (ca["phase"].as_str().unwrap().to_owned(), ca["key"].as_str().unwrap().to_owned());
    all.as_array().unwrap().iter().map(one).collect()
}

fn step(desk: &Desk, arguments: &[&str]) -> Said {
    let data = desk.text("nord/data");
    desk.run(
        &[&["--lang", "en", "--context", "anna", "keys", "rotate", "ca"], arguments, &["--data-dir", &data]].concat(),
    )
}

/// The issuer of the certificate that nord's node shows on its peer listener's neighbour, the bundle listener.
fn issuer(nord: &Site) -> String {
    let at = format!("127.0.0.1:{}", nord.bundle);
    let output = std::process::Command::new("openssl")
        .args(["s_client", "-connect", &at, "-alpn", "http/1.1", "-tls1_3", "-showcerts"])
        .stdin(std::process::Stdio::null())
        .output()
        .expect("this test needs openssl: apt install openssl");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().find_map(|line| line.trim().strip_prefix("i:")).unwrap_or_default().to_owned()
}

#[track_caller]
fn until(what: &str, wanted: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !wanted() {
        assert!(begun.elapsed().as_secs() < 90, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[test]
fn an_issuing_ca_changes_under_load_and_no_write_fails() {
    let desk = Arc::new(Desk::new());
    let sites = ["nord", "sued", "west"].map(|name| Site::new(&desk, name));
    let [nord, sued, west] = &sites;
    let _at_nord = found(&desk, nord);
    let _at_sued = join(&desk, sued, "DE-BY");
    let _at_west = join(&desk, west, "DE-NW");
    let load = Load::start(&desk, &[("anna", "nord"), ("sued", "sued"), ("west", "west")]);
    load.goes_on();

    // The root goes to the safe; its certificate stays, and is in the safe, too.
    let keys = desk.path("nord/data/keys");
    std::fs::create_dir_all(desk.path("safe")).unwrap();
    desk.run(&["init", "--site", "other", "--federation", "dvc", "--data-dir", &desk.text("safe")]).expect(0);
    for name in ["root.key", "root.pem", "site.json"] {
        std::fs::copy(keys.join(name), desk.path("safe/keys").join(name)).unwrap();
    }
    std::fs::remove_file(keys.join("root.key")).unwrap();

    // Prepare: a request goes out, a certificate comes back; announced, it changes nothing yet.
    let (request, answer) = (desk.text("nord.csr"), desk.text("nord-new.pem"));
    step(&desk, &["prepare", "--request", &request]).expect(8);
    assert_eq!(phases(&desk).iter().filter(|(phase, _)| phase == "unannounced").count(), 1);
    desk.run(&["keys", "sign-ca", &request, "--out", &answer, "--data-dir", &desk.text("safe")]).expect(0);
    step(&desk, &["prepare", "--certificate", &answer]).expect(0);
    let announced = phases(&desk);
    let named = |phase: &str| announced.iter().find(|(found, _)| found == phase).unwrap().1.clone();
    let (old, new) = (named("issuing"), named("prepared"));
    let before = issuer(nord);
    load.goes_on();

    // Another site's people cannot do it, and a step out of its turn is refused.
    let said = step(&desk, &["revoke", "--key", &old, "--yes"]);
    assert_ne!(said.code, Some(0), "{}", said.all());
    let said = step(&desk, &["taint", "--key", &new]).expect(1);
    assert!(said.talk.contains("withdraw"), "{}", said.all());

    // Activate, and back, and again.
    step(&desk, &["activate"]).expect(0);
    until("the node never took a certificate of the new CA", || issuer(nord) != before);
    load.goes_on();
    step(&desk, &["activate", "--key", &old]).expect(0);
    until("the node never went back to the first CA", || issuer(nord) == before);
    load.goes_on();
    step(&desk, &["activate", "--key", &new]).expect(0);
    until("the node never took a certificate of the new CA again", || issuer(nord) != before);
    let both: Vec<String> = phases(&desk).into_iter().map(|(phase, _)| phase).collect();
    assert_eq!(both, ["issuing", "previous"], "both are known to everybody in between");
    load.goes_on();

    // Revoke is refused before taint; then the old one is out, everywhere, and forgotten at home.
    assert!(step(&desk, &["revoke", "--key", &old, "--yes"]).expect(1).talk.contains("taint"));
    step(&desk, &["taint"]).expect(0);
    load.goes_on();
    assert!(step(&desk, &["revoke"]).expect(2).talk.contains("--yes"), "nobody was there to confirm it");
    step(&desk, &["revoke", "--yes"]).expect(0);
    load.goes_on();
    assert_eq!(phases(&desk), [("issuing".to_owned(), new.clone())]);
    let said = desk.run(&["--context", "sued", "get", "sites", "nord", "-o", "json"]).expect(0);
    assert_eq!(json(&said)["spec"]["retired"], serde_json::json!([old]), "{}", said.out);
    until("the old key stays", || {
        !std::fs::read_dir(&keys).unwrap().any(|e| e.unwrap().file_name().to_string_lossy().starts_with("ca-"))
    });
    assert_ne!(step(&desk, &["activate", "--key", &old]).code, Some(0), "there is no way back from revoke");
    assert!(load.end() > 30);

    // A new certificate for the node, now.
    desk.run(&["keys", "rotate", "node", "--data-dir", &desk.text("nord/data")]).expect(0);

    // Restarted, nord goes on with the new CA.
    drop(_at_nord);
    let _again = nord.serve(&desk);
    desk.until(&["--context", "anna", "get", "sites"], |said| said.code == Some(0));
    assert_ne!(issuer(nord), before);
}
