//! The first context: `found` and `join` add it for whoever runs them, so that nobody has to copy federation and pin.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use verbund_keys::{KeyFile, Token};
use verbund_model::resource::Address;
use verbund_model::{FederationId, Hash, PublicKey, SiteName};

use crate::app::App;
use crate::cli::ConfigFile;
use crate::config::{Config, Sources};
use crate::context::{API_NETWORK, Context, Contexts, KeyReference};
use crate::failure::Failure;
use crate::t;

/// What the next step names where nobody said where the daemon's HTTP API will be.
const NO_API: &str = "HOST:PORT";
/// Where everything lies if nobody says otherwise.
const DATA_DIR: &str = "/var/lib/verbund";

/// What was asked for with `--key` (and `--context`), checked before anything is made.
pub struct FirstContext {
    name: String,
    key: KeyReference,
    public_key: PublicKey,
    contexts: PathBuf,
}

/// A federation as a context knows it: its id, and the pin of the site's trust anchor.
pub type Known = (FederationId, Hash);

impl FirstContext {
    /// The context that `--key` asks for, named by `--context`, else as the site; `None` without `--key`. `known`: what it
    /// will lead to, if that is fixed already; a context that does so is the one that an earlier run added. Errors: the key
    /// cannot be used, or the name is taken.
    pub fn wanted(
        app: &App,
        key: Option<&str>,
        site: &SiteName,
        known: Option<Known>,
    ) -> Result<Option<Self>, Failure> {
        let Some(key) = key else { return Ok(None) };
        let key = super::context::key_reference(key)?;
        let name = app.global.context.clone().unwrap_or_else(|| site.to_string());
        let contexts = app.paths()?.contexts();
        let there = Contexts::read(&contexts)?.contexts.remove(&name);
        if there.is_some_and(|there| known != Some((there.federation, there.pin))) {
            return Err(
                Failure::new(t!("context-exists", name = name.as_str())).remedy(t!("first-context-exists-remedy"))
            );
        }
        Contexts::check_name(&name)?;
        let public_key = match &key {
            KeyReference::File(path) => KeyFile::read(path)?.public_key().clone(),
            KeyReference::Pkcs11(uri) => Token::open(uri, &app.passphrase())?.any_key(uri)?.public_key().clone(),
        };
        Ok(Some(Self { name, key, public_key, contexts }))
    }

    /// The public half of the key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds it. A context of this name that leads to the same site is replaced. Errors: where the API will be is not known,
    /// or the file cannot be written.
    pub fn add(self, api: Option<Address>, (federation, pin): Known) -> Result<(), Failure> {
        let api = api.ok_or_else(no_api)?;
        let key = Some(self.key);
        let (others, other_pins) = (Vec::new(), std::collections::BTreeMap::new());
        let context = Context { addresses: vec![api], federation, pin, key, others, other_pins, learned: None };
        Ok(Contexts::change(&self.contexts, |contexts| contexts.add(&self.name, context, true))?)
    }
}

/// Where the API will be is not known.
pub fn no_api() -> Failure {
    Failure::usage(t!("first-context-no-api")).remedy(t!("first-context-no-api-remedy"))
}

/// The daemon's configuration, for what it says of the site: an error if it was named and is wrong, `None` if it lies where
/// nobody named it.
pub fn configuration(file: &ConfigFile) -> Result<Option<Config>, Failure> {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded =
        crate::config::load(&Sources { file: file.file.clone(), environment: &environment, flags: Vec::new() });
    match loaded {
        Ok(loaded) => Ok(Some(loaded.config)),
        Err(errors) if file.file.is_some() => Err(Failure::new(errors.to_string())),
        Err(_) => Ok(None),
    }
}

/// The data directory, as a whole path: as a flag says, else as the daemon's configuration does.
pub fn data_dir(said: Option<PathBuf>, config: Option<&Config>) -> Result<PathBuf, Failure> {
    let data_dir = said.or_else(|| config.map(|config| config.data_dir.clone()));
    Ok(std::path::absolute(data_dir.unwrap_or_else(|| DATA_DIR.into()))?)
}

/// Where the daemon's HTTP API will be: as the site advertises it, else as it is configured to bind it.
pub fn api_address(addresses: &[Address], config: Option<&Config>) -> Option<Address> {
    if let Some(advertised) = addresses.iter().find(|address| address.network == API_NETWORK) {
        return advertised.authority().parse().ok();
    }
    bound_address(&config?.listen.admin)?.to_string().parse().ok()
}

/// What is bound to all addresses is reached at the loopback one, too.
fn bound_address(bound: &[SocketAddr]) -> Option<SocketAddr> {
    let reachable = |socket: &SocketAddr| match socket.ip() {
        ip if !ip.is_unspecified() => *socket,
        _ => SocketAddr::from((Ipv4Addr::LOCALHOST, socket.port())),
    };
    let bound: Vec<SocketAddr> = bound.iter().map(reachable).collect();
    bound.iter().find(|socket| socket.is_ipv4()).or(bound.first()).copied()
}

/// The API's address for a command that somebody copies.
pub fn shown(api: Option<&Address>) -> String {
    api.map_or_else(|| NO_API.to_owned(), ToString::to_string)
}

/// How the daemon is started with what the caller named.
pub fn serve_command(file: &ConfigFile, data_dir: &std::path::Path) -> String {
    match &file.file {
        Some(path) => format!("verbund serve --config {}", quoted(&path.display().to_string())),
        None => format!("verbund serve --data-dir {}", quoted(&data_dir.display().to_string())),
    }
}

/// A word as a shell takes it.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_step_names_the_api_where_it_will_be() {
        let sockets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<SocketAddr>>();
        let bound = |texts: &[&str]| bound_address(&sockets(texts)).map(|socket| socket.to_string());
        assert_eq!(bound(&["[::1]:7101", "127.0.0.1:8101"]).unwrap(), "127.0.0.1:8101");
        assert_eq!(bound(&["0.0.0.0:9000"]).unwrap(), "127.0.0.1:9000");
        assert_eq!(bound(&[]), None);
        let addresses: Vec<Address> =
            vec!["nord.example:7100".parse().unwrap(), "api=nord.example:443".parse().unwrap()];
        assert_eq!(shown(api_address(&addresses, None).as_ref()), "nord.example:443");
        assert_eq!(shown(api_address(&addresses[..1], None).as_ref()), NO_API);
    }

    #[test]
    fn a_copied_command_is_one_word_where_one_was_meant() {
        assert_eq!(quoted("/srv/verbund/mitte"), "/srv/verbund/mitte");
        assert_eq!(quoted("/srv/mein Verbund"), "'/srv/mein Verbund'");
        assert_eq!(quoted("a'b"), r"'a'\''b'");
        assert_eq!(quoted(""), "''");
    }
}
