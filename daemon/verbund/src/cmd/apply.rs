//! `verbund apply`: documents that say how resources shall be.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use verbund_identity::Precondition;
use verbund_model::resource::{Action, Address, UserRole, Workload};
use verbund_model::view::{API_VERSION, Kind};
use verbund_model::{Accepted, Command, Document, Hash, NodeId, OrgName, SiteName, UserId};

use super::document::{self, Origin, Wish, named, read};
use crate::app::App;
use crate::cli::Apply;
use crate::client::{Change, Client};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::{files, t};

/// The most bytes of one file: as many documents as one would want to see fail together.
const MAX_FILE: u64 = 16 << 20;

/// A document as people write it. What a daemon fills in may stand there and is not looked at, so that what `get` prints
/// can be edited and applied.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    api_version: String,
    #[serde(deserialize_with = "kind")]
    kind: Kind,
    metadata: Metadata,
    spec: Value,
    #[serde(default, rename = "status")]
    _status: Value,
}

/// A kind by its name. The words of the error are ours: they are in the person's language, and name the one that was meant.
fn kind<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
    let text = String::deserialize(deserializer)?;
    let found = Kind::ALL.iter().find(|kind| kind.as_str() == text);
    found.copied().ok_or_else(|| serde::de::Error::custom(crate::cli::unknown_kind(&text, Kind::as_str)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Metadata {
    name: String,
    #[serde(default)]
    resource_version: Option<u64>,
    #[serde(default, rename = "created")]
    _created: Option<String>,
    #[serde(default, rename = "changed")]
    _changed: Option<String>,
}

/// One document, ready to be asked for.
struct Prepared {
    kind: Kind,
    name: String,
    wish: Wish,
    precondition: Option<Precondition>,
}

/// One change, and to which document it belongs.
type Numbered = (usize, Change);

pub async fn run(app: &App, apply: Apply) -> Result<Exit, Failure> {
    let documents = documents(&apply.file)?;
    // All are read before the first is sent: a mistake in the last one changes nothing.
    let origin = Origin { directory: directory(&apply.file), organisation: apply.organisation.as_ref() };
    let prepared = prepare(documents, origin)?;
    let expect = expected(&prepared, apply.plan)?;
    let client = app.client()?;
    let existed = existing(&client, &prepared).await?;
    let changes = changes(&client, &prepared, expect, apply.urgency.emergency().as_deref()).await?;
    let results = send(&client, prepared.len(), changes).await?;
    report(app, &prepared, &existed, results)
}

/// The directory to which paths within a file are relative.
pub fn directory(file: &Path) -> &Path {
    file.parent().filter(|_| file != Path::new("-")).unwrap_or_else(|| Path::new("."))
}

/// A plan is one of one workload.
fn expected(prepared: &[Prepared], plan: Option<Hash>) -> Result<Option<Hash>, Failure> {
    let workloads = prepared.iter().filter(|one| matches!(one.wish, Wish::Workload(_))).count();
    match plan {
        Some(_) if workloads != 1 => Err(Failure::usage(t!("apply-plan-one", found = workloads))),
        plan => Ok(plan),
    }
}

/// The changes that the documents ask for, in their order.
async fn changes(
    client: &Client,
    prepared: &[Prepared],
    expect: Option<Hash>,
    emergency: Option<&str>,
) -> Result<Vec<Numbered>, Failure> {
    let mut all = Vec::with_capacity(prepared.len());
    for (number, one) in prepared.iter().enumerate() {
        let commands = match &one.wish {
            Wish::Commands(commands) => commands.clone(),
            Wish::Workload(workload) => vec![apply_workload(workload, expect, emergency)],
            Wish::Cluster { site, spec } => {
                vec![super::cluster::described(client, &one.name, site.as_ref(), spec).await?]
            }
        };
        // The condition is about the resource as it was read: it holds for the first change of it.
        let mut precondition = one.precondition;
        for command in commands {
            let about = format!("{}/{}", one.kind.plural(), one.name);
            all.push((number, Change { about, command, precondition: precondition.take() }));
        }
    }
    Ok(all)
}

fn apply_workload(workload: &Workload, expect: Option<Hash>, emergency: Option<&str>) -> Command {
    let Workload { name, organisation, customer, spec, .. } = workload.clone();
    let emergency = emergency.map(str::to_owned);
    Command::ApplyWorkload { name, organisation, customer, spec, expect, emergency }
}

/// Asks for all changes and gives the result of each document: the first failure, otherwise the last outcome that changed
/// something.
async fn send(
    client: &Client,
    documents: usize,
    changes: Vec<Numbered>,
) -> Result<Vec<Result<Accepted, Failure>>, Failure> {
    let (numbers, changes): (Vec<usize>, Vec<Change>) = changes.into_iter().unzip();
    let answers = client.write_all(changes).await?;
    let mut results: Vec<Option<Result<Accepted, Failure>>> = (0..documents).map(|_| None).collect();
    for (number, answer) in numbers.into_iter().zip(answers) {
        let Some(slot) = results.get_mut(number) else { continue };
        let keep = match (slot.as_ref(), &answer) {
            (Some(Err(_)), _) => true,
            (Some(Ok(before)), Ok(Accepted::Unchanged { .. })) => !matches!(before, Accepted::Unchanged { .. }),
            _ => false,
        };
        if !keep {
            *slot = Some(answer);
        }
    }
    Ok(results.into_iter().map(|result| result.unwrap_or_else(|| Err(Failure::internal("")))).collect())
}

/// The documents of a file: YAML with any number of documents, or JSON; a `List` is its items.
pub fn documents(path: &Path) -> Result<Vec<Value>, Failure> {
    let name = path.display().to_string();
    let text = files::read_argument(path, MAX_FILE).map_err(|error| {
        Failure::new(t!("file-unreadable", path = name.as_str(), reason = crate::words::chain(&error)))
    })?;
    parse(&name, &text)
}

/// The documents of a text of that name.
pub fn parse(name: &str, text: &str) -> Result<Vec<Value>, Failure> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: 48,
            max_nodes: 2_000_000,
            max_events: 4_000_000,
            max_documents: 100_000,
            max_total_scalar_bytes: 64 << 20,
        },
        with_snippet: false,
    };
    let documents: Vec<Option<Value>> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| Failure::new(t!("file-form", path = name, reason = crate::words::chain(&error))))?;
    let mut all = Vec::new();
    for document in documents.into_iter().flatten() {
        match document {
            Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                match list.remove("items") {
                    Some(Value::Array(items)) => all.extend(items),
                    _ => return Err(Failure::new(t!("apply-list"))),
                }
            }
            other => all.push(other),
        }
    }
    Ok(all)
}

