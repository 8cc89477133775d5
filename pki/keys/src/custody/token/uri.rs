//! Where a key in a token is: a PKCS#11 URI (RFC 7512). It names things by their labels, never by a slot's number, which
//! changes when tokens come and go, and it never holds a PIN, since such texts stand in files, lists and logs.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::pin::PinSource;

const SCHEME: &str = "pkcs11:";
/// The most bytes of a URI.
const MAX_URI: usize = 4096;

/// Why a text is no PKCS#11 URI that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenUriError {
    /// Not one at all.
    #[error("{got:?} is no PKCS#11 URI: write pkcs11:token=LABEL;object=KEY?module-path=/path/of/module.so (RFC 7512)")]
    Form {
        /// What was given, cut to 80 characters.
        got: String,
    },
    /// An attribute that is not known, or not allowed.
    #[error("the PKCS#11 URI has the attribute {name:?}, which cannot be used here: {why}")]
    Attribute {
        /// Its name.
        name: String,
        /// Why not.
        why: &'static str,
    },
    /// An attribute's value is not what it should be. The value is not shown: it may be a secret in the wrong place.
    #[error("the attribute {name:?} of the PKCS#11 URI has no usable value: {why}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// An attribute stands twice.
    #[error("the PKCS#11 URI has the attribute {name:?} twice")]
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// No token is named.
    #[error("the PKCS#11 URI names no token: add token=LABEL, since slots' numbers change")]
    NoToken,
}

/// A token, and in it perhaps a key. Parses from and prints as RFC 7512.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUri {
    /// The token's label.
    pub token: String,
    /// The token's serial number, where two tokens have one label.
    pub serial: Option<String>,
    /// The token's manufacturer.
    pub manufacturer: Option<String>,
    /// The token's model.
    pub model: Option<String>,
    /// The key's label (CKA_LABEL).
    pub object: Option<String>,
    /// The key's id (CKA_ID), where two keys have one label.
    pub id: Option<Vec<u8>>,
    /// The module that speaks to the token: a whole path.
    pub module: Option<PathBuf>,
    /// Where the PIN comes from.
    pub pin: Option<PinSource>,
}

impl TokenUri {
    /// Names a token by its label.
    #[must_use]
    pub fn of_token(label: impl Into<String>) -> Self {
        Self {
            token: label.into(),
            serial: None,
            manufacturer: None,
            model: None,
            object: None,
            id: None,
            module: None,
            pin: None,
        }
    }

    /// The same token, without a key.
    #[must_use]
    pub fn without_key(&self) -> Self {
        Self { object: None, id: None, ..self.clone() }
    }

    /// A key of the same token, by its label.
    #[must_use]
    pub fn with_object(&self, label: impl Into<String>) -> Self {
        Self { object: Some(label.into()), id: None, ..self.clone() }
    }

    /// The same key in another place: `place` says which token, module and PIN. Its module and PIN stay where `place`
    /// says nothing of them.
    #[must_use]
    pub fn moved_to(&self, place: &Self) -> Self {
        Self {
            object: self.object.clone(),
            id: self.id.clone(),
            module: place.module.clone().or_else(|| self.module.clone()),
            pin: place.pin.clone().or_else(|| self.pin.clone()),
            ..place.clone()
        }
    }

    fn set(&mut self, name: &str, value: &str, query: bool) -> Result<(), TokenUriError> {
        let refuse = |why| TokenUriError::Attribute { name: name.chars().take(40).collect(), why };
        match (query, name) {
            (false, "token") if !self.token.is_empty() => Err(TokenUriError::Twice { name: "token" }),
            (false, "token") => {
                self.token = text("token", value)?;
                Ok(())
            }
            (false, "serial") => once("serial", &mut self.serial, text("serial", value)?),
            (false, "manufacturer") => once("manufacturer", &mut self.manufacturer, text("manufacturer", value)?),
            (false, "model") => once("model", &mut self.model, text("model", value)?),
            (false, "object") => once("object", &mut self.object, text("object", value)?),
            (false, "id") => once("id", &mut self.id, bytes("id", value)?),
            (false, "type") if value == "private" => Ok(()),
            (false, "type") => Err(TokenUriError::Value { name: "type", why: "only private keys are meant here" }),
            (false, "slot-id" | "slot-description" | "slot-manufacturer") => {
                Err(refuse("slots change when tokens come and go, name the token by its label"))
            }
            (true, "module-path") => once("module-path", &mut self.module, module(value)?),
            (true, "module-name") => Err(refuse("give the module's whole path as module-path")),
            (true, "pin-source") => once("pin-source", &mut self.pin, pin(value)?),
            (true, "pin-value") => {
                Err(refuse("a PIN never stands in a URI: put it into a file and write pin-source=file:PATH"))
            }
            _ => Err(refuse("it is not known")),
        }
    }
}

