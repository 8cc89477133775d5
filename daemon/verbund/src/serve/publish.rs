//! What anybody may fetch: over plain HTTP the revocation lists and CA certificates that certificates point to (RFC 5280,
//! 4.2.1.13, 4.2.2.1 and 8), and over HTTPS with the node's own certificate the bundle of each trust domain that is known
//! here (SPIFFE Trust Domain and Bundle, 5.2: profile `https_spiffe`).

mod bundle;

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use verbund_identity::{CaCertificate, TrustDomain, key_id};
use verbund_keys::{SiteKeys, certificate_path, list_path};
use verbund_model::KeyId;
use verbund_model::resource::Standing;
use verbund_node::NodeHandle;

use super::lists::Lists;
use super::start::Started;

/// For how long, in seconds, a list or certificate may be kept by who fetched it.
const MAX_AGE: &str = "max-age=900";

/// What is published.
#[derive(Clone)]
pub struct Published(Arc<Sources>);

struct Sources {
    lists: Arc<Lists>,
    keys: Arc<Mutex<SiteKeys>>,
    node: NodeHandle,
}

impl Published {
    /// What a running node publishes.
    pub fn new(started: &Started) -> Self {
        let (lists, keys, node) = (started.lists.clone(), started.keys.clone(), started.node.clone());
        Self(Arc::new(Sources { lists, keys, node }))
    }
}

/// The routes of the plain listener.
pub fn plain(published: Published) -> Router {
    Router::new().route("/crl/{file}", get(list)).route("/ca/{file}", get(certificate)).with_state(published)
}

/// The routes of the bundle listener.
pub fn bundles(published: Published) -> Router {
    Router::new().route("/bundle/{domain}", get(bundle)).with_state(published)
}

async fn list(State(published): State<Published>, Path(file): Path<String>) -> Response {
    let named = |ca: &KeyId| list_path(ca).ends_with(&format!("/{file}"));
    match published.0.lists.all().into_iter().find(|held| named(&held.list.issuer)) {
        Some(held) => body("application/pkix-crl", MAX_AGE, held.der),
        None => missing(),
    }
}

async fn certificate(State(published): State<Published>, Path(file): Path<String>) -> Response {
    let named = |der: &[u8]| {
        let id = CaCertificate::from_der(der).map(|ca| key_id(&ca.key));
        id.is_ok_and(|id| certificate_path(&id).ends_with(&format!("/{file}")))
    };
    match published.0.authorities().into_iter().find(|der| named(der)) {
        Some(der) => body("application/pkix-cert", MAX_AGE, der),
        None => missing(),
    }
}

impl Sources {
    /// The certificates of this site's CAs and of those whose lists are known here, and all anchors.
    fn authorities(&self) -> Vec<Vec<u8>> {
        // A panic while the lock was held leaves the keys as they were.
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Vec<u8>> = keys.cas().map(|ca| ca.certificate().der().to_vec()).collect();
        all.push(keys.anchor_certificate().der().to_vec());
        drop(keys);
        all.extend(self.lists.all().into_iter().map(|held| held.issuer));
        let (state, _) = self.node.read_stale();
        all.extend(state.sites().flat_map(|site| &site.value.anchors).map(|anchor| anchor.0.clone()));
        all
    }
}

/// The bundle of one trust domain, as the state has it here. Never merged with another's.
async fn bundle(State(published): State<Published>, Path(domain): Path<String>) -> Response {
    let (state, _) = published.0.node.read_stale();
    let federation = &state.federation().value.name;
    let of_domain = |name: &verbund_model::SiteName| TrustDomain { site: name.clone(), federation: federation.clone() };
    let Some(site) = state.sites().find(|site| of_domain(&site.value.name).to_string() == domain) else {
        return missing();
    };
    if site.value.standing == Standing::Excluded || state.distrust().sites.contains(&site.value.name) {
        // Whoever followed this domain must learn that it is over, not that a server is in disorder.
        return (StatusCode::GONE, "this trust domain was excluded from the federation\n").into_response();
    }
    let anchors: Vec<&[u8]> = site.value.anchors.iter().map(|anchor| anchor.0.as_slice()).collect();
    // The founding site's version is 0 until it changes; a sequence counts from 1.
    match bundle::document(site.version + 1, &anchors) {
        Ok(document) => body("application/json", "no-cache", document),
        Err(error) => {
            tracing::error!(%domain, %error, "the bundle cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn body(kind: &'static str, age: &'static str, bytes: Vec<u8>) -> Response {
    let header = |name: HeaderName, value: &'static str| (name, HeaderValue::from_static(value));
    let headers = [header(CONTENT_TYPE, kind), header(CACHE_CONTROL, age), header(X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, bytes).into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "nothing is published here under this name\n").into_response()
}