fn prepare(documents: Vec<Value>, origin: Origin<'_>) -> Result<Vec<Prepared>, Failure> {
    if documents.is_empty() {
        return Err(Failure::usage(t!("apply-nothing")));
    }
    let mut prepared: Vec<Prepared> = Vec::with_capacity(documents.len());
    let mut wrong = Vec::new();
    for (number, document) in (1_usize..).zip(documents) {
        let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("?").to_owned();
        match prepare_one(document, origin) {
            Ok(one) if prepared.iter().any(|p| p.kind == one.kind && p.name == one.name) => {
                wrong.push(t!("apply-twice", number = number, name = name));
            }
            Ok(one) => prepared.push(one),
            Err(reason) => wrong.push(t!("apply-wrong", number = number, name = name, reason = reason)),
        }
    }
    if wrong.is_empty() { Ok(prepared) } else { Err(Failure::new(wrong.join("\n  ")).remedy(t!("apply-wrong-remedy"))) }
}

fn prepare_one(document: Value, origin: Origin<'_>) -> Result<Prepared, String> {
    let wanted = wanted(document)?;
    let name = wanted.metadata.name;
    let wish = match document::wish(wanted.kind, &name, &wanted.spec, origin)? {
        Some(wish) => wish,
        None => Wish::Commands(vec![command(wanted.kind, &name, wanted.spec, origin.organisation)?]),
    };
    let precondition = wanted.metadata.resource_version.map(Precondition::Version);
    Ok(Prepared { kind: wanted.kind, name, wish, precondition })
}

