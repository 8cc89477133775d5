//! Manifests from files beside the document.

use std::path::Path;

use serde_json::Value;

use crate::t;

/// The inline manifests, then those of each file in order. Paths are relative to `directory`. Errors: the entry that cannot
/// be read, or has none.
pub fn with_files(inline: Vec<Value>, files: &[String], directory: &Path) -> Result<Vec<Value>, String> {
    let mut all = inline;
    for (number, file) in files.iter().enumerate() {
        let field = format!("spec.manifestFiles[{number}]");
        let found = crate::cmd::documents(&directory.join(file)).map_err(|error| format!("{field}: {error}"))?;
        if found.is_empty() {
            return Err(t!("document-no-manifest", field = field, file = file.as_str()));
        }
        all.extend(found);
    }
    Ok(all)
}
