//! Directives on disk: one small file each, durable before it acts, verified again when it is read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use verbund_identity::directive::Directive;
use verbund_identity::{SignatureVerifier, SignedReceipt};
use verbund_model::resource::{Federation, Millis, SignedDirective};
use verbund_model::{FederationId, Hash};
use verbund_store::replace_file;

/// The version of the file's form.
const FORM: u32 = 1;

/// A directive as it lies on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Stored {
    v: u32,
    /// When this node heard of it.
    pub(super) heard: Millis,
    /// The federation as this node knew it when it verified the signatures: at a start its state may lie behind that.
    pub(super) federation: Federation,
    /// The directive.
    pub(super) signed: SignedDirective,
}

/// The directory.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    dir: PathBuf,
    /// Held while a file is replaced: several peers bring the same directive at the same time.
    writing: Arc<Mutex<()>>,
}

impl Folder {
    /// Makes the directory if it is missing. Errors: the system's.
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        if let Some(parent) = dir.parent() {
            fs::File::open(parent)?.sync_all()?;
        }
        Ok(Self { dir: dir.to_owned(), writing: Arc::default() })
    }

    /// Makes a directive durable. Errors: the system's; then it must not act.
    pub(super) fn keep(
        &self,
        hash: &Hash,
        heard: Millis,
        federation: &Federation,
        signed: &SignedDirective,
    ) -> io::Result<()> {
        let stored = Stored { v: FORM, heard, federation: federation.clone(), signed: signed.clone() };
        self.replace(&format!("{hash}.json"), &serde_json::to_vec_pretty(&stored)?)
    }

    /// Writes what receipts there are. One that is lost is asked for again, or made anew.
    pub(super) fn keep_receipts(&self, hash: &Hash, receipts: &[&SignedReceipt]) -> io::Result<()> {
        self.replace(&format!("{hash}.receipts"), &serde_json::to_vec(receipts)?)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        // A panic while it was held left at most a file of no meaning.
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        replace_file(&self.dir.join(name), bytes, None)
    }

    /// All directives, each verified again, with its receipts. A file that cannot be used is set aside under another name and
    /// reported: peers tell of its directive again, before anybody is let in. Errors: the directory cannot be read.
    pub(super) fn read(
        &self,
        federation: &FederationId,
        verifier: &dyn SignatureVerifier,
    ) -> io::Result<Vec<(Directive, Stored, Vec<SignedReceipt>)>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read_one(&path, federation, verifier) {
                Ok((directive, stored)) => {
                    let receipts = fs::read(path.with_extension("receipts")).ok();
                    let receipts = receipts.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
                    all.push((directive, stored, receipts));
                }
                Err(why) => {
                    tracing::error!(path = %path.display(), why, "a directive on disk cannot be used; peers are asked for it again");
                    fs::rename(&path, path.with_extension("unusable"))?;
                }
            }
        }
        Ok(all)
    }
}

fn read_one(
    path: &Path,
    federation: &FederationId,
    verifier: &dyn SignatureVerifier,
) -> Result<(Directive, Stored), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if stored.v != FORM {
        return Err(format!("its form is {}, and this daemon knows form {FORM}", stored.v));
    }
    if stored.federation.id != *federation {
        return Err(format!("it is of federation {}", stored.federation.id));
    }
    let directive =
        Directive::verify(&stored.signed, &stored.federation, verifier).map_err(|error| error.to_string())?;
    let name = Directive::hash_of(&stored.signed).to_string();
    if path.file_stem().is_none_or(|stem| stem != name.as_str()) {
        return Err("its name is not its hash".to_owned());
    }
    Ok((directive, stored))
}
