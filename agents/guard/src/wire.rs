//! What guard and desk say to each other: one datagram each way.
//!
//! Datagrams, because each question stands for itself: nothing to set up, nothing that half-opens while a network is cut, and
//! a guard that hears nothing just goes on counting. An answer is never longer than a question, so the desk amplifies
//! nothing for a forger of addresses.
//!
//! | question (100 bytes) | answer (94 bytes) |
//! |---|---|
//! | `VBGQ`, version 1 | `VBGA`, version 1 |
//! | epoch, guard, nonce: 8 bytes each, big endian | what: 1 granted, 2 not here, 3 no lease |
//! | length of the name, name, zeros up to 63 | guard, nonce, milliseconds: 8 bytes each, big endian |
//! | 7 zeros | P-256 signature, `r ‖ s`; zeros without a key |
//!
//! The signature stands over `"verbund guard answer 1"`, a zero, the whole question, what, and the milliseconds: who has not
//! the agent's key can neither let a program run nor end it. Which question it was follows from guard and nonce, because
//! the guard knows what it asked. The domain at the front cannot begin any other message that an agent signs (those begin with
//! `DSSEv1`).

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use verbund_lease::{Denied, Epoch, Grant, Nonce, Question};
use verbund_model::WorkloadName;

/// Bytes of a question.
pub const QUESTION: usize = 100;
/// Bytes of an answer.
pub const ANSWER: usize = 94;

const ASKS: &[u8; 5] = b"VBGQ\x01";
const ANSWERS: &[u8; 5] = b"VBGA\x01";
const DOMAIN: &[u8] = b"verbund guard answer 1\0";
const NAME: usize = 63;

/// Why a datagram is no question or no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Its length or its first bytes are others.
    #[error("the datagram is none of the guard's protocol, version 1")]
    Form,
    /// The workload's name is none.
    #[error("the datagram names no well-formed workload")]
    Name,
    /// It says something unknown.
    #[error("the answer says something that version 1 does not know")]
    What,
    /// It answers somebody else.
    #[error("the answer is not for this guard")]
    Foreign,
    /// It is not signed by the agent.
    #[error("the answer is not signed with the agent's key")]
    Signature,
}

/// What the desk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It may run.
    Granted(Grant),
    /// This epoch is not active here: the program must end.
    NotHere,
    /// No lease is held now: ask again.
    NoLease,
}

/// A question as a datagram.
#[must_use]
pub fn encode_question(question: &Question) -> [u8; QUESTION] {
    let mut bytes = [0; QUESTION];
    let name = question.workload.as_str().as_bytes();
    bytes[..5].copy_from_slice(ASKS);
    bytes[5..13].copy_from_slice(&question.epoch.0.to_be_bytes());
    bytes[13..21].copy_from_slice(&question.guard.to_be_bytes());
    bytes[21..29].copy_from_slice(&question.nonce.0.to_be_bytes());
    // A workload's name has at most 40 bytes (its constructor says so).
    let length = name.len().min(NAME);
    bytes[29] = u8::try_from(length).unwrap_or(0);
    bytes[30..30 + length].copy_from_slice(&name[..length]);
    bytes
}

/// A question from a datagram.
///
/// # Errors
/// [`WireError`]: it is none.
pub fn decode_question(bytes: &[u8]) -> Result<Question, WireError> {
    if bytes.len() != QUESTION || bytes[..5] != ASKS[..] {
        return Err(WireError::Form);
    }
    let length = usize::from(bytes[29]);
    if length > NAME || bytes[30 + length..].iter().any(|byte| *byte != 0) {
        return Err(WireError::Form);
    }
    let name = std::str::from_utf8(&bytes[30..30 + length]).map_err(|_| WireError::Name)?;
    let workload = WorkloadName::new(name).map_err(|_| WireError::Name)?;
    let (epoch, guard, nonce) = (Epoch(number(bytes, 5)), number(bytes, 13), Nonce(number(bytes, 21)));
    Ok(Question { workload, epoch, guard, nonce })
}

/// The desk's answer to `question` as a datagram. `sign` gives the raw P-256 signature of what it is handed, or none if
/// guards were given no key.
pub fn encode_answer(
    question: &Question,
    decision: &Result<Grant, Denied>,
    sign: impl FnOnce(&[u8]) -> Option<[u8; 64]>,
) -> [u8; ANSWER] {
    let (what, millis) = match decision {
        Ok(grant) => (1, grant.remaining),
        Err(Denied::NotHere { .. }) => (2, 0),
        Err(Denied::NoLease) => (3, 0),
    };
    let mut bytes = [0; ANSWER];
    bytes[..5].copy_from_slice(ANSWERS);
    bytes[5] = what;
    bytes[6..14].copy_from_slice(&question.guard.to_be_bytes());
    bytes[14..22].copy_from_slice(&question.nonce.0.to_be_bytes());
    bytes[22..30].copy_from_slice(&millis.to_be_bytes());
    if let Some(signature) = sign(&signed(question, what, millis)) {
        bytes[30..].copy_from_slice(&signature);
    }
    bytes
}

/// An answer from a datagram. `own` is any question of this guard: its workload, epoch and number count, its nonce does not.
/// With a key, only what is signed with it is an answer.
///
/// # Errors
/// [`WireError`]: it is none, or not for this guard, or not the agent's.
pub fn decode_answer(bytes: &[u8], own: &Question, key: Option<&VerifyingKey>) -> Result<Answer, WireError> {
    if bytes.len() != ANSWER || bytes[..5] != ANSWERS[..] {
        return Err(WireError::Form);
    }
    if number(bytes, 6) != own.guard {
        return Err(WireError::Foreign);
    }
    let question = Question { nonce: Nonce(number(bytes, 14)), ..own.clone() };
    let (what, remaining) = (bytes[5], number(bytes, 22));
    if let Some(key) = key {
        let signature = Signature::from_slice(&bytes[30..]).map_err(|_| WireError::Signature)?;
        key.verify(&signed(&question, what, remaining), &signature).map_err(|_| WireError::Signature)?;
    }
    match what {
        1 => Ok(Answer::Granted(Grant { question, remaining })),
        2 => Ok(Answer::NotHere),
        3 => Ok(Answer::NoLease),
        _ => Err(WireError::What),
    }
}

fn signed(question: &Question, what: u8, millis: u64) -> Vec<u8> {
    [DOMAIN, &encode_question(question), &[what], &millis.to_be_bytes()].concat()
}

fn number(bytes: &[u8], at: usize) -> u64 {
    let mut eight = [0; 8];
    eight.copy_from_slice(&bytes[at..at + 8]);
    u64::from_be_bytes(eight)
}

#[cfg(test)]
mod tests;
