//! The join protocol, spoken by hand: what a site that does not play by the rules would say.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use verbund_identity::{Envelope, InvitationToken, admission_binding, key_id};
use verbund_keys::{Signer, SiteKeys, SoftwareKey};
use verbund_model::resource::{AdmissionRequest, Der, Proofs};
use verbund_model::{Algorithm, Command, Hash, KeyId};
use verbund_tls::{Alpn, Dialer, Pin, Pinned};

use crate::api::Connection;
use crate::author::Author;
use crate::peer::site_keys;
use crate::site::Site;

/// What the sealing of a challenge is bound to.
const CHALLENGE: &[u8] = b"verbund.join.challenge.v1";

/// A site with keys, an invitation, and no manners.
pub struct Joiner {
    /// The invitation.
    pub token: InvitationToken,
    /// The one-time key of the invitation.
    pub one_time: SoftwareKey,
    keys: SiteKeys,
}

/// A connection to a contact.
#[derive(Clone)]
pub struct Contact(Connection);

/// What the contact answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
}

impl Joiner {
    /// A joiner with the keys of `site` and an invitation's text.
    pub fn new(site: &Site, invitation: &str) -> Result<Self> {
        let token = InvitationToken::from_text(invitation)?;
        let scalar = decode(&token.secret)?;
        let one_time = SoftwareKey::from_scalar(Algorithm::P256, &scalar)?;
        Ok(Self { token, one_time, keys: site_keys(site)? })
    }

    /// The invitation's id.
    #[must_use]
    pub fn invitation(&self) -> KeyId {
        key_id(self.one_time.public_key())
    }

    /// An honest request of this site, for a node with that key.
    pub fn request(&self, site: &Site, node: &SoftwareKey) -> Result<AdmissionRequest> {
        Ok(AdmissionRequest {
            site: self.token.site.clone(),
            organisation: self.token.organisation.clone(),
            land: site.land.parse()?,
            anchors: vec![Der(self.keys.anchor_certificate().der().to_vec())],
            issuing_certificate: Der(self.keys.ca().certificate().der().to_vec()),
            sealing_key: self.keys.sealing_key().public_key().clone(),
            node_key: node.public_key().clone(),
            addresses: vec![site.peer_address().parse()?],
        })
    }

    /// The request with true proofs, signed by `signer` in the name of the invitation.
    pub fn sign(&self, request: AdmissionRequest, node: &SoftwareKey, signer: SoftwareKey) -> Result<Envelope> {
        let binding = admission_binding(&self.token.federation, &self.invitation(), &request);
        let issuing = self.keys.ca().signer().sign(&binding)?;
        let proofs = Proofs { node: Der(node.sign(&binding)?), issuing: Der(issuing) };
        let author = Author::with_signer(std::sync::Arc::new(signer), self.token.federation);
        let mut statement = author.statement((0, 0), None, Command::RequestAdmission { request, proofs });
        statement.key = self.invitation();
        let mut envelope = author.sign(&statement)?;
        envelope.key = self.invitation();
        Ok(envelope)
    }

    /// A copy of the invitation's one-time key.
    pub fn one_time_key(&self) -> Result<SoftwareKey> {
        Ok(SoftwareKey::from_scalar(Algorithm::P256, &decode(&self.token.secret)?)?)
    }

    /// Proves the sealing key and hands the envelope in.
    pub async fn hand_in(&self, contact: &mut Contact, envelope: &Envelope) -> Result<Answered> {
        let opener = self.keys.sealing_key();
        let wanted = json!({ "invitation": envelope.key, "sealingKey": opener.public_key() });
        let given = contact.post("/join/v1/challenge", &wanted).await?;
        ensure!(given.status == StatusCode::OK, "no challenge: {given:?}");
        let id: Hash = serde_json::from_value(given.body["id"].clone())?;
        let sealed: Der = serde_json::from_value(given.body["sealed"].clone())?;
        let opened = opener.open(CHALLENGE, &id.0, &sealed.0)?;
        let answer = Hash(opened.as_slice().try_into().context("the challenge has not 32 bytes")?);
        contact.post("/join/v1/request", &json!({ "challenge": id, "answer": answer, "envelope": envelope })).await
    }
}

impl Contact {
    /// Connects to a site's peer listener as a joiner, without a certificate.
    pub async fn of(site: &Site) -> Result<Self> {
        let pinned = Pinned { pin: Pin(site.door()?.pin.0), domain: None };
        let addresses = [site.peer_address().parse()?];
        let line = Dialer::default().dial_pinned(&addresses, &pinned, Alpn::Join, None).await?;
        Ok(Self(Connection::over(line).await?))
    }

    /// Posts anything, whatever the answer. Errors: the connection is gone, or the answer is no JSON.
    pub async fn post(&mut self, path: &str, body: &Value) -> Result<Answered> {
        let answer = self.0.post(path, "application/json", Bytes::from(serde_json::to_vec(body)?)).await?;
        let text = || format!("{} {path}: {}", Method::POST, String::from_utf8_lossy(&answer.body));
        Ok(Answered { status: answer.status, body: serde_json::from_slice(&answer.body).with_context(text)? })
    }
}

impl Answered {
    /// The name of the federation's refusal, if it refused: `invitationSpent`, `badSignature`, …
    pub fn refusal(&self) -> Result<String> {
        let refusal = &self.body["refused"]["refusal"];
        match refusal {
            Value::Object(fields) => Ok(fields.keys().next().cloned().unwrap_or_default()),
            Value::String(name) => Ok(name.clone()),
            _ => bail!("no refusal of the federation: {self:?}"),
        }
    }
}

fn decode(text: &str) -> Result<Vec<u8>> {
    Ok(data_encoding::BASE64URL_NOPAD.decode(text.as_bytes())?)
}
