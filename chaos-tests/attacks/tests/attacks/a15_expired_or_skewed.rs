//! Attack 15: certificates, invitations and statements whose time is over or has not come, and clocks that are wrong by 5 min, 1 h
//! and 30 d (design 4, lease.md).
//!
//! Expected: refused, with words that name the clocks; nobody else is locked out, and nothing is once the clock is right again. The
//! clocks are those of the product (the trust's own, the author's, the log's) and certificates made by a shifted clock; no library
//! is put under the daemon. A leader whose clock is wrong is in `raft/node/tests/cluster/attacks.rs`.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use anyhow::ensure;
use bytes::Bytes;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::time_provider::TimeProvider;
use verbund_attacks::world::{BEGINNING, Site, World, sign, start};
use verbund_identity::{LoginRequest, Statement, Subject};
use verbund_keys::TlsIdentity;
use verbund_kit::author::now;
use verbund_kit::peer::site_keys;
use verbund_kit::tls::{client, handshake};
use verbund_kit::wait::until_async;
use verbund_kit::{Author, Federation, Settings, api::log_in};
use verbund_model::{Command, NodeId, Outcome, Refusal};
use verbund_tls::{Bundle, Domain, Role, Trust, TrustError};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

#[derive(Debug)]
struct Clock(Mutex<i64>);

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = i64::try_from(BEGINNING / 1000).unwrap() + *self.0.lock().unwrap();
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds.unsigned_abs())))
    }
}

fn chain(identity: &TlsIdentity) -> Vec<CertificateDer<'static>> {
    identity.chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect()
}

fn leaf(site: &Site, node: u32, days: u64) -> TlsIdentity {
    let (node, lifetime) = (Subject::Node(NodeId::mint(0, node)), Duration::from_secs(days * DAY.unsigned_abs()));
    site.ca.issue_identity(node, vec![], vec![], lifetime, start().unwrap()).unwrap()
}

#[test]
fn a_wrong_clock_refuses_what_is_over_and_nothing_else() {
    let (short, long) = (Site::new("west", "land").unwrap(), Site::new("sued", "stadt").unwrap());
    let domain =
        |site: &Site| (site.domain.clone(), Domain { anchors: vec![site.root.der().to_vec()], ..Domain::default() });
    let bundle = Bundle { sequence: 1, domains: [domain(&short), domain(&long)].into(), ..Bundle::default() };
    let clock = Arc::new(Clock(Mutex::new(0)));
    let trust = Trust::with_clock(bundle, clock.clone());
    // What a node has for a day, and what lasts longer.
    let (day, quarter) = (chain(&leaf(&short, 2, 1)), chain(&leaf(&long, 3, 90)));
    let at = |shift: i64, chain: &[CertificateDer<'static>]| {
        *clock.0.lock().unwrap() = shift;
        trust.check(chain, Role::Client).map(drop)
    };
    for shift in [0, 5 * MINUTE, HOUR, -4 * MINUTE] {
        assert_eq!((at(shift, &day), at(shift, &quarter)), (Ok(()), Ok(())), "control: {shift} s are no reason");
    }
    let late = at(30 * DAY, &day).unwrap_err();
    assert!(matches!(late, TrustError::Expired { .. }) && late.to_string().contains("compare the clocks"), "{late}");
    assert_eq!(at(30 * DAY, &quarter), Ok(()), "the other site is not locked out");
    for shift in [-HOUR, -30 * DAY] {
        let early = at(shift, &day).unwrap_err().to_string();
        assert!(early.contains("not yet valid") || early.contains("compare the clocks"), "{early}");
    }
    assert_eq!(at(0, &day), Ok(()), "with the clock right again all is as it was");
}

