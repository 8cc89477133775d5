//! `verbund proposal`: what several coordinators decide together.

use verbund_model::resource::{Action, Proposal};
use verbund_model::view::Kind;
use verbund_model::{Command, Hash};

use super::invitation::from_resource;
use crate::app::{App, change};
use crate::cli::ProposalCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

pub async fn run(app: &App, command: ProposalCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        ProposalCommand::List => super::resource::print_list(app, &client, Kind::Proposal).await,
        ProposalCommand::Show { hash } => {
            super::resource::print_one(app, &client, Kind::Proposal, &hash.to_string()).await
        }
        ProposalCommand::Approve { hash, confirm } => {
            say(&describe(&client, hash).await?);
            app.confirm(&t!("confirm-approve"), confirm.yes)?;
            let about = t!("about-approve", hash = hash.short());
            app.change(&client, change(about, Command::Approve { subject: hash })).await
        }
        ProposalCommand::SetCoordinators { keys, threshold, confirm } => {
            app.confirm(&t!("confirm-coordinators", m = threshold, n = keys.len()), confirm.yes)?;
            let action = Action::SetCoordinators { keys, threshold };
            app.change(&client, change(t!("about-coordinators"), Command::Propose { action })).await
        }
    }
}

/// What the proposal says, whole: a coordinator signs nothing unread.
async fn describe(client: &crate::client::Client, hash: Hash) -> Result<String, Failure> {
    let name = hash.to_string();
    let Some(read) = client.get(Kind::Proposal, &name).await? else {
        return Err(Failure::new(t!("resource-none", what = format!("proposals/{name}"))));
    };
    let proposal: Proposal = from_resource(&read.value)?;
    let action = crate::output::yaml(&proposal.action)?;
    Ok(t!("proposal-says", hash = super::site::groups(&name), approvals = proposal.approvals.len()) + "\n" + &action)
}
