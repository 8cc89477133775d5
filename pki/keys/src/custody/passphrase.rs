//! A passphrase, and the keys that Argon2id (RFC 9106) makes of it.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use argon2::{Argon2, Params, Version};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The most bytes of a passphrase.
const MAX_PASSPHRASE: usize = 1024;
/// Length of a salt, bytes (RFC 9106, 3.1 recommends 16).
pub(super) const SALT: usize = 16;
/// How many derived keys one passphrase remembers: a site's files and a few of a person.
const REMEMBERED: usize = 8;

/// Why bytes are no passphrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Nothing is there.
    #[error("the passphrase is empty: keys are never kept without one")]
    Empty,
    /// Too much is there.
    #[error("the passphrase has {length} bytes, at most {MAX_PASSPHRASE} are allowed: was the right file named?")]
    Long {
        /// How many bytes came.
        length: usize,
    },
}

/// Why no key could be derived.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KdfError {
    /// Parameters that would be useless or exhaust the machine.
    #[error(
        "the key derivation asks for {} KiB, {} passes and {} lanes; allowed are 8 per lane to {} KiB, 1 to {} passes, 1 to {} lanes",
        .0.memory_kib, .0.passes, .0.lanes, KdfParameters::MAX_MEMORY_KIB, KdfParameters::MAX_PASSES, KdfParameters::MAX_LANES
    )]
    Parameters(KdfParameters),
    /// The library failed, most often for want of memory.
    #[error("deriving a key from the passphrase failed ({reason}); it needs {memory_kib} KiB of free memory")]
    Derive {
        /// What the library said.
        reason: String,
        /// How much memory it needs.
        memory_kib: u32,
    },
}

/// What a derivation by Argon2id costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KdfParameters {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl KdfParameters {
    /// The most memory that a file may ask for, KiB: its header is only authenticated after the derivation.
    pub const MAX_MEMORY_KIB: u32 = 1024 * 1024;
    /// The most passes that a file may ask for.
    pub const MAX_PASSES: u32 = 16;
    /// The most lanes that a file may ask for.
    pub const MAX_LANES: u32 = 16;

    pub(super) fn check(&self) -> Result<(), KdfError> {
        let lanes = (1..=Self::MAX_LANES).contains(&self.lanes);
        let passes = (1..=Self::MAX_PASSES).contains(&self.passes);
        if lanes && passes && (8 * self.lanes..=Self::MAX_MEMORY_KIB).contains(&self.memory_kib) {
            Ok(())
        } else {
            Err(KdfError::Parameters(*self))
        }
    }
}

impl Default for KdfParameters {
    /// 64 MiB, 3 passes, 4 lanes: the second recommended option of RFC 9106, 4, above OWASP's minimum (Password Storage
    /// Cheat Sheet: 19 MiB, 2 passes), and Argon2id as BSI TR-02102-1 recommends.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

/// What a passphrase becomes for one salt: the key that seals, and a value by which a wrong passphrase is told from damage.
pub(super) struct Derived {
    pub(super) key: Zeroizing<[u8; 32]>,
    pub(super) check: [u8; 16],
}

struct Remembered {
    parameters: KdfParameters,
    salt: [u8; SALT],
    output: Zeroizing<[u8; 48]>,
}

/// A passphrase. Wiped when dropped, never shown. It remembers the keys derived from it, so that the files of one site,
/// which share a salt, cost one derivation together.
pub struct Passphrase {
    bytes: Zeroizing<Vec<u8>>,
    derived: Mutex<Vec<Remembered>>,
}

impl Passphrase {
    /// Takes a passphrase as it is. Errors: [`PassphraseError`].
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, PassphraseError> {
        let bytes = Zeroizing::new(bytes.into());
        match bytes.len() {
            0 => Err(PassphraseError::Empty),
            length if length > MAX_PASSPHRASE => Err(PassphraseError::Long { length }),
            _ => Ok(Self { bytes, derived: Mutex::new(Vec::new()) }),
        }
    }

    /// Takes what a file or variable holds: one line end at its end does not count.
    pub(super) fn from_line(mut bytes: Zeroizing<Vec<u8>>) -> Result<Self, PassphraseError> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Self::new(std::mem::take(&mut *bytes))
    }

    /// What was typed, for a token that compares it itself.
    #[cfg(feature = "pkcs11")]
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The key for a salt that is given.
    pub(super) fn derive(&self, parameters: KdfParameters, salt: [u8; SALT]) -> Result<Derived, KdfError> {
        parameters.check()?;
        // A panic elsewhere leaves the list as whole as before: entries are only pushed and removed.
        let mut derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = derived.iter().find(|r| r.parameters == parameters && r.salt == salt) {
            return Ok(split(&known.output));
        }
        let output = argon2id(&self.bytes, parameters, &salt)?;
        let result = split(&output);
        if derived.len() == REMEMBERED {
            derived.remove(0);
        }
        derived.push(Remembered { parameters, salt, output });
        Ok(result)
    }

