//! Attack 3: somebody else comes with an invitation that is real: another site, another organisation, or a thief who holds
//! neither the one-time key nor the site's keys (design 3, formats 2).
//!
//! Expected: refused, because an invitation counts for one site of one organisation, and the request proves every key that it
//! names. The rightful site is taken afterwards with the same invitation: what was refused has not used it up. Not covered here:
//! the sealing key, which is proved to the contact by decapsulation (attack 2's test and the kit's do that with a real daemon).

use verbund_attacks::world::{Person, Site, World, sign};
use verbund_identity::{Envelope, Statement, admission_binding};
use verbund_keys::Signer as _;
use verbund_model::resource::{AdmissionRequest, Der, Proofs};
use verbund_model::{Algorithm, Command, Outcome, Refusal};

/// A request signed with the invitation, with the proofs that these keys can make.
fn asks(
    world: &World,
    invited: &Person,
    site: &Site,
    node: &dyn verbund_keys::Signer,
    request: AdmissionRequest,
) -> Envelope {
    let binding = admission_binding(&world.federation, &invited.id(), &request);
    let issuing = Der(site.ca.signer().sign(&binding).unwrap());
    let proofs = Proofs { node: Der(node.sign(&binding).unwrap()), issuing };
    world.says(invited, Command::RequestAdmission { request, proofs }).unwrap()
}

#[test]
fn an_invitation_is_worth_nothing_to_anybody_else() {
    let mut world = World::new().unwrap();
    let (site, invited) = world.invite("west", "land").unwrap();
    let (other, others) = world.invite("sued", "stadt").unwrap();
    let thief = Person::new(Algorithm::P256).unwrap();
    let honest = site.request().unwrap();

    let name = asks(&world, &invited, &other, &other.node, other.request().unwrap());
    let mut of_other = honest.clone();
    of_other.organisation = other.organisation.clone();
    let organisation = asks(&world, &invited, &site, &site.node, of_other);
    // Signed by a key that was invited for another site, in the name of this invitation.
    let said = asks(&world, &invited, &site, &site.node, honest.clone());
    let signed_otherwise = sign(&others, &Statement::from_payload(&said.payload).unwrap()).unwrap();
    // The thief has the invitation, and a node of his own; the site's CA never signed for that.
    let mut stolen = honest.clone();
    stolen.node_key = thief.public();
    let true_proofs = site.proofs(&world, invited.id(), &honest).unwrap();
    let retargeted = Command::RequestAdmission { request: stolen.clone(), proofs: true_proofs.clone() };
    let retargeted = world.says(&invited, retargeted).unwrap();
    let binding = admission_binding(&world.federation, &invited.id(), &stolen);
    let proofs = Proofs { node: Der(thief.key.sign(&binding).unwrap()), ..true_proofs.clone() };
    let without_the_ca = world.says(&invited, Command::RequestAdmission { request: stolen, proofs }).unwrap();
    // Proofs made for another invitation of the same federation.
    let elsewhere = site.proofs(&world, others.id(), &honest).unwrap();
    let elsewhere = world.says(&invited, Command::RequestAdmission { request: honest, proofs: elsewhere }).unwrap();

    type Wanted = fn(&Refusal) -> bool;
    let invalid: Wanted = |refusal| matches!(refusal, Refusal::Invalid { .. });
    let signature: Wanted = |refusal| matches!(refusal, Refusal::BadSignature { .. });
    let proof: Wanted = |refusal| matches!(refusal, Refusal::BadProof { .. });
    let cases = [
        ("another site", name, invalid),
        ("another organisation", organisation, invalid),
        ("another key", signed_otherwise, signature),
        ("another node's key under true proofs", retargeted, proof),
        ("another node's key, which the site's CA does not know", without_the_ca, proof),
        ("proofs for another invitation", elsewhere, proof),
    ];
    let before = world.state.head().state;
    for (what, envelope, wanted) in &cases {
        let outcome = world.apply(envelope);
        assert!(matches!(&outcome, Outcome::Refused(refusal) if wanted(refusal)), "{what}: {outcome:?}");
        assert_eq!(world.state.head().state, before, "{what} changed something");
    }
    let rightful = world.request(&site, &invited).unwrap();
    world.accepts(&rightful).expect("positive control: the rightful site");
}
