//! Batches: one signature over the Merkle root of several envelopes (design 3.3), so that a program's many writes cost
//! its replicas one check.
//!
//! The tree is that of RFC 6962, 2.1: `leaf = SHA-256(0x00 ‖ message)`, `node = SHA-256(0x01 ‖ left ‖ right)`, split at the
//! largest power of two below the size.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use verbund_model::Hash;

/// The most envelopes under one signature.
pub const MAX_BATCH: u32 = 1024;

/// Where in a batch an envelope stands, and the hashes that lead from it to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchProof {
    /// Position, from 0.
    pub index: u32,
    /// Envelopes in the batch.
    pub size: u32,
    /// Sibling hashes from the leaf upwards.
    pub path: Vec<Hash>,
}

/// The leaf for a signed message.
#[must_use]
pub fn leaf_hash(message: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(message);
    Hash(hasher.finalize().into())
}

fn node_hash(left: Hash, right: Hash) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([1]);
    hasher.update(left.0);
    hasher.update(right.0);
    Hash(hasher.finalize().into())
}

impl BatchProof {
    /// The root to which this proof leads from `leaf` (RFC 9162, 2.1.3.2). `None` if index, size and path do not fit
    /// together, so that a proof has one form only.
    #[must_use]
    pub fn root(&self, leaf: Hash) -> Option<Hash> {
        if self.size == 0 || self.size > MAX_BATCH || self.index >= self.size {
            return None;
        }
        let (mut position, mut last, mut hash) = (self.index, self.size - 1, leaf);
        for sibling in &self.path {
            if last == 0 {
                return None;
            }
            if position & 1 == 1 || position == last {
                hash = node_hash(*sibling, hash);
                while position & 1 == 0 && position != 0 {
                    position >>= 1;
                    last >>= 1;
                }
            } else {
                hash = node_hash(hash, *sibling);
            }
            position >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(hash)
    }
}

/// Root and one proof for each of the leaves. `None` for no leaves or more than [`MAX_BATCH`].
#[must_use]
pub fn build(leaves: &[Hash]) -> Option<(Hash, Vec<BatchProof>)> {
    let size = u32::try_from(leaves.len()).ok().filter(|n| (1..=MAX_BATCH).contains(n))?;
    let mut paths = vec![Vec::new(); leaves.len()];
    let root = subtree(leaves, &mut paths);
    let proofs = paths.into_iter().zip(0..).map(|(path, index)| BatchProof { index, size, path }).collect();
    Some((root, proofs))
}

fn subtree(leaves: &[Hash], paths: &mut [Vec<Hash>]) -> Hash {
    if let [leaf] = leaves {
        return *leaf;
    }
    let split = leaves.len().next_power_of_two() / 2;
    let (left_paths, right_paths) = paths.split_at_mut(split);
    let left = subtree(&leaves[..split], left_paths);
    let right = subtree(&leaves[split..], right_paths);
    left_paths.iter_mut().for_each(|path| path.push(right));
    right_paths.iter_mut().for_each(|path| path.push(left));
    node_hash(left, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(n: usize) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_size_leads_to_the_root() {
        for n in 1..=70 {
            let leaves = leaves(n);
            let (root, proofs) = build(&leaves).unwrap();
            for (leaf, proof) in leaves.iter().zip(&proofs) {
                assert_eq!(proof.root(*leaf), Some(root), "size {n}, index {}", proof.index);
            }
        }
    }

    #[test]
    fn nothing_else_does() {
        let leaves = leaves(13);
        let (root, proofs) = build(&leaves).unwrap();
        for (i, proof) in proofs.iter().enumerate() {
            assert_ne!(proof.root(leaves[(i + 1) % 13]), Some(root));
            for index in (0..14).filter(|x| *x != proof.index) {
                assert_ne!(BatchProof { index, ..proof.clone() }.root(leaves[i]), Some(root));
            }
            let mut longer = proof.clone();
            longer.path.push(leaves[0]);
            assert_ne!(longer.root(leaves[i]), Some(root));
            let mut shorter = proof.clone();
            shorter.path.pop();
            assert_ne!(shorter.root(leaves[i]), Some(root));
        }
    }

    #[test]
    fn bounds() {
        assert!(build(&[]).is_none());
        assert!(build(&leaves(MAX_BATCH as usize)).is_some());
        assert!(build(&leaves(MAX_BATCH as usize + 1)).is_none());
    }
}
