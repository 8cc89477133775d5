//! A digest as people write it: whole, or as many of its first digits as make it the only one.

use std::fmt;
use std::str::FromStr;

use verbund_model::Hash;

use crate::t;

/// The least number of digits: fewer would name something else tomorrow.
const LEAST: usize = 6;

/// The first digits of a digest, perhaps all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashPrefix(String);

impl HashPrefix {
    /// The whole digest, if all of its digits were given.
    #[must_use]
    pub fn whole(&self) -> Option<Hash> {
        self.0.parse().ok()
    }

    /// Whether a digest begins so.
    #[must_use]
    pub fn fits(&self, digest: &str) -> bool {
        digest.starts_with(&self.0)
    }
}

impl fmt::Display for HashPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HashPrefix {
    type Err = String;

    /// Groups with spaces, as fingerprints are shown, are taken too.
    fn from_str(text: &str) -> Result<Self, String> {
        let digits: String = text.chars().filter(|c| *c != ' ').collect::<String>().to_lowercase();
        let fits = (LEAST..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        if fits { Ok(Self(digits)) } else { Err(t!("words-hash-prefix", got = text, least = LEAST)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_part() {
        let whole = Hash([0xab; 32]);
        let given: HashPrefix = whole.to_string().parse().unwrap();
        assert_eq!(given.whole(), Some(whole));
        let part: HashPrefix = "ABAB abab abab".parse().unwrap();
        assert_eq!(part.whole(), None);
        assert!(part.fits(&whole.to_string()) && !part.fits(&Hash([0xac; 32]).to_string()));
        assert!(whole.short().parse::<HashPrefix>().unwrap().fits(&whole.to_string()), "what lists show is enough");
        for wrong in ["", "abcde", "xyzxyz", &"a".repeat(65)] {
            assert!(wrong.parse::<HashPrefix>().is_err(), "{wrong}");
        }
    }
}
