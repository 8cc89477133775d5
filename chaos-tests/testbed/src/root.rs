//! Whether this process may make a testbed.

use anyhow::{Result, bail};

/// Set to 1: what needs root is left out, and says so.
const WITHOUT: &str = "VERBUND_WITHOUT_ROOT";

/// Whether a test of the testbed can run. False, with a message on standard error, if root is missing and
/// `VERBUND_WITHOUT_ROOT=1` allows that. Errors: root is missing, and nobody said that this is all right.
pub fn may_run(what: &str) -> Result<bool> {
    decide(what, rustix::process::geteuid().is_root(), std::env::var(WITHOUT).is_ok_and(|value| value == "1"))
}

/// Fails unless this process is root.
pub(crate) fn demand() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!("a testbed needs root: it makes network namespaces, mounts and control groups; run it with sudo")
}

fn decide(what: &str, root: bool, without: bool) -> Result<bool> {
    match (root, without) {
        (true, _) => Ok(true),
        (false, true) => {
            eprintln!("SKIPPED, because it needs root and {WITHOUT}=1 is set: {what}");
            Ok(false)
        }
        (false, false) => {
            bail!("{what}: needs root. Run it with sudo, or set {WITHOUT}=1 to leave out what needs root")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_out_unless_said() {
        assert!(decide("x", true, true).unwrap());
        assert!(!decide("x", false, true).unwrap());
        assert!(decide("x", false, false).unwrap_err().to_string().contains(WITHOUT));
    }
}
