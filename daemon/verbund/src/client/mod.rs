//! The client of the HTTP API: knows the server by the context's pin, reads with a user certificate, signs changes with
//! the author's own key, and does not lose track of a change whose outcome is not known.

mod asking;
mod author;
mod directives;
mod error;
mod http;
mod learn;
mod login;
mod pending;
mod planning;
mod read;
mod routes;
mod session;
mod sse;
mod watch;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, OnceCell};
use verbund_api::port::Consistency;
use verbund_keys::PassphraseSource;

use crate::context::Context;
use crate::failure::Failure;
use crate::paths::Paths;
use crate::t;

pub use author::Author;
pub use directives::Door;
pub use error::ApiError;
use http::Http;
pub use pending::Pending;
pub use planning::Move;
use routes::Routes;
pub use watch::Watched;
pub use write::{Change, now};

/// A client within a context.
pub struct Client {
    name: String,
    context: Context,
    paths: Paths,
    passphrase: PassphraseSource,
    deadline: Duration,
    patience: Duration,
    consistency: Consistency,
    routes: Arc<Routes>,
    author: OnceCell<Author>,
    reader: Mutex<Option<Arc<Http>>>,
}

/// How long is tried if nobody says.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long is tried, if nobody says, where no site answers or none finds a quorum: longer than an election takes.
const PATIENCE: Duration = Duration::from_secs(10);
/// Nobody is left in the dark for longer about why it takes so long.
const SILENCE: Duration = Duration::from_secs(2);

/// How a client behaves.
pub struct Settings {
    /// Where the passphrase of the author's key comes from.
    pub passphrase: PassphraseSource,
    /// How long is tried; `None`: 30 s, and 10 s where no site answers or none finds a quorum.
    pub deadline: Option<Duration>,
    /// How fresh reads must be.
    pub consistency: Consistency,
}

impl Client {
    /// A client for a context. Nothing is sent yet.
    #[must_use]
    pub fn new(name: &str, context: Context, paths: Paths, settings: Settings) -> Self {
        let Settings { passphrase, deadline, consistency } = settings;
        let (author, reader) = (OnceCell::new(), Mutex::new(None));
        let routes = Arc::new(Routes::of(&context, now()));
        let (deadline, patience) = (deadline.unwrap_or(DEADLINE), deadline.unwrap_or(PATIENCE));
        let name = name.to_owned();
        Self { name, context, paths, passphrase, deadline, patience, consistency, routes, author, reader }
    }

    /// The context.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The user's directories.
    #[must_use]
    pub const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// The author: opens the key at the first call. Errors: no key in the context, or it cannot be opened.
    pub async fn author(&self) -> Result<&Author, Failure> {
        self.author
            .get_or_try_init(|| async {
                let key = self.context.key.as_ref().ok_or_else(|| {
                    Failure::new(t!("client-no-key", context = self.name.as_str()))
                        .remedy(t!("client-no-key-remedy", context = self.name.as_str()))
                })?;
                Author::open(key, &self.passphrase)
            })
            .await
    }
}
