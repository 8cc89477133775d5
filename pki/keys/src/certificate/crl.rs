//! The list of what a CA revoked (RFC 5280, 5).

use std::time::Duration;

use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use x509_parser::prelude::{FromDer as _, ReasonCode};
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate};

use super::authority::{IssueError, encoding};
use super::issuing_ca::IssuingCa;
use super::key_adapter::KeyAdapter;
use super::{CertificateError, CertificateInfo, pem_text};

/// The most bytes of a list: some 25,000 entries.
const MAX_LIST: usize = 1024 * 1024;

/// Why a certificate was revoked, in the words of RFC 5280, 5.3.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Nobody said.
    #[default]
    Unspecified,
    /// Its key is, or may be, in other hands.
    KeyCompromise,
    /// Its holder does something else now.
    AffiliationChanged,
    /// There is another in its place.
    Superseded,
    /// What it was for is over.
    CessationOfOperation,
    /// Its holder may no longer.
    PrivilegeWithdrawn,
}

impl Reason {
    /// As the library writes it. A reason that says nothing is left out (RFC 5280, 5.3.1).
    const fn code(self) -> Option<RevocationReason> {
        Some(match self {
            Self::Unspecified => return None,
            Self::KeyCompromise => RevocationReason::KeyCompromise,
            Self::AffiliationChanged => RevocationReason::AffiliationChanged,
            Self::Superseded => RevocationReason::Superseded,
            Self::CessationOfOperation => RevocationReason::CessationOfOperation,
            Self::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
        })
    }

    fn of(entry: &RevokedCertificate<'_>) -> Self {
        match entry.reason_code().map(|(_, code)| code) {
            Some(ReasonCode::KeyCompromise | ReasonCode::CACompromise | ReasonCode::AACompromise) => {
                Self::KeyCompromise
            }
            Some(ReasonCode::AffiliationChanged) => Self::AffiliationChanged,
            Some(ReasonCode::Superseded) => Self::Superseded,
            Some(ReasonCode::CessationOfOperation) => Self::CessationOfOperation,
            Some(ReasonCode::PrivilegeWithdrawn) => Self::PrivilegeWithdrawn,
            _ => Self::Unspecified,
        }
    }
}

/// One revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, big-endian.
    pub serial: Vec<u8>,
    /// Since when it does not count.
    pub since: OffsetDateTime,
    /// Why.
    pub reason: Reason,
}

/// A signed list in DER, whose form was checked; whether its signature is its issuer's is for others to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    der: Vec<u8>,
    issuer: String,
    number: u64,
    this_update: OffsetDateTime,
    next_update: OffsetDateTime,
    revoked: Vec<Revoked>,
}

impl RevocationList {
    /// Reads one list in DER of at most 1 MiB, with a number below 2^64 and a date for the next one (RFC 5280, 5.2.3 and
    /// 5.1.2.5). Errors: [`CertificateError`].
    pub fn from_der(der: impl Into<Vec<u8>>) -> Result<Self, CertificateError> {
        let der = der.into();
        let read = Self::read(&der)?;
        Ok(Self { der, ..read })
    }

    /// Everything but the bytes themselves.
    fn read(der: &[u8]) -> Result<Self, CertificateError> {
        let form = |reason: String| CertificateError::Form { reason: format!("not a revocation list: {reason}") };
        if der.len() > MAX_LIST {
            return Err(CertificateError::Size { length: der.len(), max: MAX_LIST });
        }
        let (rest, list) = CertificateRevocationList::from_der(der).map_err(|e| form(e.to_string()))?;
        if !rest.is_empty() {
            return Err(form(format!("{} bytes follow its end", rest.len())));
        }
        let number = list.crl_number().ok_or_else(|| form("it has no number".to_owned()))?.to_bytes_be();
        if number.len() > 8 {
            return Err(form("its number has more than 64 bits".to_owned()));
        }
        let next_update =
            list.next_update().ok_or_else(|| form("it does not say when the next one comes".to_owned()))?;
        let entry = |entry: &RevokedCertificate<'_>| Revoked {
            serial: entry.raw_serial().to_vec(),
            since: entry.revocation_date.to_datetime(),
            reason: Reason::of(entry),
        };
        Ok(Self {
            issuer: list.issuer().to_string(),
            number: number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
            this_update: list.last_update().to_datetime(),
            next_update: next_update.to_datetime(),
            revoked: list.iter_revoked_certificates().map(entry).collect(),
            der: Vec::new(),
        })
    }

    /// The issuer's distinguished name, for people.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Its number, which rises from list to list.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When it was issued.
    #[must_use]
    pub const fn this_update(&self) -> OffsetDateTime {
        self.this_update
    }

    /// Until when it counts.
    #[must_use]
    pub const fn next_update(&self) -> OffsetDateTime {
        self.next_update
    }

    /// What stands on it.
    #[must_use]
    pub fn revoked(&self) -> &[Revoked] {
        &self.revoked
    }

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
            reason_code: revoked.reason.code(),
            invalidity_date: None,
        };
        let parameters = CertificateRevocationListParams {
            this_update,
            next_update,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            // As the CA's certificate has it, which an authority's PKI may have made with another hash.
            key_identifier_method: info.subject_key_id.map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified),
        };
        let key = KeyAdapter::new(self.signer());
        let issuer = Issuer::from_ca_cert_der(&ca.der().into(), &key).map_err(|e| encoding(e, &key))?;
        let list = parameters.signed_by(&issuer).map_err(|e| encoding(e, &key))?;
        Ok(RevocationList::from_der(list.der().to_vec())?)
    }
}
