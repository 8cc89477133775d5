//! The author's session in a file that all processes of the user share: each takes sequence numbers under a lock, and
//! none is taken twice (formats 7).

use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use verbund_model::resource::Millis;
use verbund_model::{FederationId, KeyId};

use crate::files;

/// A session that ends sooner is not used for new statements: the longest of them is valid for fifteen minutes.
const LEAST_LIFE: Millis = 20 * 60 * 1000;

/// An open session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Session {
    /// The federation generation it is for.
    pub generation: u32,
    /// Its number.
    pub number: u64,
    /// When it ends.
    pub until: Millis,
    /// The next sequence number that nobody has.
    pub next: u64,
}

/// Sequence numbers that are ours: `first .. first + count` of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved {
    /// The session.
    pub session: Session,
    /// The first number.
    pub first: u64,
}

/// The file of one key's session.
pub struct SessionFile {
    path: PathBuf,
}

impl SessionFile {
    /// The file for a key in a federation.
    #[must_use]
    pub fn new(directory: &Path, federation: &FederationId, key: &KeyId) -> Self {
        Self { path: directory.join(format!("{}-{}.json", federation.0.short(), key.0.short())) }
    }

    /// Takes the file for this process alone; others wait. Blocks.
    pub fn hold(&self) -> io::Result<HeldSession> {
        let mut file = files::lock(&self.path)?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        // A file that was cut in a crash holds no session: the next one gets a higher number from the server.
        Ok(HeldSession { session: serde_json::from_str(&text).ok(), file })
    }
}

/// A session file that this process holds.
pub struct HeldSession {
    session: Option<Session>,
    file: std::fs::File,
}

impl HeldSession {
    /// The session if it lives long enough from `now` on.
    #[must_use]
    pub fn usable(&self, now: Millis) -> Option<Session> {
        self.session.filter(|session| session.until > now.saturating_add(LEAST_LIFE))
    }

    /// The number of the last session that this file knew.
    #[must_use]
    pub fn last_number(&self) -> u64 {
        self.session.map_or(0, |session| session.number)
    }

    /// Begins to use a session that was just opened.
    pub fn put(&mut self, session: Session) -> io::Result<()> {
        self.session = Some(session);
        self.write()
    }

    /// Gives the session up if it still is the one with that number: the server no longer has it.
    pub fn discard(&mut self, number: u64) -> io::Result<()> {
        if let Some(session) = self.session.as_mut().filter(|session| session.number == number) {
            session.until = 0;
            self.write()?;
        }
        Ok(())
    }

    /// Takes `count` numbers; they are on disk as taken before this returns. `None`: there is no session.
    pub fn reserve(&mut self, count: u64) -> io::Result<Option<Reserved>> {
        let Some(session) = self.session.as_mut() else { return Ok(None) };
        let first = session.next;
        session.next += count;
        let session = *session;
        self.write()?;
        Ok(Some(Reserved { session, first }))
    }

    fn write(&mut self) -> io::Result<()> {
        let bytes = serde_json::to_vec(&self.session)?;
        self.file.rewind()?;
        self.file.set_len(0)?;
        self.file.write_all(&bytes)?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn file(directory: &Path) -> SessionFile {
        SessionFile::new(directory, &FederationId::default(), &KeyId::default())
    }

    const SESSION: Session = Session { generation: 0, number: 7, until: Millis::MAX, next: 1 };

    #[test]
    fn no_number_is_taken_twice() {
        let directory = tempfile::tempdir().unwrap();
        file(directory.path()).hold().unwrap().put(SESSION).unwrap();
        let take = |_| {
            let path = directory.path();
            move || (0..25).map(|_| file(path).hold().unwrap().reserve(2).unwrap().unwrap().first).collect::<Vec<_>>()
        };
        let taken: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(take).map(|f| scope.spawn(f)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let distinct: BTreeSet<u64> = taken.iter().copied().collect();
        assert_eq!(distinct.len(), 200);
        assert_eq!(*distinct.last().unwrap(), 399, "in pairs and without gaps");
    }

    #[test]
    fn a_session_near_its_end_or_given_up_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let mut held = file(directory.path()).hold().unwrap();
        assert!(held.usable(0).is_none() && held.reserve(1).unwrap().is_none());
        held.put(Session { until: 10 * LEAST_LIFE, ..SESSION }).unwrap();
        assert!(held.usable(9 * LEAST_LIFE).is_none());
        assert!(held.usable(8 * LEAST_LIFE).is_some());
        held.discard(6).unwrap();
        assert!(held.usable(0).is_some(), "another session's end does not concern this one");
        held.discard(7).unwrap();
        assert!(held.usable(0).is_none());
        assert_eq!(held.last_number(), 7);
    }

    #[test]
    fn a_damaged_file_holds_no_session() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path());
        file.hold().unwrap().put(SESSION).unwrap();
        std::fs::write(&file.path, "{\"generation\":0,").unwrap();
        assert!(file.hold().unwrap().usable(0).is_none());
    }
}
