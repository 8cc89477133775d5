//! `verbund context`.

use serde_json::json;
use verbund_identity::sha256;
use verbund_model::FederationId;

use crate::app::App;
use crate::cli::{ContextAdd, ContextCommand};
use crate::context::{Context, Contexts, KeyReference};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::t;

pub fn run(app: &App, command: ContextCommand) -> Result<Exit, Failure> {
    let path = app.paths()?.contexts();
    match command {
        ContextCommand::List => list(app, &Contexts::read(&path)?),
        ContextCommand::Show { name } => {
            let contexts = Contexts::read(&path)?;
            let (name, context) = contexts.choose(name.as_deref().or(app.global.context.as_deref()))?;
            show(app, name, context)
        }
        ContextCommand::Use { name } => {
            Contexts::change(&path, |contexts| contexts.set_current(&name))?;
            say(&t!("context-used", name = name));
            Ok(Exit::Ok)
        }
        ContextCommand::Add(add) => {
            let (name, replace) = (add.name.clone(), add.replace);
            let old = Contexts::read(&path)?.contexts.remove(&name).filter(|_| replace);
            let context = build(add, old)?;
            let replaced = is_there(&path, &name)?;
            Contexts::change(&path, |contexts| contexts.add(&name, context.clone(), replace))?;
            let name = name.as_str();
            say(&if replaced { t!("context-replaced", name = name) } else { t!("context-added", name = name) });
            for site in context.unknown_others(crate::client::now()) {
                say(&format!("{}: {}", t!("warning-prefix"), t!("context-other-unknown", name = name, site = site)));
            }
            Ok(Exit::Ok)
        }
        ContextCommand::Remove { name, confirm } => {
            app.confirm(&t!("confirm-delete", what = name.as_str()), confirm.yes)?;
            Contexts::change(&path, |contexts| contexts.remove(&name))?;
            say(&t!("context-removed", name = name));
            Ok(Exit::Ok)
        }
    }
}

/// Whether there is a context of that name.
fn is_there(path: &std::path::Path, name: &str) -> Result<bool, Failure> {
    Ok(Contexts::read(path)?.contexts.contains_key(name))
}

/// The context that the flags describe; what they leave out comes from the one that is replaced.
fn build(add: ContextAdd, old: Option<Context>) -> Result<Context, Failure> {
    let key = match &add.key {
        Some(text) => Some(key_reference(text)?),
        None => old.as_ref().and_then(|old| old.key.clone()),
    };
    let (mut federation, mut pin) = (add.federation, add.pin);
    if let Some(data_dir) = &add.data_dir {
        let genesis = std::fs::read(data_dir.join("genesis.json")).map_err(|error| {
            let path = data_dir.join("genesis.json").display().to_string();
            Failure::new(t!("file-unreadable", path = path, reason = crate::words::chain(&error)))
        })?;
        federation = Some(FederationId(sha256(&genesis)));
        pin = super::init::anchor_pin(&super::init::keys_directory(data_dir))?;
    }
    let federation = federation.or(old.as_ref().map(|old| old.federation));
    let pin = pin.or(old.as_ref().map(|old| old.pin));
    if let Some(nameless) = add.others.iter().find(|address| address.network == "default") {
        return Err(Failure::usage(t!("context-other-form", got = nameless.to_string())));
    }
    let others = match &old {
        Some(old) if add.others.is_empty() => old.others.clone(),
        _ => add.others,
    };
    let other_pins = match &old {
        Some(old) if add.other_pins.is_empty() => old.other_pins.clone(),
        _ => add.other_pins.into_iter().collect(),
    };
    let learned = old.as_ref().and_then(|old| old.learned.clone());
    let known = old.as_ref().map(|old| (old.federation, old.pin));
    let addresses = match old {
        Some(old) if add.addresses.is_empty() => old.addresses,
        _ => add.addresses,
    };
    let (Some(federation), Some(pin), false) = (federation, pin, addresses.is_empty()) else {
        return Err(Failure::usage(t!("context-incomplete")).remedy(t!("context-incomplete-remedy")));
    };
    // What one site told of the others says nothing where another site is pinned.
    let learned = learned.filter(|_| known == Some((federation, pin)));
    Ok(Context { addresses, federation, pin, key, others, other_pins, learned })
}

/// The key that a flag names. People write the path that they see; a context needs one that holds anywhere. Errors: it is
/// no reference to a key.
pub fn key_reference(text: &str) -> Result<KeyReference, Failure> {
    match text.strip_prefix("file:") {
        Some(path) if !path.is_empty() => Ok(KeyReference::File(std::path::absolute(path)?)),
        _ => Ok(text.parse::<KeyReference>()?),
    }
}

fn list(app: &App, contexts: &Contexts) -> Result<Exit, Failure> {
    app.output.value(contexts, || {
        let mut table =
            Table::new(vec![String::new(), t!("column-name"), t!("column-federation"), t!("column-addresses")]);
        for (name, context) in &contexts.contexts {
            let mark = if contexts.current.as_ref() == Some(name) { "*" } else { "" };
            let addresses = context.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            table.row(vec![mark.to_owned(), name.clone(), context.federation.0.short(), addresses]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}

fn show(app: &App, name: &str, context: &Context) -> Result<Exit, Failure> {
    app.output.value(&json!({ "name": name, "context": context }), || {
        let mut table = Table::plain();
        table.row(vec![t!("column-name"), name.to_owned()]);
        table.row(vec![t!("column-federation"), context.federation.to_string()]);
        table.row(vec![t!("column-pin"), context.pin.to_string()]);
        for address in &context.addresses {
            table.row(vec![t!("column-addresses"), address.to_string()]);
        }
        let key = context.key.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        table.row(vec![t!("column-key"), key]);
        for site in context.other_sites(crate::client::now()) {
            let addresses = site.addresses.iter().map(|a| a.authority()).collect::<Vec<_>>().join(", ");
            table.row(vec![t!("column-other-site"), format!("{}: {addresses}", site.name)]);
        }
        for site in context.unknown_others(crate::client::now()) {
            table.row(vec![t!("column-other-site"), t!("context-other-not-asked", site = site)]);
        }
        if let Some(learned) = &context.learned {
            let value = t!("context-learned", time = crate::output::local(learned.time), index = learned.index);
            table.row(vec![t!("column-learned"), value]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}
