//! `verbund proposal`: what several coordinators decide together.

use verbund_identity::key_id;
use verbund_model::resource::{Action, Admission, Federation, Proposal};
use verbund_model::view::{Kind, Resource};
use verbund_model::{Accepted, Command, Hash, KeyId};

use super::invitation::from_resource;
use crate::app::{App, change};
use crate::cli::{HashPrefix, ProposalCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Table, say};
use crate::t;

pub async fn run(app: &App, command: ProposalCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        ProposalCommand::List => super::resource::print_list(app, &client, Kind::Proposal).await,
        ProposalCommand::Show { hash } => show(app, &client, &hash).await,
        ProposalCommand::Approve { hash, confirm } => {
            let (resource, proposal) = find(&client, &hash).await?;
            say(&describe(&client, &resource, &proposal).await?);
            app.confirm(&t!("confirm-approve"), confirm.yes)?;
            approve(app, &client, &proposal).await
        }
        ProposalCommand::SetCoordinators { keys, threshold, confirm } => {
            app.confirm(&t!("confirm-coordinators", m = threshold, n = keys.len()), confirm.yes)?;
            let action = Action::SetCoordinators { keys, threshold };
            app.change(&client, change(t!("about-coordinators"), Command::Propose { action })).await
        }
    }
}

async fn show(app: &App, client: &Client, hash: &HashPrefix) -> Result<Exit, Failure> {
    let (resource, proposal) = find(client, hash).await?;
    if matches!(app.output.format(), Format::Table) {
        crate::output::print(&describe(client, &resource, &proposal).await?)?;
    } else {
        app.output.resource(&resource)?;
    }
    Ok(Exit::Ok)
}

/// Approves, and says what came of it: carried out, waiting on, or carried out before.
async fn approve(app: &App, client: &Client, proposal: &Proposal) -> Result<Exit, Failure> {
    let (subject, what) = (proposal.hash, act(&proposal.action)?);
    let about = t!("about-approve", hash = subject.short());
    let accepted = client.write(about.clone(), Command::Approve { subject }).await?;
    let accepted = still_waiting(client, subject, accepted).await?;
    let about = if matches!(accepted, Accepted::Waiting { .. }) { about } else { t!("about-carried-out", what = what) };
    app.tell(&about, &accepted, None)
}

/// An approval that was given before changes nothing, and the log answers so; what waits for other people waits all the
/// same.
pub async fn still_waiting(client: &Client, subject: Hash, accepted: Accepted) -> Result<Accepted, Failure> {
    if !matches!(accepted, Accepted::Unchanged { .. }) {
        return Ok(accepted);
    }
    let name = subject.to_string();
    let approvals = if let Some(read) = client.get(Kind::Admission, &name).await? {
        let admission: Admission = from_resource(&read.value)?;
        (admission.admitted.is_none() && admission.refused.is_none()).then_some(admission.approvals)
    } else if let Some(read) = client.get(Kind::Proposal, &name).await? {
        let proposal: Proposal = from_resource(&read.value)?;
        (!proposal.done).then_some(proposal.approvals)
    } else {
        None
    };
    let Some(approvals) = approvals else { return Ok(accepted) };
    let federation = federation(client).await?;
    let have = counted(&federation, &approvals).len();
    Ok(Accepted::Waiting {
        subject,
        have: u32::try_from(have).unwrap_or(u32::MAX),
        need: federation.coordinators.threshold,
    })
}

/// The federation with its coordinators.
pub async fn federation(client: &Client) -> Result<Federation, Failure> {
    let all = client.list(Kind::Federation).await?.value;
    from_resource(all.first().ok_or_else(|| Failure::new(t!("invite-no-federation")))?)
}

/// The approvals that count: those of keys that are coordinators now, with their number in the set.
pub fn counted(federation: &Federation, approvals: &std::collections::BTreeSet<KeyId>) -> Vec<(usize, KeyId)> {
    let keys = (1..).zip(&federation.coordinators.keys).map(|(number, key)| (number, key_id(key)));
    keys.filter(|(_, id)| approvals.contains(id)).collect()
}

/// The one proposal whose hash begins so.
async fn find(client: &Client, hash: &HashPrefix) -> Result<(Resource, Proposal), Failure> {
    let resource = super::resource::by_prefix(client, Kind::Proposal, hash).await?;
    let proposal = from_resource(&resource)?;
    Ok((resource, proposal))
}

/// What the proposal says, whole: a coordinator signs nothing unread.
async fn describe(client: &Client, resource: &Resource, proposal: &Proposal) -> Result<String, Failure> {
    let federation = federation(client).await?;
    text(&federation, resource, proposal)
}

