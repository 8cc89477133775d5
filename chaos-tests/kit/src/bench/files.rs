//! Where a benchmark's data and results lie.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::{Row, write_rows};

/// `statfs` type of a RAM disk (statfs(2)).
const TMPFS: i64 = 0x0102_1994;

/// What a benchmark that needs a disk lets its user say about it.
#[derive(Clone, Debug, clap::Args)]
pub struct Data {
    /// Where the sites put their data: not a RAM disk [default: beside this program].
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What every benchmark lets its user say about its JSON list.
#[derive(Clone, Debug, clap::Args)]
pub struct List {
    /// Where the JSON list goes [default: bench/, named after this program, beside this program's directory].
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Data {
    /// A new directory for the data of the benchmark of that name. Errors: it would lie on a RAM disk, where fsync costs
    /// nothing.
    pub fn directory(&self, name: &str) -> Result<TempDir> {
        let parent = self.dir.clone().map_or_else(directory_of_this_program, Ok)?;
        let kind = rustix::fs::statfs(&parent).with_context(|| format!("looking at {}", parent.display()))?.f_type;
        ensure!(
            kind != TMPFS,
            "{} is a RAM disk, where fsync costs nothing: name another with --dir",
            parent.display()
        );
        Ok(tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&parent)?)
    }
}

impl List {
    /// Writes the rows of the benchmark of that name, and prints the list's path, which it returns, as the last line.
    pub fn write(&self, name: &str, rows: &[Row]) -> Result<PathBuf> {
        let usual = || directory_of_this_program().map(|path| path.join("../bench").join(format!("{name}.json")));
        let out = self.out.clone().map_or_else(usual, Ok)?;
        write_rows(&out, rows)?;
        let out = out.canonicalize()?;
        println!("\n{}", out.display());
        Ok(out)
    }
}

fn directory_of_this_program() -> Result<PathBuf> {
    let path = std::env::current_exe()?;
    Ok(path.parent().map_or_else(|| PathBuf::from("."), PathBuf::from))
}
