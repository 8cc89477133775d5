//! German and English.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;
use serde::{Deserialize, Serialize};

/// A language that the API speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    /// German.
    German,
    /// English: what callers get that ask for neither.
    #[default]
    English,
}

impl Language {
    /// The tag (BCP 47).
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::German => "de",
            Self::English => "en",
        }
    }

    /// The language that `Accept-Language` prefers (RFC 9110, 12.5.4); the earlier one where two are equal.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|v| v.to_str().ok());
        let ranges = values.flat_map(|v| v.split(',')).take(32).filter_map(range);
        let mut best = (0, Self::default());
        for (language, weight) in ranges {
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }
}

/// A language range that we can serve, with its weight in thousandths.
fn range(text: &str) -> Option<(Language, u16)> {
    let mut parts = text.split(';').map(str::trim);
    let tag = parts.next()?.to_ascii_lowercase();
    let language = match tag.split('-').next()? {
        "de" => Language::German,
        "en" | "*" => Language::English,
        _ => return None,
    };
    let weight = match parts.find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q="))) {
        None => 1000,
        Some(q) => thousandths(q)?,
    };
    Some((language, weight))
}

/// A quality value: 0 to 1 with at most three decimals (RFC 9110, 12.4.2).
fn thousandths(q: &str) -> Option<u16> {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    let fraction: u16 = if digits { format!("{fraction:0<3}").parse().ok()? } else { return None };
    match (whole, fraction) {
        ("0", fraction) => Some(fraction),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Localised {
    /// In German.
    pub de: String,
    /// In English.
    pub en: String,
}

impl Localised {
    /// A text in both languages.
    #[must_use]
    pub fn new(de: impl Into<String>, en: impl Into<String>) -> Self {
        Self { de: de.into(), en: en.into() }
    }

    /// The text in one language.
    #[must_use]
    pub fn get(&self, language: Language) -> &str {
        match language {
            Language::German => &self.de,
            Language::English => &self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, value.parse().unwrap());
        Language::from_headers(&headers)
    }

    #[test]
    fn the_preferred_language_wins() {
        use Language::{English, German};
        for (value, wanted) in [
            ("de", German),
            ("de-DE,de;q=0.9,en;q=0.8", German),
            ("en-GB, de;q=0.9", English),
            ("fr, de;q=0.3, en;q=0.2", German),
            ("de;q=0.5, en;q=0.5", German),
            ("DE-at", German),
            ("fr", English),
            ("*", English),
            ("de;q=0", English),
            ("de;q=0.1234", English),
            ("de;q=2, en", English),
            ("den, dee", English),
            ("", English),
            (";;;,,,=", English),
        ] {
            assert_eq!(of(value), wanted, "{value:?}");
        }
        assert_eq!(Language::from_headers(&HeaderMap::new()), English);
    }
}
