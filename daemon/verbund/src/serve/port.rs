//! The API's port, over the node.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use time::OffsetDateTime;
use verbund_api::Status;
use verbund_api::port::{
    Asked, AuditError, CertificateOrder, Consistency, CopyAnswer, DirectiveView, Federation, IssueError,
    IssuedCertificate, Question, ReadError, ReadState, SessionInfo, SubmitError, Submitted, TakeError, View,
    WatchError, WatchInterrupted, WatchItem, WatchResult,
};
use verbund_identity::asked::ASKING_LIFETIME;
use verbund_identity::{SignatureVerifier, SpiffeId, Subject};
use verbund_keys::{AwsVerifier, LeafRequest, ProvenKey, SiteKeys};
use verbund_machine::State;
use verbund_model::resource::{Millis, RegisteredKey};
use verbund_model::view::{Kind, Resource};
use verbund_model::{FederationId, KeyId, Refusal};
use verbund_node::{Clock as _, NodeHandle, SystemClock};

use super::asking::Inquirer;
use super::directives;
use super::records;
use super::start::Started;
use super::status;
use crate::config::Config;

/// How long a certificate for reading is valid: a working day.
const USER_LIFETIME: Duration = Duration::from_millis(ASKING_LIFETIME);

/// What the API sees of this daemon.
pub struct Port {
    node: NodeHandle,
    keys: Arc<Mutex<SiteKeys>>,
    about: status::About,
    inquirer: Inquirer,
    /// Index at which the node was admitted: what it has before that shows neither itself nor its people.
    admitted: u64,
}

impl Port {
    /// The port of a running node.
    pub fn new(started: &Started, config: &Config, inquirer: Inquirer) -> Self {
        Self {
            inquirer,
            node: started.node.clone(),
            admitted: started.enrolment.index,
            keys: started.keys.clone(),
            about: status::About {
                site: started.enrolment.site.clone(),
                low_water: config.low_disk_bytes,
                data_dir: config.data_dir.clone(),
                identity: started.identity.clone(),
                given_up: started.given_up.clone(),
                trust: started.trust.clone(),
            },
        }
    }
}

impl Federation for Port {
    async fn submit(&self, envelope: Bytes) -> Result<Submitted, SubmitError> {
        match self.node.submit(envelope).await {
            Ok(done) => Ok(Submitted { index: done.index, outcome: done.outcome }),
            Err(error) => Err(self.submit_error(error)),
        }
    }

    async fn read(&self, consistency: Consistency) -> Result<View, ReadError> {
        match consistency {
            Consistency::Stale => {
                let (state, age) = self.node.read_stale();
                if state.applied().index < self.admitted {
                    return Err(ReadError::Starting);
                }
                Ok(View { state: Arc::new(Seen(state, self.node.clone())), age: age.unwrap_or(Duration::MAX) })
            }
            Consistency::Linearizable => match self.node.read().await {
                Ok(state) => Ok(View { state: Arc::new(Seen(state, self.node.clone())), age: Duration::ZERO }),
                Err(verbund_node::ReadError::Stopped) => Err(ReadError::Stopping),
                Err(error) => {
                    tracing::debug!(%error, "a linearizable read found no quorum");
                    Err(ReadError::NoQuorum)
                }
            },
        }
    }

    async fn status(&self) -> Status {
        status::status(&self.node, &self.about).await
    }

    async fn watch(&self, from: u64, kinds: &[Kind]) -> Result<BoxStream<'static, WatchResult>, WatchError> {
        let watch = self.node.watch(from.saturating_sub(1));
        let watch = watch.map_err(|gone| WatchError::Gone { oldest: gone.oldest + 1 })?;
        let kinds = kinds.to_vec();
        let batches = stream::unfold(Some(watch), move |watch| {
            let kinds = kinds.clone();
            async move { next_batch(watch?, &kinds).await }
        });
        Ok(batches.flat_map(stream::iter).boxed())
    }

    async fn audit_export(
        &self,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<BoxStream<'static, std::io::Result<Bytes>>, AuditError> {
        records::export(&self.node, from, to).await
    }

    async fn issue_certificate(&self, order: CertificateOrder) -> Result<IssuedCertificate, IssueError> {
        let refused = |e: verbund_keys::CsrError| IssueError::Csr { reason: e.to_string() };
        let key = ProvenKey::from_csr(order.csr.as_bytes()).map_err(refused)?;
        // A panic while the lock was held leaves the keys as they were.
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let id = SpiffeId { trust_domain: keys.trust_domain().clone(), subject: Subject::User(order.name) };
        let request = LeafRequest {
            spiffe_id: id.clone(),
            key,
            dns_names: Vec::new(),
            ip_addresses: Vec::new(),
            lifetime: USER_LIFETIME,
        };
        let unavailable = |reason: String| IssueError::Unavailable { reason };
        let leaf = super::start::waiting(|| keys.issue_leaf(&request, OffsetDateTime::now_utc()));
        let leaf = leaf.map_err(|e| unavailable(e.to_string()))?;
        let info = leaf.info().map_err(|e| unavailable(e.to_string()))?;
        let not_after = u64::try_from(info.not_after.unix_timestamp()).unwrap_or(0) * 1000;
        let chain = leaf.pem() + &keys.ca().certificate().pem();
        tracing::info!(key = %order.key, subject = %order.common_name, "issued a certificate for reading");
        Ok(IssuedCertificate { chain, id: id.to_string(), not_after })
    }

    async fn take_directive(&self, signed: Bytes) -> Result<DirectiveView, TakeError> {
        directives::take(&self.node, &signed).await
    }

    fn directives(&self) -> Vec<DirectiveView> {
        directives::views(&self.node)
    }

    fn watch_directives(&self) -> BoxStream<'static, ()> {
        let mut changed = self.node.watch_directives();
        changed.mark_changed();
        let next = async |mut changed: tokio::sync::watch::Receiver<u64>| {
            changed.changed().await.ok()?;
            Some(((), changed))
        };
        stream::unfold(changed, next).boxed()
    }

    async fn ask_agents(&self, asked: Asked) -> Result<Vec<CopyAnswer>, Refusal> {
        self.inquirer.ask(asked).await
    }

    fn now(&self) -> Millis {
        SystemClock.now()
    }

    fn verifier(&self) -> &dyn SignatureVerifier {
        &AwsVerifier
    }
}

