//! **Tests only** (cargo feature `tamper`, never a default, in no release): what a hostile leader does, and defences that
//! can be switched off, so that a test can show that each attack succeeds without its defence.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tonic::transport::Endpoint;
use verbund_identity::Head;
use verbund_machine::Entry;
use verbund_model::{FederationId, Hash, NodeId};
use verbund_tls::Lines;

pub use tonic::Code;

use crate::proto;
use crate::raft::{Body, Command, Payload, codec};

/// A defence that a test may switch off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defence {
    /// Followers vet memberships.
    Membership,
    /// Followers refuse stamps far ahead.
    Stamp,
    /// A fork stops writes.
    Fork,
    /// The message must speak for the certificate's node.
    Speaker,
    /// The table of who may call what.
    MayCall,
}

#[derive(Default)]
struct Plan {
    off: BTreeSet<Defence>,
    stamp: Option<u64>,
    speaks_as: Option<NodeId>,
    /// For these followers, commands from these indexes on become others.
    stories: BTreeMap<NodeId, BTreeMap<u64, Bytes>>,
    lie_to: Option<NodeId>,
    lies: u64,
    two_heads: bool,
    known_format: u32,
}

/// The switches.
pub struct Tamper(Mutex<Plan>);

impl Tamper {
    /// All as in a release, but for the latest format that it knows.
    pub(crate) fn knowing(format: u32) -> Self {
        Self(Mutex::new(Plan { known_format: format, ..Plan::default() }))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Switches a defence of this node off.
    pub fn switch_off(&self, defence: Defence) {
        self.plan().off.insert(defence);
    }

    pub(crate) fn defends(&self, defence: Defence) -> bool {
        !self.plan().off.contains(&defence)
    }

    /// From now on this node stamps its entries with that time.
    pub fn stamp_with(&self, stamp: Option<u64>) {
        self.plan().stamp = stamp;
    }

    pub(crate) fn stamp(&self) -> Option<u64> {
        self.plan().stamp
    }

    /// From now on this node's calls say that they come from another.
    pub fn speak_as(&self, node: Option<NodeId>) {
        self.plan().speaks_as = node;
    }

    pub(crate) fn speaks_as(&self) -> Option<NodeId> {
        self.plan().speaks_as
    }

    /// The next command that goes to that follower is another one than everybody else gets: its stamp differs by 1 ms.
    pub fn lie_to(&self, follower: NodeId) {
        self.plan().lie_to = Some(follower);
    }

    /// How many entries were changed on their way.
    #[must_use]
    pub fn lies(&self) -> u64 {
        self.plan().lies
    }

    pub(crate) fn outgoing(&self, node: NodeId, mut message: proto::AppendRequest) -> proto::AppendRequest {
        let mut plan = self.plan();
        for entry in &mut message.entries {
            let Some(index) = entry.id.as_ref().map(|id| id.index) else { continue };
            // What was told once is told again, so that the follower keeps its story.
            if let Some(body) = plan.stories.get(&node).and_then(|told| told.get(&index)) {
                entry.body = body.clone();
                continue;
            }
            if plan.lie_to == Some(node)
                && let Some(body) = another(&entry.body)
            {
                plan.lie_to = None;
                plan.lies += 1;
                plan.stories.entry(node).or_default().insert(index, body.clone());
                entry.body = body;
            }
        }
        message
    }

    /// From now on this node is as a later build, which knows formats up to that one.
    pub fn know_format(&self, format: u32) {
        self.plan().known_format = format;
    }

    pub(crate) fn known_format(&self) -> u32 {
        self.plan().known_format
    }

    /// From now on this node signs, each time it is asked, another head for its newest index.
    pub fn sign_two_heads(&self, on: bool) {
        self.plan().two_heads = on;
    }

    pub(crate) fn other_head(&self, newest: Option<Head>) -> Option<Head> {
        let mut plan = self.plan();
        if !plan.two_heads {
            return None;
        }
        plan.lies += 1;
        let byte = u8::try_from(plan.lies % 251).unwrap_or(0);
        newest.map(|head| Head { chain: Hash([byte; 32]), ..head })
    }
}

/// A command with the same envelope and another stamp.
fn another(body: &Bytes) -> Option<Bytes> {
    let payload = codec::decode(body).ok()?;
    let Body::Command(command) = &payload.body else { return None };
    let mut entry = Entry::from_bytes(&command.0).ok()?;
    entry.stamp += 1;
    let body = Body::Command(Command(entry.to_bytes().into()));
    Some(codec::encode(&Payload { body, basis: 0 }))
}

/// Calls a node's Raft service over connections of the caller's own, in the name of `claimed`; gives code and message.
pub async fn call_raft(lines: &Lines, federation: FederationId, node: NodeId, claimed: NodeId) -> (Code, String) {
    let channel = Endpoint::from_static("http://peer.invalid").connect_with_connector_lazy(lines.connector(node));
    let vote = proto::Vote { term: 1_000_000, node: claimed.0, committed: false };
    let mut request = tonic::Request::new(proto::VoteRequest { vote: Some(vote), last: None, transfer: false });
    let values = [
        (crate::peers::FEDERATION, federation.to_string()),
        (crate::peers::GENERATION, "0".to_owned()),
        (crate::peers::FROM, claimed.to_string()),
        (crate::peers::TO, node.to_string()),
    ];
    for (name, value) in values {
        if let Ok(value) = value.parse() {
            request.metadata_mut().insert(name, value);
        }
    }
    match proto::raft_client::RaftClient::new(channel).pre_vote(request).await {
        Ok(_) => (Code::Ok, String::new()),
        Err(status) => (status.code(), status.message().to_owned()),
    }
}
