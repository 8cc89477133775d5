//! The joiner's side: finds the contact by its pin, proves its keys, asks to be admitted, and waits.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http2;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde::Serialize;
use serde::de::DeserializeOwned;
use verbund_identity::{Envelope, Genesis, InvitationToken, Statement, TrustDomain, admission_binding, key_id, sha256};
use verbund_keys::{Signer as _, SiteKeys, SoftwareKey};
use verbund_model::resource::{Address, AdmissionRequest, Der, Land, Millis, Proofs};
use verbund_model::{Algorithm, Command, FederationId, Hash, KeyId, NodeId, PublicKey, SiteName};
use verbund_tls::{Alpn, DialError, Dialer, Pin, Pinned, Proxy};

use super::challenge;
use super::protocol::{
    AdmissionStatus, Admitted, Challenge, ChallengeRequest, Hello, JoinRefusal, JoinRequest, MAX_MESSAGE, Membership,
};
use crate::serve::ListsMessage;
use crate::t;

/// Envelopes are valid for at most 15 minutes (formats 7); some is left for clocks that differ.
const VALIDITY: Millis = 10 * 60 * 1000;
/// Between two looks at the approvals.
const POLL: Duration = Duration::from_secs(1);
/// How long one exchange may take.
const EXCHANGE: Duration = Duration::from_secs(30);

/// What a joining site brings.
pub struct Joining<'a> {
    /// The invitation.
    pub token: &'a InvitationToken,
    /// Its keys.
    pub keys: &'a SiteKeys,
    /// Where it stands.
    pub land: Land,
    /// Where its node will be reached; empty if it accepts nothing inbound.
    pub addresses: Vec<Address>,
    /// The proxy on the way out, if there is one.
    pub proxy: Option<Proxy>,
}

/// What has been reached; for the person who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The contact showed the pinned anchor and belongs to the federation of the invitation.
    ContactProven {
        /// The federation.
        federation: FederationId,
    },
    /// The request is in the log.
    Requested {
        /// What coordinators approve.
        subject: Hash,
    },
    /// Approvals are awaited.
    Waiting {
        /// Approvals so far.
        have: u32,
        /// Approvals needed.
        need: u32,
    },
}

/// Why a site was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The invitation's time is over.
    #[error("{}", t!("join-expired", site = .site.to_string(), end = crate::output::local(*.expired)))]
    Expired {
        /// The site.
        site: SiteName,
        /// When it ended.
        expired: Millis,
    },
    /// The invitation's secret is no key.
    #[error("{}", t!("join-secret", reason = .reason.as_str()))]
    Secret {
        /// What is wrong.
        reason: String,
    },
    /// The keys are another site's than the invitation.
    #[error("{}", t!("found-other-site", found = .found.to_string(), wanted = .invited.to_string()))]
    OtherSite {
        /// The invited one.
        invited: TrustDomain,
        /// That of the keys.
        found: TrustDomain,
    },
    /// No contact was reached, or it did not show the pinned anchor.
    #[error("{}", t!("join-unreachable", reason = crate::words::dial(.0)))]
    Contact(#[from] DialError),
    /// The contact belongs to another federation.
    #[error("{}", t!("join-other-federation", found = .found.to_string(), wanted = .wanted.to_string()))]
    OtherFederation {
        /// The contact's.
        found: FederationId,
        /// The invitation's.
        wanted: FederationId,
    },
    /// The contact said no.
    #[error(transparent)]
    Refused(#[from] JoinRefusal),
    /// The connection broke, or the answer makes no sense.
    #[error("{}", t!("join-exchange", what = *.what, reason = .reason.as_str()))]
    Exchange {
        /// What was asked.
        what: &'static str,
        /// What happened.
        reason: String,
    },
    /// A signature or decapsulation failed here.
    #[error("{}", t!("join-keys", reason = .reason.as_str()))]
    Keys {
        /// What happened.
        reason: String,
    },
    /// The genesis that the contact sent is not the federation's.
    #[error("{}", t!("join-other-genesis", found = .found.to_string(), wanted = .wanted.to_string()))]
    OtherGenesis {
        /// Hash of what was sent.
        found: FederationId,
        /// The invitation's federation.
        wanted: FederationId,
    },
    /// Not admitted in time.
    #[error("{}", t!("join-not-yet", hash = .subject.to_string()))]
    NotYet {
        /// What coordinators approve.
        subject: Hash,
    },
}

/// A request that was signed, so that the very same bytes can be sent again after an interruption: an invitation may sign
/// one request only.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signed {
    /// The envelope.
    pub envelope: Envelope,
    /// Until when it may be sent first.
    pub not_after: Millis,
}

