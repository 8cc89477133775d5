//! Attack 16: a certificate that is in order calls what its name has no right to (Nomad's CVE-2021-37218: clients could call Raft).
//!
//! Expected: `PERMISSION_DENIED` (gRPC's 403) for every RPC between nodes, whoever calls but a node; the same for agents' RPCs, and
//! for a node or agent that reads the API. Control: the right certificate is not refused that way. The table behind it is
//! proven for every pair in `pki/tls/src/service.rs::every_caller_and_every_service`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tonic::{Code, Status};
use verbund_identity::Subject;
use verbund_kit::peer::{Says, identity, peer_line};
use verbund_kit::rpc::Rpc;
use verbund_kit::site::Site;
use verbund_kit::{Federation, Settings};
use verbund_model::NodeId;
use verbund_tls::{Alpn, Dialer, LiveIdentity, Pinned};

/// Every RPC of `raft/node/proto/peer.proto`; the test compares.
const PEERS: [&str; 14] = [
    "Raft/Vote",
    "Raft/PreVote",
    "Raft/Append",
    "Raft/Snapshot",
    "Raft/TransferLeader",
    "Heads/Exchange",
    "Heads/Members",
    "Forward/Submit",
    "Forward/ReadIndex",
    "Archive/Fetch",
    "Lease/Beat",
    "Lease/Find",
    "Inquiry/Ask",
    "Directives/Exchange",
];
/// Every RPC of `agents/link/proto/agent.proto` that needs an agent's certificate.
const AGENTS: [&str; 5] = ["Watch", "Renew", "Submit", "Session", "Ask"];
const PATIENCE: Duration = Duration::from_secs(10);

fn rpcs(proto: &str) -> Vec<String> {
    let mut service = "";
    let mut found = Vec::new();
    for line in proto.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("service ") {
            service = rest.trim_end_matches(" {");
        } else if let Some(rest) = line.strip_prefix("rpc ") {
            found.push(format!("{service}/{}", rest.split('(').next().unwrap()));
        }
    }
    found
}

#[test]
fn the_lists_are_complete() {
    assert_eq!(rpcs(include_str!("../../../../raft/node/proto/peer.proto")), PEERS);
    let agents = rpcs(include_str!("../../../../agents/link/proto/agent.proto"));
    let others: Vec<&str> = agents.iter().map(|name| name.strip_prefix("Agent/").unwrap()).collect();
    let mut named = AGENTS.to_vec();
    named.push("Certify");
    assert!(others.len() == named.len() && named.iter().all(|name| others.contains(name)), "{others:?}");
}

/// What came of a call; silence of a stream that was opened is an answer, too.
async fn call(rpc: &Rpc, path: &str, says: Option<Says>) -> Result<(), Status> {
    match tokio::time::timeout(PATIENCE, rpc.call(path, says, Bytes::new())).await {
        Ok(answer) => answer.unwrap().map(drop),
        Err(_) => Ok(()),
    }
}

async fn agents_line(site: &Site, identity: &Arc<LiveIdentity>) -> Rpc {
    let pinned = Pinned { pin: site.door().unwrap().pin, domain: None };
    let address = [site.agents_address().parse().unwrap()];
    Rpc::over(Dialer::default().dial_pinned(&address, &pinned, Alpn::H2, Some(identity)).await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_matrix_of_callers_and_calls() {
    let federation = Federation::found(Settings::default(), None).await.unwrap();
    let site = &federation.sites[0];
    let node = NodeId::mint(0, 1);
    let who = |subject| identity(site, subject, SystemTime::now(), Duration::from_secs(3600)).unwrap();
    let member = who(Subject::Node(node));
    let user = who(Subject::User("erika".parse().unwrap()));
    let agent = who(Subject::Agent("nowhere".parse().unwrap()));
    let says = Some(Says { federation: federation.id, from: node, to: node });

    // Control: a node's call gets as far as its content, which is nothing.
    let rpc = Rpc::over(peer_line(site, &member).await.unwrap()).await.unwrap();
    for name in PEERS {
        let answer = call(&rpc, &format!("/verbund.peer.v1.{name}"), says).await;
        let refused = answer.err().map(|status| status.code());
        let far = !matches!(refused, Some(Code::PermissionDenied | Code::Unauthenticated | Code::Unimplemented));
        // A vote that is nobody's is not spoken for, wherever it stands.
        assert!(far || name.starts_with("Raft/"), "{name} as a node: {refused:?}");
        assert_ne!(refused, Some(Code::Unimplemented), "{name}");
    }
    for (what, identity) in [("user", &user), ("agent", &agent)] {
        let rpc = Rpc::over(peer_line(site, identity).await.unwrap()).await.unwrap();
        for name in PEERS {
            let status = call(&rpc, &format!("/verbund.peer.v1.{name}"), says).await.unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied, "{name} as {what}: {status:?}");
            assert!(status.message().contains("may not call"), "{name} as {what}: {status:?}");
        }
    }
    for (what, identity) in [("node", &member), ("user", &user)] {
        let rpc = agents_line(site, identity).await;
        for name in AGENTS {
            let status = call(&rpc, &format!("/verbund.agent.v1.Agent/{name}"), None).await.unwrap_err();
            assert_eq!(status.code(), Code::PermissionDenied, "{name} as {what}: {status:?}");
        }
    }
    let rpc = agents_line(site, &agent).await;
    let answer = call(&rpc, "/verbund.agent.v1.Agent/Session", None).await;
    assert_ne!(answer.err().map(|status| status.code()), Some(Code::PermissionDenied), "control: an agent may");

    for (what, identity) in [("node", &member), ("agent", &agent)] {
        let mut connection = site.door().unwrap().connect(Some(identity)).await.unwrap();
        let answer = connection.get("/v1/sites").await.unwrap();
        assert_eq!(answer.problem().as_deref(), Some("not-authorised"), "{what} reading the API: {answer:?}");
        assert_eq!(answer.status.as_u16(), 403);
    }
    let administrator = federation.administrator_of(0).await.unwrap();
    federation.reads(0, &administrator).await.expect("control: a user may");
    assert_eq!(federation.leader(0).unwrap(), 0, "nothing of all that moved Raft");
}
