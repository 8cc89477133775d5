//! Ids and names. Each has one text form, and parsing refuses every other.

mod hash;
mod name;
mod node;

pub use hash::{FederationId, Hash, HashError, KeyId};
pub use name::{
    CatalogueName, ClusterName, EvidenceName, ExceptionName, NameError, OrgName, PolicyName, SecretName, SiteName,
    TicketName, UserId, WorkloadName,
};
pub use node::{NodeId, NodeIdError};
