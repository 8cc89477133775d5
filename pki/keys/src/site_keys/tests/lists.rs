//! Revocation lists of a site: due, numbered, kept.

use super::*;
use crate::certificate::{Reason, check_revocation};

fn revocation(issued: &Issued) -> Revocation {
    let (serial, ca, since) = (issued.serial.clone(), issued.ca, now().unix_timestamp());
    Revocation { serial, ca, since, reason: Reason::KeyCompromise, not_after: Some(issued.not_after) }
}

#[test]
fn what_is_issued_is_noted_and_what_is_revoked_stands_on_the_next_list() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let mut keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    assert_eq!(keys.renew_lists(now()).unwrap(), 1);
    assert_eq!(keys.renew_lists(now()).unwrap(), 0, "nothing changed");
    let first = keys.lists().unwrap().remove(0).1;
    assert!(first.revoked().is_empty() && first.next_update() == first.this_update() + LIST_VALIDITY);

    let one = keys.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    keys.issue_identity(node(2), vec![], vec![], DAY, now()).unwrap();
    let issued = SiteKeys::issued(&place.dir, now()).unwrap();
    assert_eq!(issued.len(), 2);
    assert_eq!(issued[0].serial, hex(&one.chain[0].info().unwrap().serial));
    assert_eq!(issued[0].name, "spiffe://berlin.verbund/node/0.1");
    assert_eq!(SiteKeys::issued(&place.dir, now() + 2 * DAY).unwrap(), [], "what ran out is not shown");

    assert_eq!(SiteKeys::revoke(&place.dir, vec![revocation(&issued[0])], now()).unwrap(), 1);
    assert_eq!(SiteKeys::revoke(&place.dir, vec![revocation(&issued[0])], now()).unwrap(), 0, "once is enough");
    assert_eq!(keys.renew_lists(now()).unwrap(), 1, "at once, and not when the next one is due");
    let second = keys.lists().unwrap().remove(0).1;
    assert!(second.number() > first.number());
    let rules = |lists: &[_]| check_revocation(one.chain[0].der(), lists, now()).unwrap().len();
    assert_eq!((rules(&[first]), rules(std::slice::from_ref(&second))), (0, 1));

    // Long before the next one is promised; and when the clock was set back.
    assert_eq!(keys.renew_lists(now() + LIST_EVERY - Duration::from_secs(1)).unwrap(), 0);
    assert_eq!(keys.renew_lists(now() + LIST_EVERY).unwrap(), 1);
    assert_eq!(keys.renew_lists(now()).unwrap(), 1);
    let last = keys.lists().unwrap().remove(0).1;
    assert!(last.number() > second.number() && last.revoked() == second.revoked());

    // A list that was lost does not begin again below those that others know.
    fs::remove_file(keys.list_path(&keys.ca().id())).unwrap();
    keys.renew_lists(now() + DAY).unwrap();
    assert!(keys.lists().unwrap().remove(0).1.number() > last.number());
}

#[test]
fn what_another_node_of_the_site_revoked_is_taken_over() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let mut keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    let identity = keys.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
    let serial = identity.chain[0].info().unwrap().serial;
    let entry = crate::certificate::Revoked { serial, since: now(), reason: Reason::Superseded };
    let theirs = keys.ca().issue_crl(9, std::slice::from_ref(&entry), DAY, now()).unwrap();
    assert_eq!(keys.adopt(keys.ca().id(), &theirs, now()).unwrap(), 1);
    assert_eq!(keys.adopt(keys.ca().id(), &theirs, now()).unwrap(), 0);
    keys.renew_lists(now()).unwrap();
    let ours = keys.lists().unwrap().remove(0).1;
    assert_eq!(ours.revoked(), [entry]);
}

#[test]
fn a_damaged_file_is_an_error_and_no_empty_list() {
    let place = place();
    init(&place.dir, Anchor::OwnRoot).unwrap();
    let keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    keys.renew_lists(now()).unwrap();
    for text in
        ["", "{}", r#"{"version":2,"revoked":[]}"#, r#"{"version":1,"revoked":[{"serial":"x","ca":"","since":0}]}"#]
    {
        fs::write(place.dir.join("revoked.json"), text).unwrap();
        assert!(keys.renew_lists(now() + DAY).is_err(), "{text}");
    }
}

#[test]
fn where_a_site_publishes_stands_in_what_it_issues_from_then_on() {
    let place = place();
    let told = |url: &str| InitOptions { publication: Some(url.parse().unwrap()), ..options(Anchor::OwnRoot) };
    let domain = domain("berlin.verbund");
    let init = |options: &InitOptions| SiteKeys::init(&place.dir, &domain, &passphrase(), options, now()).unwrap();
    init(&told("http://a.example:7104"));
    let mut keys = SiteKeys::open(&place.dir, &passphrase()).unwrap();
    let url = |keys: &mut SiteKeys| {
        let identity = keys.issue_identity(node(1), vec![], vec![], DAY, now()).unwrap();
        identity.chain[0].info().unwrap().list_urls[0].clone()
    };
    assert!(url(&mut keys).starts_with("http://a.example:7104/crl/"));
    assert!(keys.ca().certificate().info().unwrap().issuer_urls[0].starts_with("http://a.example:7104/ca/"));
    // A second run without the address changes nothing, one with another address does.
    init(&options(Anchor::OwnRoot));
    assert!(url(&mut SiteKeys::open(&place.dir, &passphrase()).unwrap()).starts_with("http://a.example"));
    init(&told("http://b.example"));
    assert!(url(&mut SiteKeys::open(&place.dir, &passphrase()).unwrap()).starts_with("http://b.example/crl/"));
}
