//! `verbund exception`: deviations from a standard, asked for with a reason and an end, approved by two coordinators.

use verbund_model::view::Kind;
use verbund_model::{Accepted, Command};

use super::resource::{none, print_list, print_one};
use crate::app::{App, change};
use crate::cli::ExceptionCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

pub async fn run(app: &App, command: ExceptionCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        ExceptionCommand::List => print_list(app, &client, Kind::Exception).await,
        ExceptionCommand::Show { name } => print_one(app, &client, Kind::Exception, name.as_str()).await,
        ExceptionCommand::Request { name, workload, rule, reason, expires } => {
            let about = t!("about-exception", name = name.to_string());
            let until = crate::client::now().saturating_add(expires.millis());
            let command = Command::RequestException { name, rule, workload, reason, until };
            app.change(&client, change(about, command)).await
        }
        ExceptionCommand::Approve { name, confirm } => {
            let found = client.get(Kind::Exception, name.as_str()).await?;
            let resource = found.ok_or_else(|| none(Kind::Exception, name.as_str()))?.value;
            // Nobody approves what was not read.
            say(&crate::output::yaml(&resource.spec)?);
            app.confirm(&t!("confirm-approve"), confirm.yes)?;
            let about = t!("about-approve-exception", name = name.to_string());
            let accepted = client.write(about.clone(), Command::ApproveException { name: name.clone() }).await?;
            let next =
                matches!(accepted, Accepted::Waiting { .. }).then(|| format!("verbund exception approve {name}"));
            app.tell(&about, &accepted, next)
        }
    }
}
