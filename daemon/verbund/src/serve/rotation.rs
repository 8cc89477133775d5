//! The daemon follows the rotation of its site's issuing CA as the log has it: the CA that is to issue does so within a second,
//! with a new certificate for this node, and what was taken out is forgotten. Connections go on.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use verbund_identity::key_id;
use verbund_keys::{Access, Asking, PassphraseSource, SiteKeys, SiteKeysError};
use verbund_model::SiteName;
use verbund_model::resource::Site;
use verbund_node::NodeHandle;
use verbund_tls::LiveIdentity;

use super::identity::{self, Certified, IdentityError};
use super::lists::Lists;
use super::start::{KEYS, Started, needs_passphrase, waiting};
use crate::config::Config;

/// How often the state is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How long to wait after something failed.
const AGAIN: Duration = Duration::from_secs(30);
/// A state that is older than this may not know the present CA.
const FRESH: Duration = Duration::from_secs(5);
/// A file by which a person asks for a new certificate of the node, beside the keys; it goes when there is one.
pub const RENEW: &str = "node.renew";

/// Why a rotation was not followed.
#[derive(Debug, thiserror::Error)]
enum RotationError {
    /// Nobody is there to type a passphrase into a running daemon.
    #[error(
        "the key of the CA that is to issue is not open, and the passphrase comes from a person: restart the daemon, which asks for it"
    )]
    Prompt,
    /// The passphrase did not come.
    #[error("the passphrase of the site's keys: {0}")]
    Passphrase(#[from] verbund_keys::SourceError),
    #[error(transparent)]
    Keys(#[from] SiteKeysError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Who follows.
pub struct Rotation {
    node: NodeHandle,
    site: SiteName,
    keys: Arc<Mutex<SiteKeys>>,
    certified: Certified,
    identity: Arc<LiveIdentity>,
    lists: Arc<Lists>,
    config: Config,
    dir: PathBuf,
}

impl Rotation {
    /// For a running node.
    pub fn new(started: &Started, config: &Config) -> Self {
        Self {
            node: started.node.clone(),
            site: started.enrolment.site.clone(),
            keys: started.keys.clone(),
            certified: started.certified.clone(),
            identity: started.identity.clone(),
            lists: started.lists.clone(),
            config: config.clone(),
            dir: config.data_dir.join(KEYS),
        }
    }

    /// Follows until `stop`.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut told = None;
        loop {
            let pause = match waiting(|| self.look()) {
                Ok(()) => {
                    told = None;
                    LOOK
                }
                Err(error) => {
                    let text = error.to_string();
                    if told.as_ref() != Some(&text) {
                        tracing::error!(%error, "the rotation of this site's keys is not followed; it is tried again");
                        told = Some(text);
                    }
                    AGAIN
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn look(&self) -> Result<(), RotationError> {
        let (state, age) = self.node.read_stale();
        if age.is_some_and(|age| age < FRESH)
            && let Some(site) = state.site(&self.site)
        {
            self.follow(&site.value)?;
        }
        let asked = self.dir.join(RENEW);
        if asked.exists() {
            identity::renew(&self.keys, &self.certified, &self.identity)?;
            tracing::info!(node = %self.certified.node, "the node's certificate was renewed, as somebody asked for");
            if let Err(error) = std::fs::remove_file(&asked) {
                tracing::warn!(%error, path = %asked.display(), "the request for a new certificate stays, and will be met again");
            }
        }
        Ok(())
    }

    fn follow(&self, site: &Site) -> Result<(), RotationError> {
        let wanted = key_id(&site.issuing_key);
        let (activated, retired) = {
            // A panic while the lock was held leaves the keys as they were.
            let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            if keys.ca().id() != wanted && !keys.cas().any(|ca| ca.id() == wanted) {
                self.load(&mut keys)?;
            }
            let activated = keys.activate(&wanted)?;
            let gone = keys.cas().any(|ca| site.retired.contains(&ca.id()));
            (activated, if gone { keys.retire(&site.retired)? } else { 0 })
        };
        if activated {
            identity::renew(&self.keys, &self.certified, &self.identity)?;
            self.lists.renew()?;
            tracing::info!(ca = %wanted, "another CA of this site issues now, and this node has a certificate of it");
        }
        if retired > 0 {
            tracing::info!(retired, "CAs of this site that were taken out are forgotten here");
        }
        Ok(())
    }

    /// Opens what came into the directory since the start.
    fn load(&self, keys: &mut SiteKeys) -> Result<(), RotationError> {
        let sealed = self.config.custody.is_none() && SiteKeys::stored(&self.dir)?.iter().any(needs_passphrase);
        let passphrase = match (&self.config.passphrase, sealed) {
            (_, false) => None,
            (PassphraseSource::Prompt, true) => return Err(RotationError::Prompt),
            (source, true) => Some(source.obtain(&format!("the keys of {}", self.site), Asking::Existing)?),
        };
        let access = Access::new(passphrase.as_ref(), self.config.custody.clone(), self.config.passphrase.clone());
        let opened = keys.load_authorities(&access)?;
        tracing::info!(opened, "opened further CAs of this site");
        Ok(())
    }
}
