use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::certificate::tests::{DAY, domain, node, now};
use crate::certificate::{check_chain, is_signed_by, issue_ca};
use crate::custody::{KdfParameters, KeyFile, Passphrase, SoftwareKey, UnlockError};
use crate::sealing::seal;

mod lists;
mod rotation;

const CHEAP: KdfParameters = KdfParameters { memory_kib: 8, passes: 1, lanes: 1 };

fn options(anchor: Anchor) -> InitOptions {
    InitOptions { anchor, kdf: CHEAP, ..InitOptions::default() }
}

fn passphrase() -> Passphrase {
    Passphrase::new("right").unwrap()
}

struct Place {
    _temporary: tempfile::TempDir,
    dir: PathBuf,
}

fn place() -> Place {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("keys");
    Place { _temporary: temporary, dir }
}

fn init(dir: &Path, anchor: Anchor) -> Result<InitReport, SiteKeysError> {
    SiteKeys::init(dir, &domain("berlin.verbund"), &passphrase(), &options(anchor), now())
}

fn snapshot(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).map(|p| (p.clone(), fs::read(p).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn a_site_is_made_once_and_opens() {
    let place = place();
    let first = init(&place.dir, Anchor::OwnRoot).unwrap();
    assert!(first.pieces.iter().all(|(_, state)| *state == State::Made) && first.pieces.len() == 6, "{first:?}");
    let before = snapshot(&place.dir);
    assert_eq!(before.len(), 7);
    let second = init(&place.dir, Anchor::OwnRoot).unwrap();
    assert!(second.changed_nothing() && second.pieces.iter().all(|(_, state)| *state == State::Present));
    assert_eq!(snapshot(&place.dir), before, "a second run changes nothing");

    let keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert_eq!(keys.trust_domain(), &domain("berlin.verbund"));
    let identity = keys.ca().issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    let chain = [identity.chain[0].der(), identity.chain[1].der(), keys.anchor_certificate().der()];
    assert_eq!(check_chain(&chain, now()).unwrap(), []);
    assert!(is_signed_by(&identity.chain[1], keys.anchor_certificate()));
    let sealed = seal(keys.sealing_key().public_key(), b"i", b"a", b"x").unwrap();
    assert_eq!(*keys.sealing_key().open(b"i", b"a", &sealed).unwrap(), b"x");
    assert!(keys.node_key().sign(b"m").is_ok());
    let public: std::collections::BTreeSet<_> = [
        keys.node_key().public_key().clone(),
        keys.sealing_key().public_key().clone(),
        keys.ca().signer().public_key().clone(),
        keys.anchor_certificate().info().unwrap().public_key.unwrap(),
        identity.key.public_key().clone(),
    ]
    .into();
    assert_eq!(public.len(), 5, "every purpose has a key of its own");
}

#[test]
fn secrets_are_private_and_nowhere_in_clear() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&place.dir), 0o700);
    let mut secrets = Vec::new();
    for (name, label) in [(ROOT_KEY, KeyLabel::SiteRoot), (CA_KEY, KeyLabel::IssuingCa), (NODE_KEY, KeyLabel::Node)] {
        assert_eq!(mode(&place.dir.join(name)), 0o600, "{name}");
        let file = KeyFile::read(&place.dir.join(name)).unwrap();
        file.expect_label(label).unwrap();
        secrets.push(file.unlock(&passphrase()).unwrap().scalar().unwrap());
    }
    let keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    let mut shown = format!("{keys:?}").into_bytes();
    snapshot(&place.dir).into_iter().for_each(|(_, bytes)| shown.extend(bytes));
    for secret in &secrets {
        let hex: String = secret.iter().map(|b| format!("{b:02x}")).collect();
        let text = |needle: &[u8]| shown.windows(needle.len()).any(|w| w == needle);
        assert!(
            !text(secret)
                && !text(hex.as_bytes())
                && !text(&pem::Pem::new("X", secret.to_vec()).to_string().into_bytes()[16..60])
        );
    }
}

