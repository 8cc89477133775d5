//! What the operator of a cluster does before the agent of Verbund comes.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use verbund_testbed::{Image, ImageFile, Site};

/// The image that brings the guard.
pub(crate) const GUARD_IMAGE: &str = "verbund.de/testbed/guard:1";
/// Where it lies in that image.
const GUARD_PATH: &str = "/usr/bin/verbund-guard";
/// What is applied: the same files as in the handbook.
const DEPLOYED: [&str; 2] =
    [include_str!("../../../deploy/kubernetes/rbac.yaml"), include_str!("../../../deploy/kubernetes/admission.yaml")];
/// A guard that guards nothing: it copies itself as the real one does, and then just becomes the program.
const WITHOUT: &str = "#!/bin/sh\nif [ \"$1\" = copy ]; then exec cp \"$0\" \"$2\"; fi\n\
                       while [ \"$1\" != -- ]; do shift; done\nshift\nexec \"$@\"\n";

/// What is process 1 in containers of level `guard`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guards {
    /// The guard, built as it is shipped.
    Real,
    /// A script that starts the program and guards nothing: the control of every test of the guard.
    LeftOut,
}

/// Makes a cluster ready for an agent: its rights, the policies that end them, and the image with the guard.
pub(crate) async fn prepare(site: &Site, guards: Guards) -> Result<()> {
    for manifest in DEPLOYED {
        site.apply(manifest).await?;
    }
    let image = match guards {
        Guards::Real => {
            let file = tokio::task::spawn_blocking(build_guard).await??;
            Image::with_files(GUARD_IMAGE, [ImageFile::copy(&file, GUARD_PATH, 0o755)])?
        }
        Guards::LeftOut => {
            Image::with_files(GUARD_IMAGE, [ImageFile::text(GUARD_PATH, WITHOUT, 0o755)])?.and_busybox()?
        }
    };
    site.load(&image).await
}

/// The guard without shared libraries.
fn build_guard() -> Result<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../agents/guard/static");
    let built = Command::new(script).output().with_context(|| format!("running {script}"))?;
    ensure!(built.status.success(), "building the guard: {}", String::from_utf8_lossy(&built.stderr));
    Ok(PathBuf::from(String::from_utf8(built.stdout)?.trim()))
}

/// Writes a kubeconfig with the rights of the agent's ServiceAccount, and no others.
pub(crate) async fn agent_kubeconfig(site: &Site, path: &Path) -> Result<()> {
    let token = ["create", "token", "agent", "--namespace", "verbund-system", "--duration", "12h"];
    let token = site.kubectl(&token).await?;
    let admin = site.kubectl(&["config", "view", "--raw", "--flatten", "-o", "json"]).await?;
    let admin: Value = serde_json::from_str(&admin)?;
    let cluster = &admin["clusters"][0]["cluster"];
    ensure!(cluster.is_object(), "the administrator's kubeconfig names no cluster");
    let file = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "agent",
        "clusters": [{ "name": "c", "cluster": cluster }],
        "users": [{ "name": "agent", "user": { "token": token.trim() } }],
        "contexts": [{ "name": "agent", "context": { "cluster": "c", "user": "agent" } }],
    });
    std::fs::write(path, file.to_string()).with_context(|| format!("writing {}", path.display()))
}
