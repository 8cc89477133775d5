//! What every command needs: the options of all commands, the output, the client of the chosen context.

use std::cell::RefCell;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::rc::Rc;

use verbund_api::port::Consistency;
use verbund_keys::PassphraseSource;
use verbund_model::Accepted;

use crate::cli::{self, Global};
use crate::client::{Change, Client, Settings};
use crate::config::Config;
use crate::context::{Context, Contexts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::paths::Paths;
use crate::t;

/// One run of a client command.
pub struct App {
    /// Options of every command.
    pub global: Global,
    /// Where results go.
    pub output: Output,
    /// Whether the source of passphrases was named on the command line, not by a variable.
    source_said: bool,
    used: RefCell<Option<Rc<Client>>>,
}

impl App {
    /// With these options; `source_said`: whether the source of passphrases was named on the command line, not by a variable.
    #[must_use]
    pub fn new(global: Global, source_said: bool) -> Self {
        let output = Output::new(global.output);
        Self { global, output, source_said, used: RefCell::default() }
    }

    /// The user's directories.
    pub fn paths(&self) -> Result<Paths, Failure> {
        Paths::from_environment()
    }

    /// The chosen context with its name.
    pub fn context(&self) -> Result<(String, Context), Failure> {
        let contexts = Contexts::read(&self.paths()?.contexts())?;
        let (name, context) = contexts.choose(self.global.context.as_deref())?;
        Ok((name.to_owned(), context.clone()))
    }

    /// A client of the chosen context.
    pub fn client(&self) -> Result<Rc<Client>, Failure> {
        let (name, context) = self.context()?;
        let client = Rc::new(self.client_of(&name, context, self.paths()?));
        self.used.replace(Some(Rc::clone(&client)));
        Ok(client)
    }

    /// After a command that worked: keeps the context's knowledge of the other sites fresh.
    pub async fn keep_learning(&self) {
        let client = self.used.take();
        if let Some(client) = client {
            client.keep_learning().await;
        }
    }

    /// A client of a context.
    #[must_use]
    pub fn client_of(&self, name: &str, context: Context, paths: Paths) -> Client {
        let consistency = match self.global.consistency {
            Some(cli::Consistency::Stale) => Consistency::Stale,
            Some(cli::Consistency::Linearizable) | None if !self.global.stale => Consistency::Linearizable,
            Some(cli::Consistency::Linearizable) | None => Consistency::Stale,
        };
        let (passphrase, deadline) = (self.passphrase(), self.global.deadline.map(|span| span.0));
        Client::new(name, context, paths, Settings { passphrase, deadline, consistency })
    }

    /// Where passphrases come from.
    #[must_use]
    pub fn passphrase(&self) -> PassphraseSource {
        self.global.passphrase_source.clone().unwrap_or(PassphraseSource::Prompt)
    }

    /// Where the passphrase of the site's keys comes from: as the flag says, else as the daemon's configuration does, and only
    /// else as the variable, which answers for people's keys. A credential that only the service manager hands out is typed.
    #[must_use]
    pub fn site_passphrase(&self, config: Option<&Config>) -> PassphraseSource {
        match config.map(|config| &config.passphrase).filter(|_| !self.source_said) {
            None => self.passphrase(),
            Some(PassphraseSource::Credential(name)) if std::env::var_os("CREDENTIALS_DIRECTORY").is_none() => {
                crate::output::say(&t!("site-passphrase-typed", name = name.as_str()));
                PassphraseSource::Prompt
            }
            Some(source) => source.clone(),
        }
    }

    /// Asks a person whether to go on; `--yes` has answered already. Errors: no, or nobody is there to ask.
    pub fn confirm(&self, question: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return Err(Failure::usage(t!("confirm-nobody")).remedy(t!("confirm-nobody-remedy")));
        }
        let mut talk = io::stderr().lock();
        write!(talk, "{question} {} ", t!("confirm-choice"))?;
        talk.flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        let answer = line.trim().to_lowercase();
        if [t!("confirm-yes"), "yes".to_owned(), "y".to_owned()].contains(&answer) {
            Ok(())
        } else {
            Err(Failure::new(t!("confirm-refused")))
        }
    }

    /// Asks for one change and tells what came of it; a change that waits for other people has an exit code of its own.
    pub async fn change(&self, client: &Client, change: Change) -> Result<Exit, Failure> {
        let about = change.about.clone();
        let accepted = client.write_if(change).await?;
        self.tell(&about, &accepted, None)
    }

    /// Tells what came of a change, and, if it waits for other people, with which command they approve it (if nothing is
    /// said, as a proposal).
    pub fn tell(&self, about: &str, accepted: &Accepted, approval: Option<String>) -> Result<Exit, Failure> {
        let text = match accepted {
            Accepted::Changed { version } => t!("done-changed", about = about, version = *version),
            Accepted::Unchanged { version } => t!("done-unchanged", about = about, version = *version),
            Accepted::SessionOpened { until } => t!("done-session", until = crate::output::local(*until)),
            Accepted::Admitted { node } => t!("done-admitted", about = about, node = node.to_string()),
            Accepted::Waiting { subject, have, need } => {
                let command = approval.unwrap_or_else(|| format!("verbund proposal approve {subject}"));
                t!("done-waiting", about = about, have = *have, need = *need, command = command)
            }
        };
        self.output.value(accepted, || text + "\n")?;
        Ok(if matches!(accepted, Accepted::Waiting { .. }) { Exit::Waiting } else { Exit::Ok })
    }
}

/// A change without condition.
#[must_use]
pub fn change(about: String, command: verbund_model::Command) -> Change {
    Change { about, command, precondition: None }
}
