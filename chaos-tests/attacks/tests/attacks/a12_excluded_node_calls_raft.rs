//! Attack 12: a node of an excluded site calls Raft's RPCs with a term above everybody's, so that the leader would step down and
//! its elections never end (design 3.7, 7).
//!
//! Expected: dropped before Raft sees it; nobody's term rises. Control: the very same calls are heard before the exclusion, with a
//! term that changes nothing. The same in one process, with several voters, is in `raft/node/tests/cluster`.

use std::time::Duration;

use bytes::Bytes;
use verbund_kit::peer::{Says, Vote, ask_for_vote, node_identity, peer_line};
use verbund_kit::rpc::Rpc;
use verbund_kit::{Federation, Settings};

/// How long silence is listened to before it counts as a refusal.
const SILENCE: Duration = Duration::from_secs(5);
const CALLS: [&str; 5] = ["Vote", "PreVote", "Append", "Snapshot", "TransferLeader"];

/// `VoteRequest { vote: Vote { term, node } }` in the wire form of Protocol Buffers; the other calls begin alike.
fn vote(term: u64, node: u64) -> Bytes {
    let varint = |mut number: u64| {
        let mut out = Vec::new();
        while number >= 0x80 {
            out.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        out.push((number & 0x7f) as u8);
        out
    };
    let inner = [&[0x08][..], &varint(term), &[0x10], &varint(node)].concat();
    [&[0x0a, u8::try_from(inner.len()).unwrap()][..], &inner].concat().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn its_high_term_reaches_nobody() {
    let federation = Federation::of(2, Settings::default()).await.unwrap();
    let (ours, theirs) = (federation.node_of(0, 0).unwrap(), federation.node_of(1, 0).unwrap());
    let identity = node_identity(&federation.sites[1], theirs).unwrap();
    let says = Says { federation: federation.id, from: theirs, to: ours };
    let term = || federation.status(0).unwrap()["term"].as_u64().unwrap();

    let old = Vote { term: 0, node: theirs.0, committed: false };
    let heard = ask_for_vote(&federation.sites[0], &identity, says, old).await.unwrap();
    assert!(heard.is_ok(), "control: a member's call is heard: {heard:?}");
    let rpc = Rpc::over(peer_line(&federation.sites[0], &identity).await.unwrap()).await.unwrap();
    let answer = rpc.call("/verbund.peer.v1.Raft/Vote", Some(says), vote(0, theirs.0)).await.unwrap();
    assert!(answer.is_ok(), "control: the same on a connection that stays: {answer:?}");
    let before = term();

    federation.exclude(1, 0, &[]).unwrap();
    for name in CALLS {
        let path = format!("/verbund.peer.v1.Raft/{name}");
        let call = rpc.call(&path, Some(says), vote(before + 1_000_000, theirs.0));
        match tokio::time::timeout(SILENCE, call).await {
            // The connection is gone, or nobody answers on it.
            Err(_) | Ok(Err(_)) => {}
            Ok(Ok(answer)) => assert!(answer.is_err(), "{name} was answered on the old connection: {answer:?}"),
        }
    }
    let high = Vote { term: before + 1_000_000, node: theirs.0, committed: false };
    let asked = tokio::time::timeout(SILENCE, ask_for_vote(&federation.sites[0], &identity, says, high)).await;
    assert!(!matches!(asked, Ok(Ok(Ok(_)))), "it was answered: {asked:?}");
    assert_eq!(term(), before, "its term reached Raft");
    assert_eq!(federation.leader(0).unwrap(), 0);
    federation.desk.run(&["--context", "s1", "role", "bind", "admin", "auditor", "--org", "o1"]).unwrap();
}
