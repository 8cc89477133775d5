//! `verbund cluster`: clusters, what their agents measured, and which copies lie there.

use serde_json::json;
use verbund_model::resource::{
    Amounts, Cluster, ClusterSpec, ClusterStanding, CopyRole, Lease, Placement, RegisteredKey,
};
use verbund_model::view::{Kind, Resource};
use verbund_model::{ClusterName, Command, SiteName};

use super::resource::{none, print_list};
use super::{from_resource, placing};
use crate::app::{App, change};
use crate::cli::ClusterCommand;
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, age};
use crate::t;

pub async fn run(app: &App, command: ClusterCommand) -> Result<Exit, Failure> {
    if let ClusterCommand::Add(add) = command {
        return super::cluster_add::run(app, *add).await;
    }
    let client = app.client()?;
    let cordon = |name: ClusterName, cordoned: bool| {
        let what = name.to_string();
        let about = if cordoned { t!("about-cordon", cluster = what) } else { t!("about-uncordon", cluster = what) };
        change(about, Command::CordonCluster { name, cordoned })
    };
    match command {
        ClusterCommand::Add(_) | ClusterCommand::List => print_list(app, &client, Kind::Cluster).await,
        ClusterCommand::Show { name } => show(app, &client, &name).await,
        ClusterCommand::Cordon { name } => app.change(&client, cordon(name, true)).await,
        ClusterCommand::Uncordon { name } => app.change(&client, cordon(name, false)).await,
        ClusterCommand::Remove { name, confirm } => {
            app.confirm(&t!("confirm-remove-cluster", cluster = name.to_string()), confirm.yes)?;
            let about = t!("about-remove-cluster", cluster = name.to_string());
            app.change(&client, change(about, Command::RemoveCluster { name })).await
        }
    }
}

/// The command that says something else of a cluster that is there. Its site and the key of its agent stay. Errors: there is
/// no such cluster, or the document puts it elsewhere.
pub async fn described(
    client: &Client,
    name: &str,
    site: Option<&SiteName>,
    spec: &ClusterSpec,
) -> Result<Command, Failure> {
    let Some(read) = client.get(Kind::Cluster, name).await? else {
        return Err(Failure::new(t!("cluster-none", cluster = name)).remedy(t!("cluster-none-remedy", cluster = name)));
    };
    let cluster: Cluster = from_resource(&read.value)?;
    if let Some(other) = site.filter(|site| **site != cluster.site) {
        let (found, wanted) = (other.to_string(), cluster.site.to_string());
        return Err(Failure::new(t!("cluster-moved", cluster = name, found = found, wanted = wanted)));
    }
    let key = client.get(Kind::Key, &cluster.agent.0.to_string()).await?;
    let key = key.ok_or_else(|| none(Kind::Key, &cluster.agent.0.to_string()))?;
    let key: RegisteredKey = from_resource(&key.value)?;
    Ok(Command::ApplyCluster { name: cluster.name, site: cluster.site, spec: spec.clone(), agent_key: key.key })
}

async fn show(app: &App, client: &Client, name: &ClusterName) -> Result<Exit, Failure> {
    let read = client.get(Kind::Cluster, name.as_str()).await?;
    let resource = read.ok_or_else(|| none(Kind::Cluster, name.as_str()))?.value;
    let lease = client.get(Kind::Lease, name.as_str()).await?.map(|read| read.value);
    let placements = client.list(Kind::Placement).await?.value;
    let mut copies = Vec::new();
    for placement in &placements {
        let placement: Placement = from_resource(placement)?;
        if placement.copies.iter().any(|copy| copy.cluster == *name) {
            copies.push(placement);
        }
    }
    let held: Vec<_> = copies.iter().map(|placement| &placement.workload).collect();
    let value = json!({ "resource": resource, "lease": lease, "workloads": held });
    let text = screen(&resource, lease.as_ref(), &copies)?;
    app.output.value(&value, || text)?;
    Ok(Exit::Ok)
}

fn screen(resource: &Resource, lease: Option<&Resource>, placements: &[Placement]) -> Result<String, Failure> {
    let cluster: Cluster = from_resource(resource)?;
    let mut table = Table::plain();
    table.row(vec![t!("column-name"), cluster.name.to_string()]);
    table.row(vec![t!("column-site"), cluster.site.to_string()]);
    let spec = &cluster.spec;
    table.row(vec![
        t!("cluster-place"),
        format!("{}, {}, {}, {}", spec.zone, spec.schutzbedarf, spec.confidentiality, spec.stage),
    ]);
    let standing = match cluster.standing {
        ClusterStanding::Active => t!("cluster-active"),
        ClusterStanding::Cordoned => t!("cluster-cordoned"),
    };
    table.row(vec![t!("column-standing"), standing]);
    let lease: Option<Lease> = lease.map(from_resource).transpose()?;
    let lease = match lease {
        None => t!("lease-never"),
        Some(lease) if lease.open => t!("lease-open", generation = lease.generation),
        Some(lease) => t!("lease-closed", generation = lease.generation),
    };
    table.row(vec![t!("cluster-lease"), lease]);
    match &cluster.observation {
        None => table.row(vec![t!("cluster-measured"), t!("cluster-never-measured")]),
        Some(seen) => {
            let old = age(crate::client::now().saturating_sub(seen.measured));
            table.row(vec![t!("cluster-measured"), t!("cluster-measured-value", age = old)]);
            let state =
                if seen.ready { t!("phase-ready") } else { t!("cluster-impaired", reason = seen.impairment.as_str()) };
            table.row(vec![t!("column-state"), state]);
            table.row(vec!["Kubernetes".to_owned(), seen.kubernetes.to_string()]);
            table.row(vec![t!("cluster-allocatable"), amounts(&seen.allocatable)]);
            table.row(vec![t!("cluster-foreign"), amounts(&seen.foreign)]);
        }
    }
    let mut text = table.render();
    if !placements.is_empty() {
        let mut table =
            Table::new(vec![t!("column-workload"), t!("column-copy"), t!("column-epoch"), t!("column-state")]);
        for placement in placements {
            for copy in placement.copies.iter().filter(|copy| copy.cluster == cluster.name) {
                let state = if copy.role == CopyRole::Standby { "-".to_owned() } else { placing::phase(&copy.phase) };
                let name = placement.workload.to_string();
                table.row(vec![name, placing::role(copy.role), copy.epoch.to_string(), state]);
            }
        }
        text += &format!("\n{}", table.render());
    }
    Ok(text)
}

/// Amounts for people.
fn amounts(amounts: &Amounts) -> String {
    let mib = |bytes: u64| format!("{} MiB", bytes >> 20);
    let mut parts = vec![
        format!("{}m CPU", amounts.cpu_millis),
        mib(amounts.memory_bytes),
        t!("cluster-storage", amount = mib(amounts.storage_bytes)),
        t!("cluster-pods", count = amounts.pods),
    ];
    parts.extend(amounts.extended.iter().map(|(name, amount)| format!("{amount} {name}")));
    parts.join(", ")
}
