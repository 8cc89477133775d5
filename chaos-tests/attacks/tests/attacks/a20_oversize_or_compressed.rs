//! Attack 20: messages that are larger than any of ours, and bodies that become so when they are unpacked (design 3.7, I15).
//!
//! Expected: refused at a bound that is known before anything is held, and nothing is ever unpacked; the daemon's memory grows by
//! less than 32 MiB. gRPC's library says `OUT_OF_RANGE` for a message above the bound, where the plan said `RESOURCE_EXHAUSTED`.
//! Not covered: a member's snapshot, which may be as large as the disk and goes to the disk (`raft/store/tests/snapshot_memory.rs`).

use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::Bytes;
use tonic::Code;
use verbund_kit::api::Connection;
use verbund_kit::peer::{Says, node_identity, peer_line};
use verbund_kit::rpc::Rpc;
use verbund_kit::{Federation, Settings};
use verbund_model::NodeId;

const MIB: usize = 1 << 20;
/// How much the daemon may grow by all of this.
const GROWTH: u64 = 32 << 20;
/// How often each is tried, several at the same time.
const TIMES: usize = 8;

/// A body that is a thousand times as large when it is unpacked.
fn bomb() -> Bytes {
    let mut child = Command::new("gzip").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut into = child.stdin.take().unwrap();
    let writing = std::thread::spawn(move || (0..64).try_for_each(|_| into.write_all(&vec![0; MIB])));
    let packed = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    assert!(packed.len() < MIB / 8, "VOID: {} bytes are no bomb", packed.len());
    packed.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_not_taken_in() {
    let mut federation = Federation::found(Settings::default(), None).await.unwrap();
    let person = federation.new_provider("erika").unwrap();
    let mut connection = federation.connect(0, &person).await.unwrap();
    let node = NodeId::mint(0, 1);
    let member = node_identity(&federation.sites[0], node).unwrap();
    let says = Some(Says { federation: federation.id, from: node, to: node });
    let rpc = Rpc::over(peer_line(&federation.sites[0], &member).await.unwrap()).await.unwrap();
    let heads = "/verbund.peer.v1.Heads/Exchange";
    let fits = rpc.call(heads, says, Bytes::new()).await.unwrap();
    assert!(fits.is_ok(), "control: a message of the usual size is answered: {fits:?}");
    let before = federation.sites[0].process().unwrap().usage().unwrap().resident;

    let mut tasks = Vec::new();
    for _ in 0..TIMES {
        let mut connection = connection.clone();
        tasks.push(tokio::spawn(async move {
            let huge = Bytes::from(vec![b' '; 16 * MIB]);
            let types = [
                ("/v1/envelopes", "application/vnd.verbund.envelope"),
                ("/v1/envelopes", "application/json"),
                ("/v1/certificates", "application/json"),
                ("/v1/directives/live", "application/json"),
            ];
            let mut found = Vec::new();
            for (path, content_type) in types {
                let answer = connection.post(path, content_type, huge.clone()).await.unwrap();
                found.push((path, content_type, answer.status.as_u16()));
            }
            found
        }));
    }
    for task in tasks {
        for (path, content_type, status) in task.await.unwrap() {
            assert!([413, 415].contains(&status), "{path} as {content_type}: {status}");
        }
    }
    for _ in 0..TIMES {
        let status = rpc.call(heads, says, Bytes::from(vec![0; 5 * MIB])).await.unwrap().unwrap_err();
        assert!(matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted), "{status:?}");
    }

    let bomb = bomb();
    for coding in ["gzip", "br", "deflate", "zstd"] {
        let headers = [("content-type", "application/json"), ("content-encoding", coding)];
        for path in ["/v1/envelopes", "/v1/certificates"] {
            let answer = connection.post_with(path, &headers, bomb.clone()).await.unwrap();
            assert_eq!(answer.status.as_u16(), 415, "{path} with {coding}: {answer:?}");
        }
    }
    // gRPC's own way to say that a message is packed: the flag before it, and the name of the coding.
    let mut raw = Connection::over(peer_line(&federation.sites[0], &member).await.unwrap()).await.unwrap();
    let mut message = vec![1];
    message.extend(u32::try_from(bomb.len()).unwrap().to_be_bytes());
    message.extend_from_slice(&bomb);
    let (from, id) = (node.to_string(), federation.id.to_string());
    let headers = [
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-encoding", "gzip"),
        ("verbund-federation", id.as_str()),
        ("verbund-generation", "0"),
        ("verbund-from", from.as_str()),
        ("verbund-to", from.as_str()),
    ];
    let answer = raw.post_with(heads, &headers, Bytes::from(message)).await.unwrap();
    assert_eq!(answer.headers.get("grpc-status").unwrap(), "12", "it takes nothing packed: {answer:?}");

    let after = federation.sites[0].process().unwrap().usage().unwrap().resident;
    println!("resident memory: {} MiB before, {} MiB after", before >> 20, after >> 20);
    assert!(after < before + GROWTH, "it grew from {before} to {after} bytes");
    connection.get("/v1/sites").await.unwrap().json::<serde_json::Value>().expect("control: it still answers");
}
