//! Asking all voters at once.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::join_all;
use futures::stream::{BoxStream, FuturesUnordered};
use verbund_lease::{Answer, Refused, Renewal};
use verbund_model::resource::{Finding, SignedFinding};
use verbund_model::{NodeId, SiteName};

use super::desk::Desk;
use super::view::voters;
use crate::peers::Peers;
use crate::proto;
use crate::shared::Shared;

/// How long a voter may take to answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// How long the other voters may take to state something once it is enough.
const GRACE: Duration = Duration::from_millis(50);

/// How long the others may take when one has refused: it may be a moment behind, and is then asked again soon, which must not
/// wait for one that is lost. Longer than the way to any that lives.
const AFTER_REFUSAL: Duration = Duration::from_millis(600);

/// What one voter said to one renewal.
pub type RenewalResult = (NodeId, Result<Answer, Refused>);

/// What the voters said when they were asked what they found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The statements.
    pub statements: Vec<SignedFinding>,
    /// Who made none, and why.
    pub without: Vec<(NodeId, String)>,
}

/// Who asks.
#[derive(Clone)]
pub(crate) struct Rounds {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peers: Arc<Peers>,
    pub(crate) desk: Arc<Desk>,
}

impl Rounds {
    /// Shows every voter that this node lives.
    pub(crate) async fn beat(&self) {
        join_all(self.voters().into_iter().map(|voter| self.renew_at(voter, &[]))).await;
    }

    /// Brings renewals to every voter. For each renewal, in order, what the voters that answered in time said.
    pub(crate) async fn renew(&self, renewals: &[Renewal]) -> Vec<Vec<RenewalResult>> {
        let asked = self.voters().into_iter().map(|voter| async move { (voter, self.renew_at(voter, renewals).await) });
        let mut all: Vec<Vec<RenewalResult>> = vec![Vec::new(); renewals.len()];
        for (voter, answers) in join_all(asked).await {
            for (said, answer) in all.iter_mut().zip(answers) {
                said.push((voter, answer));
            }
        }
        all
    }

    /// The same for one renewal, with what each voter says as it comes.
    pub(crate) fn renew_each(&self, renewal: Renewal) -> BoxStream<'static, RenewalResult> {
        let ask = |voter: NodeId| {
            let (rounds, renewal) = (self.clone(), renewal.clone());
            async move {
                let said = rounds.renew_at(voter, std::slice::from_ref(&renewal)).await;
                said.into_iter().next().map(|said| (voter, said))
            }
        };
        let asked: FuturesUnordered<_> = self.voters().into_iter().map(ask).collect();
        asked.filter_map(std::future::ready).boxed()
    }

    /// Asks every voter to state what it found. When those that did are enough for a verdict, the others have a moment
    /// more, and less than usual when one refused: a voter that is lost would be waited for in vain.
    pub(crate) async fn find(&self, finding: &Finding) -> Found {
        let ask = |voter: NodeId| async move { (voter, self.find_at(voter, finding).await) };
        let mut asked: FuturesUnordered<_> = self.voters().into_iter().map(ask).collect();
        let mut found = Found::default();
        let mut patience = PATIENCE;
        // Who does not answer is cut off in `find_at`; when it is enough, here.
        while let Ok(Some((voter, said))) = tokio::time::timeout(patience, asked.next()).await {
            match said.and_then(|statement| self.check(finding, statement)) {
                Ok(statement) => {
                    found.statements.push(statement);
                    if self.shared.published.state().counted(finding, &found.statements).is_some() {
                        patience = GRACE;
                    }
                }
                Err(why) => {
                    found.without.push((voter, why));
                    patience = patience.min(AFTER_REFUSAL);
                }
            }
        }
        found
    }

    /// A statement under a true signature: with a false one among them, the others would not count either.
    fn check(&self, finding: &Finding, statement: SignedFinding) -> Result<SignedFinding, String> {
        let state = self.shared.published.state();
        let checked = state.check_statement(finding, &statement, &*self.shared.verifier);
        checked.map(|()| statement).map_err(|refusal| refusal.to_string())
    }

    fn voters(&self) -> Vec<NodeId> {
        let voters = voters(&self.shared.published.state());
        let all: std::collections::BTreeSet<NodeId> = voters.configs.into_iter().flatten().collect();
        all.into_iter().collect()
    }

    fn own_site(&self) -> Option<SiteName> {
        self.shared.published.state().node(&self.shared.id).map(|node| node.value.site.clone())
    }

    async fn renew_at(&self, voter: NodeId, renewals: &[Renewal]) -> Vec<Result<Answer, Refused>> {
        if voter == self.shared.id {
            let Some(site) = self.own_site() else { return Vec::new() };
            return self.desk.beat(&site, renewals).await;
        }
        let message = proto::BeatRequest { renewals: renewals.iter().map(proto::json).collect() };
        let request = self.peers.request(voter, message, Some(PATIENCE));
        let mut client = self.peers.lease(voter);
        match tokio::time::timeout(PATIENCE, client.beat(request)).await {
            Ok(Ok(reply)) => reply.into_inner().results.iter().filter_map(|result| read(voter, result)).collect(),
            Ok(Err(status)) => {
                tracing::debug!(peer = %voter, %status, "no answer to a beat");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    async fn find_at(&self, voter: NodeId, finding: &Finding) -> Result<SignedFinding, String> {
        if voter == self.shared.id {
            return self.desk.find(finding).await.map_err(|error| error.to_string());
        }
        let message = proto::FindingRequest { finding: proto::json(finding) };
        let request = self.peers.request(voter, message, Some(PATIENCE));
        let mut client = self.peers.lease(voter);
        let reply = tokio::time::timeout(PATIENCE, client.find(request)).await.map_err(|_| "no answer".to_owned())?;
        let reply = reply.map_err(|status| status.message().to_owned())?.into_inner();
        match reply.result {
            Some(proto::finding_reply::Result::Statement(bytes)) => {
                let statement: SignedFinding = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
                if statement.node == voter { Ok(statement) } else { Err("it states in another's name".to_owned()) }
            }
            Some(proto::finding_reply::Result::Refused(why)) => Err(why),
            None => Err("an empty answer".to_owned()),
        }
    }
}

/// A voter's result. One in another voter's name, or unreadable, is none.
fn read(voter: NodeId, result: &proto::BeatResult) -> Option<Result<Answer, Refused>> {
    match result.result.as_ref()? {
        proto::beat_result::Result::Answer(bytes) => {
            serde_json::from_slice::<Answer>(bytes).ok().filter(|answer| answer.voter == voter).map(Ok)
        }
        proto::beat_result::Result::Refused(bytes) => serde_json::from_slice::<Refused>(bytes).ok().map(Err),
    }
}
