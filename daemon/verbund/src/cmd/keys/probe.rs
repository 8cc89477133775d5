//! `verbund keys probe`: whether a token can do what keys need, and what does not work otherwise.

use serde_json::json;
use verbund_keys::{Mechanism, TokenUri};

use crate::app::App;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Table;
use crate::t;

pub fn run(app: &App, uri: &TokenUri) -> Result<Exit, Failure> {
    let missing = super::open(app, uri)?.missing_mechanisms()?;
    let lacks: Vec<&str> = missing.iter().map(|mechanism| mechanism.as_str()).collect();
    let value = json!({ "token": uri.token, "missing": lacks });
    app.output.value(&value, || {
        let mut table = Table::plain();
        for mechanism in Mechanism::ALL {
            let state =
                if missing.contains(&mechanism) { crate::words::without(mechanism) } else { t!("keys-probe-there") };
            table.row(vec![mechanism.to_string(), state]);
        }
        table.render()
    })?;
    Ok(if missing.is_empty() { Exit::Ok } else { Exit::CheckFailed })
}
