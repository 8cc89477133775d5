//! Exit codes (design 10).

/// What the process says at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// All right.
    Ok = 0,
    /// It did not work.
    Error = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A check failed.
    CheckFailed = 3,
    /// A check gave warnings.
    Warnings = 4,
    /// There are differences.
    Differences = 5,
    /// It cannot be placed.
    NotPlaceable = 6,
    /// Whether it was done is not known.
    Unknown = 7,
    /// It waits for a second person.
    Waiting = 8,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
