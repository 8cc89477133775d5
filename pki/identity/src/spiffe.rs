//! Names in certificates: SPIFFE ids below a site's trust domain (design 3.2), and the DNS names that go with them.

use std::fmt;
use std::str::FromStr;

use verbund_model::id::NameError;
use verbund_model::{NodeId, SiteName, UserId};

/// Why a text is no name of this federation's kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpiffeError {
    /// The URI is not of the form that we write.
    #[error(
        "{got:?} is no name that Verbund knows: wanted spiffe://<site>.<federation>/ with node/<id>, agent/<cluster>, user/<id> or workload/<name>"
    )]
    Form {
        /// The URI, cut to 200 characters.
        got: String,
    },
    /// A part of it is no name.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// A site's SPIFFE trust domain, `<site>.<federation>` (SPIFFE-ID, 2.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain {
    /// The site.
    pub site: SiteName,
    /// The federation's name, of the same form as a site's.
    pub federation: SiteName,
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.site, self.federation)
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let (site, federation) = text.split_once('.').ok_or_else(|| form(text))?;
        Ok(Self { site: SiteName::new(site)?, federation: SiteName::new(federation)? })
    }
}

/// Whom a certificate names within its trust domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A daemon.
    Node(NodeId),
    /// The agent of a cluster.
    Agent(SiteName),
    /// A person or program with a registered key.
    User(UserId),
    /// A workload.
    Workload(SiteName),
}

/// A SPIFFE id: who, in whose trust domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    /// The trust domain, whose CA alone may vouch for the name.
    pub trust_domain: TrustDomain,
    /// Whom it names.
    pub subject: Subject,
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/", self.trust_domain)?;
        match &self.subject {
            Subject::Node(id) => write!(f, "node/{id}"),
            Subject::Agent(cluster) => write!(f, "agent/{cluster}"),
            Subject::User(id) => write!(f, "user/{id}"),
            Subject::Workload(name) => write!(f, "workload/{name}"),
        }
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeError;

    fn from_str(text: &str) -> Result<Self, SpiffeError> {
        let rest = text.strip_prefix("spiffe://").ok_or_else(|| form(text))?;
        let mut parts = rest.split('/');
        let (Some(domain), Some(kind), Some(name), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(form(text));
        };
        let subject = match kind {
            "node" => Subject::Node(name.parse().map_err(|_| form(text))?),
            "agent" => Subject::Agent(SiteName::new(name)?),
            "user" => Subject::User(UserId::new(name)?),
            "workload" => Subject::Workload(SiteName::new(name)?),
            _ => return Err(form(text)),
        };
        Ok(Self { trust_domain: domain.parse()?, subject })
    }
}

fn form(text: &str) -> SpiffeError {
    SpiffeError::Form { got: text.chars().take(200).collect() }
}
