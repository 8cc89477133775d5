//! `verbund config`, and the start of the daemon with its configuration.

use clap::ArgMatches;
use clap::parser::ValueSource;
use serde_json::json;

use crate::app::App;
use crate::cli::{ConfigCommand, ConfigFile};
use crate::config::{FIELDS, Loaded, Settings, Source, Sources, load};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::t;

pub fn run(app: &App, command: ConfigCommand, matches: &ArgMatches) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Check(file) => match gather(app, &file, matches) {
            Ok(loaded) => {
                crate::config::probe(&loaded)
                    .map_err(|errors| Failure::new(errors.to_string()).exit_with(Exit::CheckFailed))?;
                if !loaded.is_said {
                    say(&format!("{}: {}", t!("warning-prefix"), nothing_read()));
                    return Ok(Exit::Warnings);
                }
                say(&t!("config-ok"));
                Ok(Exit::Ok)
            }
            Err(failure) => Err(failure.exit_with(Exit::CheckFailed)),
        },
        ConfigCommand::Show(file) => show(app, &gather(app, &file, matches)?.settings),
    }
}

/// Runs the daemon until it is told to stop.
pub async fn serve(app: &App, file: &ConfigFile, matches: &ArgMatches) -> Result<Exit, Failure> {
    let loaded = gather(app, file, matches)?;
    crate::serve::run(loaded.config).await?;
    Ok(Exit::Ok)
}

/// The configuration from file, environment and flags.
pub fn gather(app: &App, file: &ConfigFile, matches: &ArgMatches) -> Result<Loaded, Failure> {
    let mut flags = flags(matches);
    // It is an option of every command, with the variable of the setting as its own; what the variable says is read there.
    if let Some(source) = &app.global.passphrase_source
        && is_source_said(matches)
    {
        flags.push(("passphraseSource", vec![source.to_string()]));
    }
    let environment = |name: &str| std::env::var(name).ok();
    let sources = Sources { file: file.file.clone(), environment: &environment, flags };
    let loaded = load(&sources).map_err(|errors| Failure::new(errors.to_string()))?;
    for hidden in &loaded.hidden {
        let (name, place) = (hidden.by.to_string(), hidden.source.to_string());
        let text = t!("config-hidden", field = hidden.field, by = name, source = place, value = hidden.text.as_str());
        say(&format!("{}: {text}", t!("warning-prefix")));
    }
    Ok(loaded)
}

/// The configuration of this machine's node. Errors: as [`gather`]'s, or nobody said anything of a node: what followed from the
/// defaults would be taken for what this site needs.
pub fn gather_said(app: &App, file: &ConfigFile, matches: &ArgMatches) -> Result<Loaded, Failure> {
    let loaded = gather(app, file, matches)?;
    if loaded.is_said { Ok(loaded) } else { Err(Failure::usage(nothing_read()).remedy(t!("config-none-remedy"))) }
}

fn nothing_read() -> String {
    t!("config-none", path = crate::config::DEFAULT_PATH)
}

/// Whether the source of passphrases was named on the command line, not by a variable.
pub fn is_source_said(matches: &ArgMatches) -> bool {
    innermost(matches).value_source("passphrase_source") == Some(ValueSource::CommandLine)
}

fn innermost(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, below)) = matches.subcommand() {
        matches = below;
    }
    matches
}

/// The settings among the flags of the innermost command.
fn flags(matches: &ArgMatches) -> Vec<(&'static str, Vec<String>)> {
    let innermost = innermost(matches);
    let given = |path: &'static str| {
        let values = innermost.try_get_many::<String>(&crate::cli::setting_id(path)).ok().flatten()?;
        Some((path, values.cloned().collect()))
    };
    FIELDS.iter().filter_map(|field| given(field.path)).collect()
}

fn show(app: &App, settings: &Settings) -> Result<Exit, Failure> {
    let values: serde_json::Map<String, serde_json::Value> = settings
        .iter()
        .map(|(field, values)| {
            let texts: Vec<&str> = values.iter().map(|setting| setting.text.as_str()).collect();
            let value = if field.list { json!(texts) } else { json!(texts.first()) };
            // Programs read the same word whatever language people have.
            let source = values.first().map(|setting| match &setting.source {
                Source::Default => "default".to_owned(),
                said => said.to_string(),
            });
            (field.path.to_owned(), json!({ "value": value, "source": source }))
        })
        .collect();
    app.output.value(&values, || {
        let mut table =
            Table::new(vec![t!("config-column-setting"), t!("config-column-value"), t!("config-column-source")]);
        for (field, values) in settings.iter() {
            let texts: Vec<&str> = values.iter().map(|setting| setting.text.as_str()).collect();
            let source =
                values.first().map_or_else(|| t!("config-source-default"), |setting| setting.source.to_string());
            let text = if texts.is_empty() { "-".to_owned() } else { texts.join(", ") };
            table.row(vec![field.path.to_owned(), text, source]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}
