//! `verbund failover`, `relocate`, `failback`: what would happen and what may be lost is said first, then it is asked for and
//! followed to its end.

use verbund_machine::DryRun;
use verbund_model::resource::{Cluster, CopyRole, Lease, Placement, Presence, Workload};
use verbund_model::view::Kind;
use verbund_model::{Accepted, ClusterName, Command, WorkloadName};

use super::progress::{self, Goal};
use super::{from_resource, placing};
use crate::app::App;
use crate::cli::{Confirm, Failback, Failover, Relocate};
use crate::client::{Client, Move};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, say};
use crate::t;

pub async fn failover(app: &App, args: Failover) -> Result<Exit, Failure> {
    let client = app.client()?;
    let Failover { workload, to, accept_loss, follow, confirm } = args;
    let known = known(&client, &workload).await?;
    let dry = client.plan_move(&workload, Move::Failover, to.as_ref()).await?.value;
    say(&predicted(&known, &dry));
    let alive = alive(&client, known.1.as_ref()).await?;
    say(&losses(&known.0, &alive));
    if !alive.is_empty() && !accept_loss {
        return Err(Failure::new(t!("failover-alive", clusters = alive.join(", "))).remedy(t!("failover-alive-remedy")));
    }
    app.confirm(&t!("confirm-failover", workload = workload.to_string()), confirm.yes)?;
    let command = Command::Failover { workload: workload.clone(), to, accept_loss };
    ask(app, &client, &workload, t!("about-failover", workload = workload.to_string()), command)
        .await?
        .follow(app, &client, &workload, follow.no_wait, Goal::Serving)
        .await
}

pub async fn relocate(app: &App, args: Relocate) -> Result<Exit, Failure> {
    let client = app.client()?;
    let Relocate { workload, to, urgency, follow, confirm } = args;
    let about = t!("about-relocate", workload = workload.to_string(), cluster = to.to_string());
    let emergency = urgency.emergency();
    let command = Command::Relocate { workload: workload.clone(), to: to.clone(), emergency };
    planned_move(app, &client, &workload, (Move::Relocate, Some(&to)), (about, command), &confirm, follow.no_wait).await
}

pub async fn failback(app: &App, args: Failback) -> Result<Exit, Failure> {
    let client = app.client()?;
    back(app, &client, &args.workload, args.urgency.emergency(), &args.confirm, args.follow.no_wait).await
}

/// Brings a workload back to where it was.
pub async fn back(
    app: &App,
    client: &Client,
    workload: &WorkloadName,
    emergency: Option<String>,
    confirm: &Confirm,
    no_wait: bool,
) -> Result<Exit, Failure> {
    let about = t!("about-failback", workload = workload.to_string());
    let command = Command::Failback { workload: workload.clone(), emergency };
    planned_move(app, client, workload, (Move::Failback, None), (about, command), confirm, no_wait).await
}

/// A move that loses nothing.
async fn planned_move(
    app: &App,
    client: &Client,
    workload: &WorkloadName,
    (how, to): (Move, Option<&ClusterName>),
    (about, command): (String, Command),
    confirm: &Confirm,
    no_wait: bool,
) -> Result<Exit, Failure> {
    let known = known(client, workload).await?;
    let dry = client.plan_move(workload, how, to).await?.value;
    say(&predicted(&known, &dry));
    say(&t!("move-loses-nothing"));
    timely(&dry, &command)?;
    app.confirm(&t!("confirm-move", workload = workload.to_string()), confirm.yes)?;
    ask(app, client, workload, about, command).await?.follow(app, client, workload, no_wait, Goal::Moved).await
}

/// That a planned move may happen now, or is an emergency. Errors: when it may, and how it can all the same.
pub fn timely(dry: &DryRun, command: &Command) -> Result<(), Failure> {
    let urgent = match command {
        Command::Relocate { emergency, .. }
        | Command::Failback { emergency, .. }
        | Command::StartDrill { emergency, .. } => emergency.is_some(),
        _ => false,
    };
    match &dry.closed {
        Some(_) if urgent => say(&t!("move-emergency")),
        Some(not_now) => {
            return Err(Failure::new(crate::words::refusal(not_now)).remedy(t!("client-not-now-remedy")));
        }
        None => {}
    }
    Ok(())
}

type Known = (Workload, Option<Placement>);

/// The workload and where it runs.
pub async fn known(client: &Client, name: &WorkloadName) -> Result<Known, Failure> {
    Ok((placing::workload(client, name).await?, placing::placement(client, name).await?))
}

/// What the plan says will happen.
pub fn predicted((workload, before): &Known, dry: &DryRun) -> String {
    let after = &dry.plan.placement;
    let mut text = t!("move-plan", workload = workload.name.to_string(), index = dry.index) + "\n";
    for row in placing::difference(before.as_ref(), after, Paint::new(false)).render().lines() {
        text += &format!("  {row}\n");
    }
    if let Some(target) = &after.target {
        text += &format!("  {}\n", t!("move-target", cluster = target.to_string()));
    }
    if let Some(waiting) = &after.waiting {
        text += &format!("  {}\n", placing::waiting(waiting));
    }
    text.trim_end().to_owned()
}