/// Checks the invitation against the keys and signs the request. `now`: milliseconds since 1970. Errors: [`JoinError`].
pub fn sign(joining: &Joining<'_>, now: Millis) -> Result<Signed, JoinError> {
    let token = joining.token;
    if token.expires <= now {
        return Err(JoinError::Expired { site: token.site.clone(), expired: token.expires });
    }
    let invited = TrustDomain { site: token.site.clone(), federation: token.federation_name.clone() };
    if *joining.keys.trust_domain() != invited {
        return Err(JoinError::OtherSite { invited, found: joining.keys.trust_domain().clone() });
    }
    let one_time = one_time_key(token)?;
    let invitation = key_id(one_time.public_key());
    let request = request_of(joining);
    let binding = admission_binding(&token.federation, &invitation, &request);
    let keys = |e: verbund_keys::SignError| JoinError::Keys { reason: e.to_string() };
    let proofs = Proofs {
        node: Der(joining.keys.node_key().sign(&binding).map_err(keys)?),
        issuing: Der(joining.keys.ca().signer().sign(&binding).map_err(keys)?),
    };
    let not_after = now + VALIDITY;
    let statement = Statement {
        v: verbund_identity::statement::SCHEMA,
        federation: token.federation,
        generation: token.generation,
        key: invitation,
        session: 0,
        sequence: 0,
        not_after,
        precondition: None,
        command: Command::RequestAdmission { request, proofs },
        sealed: Vec::new(),
    };
    let envelope = Envelope::direct(&statement, |message| one_time.sign(message)).map_err(keys)?;
    Ok(Signed { envelope, not_after })
}

fn one_time_key(token: &InvitationToken) -> Result<SoftwareKey, JoinError> {
    let secret = |reason: String| JoinError::Secret { reason };
    let scalar = data_encoding::BASE64URL_NOPAD.decode(token.secret.as_bytes()).map_err(|e| secret(e.to_string()))?;
    SoftwareKey::from_scalar(Algorithm::P256, &scalar).map_err(|e| secret(e.to_string()))
}

fn request_of(joining: &Joining<'_>) -> AdmissionRequest {
    let keys = joining.keys;
    AdmissionRequest {
        site: joining.token.site.clone(),
        organisation: joining.token.organisation.clone(),
        land: joining.land,
        anchors: vec![Der(keys.anchor_certificate().der().to_vec())],
        issuing_certificate: Der(keys.ca().certificate().der().to_vec()),
        sealing_key: keys.sealing_key().public_key().clone(),
        node_key: keys.node_key().public_key().clone(),
        addresses: joining.addresses.clone(),
    }
}

/// Sends the request and waits for its approvals, at most `patience`. Errors: [`JoinError`]; after
/// [`JoinError::NotYet`] or a broken connection, run it again with the same [`Signed`].
pub async fn run(
    joining: &Joining<'_>,
    signed: &Signed,
    patience: Duration,
    told: &(dyn Fn(Step) + Sync),
) -> Result<Admitted, JoinError> {
    let token = joining.token;
    let mut contact = Contact::dial(token, joining.proxy.clone()).await?;
    told(Step::ContactProven { federation: token.federation });
    let subject = sha256(&signed.envelope.payload);
    let deadline = tokio::time::Instant::now() + patience;
    let mut status = match contact.admission(&subject).await {
        // A request of an earlier run is in the log already.
        Ok(status) => status,
        Err(JoinError::Refused(JoinRefusal::NotFound)) => contact.request(joining.keys, &signed.envelope).await?,
        Err(error) => return Err(error),
    };
    told(Step::Requested { subject });
    let mut seen = None;
    loop {
        if let Some(admitted) = status.admitted {
            return checked(token, admitted);
        }
        if seen != Some(status.have) {
            seen = Some(status.have);
            told(Step::Waiting { have: status.have, need: status.need });
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(JoinError::NotYet { subject });
        }
        tokio::time::sleep(POLL).await;
        status = match contact.admission(&subject).await {
            Ok(status) => status,
            // The contact may restart while people think.
            Err(JoinError::Exchange { .. }) => {
                contact = Contact::dial(token, joining.proxy.clone()).await?;
                contact.admission(&subject).await?
            }
            Err(error) => return Err(error),
        };
    }
}

fn checked(token: &InvitationToken, admitted: Admitted) -> Result<Admitted, JoinError> {
    let (_, found) = Genesis::from_bytes(&admitted.genesis.0)
        .map_err(|e| JoinError::Exchange { what: "the admission", reason: e.to_string() })?;
    if found == token.federation {
        Ok(admitted)
    } else {
        Err(JoinError::OtherGenesis { found, wanted: token.federation })
    }
}

