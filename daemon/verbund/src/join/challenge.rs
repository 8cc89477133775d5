//! Challenges that prove possession of a sealing key: what was sealed to it comes back opened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use verbund_model::{Hash, KeyId, PublicKey};

/// How long a challenge may be answered.
const LIFETIME: Duration = Duration::from_secs(60);
/// How many may be open at once; beyond that the oldest is forgotten.
const MOST: usize = 256;

/// What the sealing is bound to (HPKE `info`): nobody can have a challenge opened by pretending it is something else.
pub const INFO: &[u8] = b"verbund.join.challenge.v1";

struct Open {
    since: Instant,
    secret: Hash,
    invitation: KeyId,
    sealing_key: PublicKey,
}

/// The challenges that wait for their answers.
#[derive(Default)]
pub struct Challenges {
    open: BTreeMap<Hash, Open>,
}

impl Challenges {
    /// Remembers a challenge under `id`.
    pub fn put(&mut self, id: Hash, secret: Hash, invitation: KeyId, sealing_key: PublicKey, now: Instant) {
        self.open.retain(|_, open| now.duration_since(open.since) < LIFETIME);
        if self.open.len() >= MOST
            && let Some(oldest) = self.open.iter().min_by_key(|(_, open)| open.since).map(|(id, _)| *id)
        {
            self.open.remove(&oldest);
        }
        self.open.insert(id, Open { since: now, secret, invitation, sealing_key });
    }

    /// Takes a challenge and compares the answer; each can be answered once. Errors: what is wrong, in words.
    pub fn answer(
        &mut self,
        id: &Hash,
        answer: &Hash,
        invitation: &KeyId,
        sealing_key: &PublicKey,
        now: Instant,
    ) -> Result<(), &'static str> {
        let open = self.open.remove(id).ok_or("unknown or answered before")?;
        if now.duration_since(open.since) >= LIFETIME {
            return Err("answered too late");
        }
        if open.invitation != *invitation || open.sealing_key != *sealing_key {
            return Err("made for another invitation or key");
        }
        if open.secret == *answer { Ok(()) } else { Err("answered wrongly") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> PublicKey {
        let mut point = vec![byte; 97];
        point[0] = 4;
        PublicKey::from_point(verbund_model::Algorithm::P384, point).unwrap()
    }

    #[test]
    fn an_answer_counts_once_in_time_and_for_its_key() {
        let now = Instant::now();
        let (id, secret, invitation) = (Hash([1; 32]), Hash([2; 32]), KeyId(Hash([3; 32])));
        let mut challenges = Challenges::default();
        let fresh = |challenges: &mut Challenges| challenges.put(id, secret, invitation, key(1), now);

        fresh(&mut challenges);
        assert_eq!(challenges.answer(&id, &secret, &invitation, &key(1), now), Ok(()));
        assert!(challenges.answer(&id, &secret, &invitation, &key(1), now).is_err(), "a second time");
        fresh(&mut challenges);
        assert!(challenges.answer(&id, &Hash([9; 32]), &invitation, &key(1), now).is_err());
        assert!(challenges.answer(&id, &secret, &invitation, &key(1), now).is_err(), "after a wrong answer");
        fresh(&mut challenges);
        assert!(challenges.answer(&id, &secret, &invitation, &key(2), now).is_err());
        fresh(&mut challenges);
        assert!(challenges.answer(&id, &secret, &invitation, &key(1), now + LIFETIME).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let now = Instant::now();
        let mut challenges = Challenges::default();
        for n in 0..MOST as u64 + 10 {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            challenges.put(Hash(id), Hash([0; 32]), KeyId(Hash([0; 32])), key(1), now + Duration::from_millis(n));
        }
        assert_eq!(challenges.open.len(), MOST);
    }
}
