//! The user certificate with which the author reads (formats 4): asked for with the registered key, kept for its short
//! life.
//!
//! The certificate's own key is kept beside it in a file with mode 0600, so that reading does not open the author's key
//! each time. It lets its holder read until it ends, hours from then, and never sign a change.

use std::path::PathBuf;
use std::sync::Arc;

use ::http::Method;
use data_encoding::BASE64URL_NOPAD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use verbund_api::port::IssuedCertificate;
use verbund_identity::LoginRequest;
use verbund_keys::{SoftwareKey, csr_for_leaf};
use verbund_model::Algorithm;
use verbund_model::resource::Millis;
use verbund_tls::LiveIdentity;
use zeroize::Zeroizing;

use super::{Client, Http};
use crate::failure::Failure;
use crate::{files, t};

/// A certificate that ends sooner is not used any more.
const LEAST_LIFE: Millis = 60_000;
/// The most bytes of the file.
const MAX_FILE: u64 = 256 * 1024;

/// The file in the cache.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    chain: String,
    not_after: Millis,
    /// The certificate's private scalar, base64url.
    scalar: String,
    /// The request that it was issued for, with which others are shown whose key the scalar's is; older files lack it.
    #[serde(default)]
    login: Option<LoginRequest>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.scalar);
    }
}

impl Client {
    /// The connection for reads, with a user certificate. Errors: the site gives none.
    pub async fn reader(&self) -> Result<Arc<Http>, Failure> {
        let mut reader = self.reader.lock().await;
        if let Some(http) = reader.as_ref() {
            return Ok(Arc::clone(http));
        }
        let identity = match self.kept()? {
            Some(identity) => identity,
            None => self.login().await?,
        };
        let http = Arc::new(Http::new(Arc::clone(&self.routes), Some(identity)));
        *reader = Some(Arc::clone(&http));
        Ok(http)
    }

    /// Forgets the certificate, because the site no longer takes it.
    pub async fn log_out(&self) -> Result<(), Failure> {
        *self.reader.lock().await = None;
        if let Some(path) = self.certificate_file()?
            && let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error.into());
        }
        Ok(())
    }

    /// By federation, site and key file; the key's id would be better, but it is read only when it is needed.
    fn certificate_file(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(key) = &self.context.key else { return Ok(None) };
        let name =
            verbund_identity::sha256(format!("{}\n{}\n{key}", self.context.federation, self.context.pin).as_bytes());
        Ok(Some(self.paths.certificates().join(format!("{}.json", name.short()))))
    }

    pub(super) fn kept(&self) -> Result<Option<Arc<LiveIdentity>>, Failure> {
        Ok(self.kept_file()?.and_then(|kept| identity(&kept).ok()))
    }

    /// The key of the certificate at hand, which signs questions, and the request in which the registered key vouched for it.
    /// `None`: there is none, or it is from a version that did not keep the request.
    pub(super) fn asker(&self) -> Result<Option<(SoftwareKey, LoginRequest)>, Failure> {
        let Some(kept) = self.kept_file()? else { return Ok(None) };
        let Some(login) = kept.login.clone() else { return Ok(None) };
        Ok(Some((certificate_key(&kept)?, login)))
    }

    fn kept_file(&self) -> Result<Option<Kept>, Failure> {
        let Some(path) = self.certificate_file()? else { return Ok(None) };
        let Some(text) = files::read_text(&path, MAX_FILE)?.map(Zeroizing::new) else { return Ok(None) };
        // A cache that cannot be read is no cache.
        let Ok(kept) = serde_json::from_str::<Kept>(&text) else { return Ok(None) };
        if kept.not_after < super::write::now().saturating_add(LEAST_LIFE) {
            return Ok(None);
        }
        Ok(Some(kept))
    }

    async fn login(&self) -> Result<Arc<LiveIdentity>, Failure> {
        let author = self.author().await?;
        let key = SoftwareKey::generate(Algorithm::P256)?;
        let csr = pem(&csr_for_leaf(&key)?);
        let request = author.sign_login(self.context.federation, super::write::now(), csr)?;
        let body = serde_json::to_vec(&request)?;
        let anonymous = Http::new(Arc::clone(&self.routes), None);
        let issued = self.until_deadline(async || {
            let content = Some(("application/json", body.clone().into()));
            let issued = anonymous.json::<IssuedCertificate>(Method::POST, "/v1/certificates", content).await;
            if issued.as_ref().is_err_and(super::ApiError::is_passing) {
                anonymous.turn_elsewhere().await;
            }
            issued
        });
        let (_, issued) = match issued.await {
            Ok(issued) => issued,
            Err(error) => return Err(error.failure(t!("client-login"))),
        };
        let scalar = BASE64URL_NOPAD.encode(&key.scalar()?);
        let kept = Kept { chain: issued.chain, not_after: issued.not_after, scalar, login: Some(request) };
        let identity = identity(&kept)?;
        if let Some(path) = self.certificate_file()? {
            files::replace(&path, &Zeroizing::new(serde_json::to_vec(&kept)?))?;
        }
        Ok(identity)
    }
}

fn certificate_key(kept: &Kept) -> Result<SoftwareKey, Failure> {
    let scalar = Zeroizing::new(BASE64URL_NOPAD.decode(kept.scalar.as_bytes())?);
    Ok(SoftwareKey::from_scalar(Algorithm::P256, &scalar)?)
}

fn identity(kept: &Kept) -> Result<Arc<LiveIdentity>, Failure> {
    let key = certificate_key(kept)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(kept.chain.as_bytes()).collect();
    let chain = chain.map_err(|error| Failure::internal(format!("{error:?}")))?;
    let anchor = chain.last().cloned().ok_or_else(|| Failure::new(t!("client-no-chain")))?;
    let pkcs8 = key.to_pkcs8()?;
    Ok(LiveIdentity::from_pkcs8(chain, anchor, PrivatePkcs8KeyDer::from(pkcs8.to_vec()))?)
}

/// RFC 7468.
fn pem(der: &[u8]) -> String {
    let body = data_encoding::BASE64.encode(der);
    let lines = body.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n").collect::<String>();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{lines}-----END CERTIFICATE REQUEST-----\n")
}
