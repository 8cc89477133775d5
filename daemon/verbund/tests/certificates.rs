//! Two sites with real daemons: what their certificates point to can be fetched and is what it should be, bundles are
//! served, and what one site revokes is known at the other.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use desk::Desk;
use desk::sites::{Site, found, join};
use time::OffsetDateTime;
use verbund_keys::{
    Certificate, RevocationList, check_certificate, check_names, check_pointers, check_revocation, is_signed_by,
};

/// What the test asks of a site from outside.
trait Outside {
    fn get(&self, path: &str) -> (u16, String, Vec<u8>);
    fn tls(&self, desk: &Desk, path: &str) -> String;
    fn list(&self, path: &str, wanted: impl Fn(&RevocationList) -> bool) -> RevocationList;
}

impl Outside for Site {
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
    let (nord, sued) = (Site::new(&desk, "nord"), Site::new(&desk, "sued"));
    let at_nord = found(&desk, &nord);
    let at_sued = join(&desk, &sued, "DE-BY");

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
    let (status, kind, root) =
        nord.get(ca.info().unwrap().issuer_urls[0].split_once(&format!(":{}", nord.pki)).unwrap().1);
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

/// The list that a site's CA would have signed two minutes ago, for one second only.
fn run_out(desk: &Desk, site: &Site) -> (verbund_model::KeyId, Vec<u8>, Vec<u8>) {
    let passphrase = verbund_keys::Passphrase::new("correct horse").unwrap();
    let keys = verbund_keys::SiteKeys::open(&desk.path(&format!("{}/data/keys", site.name)), &passphrase).unwrap();
    let past = OffsetDateTime::now_utc() - Duration::from_secs(120);
    let list = keys.ca().issue_crl(1, &[], Duration::from_secs(1), past).unwrap();
    (keys.ca().id(), list.der().to_vec(), keys.ca().certificate().der().to_vec())
}

/// Puts a list into what a node that does not run knows of a site.
fn put(desk: &Desk, at: &Site, of: &Site, (ca, list, issuer): &(verbund_model::KeyId, Vec<u8>, Vec<u8>)) {
    let base64 = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let stored = serde_json::json!({
        "trustDomain": format!("{}.dvc", of.name), "issuer": base64(issuer), "list": base64(list),
    });
    let path = desk.path(&format!("{}/data/revocations/{ca}.json", at.name));
    assert!(path.exists(), "the node has kept a list of {}", of.name);
    std::fs::write(path, stored.to_string()).unwrap();
}

/// Attack 14: the list of a site is withheld until it has run out.
#[test]
fn a_withheld_list_closes_and_a_newer_one_opens_again_over_a_connection_that_is_believed_in_nothing() {
    let desk = Desk::new();
    let (nord, sued) = (Site::new(&desk, "nord"), Site::new(&desk, "sued"));
    let at_nord = found(&desk, &nord);
    let at_sued = join(&desk, &sued, "DE-BY");
    let of_sued = run_out(&desk, &sued);
    let path = format!("/crl/{}.crl", of_sued.0);
    nord.list(&path, |_| true);
    drop((at_nord, at_sued));

    // Nord knows of sued only a list that has run out: it trusts nothing of sued, and says so.
    put(&desk, &nord, &sued, &of_sued);
    let at_nord = nord.serve(&desk);
    let status = ["--lang", "en", "--context", "one", "status"];
    desk.until(&status, |said| said.out.contains("revocation list") && said.out.contains("sued.dvc"));
    // Sued comes back. All else of it is refused, but its list is taken, and with that the rest.
    let at_sued = sued.serve(&desk);
    nord.list(&path, |list| list.number() > 1);
    desk.until(&status, |said| said.code.is_some() && !said.out.contains("revocation list"));
    desk.until(&["--context", "sued", "get", "sites"], |said| said.code == Some(0) && !said.talk.contains("nord"));
    drop((at_nord, at_sued));

    // The same with nord's own, which it cannot sign anew: administration is closed, with a message.
    let own = run_out(&desk, &nord);
    put(&desk, &nord, &nord, &own);
    std::fs::write(desk.path(&format!("nord/data/keys/{}.crl", own.0)), &own.1).unwrap();
    let revoked = desk.path("nord/data/keys/revoked.json");
    std::fs::write(&revoked, "damaged").unwrap();
    let _ = std::fs::remove_dir_all(desk.path(".cache/verbund"));
    let _at_nord = nord.serve(&desk);
    let read = ["--lang", "en", "--context", "anna", "get", "sites", "--stale", "--deadline", "5s"];
    let said = desk.until(&read, |said| said.talk.contains("revocation list"));
    assert!(said.code != Some(0) && said.talk.contains("ran out"), "{}", said.all());
    std::fs::remove_file(&revoked).unwrap();
    desk.until(&read, |said| said.code == Some(0));
}

fn serial_bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}
