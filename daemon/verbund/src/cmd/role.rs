//! `verbund role`.

use verbund_model::Command;
use verbund_model::view::Kind;

use crate::app::{App, change};
use crate::cli::RoleCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn run(app: &App, command: RoleCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (about, command) = match command {
        RoleCommand::List => return super::resource::print_list(app, &client, Kind::RoleBinding).await,
        RoleCommand::Bind { user, role, organisation, sites } => {
            let about = t!("about-bind-role", name = format!("{organisation}.{user}"));
            (about, Command::BindRole { organisation, user, role, sites: sites.into_iter().collect() })
        }
        RoleCommand::Unbind { user, role, organisation } => {
            let about = t!("about-unbind-role", name = format!("{organisation}.{user}"));
            (about, Command::UnbindRole { organisation, user, role })
        }
    };
    app.change(&client, change(about, command)).await
}
