//! `verbund user`.

use verbund_model::Command;
use verbund_model::view::Kind;

use crate::app::{App, change};
use crate::cli::UserCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn run(app: &App, command: UserCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (about, command) = match command {
        UserCommand::List => return super::resource::print_list(app, &client, Kind::User).await,
        UserCommand::Create { user, organisation, key } => {
            let about = t!("about-create-user", name = format!("{organisation}.{user}"));
            (about, Command::CreateUser { organisation, user, key })
        }
        UserCommand::Delete { user, organisation, confirm } => {
            let name = format!("{organisation}.{user}");
            app.confirm(&t!("confirm-delete", what = name.as_str()), confirm.yes)?;
            (t!("about-delete-user", name = name), Command::DeleteUser { organisation, user })
        }
        UserCommand::AddKey { user, organisation, key } => {
            let about = t!("about-add-key", name = format!("{organisation}.{user}"));
            (about, Command::AddUserKey { organisation, user, key })
        }
        UserCommand::RevokeKey { key, organisation, confirm } => {
            let key = super::resource::by_prefix(&client, Kind::Key, &key).await?;
            let key: verbund_model::KeyId = key.metadata.name.parse()?;
            let id = key.0.short();
            app.confirm(&t!("confirm-revoke-key", id = id.as_str()), confirm.yes)?;
            (t!("about-revoke-key", id = id), Command::RevokeUserKey { organisation, key })
        }
    };
    app.change(&client, change(about, command)).await
}
