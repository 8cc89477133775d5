use verbund_identity::{LoginRequest, key_id};
use verbund_keys::{Signer as _, SoftwareKey, csr_for_leaf};
use verbund_model::{Algorithm, Hash};

use super::*;

const NOW: Millis = 1_795_363_471_000;

fn federation() -> FederationId {
    FederationId(Hash([7; 32]))
}

fn events() -> Question {
    Question::Events("kfz".parse().unwrap())
}

fn anna() -> KeyOwner {
    KeyOwner::User { organisation: "dataport".parse().unwrap(), user: "anna".parse().unwrap() }
}

/// A person with a registered key, and the key of a login.
struct Person {
    registered: SoftwareKey,
    asking: SoftwareKey,
}

impl Person {
    fn new() -> Self {
        let key = || SoftwareKey::generate(Algorithm::P256).unwrap();
        Self { registered: key(), asking: key() }
    }

    fn key(&self) -> RegisteredKey {
        let key = self.registered.public_key().clone();
        RegisteredKey { id: key_id(&key), key, owner: anna(), revoked: false }
    }

    fn login(&self, time: Millis) -> LoginRequest {
        let (federation, key) = (federation(), self.key().id);
        let body = data_encoding::BASE64.encode(&csr_for_leaf(&self.asking).unwrap());
        let csr = format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n");
        let signature = self.registered.sign(&LoginRequest::message(&federation, &key, time, &csr)).unwrap();
        LoginRequest { federation, key, time, csr, signature }
    }

    fn asks(&self, question: &Question, login: LoginRequest, time: Millis) -> AskedBy {
        let message = AskedBy::message(&login.federation, &login.key, time, &question_bytes(question));
        AskedBy { login, time, signature: self.asking.sign(&message).unwrap() }
    }
}

fn refusal(by: &AskedBy, key: Option<&RegisteredKey>) -> Refusal {
    proven(federation(), key, &events(), by, NOW).unwrap_err()
}

#[test]
fn only_a_persons_own_proof_for_this_question_counts() {
    let (person, stranger) = (Person::new(), Person::new());
    let (key, login) = (person.key(), person.login(NOW - 3_600_000));
    let by = person.asks(&events(), login.clone(), NOW);
    assert_eq!(proven(federation(), Some(&key), &events(), &by, NOW), Ok(anna()));

    assert!(matches!(refusal(&by, None), Refusal::UnknownKey { .. }));
    assert!(matches!(refusal(&by, Some(&RegisteredKey { revoked: true, ..key.clone() })), Refusal::KeyRevoked { .. }));
    // A site that carries it asks something else, or for another time.
    let other = Question::Events("melderegister".parse().unwrap());
    let carried = person.asks(&other, login.clone(), NOW);
    assert!(matches!(refusal(&carried, Some(&key)), Refusal::BadProof { .. }));
    let later = AskedBy { time: NOW + 1, ..by.clone() };
    assert!(matches!(refusal(&later, Some(&key)), Refusal::BadProof { .. }));
    // Somebody else's key asks with this person's login, or with a login of its own in this person's name.
    let stolen = stranger.asks(&events(), login.clone(), NOW);
    assert!(matches!(refusal(&stolen, Some(&key)), Refusal::BadProof { .. }));
    let forged = LoginRequest { key: key.id, ..stranger.login(NOW) };
    let forged = stranger.asks(&events(), forged, NOW);
    assert!(matches!(refusal(&forged, Some(&key)), Refusal::BadSignature { .. }));
    let elsewhere = LoginRequest { federation: FederationId(Hash([8; 32])), ..login.clone() };
    let elsewhere = person.asks(&events(), elsewhere, NOW);
    assert!(matches!(refusal(&elsewhere, Some(&key)), Refusal::WrongFederation { .. }));
    // What was true once.
    let old = person.asks(&events(), login, NOW - 600_000);
    assert!(matches!(refusal(&old, Some(&key)), Refusal::Expired { .. }));
    let yesterday = person.asks(&events(), person.login(NOW - 24 * 3_600_000), NOW);
    assert!(matches!(refusal(&yesterday, Some(&key)), Refusal::Expired { .. }));
    let no_csr = LoginRequest { csr: "CSR".to_owned(), ..person.login(NOW) };
    let signature = person.registered.sign(&no_csr.signed_message()).unwrap();
    let no_csr = person.asks(&events(), LoginRequest { signature, ..no_csr }, NOW);
    assert!(matches!(refusal(&no_csr, Some(&key)), Refusal::BadProof { .. }));
}

#[test]
fn who_may_what() {
    use UserRole::{
        Administrator, Auditor, CloudServiceAnbieter, CloudServiceKunde, Plattformbetreiber, Softwarebetreiber,
    };
    let names = |sites: &[&str]| -> BTreeSet<SiteName> { sites.iter().map(|site| site.parse().unwrap()).collect() };
    // The workload is dataport's, and runs at site sued of akdb.
    let allowed = |home: &str, role: UserRole, sites: &[&str]| {
        let asker = KeyOwner::User { organisation: home.parse().unwrap(), user: "u".parse().unwrap() };
        let sites_of = |_: &OrgName, _: &UserId, asked| (asked == role).then(|| names(sites));
        let (owner, operator, site) = ("dataport".parse().unwrap(), "akdb".parse().unwrap(), "sued".parse().unwrap());
        [false, true].map(|events| may(&asker, sites_of, &owner, (&operator, &site), events))
    };
    let (both, neither, only_events) = ([true, true], [false, false], [false, true]);
    assert_eq!(allowed("dataport", Softwarebetreiber, &[]), both);
    assert_eq!(allowed("dataport", Softwarebetreiber, &["sued"]), neither);
    assert_eq!(allowed("akdb", Softwarebetreiber, &[]), neither, "another organisation's");
    assert_eq!(allowed("akdb", Plattformbetreiber, &[]), both);
    assert_eq!(allowed("akdb", Plattformbetreiber, &["sued"]), both);
    assert_eq!(allowed("akdb", Plattformbetreiber, &["west"]), neither);
    assert_eq!(allowed("dataport", Plattformbetreiber, &[]), neither, "another site's");
    assert_eq!(allowed("itzbund", Auditor, &[]), only_events);
    for role in [Administrator, CloudServiceAnbieter, CloudServiceKunde] {
        assert_eq!(allowed("dataport", role, &[]), neither);
        assert_eq!(allowed("akdb", role, &[]), neither);
    }
    let of = |asker: KeyOwner| {
        let (owner, operator, site) = ("dataport".parse().unwrap(), "akdb".parse().unwrap(), "sued".parse().unwrap());
        [false, true].map(|events| may(&asker, |_, _, _| Some(BTreeSet::new()), &owner, (&operator, &site), events))
    };
    assert_eq!(of(KeyOwner::Coordinator), only_events);
    assert_eq!(of(KeyOwner::Agent { cluster: "sued-1".parse().unwrap() }), neither);
    assert_eq!(of(KeyOwner::Node { node: verbund_model::NodeId(1) }), neither);
}