fn once<T>(name: &'static str, place: &mut Option<T>, value: T) -> Result<(), TokenUriError> {
    if place.replace(value).is_some() { Err(TokenUriError::Twice { name }) } else { Ok(()) }
}

fn bytes(name: &'static str, value: &str) -> Result<Vec<u8>, TokenUriError> {
    let wrong = |why| TokenUriError::Value { name, why };
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push(high << 4 | low),
            _ => return Err(wrong("% must be followed by two hexadecimal digits")),
        }
    }
    if bytes.is_empty() { Err(wrong("it is empty")) } else { Ok(bytes) }
}

fn text(name: &'static str, value: &str) -> Result<String, TokenUriError> {
    let text = String::from_utf8(bytes(name, value)?);
    let text = text.map_err(|_| TokenUriError::Value { name, why: "it is no text in UTF-8" })?;
    if text.chars().any(char::is_control) {
        return Err(TokenUriError::Value { name, why: "it has control characters" });
    }
    Ok(text)
}

fn module(value: &str) -> Result<PathBuf, TokenUriError> {
    let path = PathBuf::from(text("module-path", value)?);
    // A name alone would be looked up along a path that others may set.
    let why = "it must be a whole path, beginning with /";
    if path.is_absolute() { Ok(path) } else { Err(TokenUriError::Value { name: "module-path", why }) }
}

fn pin(value: &str) -> Result<PinSource, TokenUriError> {
    let why = "write file:/PATH, env:VARIABLE, credential:NAME (systemd), prompt, or pad (the token's own key pad)";
    text("pin-source", value)?.parse().map_err(|_| TokenUriError::Value { name: "pin-source", why })
}

impl FromStr for TokenUri {
    type Err = TokenUriError;

    fn from_str(given: &str) -> Result<Self, TokenUriError> {
        let form = || TokenUriError::Form { got: given.chars().take(80).collect() };
        let rest = given.strip_prefix(SCHEME).filter(|_| given.len() <= MAX_URI).ok_or_else(form)?;
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let mut uri = Self::of_token("");
        let path = path.split(';').map(|part| (part, false));
        let query = query.into_iter().flat_map(|query| query.split('&')).map(|part| (part, true));
        for (part, query) in path.chain(query).filter(|(part, _)| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(form)?;
            uri.set(name, value, query)?;
        }
        if uri.token.is_empty() { Err(TokenUriError::NoToken) } else { Ok(uri) }
    }
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}token={}", Encoded(self.token.as_bytes(), b":"))?;
        let named = [("serial", &self.serial), ("manufacturer", &self.manufacturer), ("model", &self.model)];
        for (name, value) in named.into_iter().chain([("object", &self.object)]) {
            if let Some(value) = value {
                write!(f, ";{name}={}", Encoded(value.as_bytes(), b":"))?;
            }
        }
        if let Some(id) = &self.id {
            f.write_str(";id=")?;
            // RFC 7512, 2.3: the id is encoded whole.
            id.iter().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
        }
        let module = self.module.as_ref().map(|path| ("module-path", path.display().to_string()));
        let pin = self.pin.as_ref().map(|pin| ("pin-source", pin.to_string()));
        for (number, (name, value)) in module.into_iter().chain(pin).enumerate() {
            let mark = if number == 0 { '?' } else { '&' };
            write!(f, "{mark}{name}={}", Encoded(value.as_bytes(), b":/"))?;
        }
        Ok(())
    }
}

