//! Where the PIN of a token comes from.

use std::fmt;
use std::str::FromStr;

use crate::custody::passphrase_source::{PassphraseSource, SourceError};

/// A source of a PIN. Text form: `file:/PATH`, `env:VARIABLE`, `credential:NAME`, `prompt`, `pad`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PinSource {
    /// As a passphrase comes: from a file, a variable, systemd, or a person at the terminal.
    From(PassphraseSource),
    /// From the token's own key pad; it never passes through this process.
    Pad,
}

impl fmt::Display for PinSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From(source) => source.fmt(f),
            Self::Pad => f.write_str("pad"),
        }
    }
}

impl FromStr for PinSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        if text == "pad" {
            return Ok(Self::Pad);
        }
        match text.parse()? {
            // A token without any PIN keeps nothing.
            PassphraseSource::None => Err(SourceError::Form { got: text.to_owned() }),
            source => Ok(Self::From(source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_strict() {
        for good in ["file:/a", "credential:a", "env:A", "prompt", "pad"] {
            assert_eq!(good.parse::<PinSource>().unwrap().to_string(), good);
        }
        for bad in ["", "none", "1234", "pad:", "|cat", "Pad"] {
            assert!(bad.parse::<PinSource>().is_err(), "{bad}");
        }
    }
}
