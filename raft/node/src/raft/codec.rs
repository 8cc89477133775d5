//! The bytes of an entry's body and of a snapshot's meta data, on disk and on the wire: a version byte, then postcard.
//! Log entries hold bytes in front of a command without copying it through a serialiser.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Body, Command, LogId, Membership, Payload, SnapshotMeta, StoredMembership};

const BLANK: u8 = 1;
const COMMAND: u8 = 2;
const MEMBERSHIP: u8 = 3;
const META: u8 = 1;

/// Why bytes are no entry or no meta data of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} cannot be read ({why}): it is damaged, or written by a newer version of this daemon")]
pub(crate) struct CodecError {
    what: &'static str,
    why: String,
}

impl CodecError {
    fn new(what: &'static str, why: impl ToString) -> Self {
        Self { what, why: why.to_string() }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredChange {
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeSet<u64>,
    basis: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredMeta {
    last: Option<(u64, u64, u64)>,
    membership_at: Option<(u64, u64, u64)>,
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeSet<u64>,
}

/// A log id from its parts (term, node, index).
pub(crate) fn log_id(term: u64, node: u64, index: u64) -> LogId {
    LogId::new(openraft::impls::leader_id_adv::LeaderId { term, node_id: node }, index)
}

fn parts(id: &LogId) -> (u64, u64, u64) {
    (id.leader_id.term, id.leader_id.node_id, id.index)
}

fn nodes(membership: &Membership) -> BTreeSet<u64> {
    membership.nodes().map(|(id, ())| *id).collect()
}

fn membership(configs: Vec<BTreeSet<u64>>, nodes: BTreeSet<u64>) -> Result<Membership, CodecError> {
    if configs.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    let nodes: std::collections::BTreeMap<u64, ()> = nodes.into_iter().map(|id| (id, ())).collect();
    Membership::new(configs, nodes).map_err(|e| CodecError::new("a membership", e))
}

/// The bytes of an entry's content.
pub(crate) fn encode(payload: &Payload) -> Bytes {
    match &payload.body {
        Body::Blank => Bytes::from_static(&[BLANK]),
        Body::Command(command) => {
            let mut out = Vec::with_capacity(1 + command.0.len());
            out.push(COMMAND);
            out.extend_from_slice(&command.0);
            out.into()
        }
        Body::Membership(change) => {
            let stored =
                StoredChange { configs: change.get_joint_config().clone(), nodes: nodes(change), basis: payload.basis };
            let mut out = vec![MEMBERSHIP];
            // Writing sets of numbers to a growing vector cannot fail.
            out.extend(postcard::to_stdvec(&stored).unwrap_or_default());
            out.into()
        }
    }
}

/// The content from its bytes. A command is a slice of them: it must not be kept longer than they are (the store copies
/// what it caches). Errors: [`CodecError`].
pub(crate) fn decode(bytes: &Bytes) -> Result<Payload, CodecError> {
    let what = "a log entry";
    match bytes.split_first() {
        Some((&BLANK, [])) => Ok(Payload { body: Body::Blank, basis: 0 }),
        Some((&COMMAND, _)) => Ok(Payload { body: Body::Command(Command(bytes.slice(1..))), basis: 0 }),
        Some((&MEMBERSHIP, rest)) => {
            let stored: StoredChange = exact(rest).map_err(|e| CodecError::new(what, e))?;
            let change = membership(stored.configs, stored.nodes)?;
            Ok(Payload { body: Body::Membership(change), basis: stored.basis })
        }
        Some((kind, _)) => Err(CodecError::new(what, format!("its kind is {kind}"))),
        None => Err(CodecError::new(what, "it is empty")),
    }
}

/// The bytes of a snapshot's meta data.
pub(crate) fn encode_meta(meta: &SnapshotMeta) -> Vec<u8> {
    let change = meta.last_membership.membership();
    let stored = StoredMeta {
        last: meta.last_log_id.as_ref().map(parts),
        membership_at: meta.last_membership.log_id().as_ref().map(parts),
        configs: change.get_joint_config().clone(),
        nodes: nodes(change),
    };
    let mut out = vec![META];
    // Writing numbers to a growing vector cannot fail.
    out.extend(postcard::to_stdvec(&stored).unwrap_or_default());
    out
}

/// A snapshot's meta data from its bytes. Errors: [`CodecError`].
pub(crate) fn decode_meta(bytes: &[u8]) -> Result<SnapshotMeta, CodecError> {
    let what = "a snapshot's meta data";
    let Some((&META, rest)) = bytes.split_first() else {
        return Err(CodecError::new(what, "its version is not 1"));
    };
    let stored: StoredMeta = exact(rest).map_err(|e| CodecError::new(what, e))?;
    let id = |(term, node, index)| log_id(term, node, index);
    let change = membership(stored.configs, stored.nodes)?;
    Ok(SnapshotMeta {
        last_log_id: stored.last.map(id),
        last_membership: StoredMembership::new(stored.membership_at.map(id), change),
    })
}

fn exact<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    match postcard::take_from_bytes::<T>(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(format!("{} bytes follow its end", rest.len())),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change() -> Membership {
        Membership::new_with_defaults(vec![BTreeSet::from([1, 2]), BTreeSet::from([2, 3])], [4])
    }

    #[test]
    fn every_kind_round_trips() {
        let command = Command(Bytes::from_static(b"x"));
        for payload in [
            Payload { body: Body::Blank, basis: 0 },
            Payload { body: Body::Command(command), basis: 0 },
            Payload { body: Body::Membership(change()), basis: 77 },
        ] {
            assert_eq!(decode(&encode(&payload)).unwrap(), payload);
        }
    }

    #[test]
    fn golden_bytes() {
        assert_eq!(encode(&Payload { body: Body::Blank, basis: 0 })[..], [1]);
        assert_eq!(
            encode(&Payload { body: Body::Command(Command(Bytes::from_static(b"ab"))), basis: 0 })[..],
            *b"\x02ab"
        );
        let bytes = encode(&Payload { body: Body::Membership(change()), basis: 300 });
        assert_eq!(bytes[..], [3, 2, 2, 1, 2, 2, 2, 3, 4, 1, 2, 3, 4, 0xac, 2]);
    }

    #[test]
    fn hostile_bytes_are_errors() {
        for bytes in [&[][..], &[9, 1], &[BLANK, 0]] {
            assert!(decode(&Bytes::copy_from_slice(bytes)).is_err());
        }
        let bytes = encode(&Payload { body: Body::Membership(change()), basis: 1 });
        for cut in 1..bytes.len() {
            assert!(decode(&bytes.slice(..cut)).is_err(), "cut at {cut}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(decode(&longer.into()).is_err());
        // A voter that is no member.
        let stored = StoredChange { configs: vec![BTreeSet::from([1])], nodes: BTreeSet::new(), basis: 0 };
        let mut bytes = vec![MEMBERSHIP];
        bytes.extend(postcard::to_stdvec(&stored).unwrap());
        assert!(decode(&bytes.into()).is_err());
    }

    #[test]
    fn meta_round_trips() {
        let meta = SnapshotMeta {
            last_log_id: Some(log_id(3, 2, 100)),
            last_membership: StoredMembership::new(Some(log_id(1, 1, 7)), change()),
        };
        assert_eq!(decode_meta(&encode_meta(&meta)).unwrap(), meta);
        let empty = SnapshotMeta::default();
        assert_eq!(decode_meta(&encode_meta(&empty)).unwrap(), empty);
        assert!(decode_meta(&[]).is_err());
    }
}
