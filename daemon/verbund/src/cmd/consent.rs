//! `verbund consent`: a customer allows that its data is processed at sites (Rahmenwerk 4.2).

use verbund_model::Command;
use verbund_model::resource::Consent;
use verbund_model::view::Kind;

use crate::app::{App, change};
use crate::cli::ConsentCommand;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn run(app: &App, command: ConsentCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let (about, command) = match command {
        ConsentCommand::List => return super::resource::print_list(app, &client, Kind::Consent).await,
        ConsentCommand::Give { workload, customer, sites } => {
            let about = t!("about-consent", workload = workload.to_string());
            let consent = Consent { customer, workload, sites: sites.into_iter().collect() };
            (about, Command::GiveConsent { consent })
        }
        ConsentCommand::Withdraw { workload, confirm } => {
            app.confirm(&t!("confirm-withdraw", workload = workload.to_string()), confirm.yes)?;
            (t!("about-withdraw", workload = workload.to_string()), Command::WithdrawConsent { workload })
        }
    };
    app.change(&client, change(about, command)).await
}
