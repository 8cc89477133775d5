//! What a token must be able to do, and what does not work without.

use std::fmt;

/// A mechanism that keys of this program use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    /// Makes keys in the token.
    Generate,
    /// Signs a digest.
    Sign,
    /// Agrees on a secret, for opening what was sealed.
    Agree,
}

impl Mechanism {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Generate, Self::Sign, Self::Agree];

    /// The name in PKCS#11.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generate => "CKM_EC_KEY_PAIR_GEN",
            Self::Sign => "CKM_ECDSA",
            Self::Agree => "CKM_ECDH1_DERIVE",
        }
    }

    /// What does not work without it.
    #[must_use]
    pub const fn needed_for(self) -> &'static str {
        match self {
            Self::Generate => "no keys can be made in it (`keys new`, `init`, `found`)",
            Self::Sign => "no key in it can sign (root, issuing CA, node, coordinators, users)",
            Self::Agree => "no sealing key can be used in it: keep the sealing key in a sealed file",
        }
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
