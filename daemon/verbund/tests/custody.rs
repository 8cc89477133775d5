//! A federation whose keys are all in a token (SoftHSM2): founded, served, used, backed up, and without its token for a while.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use std::path::{Path, PathBuf};
use std::process::Command;

use desk::{Desk, Running, Said, port};

const PIN: &str = "27182818";

/// A desk with a token in it.
struct Vault {
    desk: Desk,
}

impl Vault {
    fn new() -> Self {
        let vault = Self { desk: Desk::new() };
        vault.desk.secret("pin", PIN);
        vault.store("first");
        let made = ["--init-token", "--free", "--label", "dvc", "--so-pin", "31415926", "--pin", PIN];
        let output =
            Command::new("softhsm2-util").args(made).env("SOFTHSM2_CONF", vault.configuration("first")).output();
        let output = output.expect("SoftHSM2 is missing: .ci/prerequisites installs it");
        assert!(output.status.success(), "{output:?}");
        vault
    }

    /// A place for tokens, with its configuration.
    fn store(&self, name: &str) {
        std::fs::create_dir(self.desk.path(name)).unwrap();
        let text =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", self.desk.text(name));
        std::fs::write(self.configuration(name), text).unwrap();
    }

    fn configuration(&self, name: &str) -> PathBuf {
        self.desk.path(&format!("{name}.conf"))
    }

    fn uri(&self, object: Option<&str>) -> String {
        let known =
            ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so"];
        let module = known.into_iter().find(|path| Path::new(path).exists()).unwrap();
        let object = object.map(|object| format!(";object={object}")).unwrap_or_default();
        format!("pkcs11:token=dvc{object}?module-path={module}&pin-source=file:{}", self.desk.text("pin"))
    }

    fn command(&self, arguments: &[&str], store: &str) -> Command {
        let mut command = self.desk.command(arguments);
        command.env("SOFTHSM2_CONF", self.configuration(store));
        command
    }

    /// Runs the program with the token at hand, and no passphrase.
    fn run(&self, arguments: &[&str]) -> Said {
        self.command(arguments, "first").output().unwrap().into()
    }

