//! How another issuing CA takes the place of a site's.

use verbund_identity::{authority_binding, key_id, node_binding};
use verbund_model::resource::{AuthorityPhase, AuthorityStep, Der, Site, UserRole};
use verbund_model::{Accepted, Command, KeyId, Outcome, Refusal};

use crate::federation::Federation;
use crate::support::build::{Ca, ca_params, name};
use crate::support::keys::Signer;

struct Rotation {
    f: Federation,
    operator: Signer,
}

impl Rotation {
    fn new() -> Self {
        let mut f = Federation::new();
        let operator = f.ada();
        let role = UserRole::Plattformbetreiber;
        let bind = Command::BindRole { organisation: name("kost"), user: name("ada"), role, sites: [].into() };
        f.act(&operator, bind);
        Self { f, operator }
    }

    fn site(&self) -> Site {
        self.f.state.site(&name("nord")).unwrap().value.clone()
    }

    fn try_to(&mut self, step: AuthorityStep) -> Outcome {
        let author = self.operator.clone();
        self.f.try_to(&author, Command::RotateAuthority { site: name("nord"), step })
    }

    #[track_caller]
    fn refused(&mut self, step: AuthorityStep) -> Refusal {
        let before = self.site();
        match self.try_to(step) {
            Outcome::Refused(refusal) => {
                assert_eq!(self.site(), before);
                refusal
            }
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn does(&mut self, step: AuthorityStep) {
        let outcome = self.try_to(step);
        assert!(matches!(outcome, Outcome::Accepted(Accepted::Changed { .. })), "{outcome:?}");
    }

    #[track_caller]
    fn changes_nothing(&mut self, step: AuthorityStep) {
        let outcome = self.try_to(step);
        assert!(matches!(outcome, Outcome::Accepted(Accepted::Unchanged { .. })), "{outcome:?}");
    }

    fn binding(&self, certificate: &Der) -> Vec<u8> {
        authority_binding(&self.f.state.federation().value.id, &name("nord"), certificate)
    }

    fn prepare(&self, certificate: &Der, holder: &Signer) -> AuthorityStep {
        let proof = Der(holder.sign(&self.binding(certificate)));
        AuthorityStep::Prepare { certificate: certificate.clone(), proof, endorsement: None }
    }

    /// A new CA below the site's root.
    fn new_ca(&mut self) -> (Signer, Der) {
        let signer = self.f.ring.p384();
        let der = self.f.founders.root.below(&format!("issuing {}", signer.id), signer.clone()).der;
        (signer, der)
    }

    fn phases(&self) -> Vec<(KeyId, AuthorityPhase)> {
        self.site().authorities.iter().map(|authority| (key_id(&authority.key), authority.phase)).collect()
    }
}

#[test]
fn the_four_steps_and_the_way_back() {
    let mut r = Rotation::new();
    let old = key_id(&r.site().issuing_key);
    let (new, der) = r.new_ca();
    let prepare = r.prepare(&der, &new);
    r.does(prepare.clone());
    r.changes_nothing(prepare);
    assert_eq!(r.phases(), [(new.id, AuthorityPhase::Prepared)]);
    assert_eq!(key_id(&r.site().issuing_key), old, "announced, it does not issue");
    let another = r.new_ca();
    let step = r.prepare(&another.1, &another.0);
    assert!(matches!(r.refused(step), Refusal::Conflict { .. }), "one at a time");

    r.does(AuthorityStep::Activate { key: new.id });
    r.changes_nothing(AuthorityStep::Activate { key: new.id });
    assert_eq!((r.site().issuing_key, r.phases()), (new.key.clone(), vec![(old, AuthorityPhase::Previous)]));
    for step in [
        AuthorityStep::Taint { key: new.id },
        AuthorityStep::Revoke { key: new.id },
        AuthorityStep::Withdraw { key: new.id },
        AuthorityStep::Revoke { key: old },
        AuthorityStep::Withdraw { key: old },
    ] {
        assert!(matches!(r.refused(step.clone()), Refusal::Conflict { .. }), "{step:?}");
    }
    assert!(matches!(r.refused(AuthorityStep::Taint { key: KeyId::default() }), Refusal::NotFound { .. }));

    // Back, from wherever it is.
    r.does(AuthorityStep::Activate { key: old });
    assert_eq!(r.phases(), [(new.id, AuthorityPhase::Previous)]);
    r.does(AuthorityStep::Taint { key: new.id });
    r.does(AuthorityStep::Activate { key: new.id });
    r.does(AuthorityStep::Taint { key: old });
    r.changes_nothing(AuthorityStep::Taint { key: old });

    r.does(AuthorityStep::Revoke { key: old });
    r.changes_nothing(AuthorityStep::Revoke { key: old });
    assert_eq!((r.phases(), r.site().retired), (vec![], [old].into()));
    assert!(matches!(r.refused(AuthorityStep::Activate { key: old }), Refusal::NotFound { .. }), "no way back");
    // Nor does its key come back as a new one's.
    let again = r.f.founders.issuing.signer.clone();
    let der = r.f.founders.root.below("issuing again", again.clone()).der;
    let step = r.prepare(&der, &again);
    assert!(matches!(r.refused(step), Refusal::Conflict { .. }));
}

#[test]
fn a_new_ca_proves_its_key_and_stands_below_the_registered_root() {
    let mut r = Rotation::new();
    let (new, der) = r.new_ca();
    let other = r.f.ring.p384();
    let step = r.prepare(&der, &other);
    assert!(matches!(r.refused(step), Refusal::BadProof { .. }), "somebody else's proof");
    // The proof for another certificate of the same key.
    let twin = r.f.founders.root.below("issuing twin", new.clone()).der;
    let AuthorityStep::Prepare { proof, .. } = r.prepare(&twin, &new) else { unreachable!() };
    let step = AuthorityStep::Prepare { certificate: der.clone(), proof, endorsement: None };
    assert!(matches!(r.refused(step), Refusal::BadProof { .. }));
    // Below another root of the same name, by itself, with room for CAs below it, over, or no certificate.
    let forged = Ca::root("root nord", r.f.ring.p384()).below("issuing", new.clone()).der;
    let own = Ca::own(ca_params("issuing own", Some(0), 2039), new.clone()).der;
    let long = r.f.founders.root.issue(ca_params("issuing long", Some(1), 2039), new.clone()).der;
    let over = r.f.founders.root.issue(ca_params("issuing over", Some(0), 2025), new.clone()).der;
    for (what, der) in [("forged", forged), ("own", own), ("long", long), ("over", over), ("none", Der(vec![1]))] {
        let step = r.prepare(&der, &new);
        assert!(matches!(r.refused(step), Refusal::Invalid { .. }), "{what}");
    }
    // A P-256 key is no CA's.
    let small = r.f.ring.p256();
    let der256 = r.f.founders.root.below("issuing small", small.clone()).der;
    let step = r.prepare(&der256, &small);
    assert!(matches!(r.refused(step), Refusal::Invalid { .. }));
    // Positive control: the first one was good all the time.
    let step = r.prepare(&der, &new);
    r.does(step);
}

#[test]
fn only_who_runs_the_site_may_and_nodes_are_vouched_for_by_the_ca_that_issues() {
    let mut r = Rotation::new();
    let (new, der) = r.new_ca();
    let step = r.prepare(&der, &new);
    let coordinator = r.f.coordinator(0);
    let outcome = r.f.try_to(&coordinator, Command::RotateAuthority { site: name("nord"), step: step.clone() });
    assert!(matches!(outcome, Outcome::Refused(Refusal::NotAuthorised { .. })), "{outcome:?}");
    r.does(step);
    r.does(AuthorityStep::Activate { key: new.id });
    let node = r.f.ring.p256();
    let binding = node_binding(&r.f.state.federation().value.id, &name("nord"), &node.key);
    let add = |issuing: &Signer| Command::AddNode {
        site: name("nord"),
        key: node.key.clone(),
        addresses: vec![],
        issuing_proof: Der(issuing.sign(&binding)),
        node_proof: Der(node.sign(&binding)),
    };
    let (author, old) = (r.operator.clone(), r.f.founders.issuing.signer.clone());
    let outcome = r.f.try_to(&author, add(&old));
    assert!(matches!(outcome, Outcome::Refused(Refusal::BadProof { .. })), "{outcome:?}");
    assert!(matches!(r.f.act(&author, add(&new)), Accepted::Admitted { .. }));
}

#[test]
fn an_exclusion_reaches_every_ca_that_a_site_ever_had() {
    let mut r = Rotation::new();
    let first = key_id(&r.site().issuing_key);
    let (second, der) = r.new_ca();
    let step = r.prepare(&der, &second);
    r.does(step);
    r.does(AuthorityStep::Activate { key: second.id });
    r.does(AuthorityStep::Taint { key: first });
    r.does(AuthorityStep::Revoke { key: first });
    let (third, der) = r.new_ca();
    let step = r.prepare(&der, &third);
    r.does(step);
    let order = r.f.state.exclude_site_order(&name("nord"), "compromised").unwrap();
    for key in [first, second.id, third.id] {
        assert!(order.keys().contains(&key), "{key}");
    }
}
