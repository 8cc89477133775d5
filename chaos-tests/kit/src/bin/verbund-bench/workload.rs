//! What is written and read: the same on both sides.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of a value.
pub const VALUE: usize = 256;
/// Keys that are written over and over.
pub const KEYS: u64 = 10_000;
/// Connections at most, however many clients there are.
pub const CONNECTIONS: usize = 16;

/// The key that client `client` of `clients` writes with its `number`-th operation. No two clients share a key, so that
/// nobody waits for anybody's lock.
pub fn key(client: usize, clients: usize, number: u64) -> String {
    let own = (KEYS / clients as u64).max(1);
    format!("bench-{:05}", client as u64 * own + number % own)
}

/// A key that exists, since all [`KEYS`] are written before anything is measured; in no order that a cache could like.
pub fn stored_key(client: usize, clients: usize, number: u64) -> String {
    let at = (client as u64 * 7919 + number * 104_729 + clients as u64) % KEYS;
    format!("bench-{at:05}")
}

/// Clients that write all keys before anything is measured; a divisor of [`KEYS`].
pub const SEEDERS: usize = 80;

/// A value of [`VALUE`] bytes that was never written before: a write that changes nothing would be no write. It is a JSON
/// object, since ours must be one.
pub fn value() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut text = format!("{{\"v\":\"{:016}-", COUNT.fetch_add(1, Ordering::Relaxed));
    while text.len() < VALUE - 2 {
        text.push(char::from(b'a' + (text.len() % 26) as u8));
    }
    text.push_str("\"}");
    text
}

/// Connections for so many clients.
pub fn connections(clients: usize) -> usize {
    clients.min(CONNECTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_length_and_differ() {
        let text = value();
        assert_eq!(text.len(), VALUE);
        let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(parsed.to_string(), text, "canonical");
        assert_ne!(value(), text);
    }

    #[test]
    fn clients_share_no_key_and_reads_stay_among_what_exists() {
        let of = |client: usize| (0..5000).map(move |n| key(client, 128, n)).collect::<std::collections::BTreeSet<_>>();
        assert!(of(3).is_disjoint(&of(4)));
        let own = KEYS / SEEDERS as u64;
        let seeds = (0..SEEDERS).flat_map(|client| (0..own).map(move |n| key(client, SEEDERS, n)));
        let seeds: std::collections::BTreeSet<_> = seeds.collect();
        assert_eq!(seeds.len() as u64, KEYS);
        assert!((0..5000).all(|n| seeds.contains(&stored_key(9, 16, n))));
    }
}
