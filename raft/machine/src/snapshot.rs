//! The state as a stream of records, and back. No record needs another in memory, so neither side needs a second copy.
//!
//! ```text
//! 0x00 version header       where the log stood, and the genesis bytes
//! tag key value             one for each entry of each table: the very bytes below the state's hash
//! 0xff trailer              how many entries, the state's hash, SHA-256 of the header
//! ```

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use verbund_identity::{Genesis, sha256};
use verbund_model::Hash;

use crate::state::{Progress, State};
use crate::tables::Tables;

/// The version of the format, in the header record.
pub const FORMAT: u8 = 1;
const HEADER: u8 = 0x00;
const TRAILER: u8 = 0xff;

#[derive(Serialize, Deserialize)]
struct Header {
    progress: Progress,
    genesis: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Trailer {
    entries: u64,
    state: Hash,
    header: Hash,
}

/// Why records are no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// The first record is no header, or a later one is.
    #[error(
        "record {record} of the snapshot has tag {tag:?} where {wanted} was wanted: the file is not one whole snapshot"
    )]
    Order {
        /// Number of the record, from 0.
        record: u64,
        /// Its first byte, if it has one.
        tag: Option<u8>,
        /// What should stand there.
        wanted: &'static str,
    },
    /// Made by a version that this daemon does not know.
    #[error("the snapshot has format {found}, and this daemon knows {FORMAT}: update the daemon")]
    Format {
        /// The format found.
        found: u8,
    },
    /// Of a federation in which later formats are switched on.
    #[error(
        "the snapshot is of a federation that switched on format {found}, and this daemon knows {known}: update it"
    )]
    SwitchedOn {
        /// The format that is switched on.
        found: u32,
        /// The latest that this build knows.
        known: u32,
    },
    /// A record cannot be read.
    #[error("record {record} of the snapshot cannot be read: {reason}")]
    Record {
        /// Number of the record, from 0.
        record: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The snapshot ends too early.
    #[error("the snapshot ends after {records} records, without its trailer: fetch it again")]
    Cut {
        /// How many records there were.
        records: u64,
    },
    /// Not what was written.
    #[error("the snapshot is damaged: its {what} is {found}, but its trailer says {wanted}: fetch it again")]
    Damaged {
        /// What was compared.
        what: &'static str,
        /// What was found.
        found: String,
        /// What the trailer says.
        wanted: String,
    },
}

impl State {
    /// The records of a snapshot, made one at a time.
    pub fn records(&self) -> impl Iterator<Item = Vec<u8>> + use<'_> {
        let header = self.header_record();
        let trailer =
            Trailer { entries: self.tables.len() as u64, state: self.tables.sum().to_hash(), header: sha256(&header) };
        // Writing plain structures to a growing vector cannot fail.
        let trailer = postcard::to_extend(&trailer, vec![TRAILER]).unwrap_or_default();
        std::iter::once(header).chain(self.tables.entries()).chain(std::iter::once(trailer))
    }

    fn header_record(&self) -> Vec<u8> {
        let header = Header { progress: self.progress, genesis: self.genesis.to_vec() };
        postcard::to_extend(&header, vec![HEADER, FORMAT]).unwrap_or_default()
    }
}

/// A state in the making from the records of a snapshot.
#[derive(Debug, Default)]
pub struct Restore {
    header: Option<(Progress, Arc<[u8]>, Hash)>,
    tables: Tables,
    trailer: Option<(u64, Hash, Hash)>,
    records: u64,
}

impl Restore {
    /// Before the first record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next record. Errors: [`RestoreError`]; after one, the restore is worth nothing.
    pub fn push(&mut self, record: &[u8]) -> Result<(), RestoreError> {
        let number = self.records;
        self.records += 1;
        let tag = record.first().copied();
        let order = |wanted| RestoreError::Order { record: number, tag, wanted };
        if self.trailer.is_some() {
            return Err(order("nothing"));
        }
        match (tag, self.header.is_some()) {
            (Some(HEADER), false) => self.header = Some(read_header(record)?),
            (_, false) => return Err(order("the header")),
            (Some(TRAILER), true) => {
                let trailer: Trailer = read(number, &record[1..])?;
                self.trailer = Some((trailer.entries, trailer.state, trailer.header));
            }
            (None | Some(HEADER), true) => return Err(order("an entry or the trailer")),
            (Some(_), true) => {
                let wrong = |reason| RestoreError::Record { record: number, reason };
                self.tables.restore(record).map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// The state, if the records were a whole, undamaged snapshot. Whether it is the *federation's* state is for signed
    /// heads to say. Errors: [`RestoreError`].
    pub fn finish(self) -> Result<State, RestoreError> {
        let cut = RestoreError::Cut { records: self.records };
        let (Some((progress, genesis, header)), Some((entries, state, wanted_header))) = (self.header, self.trailer)
        else {
            return Err(cut);
        };
        same("number of entries", &(self.tables.len() as u64), &entries)?;
        same("header", &header, &wanted_header)?;
        same("state hash", &self.tables.sum().to_hash(), &state)?;
        same("number of federations", &self.tables.federation.len(), &1)?;
        same("number of timings", &self.tables.timings.len(), &1)?;
        same("number of memberships", &self.tables.single.len(), &1)?;
        let switched_on = self.tables.single.get(&()).map_or(0, |single| single.format);
        if switched_on > crate::apply::FORMAT {
            return Err(RestoreError::SwitchedOn { found: switched_on, known: crate::apply::FORMAT });
        }
        let index = self.tables.index();
        let state = State { genesis, progress, tables: self.tables, index };
        same("genesis", &state.federation().value.id.0, &sha256(&state.genesis))?;
        Ok(state)
    }
}

fn same<T: PartialEq + ToString>(what: &'static str, found: &T, wanted: &T) -> Result<(), RestoreError> {
    if found == wanted {
        return Ok(());
    }
    Err(RestoreError::Damaged { what, found: found.to_string(), wanted: wanted.to_string() })
}

fn read_header(record: &[u8]) -> Result<(Progress, Arc<[u8]>, Hash), RestoreError> {
    match record.get(1) {
        Some(&FORMAT) => {}
        Some(&found) => return Err(RestoreError::Format { found }),
        None => return Err(RestoreError::Record { record: 0, reason: "it has no format".to_owned() }),
    }
    let header: Header = read(0, &record[2..])?;
    let genesis = Genesis::from_bytes(&header.genesis);
    genesis.map_err(|e| RestoreError::Record { record: 0, reason: e.to_string() })?;
    Ok((header.progress, header.genesis.into(), sha256(record)))
}

fn read<'de, T: Deserialize<'de>>(record: u64, bytes: &'de [u8]) -> Result<T, RestoreError> {
    match postcard::take_from_bytes::<T>(bytes) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(RestoreError::Record { record, reason: format!("{} bytes follow its end", rest.len()) }),
        Err(error) => Err(RestoreError::Record { record, reason: error.to_string() }),
    }
}
