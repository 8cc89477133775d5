//! Persistent connections for writing: each with one stream of envelopes and one session.

use std::sync::Arc;

use anyhow::{Result, bail};
use verbund_api::wire::StreamAnswer;
use verbund_kit::api::{Door, EnvelopeStream, log_in};
use verbund_kit::author::{Author, Session};
use verbund_model::resource::CatalogueEntry;
use verbund_model::{Accepted, Command, Document, Outcome};

use crate::workload;

/// A connection, its stream, its session.
pub struct Lane {
    /// The stream.
    pub stream: EnvelopeStream,
    /// The session.
    pub session: Arc<Session>,
}

/// Opens the stream of one lane for each of `sessions`.
pub async fn open(door: &Door, author: &Author, sessions: &[Arc<Session>]) -> Result<Vec<Arc<Lane>>> {
    let identity = log_in(door, author).await?;
    let mut lanes = Vec::with_capacity(sessions.len());
    for session in sessions {
        let mut connection = door.connect(Some(&identity)).await?;
        let stream = EnvelopeStream::open(&mut connection).await?;
        lanes.push(Arc::new(Lane { stream, session: session.clone() }));
    }
    Ok(lanes)
}

/// Opens as many sessions as there can be connections.
pub async fn open_sessions(door: &Door, author: &Author) -> Result<Vec<Arc<Session>>> {
    let mut connection = door.connect(Some(&log_in(door, author).await?)).await?;
    let stream = EnvelopeStream::open(&mut connection).await?;
    let mut sessions = Vec::new();
    for number in 1..=workload::CONNECTIONS as u64 {
        let statement = author.statement((number, 0), None, Command::OpenSession {});
        match stream.submit(&author.sign(&statement)?).await? {
            StreamAnswer::Outcome { outcome: Outcome::Accepted(_), .. } => {}
            other => bail!("session {number} was not opened: {other:?}"),
        }
        sessions.push(Arc::new(Session::opened(number, 0)));
    }
    Ok(sessions)
}

/// The write that a client does next.
pub fn command(client: usize, clients: usize, number: u64) -> Result<Command> {
    let document: Document = serde_json::from_str(&workload::value())?;
    let entry = CatalogueEntry {
        name: verbund_model::CatalogueName::new(workload::key(client, clients, number))?,
        organisation: verbund_model::OrgName::new("o1")?,
        schema_version: 1,
        document,
    };
    let CatalogueEntry { name, organisation, schema_version, document } = entry;
    Ok(Command::ApplyCatalogueEntry { name, organisation, schema_version, document })
}

/// Whether the answer says that the write was made.
pub fn check(answer: StreamAnswer) -> Result<()> {
    match answer {
        StreamAnswer::Outcome { outcome: Outcome::Accepted(Accepted::Changed { .. }), .. } => Ok(()),
        other => bail!("not written: {other:?}"),
    }
}
