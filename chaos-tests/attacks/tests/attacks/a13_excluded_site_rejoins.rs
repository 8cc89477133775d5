//! Attack 13: an excluded site tries to come back as what it was: with its old disk and node id, by an invitation under its old
//! name, or under a new name with its old keys (design 4, 7; openraft's note on node ids that return).
//!
//! Expected: all refused, for ever; the way back is an invitation under a new name with new keys, which the control takes. Not
//! covered: a removed node of a member in good standing, which `raft/node/tests/cluster/life.rs` has, and a node whose log was
//! lost, which `raft/store/tests/open.rs` has.

use std::time::Duration;

use anyhow::ensure;
use verbund_identity::InvitationToken;
use verbund_keys::SoftwareKey;
use verbund_kit::joiner::{Contact, Joiner};
use verbund_kit::peer::{Says, Vote, ask_for_vote, node_identity, site_keys};
use verbund_kit::wait::until_async;
use verbund_kit::{Federation, Settings};
use verbund_model::Algorithm;
use verbund_model::resource::Der;

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn neither_its_disk_nor_its_name_nor_its_keys_come_back() {
    let extra = "log: {level: debug}".to_owned();
    let mut federation = Federation::of(2, Settings { extra, ..Settings::default() }).await.unwrap();
    let (ours, theirs) = (federation.node_of(0, 0).unwrap(), federation.node_of(1, 0).unwrap());
    let identity = node_identity(&federation.sites[1], theirs).unwrap();
    let connected = || async {
        ensure!(federation.is_connected(0, 1)?, "not connected");
        Ok(())
    };
    until_async("control: it is connected before", PATIENCE, connected).await.unwrap();
    federation.exclude(1, 0, &[]).unwrap();

    // Its old disk: the same daemon, started again over it, dials on.
    federation.sites[1].kill().unwrap();
    let desk = federation.desk.clone();
    federation.sites[1].launch(&desk).unwrap();
    let refusals =
        || std::fs::read_to_string(federation.sites[0].log()).unwrap().matches("refused a connection").count();
    let before = refusals();
    let dialled = || async {
        ensure!(refusals() > before + 2, "it was not refused yet");
        Ok(())
    };
    until_async("the old daemon dialling again and again", PATIENCE, dialled).await.unwrap();
    let says = Says { federation: federation.id, from: theirs, to: ours };
    let old = Vote { term: 0, node: theirs.0, committed: false };
    let asked =
        tokio::time::timeout(Duration::from_secs(5), ask_for_vote(&federation.sites[0], &identity, says, old)).await;
    assert!(!matches!(asked, Ok(Ok(Ok(_)))), "its old id was answered: {asked:?}");
    assert!(!federation.is_connected(0, 1).unwrap());

    // Its old name.
    let (contact, out) = (federation.sites[0].peer_address(), federation.desk.path("again").display().to_string());
    let again = ["--context", "coordinator-1", "invite", "s2", "--org", "o1", "--contact", &contact, "--out", &out];
    let said = federation.desk.say(&again).unwrap();
    assert!(said.code == 1 && said.err.contains("excluded"), "{said:?}");

    // Its old keys under a new name: whoever holds a new invitation lends it to the excluded.
    let new = federation.invite().unwrap();
    let text = std::fs::read_to_string(federation.invitation(new)).unwrap();
    let disguised = Joiner::new(&federation.sites[1], &text).unwrap();
    let node = SoftwareKey::generate(Algorithm::P256).unwrap();
    let request = disguised.request(&federation.sites[1], &node).unwrap();
    let envelope = disguised.sign(request, &node, disguised.one_time_key().unwrap()).unwrap();
    let mut contact = Contact::of(&federation.sites[0]).await.unwrap();
    let refused = disguised.hand_in(&mut contact, &envelope).await.unwrap().refusal().unwrap();
    assert_eq!(refused, "excluded");
    // Of its own keys only the CA's is left to it: under the new site's root it does not count either.
    let true_one = Joiner::new(&federation.sites[new], &text).unwrap();
    let mut mixed = true_one.request(&federation.sites[new], &node).unwrap();
    let old_keys = site_keys(&federation.sites[1]).unwrap();
    mixed.anchors.push(Der(old_keys.anchor_certificate().der().to_vec()));
    let envelope = true_one.sign(mixed, &node, true_one.one_time_key().unwrap()).unwrap();
    let refused = true_one.hand_in(&mut contact, &envelope).await.unwrap().refusal().unwrap();
    assert_eq!(refused, "excluded", "a trust anchor of the excluded beside a new one");

    assert_eq!(InvitationToken::from_text(&text).unwrap().site.as_str(), "s3");
    federation.join(new).await.expect("control: with keys of its own a new site is taken");
}
