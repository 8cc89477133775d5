//! `verbund workload`: what is to run, where it runs and how it is there.

use serde_json::json;
use verbund_model::WorkloadName;
use verbund_model::resource::{FailoverAuthority, Mode, Placement, Workload};
use verbund_model::view::{API_VERSION, Kind, Resource};

use super::document::{self, Origin};
use super::progress::{self, Goal};
use super::resource::none;
use super::unconfirmed::{Unconfirmed, unconfirmed};
use super::{apply, from_resource, placing, ticket};
use crate::app::App;
use crate::cli::{Plan, WorkloadCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Table, yaml};
use crate::t;

pub async fn run(app: &App, command: WorkloadCommand) -> Result<Exit, Failure> {
    match command {
        WorkloadCommand::Render(of) => render(app, &of),
        WorkloadCommand::List => {
            let client = app.client()?;
            list(app, &client).await
        }
        WorkloadCommand::Show { name, watch: false } => {
            let client = app.client()?;
            show(app, &client, &name).await
        }
        WorkloadCommand::Show { name, watch: true } => {
            let client = app.client()?;
            let Some(read) = client.get(Kind::Placement, name.as_str()).await? else {
                return Err(none(Kind::Placement, name.as_str()));
            };
            // From its last change on, so that the first thing shown is how it is now.
            let from = read.value.metadata.resource_version;
            progress::follow(app, &client, &name, from, Goal::Moved).await
        }
    }
}

/// The workloads of a file as they would be applied, each with all its manifests. Nobody is asked.
fn render(app: &App, of: &Plan) -> Result<Exit, Failure> {
    let origin = Origin { directory: apply::directory(&of.file), organisation: of.organisation.as_ref() };
    let (workloads, _) = apply::workloads(apply::documents(&of.file)?, origin)?;
    if workloads.is_empty() {
        return Err(Failure::usage(t!("plan-nothing")));
    }
    for workload in &workloads {
        let document = json!({
            "apiVersion": API_VERSION, "kind": Kind::Workload, "metadata": { "name": workload.name },
            "spec": document::shown(workload),
        });
        let text = yaml(&document)?;
        app.output.item(&document, || format!("---\n{text}"))?;
    }
    Ok(Exit::Ok)
}

/// All workloads, for people with where they run.
async fn list(app: &App, client: &Client) -> Result<Exit, Failure> {
    if app.output.format() != Format::Table {
        return super::resource::print_list(app, client, Kind::Workload).await;
    }
    let workloads = client.list(Kind::Workload).await?.value;
    let placements = client.list(Kind::Placement).await?.value;
    if workloads.is_empty() {
        crate::output::say(&t!("resource-empty", kind = Kind::Workload.plural()));
        return Ok(Exit::Ok);
    }
    let mut table = Table::new(vec![
        t!("column-name"),
        t!("column-organisation"),
        t!("column-mode"),
        t!("column-priority"),
        t!("column-runs"),
    ]);
    for resource in &workloads {
        let workload: Workload = from_resource(resource)?;
        let placed = placements.iter().find(|placed| placed.metadata.name == resource.metadata.name);
        let placed: Option<Placement> = placed.map(from_resource).transpose()?;
        let runs = placed.as_ref().map_or_else(|| t!("copy-none"), placing::line);
        let runs = if workload.deleting { t!("workload-deleting", runs = runs) } else { runs };
        let (name, organisation) = (workload.name.to_string(), workload.organisation.to_string());
        table.row(vec![name, organisation, mode(&workload.spec.mode), workload.spec.priority.to_string(), runs]);
    }
    crate::output::print(&table.render())?;
    Ok(Exit::Ok)
}

async fn show(app: &App, client: &Client, name: &WorkloadName) -> Result<Exit, Failure> {
    let read = client.get(Kind::Workload, name.as_str()).await?;
    let resource = read.ok_or_else(|| none(Kind::Workload, name.as_str()))?.value;
    let placement = placing::placement(client, name).await?;
    let mut incidents = client.list(Kind::Incident).await?.value;
    incidents.retain(|incident| incident.spec["workload"] == name.as_str() && ticket::is_open(incident));
    let stopping = match &placement {
        Some(placement) => unconfirmed(client, placement).await?,
        None => Vec::new(),
    };
    let value =
        json!({ "resource": resource, "placement": placement, "unconfirmed": stopping, "incidents": incidents });
    let text = screen(&resource, placement.as_ref(), &stopping, &incidents)?;
    app.output.value(&value, || text)?;
    Ok(Exit::Ok)
}

fn screen(
    resource: &Resource,
    placement: Option<&Placement>,
    stopping: &[Unconfirmed],
    incidents: &[Resource],
) -> Result<String, Failure> {
    let workload: Workload = from_resource(resource)?;
    let spec = &workload.spec;
    let wanted = &spec.requirements;
    let mut table = Table::plain();
    table.row(vec![t!("column-name"), workload.name.to_string()]);
    table.row(vec![t!("column-organisation"), workload.organisation.to_string()]);
    if let Some(customer) = &workload.customer {
        table.row(vec![t!("workload-customer"), customer.to_string()]);
    }
    table.row(vec![
        t!("cluster-place"),
        format!("{}, {}, {}, {}", wanted.zone, wanted.schutzbedarf, wanted.confidentiality, wanted.stage),
    ]);
    table.row(vec![t!("column-mode"), mode(&spec.mode)]);
    let standby = spec.standby.map_or_else(|| t!("workload-no-standby"), |standby| standby.distance.to_string());
    table.row(vec![t!("column-standby"), standby]);
    let authority = match spec.failover {
        FailoverAuthority::Automatic => t!("failover-automatic"),
        FailoverAuthority::Ask => t!("failover-ask"),
        FailoverAuthority::Manual => t!("failover-manual"),
    };
    table.row(vec![t!("workload-failover"), authority]);
    let goals = t!("workload-goals-value", rto = spec.rto, rpo = spec.rpo, stop = spec.stop_budget);
    table.row(vec![t!("workload-goals"), goals]);
    for row in placing::maintenance(&spec.maintenance) {
        table.row(vec![t!("workload-maintenance"), row]);
    }
    table.row(vec![t!("workload-manifests"), spec.manifests.len().to_string()]);
    if let Some(placement) = placement {
        table.row(vec![t!("workload-change"), placement.change.to_string()]);
        if let Some(home) = &placement.home {
            table.row(vec![t!("workload-home"), home.to_string()]);
        }
    }
    let mut text = table.render();
    if let Some(placement) = placement {
        text += &format!("\n{}", placing::copies(placement).render());
        if let Some(waiting) = &placement.waiting {
            text += &format!("{}\n", placing::waiting(waiting));
        }
    }
    for copy in stopping {
        text += &format!("{}\n", copy.text());
    }
    for incident in incidents {
        let cell = |field: &str| incident.spec[field].as_str().unwrap_or("-").to_owned();
        let (name, cluster) = (incident.metadata.name.clone(), cell("cluster"));
        let mut row = Table::plain();
        row.row(vec![t!("workload-incident", name = name, cluster = cluster, reason = cell("reason"))]);
        text += &row.render();
        if let Some(decision) = ticket::awaits(incident) {
            text += &format!("  {decision}\n");
        }
    }
    Ok(text)
}

fn mode(mode: &Mode) -> String {
    match mode {
        Mode::Exclusive { fence } => {
            let level = serde_json::to_value(fence).ok().and_then(|v| v.as_str().map(str::to_owned));
            t!("mode-exclusive", level = level.unwrap_or_default())
        }
        Mode::Parallel { copies } => t!("mode-parallel", copies = u32::from(*copies)),
    }
}
