//! What a guard must know: its environment says it.

use std::ffi::OsString;
use std::net::SocketAddr;

use data_encoding::HEXLOWER;
use p256::ecdsa::VerifyingKey;
use verbund_lease::Epoch;
use verbund_model::WorkloadName;

/// The workload's name.
pub const WORKLOAD: &str = "VERBUND_WORKLOAD";
/// The epoch with which the container was started.
pub const EPOCH: &str = "VERBUND_EPOCH";
/// Addresses of the agent's desk (`IP:port`), with commas between them.
pub const DESK: &str = "VERBUND_GUARD_DESK";
/// The agent's public key, P-256, SEC1, in hexadecimal digits. Without it an answer is known by the guard's random number
/// only, which who listens on the way can read.
pub const KEY: &str = "VERBUND_GUARD_KEY";
/// Milliseconds that ending the program may take.
pub const STOP_BUDGET: &str = "VERBUND_STOP_BUDGET_MS";
/// Milliseconds between two questions; 1,000 if not given.
pub const INTERVAL: &str = "VERBUND_GUARD_INTERVAL_MS";

/// A guard's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The workload.
    pub workload: WorkloadName,
    /// Its epoch.
    pub epoch: Epoch,
    /// Where to ask.
    pub desks: Vec<SocketAddr>,
    /// Whose signature makes an answer.
    pub key: Option<VerifyingKey>,
    /// Milliseconds that ending the program may take.
    pub stop_budget: u64,
    /// Milliseconds between two questions.
    pub interval: u64,
    /// Whether it may be another process than the first (tests).
    pub any_process: bool,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

/// Why a guard cannot be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not given.
    #[error("{0} is not set: the agent sets it in each container that it guards")]
    Missing(&'static str),
    /// Not well-formed.
    #[error("{name} is {got:?}, but must be {wanted}")]
    Bad {
        /// Which variable.
        name: &'static str,
        /// What it is.
        got: String,
        /// What it may be.
        wanted: &'static str,
    },
    /// Nothing to guard.
    #[error("there is no program to start: a guarded container needs an explicit command")]
    NoCommand,
}

impl Config {
    /// Settings from an environment, which `variable` looks up, and a command line.
    ///
    /// # Errors
    /// [`ConfigError`]: the first that is missing or wrong.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        any_process: bool,
        command: Vec<OsString>,
    ) -> Result<Self, ConfigError> {
        if command.is_empty() {
            return Err(ConfigError::NoCommand);
        }
        let need = |name| variable(name).ok_or(ConfigError::Missing(name));
        let bad = |name, got: &str, wanted| ConfigError::Bad { name, got: got.to_owned(), wanted };
        let number = |name: &'static str, text: &str, wanted| text.parse::<u64>().map_err(|_| bad(name, text, wanted));

        let name = need(WORKLOAD)?;
        let workload = WorkloadName::new(&name).map_err(|_| bad(WORKLOAD, &name, "the name of a workload"))?;
        let epoch = Epoch(number(EPOCH, &need(EPOCH)?, "a number")?);
        let desk = need(DESK)?;
        let desks = desk.split(',').map(|one| one.trim().parse()).collect::<Result<Vec<SocketAddr>, _>>();
        let desks = desks.map_err(|_| bad(DESK, &desk, "addresses IP:port with commas between them (no names)"))?;
        let budget = need(STOP_BUDGET)?;
        let stop_budget = number(STOP_BUDGET, &budget, "milliseconds")?;
        if stop_budget == 0 {
            return Err(bad(STOP_BUDGET, &budget, "more than 0: no program ends in no time"));
        }
        let interval = variable(INTERVAL).map_or(Ok(1_000), |text| number(INTERVAL, &text, "milliseconds"))?;
        let key = variable(KEY).map(|text| verifying(&text).ok_or_else(|| bad(KEY, &text, "a P-256 key in hex")));
        let (key, interval) = (key.transpose()?, interval.max(10));
        Ok(Self { workload, epoch, desks, key, stop_budget, interval, any_process, command })
    }
}

fn verifying(text: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_sec1_bytes(&HEXLOWER.decode(text.as_bytes()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn good() -> BTreeMap<&'static str, String> {
        let key = p256::ecdsa::SigningKey::from_slice(&[3; 32]).unwrap();
        let key = HEXLOWER.encode(key.verifying_key().to_encoded_point(false).as_bytes());
        BTreeMap::from([
            (WORKLOAD, "register".to_owned()),
            (EPOCH, "3".to_owned()),
            (DESK, "10.1.2.3:7000, [fd00::1]:7000".to_owned()),
            (STOP_BUDGET, "2000".to_owned()),
            (KEY, key),
        ])
    }

    fn read(variables: &BTreeMap<&'static str, String>) -> Result<Config, ConfigError> {
        Config::read(|name| variables.get(name).cloned(), false, vec!["true".into()])
    }

    #[test]
    fn takes_a_whole_environment() {
        let config = read(&good()).unwrap();
        assert_eq!((config.epoch, config.stop_budget, config.interval), (Epoch(3), 2_000, 1_000));
        assert_eq!(config.desks.len(), 2);
        assert!(config.key.is_some());
    }

    #[test]
    fn says_what_is_missing_or_wrong() {
        for name in [WORKLOAD, EPOCH, DESK, STOP_BUDGET] {
            let mut variables = good();
            variables.remove(name);
            assert_eq!(read(&variables).unwrap_err(), ConfigError::Missing(name));
        }
        let wrong = [
            (WORKLOAD, "Register"),
            (EPOCH, "-1"),
            (DESK, "agent.verbund-system:7000"),
            (DESK, ""),
            (STOP_BUDGET, "0"),
            (INTERVAL, "often"),
            (KEY, "04ff"),
        ];
        for (name, value) in wrong {
            let mut variables = good();
            variables.insert(name, value.to_owned());
            assert!(matches!(read(&variables), Err(ConfigError::Bad { name: at, .. }) if at == name), "{name}={value}");
        }
        let nothing = Config::read(|name| good().get(name).cloned(), false, Vec::new());
        assert_eq!(nothing.unwrap_err(), ConfigError::NoCommand);
    }
}
