//! How results are shown.

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Columns for people.
    Table,
    /// JSON, UTC times.
    Json,
    /// YAML, UTC times.
    Yaml,
    /// `kind/name`, one a line.
    Name,
}
