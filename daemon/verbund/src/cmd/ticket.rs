//! `verbund change`, `verbund incident`: under what workloads move, and what their operators must know.

use verbund_model::view::{Kind, Resource};
use verbund_model::{Command, WorkloadName};

use crate::app::{App, change as one};
use crate::cli::{ChangeCommand, IncidentCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn change(app: &App, command: ChangeCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (about, command) = match command {
        ChangeCommand::List { workload } => {
            return list(app, &client, Kind::Change, |change| is_of(change, workload.as_ref())).await;
        }
        ChangeCommand::Open { name, workload, description } => {
            let about = t!("about-open-change", name = name.to_string());
            (about, Command::OpenChange { name, workload, description })
        }
        ChangeCommand::Close { name, review } => {
            (t!("about-close-change", name = name.to_string()), Command::CloseChange { name, review })
        }
    };
    app.change(&client, one(about, command)).await
}

pub async fn incident(app: &App, command: IncidentCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        IncidentCommand::List { workload, all } => {
            let wanted = |incident: &Resource| is_of(incident, workload.as_ref()) && (all || is_open(incident));
            list(app, &client, Kind::Incident, wanted).await
        }
        IncidentCommand::Close { name } => {
            let about = t!("about-close-incident", name = name.to_string());
            app.change(&client, one(about, Command::CloseIncident { name })).await
        }
    }
}

fn is_of(resource: &Resource, workload: Option<&WorkloadName>) -> bool {
    workload.is_none_or(|workload| resource.spec["workload"] == workload.as_str())
}

/// Whether an incident is not over.
pub fn is_open(incident: &Resource) -> bool {
    incident.status["resolved"] == false
}

/// What a person must decide about an incident, and what may be lost by it; nothing where nothing is awaited.
pub fn awaits(incident: &Resource) -> Option<String> {
    let rpo = incident.status["awaits"]["rpo"].as_u64()?;
    let command = format!("verbund failover {}", incident.spec["workload"].as_str().unwrap_or_default());
    let loss = if rpo == 0 { t!("failover-rpo-none") } else { t!("failover-rpo", seconds = rpo) };
    Some(t!("incident-awaits", command = command, loss = loss))
}

async fn list(app: &App, client: &Client, kind: Kind, wanted: impl Fn(&Resource) -> bool) -> Result<Exit, Failure> {
    let mut read = client.list(kind).await?;
    read.value.retain(|resource| wanted(resource));
    if read.value.is_empty() && app.output.format() == crate::output::Format::Table {
        crate::output::say(&t!("resource-empty", kind = kind.plural()));
        return Ok(Exit::Ok);
    }
    app.output.resources(&read.value, read.index)?;
    if app.output.format() == crate::output::Format::Table {
        for incident in &read.value {
            if let Some(text) = awaits(incident) {
                crate::output::say(&format!("{}: {text}", incident.metadata.name));
            }
        }
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_incident_says_what_must_be_decided_and_what_may_be_lost() {
        let incident = |awaits: serde_json::Value| -> Resource {
            let at = "2026-11-22T16:04:31.000Z";
            serde_json::from_value(json!({
                "apiVersion": "verbund.de/v1", "kind": "Incident",
                "metadata": { "name": "inc-1", "resourceVersion": 1, "created": at, "changed": at },
                "spec": { "workload": "kfz", "organisation": "dataport", "cluster": "nord-a", "reason": "silent" },
                "status": { "awaits": awaits, "resolved": false },
            }))
            .unwrap()
        };
        let text = awaits(&incident(json!({ "since": 1, "rpo": 30 }))).unwrap();
        assert!(text.contains("verbund failover kfz") && text.contains("30"), "{text}");
        let text = awaits(&incident(json!({ "since": 1, "rpo": 0 }))).unwrap();
        assert!(text.contains(&t!("failover-rpo-none")), "{text}");
        assert_eq!(awaits(&incident(json!(null))), None);
    }
}
