//! The tree is sound, and every part of it has its text in both languages.

use clap::Command;

use super::localise::argument_id;
use super::*;
use crate::i18n;

fn walk(command: &Command, id: &str, visit: &mut impl FnMut(&str)) {
    visit(id);
    for argument in command.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str())) {
        visit(&argument_id(argument, id));
    }
    for child in command.get_subcommands() {
        walk(child, &format!("{id}-{}", child.get_name()), visit);
    }
}

#[test]
fn the_tree_is_sound() {
    command().debug_assert();
}

#[test]
fn everything_has_a_help_text() {
    let mut missing = Vec::new();
    walk(&command(), "help", &mut |id| {
        if i18n::find(id).is_none() {
            missing.push(id.to_owned());
        }
    });
    missing.sort();
    missing.dedup();
    assert!(missing.is_empty(), "{}", missing.iter().map(|id| format!("\n{id} = ")).collect::<String>());
}

#[test]
fn an_option_that_means_something_else_somewhere_says_so_there() {
    let mut root = command();
    let node = root.find_subcommand_mut("node").unwrap().find_subcommand_mut("add").unwrap();
    let help = node.render_help().to_string();
    assert!(help.contains(&i18n::text("help-node-add_data-dir", &[])) && !help.contains("/var/lib/verbund"), "{help}");
    let help = root.find_subcommand_mut("init").unwrap().render_help().to_string();
    assert!(help.contains("/var/lib/verbund"), "{help}");
}

#[test]
fn help_is_in_the_language_of_the_process_throughout() {
    let help = command()
        .find_subcommand_mut("site")
        .unwrap()
        .find_subcommand_mut("approve")
        .unwrap()
        .render_help()
        .to_string();
    assert!(help.contains("--fingerprint") && help.contains(&i18n::text("help-site-approve", &[])), "{help}");
    assert!(!help.contains("Print help\n"), "{help}");
}
