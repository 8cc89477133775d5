//! Container images from files of this machine: no registry, no container engine.

mod file;
mod layout;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::binaries::on_path;
use crate::command::run;
use file::Entry;
pub use file::ImageFile;

/// What holds a pod's namespaces.
pub(crate) const PAUSE: &str = "verbund.de/testbed/pause:1";
/// Where busybox lies in an image.
const BUSYBOX: &str = "bin/busybox";

/// A container image with one layer. Pods that use it say `imagePullPolicy: Never`.
#[derive(Clone, Debug)]
pub struct Image {
    reference: String,
    entries: BTreeMap<PathBuf, Entry>,
    command: Vec<String>,
}

impl Image {
    /// `verbund.de/testbed/busybox:1`: a shell and the usual tools, from Debian's busybox-static. As process 1, `sh` ignores
    /// SIGTERM: begin scripts with `trap 'exit 0' TERM`. Errors: busybox is missing or not static.
    pub fn busybox() -> Result<Self> {
        let image = Self::with_files("verbund.de/testbed/busybox:1", [])?.and_busybox()?;
        Ok(image.runs(["/bin/sh"]))
    }

    /// What the runtime runs in each pod beside its containers.
    pub(crate) fn pause() -> Result<Self> {
        let image = Self::with_files(PAUSE, [])?.and_busybox()?;
        Ok(image.runs(["/bin/busybox", "sleep", "2147483647"]))
    }

    /// An image of just these files. `reference` is its full name with a tag, such as `verbund.de/testbed/guard:1`. Errors:
    /// two files have one path, or the reference is not full.
    pub fn with_files(reference: &str, files: impl IntoIterator<Item = ImageFile>) -> Result<Self> {
        let (repository, tag) = reference.rsplit_once(':').unwrap_or_default();
        let full = repository.split_once('/').is_some_and(|(host, _)| host.contains('.'));
        ensure!(
            full && !tag.is_empty() && !tag.contains('/'),
            "{reference} is no full reference such as verbund.de/name:tag"
        );
        let mut image = Self { reference: reference.to_owned(), entries: BTreeMap::new(), command: Vec::new() };
        for directory in ["etc", "proc", "sys", "dev", "run", "tmp"] {
            let mode = if directory == "tmp" { 0o1777 } else { 0o755 };
            image.entries.insert(directory.into(), Entry::Directory { mode });
        }
        let users = "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
        image.add(ImageFile::text("/etc/passwd", users, 0o644))?;
        image.add(ImageFile::text("/etc/group", "root:x:0:\nnogroup:x:65534:\n", 0o644))?;
        for file in files {
            image.add(file)?;
        }
        Ok(image)
    }

    /// Adds busybox and a link for each of its tools. Errors: busybox is missing or not static.
    pub fn and_busybox(mut self) -> Result<Self> {
        let busybox = on_path("busybox").context("busybox is not on the path; `.ci/kubernetes packages` brings it")?;
        let files = ImageFile::program(&busybox, &format!("/{BUSYBOX}"))?;
        ensure!(files.len() == 1, "{} is not static; `.ci/kubernetes packages` brings one that is", busybox.display());
        files.into_iter().try_for_each(|file| self.add(file))?;
        for tool in run(Command::new(&busybox).arg("--list"))?.lines().filter(|tool| *tool != "busybox") {
            // A file of the same name that was added before wins.
            let link = Entry::Link { target: "busybox".into() };
            self.entries.entry(Path::new("bin").join(tool)).or_insert(link);
        }
        Ok(self)
    }

    /// What its containers run unless a pod says otherwise.
    #[must_use]
    pub fn runs<S: Into<String>>(mut self, command: impl IntoIterator<Item = S>) -> Self {
        self.command = command.into_iter().map(Into::into).collect();
        self
    }

    /// What pods call it.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Writes it as an archive that `ctr images import` takes: an OCI image layout (image-spec 1.1, image-layout.md) in a tar.
    pub fn write_to(&self, file: &Path) -> Result<()> {
        layout::write(self, file).with_context(|| format!("writing the image {} to {}", self.reference, file.display()))
    }

    fn add(&mut self, file: ImageFile) -> Result<()> {
        let path = file.path().to_owned();
        if self.entries.insert(path.clone(), file.into_entry()).is_some() {
            bail!("the image {} would have /{} twice", self.reference, path.display());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_a_runtime_would_not_find_again() {
        assert!(Image::with_files("busybox", []).is_err());
        assert!(Image::with_files("verbund.de/x", []).is_err());
        let twice = [ImageFile::text("/a", "1", 0o644), ImageFile::text("/a", "2", 0o644)];
        let message = Image::with_files("verbund.de/x:1", twice).unwrap_err().to_string();
        assert!(message.contains("/a twice"), "{message}");
    }
}
