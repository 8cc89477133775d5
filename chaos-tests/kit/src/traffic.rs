//! A steady load of writes that survives the loss of sites: what is not known is asked again with the same envelope, and
//! everything is written down.

mod history;
mod lines;

pub use history::{Fate, History, Write};

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::error::Elapsed;
use verbund_api::wire::StreamAnswer;
use verbund_identity::Envelope;
use verbund_model::{Accepted, CatalogueName, Command, Document, OrgName, Outcome};

use crate::api::{EnvelopeStream, Lost};
use crate::author::{Author, Session};
use crate::federation::Federation;
use crate::site::Site;
use crate::wait::until_async;
use lines::Lines;

/// Sessions that share the writers: as many as a key may have (formats 7).
const SESSIONS: u64 = 16;
/// How long one try may take before the envelope is sent again elsewhere.
const TRY: Duration = Duration::from_secs(5);
/// How long a write may stay without an outcome before the history says so.
const GIVE_UP: Duration = Duration::from_secs(60);
/// Within this, what a site has said before it was frozen is read.
const READ: Duration = Duration::from_millis(200);
/// How long a writer waits before it tries a site again that could not help.
const PAUSE: Duration = Duration::from_millis(50);

/// What the load looks like.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Writers; each has one write outstanding.
    pub writers: usize,
    /// Writes in a second that all writers together aim at.
    pub rate: u32,
    /// Catalogue entries that each writer writes over and over, and no other does.
    pub names: usize,
}

impl Default for Load {
    fn default() -> Self {
        Self { writers: 48, rate: 400, names: 5 }
    }
}

/// A load that runs until it is stopped.
pub struct Traffic {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Result<()>>>,
    lines: Arc<Lines>,
    writes: Arc<Mutex<Vec<Write>>>,
    since: Instant,
}

impl Traffic {
    /// Opens the author's sessions and starts the load at all of the federation's sites that run.
    pub async fn start(federation: &Federation, author: &Author, load: Load) -> Result<Self> {
        let lines = Arc::new(Lines::open(federation, author).await?);
        let mut sessions = Vec::new();
        for number in 1..=SESSIONS {
            let envelope = author.sign(&author.statement((number, 0), None, Command::OpenSession {}))?;
            let mut at = 0;
            let fate = resolve(&lines, &mut at, &envelope, &mut Tries::default()).await?;
            anyhow::ensure!(matches!(fate, Fate::Applied { .. }), "session {number} was not opened: {fate:?}");
            sessions.push(Arc::new(Session::opened(number, 0)));
        }
        let (stop, stopped) = watch::channel(false);
        let writes = Arc::new(Mutex::new(Vec::new()));
        let pace = Duration::from_secs(1) * u32::try_from(load.writers)? / load.rate.max(1);
        let tasks = (0..load.writers).map(|number| {
            let writer = Writer {
                number,
                names: load.names,
                at: number % federation.sites.len(),
                author: author.clone(),
                session: sessions[number % sessions.len()].clone(),
                lines: lines.clone(),
                writes: writes.clone(),
            };
            tokio::spawn(writer.run(pace, stopped.clone()))
        });
        Ok(Self { stop, tasks: tasks.collect(), lines, writes, since: Instant::now() })
    }

    /// How many writes were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes.iter().filter(|write| matches!(write.fate, Fate::Applied { .. })).count()
    }

    /// Kills a site with at least one write under way at it, whose outcome is therefore unknown: once what it had said before
    /// was read, nothing is answered any more by a site that is frozen. Errors: nobody writes at it.
    pub async fn kill_in_a_write(&self, site: &mut Site, position: usize) -> Result<()> {
        site.freeze()?;
        let look = || async {
            tokio::time::sleep(READ).await;
            anyhow::ensure!(self.lines.unanswered(position) > 0, "no write waits for an answer of {}", site.name);
            Ok(())
        };
        until_async("a write at the site to be killed", TRY, look).await?;
        site.kill()
    }

    /// The highest resource version that was acknowledged so far.
    #[must_use]
    pub fn last_version(&self) -> u64 {
        let writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        writes
            .iter()
            .filter_map(|write| if let Fate::Applied { version, .. } = write.fate { Some(version) } else { None })
            .max()
            .unwrap_or(0)
    }

    /// Lets every writer finish its last write, and returns what happened.
    pub async fn stop(self) -> Result<History> {
        let until = Instant::now();
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await??;
        }
        let writes = std::mem::take(&mut *self.writes.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(History { writes, since: self.since, until })
    }
}

