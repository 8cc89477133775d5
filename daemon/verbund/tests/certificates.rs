//! Two sites with real daemons: what their certificates point to can be fetched and is what it should be, bundles are
//! served, and what one site revokes is known at the other.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use desk::{Desk, Running, port};
use time::OffsetDateTime;
use verbund_keys::{
    Certificate, RevocationList, check_certificate, check_names, check_pointers, check_revocation, is_signed_by,
};

struct Site {
    name: &'static str,
    peers: u16,
    admin: u16,
    pki: u16,
    bundle: u16,
}

impl Site {
    /// A site with keys and configuration, that says in its certificates where it publishes.
    fn new(desk: &Desk, name: &'static str) -> Self {
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

    fn serve(&self, desk: &Desk) -> Running {
        let config = desk.text(&format!("{}.yaml", self.name));
        Running::start(desk.command(&["serve", "--config", &config]), &desk.path(&format!("{}.log", self.name)))
    }

    /// The answer of its plain listener: status, content type, body.
    fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        http(&format!("127.0.0.1:{}", self.pki), path)
    }

    /// Says something to its bundle listener, and gives what openssl shows of the connection and the answer.
    fn tls(&self, desk: &Desk, path: &str) -> String {
        let root = desk.text(&format!("{}/data/keys/root.pem", self.name));
        let at = format!("127.0.0.1:{}", self.bundle);
        let arguments =
            ["s_client", "-connect", &at, "-alpn", "http/1.1", "-CAfile", &root, "-showcerts", "-ign_eof", "-tls1_3"];
        let mut child = Command::new("openssl")
            .args(arguments)
            .args(["-verify_return_error", "-purpose", "sslserver"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("this test needs openssl: apt install openssl");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
        child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// The list of a CA that this site serves, once there is one that is as wanted.
    fn list(&self, path: &str, wanted: impl Fn(&RevocationList) -> bool) -> RevocationList {
        let begun = Instant::now();
        loop {
            let (status, kind, body) = self.get(path);
            if status == 200 {
                assert_eq!(kind, "application/pkix-crl");
                let list = RevocationList::from_der(body).unwrap();
                if wanted(&list) {
                    return list;
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(90), "{} never served such a list at {path}", self.name);
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn http(at: &str, path: &str) -> (u16, String, Vec<u8>) {
    let Ok(mut stream) = TcpStream::connect(at) else { return (0, String::new(), Vec::new()) };
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let text = String::from_utf8_lossy(&answer[..head]).to_lowercase();
    let status = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    let kind = text.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default().to_owned();
    (status, kind, answer[head + 4..].to_vec())
}

/// What a certificate's pointer leads to.
fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let rest = url.strip_prefix("http://").ok_or("no http address")?;
    let (at, path) = rest.split_once('/').ok_or("no path")?;
    match http(at, &format!("/{path}")) {
        (200, _, body) => Ok(body),
        (status, ..) => Err(format!("status {status}")),
    }
}

fn certificates(text: &str) -> Vec<Certificate> {
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let pem = |block: &str| {
        let body = block.split("-----END CERTIFICATE-----").next().unwrap();
        Certificate::from_pem(&format!("-----BEGIN CERTIFICATE-----{body}-----END CERTIFICATE-----\n")).unwrap()
    };
    blocks.map(pem).collect()
}

fn json(said: &str) -> serde_json::Value {
    serde_json::from_str(said).unwrap_or_else(|e| panic!("{e}: {said}"))
}

#[test]
fn what_certificates_point_to_is_there_and_what_is_revoked_is_known_everywhere() {
    let desk = Desk::new();
    let coordinator = desk.key("coordinator", "c1");
    let (anna, bert) = (desk.key("user", "anna"), desk.key("user", "bert"));
    let (nord, sued) = (Site::new(&desk, "nord"), Site::new(&desk, "sued"));
    let (at_nord, at_sued) = found_and_join(&desk, &nord, &sued, &coordinator, &anna, &bert);

    // The node's certificate, as any TLS client gets it: everything that it points to is there.
    let shown = nord.tls(&desk, "/bundle/nord.dvc");
    assert!(shown.contains("Verification: OK"), "{shown}");
    let chain = certificates(&shown);
    let (leaf, ca) = (&chain[0], &chain[1]);
    let info = leaf.info().unwrap();
    let list_path = info.list_urls[0].split_once(&format!(":{}", nord.pki)).unwrap().1.to_owned();
    let list = nord.list(&list_path, |_| true);
    let now = OffsetDateTime::now_utc();
    assert_eq!(check_certificate(leaf.der(), now).unwrap(), []);
    assert_eq!(check_pointers(leaf.der(), fetch).unwrap(), []);
    assert_eq!(check_pointers(ca.der(), fetch).unwrap(), []);
    assert_eq!(check_revocation(leaf.der(), std::slice::from_ref(&list), now).unwrap(), []);
    assert_eq!(check_names(leaf.der(), &["127.0.0.1", "spiffe://nord.dvc/node/0.1"]).unwrap(), []);
    let (status, kind, root) = nord.get(ca.info().unwrap().issuer_urls[0].split_once(&format!(":{}", nord.pki)).unwrap().1);
    assert_eq!((status, kind.as_str()), (200, "application/pkix-cert"));
    assert!(is_signed_by(ca, &Certificate::from_der(root).unwrap()));
    assert_eq!(nord.get("/crl/00.crl").0, 404);
    assert_eq!(nord.get("/keys/ca.key").0, 404);

    // Bundles: each domain by itself, the same at every site.
    for site in [&nord, &sued] {
        for domain in ["nord.dvc", "sued.dvc"] {
            let shown = site.tls(&desk, &format!("/bundle/{domain}"));
            let body = &shown[shown.find("{\n").unwrap_or_else(|| panic!("{shown}"))..=shown.rfind('}').unwrap()];
            let bundle = json(body);
            assert_eq!(bundle["keys"].as_array().unwrap().len(), 1, "{bundle}");
            assert_eq!(bundle["keys"][0]["use"], "x509-svid");
            assert!(bundle["spiffe_sequence"].as_u64().unwrap() > 0);
            let pem = std::fs::read_to_string(desk.path(&format!("{}/data/keys/root.pem", &domain[..4]))).unwrap();
            let root: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            assert_eq!(bundle["keys"][0]["x5c"][0], root.as_str());
        }
        assert!(site.tls(&desk, "/bundle/west.dvc").contains("404 Not Found"));
    }

    // The list of nord is known at sued, which took it as a stranger's.
    assert_eq!(sued.list(&list_path, |_| true).issuer(), list.issuer());

    // Anna reads; what was issued to her is revoked, and both sites know it within seconds.
    desk.run(&["--context", "anna", "get", "sites"]).expect(0);
    let data = desk.text("nord/data");
    let issued = json(&desk.run(&["keys", "issued", "--data-dir", &data, "-o", "json"]).expect(0).out);
    let hers: Vec<_> =
        issued.as_array().unwrap().iter().filter(|one| one["name"].as_str().unwrap().contains("/user/")).collect();
    let serial = hers.last().unwrap()["serial"].as_str().unwrap().to_owned();
    let login = hers.last().unwrap()["name"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let revoke = ["--lang", "en", "keys", "revoke", "--key", &login, "--reason", "key-compromise", "--data-dir", &data];
    assert!(desk.run(&revoke).expect(2).talk.contains("--yes"), "nobody was there to confirm it");
    desk.run(&[&revoke[..], &["--yes"]].concat()).expect(0);
    let said = desk.run(&["--lang", "en", "keys", "issued", "--data-dir", &data]).expect(0);
    assert!(said.out.contains("revoked"), "{}", said.out);
    let stands = |list: &RevocationList| list.revoked().iter().any(|entry| entry.serial == serial_bytes(&serial));
    let newer = nord.list(&list_path, stands);
    assert!(newer.number() > list.number(), "{} after {}", newer.number(), list.number());
    sued.list(&list_path, stands);
    // A serial number of nobody's is an error, not a success without an effect.
    let said = desk.run(&["--lang", "en", "keys", "revoke", "4a4a", "--yes", "--data-dir", &data]).expect(1);
    assert!(said.talk.contains("keys issued"), "{}", said.talk);

    // The matrix names both listeners.
    let said = desk.run(&["--lang", "en", "network", "matrix", "--config", &desk.text("nord.yaml")]).expect(0);
    assert!(said.out.contains(&nord.pki.to_string()) && said.out.contains("SPIFFE"), "{}", said.out);

    // After a restart the lists are still there, and the numbers go on.
    drop((at_nord, at_sued));
    let _at_sued = sued.serve(&desk);
    assert!(sued.list(&list_path, stands).number() >= newer.number());
}

fn serial_bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn found_and_join(desk: &Desk, nord: &Site, sued: &Site, coordinator: &str, anna: &str, bert: &str) -> (Running, Running) {
    let (peers, api) = (format!("127.0.0.1:{}", nord.peers), format!("api=127.0.0.1:{}", nord.admin));
    let data = desk.text("nord/data");
    let mut found = vec!["found", "--name", "dvc", "--threshold", "1", "--organisation", "dataport", "--site", "nord"];
    found.extend(["--role", "koordinierungsstelle", "--role", "plattformbetreiber", "--land", "DE-SH"]);
    found.extend(["--administrator", "anna", "--administrator-key", anna, "--address", &peers, "--address", &api]);
    found.extend(["--coordinator", coordinator, "--data-dir", &data]);
    let own = format!("file:{}", desk.text("c1"));
    desk.run(&[&found[..], &["--context", "one", "--key", &own]].concat()).expect(0);
    let at_nord = nord.serve(desk);
    let (address, key) = (format!("127.0.0.1:{}", nord.admin), format!("file:{}", desk.text("anna")));
    desk.run(&["context", "add", "anna", "--address", &address, "--data-dir", &data, "--key", &key]).expect(0);
    desk.until(&["--context", "one", "status"], |said| matches!(said.code, Some(0 | 4)));

    let mut create = vec!["--context", "one", "org", "create", "akdb", "--display-name", "AKDB"];
    create.extend(["--role", "plattformbetreiber", "--administrator", "bert", "--administrator-key", bert]);
    desk.run(&create).expect(0);
    let (invitation, config) = (desk.text("invitation"), desk.text("sued.yaml"));
    desk.run(&["--context", "one", "invite", "sued", "--org", "akdb", "--out", &invitation]).expect(0);
    let (api, key) = (format!("api=127.0.0.1:{}", sued.admin), format!("file:{}", desk.text("bert")));
    let peers = format!("127.0.0.1:{}", sued.peers);
    let mut join = vec!["join", &invitation, "--config", &config, "--land", "DE-BY", "--address", &peers];
    join.extend(["--address", &api, "--context", "sued", "--key", &key]);
    let mut joining = Running::start(desk.with_passphrase(&join), &desk.path("join.log"));
    let list = ["--context", "one", "list", "admissions", "-o", "json"];
    let hash = |said: &desk::Said| {
        let all: serde_json::Value = serde_json::from_str(&said.out).ok()?;
        Some(all["items"].as_array()?.first()?["metadata"]["name"].as_str()?.to_owned())
    };
    let hash = hash(&desk.until(&list, |said| hash(said).is_some())).unwrap();
    desk.run(&["--context", "one", "site", "approve", "sued", "--hash", &hash, "--yes"]).expect(0);
    assert_eq!(joining.ended(), Some(0), "{}", std::fs::read_to_string(desk.path("join.log")).unwrap());
    let at_sued = sued.serve(desk);
    desk.until(&["--context", "sued", "get", "sites"], |said| said.code == Some(0));
    (at_nord, at_sued)
}
