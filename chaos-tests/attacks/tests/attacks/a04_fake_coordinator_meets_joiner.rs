//! Attack 4: who answers at the address in the invitation is not the contact that it names (design 3, formats 2).
//!
//! Expected: the real `verbund join` breaks off in the handshake, before it has said anything, because the invitation carries
//! the pin of the contact's trust anchor. Impostors are: one with a PKI of his own and the true names; one who shows the true
//! anchor's certificate, which anybody has, behind a chain of his own. Positive control: to whoever the pin belongs, the joiner
//! speaks. Not covered: an invitation that was exchanged on its way, which is attack 1.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use data_encoding::BASE64URL_NOPAD;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use verbund_identity::{InvitationToken, Subject, TrustDomain, sha256};
use verbund_keys::{Certificate, IssuingCa, Signer as _, SoftwareKey, issue_ca, make_root};
use verbund_kit::author::now;
use verbund_kit::desk::{Desk, Said};
use verbund_model::{Algorithm, FederationId, NodeId};
use verbund_tls::{Acceptor, Bundle, Counters, Limits, Listener, LiveIdentity, Pin, Trust};

/// With what an HTTP/2 client begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0";

struct Contact {
    root: Certificate,
    ca: IssuingCa,
}

impl Contact {
    fn new() -> Self {
        let domain: TrustDomain = "s1.dvc".parse().unwrap();
        let (day, now) = (Duration::from_secs(24 * 60 * 60), SystemTime::now().into());
        let (root_key, ca_key) = (SoftwareKey::generate(Algorithm::P384), SoftwareKey::generate(Algorithm::P384));
        let (root_key, ca_key) = (root_key.unwrap(), Arc::new(ca_key.unwrap()));
        let root = make_root(&root_key, &domain, 30 * day, now).unwrap();
        let certificate = issue_ca(&root_key, &root, ca_key.public_key(), &domain, 20 * day, now).unwrap();
        Self { root, ca: IssuingCa::new(domain, certificate, ca_key).unwrap() }
    }

    fn pin(&self) -> Pin {
        Pin::of_certificate(&CertificateDer::from(self.root.der().to_vec())).unwrap()
    }

    /// A node's identity that sends this anchor along.
    fn showing(&self, anchor: &Certificate) -> Arc<LiveIdentity> {
        let (node, day) = (Subject::Node(NodeId::mint(0, 1)), Duration::from_secs(24 * 60 * 60));
        let issued = self.ca.issue_identity(node, vec![], vec![], day, SystemTime::now().into()).unwrap();
        let chain = issued.chain.iter().map(|c| CertificateDer::from(c.der().to_vec())).collect();
        let key = PrivatePkcs8KeyDer::from(issued.key.to_pkcs8().unwrap().to_vec());
        LiveIdentity::from_pkcs8(chain, CertificateDer::from(anchor.der().to_vec()), key).unwrap()
    }
}

/// Runs `verbund join` towards a contact with that identity. Gives what it said, what the contact counted, and what it heard.
async fn joins(desk: &Desk, data: &Path, pin: Pin, identity: Arc<LiveIdentity>) -> (Said, Counters, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let trust = Trust::new(Bundle { sequence: 1, ..Bundle::default() });
    let kind = Listener::Peers { joining: true };
    let mut acceptor = Acceptor::start(listener, kind, trust, &identity, Limits::default()).unwrap();
    let counters = acceptor.watch_counters();
    let (said, heard) = tokio::sync::oneshot::channel();
    let serving = tokio::spawn(async move {
        let Some(mut accepted) = acceptor.next().await else { return };
        let mut first = vec![0; PREFACE.len()];
        let read = accepted.stream.read_exact(&mut first).await;
        let _ = said.send(if read.is_ok() { first } else { Vec::new() });
    });
    let token = InvitationToken {
        federation: FederationId(sha256(b"some federation")),
        federation_name: "dvc".parse().unwrap(),
        generation: 0,
        site: "s2".parse().unwrap(),
        organisation: "o2".parse().unwrap(),
        expires: now() + 60 * 60 * 1000,
        contacts: vec![format!("127.0.0.1:{port}").parse().unwrap()],
        pin: pin.0,
        secret: BASE64URL_NOPAD.encode(&SoftwareKey::generate(Algorithm::P256).unwrap().scalar().unwrap()),
    };
    let file = desk.path("invitation");
    std::fs::write(&file, token.to_text()).unwrap();
    // A request of an earlier run would be sent again, to whom the file says now.
    let _ = std::fs::remove_file(data.join("join.json"));
    let arguments = ["join", &file.display().to_string(), "--data-dir", &data.display().to_string()].map(String::from);
    let (desk, rest) =
        (desk.clone(), ["--land", "DE-HE", "--address", "127.0.0.1:7100", "--wait", "1s"].map(String::from));
    let all = [&arguments[..], &rest[..]].concat();
    let joining = tokio::task::spawn_blocking(move || desk.say(&all.iter().map(String::as_str).collect::<Vec<_>>()));
    let spoken = joining.await.unwrap().unwrap();
    serving.abort();
    (spoken, counters(), heard.await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_says_nothing_to_an_impostor() {
    let directory = tempfile::tempdir().unwrap();
    let desk = Desk::at(&directory.path().join("desk")).unwrap();
    let data = directory.path().join("data");
    desk.run(&["init", "--site", "s2", "--federation", "dvc", "--data-dir", &data.display().to_string()]).unwrap();
    let (contact, impostor) = (Contact::new(), Contact::new());

    let fakes = [
        ("a PKI of his own", impostor.showing(&impostor.root)),
        ("the true anchor shown", impostor.showing(&contact.root)),
    ];
    for (what, identity) in fakes {
        let (said, counters, heard) = joins(&desk, &data, contact.pin(), identity).await;
        assert_eq!(said.code, 1, "{what}: {said:?}");
        assert!(counters.accepted > 0, "VOID: nobody dialled the impostor with {what}: {said:?}");
        assert_eq!((counters.established, heard.len()), (0, 0), "{what}: it got through to him: {said:?}");
    }
    let (said, counters, heard) = joins(&desk, &data, contact.pin(), contact.showing(&contact.root)).await;
    assert_eq!((counters.established, heard.as_slice()), (1, PREFACE), "positive control: {said:?}");
}
