//! Keys in a real token: SoftHSM2, looked at from outside with pkcs11-tool and openssl.
#![cfg(feature = "pkcs11")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failure is the message")]

#[macro_use]
mod kit;
mod custody;
mod failures;
mod site;
