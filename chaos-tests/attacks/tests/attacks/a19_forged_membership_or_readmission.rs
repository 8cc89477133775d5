//! Attack 19: somebody makes members without the coordinators: one alone, one twice, who is none, a leader by an entry of its own,
//! or by calling back who was excluded (design 3.5, 3.6; `formats.md` 2, 8).
//!
//! Expected: m of n distinct signatures of present coordinators, or nothing happens; and a follower lets no membership of the Raft
//! group into its log that the state's plan did not give. A tampered leader that tries it on real followers, with its control, is
//! in `raft/node/tests/cluster/attacks.rs`.

use std::collections::BTreeSet;

use verbund_attacks::world::{Person, World};
use verbund_identity::directive::signatures;
use verbund_identity::{Directive, DirectiveError, add_signature, directive};
use verbund_keys::{AwsVerifier, Signer as _};
use verbund_machine::{Membership, VetError};
use verbund_model::resource::{Der, SignedDirective};
use verbund_model::{Accepted, Algorithm, Command, Hash, NodeId, Outcome, Refusal};

#[test]
fn it_takes_two_different_coordinators_to_admit() {
    let mut world = World::new().unwrap();
    let (site, invited) = world.invite("west", "land").unwrap();
    let request = world.request(&site, &invited).unwrap();
    let Accepted::Waiting { subject, need: 2, .. } = world.accepts(&request).unwrap() else { panic!("two are needed") };
    let approve = || Command::Approve { subject };
    let stranger = Person::new(Algorithm::P384).unwrap();
    let others =
        [("an administrator", &world.administrator), ("the invited itself", &invited), ("a stranger", &stranger)]
            .map(|(who, author)| (who, world.says(author, approve()).unwrap()));
    for (who, envelope) in &others {
        let before = world.state.clone();
        let outcome = world.apply(envelope);
        assert!(matches!(outcome, Outcome::Refused(_)), "{who}: {outcome:?}");
        world.state = before;
    }
    world.coordinator_does(0, approve()).unwrap();
    world.coordinator_does(0, approve()).unwrap();
    assert!(!world.has_site("west").unwrap(), "one coordinator, twice");
    // An approval of something else is none of this.
    let other = world.says(&world.coordinators[1], Command::Approve { subject: Hash([7; 32]) }).unwrap();
    assert!(matches!(world.apply(&other), Outcome::Refused(Refusal::NotFound { .. })));
    assert!(!world.has_site("west").unwrap());
    let admitted = world.coordinator_does(1, approve()).unwrap();
    assert!(matches!(admitted, Accepted::Admitted { .. }) && world.has_site("west").unwrap(), "positive control");
}

#[test]
fn a_leader_makes_no_voters() {
    let mut world = World::new().unwrap();
    let (site, invited) = world.invite("west", "land").unwrap();
    let request = world.request(&site, &invited).unwrap();
    let Accepted::Waiting { subject, .. } = world.accepts(&request).unwrap() else { panic!() };
    world.coordinator_does(0, Command::Approve { subject }).unwrap();
    let Accepted::Admitted { node: second } = world.coordinator_does(1, Command::Approve { subject }).unwrap() else {
        panic!()
    };
    let first = NodeId::mint(0, 1);
    let members = |voters: &[NodeId], learners: &[NodeId]| Membership {
        configs: vec![voters.iter().copied().collect::<BTreeSet<_>>()],
        learners: learners.iter().copied().collect(),
    };
    let (current, basis) = (members(&[first], &[]), world.state.applied().index);
    let vet = |proposed: &Membership| world.state.vet_membership(&current, proposed, basis);
    assert_eq!(vet(&members(&[first], &[second])), Ok(()), "positive control: an admitted node learns");
    let forged = [
        ("itself alone, another", members(&[second], &[])),
        ("one more voter than the plan has", members(&[first, second], &[])),
        ("nobody", members(&[], &[])),
        ("a node that was never admitted", members(&[first], &[NodeId::mint(0, 99)])),
        ("a node of a later generation", members(&[first], &[NodeId::mint(1, 1)])),
    ];
    for (what, proposed) in &forged {
        assert!(vet(proposed).is_err(), "{what} was let in");
    }
    let ahead = world.state.vet_membership(&current, &members(&[first], &[second]), basis + 1);
    assert!(matches!(ahead, Err(VetError::BasisAhead { .. })), "not by a state that nobody has: {ahead:?}");
}

