//! Signing a directive's file, without any network: on a machine of its own, if its owner likes.

use std::path::Path;

use verbund_identity::directive::to_file;

use super::{describe, read};
use crate::app::App;
use crate::cli::Confirm;
use crate::client::Author;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

/// Shows what the file orders, asks, and adds the signature of the context's key.
pub fn run(app: &App, file: &Path, confirm: &Confirm) -> Result<Exit, Failure> {
    if file == Path::new("-") {
        return Err(Failure::usage(t!("directive-sign-stdin")));
    }
    let (name, context) = app.context()?;
    let mut signed = read(file)?;
    let directive = describe::parse(&signed)?;
    if directive.federation != context.federation {
        return Err(Failure::new(t!("directive-other-federation", context = name)));
    }
    say(&describe::directive(&directive, &signed));
    let key = context.key.as_ref().ok_or_else(|| {
        Failure::new(t!("client-no-key", context = name.as_str()))
            .remedy(t!("client-no-key-remedy", context = name.as_str()))
    })?;
    app.confirm(&t!("directive-question", what = describe::act(&directive.order)), confirm.yes)?;
    let author = Author::open(key, &app.passphrase())?;
    let before = signed.signatures.len();
    author.sign_directive(&mut signed)?;
    let path = file.display().to_string();
    if signed.signatures.len() == before {
        say(&t!("directive-signed-before"));
    } else {
        crate::files::replace(file, &to_file(&signed))?;
    }
    let count = signed.signatures.len();
    app.output.value(&signed, || t!("directive-signed", file = path.as_str(), count = count) + "\n")?;
    Ok(next(&path, count, None))
}

/// Says what comes next, and gives the exit code: 8 while other people are known to be missing. Without the federation at hand
/// nobody knows how many it takes.
pub fn next(path: &str, have: usize, need: Option<u32>) -> Exit {
    match need {
        Some(need) if have < need as usize => {
            say(&t!(
                "directive-next-sign",
                have = have,
                need = need,
                command = format!("verbund directive sign {path}")
            ));
            Exit::Waiting
        }
        _ => {
            say(&t!("directive-next-submit", command = format!("verbund directive submit {path}")));
            Exit::Ok
        }
    }
}
