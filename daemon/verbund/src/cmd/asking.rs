//! What `logs` and `events` share: who answered, and who did not.

use verbund_agent_core::Question;
use verbund_api::ProblemKind;
use verbund_api::wire::{Answers, CopyFound};
use verbund_model::{ClusterName, WorkloadName};

use crate::client::{ApiError, Client};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

/// How often is asked again for what is new.
pub const AGAIN: std::time::Duration = std::time::Duration::from_secs(2);

/// Asks once. Errors: nobody was asked, or everybody refused.
pub async fn ask<T: serde::de::DeserializeOwned>(
    client: &Client,
    question: &Question,
    cluster: Option<&ClusterName>,
) -> Result<Answers<T>, Failure> {
    client.ask_agents(question, cluster).await?.map_err(|error| failure(error, question.workload()))
}

/// What people are told.
pub fn failure(error: ApiError, workload: &WorkloadName) -> Failure {
    error.failure(t!("asking-tried", workload = workload.to_string()))
}

/// Whether there is no such copy (any more).
pub fn is_gone(error: &ApiError) -> bool {
    error.kind() == Some(ProblemKind::NotFound)
}

/// Tells which copies did not answer. Only if none did it is an error.
pub fn tell<T>(answers: &Answers<T>) -> Exit {
    if answers.copies.is_empty() {
        say(&t!("asking-nowhere", workload = answers.workload.to_string()));
        return Exit::Error;
    }
    answers.copies.iter().for_each(tell_failed);
    if answers.copies.iter().any(|copy| copy.found.is_some()) { Exit::Ok } else { Exit::Error }
}

/// Tells why a copy did not answer, if it did not.
pub fn tell_failed<T>(copy: &CopyFound<T>) {
    if let Some(failed) = &copy.failed {
        let (cluster, site) = (copy.cluster.to_string(), copy.site.to_string());
        say(&t!("asking-failed", cluster = cluster, site = site, detail = failed.detail.as_str()));
    }
}
