//! What the program says to a person who is new to it, in both languages, where no daemon is needed.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use desk::Desk;
use verbund_identity::InvitationToken;
use verbund_model::{FederationId, Hash};

#[test]
fn help_lists_the_values_and_is_in_one_language() {
    let desk = Desk::new();
    let help = |arguments: &[&str]| {
        let all: Vec<&str> = arguments.iter().copied().chain(["--help"]).collect();
        desk.bare(&all).expect(0).out
    };
    for (arguments, values) in [
        (&["found"][..], &["koordinierungsstelle", "DE-NI"][..]),
        (&["org", "create"], &["plattformbetreiber", "softwarelieferant"]),
        (&["role", "bind"], &["cloud-service-anbieter", "auditor"]),
        (&["join"], &["DE-BW", "DE-TH"]),
        (&["get"], &["catalogue", "admissions"]),
        (&["watch"], &["role-bindings"]),
    ] {
        for lang in ["de", "en"] {
            let text = help(&[&["--lang", lang], arguments].concat());
            assert!(values.iter().all(|value| text.contains(value)), "{arguments:?}: {text}");
            assert_eq!(text.contains("[OPTIONS]"), lang == "en", "{text}");
            assert_eq!(text.contains("[OPTIONEN]"), lang == "de", "{text}");
        }
    }
    assert!(help(&["--lang", "de"]).contains("<BEFEHL>"));
}

#[test]
fn wrong_values_are_told_in_german_too() {
    let desk = Desk::new();
    for (arguments, words) in [
        (&["role", "bind", "anna", "admin", "--org", "o"][..], "die Rolle admin gibt es nicht"),
        (&["get", "site-s"], "die Art site-s gibt es nicht"),
        (&["site", "show", "Nord!"], "ist kein Name"),
        (&["site", "update", "nord", "--land", "NDS"], "ist kein Land"),
        (&["node", "remove", "7"], "keine Knotenkennung"),
        (&["proposal", "show", "abc"], "mindestens"),
    ] {
        let said = desk.bare(&[&["--lang", "de"], arguments].concat()).expect(2);
        assert!(said.talk.contains(words), "{arguments:?}: {}", said.talk);
        assert!(!said.talk.contains("expected") && !said.talk.contains("wanted"), "{}", said.talk);
    }
}

#[test]
fn a_missing_file_and_a_wrong_passphrase_say_what_to_do() {
    let desk = Desk::new();
    let key = desk.text("anna.key");
    desk.key("user", "anna.key");
    let said = desk.run(&["--lang", "de", "keys", "show", "/nonexistent/key"]).expect(1);
    assert!(said.talk.contains("das gibt es nicht") && !said.talk.contains("os error"), "{}", said.talk);
    let said = desk.run(&["--lang", "de", "keys", "new", "--kind", "user", "--out", &key]).expect(1);
    assert!(said.talk.contains("gibt es schon"), "{}", said.talk);
    // A site's keys, opened with another passphrase.
    let data = desk.text("data");
    desk.run(&["init", "--site", "nord", "--federation", "dvc", "--data-dir", &data]).expect(0);
    desk.secret("passphrase", "wrong\n");
    let invitation = invitation(&desk);
    for (lang, words) in [("de", "falsche Passphrase"), ("en", "wrong passphrase")] {
        let said = desk.run(&["--lang", lang, "join", &invitation, "--data-dir", &data, "--land", "DE-SH"]).expect(1);
        assert!(said.talk.contains(words) && said.talk.contains("--passphrase-source"), "{}", said.talk);
    }
}

/// An invitation of a federation that nobody reaches.
fn invitation(desk: &Desk) -> String {
    let token = InvitationToken {
        federation: FederationId(Hash([7; 32])),
        federation_name: "dvc".parse().unwrap(),
        generation: 0,
        site: "nord".parse().unwrap(),
        organisation: "dataport".parse().unwrap(),
        expires: u64::MAX / 4,
        contacts: vec!["127.0.0.1:1".parse().unwrap()],
        pin: Hash([8; 32]),
        secret: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE".to_owned(),
    };
    desk.secret("invitation", &token.to_text());
    desk.text("invitation")
}

