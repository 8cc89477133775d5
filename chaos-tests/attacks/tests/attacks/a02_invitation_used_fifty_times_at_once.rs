//! Attack 2: one invitation is used fifty times at the same moment, each time for another node (design 3, formats 2).
//!
//! Expected: exactly one request is taken, because the entry itself consumes the invitation when it is applied. Of the fifty
//! requests each is true by itself: any of them alone would have been taken. The same at three contacts of a federation of
//! three stands in the kit's tests; here all go to one contact over several connections.

use http::StatusCode;
use verbund_attacks::world::{Person, World};
use verbund_identity::admission_binding;
use verbund_keys::{Signer as _, SoftwareKey};
use verbund_kit::joiner::{Contact, Joiner};
use verbund_kit::{Federation, Settings};
use verbund_model::resource::{Der, Proofs};
use verbund_model::{Algorithm, Command, Outcome, Refusal};

const TIMES: usize = 50;
const CONNECTIONS: usize = 5;

#[test]
fn in_whatever_order_the_log_has_them_the_first_alone_counts() {
    let mut world = World::new().unwrap();
    let (site, invited) = world.invite("west", "land").unwrap();
    let mut all = Vec::new();
    for _ in 0..TIMES {
        let node = Person::new(Algorithm::P256).unwrap();
        let mut request = site.request().unwrap();
        request.node_key = node.public();
        let binding = admission_binding(&world.federation, &invited.id(), &request);
        let issuing = Der(site.ca.signer().sign(&binding).unwrap());
        let proofs = Proofs { node: Der(node.key.sign(&binding).unwrap()), issuing };
        all.push(world.says(&invited, Command::RequestAdmission { request, proofs }).unwrap());
    }
    let open = world.state.clone();
    for first in [0, TIMES / 2, TIMES - 1] {
        world.state = open.clone();
        all.rotate_left(first);
        let taken = world.apply(&all[0]);
        assert!(matches!(taken, Outcome::Accepted(_)), "positive control, whichever is first: {taken:?}");
        for (number, late) in all.iter().enumerate().skip(1) {
            let outcome = world.apply(late);
            let spent = matches!(outcome, Outcome::Refused(Refusal::InvitationSpent { .. }));
            assert!(spent, "number {number}: {outcome:?}");
        }
        assert_eq!(world.state.admissions().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_takes_one_of_fifty() {
    let mut federation = Federation::found(Settings::default(), None).await.unwrap();
    let site = federation.invite().unwrap();
    let text = std::fs::read_to_string(federation.invitation(site)).unwrap();
    let joiner = std::sync::Arc::new(Joiner::new(&federation.sites[site], &text).unwrap());
    let mut contacts = Vec::new();
    for _ in 0..CONNECTIONS {
        contacts.push(Contact::of(&federation.sites[0]).await.unwrap());
    }
    let mut tasks = Vec::new();
    for number in 0..TIMES {
        let node = SoftwareKey::generate(Algorithm::P256).unwrap();
        let request = joiner.request(&federation.sites[site], &node).unwrap();
        let envelope = joiner.sign(request, &node, joiner.one_time_key().unwrap()).unwrap();
        let (joiner, mut contact) = (joiner.clone(), contacts[number % CONNECTIONS].clone());
        tasks.push(tokio::spawn(async move { joiner.hand_in(&mut contact, &envelope).await.unwrap() }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    let (taken, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!(taken.len(), 1, "of {TIMES}: {taken:?}");
    for answer in refused {
        assert_eq!(answer.refusal().unwrap(), "invitationSpent", "{answer:?}");
    }
    federation.approve(site, 1).await.unwrap();
    let nodes = federation.desk.json(&["--context", "coordinator-1", "list", "nodes"]).unwrap();
    let of_site = nodes["items"].as_array().unwrap().iter().filter(|node| node["spec"]["site"] == "s2").count();
    assert_eq!(of_site, 1, "{nodes}");
}
