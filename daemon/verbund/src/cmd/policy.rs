//! `verbund policy`: proposed by one coordinator, carried out at the m-th approval.

use verbund_model::resource::Action;
use verbund_model::view::Kind;
use verbund_model::{Command, Document};

use crate::app::{App, change};
use crate::cli::PolicyCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn run(app: &App, command: PolicyCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (about, action) = match command {
        PolicyCommand::List => return super::resource::print_list(app, &client, Kind::Policy).await,
        PolicyCommand::Show { name } => {
            return super::resource::print_one(app, &client, Kind::Policy, name.as_str()).await;
        }
        PolicyCommand::Set { name, file } => {
            let documents = super::apply::documents(&file)?;
            let [document] = documents.as_slice() else {
                return Err(Failure::usage(t!("policy-one-document", count = documents.len())));
            };
            let document = Document::from_value(document).ok_or_else(|| Failure::usage(t!("policy-no-document")))?;
            (t!("about-set-policy", name = name.to_string()), Action::SetPolicy { name, document })
        }
        PolicyCommand::Delete { name, confirm } => {
            app.confirm(&t!("confirm-delete", what = format!("policies/{name}")), confirm.yes)?;
            (t!("about-delete-policy", name = name.to_string()), Action::DeletePolicy { name })
        }
    };
    app.change(&client, change(about, Command::Propose { action })).await
}
