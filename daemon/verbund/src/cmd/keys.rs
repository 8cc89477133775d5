//! `verbund keys`: keys that people make for themselves, before there is a federation or within one.

use std::path::Path;

use serde_json::json;
use verbund_identity::key_id;
use verbund_keys::{Asking, KdfParameters, KeyFile, KeyLabel};

use crate::app::App;
use crate::cli::{KeyKind, KeysCommand};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::t;

pub fn run(app: &App, command: KeysCommand) -> Result<Exit, Failure> {
    match command {
        KeysCommand::New { kind, out } => new(app, kind, &out),
        KeysCommand::List { directory } => list(app, &directory),
        KeysCommand::Show { file } => show(app, &file),
    }
}

fn new(app: &App, kind: KeyKind, out: &Path) -> Result<Exit, Failure> {
    let label = match kind {
        KeyKind::Coordinator => KeyLabel::Coordinator,
        KeyKind::User => KeyLabel::User,
    };
    if out.exists() {
        return Err(Failure::new(t!("keys-exists", path = out.display().to_string())).remedy(t!("keys-exists-remedy")));
    }
    let what = t!("client-key-at", path = out.display().to_string());
    let passphrase = app.passphrase().obtain(&what, Asking::New)?;
    let file = KeyFile::create(out, label, &passphrase, KdfParameters::default())?;
    say(&t!("keys-made", path = out.display().to_string()));
    app.output.value(&describe(&file), || format!("{}\n", file.public_key()))?;
    Ok(Exit::Ok)
}

fn describe(file: &KeyFile) -> serde_json::Value {
    let key = file.public_key();
    json!({
        "file": file.path().display().to_string(),
        "kind": file.label().as_str(),
        "id": key_id(key).to_string(),
        "publicKey": key.to_string(),
    })
}

fn show(app: &App, path: &Path) -> Result<Exit, Failure> {
    let file = KeyFile::read(path)?;
    app.output.value(&describe(&file), || format!("{}\n", file.public_key()))?;
    Ok(Exit::Ok)
}

fn list(app: &App, directory: &Path) -> Result<Exit, Failure> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file()
            && let Ok(file) = KeyFile::read(&path)
        {
            files.push(file);
        }
    }
    files.sort_by(|a, b| a.path().cmp(b.path()));
    let descriptions: Vec<_> = files.iter().map(describe).collect();
    app.output.value(&descriptions, || {
        let mut table = Table::new(vec![t!("column-file"), t!("column-kind"), t!("column-id")]);
        for file in &files {
            let id = key_id(file.public_key()).to_string();
            table.row(vec![file.path().display().to_string(), file.label().to_string(), id]);
        }
        table.render()
    })?;
    Ok(Exit::Ok)
}
