//! The certificate checks of BSI TR-03116-TS for which more than the certificate is needed: what a verifier can fetch
//! beside it (TLS_CERT_04), whether it was revoked (05), and whether it covers the names in use (09).

use std::net::IpAddr;

use time::OffsetDateTime;

use super::checks::Finding;
use super::{CertificateError, CertificateInfo, RevocationList};

fn finding(rule: &'static str, info: &CertificateInfo, message: String) -> Finding {
    Finding { rule, subject: info.subject.clone(), message }
}

/// TLS_CERT_04: a certificate that is no root names a CRL distribution point or its CA's certificate, and `fetch` gets
/// from each address something that is what it should be: a list of the same issuer, or the issuer's certificate.
/// `fetch` gives the body in DER, or why there is none. Errors: [`CertificateError`], for the certificate itself.
pub fn check_pointers(
    der: &[u8],
    fetch: impl Fn(&str) -> Result<Vec<u8>, String>,
) -> Result<Vec<Finding>, CertificateError> {
    const RULE: &str = "TLS_CERT_04";
    let info = CertificateInfo::parse(der)?;
    if info.is_ca && info.self_issued {
        return Ok(Vec::new());
    }
    if info.list_urls.is_empty() && info.issuer_urls.is_empty() {
        let message = "it names neither a CRL distribution point nor where its CA's certificate is".to_owned();
        return Ok(vec![finding(RULE, &info, message)]);
    }
    let list = |body: Vec<u8>| match RevocationList::from_der(body).map(|list| list.issuer().to_owned()) {
        Ok(issuer) if issuer == info.issuer => Ok(()),
        Ok(issuer) => Err(format!("a list of {issuer}, not of {}", info.issuer)),
        Err(error) => Err(error.to_string()),
    };
    let issuer = |body: Vec<u8>| match CertificateInfo::parse(&body) {
        Ok(ca) if ca.subject == info.issuer && ca.is_ca => Ok(()),
        Ok(ca) => Err(format!("the certificate of {}, not of {}", ca.subject, info.issuer)),
        Err(error) => Err(error.to_string()),
    };
    let tried = |url: &String, outcome: Result<(), String>| {
        outcome.err().map(|why| finding(RULE, &info, format!("{url} does not give what it should: {why}")))
    };
    let lists = info.list_urls.iter().filter_map(|url| tried(url, fetch(url).and_then(list)));
    let issuers = info.issuer_urls.iter().filter_map(|url| tried(url, fetch(url).and_then(issuer)));
    Ok(lists.chain(issuers).collect())
}

/// TLS_CERT_05: the certificate stands on none of the lists of its issuer, and one of them counts now. Whether a list is
/// its issuer's own is for who fetched it to say. Errors: [`CertificateError`], for the certificate.
pub fn check_revocation(
    der: &[u8],
    lists: &[RevocationList],
    now: OffsetDateTime,
) -> Result<Vec<Finding>, CertificateError> {
    const RULE: &str = "TLS_CERT_05";
    let info = CertificateInfo::parse(der)?;
    if info.is_ca {
        return Ok(Vec::new());
    }
    let of_issuer: Vec<&RevocationList> = lists.iter().filter(|list| list.issuer() == info.issuer).collect();
    if let Some(revoked) = of_issuer.iter().flat_map(|list| list.revoked()).find(|entry| entry.serial == info.serial) {
        return Ok(vec![finding(RULE, &info, format!("it was revoked at {}", revoked.since))]);
    }
    if of_issuer.iter().any(|list| list.this_update() <= now && now <= list.next_update()) {
        return Ok(Vec::new());
    }
    Ok(vec![finding(RULE, &info, format!("there is no list of {} that counts now", info.issuer))])
}

/// TLS_CERT_09: the certificate's alternative names cover `names`: host names, addresses and SPIFFE ids, each exactly.
/// Errors: [`CertificateError`].
pub fn check_names(der: &[u8], names: &[&str]) -> Result<Vec<Finding>, CertificateError> {
    let info = CertificateInfo::parse(der)?;
    let covered = |name: &str| {
        info.uris.iter().chain(&info.dns_names).any(|own| own == name)
            || name.parse::<IpAddr>().is_ok_and(|ip| info.ip_addresses.contains(&ip))
    };
    let missing = names.iter().filter(|name| !covered(name));
    Ok(missing.map(|name| finding("TLS_CERT_09", &info, format!("its names do not cover {name:?}"))).collect())
}
