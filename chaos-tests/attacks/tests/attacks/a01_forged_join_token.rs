//! Attack 1: somebody forges an invitation, or alters one that came by (design 3, formats 2).
//!
//! Expected: refused, nothing changes, it is counted, and tries are limited. **Bits**: every bit of the invitation's text and of
//! the signed request is flipped. The refusal is 403, as everywhere where a signature does not hold (RFC 9110, 15.5.4), where
//! the plan said 401. Not covered: guessing the one-time key itself, a scalar of 256 bits.

use data_encoding::BASE64URL_NOPAD;
use http::StatusCode;
use verbund_attacks::world::World;
use verbund_identity::{InvitationToken, key_id, sha256};
use verbund_keys::{Signer as _, SoftwareKey};
use verbund_kit::joiner::{Contact, Joiner};
use verbund_kit::{Federation, Settings, metrics};
use verbund_model::{Algorithm, Outcome};

const PREFIX: &str = "verbund-invitation-1.";
/// More tries than anybody honest makes.
const TRIES: usize = 2_000;

#[test]
fn no_flipped_bit_of_a_signed_request_is_taken() {
    let mut world = World::new().unwrap();
    let (site, invited) = world.invite("west", "land").unwrap();
    let good = world.request(&site, &invited).unwrap().to_bytes();
    let before = world.state.head().state;
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut forged = good.clone();
            forged[at] ^= 1 << bit;
            // Each is tried on the state as it is: what one leaves behind would hide what the next one does.
            let whole = world.state.clone();
            let outcome = world.apply_bytes(&forged).outcome;
            assert!(matches!(outcome, Some(Outcome::Refused(_))), "byte {at}, bit {bit}: {outcome:?}");
            assert_eq!(world.state.head().state, before, "byte {at}, bit {bit} changed something");
            world.state = whole;
        }
    }
    let taken = world.apply_bytes(&good).outcome;
    assert!(matches!(taken, Some(Outcome::Accepted(_))), "positive control: {taken:?}");
    assert_ne!(world.state.head().state, before);
}

fn token(world: &World, secret: &SoftwareKey) -> InvitationToken {
    InvitationToken {
        federation: world.federation,
        federation_name: "dvc".parse().unwrap(),
        generation: 0,
        site: "west".parse().unwrap(),
        organisation: "land".parse().unwrap(),
        expires: world.now,
        contacts: vec!["localhost:7100".parse().unwrap()],
        pin: sha256(b"pin"),
        secret: BASE64URL_NOPAD.encode(&secret.scalar().unwrap()),
    }
}

#[test]
fn no_flipped_bit_of_an_invitation_makes_another_one() {
    let mut world = World::new().unwrap();
    let (_, invited) = world.invite("west", "land").unwrap();
    let good = token(&world, &invited.key);
    let bytes = BASE64URL_NOPAD.decode(good.to_text().strip_prefix(PREFIX).unwrap().as_bytes()).unwrap();
    let read = |bytes: &[u8]| InvitationToken::from_text(&format!("{PREFIX}{}", BASE64URL_NOPAD.encode(bytes)));
    assert_eq!(read(&bytes), Ok(good.clone()), "positive control");
    let body = bytes.len() - 8;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut forged = bytes.clone();
            forged[at] ^= 1 << bit;
            assert!(read(&forged).is_err(), "byte {at}, bit {bit}");
            // The checksum keeps no forger away: with it made anew, the one-time key is one that nobody invited.
            let sum = sha256(&forged[..body]);
            forged[body..].copy_from_slice(&sum.0[..8]);
            let Ok(other) = read(&forged) else { continue };
            let key = BASE64URL_NOPAD.decode(other.secret.as_bytes()).ok();
            let key = key.and_then(|scalar| SoftwareKey::from_scalar(Algorithm::P256, &scalar).ok());
            if other.secret != good.secret
                && let Some(key) = key
            {
                let id = key_id(key.public_key());
                assert!(
                    world.state.invitation(&id).is_none() && world.state.key(&id).is_none(),
                    "byte {at}, bit {bit}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_federation_refuses_counts_and_slows_who_forges() {
    let mut federation = Federation::found(Settings::default(), None).await.unwrap();
    let site = federation.invite().unwrap();
    let true_text = std::fs::read_to_string(federation.invitation(site)).unwrap();
    let forged_key = SoftwareKey::generate(Algorithm::P256).unwrap();
    let secret = BASE64URL_NOPAD.encode(&forged_key.scalar().unwrap());
    let forged = InvitationToken { secret, ..InvitationToken::from_text(&true_text).unwrap() }.to_text();
    let joiner = Joiner::new(&federation.sites[site], &forged).unwrap();
    let node = SoftwareKey::generate(Algorithm::P256).unwrap();
    let request = joiner.request(&federation.sites[site], &node).unwrap();
    let envelope = joiner.sign(request, &node, joiner.one_time_key().unwrap()).unwrap();

    let admissions = || federation.desk.json(&["--context", "coordinator-1", "list", "admissions"]).unwrap();
    let index = || federation.status(0).unwrap()["applied"].as_u64().unwrap();
    let port = federation.sites[0].metrics_port;
    let refused = || async {
        let page = metrics::read(port).await.unwrap();
        metrics::value(&page, "verbund_refused_at_edge_total").unwrap_or(0.0)
    };
    let (before, at, counted) = (admissions(), index(), refused().await);
    let mut contact = Contact::of(&federation.sites[0]).await.unwrap();
    let answered = joiner.hand_in(&mut contact, &envelope).await.unwrap();
    assert_eq!((answered.status, answered.refusal().unwrap()), (StatusCode::FORBIDDEN, "unknownKey".to_owned()));
    assert!(refused().await > counted, "it is counted");
    assert_eq!(admissions(), before);
    assert_eq!(index(), at, "a stranger writes nothing into the log");

    let mut limited = None;
    for attempt in 0..TRIES {
        // A challenge that is not given any more is an answer, too.
        match joiner.hand_in(&mut contact, &envelope).await {
            Ok(answered) if answered.status == StatusCode::FORBIDDEN => {}
            Ok(answered) => limited = Some((attempt, format!("{answered:?}"))),
            Err(error) => limited = Some((attempt, format!("{error:#}"))),
        }
        if limited.is_some() {
            break;
        }
    }
    let (attempt, said) = limited.expect("nobody may try for ever");
    println!("refused to listen after {attempt} more tries: {said}");
    assert!(said.contains("429") && said.contains("tooMany"), "{said}");
}
