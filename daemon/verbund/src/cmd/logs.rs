//! `verbund logs`: what a workload's containers wrote, wherever it runs.

mod tail;

use serde_json::json;
use verbund_agent_core::{LogLine, LogQuery, Question};
use verbund_api::wire::Answers;
use verbund_model::ClusterName;

use self::tail::Tail;
use super::asking::{self, AGAIN};
use crate::app::App;
use crate::cli::Logs;
use crate::client::{Client, now};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Tone, clean_line};

/// The most lines of a container that are asked for.
const MOST: u32 = 10_000;
/// After how many rounds copies are looked for that came in the meantime.
const LOOK: u32 = 5;

pub async fn run(app: &App, logs: Logs) -> Result<Exit, Failure> {
    let client = app.client()?;
    let query = LogQuery {
        workload: logs.workload.clone(),
        pod: logs.pod,
        container: logs.container,
        tail: logs.tail,
        since: logs.since.map(|since| now().saturating_sub(since.millis())),
        previous: logs.previous,
    };
    let answers: Answers<LogLine> = asking::ask(&client, &Question::Logs(query.clone()), logs.cluster.as_ref()).await?;
    if !logs.follow {
        app.output.value(&answers, || screen(app, &answers))?;
        return Ok(asking::tell(&answers));
    }
    asking::tell(&answers);
    tokio::select! {
        ended = follow(app, &client, query, logs.cluster.as_ref(), answers) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Ok),
    }
}

/// All lines in the order of their times.
fn screen(app: &App, answers: &Answers<LogLine>) -> String {
    let mut lines: Vec<(u64, &ClusterName, &LogLine)> = Vec::new();
    for copy in &answers.copies {
        let mut last = 0;
        for line in copy.found.iter().flatten() {
            // A line without a time stays behind the one before it.
            last = line.time.unwrap_or(last);
            lines.push((last, &copy.cluster, line));
        }
    }
    lines.sort_by_key(|(time, ..)| *time);
    lines.into_iter().map(|(_, cluster, line)| shown(app, cluster, line)).collect()
}

/// Where it was written, and the line with nothing that a terminal obeys: it comes from others.
fn shown(app: &App, cluster: &ClusterName, line: &LogLine) -> String {
    let from = clean_line(&format!("{cluster} {}/{}:", line.pod, line.container));
    format!("{} {}\n", app.output.paint().paint(Tone::Faint, &from), clean_line(&line.text))
}

/// Asks each copy again from the last line that it gave, and now and then which copies there are, for ever.
async fn follow(
    app: &App,
    client: &Client,
    query: LogQuery,
    cluster: Option<&ClusterName>,
    first: Answers<LogLine>,
) -> Result<Exit, Failure> {
    let mut tail = Tail::new(query.since);
    print(app, &mut tail, first)?;
    for round in 1_u32.. {
        tokio::time::sleep(AGAIN).await;
        if round % LOOK == 0 {
            // No lines: only where the copies are.
            let none = Question::Logs(LogQuery { tail: 0, ..query.clone() });
            match client.ask_agents::<LogLine>(&none, cluster).await? {
                Ok(answers) => tail.know(answers.copies.into_iter().map(|copy| copy.cluster)),
                Err(error) if asking::is_gone(&error) && cluster.is_some() => {}
                Err(error) => return Err(asking::failure(error, &query.workload)),
            }
        }
        for (cluster, since) in tail.wanted() {
            let question = Question::Logs(LogQuery { since, tail: MOST, ..query.clone() });
            match client.ask_agents::<LogLine>(&question, Some(&cluster)).await? {
                Ok(answers) => print(app, &mut tail, answers)?,
                Err(error) if asking::is_gone(&error) => tail.forget(&cluster),
                Err(error) => return Err(asking::failure(error, &query.workload)),
            }
        }
    }
    Ok(Exit::Ok)
}

/// Shows what was not shown before, and tells once who does not answer.
fn print(app: &App, tail: &mut Tail, answers: Answers<LogLine>) -> Result<(), Failure> {
    for copy in answers.copies {
        if tail.is_news(&copy.cluster, copy.failed.is_some()) {
            asking::tell_failed(&copy);
        }
        let cluster = copy.cluster;
        for line in tail.fresh(&cluster, copy.found.unwrap_or_default()) {
            let item = json!({ "cluster": cluster, "site": copy.site, "line": line });
            app.output.item(&item, || shown(app, &cluster, &line))?;
        }
    }
    Ok(())
}
