//! What this node does for others.

pub(crate) mod archive;
pub(crate) mod directives;
pub(crate) mod forward;
pub(crate) mod gate;
pub(crate) mod heads;
pub(crate) mod inquiry;
pub(crate) mod intake;
pub(crate) mod lease;
pub(crate) mod raft;
