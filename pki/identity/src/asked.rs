//! A question that a person signs: daemons carry it from site to site, and the one that answers believes none of them.
//!
//! The registered key signs a request for a certificate ([`LoginRequest`]), and so vouches for the key in it for as long as that
//! certificate may live; that key signs each question. No site can ask in the name of a person who did not.

use serde::{Deserialize, Serialize};
use verbund_model::resource::Millis;
use verbund_model::{FederationId, KeyId};

use crate::envelope::pae;
use crate::login::{LOGIN_WINDOW, LoginRequest};

/// The payload type of a question's signed bytes.
pub const ASKED_TYPE: &str = "application/vnd.verbund.asked.v1";
/// How long the key of a login request may sign questions, in milliseconds: a working day, as long as a certificate for it lives.
pub const ASKING_LIFETIME: Millis = 12 * 60 * 60 * 1000;

/// Who asks, and the proof of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskedBy {
    /// The registered key vouches for the key in the signing request.
    pub login: LoginRequest,
    /// The asker's clock; the site that answers takes it within [`LOGIN_WINDOW`] of its own.
    pub time: Millis,
    /// The signature of the key in the signing request over [`AskedBy::message`]: raw `r ‖ s`, low `s`.
    #[serde(with = "crate::base64_bytes")]
    pub signature: Vec<u8>,
}

impl AskedBy {
    /// The bytes that are signed: `PAE(ASKED_TYPE, federation (32) ‖ registered key (32) ‖ time (8, big-endian) ‖ question)`, the
    /// question as its JSON.
    #[must_use]
    pub fn message(federation: &FederationId, key: &KeyId, time: Millis, question: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(72 + question.len());
        body.extend_from_slice(&federation.0.0);
        body.extend_from_slice(&key.0.0);
        body.extend_from_slice(&time.to_be_bytes());
        body.extend_from_slice(question);
        pae(ASKED_TYPE, &body)
    }

    /// The bytes that this proof's signature must be over.
    #[must_use]
    pub fn signed_message(&self, question: &[u8]) -> Vec<u8> {
        Self::message(&self.login.federation, &self.login.key, self.time, question)
    }

    /// Until when this may be answered, by its own times.
    #[must_use]
    pub const fn until(&self) -> Millis {
        let login = self.login.time.saturating_add(ASKING_LIFETIME + LOGIN_WINDOW);
        let asked = self.time.saturating_add(LOGIN_WINDOW);
        if login < asked { login } else { asked }
    }

    /// Whether both times fit a clock that says `now`.
    #[must_use]
    pub const fn is_fresh(&self, now: Millis) -> bool {
        let from = now.saturating_add(LOGIN_WINDOW);
        self.login.time <= from && self.time <= from && now <= self.until()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use verbund_model::Hash;

    use super::*;

    fn asked() -> AskedBy {
        let login = LoginRequest {
            federation: FederationId(Hash([1; 32])),
            key: KeyId(Hash([2; 32])),
            time: 1_000_000_000,
            csr: "CSR".to_owned(),
            signature: vec![3; 64],
        };
        AskedBy { login, time: 0x0102_0304_0506_0708, signature: vec![4; 64] }
    }

    #[test]
    fn the_signed_bytes_are_these() {
        let wanted = [
            b"DSSEv1 32 application/vnd.verbund.asked.v1 74 ".as_slice(),
            &[1; 32],
            &[2; 32],
            &[1, 2, 3, 4, 5, 6, 7, 8],
            b"{}",
        ]
        .concat();
        assert_eq!(HEXLOWER.encode(&asked().signed_message(b"{}")), HEXLOWER.encode(&wanted));
    }

    #[test]
    fn every_field_is_bound() {
        let base = asked().signed_message(b"{}");
        let mut others = [asked(), asked(), asked()];
        others[0].login.federation = FederationId(Hash([9; 32]));
        others[1].login.key = KeyId(Hash([9; 32]));
        others[2].time += 1;
        assert!(others.iter().all(|other| other.signed_message(b"{}") != base));
        assert_ne!(asked().signed_message(b"{ }"), base);
    }

    #[test]
    fn freshness_has_sharp_edges() {
        let fresh = |login: Millis, time: Millis, now: Millis| {
            let mut asked = asked();
            (asked.login.time, asked.time) = (login, time);
            asked.is_fresh(now)
        };
        let (day, window) = (ASKING_LIFETIME, LOGIN_WINDOW);
        assert!(fresh(0, day, day) && fresh(0, day + window, day + window));
        assert!(!fresh(0, day + window + 1, day + window + 1), "the login is too old");
        assert!(fresh(day, day, day + window) && !fresh(day, day, day + window + 1), "asked too long ago");
        assert!(fresh(day, day + window, day) && !fresh(day, day + window + 1, day), "asked in the future");
        assert!(!fresh(day + window + 1, day, day), "logged in in the future");
        assert!(!fresh(u64::MAX, u64::MAX, day));
    }

    #[test]
    fn unknown_fields_are_refused() {
        let text = serde_json::to_string(&asked()).unwrap();
        assert_eq!(serde_json::from_str::<AskedBy>(&text).unwrap(), asked());
        assert!(serde_json::from_str::<AskedBy>(&text.replacen('{', "{\"x\":1,", 1)).is_err());
    }
}
