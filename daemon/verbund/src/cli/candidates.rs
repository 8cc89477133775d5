//! What a shell offers for arguments whose values this program knows.

use clap_complete::CompletionCandidate;
use verbund_model::view::Kind;

use crate::context::Contexts;
use crate::paths::Paths;

/// Kinds of resources.
pub fn kinds() -> Vec<CompletionCandidate> {
    Kind::ALL.iter().map(|kind| CompletionCandidate::new(kind.plural())).collect()
}

/// Contexts of this user. A file that cannot be read offers none: completion is no place for errors.
pub fn contexts() -> Vec<CompletionCandidate> {
    let path = Paths::from_environment().ok().map(|paths| paths.contexts());
    let contexts = path.and_then(|path| Contexts::read(&path).ok()).unwrap_or_default();
    contexts.contexts.into_keys().map(CompletionCandidate::new).collect()
}
