//! Questions that nodes carry for people: who asks is the certificate's node, and sizes have bounds.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use verbund_model::NodeId;
use verbund_node::tamper::Defence;
use verbund_node::{Inquiries, MAX_ANSWER, MAX_QUESTION};

use crate::kit::Cluster;

/// Says who asked what.
struct Echo;

impl Inquiries for Echo {
    fn answer(&self, from: NodeId, question: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        Box::pin(async move {
            match &question[..] {
                b"no" => Err("that is no question".to_owned()),
                b"all" => Ok(Bytes::from(vec![b'x'; MAX_ANSWER + 1])),
                other => Ok(format!("{from}: {}", String::from_utf8_lossy(other)).into()),
            }
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_asks_another_in_its_own_name() {
    let cluster = Cluster::of(3).await;
    let (asker, target) = (1, 2);
    let (me, to, other) = (cluster.running(asker).id, cluster.running(target).id, cluster.running(0).id);
    let ask = async |question: Bytes| cluster.node(asker).inquire(to, question).await;
    let refused = ask(Bytes::from_static(b"early")).await.unwrap_err();
    assert!(refused.node == to && refused.reason.contains("answers no questions yet"), "{refused}");
    cluster.node(target).answer_inquiries(Arc::new(Echo));
    assert_eq!(ask(Bytes::from_static(b"what?")).await.unwrap(), format!("{me}: what?"));
    for (question, words) in [
        (Bytes::from_static(b"no"), "that is no question"),
        (Bytes::from_static(b"all"), "bytes"),
        (Bytes::from(vec![b'x'; MAX_QUESTION + 1]), "at most"),
    ] {
        let refused = ask(question).await.unwrap_err();
        assert!(refused.reason.contains(words), "{refused}");
    }
    // In another's name it asks nothing; without that defence it would.
    cluster.node(asker).tamper().speak_as(Some(other));
    let refused = ask(Bytes::from_static(b"what?")).await.unwrap_err();
    assert!(refused.reason.contains("PermissionDenied"), "{refused}");
    cluster.node(target).tamper().switch_off(Defence::Speaker);
    assert!(ask(Bytes::from_static(b"what?")).await.is_ok());
}