fn text(federation: &Federation, resource: &Resource, proposal: &Proposal) -> Result<String, Failure> {
    let approved = counted(federation, &proposal.approvals);
    let (have, need) = (approved.len(), federation.coordinators.threshold);
    let mut table = Table::plain();
    table.row(vec![t!("column-proposal"), super::site::groups(&proposal.hash.to_string())]);
    table.row(vec![t!("column-created"), crate::output::local_of(&resource.metadata.created)]);
    let current = federation.coordinators.version == proposal.coordinator_set_version;
    let state = match (proposal.done, current) {
        (true, _) => t!("proposal-done", since = crate::output::local_of(&resource.metadata.changed)),
        (false, true) => t!("proposal-waiting", have = have, need = need),
        (false, false) => t!("proposal-void"),
    };
    table.row(vec![t!("column-standing"), state]);
    // The only approval of a proposal is its proposer's.
    let label = if approved.len() == 1 { t!("column-proposer") } else { t!("column-approvals") };
    for (number, id) in approved {
        table.row(vec![label.clone(), t!("proposal-coordinator", number = number, key = id.0.short())]);
    }
    table.row(vec![t!("column-action"), act(&proposal.action)?]);
    let mut text = table.render();
    if let Action::SetPolicy { document, .. } = &proposal.action {
        text += &format!("\n{}", crate::output::yaml(document)?);
    }
    if let Action::SetCoordinators { keys, .. } = &proposal.action {
        text.push('\n');
        text.extend(keys.iter().map(|key| format!("  {key}\n")));
    }
    Ok(text)
}

/// What an action does, in one line.
pub fn act(action: &Action) -> Result<String, Failure> {
    Ok(match action {
        Action::SetPolicy { name, .. } => t!("action-set-policy", name = name.to_string()),
        Action::DeletePolicy { name } => t!("action-delete-policy", name = name.to_string()),
        Action::ReplaceVoter { lost } => t!("action-replace-voter", node = lost.to_string()),
        Action::SetCoordinators { keys, threshold } => t!("action-coordinators", n = keys.len(), m = *threshold),
        #[allow(unreachable_patterns, reason = "a later model knows more actions than these")]
        other => crate::output::yaml(other)?.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn federation() -> Federation {
        let keys: Vec<String> = (0..3)
            .map(|_| {
                let key = verbund_keys::SoftwareKey::generate(verbund_model::Algorithm::P384).unwrap();
                verbund_keys::Signer::public_key(&key).to_string()
            })
            .collect();
        serde_json::from_value(json!({
            "id": "ab".repeat(32), "name": "dvc", "generation": 0,
            "coordinators": { "version": 1, "keys": keys, "threshold": 2 },
        }))
        .unwrap()
    }

    fn proposal(approvals: &[KeyId], done: bool) -> Resource {
        serde_json::from_value(json!({
            "apiVersion": "verbund.de/v1", "kind": "Proposal",
            "metadata": { "name": "cd".repeat(32), "resourceVersion": 7,
                "created": "2026-11-22T16:04:31.000Z", "changed": "2026-11-22T16:04:31.000Z" },
            "spec": { "action": { "replaceVoter": { "lost": 3 } } },
            "status": { "approvals": approvals, "coordinatorSetVersion": 1, "done": done },
        }))
        .unwrap()
    }

    #[test]
    fn who_approved_and_what_it_does_is_shown() {
        let federation = federation();
        let id = |n: usize| key_id(&federation.coordinators.keys[n]);
        let shown = |approvals: &[KeyId], done| {
            let resource = proposal(approvals, done);
            text(&federation, &resource, &from_resource(&resource).unwrap()).unwrap()
        };
        let one = shown(&[id(1)], false);
        assert!(one.contains("0.3") && !one.contains("lost"), "{one}");
        assert!(one.contains(&t!("proposal-waiting", have = 1_usize, need = 2_u32)), "{one}");
        assert!(one.contains(&t!("column-proposer")) && one.contains(&id(1).0.short()), "{one}");
        // Whoever is no coordinator any more does not count.
        let stranger = shown(&[id(0), KeyId::default()], false);
        assert!(stranger.contains(&t!("proposal-waiting", have = 1_usize, need = 2_u32)), "{stranger}");
        assert!(!stranger.contains(&KeyId::default().0.short()), "{stranger}");
        let both = shown(&[id(0), id(2)], true);
        assert!(both.contains(&id(0).0.short()) && both.contains(&id(2).0.short()), "{both}");
        assert!(!both.contains(&t!("proposal-waiting", have = 2_usize, need = 2_u32)), "{both}");
    }
}
