//! From an enrolment to a connection: the agent asks for a certificate with its registered key, and for the next well before that
//! one ends.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use verbund_agent_link::{Certified, DialAs, DialTarget, Link, LinkError};
use verbund_identity::{LoginRequest, key_id};
use verbund_keys::{Certificate, CertificateError, IssueError, KeyError, SignError, Signer, SoftwareKey, csr_for_leaf};
use verbund_model::Algorithm;
use verbund_tls::{
    Address, AddressError, Bundle, Dialer, Domain, Ends, IdentityError, LiveIdentity, Pin, Pinned, Trust, renew_at,
};

use crate::clock::Clock;
use crate::enrolment::Enrolment;

/// How long to wait after a certificate was not given.
const AGAIN: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// An address of the enrolment is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The enrolment's anchor cannot be read.
    #[error("the site's anchor cannot be read: {0}")]
    Anchor(String),
    /// The request for a certificate could not be made.
    #[error("no request for a certificate could be made: {0}")]
    Request(#[from] IssueError),
    /// The certificate's key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The registered key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The daemon gave none.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// What it gave cannot be read.
    #[error("the certificate that was given cannot be read: {0}")]
    Certificate(#[from] CertificateError),
    /// What it gave cannot be used.
    #[error("the certificate that was given cannot be used: {0}")]
    Identity(#[from] IdentityError),
}

/// A connection to the site's daemons that renews its certificate.
pub struct Connection {
    /// The connection.
    pub link: Link,
    identity: Arc<LiveIdentity>,
    asking: Asking,
}

/// Who asks for certificates.
struct Asking {
    enrolment: Enrolment,
    signer: Arc<dyn Signer>,
    clock: Arc<dyn Clock>,
}

impl Connection {
    /// Asks for a first certificate and prepares the connection. Errors: [`ConnectionError`].
    pub async fn open(
        enrolment: Enrolment,
        signer: Arc<dyn Signer>,
        clock: Arc<dyn Clock>,
        dialer: Dialer,
    ) -> Result<Self, ConnectionError> {
        let addresses: Vec<Address> = enrolment.addresses.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        let anchor = enrolment.anchors.first().map(|anchor| anchor.0.clone()).unwrap_or_default();
        let pin = Pin::of_certificate(&anchor).map_err(|error| ConnectionError::Anchor(error.to_string()))?;
        let pinned = Pinned { pin, domain: Some(enrolment.trust_domain()) };
        let stranger = DialTarget { who: DialAs::Nobody(pinned), dialer: dialer.clone(), addresses: addresses.clone() };
        let asking = Asking { enrolment, signer, clock };
        let (certified, key) = asking.ask(&Link::new(stranger.dial())).await?;
        let identity = LiveIdentity::from_pkcs8(chain(&certified), certified.anchor.into(), pkcs8(&key)?)?;
        let anchors = asking.enrolment.anchors.iter().map(|anchor| anchor.0.clone()).collect();
        let domain = Domain { anchors, ..Domain::default() };
        let domains = [(asking.enrolment.trust_domain(), domain)].into();
        let trust = Trust::new(Bundle { sequence: 1, domains, ..Bundle::default() });
        let who = DialAs::Agent(Ends { trust, identity: identity.clone() });
        Ok(Self { link: Link::new(DialTarget { who, dialer, addresses }.dial()), identity, asking })
    }

    /// Renews the certificate at a fraction of its life (`jitter`, 0 to 1, spreads agents), for ever.
    pub async fn keep_fresh(&self, jitter: f64) {
        loop {
            let current = self.identity.certificate();
            let due = renew_at(current.not_before, current.not_after, jitter);
            let now = i64::try_from(self.asking.clock.wall() / 1_000).unwrap_or(i64::MAX);
            tokio::time::sleep(Duration::from_secs(u64::try_from(due - now).unwrap_or(0))).await;
            match self.renew().await {
                Ok(()) => tracing::info!("the agent's certificate was renewed"),
                Err(error) => {
                    tracing::error!(%error, "the agent's certificate could not be renewed; it is tried again");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), ConnectionError> {
        let (certified, key) = self.asking.ask(&self.link).await?;
        Ok(self.identity.replace_pkcs8(chain(&certified), certified.anchor.into(), pkcs8(&key)?)?)
    }
}

impl Asking {
    async fn ask(&self, link: &Link) -> Result<(Certified, SoftwareKey), ConnectionError> {
        // Each certificate has a key of its own, which never leaves this process.
        let key = SoftwareKey::generate(Algorithm::P256)?;
        let csr = pem(&csr_for_leaf(&key)?);
        let (federation, time) = (self.enrolment.federation, self.clock.wall());
        let registered = key_id(self.signer.public_key());
        let signature = self.signer.sign(&LoginRequest::message(&federation, &registered, time, &csr))?;
        let request = LoginRequest { federation, key: registered, time, csr, signature };
        let certified = link.certify(&request).await?;
        for certificate in &certified.chain {
            Certificate::from_der(certificate.clone())?;
        }
        Ok((certified, key))
    }
}

fn chain(certified: &Certified) -> Vec<CertificateDer<'static>> {
    certified.chain.iter().map(|der| CertificateDer::from(der.clone())).collect()
}

fn pkcs8(key: &SoftwareKey) -> Result<PrivatePkcs8KeyDer<'static>, KeyError> {
    Ok(PrivatePkcs8KeyDer::from(key.to_pkcs8()?.to_vec()))
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = (0..text.len()).step_by(64).map(|at| &text[at..text.len().min(at + 64)]).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
}