    fn until(&self, arguments: &[&str], wanted: impl Fn(&Said) -> bool) -> Said {
        let begun = std::time::Instant::now();
        loop {
            let said = self.run(arguments);
            if wanted(&said) {
                return said;
            }
            assert!(begun.elapsed().as_secs() < 90, "{arguments:?} never said what was wanted: {}", said.all());
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
    }

    fn token_directory(&self) -> PathBuf {
        std::fs::read_dir(self.desk.path("first")).unwrap().next().unwrap().unwrap().path()
    }

    fn key(&self, kind: &str, name: &str) -> String {
        let said = self.run(&["keys", "new", "--kind", kind, "--custody", &self.uri(Some(name))]).expect(0);
        said.out.trim().to_owned()
    }
}

#[test]
fn a_federation_lives_with_all_its_keys_in_a_token() {
    let vault = Vault::new();
    let (desk, uri) = (&vault.desk, vault.uri(None));
    let said = vault.run(&["keys", "probe", &uri]).expect(0);
    assert!(said.out.contains("CKM_ECDH1_DERIVE"), "{}", said.all());
    let (alice, anna) = (vault.key("coordinator", "alice"), vault.key("user", "anna"));
    assert!(alice.starts_with("p384:") && anna.starts_with("p256:"), "{alice} {anna}");
    let said =
        vault.run(&["--lang", "de", "keys", "new", "--kind", "user", "--custody", &vault.uri(Some("anna"))]).expect(1);
    assert!(said.talk.contains("schon ein Schlüssel anna"), "{}", said.talk);

    let (peers, admin, data) = (port(), port(), desk.text("data"));
    let (at_peers, at_admin) = (format!("127.0.0.1:{peers}"), format!("127.0.0.1:{admin}"));
    let mut found = vec!["found", "--name", "dvc", "--threshold", "1", "--organisation", "dataport", "--site", "nord"];
    found.extend(["--role", "koordinierungsstelle", "--role", "plattformbetreiber", "--land", "DE-SH"]);
    found.extend(["--administrator", "anna", "--administrator-key", &anna, "--address", &at_peers]);
    found.extend(["--coordinator", &alice, "--data-dir", &data, "--custody", &uri]);
    vault.run(&found).expect(0);
    let said = vault.run(&["keys", "list", "--custody", &uri]).expect(0);
    for name in ["alice", "anna", "nord.dvc:site-root", "nord.dvc:issuing-ca", "nord.dvc:node", "nord.dvc:sealing"] {
        assert!(said.out.contains(name), "{}", said.out);
    }
    let said = vault.run(&["--lang", "en", "keys", "list", &format!("{data}/keys")]).expect(0);
    assert!(!said.out.contains("sealed file") && said.out.contains("dvc"), "{}", said.out);

    // Nobody has a passphrase, and nobody is asked for one.
    let config = format!(
        "dataDir: {data}\nlisten:\n  peers: ['{at_peers}']\n  admin: ['{at_admin}']\nadvertise: ['{at_peers}']\n\
         custody: '{uri}'\nlowDiskBytes: 1MiB\nraft: {{heartbeatMs: 100, electionMinMs: 400, electionMaxMs: 800}}\n"
    );
    std::fs::write(desk.path("verbund.yaml"), config).unwrap();
    let yaml = desk.text("verbund.yaml");
    let _serving = Running::start(vault.command(&["serve", "--config", &yaml], "first"), &desk.path("log"));
    let key = vault.uri(Some("alice"));
    vault.run(&["context", "add", "alice", "--address", &at_admin, "--data-dir", &data, "--key", &key]).expect(0);
    vault.until(&["status"], |said| matches!(said.code, Some(0 | 4)));
    let create = |name| ["org", "create", name, "--display-name", "A", "--administrator", "b", "--administrator-key"];
    let (other, third) = (vault.key("user", "bert"), vault.key("user", "carl"));
    vault.run(&[&create("akdb")[..], &[&other, "--role", "plattformbetreiber"]].concat()).expect(0);

    // Without the token nothing is signed; with it all goes on, the daemon never having been restarted.
    let (here, away) = (vault.token_directory(), desk.path("away"));
    std::fs::rename(&here, &away).unwrap();
    let again = [&create("fitko")[..], &[&third, "--role", "plattformbetreiber"]].concat();
    for (lang, words) in [("de", "kein Token mit dem Namen"), ("en", "no token with the label")] {
        let said = vault.run(&[&["--lang", lang], &again[..]].concat()).expect(1);
        assert!(said.talk.contains(words), "{}", said.talk);
    }
    std::fs::rename(&away, &here).unwrap();
    vault.until(&again, |said| said.code == Some(0));
    vault.until(&["status"], |said| matches!(said.code, Some(0 | 4)));
}

#[test]
fn a_backup_counts_only_if_it_works() {
    let vault = Vault::new();
    let (desk, uri, data) = (&vault.desk, vault.uri(None), vault.desk.text("data"));
    let check = |store: &str, more: &[&str]| -> Said {
        let arguments = [&["--lang", "en", "keys", "backup-check", &uri][..], more].concat();
        vault.command(&arguments, store).output().unwrap().into()
    };
    vault.run(&["init", "--site", "nord", "--federation", "dvc", "--data-dir", &data, "--custody", &uri]).expect(0);
    let again =
        vault.run(&["--lang", "en", "init", "--site", "nord", "--federation", "dvc", "--data-dir", &data]).expect(0);
    assert!(!again.out.contains("made"), "a second run finds all, also without being told where: {}", again.out);

    vault.store("copy");
    let (from, to) = (vault.token_directory(), desk.path("copy/token"));
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(&from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let said = check("copy", &["--data-dir", &data]).expect(0);
    assert!(said.out.contains("nord.dvc:site-root") && said.out.contains("nord.dvc:sealing"), "{}", said.out);
    assert!(!said.out.contains("issuing-ca"), "the other keys have no backup: {}", said.out);
    check("first", &["--custody", &uri]).expect(0);

    // A token of the same name with other keys is no backup.
    vault.store("false");
    let made = ["--init-token", "--free", "--label", "dvc", "--so-pin", "31415926", "--pin", PIN];
    let output =
        Command::new("softhsm2-util").args(made).env("SOFTHSM2_CONF", vault.configuration("false")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = check("false", &["--data-dir", &data]).expect(3);
    assert!(said.out.contains("initialised anew"), "{}", said.all());
    let other = desk.text("other");
    let make = ["init", "--site", "nord", "--federation", "dvc", "--data-dir", &other, "--custody", &uri];
    Said::from(vault.command(&make, "false").output().unwrap()).expect(0);
    let said = check("false", &["--data-dir", &data]).expect(3);
    assert!(said.out.contains("this is another token"), "{}", said.all());
}

#[test]
fn a_wrong_pin_is_told_in_both_languages_and_makes_nothing() {
    let vault = Vault::new();
    let (uri, data) = (vault.uri(None), vault.desk.text("data"));
    vault.desk.secret("pin", "0000");
    for (lang, words) in [("de", "hat die PIN abgelehnt"), ("en", "refused the PIN")] {
        let init =
            ["--lang", lang, "init", "--site", "nord", "--federation", "dvc", "--data-dir", &data, "--custody", &uri];
        let said = vault.run(&init).expect(1);
        assert!(said.talk.contains(words) && !said.talk.contains("0000"), "{}", said.talk);
    }
    assert!(!vault.desk.path("data/keys/root.key").exists());
    let said = vault
        .run(&["--lang", "de", "keys", "new", "--kind", "user", "--custody", "pkcs11:token=a?pin-value=1"])
        .expect(2);
    assert!(said.talk.contains("pin-source"), "{}", said.talk);
}
