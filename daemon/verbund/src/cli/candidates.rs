//! What a shell offers for arguments whose values this program knows.

use clap_complete::CompletionCandidate;

use crate::context::Contexts;
use crate::paths::Paths;

/// Kinds of resources.
pub fn kinds() -> Vec<CompletionCandidate> {
    super::kinds().into_iter().map(CompletionCandidate::new).collect()
}

/// Roles of organisations.
pub fn org_roles() -> Vec<CompletionCandidate> {
    super::values::org_roles().iter().copied().map(CompletionCandidate::new).collect()
}

/// Roles of users.
pub fn user_roles() -> Vec<CompletionCandidate> {
    super::values::user_roles().iter().copied().map(CompletionCandidate::new).collect()
}

/// Länder.
pub fn laender() -> Vec<CompletionCandidate> {
    super::laender().iter().copied().map(CompletionCandidate::new).collect()
}

/// Rules from which an exception can be asked for.
pub fn exception_rules() -> Vec<CompletionCandidate> {
    vec![CompletionCandidate::new(verbund_machine::planner::GEOREDUNDANCY)]
}

/// Contexts of this user. A file that cannot be read offers none: completion is no place for errors.
pub fn contexts() -> Vec<CompletionCandidate> {
    let path = Paths::from_environment().ok().map(|paths| paths.contexts());
    let contexts = path.and_then(|path| Contexts::read(&path).ok()).unwrap_or_default();
    contexts.contexts.into_keys().map(CompletionCandidate::new).collect()
}
