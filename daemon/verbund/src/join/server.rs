//! The contact's side of joining: an HTTP service for callers without a certificate.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, Extension, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use rand::RngCore as _;
use verbund_api::ProblemKind;
use verbund_identity::{Statement, sha256};
use verbund_machine::State as Machine;
use verbund_model::resource::{Admission, Der, Node, NodeStanding, Site};
use verbund_model::{Accepted, Command, Hash, NodeId, Outcome};
use verbund_node::{NodeHandle, SubmitError, Submitted};

use super::challenge::{self, Challenges};
use super::limiter::Limiter;
use super::protocol::{
    AdmissionStatus, Admitted, Challenge, ChallengeRequest, Hello, JoinRefusal, JoinRequest, MAX_MESSAGE, Member,
    Membership,
};

/// Attempts in a window, from one address and in all. Polling for approvals counts too, at a pace that stays below.
const WINDOW: Duration = Duration::from_secs(10);
const PER_ADDRESS: u32 = 200;
const IN_ALL: u32 = 1_000;

struct Contact {
    node: NodeHandle,
    genesis: Vec<u8>,
    limiter: Mutex<Limiter>,
    challenges: Mutex<Challenges>,
}

/// The routes of the join protocol. Each request carries its source address as an extension of type [`IpAddr`].
pub fn router(node: NodeHandle, genesis: Vec<u8>) -> Router {
    let contact = Contact {
        node,
        genesis,
        limiter: Mutex::new(Limiter::new(WINDOW, PER_ADDRESS, IN_ALL, Instant::now())),
        challenges: Mutex::default(),
    };
    Router::new()
        .route("/join/v1/hello", get(hello))
        .route("/join/v1/challenge", post(give_challenge))
        .route("/join/v1/request", post(request))
        .route("/join/v1/admissions/{hash}", get(admission))
        .route("/join/v1/nodes/{node}", get(membership))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE))
        .with_state(Arc::new(contact))
}

impl IntoResponse for JoinRefusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Malformed { .. } => StatusCode::BAD_REQUEST,
            Self::Challenge { .. } => StatusCode::FORBIDDEN,
            // As the API answers it.
            Self::Refused { refusal } => ProblemKind::from(refusal).status(),
            Self::TurnedDown { .. } => StatusCode::GONE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(self)).into_response()
    }
}

impl Contact {
    fn admit(&self, source: IpAddr) -> Result<(), JoinRefusal> {
        // A panic while the lock was held leaves counters, never half a decision: they can be used on.
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        limiter.admit(source, Instant::now()).map_err(|left| JoinRefusal::TooMany { seconds: left.as_secs() + 1 })
    }
}

async fn hello(
    State(contact): State<Arc<Contact>>,
    Extension(source): Extension<IpAddr>,
) -> Result<Json<Hello>, JoinRefusal> {
    contact.admit(source)?;
    let (state, _) = contact.node.read_stale();
    let federation = &state.federation().value;
    Ok(Json(Hello { federation: federation.id, name: federation.name.clone(), generation: federation.generation }))
}

async fn give_challenge(
    State(contact): State<Arc<Contact>>,
    Extension(source): Extension<IpAddr>,
    Json(wanted): Json<ChallengeRequest>,
) -> Result<Json<Challenge>, JoinRefusal> {
    contact.admit(source)?;
    let (mut id, mut secret) = ([0; 32], [0; 32]);
    rand::rng().fill_bytes(&mut id);
    rand::rng().fill_bytes(&mut secret);
    let sealed = verbund_keys::seal(&wanted.sealing_key, challenge::INFO, &id, &secret)
        .map_err(|e| JoinRefusal::Malformed { reason: format!("sealingKey: {e}") })?;
    let mut challenges = contact.challenges.lock().unwrap_or_else(PoisonError::into_inner);
    challenges.put(Hash(id), Hash(secret), wanted.invitation, wanted.sealing_key, Instant::now());
    Ok(Json(Challenge { id: Hash(id), sealed: Der(sealed) }))
}

