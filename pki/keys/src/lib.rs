//! Custody of a site's private keys, and what only their holder can do: sign, issue certificates, open what was sealed
//! for the site (design 3.1, 3.2, 3.8).
//!
//! ```text
//! passphrase ─ Argon2id ─▶ key file ─ AES-256-GCM ─▶ SoftwareKey ─ Signer ─▶ root ─▶ issuing CA ─▶ leaves
//! PIN ─ PKCS#11 ─▶ token (HSM, smartcard) ─────────▶ TokenKey ────┘
//!                                                 └▶ SealingKey, TokenKey ─ Opener ─ HPKE ─▶ plaintext
//! ```
//!
//! Everything that signs goes through [`Signer`], so that a key in an HSM serves wherever one in a file does. Time always
//! comes in as a parameter.
//!
//! **Never in this crate**: tokio, sockets, trust decisions about *other* sites (the replicated bundle and
//! `verbund-tls` make those), and no function that writes a private key anywhere but into a sealed file.

pub mod certificate;
pub mod custody;
mod files;
pub mod sealing;
pub mod secret;
pub mod site_keys;

pub use certificate::{
    AcceptError, Certificate, CertificateError, CertificateInfo, CsrError, Finding, IssueError, IssuingCa, LeafRequest,
    ProvenKey, Publication, PublicationError, Reason, RevocationList, Revoked, TlsIdentity, accept_ca,
    certificate_path, check_certificate, check_chain, check_names, check_pointers, check_revocation, csr_for_ca,
    csr_for_leaf, is_signed_by, issue_ca, issue_ca_for, list_path, make_root,
};
pub use custody::{
    Access, Asking, AwsVerifier, CreateError, KdfError, KdfParameters, KeyError, KeyFile, KeyLabel, Mechanism,
    Passphrase, PassphraseError, PassphraseSource, PinSource, Question, ReadError, SignError, Signer, SoftwareKey,
    SourceError, StoredKey, Token, TokenError, TokenKey, TokenKeyInfo, TokenUri, TokenUriError, UnlockError, ask_with,
};
pub use files::FileError;
pub use sealing::{OpenError, Opener, SealError, SealingKey, seal};
pub use secret::{OpenSecretError, SealSecretError, SecretValues, open_secret, reseal_secret, seal_secret};
pub use site_keys::{
    Anchor, InitOptions, InitReport, Issued, Piece, Revocation, SiteKeys, SiteKeysError, State, StoredAuthority,
};
