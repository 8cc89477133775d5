//! Pages of a list: the token with which the next one is asked for.

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use verbund_model::view::Kind;

/// The most resources of one page, and how many there are when nobody says.
pub const MAX_LIMIT: usize = 1000;
/// How many resources a page has when nobody says.
pub const DEFAULT_LIMIT: usize = 100;

/// Where the next page begins. Opaque to callers; it says nothing that its holder may not know, and one that was made up
/// only begins elsewhere in the same list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continue {
    kind: Kind,
    after: String,
}

impl Continue {
    /// The page of `kind` after the name `after`.
    #[must_use]
    pub fn new(kind: Kind, after: impl Into<String>) -> Self {
        Self { kind, after: after.into() }
    }

    /// The token.
    #[must_use]
    pub fn to_token(&self) -> String {
        // A structure of strings has no failing serialiser.
        BASE64URL_NOPAD.encode(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// The name after which the page begins. `None`: no token of ours, or one of another kind.
    #[must_use]
    pub fn after(token: &str, kind: Kind) -> Option<String> {
        if token.len() > 1024 {
            return None;
        }
        let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).ok()?;
        let this: Self = serde_json::from_slice(&bytes).ok()?;
        (this.kind == kind).then_some(this.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip_for_their_kind_only() {
        let token = Continue::new(Kind::Site, "nord").to_token();
        assert_eq!(Continue::after(&token, Kind::Site).as_deref(), Some("nord"));
        assert_eq!(Continue::after(&token, Kind::Node), None);
        for bad in ["", "!", "AAAA", &"A".repeat(2000), &token[1..]] {
            assert_eq!(Continue::after(bad, Kind::Site), None, "{bad:?}");
        }
    }
}
