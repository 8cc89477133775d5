//! Help in the language of the process: the tree that clap derives has no texts, and gets them here by id.
//!
//! `help-site-approve` is what `verbund site approve` does; `help-site-approve_hash` is what its option `--hash` means;
//! `help_output` is an option of every command; `config-field-…` are the flags of `serve`.

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::Cli;
use super::values::{kinds, laender, org_roles, user_roles};
use crate::config::FIELDS;
use crate::i18n;
use crate::t;

/// The command line with its texts.
#[must_use]
pub fn command() -> Command {
    let root = with_settings(Cli::command());
    let mut root = localise(root, "help", true);
    root = root.after_help(t!("help-after"));
    root.build();
    with_usage(root)
}

/// The usage line says "`[OPTIONS]`" in English; its other words come from the command line itself.
fn with_usage(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.strip_prefix("Usage:").unwrap_or(&usage).trim();
    let usage = usage.replace("[OPTIONS]", &t!("help-usage-options"));
    command.override_usage(usage).mut_subcommands(with_usage)
}

/// How the ids of flags that are settings begin: a setting may be named like an argument.
const SETTING: &str = "setting:";

/// The id under which a parser keeps the flag of a setting.
#[must_use]
pub fn setting_id(path: &str) -> String {
    format!("{SETTING}{path}")
}

/// Adds a flag for each setting to the commands that read the configuration.
fn with_settings(mut root: Command) -> Command {
    let flags = || {
        FIELDS.iter().map(|field| {
            let flag = Arg::new(setting_id(field.path))
                .long(field.flag())
                .value_name("VALUE")
                .help_heading(t!("help-settings"));
            // The one source of passphrases is an option of every command already.
            if field.list { flag.action(ArgAction::Append) } else { flag.action(ArgAction::Set) }
        })
    };
    let flags = || flags().filter(|flag| flag.get_long() != Some("passphrase-source"));
    root = root.mut_subcommand("serve", |serve| serve.args(flags()));
    for (parent, child) in [("config", "check"), ("config", "show"), ("network", "matrix"), ("network", "check")] {
        root = root.mut_subcommand(parent, |p| p.mut_subcommand(child, |c| c.args(flags())));
    }
    root
}

fn localise(command: Command, id: &str, root: bool) -> Command {
    let about = i18n::text(id, &[]);
    let command = command
        .about(about)
        .help_template(t!("help-template"))
        .subcommand_help_heading(t!("help-commands"))
        .subcommand_value_name(t!("help-usage-command"))
        .disable_help_flag(true)
        .disable_version_flag(true)
        .mut_args(|arg| localise_argument(arg, id))
        .arg(
            Arg::new("help")
                .short('h')
                .long("help")
                .action(ArgAction::Help)
                .help(t!("help-help"))
                .help_heading(t!("help-options")),
        );
    let command = if root {
        let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
        command.arg(version.help(t!("help-version-flag")).help_heading(t!("help-options")))
    } else {
        command
    };
    command.mut_subcommands(|child| {
        let id = format!("{id}-{}", child.get_name());
        localise(child, &id, false)
    })
}

fn localise_argument(arg: Arg, id: &str) -> Arg {
    let text = help_text(&argument_id(&arg, id));
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let arg = arg.help(text);
    // The texts name values and defaults themselves; clap would do it in English.
    let arg = if takes_value { arg.hide_possible_values(true).hide_default_value(true) } else { arg };
    if arg.get_help_heading().is_some() {
        return arg;
    }
    let heading = if arg.is_positional() { t!("help-arguments") } else { t!("help-options") };
    arg.help_heading(heading)
}

/// The text of an argument, in which the values that it takes can stand.
fn help_text(id: &str) -> String {
    let values = [
        ("kinds", kinds()),
        ("roles", org_roles().to_vec()),
        ("userRoles", user_roles().to_vec()),
        ("laender", laender().to_vec()),
    ];
    let values = values.map(|(name, all)| (name, i18n::Arg::from(all.join(", "))));
    i18n::text(id, &values)
}

/// The message that says what an argument means.
pub(super) fn argument_id(arg: &Arg, command: &str) -> String {
    let name = arg.get_long().unwrap_or(arg.get_id().as_str()).to_owned();
    if arg.get_id().as_str().starts_with(SETTING) {
        return format!("config-field-{name}");
    }
    // What means the same nearly everywhere has a text of its own where it does not.
    let own = format!("{command}_{name}");
    if GLOBAL.contains(&name.as_str()) && !i18n::exists(&own) { format!("help_{name}") } else { own }
}

/// Options that mean the same everywhere.
const GLOBAL: &[&str] = &[
    "context",
    "lang",
    "output",
    "consistency",
    "stale",
    "deadline",
    "passphrase-source",
    "yes",
    "config",
    "data-dir",
    "watch",
];
