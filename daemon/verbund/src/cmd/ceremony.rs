//! `verbund ceremony`: the script and the protocol for witnesses, as Markdown that can be printed. It touches no key.

use crate::app::App;
use crate::cli::{Ceremony, CeremonyKind};
use crate::cmd::init::{anchor_pin, keys_directory};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::i18n::{self, Lang};
use crate::output::{print, say};
use crate::{files, t};

/// How many witnesses sign if nobody says who they are.
const WITNESSES: usize = 2;

pub fn run(_app: &App, ceremony: &Ceremony) -> Result<Exit, Failure> {
    let text = script(ceremony, i18n::lang())?;
    let Some(out) = &ceremony.out else {
        print(&text)?;
        return Ok(Exit::Ok);
    };
    files::create(out, text.as_bytes()).map_err(|error| {
        let (path, reason) = (out.display().to_string(), crate::words::chain(&error));
        Failure::new(t!("file-unwritable", path = path, reason = reason))
    })?;
    say(&t!("ceremony-written", path = out.display().to_string()));
    Ok(Exit::Ok)
}

fn script(ceremony: &Ceremony, language: Lang) -> Result<String, Failure> {
    let template = match (ceremony.kind, language) {
        (CeremonyKind::Root, Lang::De) => include_str!("../../ceremony/root.de.md"),
        (CeremonyKind::Root, Lang::En) => include_str!("../../ceremony/root.en.md"),
        (CeremonyKind::Ca, Lang::De) => include_str!("../../ceremony/ca.de.md"),
        (CeremonyKind::Ca, Lang::En) => include_str!("../../ceremony/ca.en.md"),
    };
    // Of a root that is there, everybody can compare what stands on paper; of one to come, it is filled in.
    let known = match ceremony.kind {
        CeremonyKind::Root => None,
        CeremonyKind::Ca => anchor_pin(&keys_directory(&ceremony.data_dir))?,
    };
    let pin = known.map_or_else(|| "_".repeat(64), |pin| groups(&pin.to_string()));
    let options = ceremony.pki_url.as_ref().map(|url| format!(" --pki-url {url}")).unwrap_or_default();
    let directory = ceremony.data_dir.display().to_string();
    let names = witnesses(ceremony);
    let values = [
        ("domain", format!("{}.{}", ceremony.site, ceremony.federation)),
        ("site", ceremony.site.to_string()),
        ("federation", ceremony.federation.to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("directory", directory),
        ("options", options),
        ("pin", pin),
        ("witnesses", rows(&names, |name| format!("| {} | {name} | [ ] | |", t!("ceremony-witness")))),
        ("signatures", rows(&names, |name| format!("| {name} | {} | | |", t!("ceremony-witness")))),
    ];
    let filled =
        values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("{{{{{name}}}}}"), value));
    Ok(filled)
}

/// The witnesses' names; empty ones to be filled in.
fn witnesses(ceremony: &Ceremony) -> Vec<String> {
    if ceremony.witnesses.is_empty() {
        return vec![String::new(); WITNESSES];
    }
    // A name must not break the table it stands in.
    let plain = |name: &String| name.chars().filter(|c| !c.is_control() && *c != '|').take(80).collect();
    ceremony.witnesses.iter().map(plain).collect()
}

fn rows(names: &[String], row: impl Fn(&String) -> String) -> String {
    names.iter().map(row).collect::<Vec<_>>().join("\n")
}

/// Groups of four, which people can read aloud.
fn groups(digits: &str) -> String {
    let groups: Vec<String> =
        digits.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).into_owned()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ceremony(kind: CeremonyKind, witnesses: &[&str]) -> Ceremony {
        Ceremony {
            kind,
            site: "nord".parse().unwrap(),
            federation: "dvc".parse().unwrap(),
            data_dir: "/nowhere/nord".into(),
            pki_url: Some("http://pki.nord.example:7104".parse().unwrap()),
            witnesses: witnesses.iter().map(|name| (*name).to_owned()).collect(),
            out: None,
        }
    }

    #[test]
    fn every_field_is_filled_in_in_both_languages() {
        for language in [Lang::De, Lang::En] {
            for kind in [CeremonyKind::Root, CeremonyKind::Ca] {
                let text = script(&ceremony(kind, &["Erika Muster", "a|b\nc"]), language).unwrap();
                assert!(!text.contains("{{") && !text.contains("}}"), "{text}");
                assert!(text.contains("nord.dvc") && text.contains("/nowhere/nord"), "{text}");
                assert!(text.contains("Erika Muster") && text.contains("| abc |"), "{text}");
                assert!(text.contains("openssl") && text.lines().all(|line| line.chars().count() <= 140), "{text}");
            }
        }
    }

    /// Every command of Verbund that a script names is one that there is, with options that it takes.
    #[test]
    fn the_commands_in_the_scripts_exist() {
        let mut seen = 0;
        for language in [Lang::De, Lang::En] {
            for kind in [CeremonyKind::Root, CeremonyKind::Ca] {
                let text = script(&ceremony(kind, &[]), language).unwrap();
                for line in text.lines().map(str::trim).filter(|line| line.starts_with("verbund ")) {
                    let parsed = crate::cli::command().try_get_matches_from(line.split_whitespace());
                    assert!(parsed.is_ok(), "{line}: {:?}", parsed.err());
                    seen += 1;
                }
            }
        }
        assert!(seen > 15, "{seen}");
    }
}
