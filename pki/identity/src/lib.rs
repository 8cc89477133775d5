//! Who somebody is, and what they signed: names, keys, envelopes, batches, genesis, invitations, signed heads.
//!
//! Everything here is a pure function of bytes. What was verified is what is parsed: an envelope gives its statement only
//! from the bytes under the signature (DSSE).
//!
//! **Never in this crate**: I/O, clocks, randomness, tokio, private keys, a C library; and no decision whether an author
//! *may* do something, which is `verbund-machine`'s.

pub mod spiffe;
pub mod verify;

pub use spiffe::{SpiffeId, Subject, TrustDomain};
pub use verify::{PureVerifier, SignatureVerifier, is_fixed_form, key_id, normalise, sha256};
