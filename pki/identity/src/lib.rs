//! Who somebody is, and what they signed: names, keys, envelopes, batches, genesis, invitations, signed heads.
//!
//! Everything here is a pure function of bytes. What was verified is what is parsed: an envelope gives its statement only
//! from the bytes under the signature (DSSE).
//!
//! **Never in this crate**: I/O, clocks, randomness, tokio, private keys, a C library; and no decision whether an author
//! *may* do something, which is `verbund-machine`'s.

pub mod admission;
pub mod asked;
pub mod base64_bytes;
pub mod batch;
pub mod certificate;
pub mod directive;
pub mod envelope;
pub mod genesis;
pub mod head;
pub mod login;
pub mod receipt;
pub mod spiffe;
pub mod statement;
pub mod verify;

pub use admission::{InvitationToken, TokenError, admission_binding, authority_binding, node_binding};
pub use asked::AskedBy;
pub use batch::BatchProof;
pub use certificate::{CaCertificate, CaCertificateError};
pub use directive::{Directive, DirectiveError, add_signature};
pub use envelope::{Authentication, Envelope, EnvelopeError};
pub use genesis::{Genesis, GenesisError};
pub use head::{Head, SignedHead};
pub use login::LoginRequest;
pub use receipt::{Receipt, SignedReceipt};
pub use spiffe::{SpiffeId, Subject, TrustDomain};
pub use statement::{Precondition, Statement, StatementError};
pub use verify::{PureVerifier, SignatureVerifier, is_fixed_form, is_on_curve, key_id, normalise, sha256};