    /// A salt for a new file: one that was used with these parameters before, so that opening both later costs one
    /// derivation, or a random one. Each file has a nonce of its own, so a shared key repeats nothing.
    pub(super) fn salt_for_new(&self, parameters: KdfParameters) -> Result<[u8; SALT], KdfError> {
        let derived = self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = derived.iter().find(|r| r.parameters == parameters) {
            return Ok(known.salt);
        }
        let mut salt = [0; SALT];
        SystemRandom::new().fill(&mut salt).map_err(|_| KdfError::Derive {
            reason: "the system's random source gave nothing".to_owned(),
            memory_kib: parameters.memory_kib,
        })?;
        Ok(salt)
    }
}

fn split(output: &[u8; 48]) -> Derived {
    let (mut key, mut check) = (Zeroizing::new([0; 32]), [0; 16]);
    key.copy_from_slice(&output[..32]);
    check.copy_from_slice(&output[32..]);
    Derived { key, check }
}

fn argon2id(passphrase: &[u8], parameters: KdfParameters, salt: &[u8]) -> Result<Zeroizing<[u8; 48]>, KdfError> {
    let error = |e: argon2::Error| KdfError::Derive { reason: e.to_string(), memory_kib: parameters.memory_kib };
    let mut output = Zeroizing::new([0; 48]);
    let costs = Params::new(parameters.memory_kib, parameters.passes, parameters.lanes, Some(output.len()));
    Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, costs.map_err(error)?)
        .hash_password_into(passphrase, salt, &mut *output)
        .map_err(error)?;
    Ok(output)
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(not shown)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argon2id_is_the_one_of_the_rfc() {
        // RFC 9106, 5.3 uses a secret and associated data, which we do not; the first vector is of the reference
        // implementation (phc-winner-argon2, test.c: version 0x13, id, t=2, m=2^16, p=1, "password", "somesalt"), the second
        // was computed with it for the lanes and the length that key files have.
        let hex = |passes, lanes, length| {
            let mut out = vec![0; length];
            let costs = Params::new(1 << 16, passes, lanes, Some(length)).unwrap();
            Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, costs)
                .hash_password_into(b"password", b"somesalt", &mut out)
                .unwrap();
            out.iter().map(|b| format!("{b:02x}")).collect::<String>()
        };
        assert_eq!(hex(2, 1, 32), "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
        let four = "0b6f9229e9b30fec28d835e7927b4554939c94b678b980b9611586782405f3c9b5ab6507e1888e7acffcc1bc6046cc10";
        assert_eq!(hex(3, 4, 48), four);
    }

    #[test]
    fn files_made_together_share_a_salt_and_strangers_do_not() {
        let cheap = KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };
        let one = Passphrase::new("one").unwrap();
        let salt = one.salt_for_new(cheap).unwrap();
        let first = one.derive(cheap, salt).unwrap();
        assert_eq!(one.salt_for_new(cheap).unwrap(), salt);
        assert_eq!(*one.derive(cheap, salt).unwrap().key, *first.key);
        let two = Passphrase::new("two").unwrap();
        assert_ne!(two.salt_for_new(cheap).unwrap(), salt);
        let other = two.derive(cheap, salt).unwrap();
        assert_ne!(*other.key, *first.key);
        assert_ne!(other.check, first.check);
    }

    #[test]
    fn costs_that_would_exhaust_the_machine_are_refused_before_any_memory_is_taken() {
        let passphrase = Passphrase::new("p").unwrap();
        let fine = KdfParameters { memory_kib: 16, passes: 1, lanes: 2 };
        assert!(passphrase.derive(fine, [0; SALT]).is_ok(), "positive control");
        for bad in [
            KdfParameters { memory_kib: u32::MAX, ..fine },
            KdfParameters { memory_kib: 15, ..fine },
            KdfParameters { passes: 0, ..fine },
            KdfParameters { passes: 17, ..fine },
            KdfParameters { lanes: 0, ..fine },
            KdfParameters { lanes: u32::MAX, ..fine },
        ] {
            assert!(matches!(passphrase.derive(bad, [0; SALT]), Err(KdfError::Parameters(_))), "{bad:?}");
        }
    }

    #[test]
    fn passphrases_are_bounded_and_lose_one_line_end() {
        assert_eq!(Passphrase::new("").unwrap_err(), PassphraseError::Empty);
        assert!(Passphrase::new(vec![b'x'; MAX_PASSPHRASE]).is_ok());
        assert!(matches!(Passphrase::new(vec![b'x'; MAX_PASSPHRASE + 1]), Err(PassphraseError::Long { .. })));
        for (given, kept) in [("a b", "a b"), ("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a ")] {
            let passphrase = Passphrase::from_line(Zeroizing::new(given.as_bytes().to_vec())).unwrap();
            assert_eq!(*passphrase.bytes, kept.as_bytes());
        }
        assert!(Passphrase::from_line(Zeroizing::new(b"\n".to_vec())).is_err());
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(!format!("{:?}", Passphrase::new("hunter2").unwrap()).contains("hunter2"));
    }
}
