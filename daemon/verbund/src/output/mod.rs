//! What goes to standard output: tables for people, JSON, YAML or names for programs. Talk goes to standard error.

mod format;
mod paint;
mod table;
mod time;

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;
use verbund_model::view::{API_VERSION, Resource};

pub use format::Format;
pub use paint::{Paint, Tone};
pub use table::{Table, clean_line};
pub use time::{age, local, local_of, utc};

use crate::failure::Failure;

/// Where results go, and how.
pub struct Output {
    format: Format,
    paint: Paint,
}

impl Output {
    /// The output of this process: colours only on a terminal, and never with `NO_COLOR` (no-color.org).
    #[must_use]
    pub fn new(format: Option<Format>) -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self {
            format: format.unwrap_or(Format::Table),
            paint: Paint::new(colours && !dumb && io::stdout().is_terminal()),
        }
    }

    /// How results are shown.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Colours.
    #[must_use]
    pub const fn paint(&self) -> Paint {
        self.paint
    }

    /// One resource.
    pub fn resource(&self, resource: &Resource) -> Result<(), Failure> {
        match self.format {
            Format::Table => print(&table::of_resources(std::slice::from_ref(resource)).render()),
            Format::Name => print(&format!("{}\n", name(resource))),
            Format::Json | Format::Yaml => self.structured(resource),
        }
    }

    /// Resources of one kind, or of several.
    pub fn resources(&self, resources: &[Resource], index: u64) -> Result<(), Failure> {
        match self.format {
            Format::Table => print(&table::of_resources(resources).render()),
            Format::Name => print(&resources.iter().map(|r| name(r) + "\n").collect::<String>()),
            Format::Json | Format::Yaml => self.structured(&serde_json::json!({
                "apiVersion": API_VERSION,
                "kind": "List",
                "metadata": { "index": index },
                "items": resources,
            })),
        }
    }

    /// Anything: as a table for people (`-o name` included), as its data for programs.
    pub fn value<T: Serialize>(&self, value: &T, people: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Name => print(&people()),
            Format::Json | Format::Yaml => self.structured(value),
        }
    }

    /// One item of a stream: a line of JSON, a YAML document, or what people read.
    pub fn item<T: Serialize>(&self, value: &T, people: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Name => print(&people()),
            Format::Json => print(&format!("{}\n", serde_json::to_string(value).map_err(Failure::internal)?)),
            Format::Yaml => print(&format!("---\n{}", yaml(value)?)),
        }
    }

    fn structured<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        print(&structured(self.format, value)?)
    }
}

/// A value as JSON or YAML text.
fn structured<T: Serialize>(format: Format, value: &T) -> Result<String, Failure> {
    if format == Format::Yaml {
        return yaml(value);
    }
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(Failure::internal)
}

/// A value as YAML, long texts unfolded: they are to be copied.
pub fn yaml<T: Serialize>(value: &T) -> Result<String, Failure> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let mut text = String::new();
    serde_saphyr::to_fmt_writer_with_options(&mut text, value, options).map_err(Failure::internal)?;
    Ok(text)
}

/// `catalogue/geodaten`: kind and name as the command line takes them.
fn name(resource: &Resource) -> String {
    format!("{}/{}", resource.kind.plural(), resource.metadata.name)
}

/// Data: to standard output, whole.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| {
        // Whoever reads has seen enough (`verbund list … | head`): that is no error worth a word.
        if error.kind() == io::ErrorKind::BrokenPipe { Failure::silent() } else { Failure::internal(error) }
    })
}

/// Talk: to standard error, one line.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
