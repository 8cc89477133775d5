//! A caller of the peers' protocol with any certificate: what an attacker on the network would be.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use futures::future::BoxFuture;
use prost::Message as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncReadExt as _;
use tonic::Status;
use verbund_identity::Subject;
use verbund_keys::{Passphrase, SiteKeys};
use verbund_model::{FederationId, NodeId};
use verbund_tls::{Alpn, Bundle, Dialer, Domain, Ends, Expected, Line, LiveIdentity, Trust};

use crate::desk::PASSPHRASE;
use crate::rpc::Rpc;
use crate::site::Site;

/// `Vote` of the peers' protocol.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Vote {
    /// The term.
    #[prost(uint64, tag = "1")]
    pub term: u64,
    /// In whose name.
    #[prost(uint64, tag = "2")]
    pub node: u64,
    /// Whether a majority gave it.
    #[prost(bool, tag = "3")]
    pub committed: bool,
}

/// `VoteRequest`, in part.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct VoteRequest {
    /// What is asked for.
    #[prost(message, optional, tag = "1")]
    pub vote: Option<Vote>,
}

/// `VoteReply`, in part.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct VoteReply {
    /// The vote that stands.
    #[prost(message, optional, tag = "1")]
    pub vote: Option<Vote>,
    /// Whether it was granted.
    #[prost(bool, tag = "2")]
    pub granted: bool,
}

/// What a call says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Says {
    /// In which federation.
    pub federation: FederationId,
    /// From which node.
    pub from: NodeId,
    /// To which.
    pub to: NodeId,
}

/// A site's keys, opened.
pub fn site_keys(site: &Site) -> Result<SiteKeys> {
    Ok(SiteKeys::open(&site.data_dir().join("keys"), &Passphrase::new(PASSPHRASE.as_bytes().to_vec())?)?)
}

/// The identity that a site's own CA gives to a node of that name: what whoever holds the site's keys can make.
pub fn node_identity(site: &Site, node: NodeId) -> Result<Arc<LiveIdentity>> {
    identity(site, Subject::Node(node), SystemTime::now(), Duration::from_secs(3600))
}

/// The identity that a site's own CA gives to anybody, by a clock that shows `now`, and for so long.
pub fn identity(site: &Site, subject: Subject, now: SystemTime, lifetime: Duration) -> Result<Arc<LiveIdentity>> {
    let keys = site_keys(site)?;
    let identity = keys.ca().issue_identity(subject, Vec::new(), Vec::new(), lifetime, now.into())?;
    let chain = identity.chain.into_iter().map(|c| CertificateDer::from(c.into_der())).collect();
    let anchor = CertificateDer::from(keys.anchor_certificate().der().to_vec());
    let key = PrivatePkcs8KeyDer::from(identity.key.to_pkcs8()?.to_vec());
    Ok(LiveIdentity::from_pkcs8(chain, anchor, key)?)
}

/// A bundle with this one site in it.
fn trust_in(site: &Site) -> Result<Arc<Trust>> {
    let keys = site_keys(site)?;
    let anchors = vec![keys.anchor_certificate().der().to_vec()];
    let domain = Domain { anchors, ..Domain::default() };
    let domains = [(keys.trust_domain().clone(), domain)].into();
    Ok(Trust::new(Bundle { sequence: 1, domains, ..Bundle::default() }))
}

/// A connection to a site's peer listener as `identity`. Errors: it was refused.
pub async fn peer_line(site: &Site, identity: &Arc<LiveIdentity>) -> Result<Line> {
    let ends = Ends { trust: trust_in(site)?, identity: identity.clone() };
    let addresses = [site.peer_address().parse()?];
    let expected = Expected::Domain(site_keys(site)?.trust_domain().clone());
    Ok(Dialer::default().dial(&ends, &addresses, &expected, Alpn::Peer).await?)
}

/// A function that shakes hands with a site's peer listener as `identity`, and hangs up. Errors: it was refused.
pub fn dial_as(
    site: &Site,
    identity: &Arc<LiveIdentity>,
) -> Result<impl Fn() -> BoxFuture<'static, Result<()>> + Send + 'static> {
    let ends = Ends { trust: trust_in(site)?, identity: identity.clone() };
    let address: verbund_tls::Address = site.peer_address().parse()?;
    let expected = Expected::Domain(site_keys(site)?.trust_domain().clone());
    Ok(move || {
        let (ends, address, expected) = (ends.clone(), address.clone(), expected.clone());
        let dial = async move {
            let mut line = Dialer::default().dial(&ends, &[address], &expected, Alpn::Peer).await?;
            // In TLS 1.3 a server refuses a client only after the client is done: whoever is let in hears HTTP/2's settings.
            let mut first = [0; 1];
            anyhow::ensure!(line.read(&mut first).await? == 1, "the connection was closed at once");
            Ok(())
        };
        Box::pin(dial) as BoxFuture<'static, Result<()>>
    })
}

/// Asks a site's peer listener for a vote, with `identity`. Errors: the outer one, no connection; the inner one, the
/// call was refused.
pub async fn ask_for_vote(
    site: &Site,
    identity: &Arc<LiveIdentity>,
    says: Says,
    vote: Vote,
) -> Result<Result<VoteReply, Status>> {
    let rpc = Rpc::over(peer_line(site, identity).await?).await?;
    let request = VoteRequest { vote: Some(vote) }.encode_to_vec().into();
    match rpc.call("/verbund.peer.v1.Raft/Vote", Some(says), request).await? {
        Ok(reply) => Ok(Ok(VoteReply::decode(reply)?)),
        Err(status) => Ok(Err(status)),
    }
}
