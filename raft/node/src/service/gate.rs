//! Who may call: the certificate's name, the state's word on that node, and what the message says of its sender must
//! agree, before anything else looks at it.

use tonic::{Request, Status};
use verbund_identity::Subject;
use verbund_machine::State;
use verbund_model::NodeId;
use verbund_model::resource::NodeStanding;
use verbund_tls::{Alpn, Caller, Service};

use crate::peers::{FEDERATION, FROM, GENERATION, TO};
use crate::refusal::PeerRefusal;
use crate::shared::Shared;
#[cfg(feature = "tamper")]
use crate::tamper::Defence;

/// Lets a call pass and tells whose it is. Errors: `PERMISSION_DENIED` for a certificate, standing or speaker that does
/// not fit; `FAILED_PRECONDITION` for another federation.
pub(crate) fn admit<T>(shared: &Shared, request: &Request<T>, service: Service) -> Result<NodeId, Box<Status>> {
    judge(shared, request, service).map_err(|refusal| Box::new(shared.refuse(&refusal, service)))
}

fn judge<T>(shared: &Shared, request: &Request<T>, service: Service) -> Result<NodeId, PeerRefusal> {
    if service != Service::Directives && !shared.is_open() {
        return Err(PeerRefusal::NotYet);
    }
    let caller = request.extensions().get::<Caller>();
    let caller = caller.ok_or_else(|| not_allowed("the connection has no known caller"))?;
    if !matches!(caller.alpn, Alpn::Peer | Alpn::Reverse) {
        return Err(not_allowed(&format!("{} is no connection between nodes", caller.alpn)));
    }
    let certificate = certificate(shared, caller, service)?;
    let text = |name: &str| request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text(FEDERATION) != shared.federation.to_string() || text(GENERATION) != shared.generation.to_string() {
        let (federation, generation) = (text(FEDERATION), text(GENERATION));
        let why = format!(
            "the call is for federation {federation:?}, generation {generation:?}; this is {}, generation {}",
            shared.federation, shared.generation
        );
        return Err(PeerRefusal::OtherFederation(why));
    }
    if text(TO) != shared.id.to_string() {
        return Err(not_allowed(&format!("the call is for node {:?}, and this is node {}", text(TO), shared.id)));
    }
    let claimed: NodeId = text(FROM).parse().map_err(|_| not_allowed("the call does not say from which node it is"))?;
    speaks_for(shared, certificate, claimed)?;
    Ok(certificate)
}

/// The node that the connection's certificate names, if it may call at all.
fn certificate(shared: &Shared, caller: &Caller, service: Service) -> Result<NodeId, PeerRefusal> {
    let peer = caller.peer.as_ref().ok_or_else(|| not_allowed("the caller gave no certificate"))?;
    if !caller.may_call(service) {
        #[cfg(feature = "tamper")]
        if !shared.defends(Defence::MayCall) {
            return Ok(NodeId::default());
        }
        return Err(not_allowed(&format!("{} may not call {service:?}", peer.id)));
    }
    let Subject::Node(node) = peer.id.subject else {
        return Err(not_allowed(&format!("{} is no node", peer.id)));
    };
    let state = shared.published.state();
    if peer.id.trust_domain.federation != state.federation().value.name {
        return Err(not_allowed(&format!("{} is of another federation", peer.id)));
    }
    let site = &peer.id.trust_domain.site;
    standing(&state, node, site.as_str())?;
    if shared.depot.distrusts_node(node, site) {
        return Err(not_allowed(&format!("node {node} of site {site} is excluded by a directive")));
    }
    Ok(node)
}

/// What the state says of the node. One that was minted after all that this replica knows may be real: this replica is
/// behind, and hears of it from that very node if it leads.
fn standing(state: &State, node: NodeId, site: &str) -> Result<(), PeerRefusal> {
    match state.node(&node) {
        Some(known) if known.value.site.as_str() != site => {
            Err(not_allowed(&format!("node {node} belongs to site {}, not to {site}", known.value.site)))
        }
        Some(known) if known.value.standing == NodeStanding::Removed => {
            Err(not_allowed(&format!("node {node} was removed and never returns under its id")))
        }
        Some(_) => Ok(()),
        None if state.nodes().next_back().is_none_or(|last| last.value.id < node) => Ok(()),
        None => Err(not_allowed(&format!("node {node} was never admitted"))),
    }
}

/// A message in the name of `claimed` must come from that node. Errors: [`PeerRefusal::NotTheSpeaker`].
pub(crate) fn speaks_for(_shared: &Shared, certificate: NodeId, claimed: NodeId) -> Result<(), PeerRefusal> {
    #[cfg(feature = "tamper")]
    if !_shared.defends(Defence::Speaker) {
        return Ok(());
    }
    if claimed == certificate { Ok(()) } else { Err(PeerRefusal::NotTheSpeaker { claimed, certificate }) }
}

fn not_allowed(why: &str) -> PeerRefusal {
    PeerRefusal::NotAllowed(why.to_owned())
}
