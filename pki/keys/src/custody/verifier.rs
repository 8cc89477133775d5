//! The fast verifier of the daemon.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use verbund_identity::{SignatureVerifier, is_fixed_form};
use verbund_model::{Algorithm, PublicKey};

/// Checks signatures with aws-lc. It gives the same answers as `verbund_identity::PureVerifier`, also for malformed
/// input, since replicas may use either.
#[derive(Debug, Clone, Copy, Default)]
pub struct AwsVerifier;

impl SignatureVerifier for AwsVerifier {
    fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        // aws-lc takes a high s; only one of the two signatures may count.
        if !is_fixed_form(key.algorithm(), signature) {
            return false;
        }
        let algorithm = match key.algorithm() {
            Algorithm::P256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::P384 => &ECDSA_P384_SHA384_FIXED,
        };
        UnparsedPublicKey::new(algorithm, key.point()).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};
    use verbund_identity::PureVerifier;

    use super::*;
    use crate::custody::{Signer as _, SoftwareKey};

    /// `n − s`: the other signature that ECDSA allows.
    fn other_s(algorithm: Algorithm, signature: &[u8]) -> Vec<u8> {
        match algorithm {
            Algorithm::P256 => {
                let (r, s) = p256::ecdsa::Signature::from_slice(signature).unwrap().split_scalars();
                p256::ecdsa::Signature::from_scalars(r, -s).unwrap().to_bytes().to_vec()
            }
            Algorithm::P384 => {
                let (r, s) = p384::ecdsa::Signature::from_slice(signature).unwrap().split_scalars();
                p384::ecdsa::Signature::from_scalars(r, -s).unwrap().to_bytes().to_vec()
            }
        }
    }

    fn both(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        let fast = AwsVerifier.verify(key, message, signature);
        assert_eq!(fast, PureVerifier.verify(key, message, signature), "{key} {signature:02x?}");
        fast
    }

    #[test]
    fn both_verifiers_agree_on_good_random_and_altered_signatures() {
        let mut rng = StdRng::seed_from_u64(7);
        for algorithm in [Algorithm::P256, Algorithm::P384] {
            let key = SoftwareKey::generate(algorithm).unwrap();
            let stranger = SoftwareKey::generate(algorithm).unwrap();
            for _ in 0..25 {
                let message: Vec<u8> = (0..rng.random_range(0..300)).map(|_| rng.random()).collect();
                let good = key.sign(&message).unwrap();
                assert!(both(key.public_key(), &message, &good), "positive control");
                assert!(!both(stranger.public_key(), &message, &good));
                assert!(!both(key.public_key(), &message, &other_s(algorithm, &good)), "a high s must not count");
                let mut flipped = good.clone();
                let at = rng.random_range(0..flipped.len());
                flipped[at] ^= 1 << rng.random_range(0..8);
                assert!(!both(key.public_key(), &message, &flipped));
                let random: Vec<u8> = (0..good.len()).map(|_| rng.random()).collect();
                assert!(!both(key.public_key(), &message, &random));
            }
        }
    }

    #[test]
    fn aws_lc_alone_would_take_the_high_s() {
        // Control of the test above: without the check of the form, both signatures would verify.
        let key = SoftwareKey::generate(Algorithm::P256).unwrap();
        let high = other_s(Algorithm::P256, &key.sign(b"m").unwrap());
        let bare = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().point());
        assert!(bare.verify(b"m", &high).is_ok());
        assert!(!AwsVerifier.verify(key.public_key(), b"m", &high));
    }

    #[test]
    fn malformed_input_is_false_for_both() {
        for algorithm in [Algorithm::P256, Algorithm::P384] {
            let key = SoftwareKey::generate(algorithm).unwrap();
            let good = key.sign(b"m").unwrap();
            let half = good.len() / 2;
            let mut zero_r = good.clone();
            zero_r[..half].fill(0);
            let mut zero_s = good.clone();
            zero_s[half..].fill(0);
            let mut long = good.clone();
            long.push(0);
            let der = vec![0x30, 6, 2, 1, 1, 2, 1, 1];
            for bad in [vec![], zero_r, zero_s, vec![0xff; good.len()], good[..half].to_vec(), long, der] {
                assert!(!both(key.public_key(), b"m", &bad));
            }
            let off_curve = PublicKey::from_point(algorithm, [&[4u8][..], &vec![7; good.len()]].concat()).unwrap();
            assert!(!both(&off_curve, b"m", &good));
        }
    }
}