#[test]
fn what_was_signed_by_a_wrong_clock_is_told_so() {
    let mut world = World::new().unwrap();
    let said = |world: &World, sequence: u64, shift: i64| Statement {
        v: 1,
        federation: world.federation,
        generation: 0,
        key: world.administrator.id(),
        session: 1,
        sequence,
        not_after: world.now.saturating_add_signed(1000 * shift) + 10 * 60 * 1000,
        precondition: None,
        command: Command::SetOrganisationMaintenance {
            organisation: "kost".parse().unwrap(),
            maintenance: Default::default(),
        },
        sealed: vec![],
    };
    type Wanted = fn(&Refusal) -> bool;
    let cases: [(i64, Wanted); 5] = [
        (-HOUR, |refusal| matches!(refusal, Refusal::Expired { .. })),
        (-30 * DAY, |refusal| matches!(refusal, Refusal::Expired { .. })),
        (HOUR, |refusal| matches!(refusal, Refusal::ValidTooLong { .. })),
        (30 * DAY, |refusal| matches!(refusal, Refusal::ValidTooLong { .. })),
        (i64::MAX / 2000, |refusal| matches!(refusal, Refusal::ValidTooLong { .. })),
    ];
    for (number, (shift, wanted)) in cases.into_iter().enumerate() {
        let envelope = sign(&world.administrator, &said(&world, 100 + number as u64, shift)).unwrap();
        let outcome = world.apply(&envelope);
        assert!(matches!(&outcome, Outcome::Refused(refusal) if wanted(refusal)), "{shift} s: {outcome:?}");
    }
    for (number, shift) in [0, 5 * MINUTE - 1, -5 * MINUTE].into_iter().enumerate() {
        let envelope = sign(&world.administrator, &said(&world, 200 + number as u64, shift)).unwrap();
        world.accepts(&envelope).unwrap_or_else(|error| panic!("control, {shift} s: {error}"));
    }
    // An invitation whose hour is over.
    let (site, invited) = world.invite("west", "land").unwrap();
    world.now += 2 * 60 * 60 * 1000;
    let late = world.request(&site, &invited).unwrap();
    let outcome = world.apply(&late);
    let Outcome::Refused(Refusal::InvitationSpent { reason }) = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("ended at"), "{reason}");
}

/// What `verbund` asks for, by a clock that is wrong by so many seconds.
fn login(author: &Author, shift: i64) -> Bytes {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let (federation, key) = (author.federation(), author.key());
    let time = now().saturating_add_signed(1000 * shift);
    let signature = author.sign_bytes(&LoginRequest::message(&federation, &key, time, &csr)).unwrap();
    serde_json::to_vec(&LoginRequest { federation, key, time, csr, signature }).unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_refuses_and_names_the_clocks() {
    let federation = Federation::found(Settings::default(), None).await.unwrap();
    let person = federation.new_user("erika").unwrap();
    let door = federation.sites[0].door().unwrap();
    log_in(door, &person).await.expect("control");
    let mut connection = door.connect(None).await.unwrap();
    for (shift, in_time) in [(-HOUR, false), (HOUR, false), (30 * DAY, false), (-4 * MINUTE, true), (4 * MINUTE, true)]
    {
        let answer = connection.post("/v1/certificates", "application/json", login(&person, shift)).await.unwrap();
        if in_time {
            assert!(answer.status.is_success(), "{shift} s: {answer:?}");
            continue;
        }
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status.as_u16(), answer.problem().as_deref()), (403, Some("clock")), "{shift} s: {text}");
        assert!(text.contains("Set the clock") && text.contains("\"now\""), "{text}");
    }
    log_in(door, &person).await.expect("nobody is locked out by that");

    let keys = site_keys(&federation.sites[0]).unwrap();
    let address: SocketAddr = federation.sites[0].peer_address().parse().unwrap();
    let issue = |lifetime, now: SystemTime| {
        let node = Subject::Node(NodeId::mint(0, 1));
        client(&keys.ca().issue_identity(node, vec![], vec![], lifetime, now.into()).unwrap(), "verbund-peer/1")
            .unwrap()
    };
    let (second, hour) = (Duration::from_secs(1), Duration::from_secs(3600));
    let (short, issued) = (issue(second, SystemTime::now()), SystemTime::now());
    let over = || async {
        ensure!(issued.elapsed()? > 3 * second, "not over yet");
        Ok(())
    };
    until_async("the end of a short life", Duration::from_secs(30), over).await.unwrap();
    let refused = handshake(&short, address).await.unwrap().unwrap_err().to_string();
    assert!(refused.contains("CertificateExpired"), "{refused}");
    for ahead in [hour, 30 * 24 * hour] {
        // RFC 8446 has no alert for "not yet": `bad_certificate`, or `certificate_expired`.
        assert!(handshake(&issue(hour, SystemTime::now() + ahead), address).await.unwrap().is_err(), "{ahead:?} ahead");
    }
    handshake(&issue(hour, SystemTime::now()), address).await.unwrap().expect("control");
}
