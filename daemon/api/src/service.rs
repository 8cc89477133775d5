//! What every route shares: the federation, the bounds, and the rules of reading.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};
use verbund_identity::Subject;
use verbund_identity::login::LOGIN_NAME_DIGITS;
use verbund_model::resource::KeyOwner;
use verbund_model::view::Kind;
use verbund_model::{Hash, UserId};

use crate::caller::Caller;
use crate::gate::Gate;
use crate::port::{Consistency, Federation, ReadState, View};
use crate::problem::{Problem, ProblemKind};
use crate::settings::Settings;

/// The index of the state that an answer shows, or of the log entry that it speaks of.
pub const VERBUND_INDEX: HeaderName = HeaderName::from_static("verbund-index");
/// The highest resource version among sites and nodes, so that whoever keeps their addresses knows when these changed.
pub const VERBUND_DIRECTORY: HeaderName = HeaderName::from_static("verbund-directory");
/// How fresh an answer is: `linearizable` or `stale`.
pub const VERBUND_CONSISTENCY: HeaderName = HeaderName::from_static("verbund-consistency");
/// How old a stale answer may be, in milliseconds.
pub const VERBUND_AGE_MS: HeaderName = HeaderName::from_static("verbund-age-ms");

/// The greatest age that is shown: the largest number that every reader of JSON holds exactly (RFC 8259, 6). It also
/// stands for "never known to be the newest".
const MAX_AGE_MS: u64 = (1 << 53) - 1;

/// The service behind the router.
pub struct Service<F> {
    /// The federation.
    pub federation: Arc<F>,
    /// Bounds and times.
    pub settings: Settings,
    /// What runs at once.
    pub gate: Gate,
    started: u64,
    requests: AtomicU64,
}

impl<F: Federation> Service<F> {
    /// A service over `federation`.
    pub fn new(federation: Arc<F>, settings: Settings) -> Self {
        let started = federation.now();
        Self { gate: Gate::new(&settings), federation, settings, started, requests: AtomicU64::new(0) }
    }

    /// A name for one request, unique on this node.
    pub fn next_instance(&self) -> String {
        format!("urn:verbund:request:{:x}-{:x}", self.started, self.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// The answer of the federation, if it comes in time.
    pub async fn in_time<T>(&self, answer: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(self.settings.request_timeout, answer).await.ok()
    }

    /// The state, for a caller who may read it.
    pub async fn read_for(&self, caller: &Caller, consistency: Consistency) -> Result<Reading, Problem> {
        let name = reader_name(caller)?;
        let reading = self.read(consistency).await?;
        check_reader(name, &*reading.view.state)?;
        Ok(reading)
    }

    /// The state, whoever asks.
    pub async fn read(&self, consistency: Consistency) -> Result<Reading, Problem> {
        let view = self.in_time(self.federation.read(consistency)).await.ok_or_else(Problem::timeout)??;
        Ok(Reading { view, consistency })
    }
}

/// A state that was read, and how.
pub struct Reading {
    /// The state.
    pub view: View,
    consistency: Consistency,
}

impl Reading {
    /// The headers that mark an answer with the state it shows.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(VERBUND_INDEX, HeaderValue::from(self.view.state.index()));
        headers.insert(VERBUND_DIRECTORY, HeaderValue::from(self.view.state.directory()));
        headers.insert(VERBUND_CONSISTENCY, HeaderValue::from_static(self.consistency.as_str()));
        if self.consistency == Consistency::Stale {
            let age = u64::try_from(self.view.age.as_millis()).unwrap_or(u64::MAX);
            headers.insert(VERBUND_AGE_MS, HeaderValue::from(age.min(MAX_AGE_MS)));
        }
        headers
    }
}

/// The name in a user's certificate; what else there is may not read.
pub fn reader_name(caller: &Caller) -> Result<&UserId, Problem> {
    match caller {
        Caller::Anonymous => Err(unauthenticated(
            "Lesen verlangt ein Nutzerzertifikat. POST /v1/certificates stellt eines aus, auf Antrag, den ein registrierter Schlüssel signiert hat.",
            "Reading needs a user certificate. POST /v1/certificates issues one for a request that a registered key signed.",
        )),
        Caller::Other(id) => Err(Problem::of(
            ProblemKind::NotAuthorised,
            format!("{id} ist kein Nutzer. Diese Schnittstelle lesen Nutzer des Verbunds."),
            format!("{id} is no user. This interface is read by users of the federation."),
        )),
        Caller::User(id) => match &id.subject {
            Subject::User(name) => Ok(name),
            // The listener builds callers with `Caller::from_certificate`; whoever built this one otherwise may not read.
            _ => reader_name(&Caller::Anonymous),
        },
    }
}

/// Whether the key for which a certificate was issued is still registered to a user or coordinator.
pub fn check_reader(name: &UserId, state: &dyn ReadState) -> Result<(), Problem> {
    // The name is a prefix of the key's id: the first key at or behind it is the only one it can be.
    let digits = name.as_str();
    let first = (digits.len() == LOGIN_NAME_DIGITS).then(|| format!("{digits:0<64}").parse::<Hash>().ok()).flatten();
    let key = first.and_then(|first| {
        let exact = state.key(&verbund_model::KeyId(first));
        exact.or_else(|| {
            let next = state.list(Kind::Key, Some(&first.to_string()), 1).pop()?;
            next.metadata.name.starts_with(digits).then(|| state.key(&next.metadata.name.parse().ok()?)).flatten()
        })
    });
    match key {
        Some(key) if !key.revoked && matches!(key.owner, KeyOwner::User { .. } | KeyOwner::Coordinator) => Ok(()),
        _ => Err(unauthenticated(
            "Der Schlüssel, für den dieses Zertifikat ausgestellt wurde, ist gesperrt oder nicht registriert. Bitte mit einem gültigen Schlüssel ein neues beantragen.",
            "The key for which this certificate was issued is revoked or not registered. Ask for a new one with a key that is.",
        )),
    }
}

/// What a caller without a sufficient certificate is told (RFC 9110, 15.5.2: with a challenge).
fn unauthenticated(de: &str, en: &str) -> Problem {
    Problem::of(ProblemKind::Unauthenticated, de, en)
        .with("obtain", "/v1/certificates")
        .header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("ClientCertificate realm=\"verbund\""))
}