/// The workloads of a file, and how many documents of it are about something else.
pub fn workloads(documents: Vec<Value>, origin: Origin<'_>) -> Result<(Vec<Workload>, usize), Failure> {
    let prepared = prepare(documents, origin)?;
    let all = prepared.len();
    let of = |one: Prepared| if let Wish::Workload(workload) = one.wish { Some(*workload) } else { None };
    let workloads: Vec<Workload> = prepared.into_iter().filter_map(of).collect();
    let others = all - workloads.len();
    Ok((workloads, others))
}

/// The outer form of a document.
fn wanted(document: Value) -> Result<Wanted, String> {
    let wanted: Wanted =
        serde_path_to_error::deserialize(document).map_err(|error| match error.path().to_string().as_str() {
            "." => error.inner().to_string(),
            path => format!("{path}: {}", error.inner()),
        })?;
    if wanted.api_version != API_VERSION {
        return Err(t!("apply-version", got = wanted.api_version, wanted = API_VERSION));
    }
    Ok(wanted)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CatalogueSpec {
    organisation: Option<OrgName>,
    schema_version: u32,
    document: Document,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PolicySpec {
    document: Document,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BindingSpec {
    organisation: OrgName,
    user: UserId,
    role: UserRole,
    #[serde(default)]
    sites: Vec<SiteName>,
}

/// Of a node only where it is reached can be changed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSpec {
    addresses: Vec<Address>,
}

/// The command that makes a resource as the document says.
fn command(kind: Kind, name: &str, spec: Value, organisation: Option<&OrgName>) -> Result<Command, String> {
    match kind {
        Kind::CatalogueEntry => {
            let spec: CatalogueSpec = read(spec)?;
            let organisation = spec.organisation.or_else(|| organisation.cloned());
            let organisation = organisation.ok_or_else(|| t!("apply-no-organisation"))?;
            let (schema_version, document) = (spec.schema_version, spec.document);
            Ok(Command::ApplyCatalogueEntry { name: named(name)?, organisation, schema_version, document })
        }
        Kind::Policy => {
            let PolicySpec { document } = read(spec)?;
            Ok(Command::Propose { action: Action::SetPolicy { name: named(name)?, document } })
        }
        Kind::RoleBinding => {
            let BindingSpec { organisation, user, role, sites } = read(spec)?;
            Ok(Command::BindRole { organisation, user, role, sites: sites.into_iter().collect() })
        }
        Kind::Node => {
            let NodeSpec { addresses } = read(spec)?;
            Ok(Command::UpdateNode { node: named::<NodeId>(name)?, addresses })
        }
        Kind::User => Err(t!("apply-use", command = "verbund user create")),
        Kind::Key => Err(t!("apply-use", command = "verbund user add-key")),
        Kind::Invitation => Err(t!("apply-use", command = "verbund invite")),
        _ => Err(t!("apply-never", kind = kind.as_str())),
    }
}

/// Which of the resources there are before: tells "created" from "updated" afterwards.
async fn existing(client: &Client, prepared: &[Prepared]) -> Result<Vec<bool>, Failure> {
    let mut existed = Vec::with_capacity(prepared.len());
    if prepared.len() <= 8 {
        for one in prepared {
            existed.push(client.get(one.kind, &one.name).await?.is_some());
        }
        return Ok(existed);
    }
    let mut names = std::collections::BTreeSet::new();
    for kind in prepared.iter().map(|p| p.kind).collect::<std::collections::BTreeSet<_>>() {
        names.extend(client.list(kind).await?.value.into_iter().map(|r| (kind, r.metadata.name)));
    }
    Ok(prepared.iter().map(|one| names.contains(&(one.kind, one.name.clone()))).collect())
}

fn report(
    app: &App,
    prepared: &[Prepared],
    existed: &[bool],
    results: Vec<Result<Accepted, Failure>>,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Ok;
    let (mut table, mut values) = (Table::plain(), Vec::new());
    for ((one, existed), result) in prepared.iter().zip(existed).zip(results) {
        let name = format!("{}/{}", one.kind.plural(), one.name);
        let (key, word) = match &result {
            Ok(Accepted::Unchanged { .. }) => ("unchanged", t!("apply-unchanged")),
            Ok(Accepted::Waiting { .. }) => ("waiting", t!("apply-waiting")),
            Ok(_) if *existed => ("updated", t!("apply-updated")),
            Ok(_) => ("created", t!("apply-created")),
            Err(_) => ("failed", t!("apply-failed")),
        };
        match &result {
            Ok(Accepted::Waiting { subject, have, need }) => {
                let command = format!("verbund proposal approve {subject}");
                say(&t!("done-waiting", about = name.as_str(), have = *have, need = *need, command = command));
                exit = worse(exit, Exit::Waiting);
            }
            Ok(_) => {}
            Err(failure) => {
                failure.report();
                exit = worse(exit, failure.exit());
            }
        }
        values.push(json!({ "resource": name, "result": key, "outcome": result.ok() }));
        table.row(vec![name, word]);
    }
    app.output.value(&values, || table.render())?;
    Ok(exit)
}

/// Of two exit codes the one that needs more attention: an unknown outcome before a failure, a failure before a wait.
fn worse(a: Exit, b: Exit) -> Exit {
    let rank = |exit| match exit {
        Exit::Ok => 0,
        Exit::Waiting => 1,
        Exit::Unknown => 3,
        _ => 2,
    };
    if rank(b) > rank(a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Prepared>, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f.yaml");
        std::fs::write(&path, text).unwrap();
        prepare(documents(&path)?, Origin { directory: directory.path(), organisation: None })
    }

    fn command(one: &Prepared) -> &Command {
        let Wish::Commands(commands) = &one.wish else { panic!() };
        &commands[0]
    }

    const ENTRY: &str = "apiVersion: verbund.de/v1
kind: CatalogueEntry
metadata: {name: geodaten, resourceVersion: 7}
spec:
  organisation: dataport
  schemaVersion: 1
  document: {title: Geodaten}
";

    #[test]
    fn several_documents_lists_and_json() {
        let policy = "kind: Policy\napiVersion: verbund.de/v1\nmetadata: {name: p}\nspec: {document: {a: 1}}\n";
        let all = read(&format!("---\n{ENTRY}---\n{policy}")).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].precondition, Some(Precondition::Version(7)));
        assert!(matches!(command(&all[1]), Command::Propose { action: Action::SetPolicy { .. } }));
        let json = r#"{"kind":"List","items":[{"apiVersion":"verbund.de/v1","kind":"Site","metadata":{"name":"nord"},"spec":{"land":"DE-NI"}}]}"#;
        assert!(matches!(command(&read(json).unwrap()[0]), Command::UpdateSite { .. }));
    }

    #[test]
    fn every_mistake_is_named_and_nothing_is_half_read() {
        let bad = ENTRY.replace("geodaten", "Geo!").replace("dataport", "x");
        let foreign = ENTRY.replace("verbund.de/v1", "v1");
        let Err(error) = read(&format!("{ENTRY}---\n{bad}---\n{foreign}---\n{ENTRY}")) else { panic!() };
        let text = error.to_string();
        for part in ["2 (Geo!)", "3 (geodaten)", "4 (geodaten)"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        for bad in [
            "",
            "a: [",
            "- 1",
            &ENTRY.replace("schemaVersion", "schemaversion"),
            &ENTRY.replace("spec:", "x: 1\nspec:"),
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read("a: 1\na: 2").is_err());
    }

    #[test]
    fn what_get_prints_can_be_applied_again() {
        let text = format!("{ENTRY}status: null\n").replace(
            "resourceVersion: 7",
            "resourceVersion: 7, created: 2026-11-22T16:04:31.000Z, changed: 2026-11-22T16:04:31.000Z",
        );
        assert_eq!(read(&text).unwrap().len(), 1);
    }
}