async fn request(
    State(contact): State<Arc<Contact>>,
    Extension(source): Extension<IpAddr>,
    Json(join): Json<JoinRequest>,
) -> Result<Json<AdmissionStatus>, JoinRefusal> {
    contact.admit(source)?;
    let statement = Statement::from_payload(&join.envelope.payload)
        .map_err(|e| JoinRefusal::Malformed { reason: e.to_string() })?;
    let Command::RequestAdmission { request, .. } = &statement.command else {
        return Err(JoinRefusal::Malformed {
            reason: "the envelope holds another command than requestAdmission".into(),
        });
    };
    contact
        .challenges
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .answer(&join.challenge, &join.answer, &join.envelope.key, &request.sealing_key, Instant::now())
        .map_err(|reason| JoinRefusal::Challenge { reason: reason.to_owned() })?;
    let subject = sha256(&join.envelope.payload);
    match contact.node.submit(join.envelope.to_bytes()).await {
        Ok(Submitted { outcome: Outcome::Refused(refusal), .. }) | Err(SubmitError::Refused(refusal)) => {
            Err(JoinRefusal::Refused { refusal })
        }
        Ok(Submitted { outcome: Outcome::Accepted(Accepted::Waiting { have, need, .. }), .. }) => {
            Ok(Json(AdmissionStatus { subject, have, need, admitted: None }))
        }
        Ok(Submitted { outcome: Outcome::Accepted(_), .. }) => status_of(&contact, subject).await.map(Json),
        Err(error) => Err(JoinRefusal::Unavailable { reason: error.to_string() }),
    }
}

async fn admission(
    State(contact): State<Arc<Contact>>,
    Extension(source): Extension<IpAddr>,
    Path(hash): Path<String>,
) -> Result<Json<AdmissionStatus>, JoinRefusal> {
    contact.admit(source)?;
    let subject =
        hash.parse().map_err(|e: verbund_model::id::HashError| JoinRefusal::Malformed { reason: e.to_string() })?;
    status_of(&contact, subject).await.map(Json)
}

/// From what this node has: a removal is for ever, so that an old state may not know it, and never errs about it.
async fn membership(
    State(contact): State<Arc<Contact>>,
    Extension(source): Extension<IpAddr>,
    Path(node): Path<String>,
) -> Result<Json<Membership>, JoinRefusal> {
    contact.admit(source)?;
    let node: NodeId =
        node.parse().map_err(|e: verbund_model::id::NodeIdError| JoinRefusal::Malformed { reason: e.to_string() })?;
    let (state, _) = contact.node.read_stale();
    let known = state.node(&node).ok_or(JoinRefusal::NotFound)?;
    Ok(Json(Membership { node, removed: known.value.standing == NodeStanding::Removed }))
}

async fn status_of(contact: &Contact, subject: Hash) -> Result<AdmissionStatus, JoinRefusal> {
    let state = contact.node.read().await.map_err(|e| JoinRefusal::Unavailable { reason: e.to_string() })?;
    let admission = &state.admission(&subject).ok_or(JoinRefusal::NotFound)?.value;
    if let Some(refused) = &admission.refused {
        return Err(JoinRefusal::TurnedDown { by: refused.by, reason: refused.reason.clone() });
    }
    let federation = &state.federation().value;
    let have = crate::cmd::counted(federation, &admission.approvals).len();
    Ok(AdmissionStatus {
        subject,
        have: u32::try_from(have).unwrap_or(u32::MAX),
        need: federation.coordinators.threshold,
        admitted: admitted(&state, admission, &contact.genesis),
    })
}

fn admitted(state: &Machine, admission: &Admission, genesis: &[u8]) -> Option<Admitted> {
    let node = admission.admitted?;
    Some(Admitted { node, index: state.applied().index, genesis: Der(genesis.to_vec()), members: members(state) })
}

/// The active nodes of the federation, with what it takes to recognise and reach them.
pub fn members(state: &Machine) -> Vec<Member> {
    let member = |node: &Node, site: &Site| Member {
        node: node.id,
        site: node.site.clone(),
        organisation: site.organisation.clone(),
        anchors: site.anchors.clone(),
        addresses: node.addresses.clone(),
    };
    state.active_nodes().map(|(node, site)| member(&node.value, &site.value)).collect()
}