impl Port {
    fn submit_error(&self, error: verbund_node::SubmitError) -> SubmitError {
        use verbund_node::SubmitError as Node;
        match error {
            Node::Refused(refusal) => SubmitError::Refused(refusal),
            Node::NoLeader => SubmitError::NoLeader,
            Node::OutcomeUnknown { why } => {
                tracing::info!(why, "an envelope's outcome is unknown");
                SubmitError::OutcomeUnknown
            }
            Node::LowDisk { .. } => {
                let free = self.node.status().free_bytes;
                SubmitError::LowDisk { free, low_water: self.about.low_water }
            }
            Node::WritesStopped { node } => {
                SubmitError::WritesStopped { alarm: status::stopping_alarm(&self.node, node) }
            }
            Node::Stopped => SubmitError::Stopping,
        }
    }
}

type Batch = (Vec<WatchResult>, Option<verbund_node::Watch>);

/// The next changes of `kinds`, then how far the watch has come. After an error there is nothing more.
async fn next_batch(mut watch: verbund_node::Watch, kinds: &[Kind]) -> Option<Batch> {
    match watch.next().await {
        None => Some((vec![Err(WatchInterrupted::Stopping)], None)),
        Some(Err(_)) => Some((vec![Err(WatchInterrupted::Lagged)], None)),
        Some(Ok(events)) => {
            let wanted = events.iter().filter(|event| kinds.is_empty() || kinds.contains(&event.object.kind()));
            let mut items: Vec<WatchResult> =
                wanted.map(|event| Ok(WatchItem::Event(Box::new(event.render())))).collect();
            items.push(Ok(WatchItem::Progress(watch.position())));
            Some((items, Some(watch)))
        }
    }
}

/// A state as the API reads it, and the node, which may know of directives that the state does not.
struct Seen(Arc<State>, NodeHandle);

impl ReadState for Seen {
    fn federation(&self) -> FederationId {
        self.0.federation().value.id
    }

    fn generation(&self) -> u32 {
        self.0.federation().value.generation
    }

    fn index(&self) -> u64 {
        self.0.applied().index
    }

    fn directory(&self) -> u64 {
        let (sites, nodes) = (self.0.sites().map(|site| site.version), self.0.nodes().map(|node| node.version));
        sites.chain(nodes).max().unwrap_or(0)
    }

    fn time(&self) -> Millis {
        self.0.time()
    }

    fn get(&self, kind: Kind, name: &str) -> Option<Resource> {
        self.0.get(kind, name)
    }

    fn list(&self, kind: Kind, after: Option<&str>, limit: usize) -> Vec<Resource> {
        self.0.list(kind, after, limit)
    }

    fn key(&self, id: &KeyId) -> Option<RegisteredKey> {
        let key = self.0.key(id).map(|held| held.value.clone())?;
        // A directive acts before the log knows of it.
        let revoked = key.revoked || self.1.distrusts_key(id);
        Some(RegisteredKey { revoked, ..key })
    }

    fn session(&self, key: &KeyId) -> Option<SessionInfo> {
        let session = self.0.last_session(key)?;
        Some(SessionInfo { number: session.number, until: session.until, highest: session.highest })
    }

    fn genesis(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.genesis())
    }

    fn ask(&self, question: &Question, now: Millis) -> Result<serde_json::Value, Refusal> {
        let now = now.max(self.0.time());
        let answer = match question {
            Question::Apply(workload) => serde_json::to_value(self.0.plan_dry_run(workload, now)?),
            Question::Move { workload, cause, to } => {
                serde_json::to_value(self.0.move_dry_run(workload, cause.clone(), to.clone(), now)?)
            }
            Question::Why(workload) => {
                let missing = || Refusal::NotFound { what: format!("workload {workload}") };
                serde_json::to_value(self.0.why(workload, now).ok_or_else(missing)?)
            }
            Question::Capacity => serde_json::to_value(self.0.capacity(now)),
            Question::Exclude(wanted, after) => {
                serde_json::to_value(directives::draw_up(&self.0, wanted, *after, now)?)
            }
        };
        // String keys only, and no failing serialiser.
        Ok(answer.unwrap_or_default())
    }
}