#[test]
fn joining_from_a_wrong_directory_makes_and_sends_nothing() {
    let desk = Desk::new();
    let (invitation, empty, other) = (invitation(&desk), desk.text("empty"), desk.text("other"));
    let join = |data: &str| desk.run(&["join", &invitation, "--data-dir", data, "--land", "DE-SH"]);
    let said = join(&empty).expect(1);
    assert!(said.talk.contains("verbund init --site nord --federation dvc"), "{}", said.talk);
    assert!(!desk.path("empty").exists(), "nothing was made");
    desk.run(&["init", "--site", "sued", "--federation", "dvc", "--data-dir", &other]).expect(0);
    let said = join(&other).expect(1);
    assert!(said.talk.contains("sued.dvc") && said.talk.contains("nord.dvc"), "{}", said.talk);
    assert!(!desk.path("other/join.json").exists(), "nothing was signed");
    // The positive control: with the right keys it goes as far as the contact, which does not answer.
    let right = desk.text("right");
    desk.run(&["init", "--site", "nord", "--federation", "dvc", "--data-dir", &right]).expect(0);
    join(&right).expect(1);
    assert!(desk.path("right/join.json").exists());
}

#[test]
fn the_source_of_the_passphrase_follows_the_order_that_the_handbook_gives() {
    let desk = Desk::new();
    let file = desk.text("verbund.yaml");
    desk.secret("verbund.yaml", "passphraseSource: file:/of/the/file\n");
    let config = |arguments: &[&str], variable: Option<&str>| {
        let mut command = desk.command(&[&["-o", "json", "config"], arguments, &["--config", &file]].concat());
        variable.map(|value| command.env("VERBUND_PASSPHRASE_SOURCE", value));
        desk::Said::from(command.output().unwrap())
    };
    let shown = |said: &desk::Said| {
        let all: serde_json::Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.all()));
        let setting = &all["passphraseSource"];
        (setting["value"].as_str().unwrap().to_owned(), setting["source"].as_str().unwrap().to_owned())
    };
    assert_eq!(shown(&config(&["show"], None)), ("file:/of/the/file".to_owned(), format!("{file}:1")));
    // What the file names for the site's keys goes before the variable, which answers for people's keys.
    let said = config(&["show"], Some("env:X"));
    assert_eq!(shown(&said), ("file:/of/the/file".to_owned(), format!("{file}:1")), "{}", said.all());
    // The flag goes before both.
    for variable in [None, Some("env:X")] {
        let said = config(&["show", "--passphrase-source", "prompt"], variable);
        assert_eq!(shown(&said), ("prompt".to_owned(), "--passphrase-source".to_owned()), "{}", said.all());
    }
    // The file that it names is looked at.
    let said = config(&["check"], None).expect(3);
    assert!(said.talk.contains("/of/the/file") && said.talk.contains(&format!("{file}:1")), "{}", said.talk);
    config(&["check", "--passphrase-source", &format!("file:{}", desk.text("passphrase"))], None).expect(0);
    // Where the file says nothing, the variable does.
    desk.secret("verbund.yaml", "site: nord\n");
    let said = config(&["show"], Some("env:X"));
    assert_eq!(shown(&said), ("env:X".to_owned(), "VERBUND_PASSPHRASE_SOURCE".to_owned()), "{}", said.all());
}

#[test]
fn the_sites_keys_are_sealed_as_the_configuration_says_whatever_the_desk_exports() {
    let desk = Desk::new();
    let (config, data) = (desk.text("verbund.yaml"), desk.text("data"));
    desk.secret("site-secret", "the passphrase of the site\n");
    let of_site = format!("file:{}", desk.text("site-secret"));
    desk.secret("verbund.yaml", &format!("site: nord\ndataDir: {data}\npassphraseSource: {of_site}\n"));
    // The desk exports the source of a person's passphrase, which is another one.
    desk.run(&["init", "--federation", "dvc", "--config", &config]).expect(0);
    let invitation = invitation(&desk);
    let join = ["--lang", "en", "join", &invitation, "--config", &config, "--land", "DE-SH"];
    // It is not the one that opens them, and the flag goes before the configuration.
    let of_desk = format!("file:{}", desk.text("passphrase"));
    let said = desk.run(&[&join[..], &["--passphrase-source", &of_desk]].concat()).expect(1);
    assert!(said.talk.contains("wrong passphrase") && !desk.path("data/join.json").exists(), "{}", said.talk);
    // What the configuration names does: it goes as far as the contact, which does not answer.
    desk.run(&join).expect(1);
    assert!(desk.path("data/join.json").exists());
}

