//! Where a node can be reached: a name or IP address, and a port.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no address: write host:port, such as node1.example:7400, 192.0.2.1:7400 or [2001:db8::1]:7400")]
pub struct AddressError {
    /// The text, cut to 200 characters.
    pub got: String,
}

/// `host:port`; an IPv6 address stands in brackets (RFC 3986, 3.2.2).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    host: String,
    port: u16,
}

impl Address {
    /// The host: a name, or an IP address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self { host: address.ip().to_string(), port: address.port() }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError { got: text.chars().take(200).collect() };
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(error)?;
        // A host goes into a CONNECT request: nothing but the letters of host names may be in it.
        let letters = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        let is_name = (1..=253).contains(&host.len()) && host.bytes().all(letters);
        let port: u16 = port.parse().map_err(|_| error())?;
        // What looks like an IPv4 address and is none, such as 1.2.3.400, is no name either.
        let is_numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !is_name || port == 0 || (is_numeric && host.parse::<IpAddr>().is_err()) {
            return Err(error());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_keep_their_form() {
        for text in ["node1.example:7400", "192.0.2.1:7400", "[2001:db8::1]:7400"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_smuggle_a_header_is_refused() {
        for text in
            ["", "host", "host:", ":1", "host:0", "host:65536", "a b:1", "a\r\nX: y:1", "1.2.3.400:1", "::1:7400x"]
        {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
