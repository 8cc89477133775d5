//! Where a node can be reached.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address is written as host:port or network=host:port (IPv6 in brackets), but got {got:?}")]
pub struct AddressError {
    /// The text that was given, cut to 80 characters.
    pub got: String,
}

/// An address that a node advertises: in which network, under which name or IP address, at which port. What a node binds
/// is its own affair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// The network's name, such as `nds-vn` or `internet`; `default` if nothing was said.
    pub network: String,
    /// DNS name, IPv4 address, or IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Address {
    /// The part that is dialled: `host:port`, IPv6 in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether all parts have the form that parsing demands (a peer may send others).
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        self.to_string().parse::<Self>().is_ok_and(|parsed| parsed == *self)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.network != "default" {
            write!(f, "{}=", self.network)?;
        }
        f.write_str(&self.authority())
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).ok_or_else(|| AddressError { got: text.chars().take(80).collect() })
    }
}

fn parse(text: &str) -> Option<Address> {
    let (network, rest) = text.split_once('=').unwrap_or(("default", text));
    let (host, port) = rest.rsplit_once(':')?;
    let label = |s: &str, extra: &[u8]| {
        (1..=253).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric() || extra.contains(&b))
    };
    let port = port.parse::<u16>().ok().filter(|p| *p != 0)?;
    let (host, host_fits) = match host.strip_prefix('[') {
        Some(inner) => (inner.strip_suffix(']')?.parse::<std::net::Ipv6Addr>().ok()?.to_string(), true),
        None => (host.to_owned(), label(host, b".-")),
    };
    (label(network, b"-") && network.len() <= 40 && host_fits).then(|| Address {
        network: network.to_owned(),
        host,
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for text in ["localhost:7100", "nds-vn=10.0.0.1:1", "[::1]:65535", "internet=[2001:db8::1]:443"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses() {
        for text in ["", "host", "host:0", "host:65536", "::1:7100", "[::1:1", "a b:1", "=h:1", "h/x:1", "x=y=z:1"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
