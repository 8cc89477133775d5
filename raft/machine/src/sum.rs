//! The state's hash: a sum that changes with each entry of the state, so that no change costs a walk over all of it.

use sha2::{Digest as _, Sha256};
use verbund_model::Hash;

/// A 256-bit sum of SHA-256 digests, wrapping, in four little-endian limbs. It finds divergence, not attack (formats 9):
/// who can choose entries freely could find two states with one sum, and that is not what it defends against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Sum([u64; 4]);

impl Sum {
    /// Counts one more entry.
    pub(crate) fn add(&mut self, entry: &[u8]) {
        self.merge(&Self::of(entry));
    }

    /// Counts an entry no more.
    pub(crate) fn subtract(&mut self, entry: &[u8]) {
        let mut borrow = false;
        for (limb, other) in self.0.iter_mut().zip(Self::of(entry).0) {
            let (first, a) = limb.overflowing_sub(other);
            let (second, b) = first.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (second, a || b);
        }
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        let mut carry = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            let (first, a) = limb.overflowing_add(other);
            let (second, b) = first.overflowing_add(u64::from(carry));
            (*limb, carry) = (second, a || b);
        }
    }

    /// The sum as 32 bytes, least significant first.
    pub(crate) fn to_hash(self) -> Hash {
        let mut bytes = [0; 32];
        for (chunk, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&limb.to_le_bytes());
        }
        Hash(bytes)
    }

    fn of(entry: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(entry).into();
        let mut limbs = [0; 4];
        for (limb, chunk) in limbs.iter_mut().zip(digest.chunks_exact(8)) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(chunk);
            *limb = u64::from_le_bytes(bytes);
        }
        Self(limbs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_count_and_taking_away_undoes() {
        let entries: Vec<Vec<u8>> = (0..200_u32).map(|i| i.to_be_bytes().to_vec()).collect();
        let (mut forwards, mut backwards) = (Sum::default(), Sum::default());
        entries.iter().for_each(|e| forwards.add(e));
        entries.iter().rev().for_each(|e| backwards.add(e));
        assert_eq!(forwards, backwards);
        assert_ne!(forwards, Sum::default());
        entries.iter().for_each(|e| backwards.subtract(e));
        assert_eq!(backwards, Sum::default());
    }

    #[test]
    fn carries_and_borrows_over_all_limbs() {
        let mut sum = Sum([u64::MAX; 4]);
        sum.merge(&Sum([1, 0, 0, 0]));
        assert_eq!(sum, Sum::default());
        let mut one = Sum::default();
        one.subtract(b"x");
        one.add(b"x");
        assert_eq!(one, Sum::default());
    }
}
