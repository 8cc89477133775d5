//! Numbers that only rise, each with a type of its own so that none is taken for another.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// The generation of a cluster's lease (`leaseGeneration`). It rises with each opening, and a closed one never opens again.
    Generation
}
number! {
    /// Which start of a cluster's agent this is. An agent that starts registers so through the log, which mints the number
    /// and never lowers it (see [`crate::OpenLease::incarnation`]); 0 stands for "none registered", and is no start's.
    Incarnation
}
number! {
    /// Which activation of a workload this is; it rises with each. The placement's, and nobody else's word (formats).
    Epoch
}
number! {
    /// Tells the questions of one asker apart. A count is enough: the asker's own incarnation stands beside it.
    Nonce
}
