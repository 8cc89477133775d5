//! The certificate checks of BSI TR-03116-TS (TLS_CERT_01 to 12, as BSI's TaSK carries them) that need no network:
//! all but 04 (CRLDP or AIA reachable), 05 (revocation) and 09 (names), for which more than the certificate is needed.

use std::fmt;

use time::{Duration, OffsetDateTime};
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_NIST_HASH_SHA256, OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512,
    OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512,
};
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::signature_algorithm::SignatureAlgorithm;

use super::{CertificateError, x509};

/// Maximum validities of TLS_CERT_11: whole calendar years, so with as many leap days as can fall into them.
pub(super) const MAX_ROOT: Duration = Duration::days(6 * 365 + 2);
pub(super) const MAX_INTERMEDIATE: Duration = Duration::days(5 * 365 + 2);
pub(super) const MAX_LEAF: Duration = Duration::days(3 * 365 + 1);

/// The longest chain that is checked.
const MAX_CHAIN: usize = 10;

/// A rule that a certificate does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id, such as `TLS_CERT_03`.
    pub rule: &'static str,
    /// Which certificate, by its subject.
    pub subject: String,
    /// What was found and what is wanted.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.rule, self.subject, self.message)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Root,
    Intermediate,
    Leaf,
}

struct Check<'a> {
    certificate: &'a X509Certificate<'a>,
    role: Role,
    findings: Vec<Finding>,
}

/// Checks a chain, each certificate by itself (signatures are not checked here). Errors: one of them is no certificate,
/// or there are more than ten.
pub fn check_chain<D: AsRef<[u8]>>(chain: &[D], now: OffsetDateTime) -> Result<Vec<Finding>, CertificateError> {
    if chain.len() > MAX_CHAIN {
        let reason = format!("a chain of {} certificates, at most {MAX_CHAIN} are checked", chain.len());
        return Err(CertificateError::Form { reason });
    }
    let each: Result<Vec<_>, _> = chain.iter().map(|der| check_certificate(der.as_ref(), now)).collect();
    Ok(each?.concat())
}

/// Checks one certificate in DER. Its role follows from itself: a CA that is its own issuer is a root. No finding means
/// that it keeps the rules, not that it is to be believed. Errors: [`CertificateError`].
pub fn check_certificate(der: &[u8], now: OffsetDateTime) -> Result<Vec<Finding>, CertificateError> {
    let certificate = x509::parse(der)?;
    let is_ca = certificate.basic_constraints().ok().flatten().is_some_and(|c| c.value.ca);
    let role = match (is_ca, certificate.subject().as_raw() == certificate.issuer().as_raw()) {
        (true, true) => Role::Root,
        (true, false) => Role::Intermediate,
        (false, _) => Role::Leaf,
    };
    let mut check = Check { certificate: &certificate, role, findings: Vec::new() };
    check.key_length();
    check.signature_algorithm();
    check.wildcards();
    check.key_usage();
    check.extended_key_usage();
    check.basic_constraints();
    check.validity(now);
    Ok(check.findings)
}

