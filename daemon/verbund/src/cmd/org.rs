//! `verbund org`.

use verbund_api::port::Wanted;
use verbund_model::Command;
use verbund_model::view::Kind;

use crate::app::{App, change};
use crate::cli::OrgCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn run(app: &App, command: OrgCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (about, command) = match command {
        OrgCommand::List => return super::resource::print_list(app, &client, Kind::Organisation).await,
        OrgCommand::Show { name } => {
            return super::resource::print_one(app, &client, Kind::Organisation, name.as_str()).await;
        }
        OrgCommand::Create { name, display_name, roles, administrator, administrator_key, parent } => {
            let about = t!("about-create-org", name = name.to_string());
            let organisation = name.to_string();
            let roles = roles.into_iter().collect();
            let command = match parent {
                None => Command::CreateOrganisation { name, display_name, roles, administrator, administrator_key },
                Some(parent) => Command::CreateSubOrganisation {
                    parent,
                    name,
                    display_name,
                    roles,
                    administrator,
                    administrator_key,
                },
            };
            let exit = app.change(&client, change(about, command)).await?;
            crate::output::say(&t!("org-next", name = organisation));
            return Ok(exit);
        }
        OrgCommand::Suspend { name, confirm } => {
            app.confirm(&t!("confirm-suspend", name = name.to_string()), confirm.yes)?;
            (t!("about-suspend-org", name = name.to_string()), Command::SuspendOrganisation { name })
        }
        OrgCommand::Exclude { name, options } => {
            let (reason, accept_quorum_loss) = (options.reason.clone(), options.accept_quorum_loss);
            let wanted = Wanted::ExcludeOrganisation { organisation: name.clone(), reason, accept_quorum_loss };
            return super::directive::exclude(app, wanted, options, name.as_str()).await;
        }
        OrgCommand::Resume { name } => {
            (t!("about-resume-org", name = name.to_string()), Command::ResumeOrganisation { name })
        }
    };
    app.change(&client, change(about, command)).await
}