#[test]
fn the_root_may_be_kept_offline() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let (here, away) = (place.dir.join(ROOT_KEY), place.dir.parent().unwrap().join("safe"));
    fs::rename(&here, &away).unwrap();

    let report = init(&place.dir, Anchor::OwnRoot).unwrap();
    assert_eq!(report.state(Piece::RootKey), Some(State::Away));
    assert!(report.changed_nothing() && !here.exists(), "no second root is made");
    let mut keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert!(!keys.root_key_is_here());
    keys.ca().issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    let error = keys.renew_ca(&passphrase(), 365 * DAY, now()).unwrap_err();
    assert!(error.to_string().contains("bring it back"), "{error}");

    fs::rename(&away, &here).unwrap();
    let mut running = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert!(!running.reload_ca().unwrap());
    let old = keys.ca().certificate().info().unwrap();
    let later = now() + 300 * DAY;
    keys.renew_ca(&passphrase(), 365 * DAY, later).unwrap();
    let new = keys.ca().certificate().info().unwrap();
    assert_eq!(new.public_key, old.public_key);
    assert_eq!(new.not_after, later + 365 * DAY);
    assert_ne!(new.serial, old.serial);
    assert!(running.reload_ca().unwrap(), "a running daemon takes it up");
    assert_eq!(running.ca().certificate(), keys.ca().certificate());
    let opened = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert_eq!(opened.ca().certificate(), keys.ca().certificate());
    let leaf = opened.ca().issue_identity(node(1), vec![], vec![], DAY, later + 200 * DAY).unwrap();
    assert!(is_signed_by(&leaf.chain[0], &leaf.chain[1]));
}

#[test]
fn an_interrupted_run_is_completed() {
    // Each prefix of the steps is what a run leaves behind that was stopped there.
    let files = [ROOT_KEY, ROOT_CERTIFICATE, CA_KEY, CA_CERTIFICATE, NODE_KEY, SEALING_KEY];
    for kept in 0..files.len() {
        let place = place();
        init(&place.dir, Anchor::OwnRoot).unwrap();
        files[kept..].iter().for_each(|name| fs::remove_file(place.dir.join(name)).unwrap());
        let before = snapshot(&place.dir);
        let report = init(&place.dir, Anchor::OwnRoot).unwrap();
        let made: Vec<_> =
            report.pieces.iter().filter(|(_, s)| *s == State::Made).map(|(p, _)| p.file_name()).collect();
        assert_eq!(made, files[kept..]);
        let after = snapshot(&place.dir);
        assert!(before.iter().all(|file| after.contains(file)), "what was there is kept");
        SiteKeys::open(&place.dir, &passphrase()).unwrap();
    }
}

#[test]
fn an_interrupted_run_is_not_completed_under_another_passphrase() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    fs::remove_file(place.dir.join(SEALING_KEY)).unwrap();
    let other = Passphrase::new("other").unwrap();
    let result = SiteKeys::init(&place.dir, &domain("berlin.verbund"), &other, &options(Anchor::OwnRoot), now());
    assert!(matches!(result, Err(SiteKeysError::Unlock(UnlockError::WrongPassphrase { .. }))), "{result:?}");
    assert!(!place.dir.join(SEALING_KEY).exists());
}

#[test]
fn a_lost_key_is_not_replaced_in_silence() {
    for lost in [CA_KEY, NODE_KEY] {
        let place = place();
        init(&place.dir, Anchor::OwnRoot).unwrap();
        fs::remove_file(place.dir.join(lost)).unwrap();
        let error = init(&place.dir, Anchor::OwnRoot).unwrap_err();
        assert!(error.to_string().contains("restore it"), "{error}");
        assert!(!place.dir.join(lost).exists());
    }
}

#[test]
fn each_wrong_opening_says_what_is_wrong() {
    let place = place();
    let error = SiteKeys::open(&place.dir, &passphrase()).unwrap_err();
    assert!(matches!(error, SiteKeysError::Nothing { .. }), "{error}");
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let error = SiteKeys::open(&place.dir, &Passphrase::new("wrong").unwrap()).unwrap_err();
    assert!(error.to_string().contains("wrong passphrase"), "{error}");

    let hamburg = domain("hamburg.verbund");
    let error = SiteKeys::init(&place.dir, &hamburg, &passphrase(), &options(Anchor::OwnRoot), now()).unwrap_err();
    assert!(error.to_string().contains("keys of berlin.verbund"), "{error}");
    let error = init(&place.dir, Anchor::AuthorityPki).unwrap_err();
    assert!(error.to_string().contains("root of its own"), "{error}");

    fs::rename(place.dir.join(NODE_KEY), place.dir.join("x")).unwrap();
    fs::copy(place.dir.join(CA_KEY), place.dir.join(NODE_KEY)).unwrap();
    let error = SiteKeys::open(&place.dir, &passphrase()).unwrap_err();
    assert!(error.to_string().contains("for the purpose issuing-ca, but a node's key is needed"), "{error}");
}