/// What may be lost by not waiting for the old copy.
fn losses(workload: &Workload, alive: &[String]) -> String {
    let rpo =
        if workload.spec.rpo == 0 { t!("failover-rpo-none") } else { t!("failover-rpo", seconds = workload.spec.rpo) };
    if alive.is_empty() { rpo } else { format!("{} {rpo}", t!("failover-may-run", clusters = alive.join(", "))) }
}

/// The clusters with an active copy that nobody found lost: its site is there, and so is its lease if it is under one.
async fn alive(client: &Client, placement: Option<&Placement>) -> Result<Vec<String>, Failure> {
    let mut alive = Vec::new();
    let copies = placement.map_or(&[][..], |placement| &placement.copies);
    for copy in copies.iter().filter(|copy| copy.role == CopyRole::Active) {
        let name = copy.cluster.as_str();
        let Some(cluster) = client.get(Kind::Cluster, name).await? else { continue };
        let cluster: Cluster = from_resource(&cluster.value)?;
        let presence = client.get(Kind::Presence, cluster.site.as_str()).await?;
        let lost = match presence {
            Some(read) => from_resource::<Presence>(&read.value)?.lost,
            None => false,
        };
        let lease = client.get(Kind::Lease, name).await?;
        let ended = match lease {
            Some(read) if copy.generation > 0 => {
                let lease: Lease = from_resource(&read.value)?;
                !lease.open || lease.generation > copy.generation
            }
            _ => false,
        };
        if !lost && !ended {
            alive.push(name.to_owned());
        }
    }
    Ok(alive)
}

/// A move that was asked for.
pub struct Asked {
    /// The log index of the change, or of the one before if nothing changed.
    pub version: u64,
    accepted: Accepted,
    about: String,
}

/// Asks for a move.
pub async fn ask(
    app: &App,
    client: &Client,
    workload: &WorkloadName,
    about: String,
    command: Command,
) -> Result<Asked, Failure> {
    let accepted = client.write(about.clone(), command).await?;
    let version = match accepted {
        Accepted::Changed { version } | Accepted::Unchanged { version } => version,
        _ => {
            app.tell(&about, &accepted, None)?;
            client.get(Kind::Placement, workload.as_str()).await?.map_or(0, |read| read.index)
        }
    };
    Ok(Asked { version, accepted, about })
}

impl Asked {
    async fn follow(
        self,
        app: &App,
        client: &Client,
        workload: &WorkloadName,
        no_wait: bool,
        goal: Goal,
    ) -> Result<Exit, Failure> {
        if no_wait {
            let exit = app.tell(&self.about, &self.accepted, None)?;
            say(&t!("progress-later", command = format!("verbund workload show {workload} --watch")));
            return Ok(exit);
        }
        say(&t!("progress-begun", about = self.about));
        progress::follow(app, client, workload, self.version, goal).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workload(rpo: u32) -> Workload {
        serde_json::from_value(json!({
            "name": "kfz", "organisation": "dataport", "customer": null, "deleting": false, "spec": {
                "requirements": { "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal",
                    "stage": "production", "amounts": {} },
                "mode": { "exclusive": { "fence": "guard" } }, "stopBudget": 2000, "rpo": rpo, "failover": "ask",
                "manifests": [] },
        }))
        .unwrap()
    }

    /// The refusal is told before anything is asked for, with the time by the local clock; an emergency goes on.
    #[test]
    fn a_move_outside_of_windows_is_told_when_it_may_happen() {
        let not_now = |next| json!({ "notNow": { "workload": "kfz", "by": { "site": "nord" }, "freeze": "Umbau", "next": next } });
        let placement = json!({ "workload": "kfz", "epoch": 1, "copies": [], "waiting": null, "target": null,
            "cause": "applied", "home": null, "change": "chg-1" });
        let report = json!({ "workload": "kfz", "refused": null, "choices": [], "lacks": [], "sought": "active", "clusters": [] });
        let dry = |closed: serde_json::Value| -> DryRun {
            let plan = json!({ "placement": placement, "changed": true, "report": report });
            serde_json::from_value(json!({ "index": 1, "plan": plan, "hash": "00".repeat(32), "closed": closed }))
                .unwrap()
        };
        let command = |emergency: Option<&str>| Command::Failback {
            workload: "kfz".parse().unwrap(),
            emergency: emergency.map(str::to_owned),
        };
        let closed = dry(not_now(json!(1_767_474_000_000_u64)));
        let text = timely(&closed, &command(None)).unwrap_err().to_string();
        assert!(text.contains("2026-01-03 22:00 +01:00") && text.contains("Umbau") && text.contains("nord"), "{text}");
        assert!(timely(&closed, &command(Some("Strom"))).is_ok());
        assert!(timely(&dry(not_now(serde_json::Value::Null)), &command(None)).is_err());
        assert!(timely(&dry(serde_json::Value::Null), &command(None)).is_ok());
    }

    #[test]
    fn what_may_be_lost_is_said() {
        assert!(losses(&workload(30), &[]).contains("30"));
        let text = losses(&workload(0), &["nord".to_owned()]);
        assert!(text.contains("nord") && text.contains(&t!("failover-rpo-none")), "{text}");
    }
}
