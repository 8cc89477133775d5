//! Bodies of requests and answers that are not the model's own. Clients use the same types.

use data_encoding::BASE64URL_NOPAD;
use http::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use verbund_agent_core::Question;
use verbund_identity::{AskedBy, LoginRequest};
use verbund_model::resource::{CopyRole, Millis};
use verbund_model::{ClusterName, FederationId, KeyId, Outcome, Refusal, SiteName, WorkloadName};

use crate::port::SessionInfo;

/// Who asks a question about a workload, and the proof: [`write_asked`].
pub const VERBUND_ASKED: HeaderName = HeaderName::from_static("verbund-asked");
/// The most bytes of that header.
const MAX_ASKED: usize = 24 * 1024;

/// The value of [`VERBUND_ASKED`]: base64url without padding of the proof's JSON.
#[must_use]
pub fn write_asked(by: &AskedBy) -> String {
    // A structure of strings and numbers has no failing serialiser.
    BASE64URL_NOPAD.encode(&serde_json::to_vec(by).unwrap_or_default())
}

/// The proof in a header's value.
#[must_use]
pub fn read_asked(value: &[u8]) -> Option<AskedBy> {
    if value.len() > MAX_ASKED {
        return None;
    }
    serde_json::from_slice(&BASE64URL_NOPAD.decode(value).ok()?).ok()
}

/// The bytes of a question that its asker signs: its JSON.
#[must_use]
pub fn question_bytes(question: &Question) -> Vec<u8> {
    // As above.
    serde_json::to_vec(question).unwrap_or_default()
}

/// What was found about a workload at each of its copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answers<T> {
    /// The workload.
    pub workload: WorkloadName,
    /// Each copy, in the order of the clusters' names; none if it is placed nowhere.
    pub copies: Vec<CopyFound<T>>,
}

/// What was found at one copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyFound<T> {
    /// Where the copy is.
    pub cluster: ClusterName,
    /// The cluster's site.
    pub site: SiteName,
    /// What the copy is there for.
    pub role: CopyRole,
    /// What was found; `null`: nothing, for the reason beside it.
    pub found: Option<Vec<T>>,
    /// Why nothing was found.
    pub failed: Option<CopyFailed>,
}

/// Why nothing was found at a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CopyFailed {
    /// `refused`, `notConnected`, `silent`, `failed` or `unreachable`.
    pub reason: String,
    /// What happened, in the language of the request.
    pub detail: String,
}

/// The media type of an envelope in binary form.
pub const ENVELOPE_TYPE: &str = "application/vnd.verbund.envelope";
/// The media type of a stream of envelopes: each a length (u32, big-endian) and an envelope in binary form.
pub const ENVELOPES_TYPE: &str = "application/vnd.verbund.envelopes";
/// The media type of a stream of results: each a length (u32, big-endian) and a [`StreamResult`] in postcard.
pub const RESULTS_TYPE: &str = "application/vnd.verbund.results";
/// The same with each [`StreamResult`] in JSON.
pub const RESULTS_JSON_TYPE: &str = "application/vnd.verbund.results+json";
/// The media type of an audit export.
pub const AUDIT_TYPE: &str = "application/vnd.verbund.audit";

/// A page of resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceList {
    /// `verbund.de/v1`.
    pub api_version: String,
    /// The kind with `List` behind it.
    pub kind: String,
    /// Where the page stands.
    pub metadata: ListMetadata,
    /// The resources (`verbund_model::view::Resource`, or the selected fields of it), by name.
    pub items: Vec<Value>,
}

/// Where a page stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListMetadata {
    /// Index of the state that the page shows. Pages read one after the other may show different ones.
    pub index: u64,
    /// The log's time of that state, milliseconds since 1970.
    pub time: Millis,
    /// Asks for the next page (`?continue=`); absent on the last one.
    #[serde(default, rename = "continue", skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What an author must know to sign its next statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionDocument {
    /// The federation.
    pub federation: FederationId,
    /// The federation generation.
    pub generation: u32,
    /// The log's time, milliseconds since 1970: a statement may be valid for at most 15 minutes from here.
    pub time: Millis,
    /// The key.
    pub key: KeyId,
    /// Its session with the highest number; `null`: it never had one.
    pub session: Option<SessionInfo>,
}

/// The body of `POST /v1/certificates`.
pub type CertificateRequest = LoginRequest;

/// The data of a watch's `bookmark`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bookmark {
    /// Everything up to and with this index was sent.
    pub index: u64,
    /// Whether this one ends the snapshot with which a watch began.
    pub snapshot: bool,
}

/// One result in an envelope stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamResult {
    /// Which envelope of this stream, counted from 0.
    pub ordinal: u64,
    /// What became of it.
    pub answer: StreamAnswer,
}

/// What became of an envelope of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StreamAnswer {
    /// It has an outcome in the log.
    Outcome {
        /// Log index.
        index: u64,
        /// The outcome.
        outcome: Outcome,
    },
    /// It has none. But for the problem `outcome-unknown`, nothing was changed.
    Failed {
        /// The problem's name, as in its type URN.
        problem: String,
        /// The HTTP status that a single request would have had.
        status: u16,
        /// What happened, in the language of the request.
        detail: String,
        /// The refusal, if it was refused at the edge.
        refusal: Option<Refusal>,
    },
}
