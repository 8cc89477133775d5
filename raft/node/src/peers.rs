//! Clients for the other nodes: one HTTP/2 connection each, whichever side dialled.

use std::collections::HashMap;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tonic::Request;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use verbund_model::NodeId;
use verbund_tls::Lines;

use crate::alarm::Alarm;
use crate::directives::MAX_EXCHANGE;
use crate::proto;
use crate::proto::archive_client::ArchiveClient;
use crate::proto::directives_client::DirectivesClient;
use crate::proto::forward_client::ForwardClient;
use crate::proto::heads_client::HeadsClient;
use crate::proto::inquiry_client::InquiryClient;
use crate::proto::lease_client::LeaseClient;
use crate::proto::raft_client::RaftClient;
use crate::refusal::PeerRefusal;
use crate::shared::Shared;

/// The most bytes of one message of the peer protocol.
pub(crate) const MAX_MESSAGE: usize = 4 * 1024 * 1024;
/// How often a silent connection is asked whether it lives, and how long it may take to answer.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(3);

pub(crate) const FEDERATION: &str = "verbund-federation";
pub(crate) const GENERATION: &str = "verbund-generation";
pub(crate) const FROM: &str = "verbund-from";
pub(crate) const TO: &str = "verbund-to";

/// The clients.
pub(crate) struct Peers {
    shared: Arc<Shared>,
    lines: Lines,
    channels: Mutex<HashMap<NodeId, Channel>>,
}

impl Peers {
    pub(crate) fn new(shared: Arc<Shared>, lines: Lines) -> Self {
        Self { shared, lines, channels: Mutex::default() }
    }

    fn channel(&self, node: NodeId) -> Channel {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        let connect = || {
            // The address is not used: the connector knows the node.
            Endpoint::from_static("http://peer.invalid")
                .http2_keep_alive_interval(KEEPALIVE)
                .keep_alive_timeout(KEEPALIVE)
                .keep_alive_while_idle(true)
                .initial_stream_window_size(1024 * 1024)
                .initial_connection_window_size(4 * 1024 * 1024)
                .connect_with_connector_lazy(self.lines.connector(node))
        };
        channels.entry(node).or_insert_with(connect).clone()
    }

    /// Forgets the connection to a node that is no member any more.
    pub(crate) fn forget(&self, known: impl Fn(NodeId) -> bool) {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner).retain(|node, _| known(*node));
    }

    pub(crate) fn raft(&self, node: NodeId) -> RaftClient<Channel> {
        RaftClient::new(self.channel(node)).max_decoding_message_size(MAX_MESSAGE)
    }

    pub(crate) fn heads(&self, node: NodeId) -> HeadsClient<Channel> {
        HeadsClient::new(self.channel(node)).max_decoding_message_size(MAX_MESSAGE)
    }

    pub(crate) fn forward(&self, node: NodeId) -> ForwardClient<Channel> {
        ForwardClient::new(self.channel(node)).max_decoding_message_size(MAX_MESSAGE)
    }

    pub(crate) fn archive(&self, node: NodeId) -> ArchiveClient<Channel> {
        ArchiveClient::new(self.channel(node)).max_decoding_message_size(MAX_MESSAGE)
    }

    pub(crate) fn lease(&self, node: NodeId) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel(node)).max_decoding_message_size(MAX_MESSAGE)
    }

    pub(crate) fn inquiry(&self, node: NodeId) -> InquiryClient<Channel> {
        InquiryClient::new(self.channel(node)).max_decoding_message_size(MAX_MESSAGE)
    }

    pub(crate) fn directives(&self, node: NodeId) -> DirectivesClient<Channel> {
        DirectivesClient::new(self.channel(node)).max_decoding_message_size(MAX_EXCHANGE)
    }

    /// A request to `node` that says for whom and from whom it is.
    pub(crate) fn request<T>(&self, node: NodeId, message: T, timeout: Option<Duration>) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(timeout) = timeout {
            request.set_timeout(timeout);
        }
        let from = self.speaks_as();
        let shared = &self.shared;
        let values = [
            (FEDERATION, shared.federation.to_string()),
            (GENERATION, shared.generation.to_string()),
            (FROM, from.to_string()),
            (TO, node.to_string()),
        ];
        for (name, value) in values {
            set(request.metadata_mut(), name, &value);
        }
        request
    }

    #[cfg(not(feature = "tamper"))]
    fn speaks_as(&self) -> NodeId {
        self.shared.id
    }

    #[cfg(feature = "tamper")]
    fn speaks_as(&self) -> NodeId {
        self.shared.tamper.speaks_as().unwrap_or(self.shared.id)
    }

    /// What goes out to a follower.
    #[cfg(not(feature = "tamper"))]
    #[allow(clippy::unused_self)]
    pub(crate) fn outgoing(&self, _node: NodeId, message: proto::AppendRequest) -> proto::AppendRequest {
        message
    }

    /// What goes out to a follower: a tampered leader tells each its own story.
    #[cfg(feature = "tamper")]
    pub(crate) fn outgoing(&self, node: NodeId, message: proto::AppendRequest) -> proto::AppendRequest {
        self.shared.tamper.outgoing(node, message)
    }

    /// A peer refused what this node sent as leader.
    pub(crate) fn note_refusal(&self, by: NodeId, refusal: &PeerRefusal) {
        let me = self.shared.id;
        if let Some(before) = self.shared.refused.due(&format!("{by} {refusal}"), std::time::Instant::now()) {
            tracing::warn!(peer = %by, %refusal, before, "a peer refused this node's message");
        }
        match refusal {
            PeerRefusal::ForgedMembership { index, why } => {
                let why = format!("{why} (refused by node {by})");
                self.shared.raise(Alarm::ForgedMembership { leader: me, index: *index, why });
            }
            PeerRefusal::ClockAhead { ahead, .. } => {
                self.shared.raise(Alarm::ClockAhead { node: me, ahead: *ahead, seen_by: by });
            }
            _ => {}
        }
    }
}

fn set(metadata: &mut MetadataMap, name: &'static str, value: &str) {
    // Hexadecimal digits, numbers and node ids are all ASCII.
    if let Ok(value) = MetadataValue::<Ascii>::from_str(value) {
        metadata.insert(name, value);
    }
}
