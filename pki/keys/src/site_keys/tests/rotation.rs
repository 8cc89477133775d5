//! Another issuing CA in the place of a site's: in the directory.

use std::collections::BTreeSet;

use super::*;

fn new_authority(dir: &Path) -> StoredAuthority {
    let passphrase = passphrase();
    SiteKeys::new_authority(dir, &(&passphrase).into(), CHEAP, 365 * DAY, now()).unwrap()
}

#[test]
fn a_ca_comes_issues_and_the_old_one_goes() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let mut keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    let old = keys.ca().id();
    let before = keys.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    let new = new_authority(&place.dir);
    assert!(new.certificate.is_some() && new.id != old);
    assert!(keys.activate(&new.id).is_err(), "it is not open here yet");
    assert_eq!(keys.load_authorities(&(&passphrase()).into()).unwrap(), 1);
    assert_eq!(keys.load_authorities(&(&passphrase()).into()).unwrap(), 0);
    assert_eq!(keys.ca().id(), old, "it is open, and does not issue");

    assert!(keys.activate(&new.id).unwrap() && !keys.activate(&new.id).unwrap());
    let after = keys.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    assert!(is_signed_by(&after.chain[0], new.certificate.as_ref().unwrap()));
    for identity in [&before, &after] {
        let chain = [identity.chain[0].der(), identity.chain[1].der(), keys.anchor_certificate().der()];
        assert_eq!(check_chain(&chain, now()).unwrap(), []);
        assert!(is_signed_by(&identity.chain[1], keys.anchor_certificate()), "both are below the root");
    }
    // Both have a list, as long as what they issued counts; after a restart it is the same.
    assert_eq!(keys.renew_lists(now()).unwrap(), 2);
    let mut again = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert_eq!((again.ca().id(), again.cas().count()), (new.id, 2));
    // The way back.
    assert!(again.activate(&old).unwrap());
    assert_eq!(SiteKeys::open(&place.dir, &passphrase()).unwrap().ca().id(), old);
    again.activate(&new.id).unwrap();

    // What issues is never taken out, even if somebody says so.
    assert_eq!(again.retire(&BTreeSet::from([new.id])).unwrap(), 0);
    assert_eq!(again.retire(&BTreeSet::from([old])).unwrap(), 1);
    assert_eq!(again.cas().map(IssuingCa::id).collect::<Vec<_>>(), [new.id]);
    let opened = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert_eq!((opened.ca().id(), opened.cas().count()), (new.id, 1));
    let names: BTreeSet<String> = snapshot(&place.dir)
        .into_iter()
        .filter_map(|(path, _)| path.file_name()?.to_str().map(str::to_owned))
        .collect();
    assert!(!names.iter().any(|name| name.starts_with("ca-") || *name == format!("{old}.crl")), "{names:?}");
    assert!(init(&place.dir, Anchor::OwnRoot).unwrap().changed_nothing(), "and `init` finds a whole site");
}

#[test]
fn an_offline_root_signs_what_is_brought_to_it() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    // The root's own directory, as it lies in the safe: its key and certificate, and whose they are.
    let safe = place.dir.parent().unwrap().join("safe");
    fs::create_dir(&safe).unwrap();
    fs::set_permissions(&safe, fs::Permissions::from_mode(0o700)).unwrap();
    fs::rename(place.dir.join(ROOT_KEY), safe.join(ROOT_KEY)).unwrap();
    for name in [ROOT_CERTIFICATE, SITE] {
        fs::copy(place.dir.join(name), safe.join(name)).unwrap();
    }
    let new = new_authority(&place.dir);
    assert_eq!(new.certificate, None, "nobody could sign it here");
    let request = fs::read(&new.request).unwrap();
    let access = passphrase();
    let signed = SiteKeys::sign_authority(&safe, &request, &(&access).into(), 365 * DAY, now()).unwrap();
    // Another site's root, and a certificate for another key, are refused; nothing changes.
    let foreign = super::place();
    init(&foreign.dir, Anchor::OwnRoot).unwrap();
    let forged = SiteKeys::sign_authority(&foreign.dir, &request, &(&access).into(), 365 * DAY, now()).unwrap();
    let error = SiteKeys::accept_authority(&place.dir, &forged.pem(), now()).unwrap_err().to_string();
    assert!(error.contains("did not sign"), "{error}");
    let other = new_authority(&foreign.dir).certificate.unwrap();
    assert!(SiteKeys::accept_authority(&place.dir, &other.pem(), now()).is_err());
    let (id, findings) = SiteKeys::accept_authority(&place.dir, &signed.pem(), now()).unwrap();
    assert_eq!((id, findings), (new.id, vec![]));
    let mut keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    keys.activate(&new.id).unwrap();
    assert_eq!(keys.ca().certificate(), &signed);
    // A leaf's request is no CA's wish, and rubbish none at all.
    assert!(SiteKeys::sign_authority(&safe, b"rubbish", &(&access).into(), DAY, now()).is_err());
}

#[test]
fn an_interrupted_run_goes_on_with_the_same_key() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let left = KeyFile::create(&place.dir.join("ca-new.key"), KeyLabel::IssuingCa, &passphrase(), CHEAP).unwrap();
    assert_eq!(SiteKeys::open(&place.dir, &passphrase()).unwrap().cas().count(), 1, "it is nobody's yet");
    let new = new_authority(&place.dir);
    assert_eq!(new.key.public_key(), left.public_key());
    assert!(!place.dir.join("ca-new.key").exists());
}