#[test]
fn what_no_configuration_says_is_not_made_up() {
    let desk = Desk::new();
    if std::path::Path::new("/etc/verbund/verbund.yaml").exists() {
        return;
    }
    for (lang, words) in [("en", "no configuration was read"), ("de", "keine Konfiguration gelesen")] {
        // A matrix of the defaults would go into a firewall request.
        let said = desk.run(&["--lang", lang, "network", "matrix"]).expect(2);
        assert!(said.talk.contains(words) && said.talk.contains("--config") && said.out.is_empty(), "{}", said.all());
        let said = desk.run(&["--lang", lang, "config", "check"]).expect(4);
        assert!(said.talk.contains(words), "{}", said.all());
    }
    // A file, or a flag, is something.
    desk.secret("verbund.yaml", "site: nord\n");
    let file = desk.text("verbund.yaml");
    assert!(desk.run(&["network", "matrix", "--config", &file]).expect(0).out.contains("7100"));
    let said = desk.run(&["config", "check", "--site", "nord"]).expect(0);
    assert!(!said.talk.contains("no configuration"), "{}", said.all());
}

/// Commands that need no federation, and what they read: programs get the same from them whatever language people have.
#[test]
fn what_programs_read_is_the_same_in_every_language() {
    let desk = Desk::new();
    desk.key("user", "anna");
    let (data, config, key) = (desk.text("data"), desk.text("verbund.yaml"), desk.text("anna"));
    desk.secret("verbund.yaml", &format!("site: nord\ndataDir: {data}\nadvertise: ['nord.example:7100']\n"));
    desk.run(&["init", "--federation", "dvc", "--config", &config]).expect(0);
    let pin = "ab".repeat(32);
    let other = format!("sued={pin}");
    let (address, of_sued) = ("127.0.0.1:7101", "sued=127.0.0.1:7201");
    let mut add = vec!["context", "add", "one", "--address", address, "--federation", &pin, "--pin", &pin];
    add.extend(["--other", of_sued, "--other-pin", &other]);
    desk.run(&add).expect(0);
    let reference = format!("file:{key}");
    let keys = desk.text("data/keys");
    let commands: [&[&str]; 12] = [
        &["version"],
        &["keys", "list", &keys],
        &["keys", "show", &key],
        &["context", "list"],
        &["context", "show", "one"],
        &["config", "show", "--config", &config],
        &["config", "check", "--config", &config],
        &["network", "matrix", "--config", &config, "--context", "none"],
        &[
            "network",
            "matrix",
            "--config",
            &config,
            "--syslog-address",
            "siem:6514",
            "--syslog-ca-file",
            &key,
            "--context",
            "none",
        ],
        &["network", "check", "--config", &config, "--context", "none"],
        &["init", "--federation", "dvc", "--config", &config],
        &["context", "add", "one", "--replace", "--key", &reference],
    ];
    let mut data = 0;
    for command in commands {
        for format in ["json", "yaml"] {
            let said = |lang| desk.run(&[command, &["--lang", lang, "-o", format]].concat());
            let (german, english) = (said("de"), said("en"));
            assert_eq!(german.code, english.code, "{command:?}: {}", german.all());
            assert_eq!(german.out, english.out, "{command:?} -o {format}");
            data += usize::from(!english.out.is_empty());
        }
    }
    assert!(data >= 16, "most of them say something: {data}");
    // The positive control: what people read is not the same.
    let said = |lang| desk.run(&["--lang", lang, "keys", "list", &keys]).out;
    assert_ne!(said("de"), said("en"));
}
