//! What the tests of this crate share: keys, certificates, a genesis, and a verifier for both kinds of keys.
//!
//! Keys are either real (RFC 6979 signatures, so that golden bytes stay) or cheap: real points whose "signatures" are
//! hashes in the fixed form of real ones. Which is which, the verifier knows by the key.

#![allow(dead_code)] // each test binary uses its part

pub mod build;
pub mod keys;
pub mod random;
