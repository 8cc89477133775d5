//! A user's certificate for reading, issued by the site for a request that the registered key signs (formats 4).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use verbund_api::port::IssuedCertificate;
use verbund_identity::login::LoginRequest;
use verbund_tls::LiveIdentity;

use super::connection::Door;
use crate::author::{Author, now};
use crate::wait::until_async;

/// How long a site may take to hear that a key was registered.
const HEARD: Duration = Duration::from_secs(30);

/// Asks the site behind `door` for a certificate for `author`, who was registered just now, perhaps at another site.
pub async fn log_in(door: &Door, author: &Author) -> Result<Arc<LiveIdentity>> {
    Ok(until_async("a user certificate", HEARD, || log_in_once(door, author)).await?.0)
}

async fn log_in_once(door: &Door, author: &Author) -> Result<Arc<LiveIdentity>> {
    let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let csr = CertificateParams::new(Vec::<String>::new())?.serialize_request(&key)?.pem()?;
    let (federation, key_id, time) = (author.federation(), author.key(), now());
    let signature = author.sign_bytes(&LoginRequest::message(&federation, &key_id, time, &csr))?;
    let request = LoginRequest { federation, key: key_id, time, csr, signature };
    let body = Bytes::from(serde_json::to_vec(&request)?);
    let mut connection = door.connect(None).await?;
    let issued: IssuedCertificate =
        connection.post("/v1/certificates", "application/json", body).await?.json().context("logging in")?;
    let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect::<Result<Vec<_>, _>>()?;
    // Only those who know us by a pin look at the anchor, and nobody does; the site knows its own.
    let anchor = chain.last().context("the site issued an empty chain")?.clone();
    Ok(LiveIdentity::from_pkcs8(chain, anchor, PrivatePkcs8KeyDer::from(key.serialize_der()))?)
}
