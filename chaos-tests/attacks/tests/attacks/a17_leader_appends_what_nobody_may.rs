//! Attack 17: a leader puts into the log what its author had no right to, what no author signed, or bytes that are nothing
//! (reliability B1: Raft is not Byzantine-tolerant; design 3.4, 3.5).
//!
//! Expected: on every replica the same refusal, the same hashes and an alarm, and no change. Here replicas apply what the leader
//! appended; that a tampered leader gets it through the real log is shown with a control in `raft/node/tests/cluster/attacks.rs`.

use verbund_attacks::world::{Person, World};
use verbund_identity::{Authentication, Envelope};
use verbund_keys::AwsVerifier;
use verbund_machine::{Alarm, Applied, Entry, LogEntry, LogId, State};
use verbund_model::{Algorithm, Command, NodeId, Outcome};

const REPLICAS: usize = 3;

fn apply(state: &mut State, at: LogId, entry: &[u8]) -> Applied {
    state.apply(at, LogEntry::Command(entry), &AwsVerifier)
}

#[test]
fn it_is_the_same_refusal_everywhere() {
    let mut world = World::new().unwrap();
    let stranger = Person::new(Algorithm::P256).unwrap();
    let make_admin =
        |key| Command::CreateUser { organisation: "kost".parse().unwrap(), user: "mallory".parse().unwrap(), key };
    let create = make_admin(stranger.public());
    let good = world.administrator_says(create.clone()).unwrap();
    let Authentication::Direct { signature } = good.authentication.clone() else { panic!("signed alone") };
    let mut forged = signature.clone();
    forged[7] ^= 1;
    let with = |signature: Vec<u8>| Envelope { authentication: Authentication::Direct { signature }, ..good.clone() };
    // Registered, and without the right: a coordinator does not make users.
    let without_right = world.says(&world.coordinators[0], create.clone()).unwrap();
    let a_strangers = world.says(&stranger, create).unwrap();
    let cases: [(&str, Vec<u8>, bool); 6] = [
        ("a forged signature", with(forged).to_bytes(), true),
        ("no signature", with(vec![]).to_bytes(), true),
        ("a stranger's", a_strangers.to_bytes(), true),
        ("bytes that are nothing", b"nothing".to_vec(), true),
        ("an empty envelope", vec![], true),
        // An honest leader lets this in: only apply knows who may do what.
        ("signed by who may not", without_right.to_bytes(), false),
    ];
    let mut replicas: Vec<State> = (0..REPLICAS).map(|_| world.state.clone()).collect();
    for (what, envelope, alarming) in &cases {
        let entry = Entry { stamp: world.now, envelope: envelope.clone() }.to_bytes();
        let at = LogId { term: 1, node: NodeId::mint(0, 1).0, index: replicas[0].applied().index + 1 };
        let users = replicas[0].users().count();
        let all: Vec<Applied> = replicas.iter_mut().map(|state| apply(state, at, &entry)).collect();
        assert!(matches!(all[0].outcome, Some(Outcome::Refused(_))), "{what}: {:?}", all[0].outcome);
        assert!(all.iter().all(|applied| *applied == all[0]), "{what}: replicas differ");
        assert!(replicas.iter().all(|state| state.head() == replicas[0].head()), "{what}: hashes differ");
        assert_eq!(replicas[0].users().count(), users, "{what} changed something");
        let alarmed = matches!(&all[0].alarm, Some(Alarm::UnauthorisedEntry { at: found, .. }) if *found == at);
        assert_eq!(alarmed, *alarming, "{what}: {:?}", all[0].alarm);
    }
    // An entry that does not even have the form of one.
    let at = LogId { index: replicas[0].applied().index + 1, ..world.next() };
    let all: Vec<Applied> = replicas.iter_mut().map(|state| apply(state, at, &[0xff; 40])).collect();
    assert!(all.iter().all(|applied| *applied == all[0] && applied.alarm.is_some()), "{all:?}");
    assert!(matches!(world.apply(&good), Outcome::Accepted(_)), "positive control");
}
