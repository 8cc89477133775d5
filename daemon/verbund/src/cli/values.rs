//! The words that some arguments take, for the help, for error messages and for completion.

use std::fmt;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use verbund_model::resource::{OrgRole, UserRole};
use verbund_model::view::Kind;
use verbund_model::{Hash, SiteName};

use crate::t;

/// The type that reads them keeps its list to itself; a test holds both against each other.
const LAENDER: &[&str] = &[
    "DE-BB", "DE-BE", "DE-BW", "DE-BY", "DE-HB", "DE-HE", "DE-HH", "DE-MV", "DE-NI", "DE-NW", "DE-RP", "DE-SH",
    "DE-SL", "DE-SN", "DE-ST", "DE-TH",
];

/// From this likeness on (Jaro-Winkler, at most 1) a word is taken for another one with a slip.
const NEAR: f64 = 0.85;

/// The Länder by ISO 3166-2.
#[must_use]
pub const fn laender() -> &'static [&'static str] {
    LAENDER
}

/// Kinds of resources as the command line takes them.
#[must_use]
pub fn kinds() -> Vec<&'static str> {
    Kind::ALL.iter().map(|kind| kind.plural()).collect()
}

/// Roles of organisations.
#[must_use]
pub fn org_roles() -> &'static [&'static str] {
    variants::<OrgRole>()
}

/// Roles of users.
#[must_use]
pub fn user_roles() -> &'static [&'static str] {
    variants::<UserRole>()
}

/// An organisation's role by its word.
pub fn org_role(text: &str) -> Result<OrgRole, String> {
    word(text, org_roles())
}

/// A user's role by its word.
pub fn user_role(text: &str) -> Result<UserRole, String> {
    word(text, user_roles())
}

/// A kind by its plural or name. Errors: there is none, with the one that was probably meant.
pub fn kind(text: &str) -> Result<Kind, String> {
    text.parse().map_err(|_| unknown_kind(text, Kind::plural))
}

/// That there is no kind of this name; `named` gives the names that are expected here.
pub fn unknown_kind(text: &str, named: impl Fn(Kind) -> &'static str) -> String {
    // What is typed is a word of either form; beyond some length it is none at all.
    let got: String = text.chars().take(80).collect();
    let lower = got.to_lowercase();
    let likeness = |kind: &Kind| {
        let forms = [kind.plural().to_owned(), kind.as_str().to_lowercase()];
        forms.iter().map(|form| strsim::jaro_winkler(&lower, form)).fold(0.0, f64::max)
    };
    let nearest = Kind::ALL.iter().map(|kind| (likeness(kind), *kind)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest.filter(|(likeness, _)| *likeness > NEAR) {
        Some((_, kind)) => t!("words-kind-near", got = got, near = named(kind)),
        None => {
            let all: Vec<&str> = Kind::ALL.iter().map(|kind| named(*kind)).collect();
            t!("words-kind", got = got, all = all.join(", "))
        }
    }
}

/// A site and the pin of its trust anchor: `SITE=HASH`.
pub fn site_pin(text: &str) -> Result<(SiteName, Hash), String> {
    let (site, pin) = text.split_once('=').ok_or_else(|| t!("words-site-pin", got = text))?;
    let wrong = |reason: String| format!("{}: {reason}", t!("words-site-pin", got = text));
    let site = site.parse::<SiteName>().map_err(|error| wrong(error.to_string()))?;
    Ok((site, pin.parse::<Hash>().map_err(|error| wrong(error.to_string()))?))
}

/// A word that a type's own serde form knows.
fn word<T: DeserializeOwned>(text: &str, all: &[&str]) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| t!("words-role", got = text, all = all.join(", ")))
}

/// The names of an enumeration's variants in its serde form; none for what is no enumeration.
fn variants<T: DeserializeOwned>() -> &'static [&'static str] {
    T::deserialize(Asking).err().map_or(&[], |Variants(names)| names)
}

/// Reads nothing: it only hears which variants the type has.
struct Asking;

/// What it heard.
#[derive(Debug)]
struct Variants(&'static [&'static str]);

impl fmt::Display for Variants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Variants {}

impl de::Error for Variants {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for Asking {
    type Error = Variants;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Variants> {
        Err(Variants(&[]))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Variants> {
        Err(Variants(names))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use verbund_model::resource::Land;

    use super::*;

    #[test]
    fn the_lists_are_those_of_the_types() {
        assert!(org_roles().contains(&"koordinierungsstelle") && user_roles().contains(&"cloud-service-anbieter"));
        assert!(org_roles().iter().all(|role| org_role(role).is_ok()));
        assert!(user_roles().iter().all(|role| user_role(role).is_ok()));
        assert!(variants::<String>().is_empty());
        let letters = || 'A'..='Z';
        let codes = letters().flat_map(|a| letters().map(move |b| format!("DE-{a}{b}")));
        let accepted: Vec<String> = codes.filter(|code| code.parse::<Land>().is_ok()).collect();
        assert_eq!(accepted, LAENDER);
    }

    #[test]
    fn a_kind_with_a_slip_is_told_which_was_meant() {
        assert_eq!(kind("catalogue"), Ok(Kind::CatalogueEntry));
        for (typed, meant) in
            [("catalog", "catalogue"), ("site", "sites"), ("workload", "workloads"), ("nods", "nodes")]
        {
            let outcome = kind(typed);
            assert!(
                outcome.is_ok() || outcome.as_ref().unwrap_err().contains(&format!("mean {meant}?")),
                "{outcome:?}"
            );
        }
        assert!(kind("catalog").unwrap_err().contains("mean catalogue?"));
        assert!(unknown_kind("CatalogEntry", Kind::as_str).contains("mean CatalogueEntry?"));
        let error = kind("quux").unwrap_err();
        assert!(error.contains("quux") && error.contains("workloads"), "{error}");
    }

    #[test]
    fn a_site_and_its_pin_are_one_word() {
        let (site, pin) = site_pin(&format!("sued={}", "ab".repeat(32))).unwrap();
        assert_eq!((site.as_str(), pin), ("sued", Hash([0xab; 32])));
        for text in ["sued", "sued=ab", "=", "SÜD=00"] {
            assert!(site_pin(text).unwrap_err().contains("SITE=HASH"), "{text}");
        }
    }

    #[test]
    fn a_wrong_role_is_told_which_there_are() {
        let error = user_role("admin").unwrap_err();
        assert!(error.contains("admin") && error.contains("cloud-service-anbieter"), "{error}");
    }
}