#[test]
fn who_was_excluded_is_called_back_by_nobody() {
    let mut world = World::new().unwrap();
    let (site, invited) = world.invite("west", "land").unwrap();
    let request = world.request(&site, &invited).unwrap();
    let Accepted::Waiting { subject, .. } = world.accepts(&request).unwrap() else { panic!() };
    world.coordinator_does(0, Command::Approve { subject }).unwrap();
    world.coordinator_does(1, Command::Approve { subject }).unwrap();

    let order = world.state.exclude_site_order(&site.domain.site, "its operator sold the keys").unwrap();
    let federation = world.state.federation().value.clone();
    let directive = Directive {
        v: directive::SCHEMA,
        federation: world.federation,
        generation: 0,
        number: 1,
        predecessor: world.federation.0,
        coordinator_set_version: federation.coordinators.version,
        issued: world.now,
        order,
        accept_quorum_loss: false,
    };
    let mut signed = SignedDirective { payload: Der(directive.to_payload()), signatures: vec![] };
    let signs = |signed: &mut SignedDirective, who: &Person| {
        let signature = who.key.sign(&Directive::message(&signed.payload.0)).unwrap();
        add_signature(signed, &who.public(), &signature, &AwsVerifier)
    };
    let record = |world: &mut World, directive: &SignedDirective| {
        let envelope = world.says(&world.coordinators[2], Command::RecordDirective { directive: directive.clone() });
        let envelope = envelope.unwrap();
        world.apply(&envelope)
    };
    signs(&mut signed, &world.coordinators[0]).unwrap();
    let alone = record(&mut world, &signed);
    assert!(matches!(alone, Outcome::Refused(Refusal::BadDirective { .. })), "one of two: {alone:?}");
    let mut twice = signed.clone();
    twice.signatures.push(signed.signatures[0].clone());
    let twice_told = record(&mut world, &twice);
    assert!(matches!(twice_told, Outcome::Refused(Refusal::BadDirective { .. })), "the same twice: {twice_told:?}");
    let mut with_another = signed.clone();
    signs(&mut with_another, &Person::new(Algorithm::P384).unwrap()).unwrap();
    assert!(matches!(signatures(&with_another, &federation, &AwsVerifier), Err(DirectiveError::UnknownSigner { .. })));
    assert!(!world.state.is_excluded_site(&site.domain.site));
    signs(&mut signed, &world.coordinators[1]).unwrap();
    let both = record(&mut world, &signed);
    assert!(matches!(both, Outcome::Accepted(_)), "positive control: {both:?}");
    assert!(world.state.is_excluded_site(&site.domain.site));

    // The way back is closed to its name, whoever invites, and approvals of before are worth nothing.
    let key = Person::invited().unwrap();
    let (name, organisation) = (site.domain.site.clone(), "kost".parse().unwrap());
    let again = Command::Invite { key: key.public(), site: name, organisation, expires: world.now + 60_000 };
    let again = world.says(&world.coordinators[0], again).unwrap();
    assert!(matches!(world.apply(&again), Outcome::Refused(Refusal::Excluded { .. })));
    let envelope = world.says(&world.coordinators[2], Command::Approve { subject }).unwrap();
    let outcome = world.apply(&envelope);
    assert!(!matches!(outcome, Outcome::Accepted(Accepted::Admitted { .. })), "{outcome:?}");
    assert!(world.state.is_excluded_site(&site.domain.site), "for good");
}
