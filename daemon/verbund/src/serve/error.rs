//! Why the daemon does not serve, or serves no more.

use std::net::SocketAddr;
use std::path::PathBuf;

use verbund_model::SiteName;

use super::enrolment::EnrolmentError;
use super::identity::IdentityError;

/// Why the daemon does not serve, or serves no more.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The directory has no usable admission.
    #[error(transparent)]
    Enrolment(#[from] EnrolmentError),
    /// The configuration names another site than the directory.
    #[error(
        "the configuration is for site {configured}, but {data_dir} belongs to {found}: correct `site` or `dataDir`"
    )]
    OtherSite {
        /// Of the configuration.
        configured: SiteName,
        /// Of the directory.
        found: SiteName,
        /// The directory.
        data_dir: PathBuf,
    },
    /// There is no passphrase.
    #[error("the passphrase of the site's keys: {0}")]
    Passphrase(#[from] verbund_keys::SourceError),
    /// The keys do not open.
    #[error(transparent)]
    Keys(#[from] verbund_keys::SiteKeysError),
    /// The node's own certificate.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// An address that others told cannot be used.
    #[error("the trust that {data_dir} begins with cannot be used: {reason}")]
    Trust {
        /// The directory.
        data_dir: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] verbund_store::OpenError),
    /// The store is gone.
    #[error(
        "{dir} once held this node's log, and it is not there: a node that forgot its promises must not vote. \
         Give node up (`verbund node remove`) and join as a new one"
    )]
    StoreLost {
        /// Where it was.
        dir: PathBuf,
    },
    /// A file of the data directory.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: std::io::Error,
    },
    /// An address cannot be bound.
    #[error(
        "{setting}: {address} cannot be bound: {source}. Is another daemon running, or the address not this machine's?"
    )]
    Bind {
        /// The setting.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A listener did not start.
    #[error("TLS could not be set up: {0}")]
    Tls(std::io::Error),
    /// The node did not start.
    #[error(transparent)]
    Node(#[from] verbund_node::StartError),
    /// The node ended by itself.
    #[error("this node takes part no more: {why}")]
    Halted {
        /// Why.
        why: String,
    },
    /// The log could not be closed.
    #[error("the log could not be closed: {0}")]
    Close(verbund_store::StoreFailure),
}
