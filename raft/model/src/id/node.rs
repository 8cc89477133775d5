//! Node ids: minted by apply, never used twice (I10).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no node id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a node id is written as generation.counter, such as 0.3, but got {got:?}")]
pub struct NodeIdError {
    /// The text that was given, cut to 80 characters.
    pub got: String,
}

/// A daemon's id: `federationGeneration << 32 | counter` (formats 5). Text form: `generation.counter`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u64);

impl NodeId {
    /// The id that the `counter`-th node of a generation gets.
    #[must_use]
    pub const fn mint(federation_generation: u32, counter: u32) -> Self {
        Self(((federation_generation as u64) << 32) | counter as u64)
    }

    /// The federation generation in which the id was minted.
    #[must_use]
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The count within the generation, from 1.
    #[must_use]
    pub const fn counter(self) -> u32 {
        (self.0 & 0xffff_ffff) as u32
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.generation(), self.counter())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;

    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let parse = || {
            let (generation, counter) = text.split_once('.')?;
            Some(Self::mint(generation.parse().ok()?, counter.parse().ok()?))
        };
        let id = parse().ok_or_else(|| NodeIdError { got: text.chars().take(80).collect() })?;
        // One text form only: "00.1" or "+0.1" name nothing.
        if id.to_string() == text { Ok(id) } else { Err(NodeIdError { got: text.chars().take(80).collect() }) }
    }
}