struct Writer {
    number: usize,
    names: usize,
    at: usize,
    author: Author,
    session: Arc<Session>,
    lines: Arc<Lines>,
    writes: Arc<Mutex<Vec<Write>>>,
}

impl Writer {
    async fn run(mut self, pace: Duration, stopped: watch::Receiver<bool>) -> Result<()> {
        let mut tick = tokio::time::interval(pace);
        // After a gap the writers catch up, so that a short one does not lower the rate.
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        for number in 0.. {
            tick.tick().await;
            if *stopped.borrow() {
                break;
            }
            self.write(number).await?;
        }
        Ok(())
    }

    async fn write(&mut self, number: u64) -> Result<()> {
        let name = format!("w{}-{}", self.number, number % self.names as u64);
        let document = serde_json::json!({ "writer": self.number, "number": number });
        let command = Command::ApplyCatalogueEntry {
            name: CatalogueName::new(name.clone())?,
            organisation: OrgName::new("o1")?,
            schema_version: 1,
            document: Document::from_value(&document).context("an object is a document")?,
        };
        let envelope = self.author.sign(&self.author.statement(self.session.take(), None, command))?;
        let (sent, mut tries) = (Instant::now(), Tries::default());
        let fate = resolve(&self.lines, &mut self.at, &envelope, &mut tries).await?;
        let payload = envelope.payload_hash();
        let write = Write { name, number, payload, sent, fate, tries: tries.count, was_unknown: tries.unknown };
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).push(write);
        Ok(())
    }
}

#[derive(Default)]
struct Tries {
    count: u32,
    /// Whether a try ended so that the write may have been made.
    unknown: bool,
}

/// Sends the envelope until it has an outcome: to the site `at`, and to the next one when that one does not help.
async fn resolve(lines: &Lines, at: &mut usize, envelope: &Envelope, tries: &mut Tries) -> Result<Fate> {
    let start = Instant::now();
    loop {
        tries.count += 1;
        let why = match lines.at(*at).await {
            Err(error) => format!("{error:#}"),
            Ok(stream) => match submit(lines, *at, &stream, envelope).await {
                Ok(Ok(StreamAnswer::Outcome { outcome, .. })) => return Ok(fate(outcome)),
                Ok(Ok(StreamAnswer::Failed { refusal: Some(refusal), .. })) => {
                    return Ok(Fate::Refused { why: format!("at the edge: {refusal}") });
                }
                Ok(Ok(StreamAnswer::Failed { problem, detail, .. })) => {
                    tries.unknown |= problem == "outcome-unknown";
                    format!("{problem}: {detail}")
                }
                Ok(Err(lost)) => {
                    tries.unknown = true;
                    lost.to_string()
                }
                Err(_) => {
                    tries.unknown = true;
                    format!("no answer within {TRY:?}")
                }
            },
        };
        if start.elapsed() > GIVE_UP {
            return Ok(Fate::Unknown { why });
        }
        *at = (*at + 1) % lines.len();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sends the envelope over a site's stream. Errors: no answer within [`TRY`].
async fn submit(
    lines: &Lines,
    site: usize,
    stream: &EnvelopeStream,
    envelope: &Envelope,
) -> Result<Result<StreamAnswer, Lost>, Elapsed> {
    let _counted = lines.under_way(site);
    tokio::time::timeout(TRY, stream.submit(envelope)).await
}

fn fate(outcome: Outcome) -> Fate {
    match outcome {
        Outcome::Accepted(Accepted::Changed { version }) => Fate::Applied { version, at: Instant::now() },
        Outcome::Accepted(Accepted::SessionOpened { .. }) => Fate::Applied { version: 0, at: Instant::now() },
        other => Fate::Refused { why: format!("{other:?}") },
    }
}
