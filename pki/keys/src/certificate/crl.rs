//! The list of what a CA revoked (RFC 5280, 5).

use std::time::Duration;

use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, RevokedCertParams, SerialNumber};
use time::OffsetDateTime;

use super::authority::{IssueError, encoding};
use super::issuing_ca::IssuingCa;
use super::key_adapter::KeyAdapter;
use super::{CertificateInfo, pem_text};

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, big-endian.
    pub serial: Vec<u8>,
    /// Since when it does not count.
    pub since: OffsetDateTime,
}

/// A signed list in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    der: Vec<u8>,
}

impl RevocationList {
    /// The list in DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The list as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        pem_text("X509 CRL", &self.der)
    }
}

impl IssuingCa {
    /// Signs the list with everything that is revoked. `number` rises from list to list; `valid` says when the next one is to be
    /// there. Errors: [`IssueError`].
    pub fn issue_crl(
        &self,
        number: u64,
        revoked: &[Revoked],
        valid: Duration,
        now: OffsetDateTime,
    ) -> Result<RevocationList, IssueError> {
        let ca = self.certificate();
        let info = CertificateInfo::parse(ca.der())?;
        if !info.is_valid_at(now) {
            let (not_before, not_after) = (info.not_before, info.not_after);
            return Err(IssueError::CaNotValid { what: "CA", not_before, not_after });
        }
        let failed = |reason: String| IssueError::Encoding { reason };
        // Lists know whole seconds only.
        let this_update =
            OffsetDateTime::from_unix_timestamp(now.unix_timestamp()).map_err(|e| failed(e.to_string()))?;
        let length = time::Duration::try_from(valid).map_err(|e| failed(e.to_string()))?;
        let next_update =
            this_update.checked_add(length).ok_or_else(|| failed("it would be valid too long".to_owned()))?;
        let entry = |revoked: &Revoked| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&revoked.serial),
            revocation_time: revoked.since,
            reason_code: None,
            invalidity_date: None,
        };
        let parameters = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let key = KeyAdapter::new(self.signer());
        let issuer = Issuer::from_ca_cert_der(&ca.der().into(), &key).map_err(|e| encoding(e, &key))?;
        let list = parameters.signed_by(&issuer).map_err(|e| encoding(e, &key))?;
        Ok(RevocationList { der: list.der().to_vec() })
    }
}
