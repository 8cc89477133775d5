//! Revocation lists in force: brought by anybody, replayed, withheld.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use verbund_tls::{Role, Taken, Trust, TrustError};

use crate::ca::{Leaf, Site, bundle};
use crate::echo::{ended, ticks};
use crate::node::{Options, connect, name, start, start_as};

#[derive(Debug)]
struct Clock(Mutex<u64>);

impl Clock {
    fn days(&self, days: u64) {
        *self.0.lock().unwrap() += days * 86_400;
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(*self.0.lock().unwrap())))
    }
}

fn clock() -> Arc<Clock> {
    Arc::new(Clock(Mutex::new(UnixTime::now().as_secs())))
}

#[test]
fn a_replayed_list_brings_nothing_back() {
    let a = Site::new("a");
    let issued = a.issue(&Leaf::named("spiffe://a.fed/user/erika"));
    let trust = Trust::new(bundle(1, &[&a]));
    let empty = a.crl(&[], (-1, 3));
    let revoking = a.crl(&[issued.serial], (-1, 3));
    let check = || trust.check(&issued.chain, Role::Client);
    assert!(matches!(trust.take_list(&a.domain, &empty, &a.issuing), Ok(Taken::New(_))));
    assert!(check().is_ok());
    assert!(matches!(trust.take_list(&a.domain, &revoking, &a.issuing), Ok(Taken::New(_))));
    assert_eq!(trust.take_list(&a.domain, &revoking, &a.issuing), Ok(Taken::Known));
    assert!(matches!(check(), Err(TrustError::Revoked { .. })));
    let replayed = trust.take_list(&a.domain, &empty, &a.issuing).unwrap_err().to_string();
    assert!(replayed.contains("only a later one counts"), "{replayed}");
    assert!(matches!(check(), Err(TrustError::Revoked { .. })), "the replay changed nothing");
    // Nor does a new bundle, or the same lists in the order of an attacker's choice at another start.
    trust.set_bundle(bundle(2, &[&a])).unwrap();
    assert!(matches!(check(), Err(TrustError::Revoked { .. })));
    let again = Trust::new(bundle(1, &[&a]));
    again.restore_lists([&revoking, &empty].map(|list| (a.domain.clone(), list.clone(), a.issuing.to_vec())));
    assert!(matches!(again.check(&issued.chain, Role::Client), Err(TrustError::Revoked { .. })));
    // Positive control: without the revoking list it would count.
    let without = Trust::new(bundle(1, &[&a]));
    without.restore_lists([(a.domain.clone(), empty, a.issuing.to_vec())]);
    assert!(without.check(&issued.chain, Role::Client).is_ok());
}

#[test]
fn a_withheld_list_closes_its_ca_until_a_newer_one_comes() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let (of_a, of_b) = (a.issue(&Leaf::named("spiffe://a.fed/user/u")), b.issue(&Leaf::named("spiffe://b.fed/user/u")));
    let clock = clock();
    let trust = Trust::with_clock(bundle(1, &[&a, &b]), clock.clone());
    trust.take_list(&a.domain, &a.crl(&[], (-1, 2)), &a.issuing).unwrap();
    assert!(trust.check(&of_a.chain, Role::Client).is_ok());
    assert_eq!(trust.lists_run_out(&a.domain), []);
    clock.days(3);
    let refused = trust.check(&of_a.chain, Role::Client).unwrap_err();
    assert!(matches!(refused, TrustError::RevocationListExpired { .. }), "{refused}");
    assert_eq!(trust.lists_run_out(&a.domain).len(), 1);
    assert!(trust.check(&of_b.chain, Role::Client).is_ok(), "one site's list is nothing to another");
    // The list that ends the lock-out is taken although everything else of the site is refused.
    trust.take_list(&a.domain, &a.crl(&[], (2, 6)), &a.issuing).unwrap();
    assert!(trust.check(&of_a.chain, Role::Client).is_ok());
    assert_eq!(trust.lists_run_out(&a.domain), []);
}

#[test]
fn lists_wait_for_their_domain_and_go_with_it() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let issued = b.issue(&Leaf::named("spiffe://b.fed/user/u"));
    let trust = Trust::new(bundle(1, &[&a]));
    let list = b.crl(&[issued.serial], (-1, 3));
    assert!(trust.take_list(&b.domain, &list, &b.issuing).is_err(), "a stranger's list takes no room");
    trust.restore_lists([(b.domain.clone(), list.clone(), b.issuing.to_vec())]);
    assert_eq!(trust.lists(), []);
    trust.set_bundle(bundle(2, &[&a, &b])).unwrap();
    assert_eq!(trust.lists().len(), 1);
    assert!(matches!(trust.check(&issued.chain, Role::Client), Err(TrustError::Revoked { .. })));
    let mut excluded = bundle(3, &[&a, &b]);
    excluded.excluded_sites.insert(b.domain.site.clone());
    trust.set_bundle(excluded).unwrap();
    assert_eq!(trust.lists(), []);
    assert!(trust.take_list(&b.domain, &b.crl(&[], (-1, 3)), &b.issuing).is_err());
}

#[tokio::test]
async fn a_list_closes_what_it_revokes() {
    let (a, b) = (Site::new("a"), Site::new("b"));
    let one = start(&a, 1, bundle(1, &[&a, &b]), Options::default()).await;
    let issued = b.issue(&Leaf::named(&name(&b, 2)));
    let two = start_as(&issued, bundle(1, &[&a, &b]), Options::default()).await;
    connect(&[&one, &two]);
    let mut stream = ticks(&two.channel(one.number)).await;
    stream.message().await.unwrap();
    one.trust.take_list(&b.domain, &b.crl(&[], (-1, 3)), &b.issuing).unwrap();
    assert!(stream.message().await.unwrap().is_some());
    one.trust.take_list(&b.domain, &b.crl(&[issued.serial], (-1, 3)), &b.issuing).unwrap();
    ended(&mut stream).await;
}
