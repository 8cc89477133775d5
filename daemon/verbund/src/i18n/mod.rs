//! What people read, in German and English (Fluent). Programs read JSON, which is never translated.
//!
//! Messages are named by id; `t!` gives the text in the language of the process. Both languages have exactly the same
//! ids and variables: a test compares them, and that every id that the code names exists.

mod lang;

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};

pub use lang::Lang;

const ENGLISH: &[(&str, &str)] = &[
    ("cli.ftl", include_str!("../../i18n/en/cli.ftl")),
    ("help.ftl", include_str!("../../i18n/en/help.ftl")),
    ("config.ftl", include_str!("../../i18n/en/config.ftl")),
    ("audit.ftl", include_str!("../../i18n/en/audit.ftl")),
    ("place.ftl", include_str!("../../i18n/en/place.ftl")),
    ("directive.ftl", include_str!("../../i18n/en/directive.ftl")),
    ("pki.ftl", include_str!("../../i18n/en/pki.ftl")),
    ("secret.ftl", include_str!("../../i18n/en/secret.ftl")),
];
const GERMAN: &[(&str, &str)] = &[
    ("cli.ftl", include_str!("../../i18n/de/cli.ftl")),
    ("help.ftl", include_str!("../../i18n/de/help.ftl")),
    ("config.ftl", include_str!("../../i18n/de/config.ftl")),
    ("audit.ftl", include_str!("../../i18n/de/audit.ftl")),
    ("place.ftl", include_str!("../../i18n/de/place.ftl")),
    ("directive.ftl", include_str!("../../i18n/de/directive.ftl")),
    ("pki.ftl", include_str!("../../i18n/de/pki.ftl")),
    ("secret.ftl", include_str!("../../i18n/de/secret.ftl")),
];

static LANG: OnceLock<Lang> = OnceLock::new();
static TEXTS: [OnceLock<FluentBundle<FluentResource>>; 2] = [OnceLock::new(), OnceLock::new()];

/// Fixes the language of this process. The first call counts.
pub fn init(lang: Lang) {
    let _ = LANG.set(lang);
}

/// The language of this process.
#[must_use]
pub fn lang() -> Lang {
    LANG.get().copied().unwrap_or(Lang::En)
}

/// The text with this id in the language of this process.
#[must_use]
pub fn text(id: &str, args: &[(&str, Arg)]) -> String {
    text_in(lang(), id, args)
}

/// Whether there is a text with this id.
#[must_use]
pub fn exists(id: &str) -> bool {
    bundle(lang()).has_message(id)
}

/// The text with this id, or `None` if there is none. For ids that follow from something: tests ask whether all exist.
#[cfg(test)]
#[must_use]
pub fn find(id: &str) -> Option<String> {
    bundle(lang()).has_message(id).then(|| text(id, &[]))
}

/// The text with this id in a language. An id without text (which the tests exclude) shows as itself.
#[must_use]
pub fn text_in(lang: Lang, id: &str, args: &[(&str, Arg)]) -> String {
    let bundle = bundle(lang);
    let Some(pattern) = bundle.get_message(id).and_then(|m| m.value()) else { return id.to_owned() };
    let mut values = FluentArgs::new();
    for (name, value) in args {
        values.set(*name, value.0.clone());
    }
    let mut errors = Vec::new();
    bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned()
}

/// A value within a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Arg(FluentValue<'static>);

impl From<&str> for Arg {
    fn from(value: &str) -> Self {
        Self(FluentValue::from(value.to_owned()))
    }
}

impl From<String> for Arg {
    fn from(value: String) -> Self {
        Self(FluentValue::from(value))
    }
}

macro_rules! number_arg {
    ($($number:ty),*) => {$(
        impl From<$number> for Arg {
            fn from(value: $number) -> Self {
                Self(FluentValue::from(value))
            }
        }
    )*};
}

number_arg!(u16, u32, u64, usize, i32, i64);

/// The text with an id: `t!("id")`, `t!("id", name = value)`.
#[macro_export]
macro_rules! t {
    ($id:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $crate::i18n::text($id, &[$((stringify!($name), $crate::i18n::Arg::from($value))),*])
    };
}

fn bundle(lang: Lang) -> &'static FluentBundle<FluentResource> {
    let (slot, files, id) = match lang {
        Lang::En => (&TEXTS[0], ENGLISH, "en"),
        Lang::De => (&TEXTS[1], GERMAN, "de"),
    };
    slot.get_or_init(|| {
        let mut bundle = FluentBundle::new_concurrent(id.parse().into_iter().collect());
        // Direction marks around values would end up in what people copy from the terminal.
        bundle.set_use_isolating(false);
        for (_, source) in files {
            // The files are part of the program and the tests parse them strictly: what is broken is left out, not fatal.
            let resource = FluentResource::try_new((*source).to_owned()).unwrap_or_else(|(partial, _)| partial);
            bundle.add_resource_overriding(resource);
        }
        bundle
    })
}

#[cfg(test)]
mod tests;
