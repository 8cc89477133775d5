//! What lies in an image.

use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A file for an image.
#[derive(Clone, Debug)]
pub struct ImageFile {
    path: PathBuf,
    entry: Entry,
}

/// Something at a path of an image.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// A file of this machine.
    Copy { source: PathBuf, mode: u32 },
    /// A file with these bytes.
    Bytes { bytes: Vec<u8>, mode: u32 },
    /// A symbolic link.
    Link { target: PathBuf },
    /// A directory.
    Directory { mode: u32 },
}

impl ImageFile {
    /// The file `source` of this machine at `path` in the image.
    #[must_use]
    pub fn copy(source: &Path, path: &str, mode: u32) -> Self {
        Self { path: inside(path), entry: Entry::Copy { source: source.to_owned(), mode } }
    }

    /// A file with this text.
    #[must_use]
    pub fn text(path: &str, text: &str, mode: u32) -> Self {
        Self { path: inside(path), entry: Entry::Bytes { bytes: text.as_bytes().to_vec(), mode } }
    }

    /// The program `source` at `path`, with the shared libraries and the loader that it needs, where it looks for them; a
    /// static one needs none. Errors: it cannot be read, or a library is missing.
    pub fn program(source: &Path, path: &str) -> Result<Vec<Self>> {
        ensure!(source.is_file(), "{} is not a file", source.display());
        let mut files = vec![Self::copy(source, path, 0o755)];
        // ldd ends with an error for a static program, so what it writes decides.
        let listed = Command::new("ldd").arg(source).output().context("starting ldd")?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        ensure!(!listed.contains("not found"), "{} lacks libraries: {listed}", source.display());
        files.extend(libraries(&listed).map(|library| Self::copy(Path::new(library), library, 0o755)));
        Ok(files)
    }

    /// Where it lies, without a leading slash.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn into_entry(self) -> Entry {
        self.entry
    }
}

/// The paths in what ldd writes: `name => path (address)`, or `path (address)` for the loader.
fn libraries(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| {
        let line = line.split_once("=>").map_or(line, |(_, path)| path).trim();
        let path = line.split(" (").next()?;
        path.starts_with('/').then_some(path)
    })
}

fn inside(path: &str) -> PathBuf {
    Path::new(path).components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ldd_writes() {
        let listed = "\tlinux-vdso.so.1 (0x00007)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007)\n";
        let found: Vec<_> = libraries(listed).collect();
        assert_eq!(found, ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert_eq!(libraries("\tstatically linked\n").count(), 0);
    }

    #[test]
    fn stays_inside_the_image() {
        assert_eq!(inside("/../etc/./x"), Path::new("etc/x"));
    }
}
