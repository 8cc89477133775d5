//! `verbund directive`, `verbund site exclude`, `verbund org exclude`: what m coordinators order (design 7).

mod describe;
mod exclude;
mod sign;
mod submit;

use std::path::Path;

use verbund_identity::directive::from_file;
use verbund_model::resource::SignedDirective;

pub use exclude::exclude;

use crate::app::App;
use crate::cli::DirectiveCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Table, local, say};
use crate::t;

/// The most bytes of a directive's file.
const MAX_FILE: u64 = 512 * 1024;

pub async fn run(app: &App, command: DirectiveCommand) -> Result<Exit, Failure> {
    match command {
        DirectiveCommand::List => list(app).await,
        DirectiveCommand::Show { directive } => show(app, &directive).await,
        DirectiveCommand::Sign { file, confirm } => sign::run(app, &file, &confirm),
        DirectiveCommand::Submit { file, sites, wait } => submit::run(app, &file, &sites, wait).await,
    }
}

/// A directive's file, read. What it says is not verified.
fn read(file: &Path) -> Result<SignedDirective, Failure> {
    let text = crate::files::read_argument(file, MAX_FILE)?;
    Ok(from_file(text.as_bytes())?)
}

/// A file, or what a site holds under a number or hash.
async fn show(app: &App, wanted: &str) -> Result<Exit, Failure> {
    if !Path::new(wanted).exists() && wanted != "-" {
        return show_held(app, wanted).await;
    }
    let signed = read(Path::new(wanted))?;
    let directive = describe::parse(&signed)?;
    let text = describe::directive(&directive, &signed);
    app.output.value(&serde_json::json!({ "directive": directive, "signed": signed }), || text)?;
    Ok(Exit::Ok)
}

async fn show_held(app: &App, wanted: &str) -> Result<Exit, Failure> {
    let client = app.client()?;
    let Some(view) = client.directive(wanted).await? else {
        return Err(Failure::new(t!("directive-none", directive = wanted)).remedy(t!("directive-none-remedy")));
    };
    let directive = describe::parse(&view.signed)?;
    let text = describe::directive(&directive, &view.signed) + "\n" + &describe::receipts(&view);
    app.output.value(&view, || text)?;
    if !view.awaited.is_empty() || !view.recorded {
        say(&describe::open(&view));
    }
    Ok(if view.awaited.is_empty() && view.recorded { Exit::Ok } else { Exit::Warnings })
}

async fn list(app: &App) -> Result<Exit, Failure> {
    let views = app.client()?.directives().await?;
    if app.output.format() == Format::Name {
        let names: String = views.iter().map(|view| format!("directives/{}\n", view.hash)).collect();
        crate::output::print(&names)?;
        return Ok(Exit::Ok);
    }
    app.output.value(&views, || {
        let mut table = Table::new(vec![
            t!("column-number"),
            t!("column-action"),
            t!("column-created"),
            t!("column-receipts"),
            t!("column-recorded"),
            t!("column-hash"),
        ]);
        for view in &views {
            let (have, all) = (view.receipts.len(), view.receipts.len() + view.awaited.len());
            table.row(vec![
                view.number.to_string(),
                describe::act(&view.order),
                local(view.issued),
                t!("directive-of", have = have, all = all),
                if view.recorded { t!("word-yes") } else { t!("word-no") },
                view.hash.short(),
            ]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}
