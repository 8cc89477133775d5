//! What the benchmarks share: rows, tables, where data and results lie.

mod table;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

pub use table::{Goal, Row, number, render, write_rows};

/// `statfs` type of a RAM disk (statfs(2)).
const TMPFS: i64 = 0x0102_1994;

/// The directory in which this program lies.
pub fn directory_of_this_program() -> Result<PathBuf> {
    let path = std::env::current_exe()?;
    Ok(path.parent().map_or_else(|| PathBuf::from("."), PathBuf::from))
}

/// A new directory for a benchmark's data, below `parent` or beside this program. Errors: it would lie on a RAM disk, where
/// fsync costs nothing.
pub fn data_directory(name: &str, parent: Option<&Path>) -> Result<TempDir> {
    let parent = parent.map_or_else(directory_of_this_program, |parent| Ok(parent.to_owned()))?;
    let kind = rustix::fs::statfs(&parent).with_context(|| format!("looking at {}", parent.display()))?.f_type;
    ensure!(kind != TMPFS, "{} is a RAM disk, where fsync costs nothing: name another with --dir", parent.display());
    Ok(tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&parent)?)
}

/// Where a benchmark's JSON list goes unless somebody says otherwise: `bench/NAME.json` beside this program's directory.
pub fn usual_out(name: &str) -> Result<PathBuf> {
    Ok(directory_of_this_program()?.join("../bench").join(format!("{name}.json")))
}

/// Writes the rows to `out` and prints its path as the last line.
pub fn finish(out: &Path, rows: &[Row]) -> Result<()> {
    write_rows(out, rows)?;
    println!("\n{}", out.canonicalize()?.display());
    Ok(())
}

/// The middle of some values, or the mean of the two in the middle.
#[must_use]
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// The value below which this share of some values lies, by the nearest rank.
#[must_use]
pub fn percentile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.max(1) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(values.clone(), 0.5), Some(100.0));
        assert_eq!(percentile(values, 0.99), Some(198.0));
        assert_eq!((percentile(vec![3.0, 1.0], 0.99), percentile(vec![], 0.5)), (Some(3.0), None));
    }
}
