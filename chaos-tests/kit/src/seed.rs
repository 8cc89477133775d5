//! Where a test's chance comes from: one number, printed, with which it can be run again.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

/// The generator for the test `name` of the test file `file`, from `$VERBUND_SEED` or a new seed, which is printed.
#[must_use]
pub fn seeded(file: &str, name: &str) -> StdRng {
    let given = std::env::var("VERBUND_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = given.unwrap_or_else(|| rand::rng().random());
    // Cargo says whose test it runs.
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_else(|_| "verbund-kit".to_owned());
    println!(
        "seed {seed}; again: VERBUND_SEED={seed} cargo test -p {package} --test {file} -- --exact {name} --nocapture"
    );
    StdRng::seed_from_u64(seed)
}
