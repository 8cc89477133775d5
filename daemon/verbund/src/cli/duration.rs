//! Lengths of time as people write them.

use std::str::FromStr;
use std::time::Duration;

use jiff::SpanRelativeTo;

/// A length of time: `90s`, `24h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// In milliseconds.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || crate::t!("cli-not-a-time", got = text);
        let span: jiff::Span = text.parse().map_err(|_| wrong())?;
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
        let length = Duration::try_from(length).map_err(|_| wrong())?;
        if length.is_zero() { Err(wrong()) } else { Ok(Self(length)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, seconds) in
            [("90s", 90), ("24h", 86_400), ("7d", 604_800), ("1h 30m", 5_400), ("2 weeks", 1_209_600)]
        {
            assert_eq!(text.parse::<Span>().unwrap().0.as_secs(), seconds, "{text}");
        }
        for text in ["", "0s", "-5m", "soon", "24", "1 month"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }
}
