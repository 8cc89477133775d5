//! Questions that one site's daemon carries to another's: the port of who answers, and how they are sent.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use verbund_model::NodeId;

use crate::node::NodeHandle;
use crate::proto;

/// The most bytes of a question.
pub const MAX_QUESTION: usize = 64 * 1024;
/// The most bytes of an answer.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// How many questions of other nodes are answered at the same time; one more is sent away.
pub(crate) const AT_ONCE: usize = 64;
/// How long an answer is waited for: an agent may take 15 s.
const PATIENCE: Duration = Duration::from_secs(18);

/// Who answers what other nodes ask. Whose node asks is known by its certificate; on whose behalf it does is in the question,
/// and for the implementer to verify: the node is not believed.
pub trait Inquiries: Send + Sync + 'static {
    /// The answer to a question of node `from`, at most [`MAX_ANSWER`] bytes. Both are JSON of the implementer. Errors: why there
    /// is none, in words.
    fn answer(&self, from: NodeId, question: Bytes) -> BoxFuture<'static, Result<Bytes, String>>;
}

/// Why a node gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {node} gave no answer: {reason}")]
pub struct NoAnswer {
    /// The node.
    pub node: NodeId,
    /// Why.
    pub reason: String,
}

impl NodeHandle {
    /// From now on this node answers what others ask it. Only the first call counts.
    pub fn answer_inquiries(&self, inquiries: std::sync::Arc<dyn Inquiries>) {
        if self.shared().inquiries.set(inquiries).is_err() {
            tracing::error!("inquiries of other nodes are answered already");
        }
    }

    /// Asks another node. Errors: [`NoAnswer`].
    pub async fn inquire(&self, node: NodeId, question: Bytes) -> Result<Bytes, NoAnswer> {
        let failed = |reason: String| NoAnswer { node, reason };
        if question.len() > MAX_QUESTION {
            return Err(failed(format!("the question has {} bytes, at most {MAX_QUESTION}", question.len())));
        }
        let peers = self.peers();
        let request = peers.request(node, proto::AskRequest { question }, Some(PATIENCE));
        let call = async { peers.inquiry(node).ask(request).await };
        match tokio::time::timeout(PATIENCE, call).await {
            Ok(Ok(reply)) => Ok(Bytes::copy_from_slice(&reply.into_inner().answer)),
            Ok(Err(status)) => Err(failed(format!("{:?}, {}", status.code(), status.message()))),
            Err(_) => Err(failed(format!("it took longer than {} s", PATIENCE.as_secs()))),
        }
    }
}
