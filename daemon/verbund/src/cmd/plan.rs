//! `verbund plan`: what applying workloads would do, and the id with which exactly that is asked for.

use serde_json::{Value, json};
use verbund_machine::DryRun;
use verbund_machine::planner::Lack;
use verbund_model::resource::{Placement, Waiting, Workload};
use verbund_model::view::Kind;

use super::document::Origin;
use super::{apply, document, placing};
use crate::app::App;
use crate::cli::Plan;
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, Tone, print, say};
use crate::t;

/// More changed fields of a document are counted, not shown.
const SHOWN: usize = 40;

/// One workload's plan, with what there is now.
struct Planned {
    workload: Workload,
    fields: Vec<Changed>,
    before: Option<Placement>,
    dry: DryRun,
}

pub async fn run(app: &App, plan: Plan) -> Result<Exit, Failure> {
    let origin = Origin { directory: apply::directory(&plan.file), organisation: plan.organisation.as_ref() };
    let (workloads, others) = apply::workloads(apply::documents(&plan.file)?, origin)?;
    if others > 0 {
        say(&t!("plan-others", count = others));
    }
    if workloads.is_empty() {
        return Err(Failure::usage(t!("plan-nothing")));
    }
    let client = app.client()?;
    let mut all = Vec::with_capacity(workloads.len());
    for workload in workloads {
        all.push(plan_one(&client, workload).await?);
    }
    let values: Vec<Value> = all.iter().map(value).collect();
    app.output.value(&values, || all.iter().map(|one| screen(one, &plan, app.output.paint())).collect())?;
    if app.output.format() == crate::output::Format::Table && all.len() > 1 {
        print(&(t!("plan-each-alone") + "\n"))?;
    }
    Ok(verdict(&all))
}

async fn plan_one(client: &Client, workload: Workload) -> Result<Planned, Failure> {
    let now = client.get(Kind::Workload, workload.name.as_str()).await?.map(|read| read.value.spec);
    let before = placing::placement(client, &workload.name).await?;
    let dry = client.plan(&workload).await?.value;
    let fields = changed(now.as_ref(), &document::shown(&workload));
    Ok(Planned { workload, fields, before, dry })
}

fn value(one: &Planned) -> Value {
    let fields: Vec<Value> =
        one.fields.iter().map(|c| json!({ "field": c.field, "before": c.before, "after": c.after })).collect();
    json!({
        "workload": one.workload.name, "plan": one.dry.hash, "index": one.dry.index, "fields": fields,
        "before": one.before, "after": one.dry.plan.placement, "changed": one.dry.plan.changed,
        "report": one.dry.plan.report, "closed": one.dry.closed,
    })
}

fn not_placeable(dry: &DryRun) -> bool {
    dry.plan.placement.waiting == Some(Waiting::NotPlaceable)
        || dry.plan.placement.waiting.is_none() && dry.plan.report.lacks.contains(&Lack::Active)
}

fn verdict(all: &[Planned]) -> Exit {
    if all.iter().any(|one| not_placeable(&one.dry)) {
        Exit::NotPlaceable
    } else if all.iter().any(|one| one.dry.plan.changed || !one.fields.is_empty()) {
        Exit::Differences
    } else {
        Exit::Ok
    }
}

fn screen(one: &Planned, plan: &Plan, paint: Paint) -> String {
    let (name, dry) = (one.workload.name.to_string(), &one.dry);
    let mut text = paint.paint(Tone::Strong, &t!("plan-workload", workload = name.as_str())) + "\n";
    for change in one.fields.iter().take(SHOWN) {
        text += &format!("  {}\n", change.line());
    }
    if let Some(more) = one.fields.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        text += &format!("  {}\n", t!("plan-more", count = more));
    }
    if !dry.plan.changed {
        text += &format!("  {}\n", t!("plan-stays"));
    }
    for row in placing::difference(one.before.as_ref(), &dry.plan.placement, paint).render().lines() {
        text += &format!("  {row}\n");
    }
    if let Some(waiting) = &dry.plan.placement.waiting {
        text += &format!("  {}\n", paint.paint(Tone::Bad, &placing::waiting(waiting)));
    }
    if dry.plan.report.lacks.contains(&Lack::Standby) {
        text += &format!("  {}\n", paint.paint(Tone::Warning, &t!("plan-no-standby")));
    }
    if let Some(not_now) = &dry.closed {
        text += &format!("  {}\n", paint.paint(Tone::Warning, &crate::words::refusal(not_now)));
    }
    text += &format!("  {}\n", t!("plan-id", id = dry.hash.to_string(), index = dry.index));
    if not_placeable(dry) {
        return text + &format!("  {}\n", t!("plan-why", workload = name));
    }
    let file = plan.file.display().to_string();
    text + &format!("  {}\n", t!("plan-apply", command = format!("verbund apply -f {file} --plan {}", dry.hash)))
}

/// A field that would be another.
#[derive(Debug, PartialEq)]
struct Changed {
    field: String,
    before: Option<Value>,
    after: Option<Value>,
}

impl Changed {
    fn line(&self) -> String {
        let cut = |value: &Value| {
            let text: String = value.to_string().chars().take(60).collect();
            text
        };
        match (&self.before, &self.after) {
            (None, Some(after)) => format!("+ {}: {}", self.field, cut(after)),
            (Some(before), None) => format!("- {}: {}", self.field, cut(before)),
            (before, after) => {
                let text = |value: &Option<Value>| value.as_ref().map(cut).unwrap_or_default();
                format!("~ {}: {} → {}", self.field, text(before), text(after))
            }
        }
    }
}

/// The fields in which two documents differ. A new document is one difference.
fn changed(before: Option<&Value>, after: &Value) -> Vec<Changed> {
    let mut all = Vec::new();
    match before {
        None => all.push(Changed { field: "spec".to_owned(), before: None, after: Some(after.clone()) }),
        Some(before) => compare("spec", before, after, &mut all),
    }
    all
}

fn compare(field: &str, before: &Value, after: &Value, all: &mut Vec<Changed>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(old), Value::Object(new)) => {
            let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                sub(&format!("{field}.{name}"), old.get(name), new.get(name), all);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for number in 0..old.len().max(new.len()) {
                sub(&format!("{field}[{number}]"), old.get(number), new.get(number), all);
            }
        }
        _ => sub_push(field, Some(before), Some(after), all),
    }
}

fn sub(field: &str, old: Option<&Value>, new: Option<&Value>, all: &mut Vec<Changed>) {
    match (old, new) {
        (Some(old), Some(new)) => compare(field, old, new, all),
        (old, new) => sub_push(field, old, new, all),
    }
}

fn sub_push(field: &str, before: Option<&Value>, after: Option<&Value>, all: &mut Vec<Changed>) {
    all.push(Changed { field: field.to_owned(), before: before.cloned(), after: after.cloned() });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_differ_are_named() {
        let (a, b) = (json!({ "x": 1, "y": [1, 2], "same": {} }), json!({ "x": 2, "y": [1], "z": true, "same": {} }));
        let lines: Vec<String> = changed(Some(&a), &b).iter().map(Changed::line).collect();
        assert_eq!(lines, ["~ spec.x: 1 → 2", "- spec.y[1]: 2", "+ spec.z: true"]);
        assert!(changed(Some(&a), &a).is_empty());
        assert_eq!(changed(None, &a).len(), 1);
    }
}
