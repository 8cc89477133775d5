//! `verbund watch`: changes as they come.

use verbund_model::view::{Change, Event, Resource};

use crate::app::App;
use crate::cli::Watch;
use crate::client::Watched;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Paint, Table, Tone};
use crate::t;

pub async fn run(app: &App, watch: Watch) -> Result<Exit, Failure> {
    let client = app.client()?;
    // Without a position only what is new is shown: what there is, `list` shows.
    let from = watch.from.map_or_else(|| "now".to_owned(), |index| index.to_string());
    let each = |item| {
        if let Watched::Change(event) = item {
            app.output.item(&*event, || line(&event, app.output.paint()))?;
        }
        Ok(true)
    };
    tokio::select! {
        ended = client.watch(&watch.kinds, Some(from), each) => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(Exit::Ok)
}

/// A change in one line.
#[must_use]
pub fn line(event: &Event, paint: Paint) -> String {
    let (word, tone) = match event.change {
        Change::Created => (t!("change-created"), Tone::Good),
        Change::Updated => (t!("change-updated"), Tone::Strong),
        Change::Deleted => (t!("change-deleted"), Tone::Bad),
    };
    let mut table = Table::plain();
    let resource = &event.resource;
    let name = format!("{}/{}", resource.kind.plural(), resource.metadata.name);
    table.row(vec![format!("{}.{}", event.index, event.part), paint.paint(tone, &word), name]);
    table.render()
}

/// A resource in one line.
#[must_use]
pub fn row(resource: &Resource) -> String {
    let mut table = Table::plain();
    let name = format!("{}/{}", resource.kind.plural(), resource.metadata.name);
    table.row(vec![resource.metadata.resource_version.to_string(), name, resource.spec.to_string()]);
    table.render()
}
