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
        ChangeCommand::Close { name } => {
            (t!("about-close-change", name = name.to_string()), Command::CloseChange { name })
        }
    };
    app.change(&client, one(about, command)).await
}

pub async fn incident(app: &App, command: IncidentCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let IncidentCommand::List { workload, all } = command;
    let wanted = |incident: &Resource| is_of(incident, workload.as_ref()) && (all || is_open(incident));
    list(app, &client, Kind::Incident, wanted).await
}

fn is_of(resource: &Resource, workload: Option<&WorkloadName>) -> bool {
    workload.is_none_or(|workload| resource.spec["workload"] == workload.as_str())
}

/// Whether an incident is not over.
pub fn is_open(incident: &Resource) -> bool {
    incident.status["resolved"] == false
}

async fn list(app: &App, client: &Client, kind: Kind, wanted: impl Fn(&Resource) -> bool) -> Result<Exit, Failure> {
    let mut read = client.list(kind).await?;
    read.value.retain(|resource| wanted(resource));
    if read.value.is_empty() && app.output.format() == crate::output::Format::Table {
        crate::output::say(&t!("resource-empty", kind = kind.plural()));
        return Ok(Exit::Ok);
    }
    app.output.resources(&read.value, read.index)?;
    Ok(Exit::Ok)
}
