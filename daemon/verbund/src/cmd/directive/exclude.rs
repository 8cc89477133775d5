//! Drawing an exclusion up: what it would do first, then the question, then the signature.

use std::path::PathBuf;

use verbund_api::port::{Drawn, Wanted};
use verbund_identity::directive::to_file;
use verbund_identity::key_id;
use verbund_machine::Impact;
use verbund_model::resource::{Der, Federation, SignedDirective};
use verbund_model::view::Kind;

use super::describe;
use super::sign::next;
use crate::app::App;
use crate::cli::Exclude;
use crate::cmd::from_resource;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

/// Draws up the directive of an exclusion, signs it with the coordinator's key of the context, and writes it for the others.
pub async fn exclude(app: &App, wanted: Wanted, options: Exclude, name: &str) -> Result<Exit, Failure> {
    let client = app.client()?;
    let author = client.author().await?;
    let federation: Federation = match client.list_stale(Kind::Federation).await?.first() {
        Some(resource) => from_resource(resource)?,
        None => return Err(Failure::new(t!("invite-no-federation"))),
    };
    if !federation.coordinators.keys.iter().any(|key| key_id(key) == author.id()) {
        return Err(Failure::new(t!("directive-no-coordinator")).remedy(t!("directive-no-coordinator-remedy")));
    }
    let Drawn { directive, impact } = client.draw_up(&wanted).await?;
    let mut signed = SignedDirective { payload: Der(directive.to_payload()), signatures: Vec::new() };
    say(&describe::directive(&directive, &signed));
    say(&describe::impact(&impact));
    check(&impact, options.accept_quorum_loss)?;
    app.confirm(&t!("directive-question", what = describe::act(&directive.order)), options.confirm.yes)?;
    author.sign_directive(&mut signed)?;
    let out = options.out.unwrap_or_else(|| PathBuf::from(format!("directive-{}-{name}.json", directive.number)));
    crate::files::create(&out, &to_file(&signed))?;
    let (path, need) = (out.display().to_string(), federation.coordinators.threshold);
    let value = serde_json::json!({ "file": path, "directive": directive, "impact": impact, "signed": signed });
    app.output.value(&value, || t!("directive-written", file = path.as_str()) + "\n")?;
    let exit = next(&path, signed.signatures.len(), Some(need));
    say(&describe::still_to_do(Some(&impact)));
    Ok(exit)
}

/// That the log could record it, and that whoever orders it knows what it costs.
fn check(impact: &Impact, accepts_quorum_loss: bool) -> Result<(), Failure> {
    if !impact.possible {
        return Err(Failure::new(t!("directive-nobody-left")).remedy(t!("directive-nobody-left-remedy")));
    }
    if !impact.quorum.survives && !accepts_quorum_loss {
        return Err(Failure::new(t!("directive-quorum"))
            .remedy(t!("directive-quorum-remedy"))
            .exit_with(Exit::CheckFailed));
    }
    Ok(())
}