#[test]
fn a_directory_that_others_may_write_to_is_not_trusted() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    fs::set_permissions(&place.dir, fs::Permissions::from_mode(0o770)).unwrap();
    let error = SiteKeys::open(&place.dir, &passphrase()).unwrap_err();
    assert!(error.to_string().contains("chmod 700"), "{error}");
    fs::set_permissions(&place.dir, fs::Permissions::from_mode(0o750)).unwrap();
    SiteKeys::open(&place.dir, &passphrase()).unwrap();
}

#[test]
fn a_root_of_another_site_is_noticed() {
    let (one, two) = (place(), place());
    init(&one.dir, Anchor::OwnRoot).unwrap();
    init(&two.dir, Anchor::OwnRoot).unwrap();
    fs::copy(two.dir.join(ROOT_CERTIFICATE), one.dir.join(ROOT_CERTIFICATE)).unwrap();
    let error = SiteKeys::open(&one.dir, &passphrase()).unwrap_err();
    assert!(error.to_string().contains("did not sign"), "{error}");

    let mut running = SiteKeys::open(&two.dir, &passphrase()).unwrap();
    for name in [ROOT_CERTIFICATE, CA_CERTIFICATE] {
        fs::copy(one.dir.join(name), two.dir.join(name)).unwrap();
    }
    let before = running.ca().certificate().clone();
    assert!(running.reload_ca().is_err(), "another site's CA is not taken up");
    assert_eq!(running.ca().certificate(), &before);
}

#[test]
fn an_authority_signs_the_ca_and_the_ca_is_the_anchor() {
    let place = place();
    let report = init(&place.dir, Anchor::AuthorityPki).unwrap();
    assert_eq!(report.state(Piece::RootKey), None);
    assert_eq!(report.state(Piece::CaRequest), Some(State::Made));
    assert_eq!(report.state(Piece::CaCertificate), Some(State::Awaited));
    let error = SiteKeys::open(&place.dir, &passphrase()).unwrap_err();
    assert!(error.to_string().contains("ca.csr"), "{error}");

    // The authority is another site's root here: it signs whatever key it is asked to.
    let root_key = SoftwareKey::generate(verbund_model::Algorithm::P384).unwrap();
    let root = crate::certificate::make_root(&root_key, &domain("authority.pki"), 1000 * DAY, now()).unwrap();
    let ca_key = KeyFile::read(&place.dir.join(CA_KEY)).unwrap().public_key().clone();
    let sign = |domain: &TrustDomain| issue_ca(&root_key, &root, &ca_key, domain, 365 * DAY, now()).unwrap();
    let accept = |text: &str| SiteKeys::accept_ca_certificate(&place.dir, text, now());
    for bad in [sign(&domain("hamburg.verbund")).pem(), root.pem(), String::new()] {
        assert!(accept(&bad).is_err());
        assert!(!place.dir.join(CA_CERTIFICATE).exists());
    }
    let answer = sign(&domain("berlin.verbund"));
    assert_eq!(accept(&format!("{}{}", root.pem(), answer.pem())).unwrap(), [], "a whole chain, in any order");

    let mut keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert_eq!((keys.anchor_certificate(), keys.anchor()), (&answer, Anchor::AuthorityPki));
    assert!(init(&place.dir, Anchor::AuthorityPki).unwrap().changed_nothing());
    let error = keys.renew_ca(&passphrase(), DAY, now()).unwrap_err();
    assert!(error.to_string().contains("signed again by your PKI"), "{error}");
    assert!(keys.ca_request().unwrap().contains("BEGIN CERTIFICATE REQUEST"));
    keys.ca().issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
}

#[test]
fn a_site_with_a_root_takes_no_other_certificate() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let before = snapshot(&place.dir);
    let text = fs::read_to_string(place.dir.join(CA_CERTIFICATE)).unwrap();
    assert!(SiteKeys::accept_ca_certificate(&place.dir, &text, now()).is_err());
    assert_eq!(snapshot(&place.dir), before);
}