impl Check<'_> {
    fn found(&mut self, rule: &'static str, message: impl Into<String>) {
        let subject = self.certificate.subject().to_string();
        self.findings.push(Finding { rule, subject, message: message.into() });
    }

    fn key_length(&mut self) {
        let spki = self.certificate.public_key();
        match spki.parsed() {
            Ok(ParsedKey::RSA(key)) if key.key_size() < 3000 => {
                self.found("TLS_CERT_01", format!("its RSA key has {} bits, at least 3000 are wanted", key.key_size()));
            }
            Ok(ParsedKey::RSA(_)) => {}
            Ok(ParsedKey::EC(_)) => {
                let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
                let known = [OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521];
                if !curve.is_some_and(|c| known.contains(&c)) {
                    self.found("TLS_CERT_01", "its elliptic curve is none of P-256, P-384, P-521");
                }
            }
            _ => self.found("TLS_CERT_01", "its key is neither RSA nor on an elliptic curve"),
        }
    }

    fn signature_algorithm(&mut self) {
        let algorithm = &self.certificate.signature_algorithm;
        let ecdsa = [OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384, OID_SIG_ECDSA_WITH_SHA512];
        let hashes = [OID_NIST_HASH_SHA256, OID_NIST_HASH_SHA384, OID_NIST_HASH_SHA512];
        let fine = ecdsa.contains(&algorithm.algorithm)
            || matches!(SignatureAlgorithm::try_from(algorithm),
                Ok(SignatureAlgorithm::RSASSA_PSS(pss)) if hashes.contains(pss.hash_algorithm_oid()));
        if !fine {
            let message = format!("it is signed with {}, wanted ECDSA or RSASSA-PSS with SHA-2", algorithm.algorithm);
            self.found("TLS_CERT_02", message);
        }
    }

    fn wildcards(&mut self) {
        let common: Vec<&str> =
            self.certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok()).collect();
        let names = self.certificate.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|san| &san.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => Some(*name),
            _ => None,
        });
        let wild: Vec<&str> = common.into_iter().chain(names).filter(|name| name.contains('*')).collect();
        for name in wild {
            self.found("TLS_CERT_03", format!("the name {name:?} has a wildcard"));
        }
    }

    fn key_usage(&mut self) {
        let rule = if self.role == Role::Leaf { "TLS_CERT_06" } else { "TLS_CERT_07" };
        let Ok(Some(usage)) = self.certificate.key_usage() else {
            return self.found(rule, "it has no keyUsage");
        };
        if !usage.critical {
            self.found(rule, "its keyUsage is not critical");
        }
        let (cert_sign, crl_sign) = (usage.value.key_cert_sign(), usage.value.crl_sign());
        if self.role != Role::Leaf {
            if !cert_sign || !crl_sign {
                self.found(rule, "its keyUsage lacks keyCertSign or cRLSign");
            }
            return;
        }
        if !usage.value.digital_signature() {
            self.found(rule, "its keyUsage lacks digitalSignature");
        }
        if cert_sign || crl_sign {
            self.found(rule, "its keyUsage has keyCertSign or cRLSign, which only a CA may have");
        }
    }

    fn extended_key_usage(&mut self) {
        if self.role != Role::Leaf {
            return;
        }
        match self.certificate.extended_key_usage() {
            Ok(Some(usage)) if usage.value.any => self.found("TLS_CERT_08", "its extendedKeyUsage allows anything"),
            Ok(Some(usage)) if usage.value.server_auth || usage.value.client_auth => {}
            _ => self.found("TLS_CERT_08", "its extendedKeyUsage has neither serverAuth nor clientAuth"),
        }
    }

    fn basic_constraints(&mut self) {
        if self.role == Role::Leaf {
            return;
        }
        // The role says that they are there.
        let Ok(Some(constraints)) = self.certificate.basic_constraints() else { return };
        if !constraints.critical {
            self.found("TLS_CERT_10", "its basicConstraints are not critical");
        }
        // A root has one issuing CA below it, which has none.
        let most = if self.role == Role::Root { 1 } else { 0 };
        if constraints.value.path_len_constraint.is_none_or(|length| length > most) {
            self.found("TLS_CERT_10", format!("its path length is not limited to {most}"));
        }
    }

    fn validity(&mut self, now: OffsetDateTime) {
        let validity = self.certificate.validity();
        let (from, until) = (validity.not_before.to_datetime(), validity.not_after.to_datetime());
        let (most, years) = match self.role {
            Role::Root => (MAX_ROOT, 6),
            Role::Intermediate => (MAX_INTERMEDIATE, 5),
            Role::Leaf => (MAX_LEAF, 3),
        };
        if until < from {
            self.found("TLS_CERT_11", "it ends before it begins");
        } else if until - from > most {
            let days = (until - from).whole_days();
            self.found("TLS_CERT_11", format!("it is valid for {days} days, at most {years} years are allowed"));
        }
        if now < from {
            self.found("TLS_CERT_12", format!("it is only valid from {from}"));
        }
        if now > until {
            self.found("TLS_CERT_12", format!("it ended on {until}"));
        }
    }
}
