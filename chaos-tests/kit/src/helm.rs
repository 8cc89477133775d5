//! Where the real helm is.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// The helm that charts are rendered with, built by `.ci/helm`. Errors: it was not.
pub fn helm() -> Result<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/helm");
    let said = Command::new(script).arg("where").output().with_context(|| format!("starting {script}"))?;
    let program = PathBuf::from(String::from_utf8(said.stdout)?.trim());
    ensure!(program.is_file(), "{} is missing: .ci/helm (or make test) builds it", program.display());
    Ok(program)
}
