//! `verbund events`: what clusters noted about a workload's objects, wherever it runs.

use std::collections::BTreeMap;

use serde_json::json;
use verbund_agent_core::{ClusterEvent, Question};
use verbund_api::wire::Answers;
use verbund_model::ClusterName;

use super::asking::{self, AGAIN};
use crate::app::App;
use crate::cli::Events;
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, Table, Tone, local};
use crate::t;

pub async fn run(app: &App, events: Events) -> Result<Exit, Failure> {
    let client = app.client()?;
    let question = Question::Events(events.workload.clone());
    let answers: Answers<ClusterEvent> = asking::ask(&client, &question, events.cluster.as_ref()).await?;
    if !events.watch {
        app.output.value(&answers, || screen(&answers, app.output.paint()))?;
        return Ok(asking::tell(&answers));
    }
    tokio::select! {
        ended = watch(app, &client, &question, events.cluster.as_ref(), answers) => ended,
        _ = tokio::signal::ctrl_c() => Ok(Exit::Ok),
    }
}

/// All events in the order of their times.
fn screen(answers: &Answers<ClusterEvent>, paint: Paint) -> String {
    let each = answers.copies.iter().flat_map(|copy| copy.found.iter().flatten().map(|event| (&copy.cluster, event)));
    let mut all: Vec<(&ClusterName, &ClusterEvent)> = each.collect();
    if all.is_empty() {
        return if answers.copies.iter().any(|copy| copy.found.is_some()) {
            t!("events-none") + "\n"
        } else {
            String::new()
        };
    }
    all.sort_by_key(|(_, event)| event.time);
    let mut table = Table::new(vec![
        t!("column-time"),
        t!("column-cluster"),
        t!("column-event"),
        t!("column-object"),
        t!("column-count"),
        t!("column-message"),
    ]);
    all.into_iter().for_each(|(cluster, event)| table.row(row(cluster, event, paint)));
    table.render()
}

fn row(cluster: &ClusterName, event: &ClusterEvent, paint: Paint) -> Vec<String> {
    let reason = if event.warning {
        paint.paint(Tone::Warning, &t!("events-warning", reason = event.reason.as_str()))
    } else {
        event.reason.clone()
    };
    let (time, count) = (local(event.time), event.count.to_string());
    vec![time, cluster.to_string(), reason, event.object.clone(), count, event.message.clone()]
}

/// Shows each event when it is new or was seen again, for ever.
async fn watch(
    app: &App,
    client: &Client,
    question: &Question,
    cluster: Option<&ClusterName>,
    mut answers: Answers<ClusterEvent>,
) -> Result<Exit, Failure> {
    let mut seen: BTreeMap<(ClusterName, String, String, String), (u64, u32)> = BTreeMap::new();
    let mut failed = Vec::new();
    loop {
        let silent: Vec<ClusterName> =
            answers.copies.iter().filter(|copy| copy.failed.is_some()).map(|copy| copy.cluster.clone()).collect();
        // Told when it begins, not each time.
        answers.copies.iter().filter(|copy| !failed.contains(&copy.cluster)).for_each(asking::tell_failed);
        failed = silent;
        for copy in answers.copies {
            for event in copy.found.unwrap_or_default() {
                let key = (copy.cluster.clone(), event.object.clone(), event.reason.clone(), event.message.clone());
                let now = (event.time, event.count);
                if seen.insert(key, now) == Some(now) {
                    continue;
                }
                let item = json!({ "cluster": copy.cluster, "site": copy.site, "event": event });
                app.output.item(&item, || {
                    let mut table = Table::plain();
                    table.row(row(&copy.cluster, &event, app.output.paint()));
                    table.render()
                })?;
            }
        }
        tokio::time::sleep(AGAIN).await;
        answers = asking::ask(client, question, cluster).await?;
    }
}
