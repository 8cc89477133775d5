//! What a simulated pod does.

use std::fmt;
use std::str::FromStr;

/// What the annotation `verbund.de/simulate` says, words with commas between them: `start=MS` (until it is ready), `stop=MS`
/// (how long it takes to stop, at most its grace), `crash` (it never becomes ready), `fail` (its image cannot be pulled),
/// `done=MS` (it ends well after so long). What is not given is as the cluster's [`crate::Shape`] says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// Milliseconds until it is ready.
    pub start: Option<u64>,
    /// Milliseconds that it takes to stop.
    pub stop: Option<u64>,
    /// Whether it crashes each time.
    pub crash: bool,
    /// Whether its image cannot be pulled.
    pub fail: bool,
    /// Milliseconds after which it ends well.
    pub done: Option<u64>,
}

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError(String);

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is none of start=MS, stop=MS, done=MS, crash, fail", self.0)
    }
}

impl std::error::Error for ScriptError {}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut script = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let error = || ScriptError(word.to_owned());
            let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
            let millis = || value.and_then(|value| value.parse().ok()).ok_or_else(error);
            match name {
                "start" => script.start = Some(millis()?),
                "stop" => script.stop = Some(millis()?),
                "done" => script.done = Some(millis()?),
                "crash" if value.is_none() => script.crash = true,
                "fail" if value.is_none() => script.fail = true,
                _ => return Err(error()),
            }
        }
        Ok(script)
    }
}
