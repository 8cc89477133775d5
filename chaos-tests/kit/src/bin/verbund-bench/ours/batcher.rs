//! Writers whose author signs the writes that wait together, at most [`MOST`] under one signature.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use tokio::sync::{mpsc, oneshot};
use verbund_kit::Author;
use verbund_kit::api::{Lost, Pending};
use verbund_model::Command;

use super::lanes::{Lane, check, command};
use crate::load::Operation;

/// The most writes under one signature.
const MOST: usize = 128;

struct Job {
    lane: Arc<Lane>,
    command: Command,
    sent: oneshot::Sender<Result<Pending, Lost>>,
}

/// One client of the author's program.
pub struct Batched {
    jobs: mpsc::Sender<Job>,
    lane: Arc<Lane>,
    client: usize,
    clients: usize,
}

/// The clients of one author, and the task that signs for them; it ends with the last of them.
pub fn batched(author: &Author, lanes: &[Arc<Lane>], clients: usize) -> Vec<Batched> {
    let (jobs, waiting) = mpsc::channel(clients.max(1));
    tokio::spawn(sign(author.clone(), waiting));
    let client =
        |client: usize| Batched { jobs: jobs.clone(), lane: lanes[client % lanes.len()].clone(), client, clients };
    (0..clients).map(client).collect()
}

impl Operation for Batched {
    async fn run(&mut self, number: u64) -> Result<()> {
        let command = command(self.client, self.clients, number)?;
        let (sent, pending) = oneshot::channel();
        let job = Job { lane: self.lane.clone(), command, sent };
        self.jobs.send(job).await.ok().context("the signer has ended")?;
        check(pending.await.context("the signer has ended")??.answer().await?)
    }
}

async fn sign(author: Author, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut jobs, MOST).await > 0 {
        // Answers come in groups: whoever was answered with the first of a group asks again in the next moment.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        while jobs.len() < MOST {
            let Ok(job) = waiting.try_recv() else { break };
            jobs.push(job);
        }
        if send(&author, &mut jobs).is_err() {
            return;
        }
    }
}

fn send(author: &Author, jobs: &mut Vec<Job>) -> Result<()> {
    let statement = |job: &Job| author.statement(job.lane.session.take(), None, job.command.clone());
    let statements: Vec<_> = jobs.iter().map(statement).collect();
    for (job, envelope) in jobs.drain(..).zip(author.sign_batch(&statements)?) {
        // The client may have gone at the end of its run.
        let _ = job.sent.send(job.lane.stream.send(&envelope));
    }
    Ok(())
}
