//! Where verifiers of a site's certificates fetch what they need beside them: revocation lists and the CA's certificate
//! (RFC 5280, 4.2.1.13 and 4.2.2.1; TLS_CERT_04).

use std::fmt;
use std::str::FromStr;

use rcgen::{CrlDistributionPoint, CustomExtension};
use verbund_model::KeyId;

/// The most characters of the base of these addresses.
const MAX_BASE: usize = 160;
/// `id-pe-authorityInfoAccess` (RFC 5280, 4.2.2.1).
const AUTHORITY_INFO_ACCESS: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 1];
/// `id-ad-caIssuers` as a whole DER object identifier.
const CA_ISSUERS: [u8; 10] = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

/// Why a text is no address under which a site publishes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} cannot stand in certificates: give http://HOST[:PORT][/PATH] without user, query and fragment, at most \
     {MAX_BASE} characters; not https, because a certificate must not be needed to check certificates (RFC 5280, 8)"
)]
pub struct PublicationError {
    /// What was given, cut to 200 characters.
    text: String,
}

/// The base of the addresses at which a site's listener for revocation lists and CA certificates is reached, such as
/// `http://pki.site-a.example:7103`. Text form: without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    base: String,
}

impl Publication {
    /// Where the list of a CA is: its certificates' CRL distribution point.
    #[must_use]
    pub fn list_url(&self, ca: &KeyId) -> String {
        self.base.clone() + &list_path(ca)
    }

    /// Where a CA's own certificate is (`caIssuers`).
    #[must_use]
    pub fn certificate_url(&self, ca: &KeyId) -> String {
        self.base.clone() + &certificate_path(ca)
    }

    /// The CRL distribution point of what `ca` issues.
    pub(super) fn distribution_point(&self, ca: &KeyId) -> CrlDistributionPoint {
        CrlDistributionPoint { uris: vec![self.list_url(ca)] }
    }

    /// The authorityInfoAccess extension of what `ca` issues: not critical, one caIssuers.
    pub(super) fn authority_info_access(&self, ca: &KeyId) -> CustomExtension {
        let url = self.certificate_url(ca);
        let location = tlv(0x86, url.as_bytes());
        let description = tlv(0x30, &[&CA_ISSUERS[..], &location].concat());
        CustomExtension::from_oid_content(&AUTHORITY_INFO_ACCESS, tlv(0x30, &description))
    }
}

/// The path of a CA's list below the base.
#[must_use]
pub fn list_path(ca: &KeyId) -> String {
    format!("/crl/{ca}.crl")
}

/// The path of a CA's certificate below the base.
#[must_use]
pub fn certificate_path(ca: &KeyId) -> String {
    format!("/ca/{ca}.cer")
}

/// One DER element. A content longer than 65,535 bytes cannot come from a [`Publication`].
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut out = vec![tag];
    match length {
        [0, short @ ..=0x7f] => out.push(short),
        [0, long] => out.extend([0x81, long]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend(content);
    out
}

impl FromStr for Publication {
    type Err = PublicationError;

    fn from_str(text: &str) -> Result<Self, PublicationError> {
        let error = || PublicationError { text: text.chars().take(200).collect() };
        let base = text.strip_suffix('/').unwrap_or(text);
        let rest = base.strip_prefix("http://").ok_or_else(error)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // What RFC 3986 allows unescaped, but for what would make somebody read it in two ways.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host_fits = match v6 {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(plain),
        };
        let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
        let whole = format!("/{path}");
        let path_fits = path.chars().all(|c| plain(c) || c == '/') && !whole.contains("//") && !path.contains("..");
        if base.len() <= MAX_BASE && host_fits && port_fits && path_fits {
            return Ok(Self { base: base.to_owned() });
        }
        Err(error())
    }
}

impl fmt::Display for Publication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_http_addresses_are_taken() {
        for good in [
            "http://pki.site-a.example",
            "http://pki.site-a.example:7103",
            "http://192.0.2.1:7103/verbund",
            "http://[2001:db8::1]:7103",
            "http://[2001:db8::1]",
        ] {
            assert_eq!(good.parse::<Publication>().unwrap().to_string(), good);
            assert_eq!(format!("{good}/").parse::<Publication>().unwrap().to_string(), good);
        }
        let long = format!("http://{}.example", "a".repeat(MAX_BASE));
        for bad in [
            "",
            "http://",
            "pki.site-a.example",
            "https://pki.site-a.example",
            "ldap://pki.site-a.example",
            "http://user@pki.site-a.example",
            "http://pki.site-a.example?x",
            "http://pki.site-a.example#x",
            "http://*.site-a.example",
            "http://pki.site-a.example:0",
            "http://pki.site-a.example:70000",
            "http://pki.site-a.example/../x",
            "http://pki.site-a.example//x",
            "http://pki site",
            "http://[::1",
            long.as_str(),
        ] {
            assert!(bad.parse::<Publication>().is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_are_written_as_der_wants_them() {
        assert_eq!(tlv(0x30, &[7; 3]), [0x30, 3, 7, 7, 7]);
        assert_eq!(tlv(0x30, &[0; 0x80])[..3], [0x30, 0x81, 0x80]);
        assert_eq!(tlv(0x30, &[0; 0x1ff])[..4], [0x30, 0x82, 0x01, 0xff]);
    }
}
