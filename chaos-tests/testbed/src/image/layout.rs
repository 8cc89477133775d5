//! An image as an OCI image layout in one tar archive.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header};

use super::Image;
use super::file::Entry;

/// Content and the digest that names it.
struct Blob {
    digest: String,
    bytes: Vec<u8>,
}

impl Blob {
    fn of(bytes: Vec<u8>) -> Self {
        Self { digest: HEXLOWER.encode(&Sha256::digest(&bytes)), bytes }
    }

    fn json(value: &Value) -> Result<Self> {
        Ok(Self::of(serde_json::to_vec(value)?))
    }

    fn descriptor(&self, kind: &str) -> Value {
        json!({
            "mediaType": format!("application/vnd.oci.image.{kind}"),
            "digest": format!("sha256:{}", self.digest),
            "size": self.bytes.len(),
        })
    }
}

/// Writes the image to `file`.
pub(super) fn write(image: &Image, file: &Path) -> Result<()> {
    let layer = Blob::of(layer(image)?);
    let config = Blob::json(&json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": image.command, "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)]},
    }))?;
    let manifest = Blob::json(&json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor("config.v1+json"),
        "layers": [layer.descriptor("layer.v1.tar")],
    }))?;
    let mut descriptor = manifest.descriptor("manifest.v1+json");
    descriptor["platform"] = json!({"architecture": architecture(), "os": "linux"});
    // The name by which containerd stores it; the second is that of the specification (annotations.md).
    let tag = image.reference.rsplit(':').next().unwrap_or_default();
    descriptor["annotations"] =
        json!({"io.containerd.image.name": image.reference, "org.opencontainers.image.ref.name": tag});
    let index = json!({"schemaVersion": 2, "manifests": [descriptor]});

    let mut archive = Builder::new(BufWriter::new(File::create(file)?));
    append(&mut archive, Path::new("oci-layout"), br#"{"imageLayoutVersion": "1.0.0"}"#, 0o644)?;
    append(&mut archive, Path::new("index.json"), &serde_json::to_vec(&index)?, 0o644)?;
    for blob in [&layer, &config, &manifest] {
        append(&mut archive, &Path::new("blobs/sha256").join(&blob.digest), &blob.bytes, 0o644)?;
    }
    archive.into_inner()?.into_inner().context("flushing")?.sync_all()?;
    Ok(())
}

/// The files as a tar archive, directories before what is in them.
fn layer(image: &Image) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    let mut made: BTreeSet<PathBuf> = BTreeSet::new();
    for (path, entry) in &image.entries {
        let mut above: Vec<_> = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty()).collect();
        above.reverse();
        for directory in above {
            if made.insert(directory.to_owned()) && !image.entries.contains_key(directory) {
                special(&mut archive, directory, EntryType::Directory, None, 0o755)?;
            }
        }
        match entry {
            Entry::Copy { source, mode } => {
                let bytes = fs::read(source).with_context(|| format!("reading {}", source.display()))?;
                append(&mut archive, path, &bytes, *mode)?;
            }
            Entry::Bytes { bytes, mode } => append(&mut archive, path, bytes, *mode)?,
            Entry::Link { target } => special(&mut archive, path, EntryType::Symlink, Some(target), 0o777)?,
            Entry::Directory { mode } => {
                made.insert(path.clone());
                special(&mut archive, path, EntryType::Directory, None, *mode)?;
            }
        }
    }
    Ok(archive.into_inner()?)
}

fn append<W: std::io::Write>(archive: &mut Builder<W>, path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut header = header(EntryType::Regular, mode);
    header.set_size(u64::try_from(bytes.len())?);
    Ok(archive.append_data(&mut header, path, bytes)?)
}

fn special<W: std::io::Write>(
    archive: &mut Builder<W>,
    path: &Path,
    kind: EntryType,
    target: Option<&Path>,
    mode: u32,
) -> Result<()> {
    let mut header = header(kind, mode);
    header.set_size(0);
    match target {
        Some(target) => Ok(archive.append_link(&mut header, path, target)?),
        None => Ok(archive.append_data(&mut header, path, std::io::empty())?),
    }
}

/// Owner root and time zero: the same files give the same image.
fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// This machine's architecture as Go calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::image::ImageFile;

    #[test]
    fn every_blob_has_the_digest_that_names_it() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (directory.path().join("1.tar"), directory.path().join("2.tar"));
        let image = Image::with_files("verbund.de/x:1", [ImageFile::text("/a/b", "text", 0o644)]).unwrap();
        write(&image, &first).unwrap();
        write(&image, &second).unwrap();
        assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
        let mut blobs = 0;
        for entry in tar::Archive::new(File::open(&first).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            if path.starts_with("blobs") {
                assert!(path.ends_with(Blob::of(bytes).digest));
                blobs += 1;
            }
        }
        assert_eq!(blobs, 3);
    }
}
