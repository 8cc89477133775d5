//! What people ask about a workload where it runs (logs, events): of the agents that are connected here, and of the daemons of
//! other sites for theirs. Each site verifies itself who asks, also what its own API passes on, and believes no node about it.
//! What is found passes through: it is in no log, no state and no file of a daemon.

mod judge;

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use serde::{Deserialize, Serialize};
use verbund_agent_link::{Asking, Found, Question, Questions};
use verbund_api::port::{Asked, CopyAnswer, NoAnswer};
use verbund_identity::AskedBy;
use verbund_machine::State;
use verbund_model::resource::PlacedCopy;
use verbund_model::{ClusterName, NodeId, Refusal, SiteName};
use verbund_node::{Clock as _, Inquiries, MAX_ANSWER, NodeHandle, SystemClock};

/// A question as it goes from node to node.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Carried {
    cluster: ClusterName,
    question: Question,
    by: AskedBy,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Said {
    Found(Found),
    Refused(Refusal),
    NotConnected,
    Silent,
    Failed { reason: String },
}

impl From<Said> for Result<Found, NoAnswer> {
    fn from(said: Said) -> Self {
        match said {
            Said::Found(found) => Ok(found),
            Said::Refused(refusal) => Err(NoAnswer::Refused(refusal)),
            Said::NotConnected => Err(NoAnswer::NotConnected),
            Said::Silent => Err(NoAnswer::Silent),
            Said::Failed { reason } => Err(NoAnswer::Failed { reason }),
        }
    }
}

/// Asks, and answers, for one node. A handle: clones are the same.
#[derive(Clone)]
pub struct Inquirer(Arc<Inner>);

struct Inner {
    node: NodeHandle,
    me: NodeId,
    site: SiteName,
    questions: Questions,
}

impl Inquirer {
    /// For the node `me` of `site`, whose agents are connected to `questions`. From now on other nodes are answered too.
    pub fn start(node: &NodeHandle, me: NodeId, site: SiteName, questions: Questions) -> Self {
        let inquirer = Self(Arc::new(Inner { node: node.clone(), me, site, questions }));
        node.answer_inquiries(Arc::new(inquirer.clone()));
        inquirer
    }

    /// Asks at every copy of the workload, all at once. Errors: there is no such workload, or no copy at the named cluster.
    pub async fn ask(&self, asked: Asked) -> Result<Vec<CopyAnswer>, Refusal> {
        let state = self.0.node.read_stale().0;
        let workload = asked.question.workload();
        if state.workload(workload).is_none() {
            return Err(Refusal::NotFound { what: format!("workload {workload}") });
        }
        let copies = state.placement(workload).map(|placement| placement.value.copies.clone()).unwrap_or_default();
        let wanted = |cluster: &ClusterName| asked.cluster.as_ref().is_none_or(|wanted| wanted == cluster);
        let copies: Vec<_> = copies.into_iter().filter(|copy| wanted(&copy.cluster)).collect();
        if let Some(cluster) = asked.cluster.as_ref().filter(|_| copies.is_empty()) {
            return Err(Refusal::NotFound { what: format!("a copy of workload {workload} at cluster {cluster}") });
        }
        let answers = join_all(copies.into_iter().map(|copy| self.copy(&state, &asked, copy))).await;
        Ok(answers.into_iter().flatten().collect())
    }

    async fn copy(&self, state: &State, asked: &Asked, copy: PlacedCopy) -> Option<CopyAnswer> {
        let PlacedCopy { cluster, role, .. } = copy;
        // A copy is only where a cluster is registered.
        let site = state.cluster(&cluster)?.value.site.clone();
        let carried = Carried { cluster, question: asked.question.clone(), by: asked.by.clone() };
        let answer = self.at(state, &site, &carried).await;
        Some(CopyAnswer { cluster: carried.cluster, site, role, answer })
    }

    /// Asks at one cluster: here, if its agent is connected here, else every other active node of its site, and whichever has
    /// the agent answers.
    async fn at(&self, state: &State, site: &SiteName, carried: &Carried) -> Result<Found, NoAnswer> {
        let mut last = NoAnswer::Unreachable { reason: "it has no active node".to_owned() };
        if *site == self.0.site {
            match self.here(carried).await {
                Said::NotConnected => last = NoAnswer::NotConnected,
                said => return said.into(),
            }
        }
        let nodes = state.active_nodes().map(|(node, _)| &node.value);
        let nodes = nodes.filter(|node| node.site == *site && node.id != self.0.me).map(|node| node.id);
        let question = Bytes::from(serde_json::to_vec(carried).unwrap_or_default());
        let mut asked: FuturesUnordered<_> = nodes.map(|node| self.of(node, question.clone())).collect();
        while let Some(answer) = asked.next().await {
            match answer {
                // Another node of the site may have the agent.
                Err(NoAnswer::NotConnected) => last = NoAnswer::NotConnected,
                Err(unreachable @ NoAnswer::Unreachable { .. }) => {
                    if matches!(last, NoAnswer::Unreachable { .. }) {
                        last = unreachable;
                    }
                }
                answer => return answer,
            }
        }
        Err(last)
    }

    async fn of(&self, node: NodeId, question: Bytes) -> Result<Found, NoAnswer> {
        let unreachable = |reason: String| NoAnswer::Unreachable { reason };
        let answer = self.0.node.inquire(node, question).await.map_err(|error| unreachable(error.to_string()))?;
        let said: Result<Said, _> = serde_json::from_slice(&answer);
        said.map_err(|error| {
            unreachable(format!("node {node} answers what this version does not understand: {error}"))
        })?
        .into()
    }

    /// Asks the agent that is connected here, for who may.
    async fn here(&self, carried: &Carried) -> Said {
        let state = self.0.node.read_stale().0;
        let Carried { cluster, question, by } = carried;
        if let Err(refusal) = judge::judge(&state, &self.0.site, cluster, question, by, SystemClock.now()) {
            tracing::info!(%cluster, workload = %question.workload(), key = %by.login.key, %refusal, "a question was refused");
            return Said::Refused(refusal);
        }
        match self.0.questions.ask(cluster, question).await {
            Ok(found) => Said::Found(found),
            Err(Asking::NotHere(_)) => Said::NotConnected,
            Err(Asking::Silent(_)) => Said::Silent,
            Err(Asking::Failed { reason, .. }) => Said::Failed { reason },
        }
    }
}

impl Inquiries for Inquirer {
    fn answer(&self, from: NodeId, question: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        let inquirer = self.clone();
        Box::pin(async move {
            let carried: Carried =
                serde_json::from_slice(&question).map_err(|error| format!("no question: {error}"))?;
            tracing::debug!(%from, cluster = %carried.cluster, "a node asks for a person");
            let said = match inquirer.here(&carried).await {
                // With room for what stands around it.
                Said::Found(found) => Said::Found(found.bounded(MAX_ANSWER - 1024)),
                said => said,
            };
            serde_json::to_vec(&said).map(Bytes::from).map_err(|error| error.to_string())
        })
    }
}