/// Asks a member whether `node` was given up. It asks as a stranger, because one that was given up is let in as nothing
/// else. Errors: [`JoinError`].
pub async fn was_removed(
    dialer: &Dialer,
    addresses: &[verbund_tls::Address],
    pinned: &Pinned,
    node: NodeId,
) -> Result<bool, JoinError> {
    let mut contact = Contact::connect(dialer, addresses, pinned).await?;
    let path = format!("/join/v1/nodes/{node}");
    let membership: Membership = contact.exchange("the question", Method::GET, &path, &()).await?;
    Ok(membership.node == node && membership.removed)
}

/// Exchanges revocation lists with a member, as a stranger: each proves itself. Errors: [`JoinError`].
pub async fn exchange_lists(
    dialer: &Dialer,
    addresses: &[verbund_tls::Address],
    pinned: &Pinned,
    message: &ListsMessage,
) -> Result<ListsMessage, JoinError> {
    let mut contact = Contact::connect(dialer, addresses, pinned).await?;
    contact.exchange("the revocation lists", Method::POST, "/revocations/v1/exchange", message).await
}

struct Contact {
    sender: http2::SendRequest<Full<Bytes>>,
}

impl Contact {
    async fn dial(token: &InvitationToken, proxy: Option<Proxy>) -> Result<Self, JoinError> {
        let dialer = Dialer { proxy, ..Dialer::default() };
        let addresses: Vec<_> = token.contacts.iter().filter_map(|a| a.authority().parse().ok()).collect();
        let pinned = Pinned { pin: Pin(token.pin), domain: None };
        let mut contact = Self::connect(&dialer, &addresses, &pinned).await?;
        let hello: Hello = contact.exchange("the greeting", Method::GET, "/join/v1/hello", &()).await?;
        if hello.federation != token.federation {
            return Err(JoinError::OtherFederation { found: hello.federation, wanted: token.federation });
        }
        Ok(contact)
    }

    async fn connect(dialer: &Dialer, addresses: &[verbund_tls::Address], pinned: &Pinned) -> Result<Self, JoinError> {
        let line = dialer.dial_pinned(addresses, pinned, Alpn::Join, None).await?;
        let broken = |e: hyper::Error| JoinError::Exchange { what: "the greeting", reason: e.to_string() };
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(line)).await.map_err(broken)?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    async fn admission(&mut self, subject: &Hash) -> Result<AdmissionStatus, JoinError> {
        self.exchange("the admission", Method::GET, &format!("/join/v1/admissions/{subject}"), &()).await
    }

    async fn request(&mut self, keys: &SiteKeys, envelope: &Envelope) -> Result<AdmissionStatus, JoinError> {
        let (challenge, answer) = self.prove_sealing_key(keys, envelope.key).await?;
        let request = JoinRequest { challenge, answer, envelope: envelope.clone() };
        self.exchange("the request", Method::POST, "/join/v1/request", &request).await
    }

    async fn prove_sealing_key(&mut self, keys: &SiteKeys, invitation: KeyId) -> Result<(Hash, Hash), JoinError> {
        let opener = keys.sealing_key();
        let sealing_key: PublicKey = opener.public_key().clone();
        let wanted = ChallengeRequest { invitation, sealing_key };
        let given: Challenge = self.exchange("the challenge", Method::POST, "/join/v1/challenge", &wanted).await?;
        let opened = opener
            .open(challenge::INFO, &given.id.0, &given.sealed.0)
            .map_err(|e| JoinError::Keys { reason: format!("the contact's challenge does not open: {e}") })?;
        let answer = <[u8; 32]>::try_from(opened.as_slice())
            .map_err(|_| JoinError::Exchange { what: "the challenge", reason: "it is not 32 bytes long".into() })?;
        Ok((given.id, Hash(answer)))
    }

    async fn exchange<T: DeserializeOwned>(
        &mut self,
        what: &'static str,
        method: Method,
        path: &str,
        body: &(impl Serialize + Sync),
    ) -> Result<T, JoinError> {
        let failed = |reason: String| JoinError::Exchange { what, reason };
        let body = if method == Method::GET {
            Vec::new()
        } else {
            serde_json::to_vec(body).map_err(|e| failed(e.to_string()))?
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("https://contact.invalid{path}"))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| failed(e.to_string()))?;
        let exchange = async {
            let response = self.sender.send_request(request).await.map_err(|e| failed(e.to_string()))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_MESSAGE).collect().await;
            Ok::<_, JoinError>((status, body.map_err(|e| failed(e.to_string()))?.to_bytes()))
        };
        let (status, body) =
            tokio::time::timeout(EXCHANGE, exchange).await.map_err(|_| failed("it took too long".into()))??;
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|e| failed(e.to_string()));
        }
        match serde_json::from_slice::<JoinRefusal>(&body) {
            Ok(refusal) => Err(refusal.into()),
            Err(_) => Err(failed(format!("status {status}"))),
        }
    }
}
