//! The Land in which a site physically stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The sixteen Länder by ISO 3166-2.
const CODES: [&str; 16] = [
    "DE-BB", "DE-BE", "DE-BW", "DE-BY", "DE-HB", "DE-HE", "DE-HH", "DE-MV", "DE-NI", "DE-NW", "DE-RP", "DE-SH",
    "DE-SL", "DE-SN", "DE-ST", "DE-TH",
];

/// Why a text is no Land.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{got:?} is no Land by ISO 3166-2: wanted one of {}", CODES.join(", "))]
pub struct LandError {
    /// The text that was given, cut to 80 characters.
    pub got: String,
}

/// A Land by its ISO 3166-2 code, such as `DE-NI` (formats 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Land(&'static str);

impl Land {
    /// The code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Land {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl FromStr for Land {
    type Err = LandError;

    fn from_str(text: &str) -> Result<Self, LandError> {
        let known = CODES.iter().find(|code| **code == text);
        known.map(|code| Self(code)).ok_or_else(|| LandError { got: text.chars().take(80).collect() })
    }
}

impl<'de> Deserialize<'de> for Land {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}
