//! `verbund fence confirm`: a person vouches that an old copy is stopped.

use verbund_model::Command;

use crate::app::{App, change};
use crate::cli::FenceCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

pub async fn run(app: &App, command: FenceCommand) -> Result<Exit, Failure> {
    let FenceCommand::Confirm { workload, cluster, epoch, confirm } = command;
    let client = app.client()?;
    let (name, at) = (workload.to_string(), cluster.to_string());
    say(&t!("fence-means", workload = name.as_str(), cluster = at.as_str()));
    app.confirm(&t!("confirm-fence", workload = name.as_str(), cluster = at.as_str(), epoch = epoch), confirm.yes)?;
    let about = t!("about-fence", workload = name, cluster = at);
    app.change(&client, change(about, Command::ConfirmFence { workload, cluster, epoch })).await
}
