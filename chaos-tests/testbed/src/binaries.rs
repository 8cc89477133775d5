//! Where the programs of a cluster are.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// The module that the binaries are built from. Its hash names their directory, as in `.ci/kubernetes`.
const MODULE: [&[u8]; 2] = [include_bytes!("../kubernetes/go.mod"), include_bytes!("../kubernetes/go.sum")];
/// Where Debian's containernetworking-plugins puts its programs.
pub(crate) const CNI: &str = "/usr/lib/cni";
/// What must be on the path besides.
const TOOLS: [&str; 7] = ["containerd", "containerd-shim-runc-v2", "ctr", "runc", "nft", "ip", "nsenter"];

/// The directory of kube-apiserver and the others, built by `.ci/kubernetes`.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    directory: PathBuf,
}

impl Binaries {
    /// Finds everything. Errors: something is missing; the message names it and the command that brings it.
    pub(crate) fn find() -> Result<Self> {
        let directory = directory()?;
        let mut missing: Vec<String> =
            TOOLS.iter().filter(|tool| on_path(tool).is_none()).map(ToString::to_string).collect();
        if !Path::new(CNI).join("bridge").exists() {
            missing.push(format!("{CNI}/bridge"));
        }
        if !directory.join("../complete").exists() {
            missing.push(format!("Kubernetes in {}", directory.display()));
        }
        if !missing.is_empty() {
            bail!("the testbed lacks {}; `.ci/kubernetes` (or `make testbed`) brings it", missing.join(", "));
        }
        Ok(Self { directory })
    }

    /// The path of one program.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// The first program of this name on the path, with the directories of an administrator, which root's path may lack.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(extra).map(|directory| directory.join(name)).find(|file| file.is_file())
}

fn directory() -> Result<PathBuf> {
    let cache = match (std::env::var_os("VERBUND_CACHE"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => PathBuf::from(home).join(".cache/verbund"),
        (None, None) => bail!("neither VERBUND_CACHE nor HOME is set, so the binaries of Kubernetes cannot be found"),
    };
    let mut hash = Sha256::new();
    MODULE.iter().for_each(|part| hash.update(part));
    let key = HEXLOWER.encode(&hash.finalize());
    Ok(cache.join("kubernetes").join(&key[..16]).join("bin"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn agrees_with_the_script_that_builds() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/kubernetes");
        let said = crate::command::run(Command::new(script).arg("where")).unwrap();
        assert_eq!(Path::new(said.trim()), directory().unwrap());
    }
}