/// Percent-encoded but for the unreserved characters (RFC 3986) and some more.
struct Encoded<'a>(&'a [u8], &'static [u8]);

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || self.1.contains(byte) {
                write!(f, "{}", char::from(*byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::PassphraseSource;

    #[test]
    fn what_is_printed_parses_to_the_same() {
        let mut uri = TokenUri::of_token("Löwe 7; a?b&c=d/%");
        for step in 0..4 {
            match step {
                0 => {}
                1 => uri.object = Some("nord.dvc:issuing-ca".to_owned()),
                2 => (uri.id, uri.serial) = (Some(vec![0, 1, 0xfe, b'%']), Some("d14f".to_owned())),
                _ => {
                    uri.module = Some("/usr/lib/softhsm/libsofthsm2.so".into());
                    uri.pin = Some(PinSource::From(PassphraseSource::File("/etc/verbund/pin & more".into())));
                }
            }
            let text = uri.to_string();
            assert_eq!(text.parse::<TokenUri>().unwrap(), uri, "{text}");
            assert!(text.is_ascii() && !text.contains(' '), "{text}");
        }
    }

    #[test]
    fn the_forms_of_the_rfc_are_taken() {
        // After the examples of RFC 7512, 3.
        let uri: TokenUri =
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;model=1.0;\
                             object=my-certificate;type=private;id=%69%95%3E%5C%F4%BD%EC%91;serial=\
                             ?pin-source=file:/etc/token_pin&module-path=/usr/lib/m.so"
                .replace("serial=", "serial=A1")
                .parse()
                .unwrap();
        assert_eq!(uri.token, "The Software PKCS#11 Softtoken");
        assert_eq!(uri.manufacturer.as_deref(), Some("Snake Oil, Inc."));
        assert_eq!(uri.id.as_deref(), Some(&[0x69, 0x95, 0x3e, 0x5c, 0xf4, 0xbd, 0xec, 0x91][..]));
        assert_eq!(uri.pin.as_ref().unwrap().to_string(), "file:/etc/token_pin");
        assert_eq!(uri.module.as_deref(), Some(std::path::Path::new("/usr/lib/m.so")));
    }

    #[test]
    fn what_is_not_meant_is_refused_and_no_secret_is_repeated() {
        for bad in [
            "",
            "pkcs11:",
            "pkcs11:object=a",
            "file:/a",
            "pkcs11:token=",
            "pkcs11:token=a;token=b",
            "pkcs11:token",
            "pkcs11:token=a;slot-id=1",
            "pkcs11:token=a;object=%zz",
            "pkcs11:token=a;object=%4",
            "pkcs11:token=%FF",
            "pkcs11:token=a;type=cert",
            "pkcs11:token=a?module-path=m.so",
            "pkcs11:token=a?module-name=m",
            "pkcs11:token=a?pin-source=1234",
            "pkcs11:token=a?pin-source=%7C/bin/cat",
            "pkcs11:token=a?pin-value=1234",
            "pkcs11:token=a;x=y",
            "pkcs11:token=a%0Ab",
            "pkcs11:token=a;object=b;object=c",
        ] {
            let error = bad.parse::<TokenUri>().expect_err(bad);
            assert!(!error.to_string().contains("1234"), "{error}");
        }
        assert!(format!("pkcs11:token={}", "a".repeat(MAX_URI)).parse::<TokenUri>().is_err());
    }

    #[test]
    fn a_key_moves_to_another_token_and_keeps_its_name() {
        let key: TokenUri = "pkcs11:token=a;serial=1;object=k?module-path=/m.so&pin-source=env:A".parse().unwrap();
        let place: TokenUri = "pkcs11:token=b?pin-source=credential:pin".parse().unwrap();
        let moved = key.moved_to(&place).to_string();
        assert_eq!(moved, "pkcs11:token=b;object=k?module-path=/m.so&pin-source=credential:pin");
    }
}
