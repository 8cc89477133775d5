//! Answering what a daemon asks: logs and events of a workload.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use verbund_agent_core::Driver;
use verbund_agent_link::{Found, Link, LinkError, Question};

/// How many questions are answered at the same time.
const MOST: usize = 8;
/// How long to wait before the call is opened anew.
const AGAIN: Duration = Duration::from_secs(1);

/// Answers for ever.
pub async fn answer_questions<D: Driver>(driver: Arc<D>, link: Link) {
    loop {
        let Err(error) = once(&driver, &link).await;
        tracing::debug!(%error, "nobody can ask this agent; the call is opened anew");
        tokio::time::sleep(AGAIN).await;
    }
}

async fn once<D: Driver>(driver: &Arc<D>, link: &Link) -> Result<std::convert::Infallible, LinkError> {
    let mut asked = link.asked().await?;
    let answers = asked.answers();
    let mut running = JoinSet::new();
    loop {
        let (number, question) = asked.next().await?;
        while running.len() >= MOST {
            running.join_next().await;
        }
        let (driver, answers) = (driver.clone(), answers.clone());
        running.spawn(async move {
            let found = find(&*driver, question).await;
            answers.answer(number, found).await;
        });
    }
}

async fn find<D: Driver>(driver: &D, question: Question) -> Result<Found, String> {
    let failed = |error: D::Error| error.to_string();
    match question {
        Question::Logs(query) => driver.logs(&query).await.map(Found::Logs).map_err(failed),
        Question::Events(workload) => driver.events(&workload).await.map(Found::Events).map_err(failed),
    }
}
