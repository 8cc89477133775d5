//! `verbund evidence`: certificates and attestations. They are registered with `verbund apply`.

use verbund_model::Command;
use verbund_model::view::Kind;

use super::resource::{print_list, print_one};
use crate::app::{App, change};
use crate::cli::EvidenceCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn run(app: &App, command: EvidenceCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        EvidenceCommand::List => print_list(app, &client, Kind::Evidence).await,
        EvidenceCommand::Show { name } => print_one(app, &client, Kind::Evidence, name.as_str()).await,
        EvidenceCommand::Delete { name, confirm } => {
            let what = format!("evidence/{name}");
            app.confirm(&t!("confirm-delete", what = what.as_str()), confirm.yes)?;
            app.change(&client, change(t!("about-delete", what = what), Command::DeleteEvidence { name })).await
        }
    }
}
