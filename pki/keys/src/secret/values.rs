//! The values of a secret, in clear.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use zeroize::Zeroizing;

/// To multiples of how many bytes the values of a secret are padded.
pub const PADDING: usize = 256;

/// The values of a secret, in clear: wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SecretValues(BTreeMap<String, Zeroizing<Vec<u8>>>);

impl SecretValues {
    /// Puts a value under a key; the one that stood there, if any.
    pub fn insert(&mut self, key: String, value: Zeroizing<Vec<u8>>) -> Option<Zeroizing<Vec<u8>>> {
        self.0.insert(key, value)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the keys.
    #[must_use]
    pub fn keys(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// The value of each key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// Number of keys, then each key and value with its length, then zeros.
    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let length: usize = 4 + self.0.iter().map(|(key, value)| 8 + key.len() + value.len()).sum::<usize>();
        let padded = length.next_multiple_of(PADDING);
        // With room for the tag, so that the values are never copied to another place.
        let mut bytes = Zeroizing::new(Vec::with_capacity(padded + 16));
        bytes.extend_from_slice(&number(self.0.len()));
        for (key, value) in &self.0 {
            for part in [key.as_bytes(), value.as_slice()] {
                bytes.extend_from_slice(&number(part.len()));
                bytes.extend_from_slice(part);
            }
        }
        bytes.resize(padded, 0);
        bytes
    }

    /// `None`: these are not the bytes of values.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let count = take_number(&mut rest)?;
        let mut values = BTreeMap::new();
        for _ in 0..count {
            let key = String::from_utf8(take(&mut rest)?.to_vec()).ok()?;
            let value = Zeroizing::new(take(&mut rest)?.to_vec());
            if values.insert(key, value).is_some() {
                return None;
            }
        }
        (rest.len() < PADDING && rest.iter().all(|byte| *byte == 0)).then_some(Self(values))
    }
}

/// A length: what is sealed is far below 4 GiB.
fn number(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn take_number(rest: &mut &[u8]) -> Option<usize> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_be_bytes(*number)).ok()
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(rest)?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part)
}

impl fmt::Debug for SecretValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretValues({:?}, values not shown)", self.keys())
    }
}
