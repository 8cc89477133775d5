//! Revocation lists: this site's own are signed when they are due, others' come from their sites, and all go from node to
//! node. They prove themselves, so they travel over a connection that is believed in nothing else: the one of the join
//! protocol, without a certificate. A site whose list ran out while it was away could not come back otherwise.

mod closed;
mod exchange;
mod folder;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use verbund_identity::TrustDomain;
use verbund_keys::{RevocationList, SiteKeys};
use verbund_tls::{HeldList, RevocationError, Taken, Trust};

pub use closed::{Closing, closed, refusal};
pub use exchange::{Exchange, ListsMessage, router};

use folder::Folder;

/// How often it is looked whether something was revoked or a list is due.
const LOOK: Duration = Duration::from_secs(2);
/// How long to wait after a list that could not be signed.
const AGAIN: Duration = Duration::from_secs(10);

/// The lists that this node knows, in force and on disk.
pub struct Lists {
    trust: Arc<Trust>,
    keys: Arc<Mutex<SiteKeys>>,
    own: TrustDomain,
    folder: Folder,
    /// Rises with every list that is new here.
    changed: watch::Sender<u64>,
}

impl Lists {
    /// Takes up what an earlier run knew, before the first handshake. Errors: the directory cannot be used.
    pub fn open(trust: Arc<Trust>, keys: Arc<Mutex<SiteKeys>>, dir: PathBuf) -> std::io::Result<Arc<Self>> {
        let folder = Folder::open(dir)?;
        trust.restore_lists(folder.read()?);
        // A panic while the lock was held leaves the keys as they were.
        let own = keys.lock().unwrap_or_else(PoisonError::into_inner).trust_domain().clone();
        Ok(Arc::new(Self { trust, keys, own, folder, changed: watch::Sender::new(0) }))
    }

    /// Rises with every list that is new here.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The lists in force.
    pub fn all(&self) -> Vec<HeldList> {
        self.trust.lists()
    }

    /// Takes a list from whomever. Gives whether it is new. Errors: it proves nothing, or is a replay.
    pub fn take(&self, domain: &TrustDomain, list: &[u8], issuer: &[u8]) -> Result<bool, RevocationError> {
        let Taken::New(ca) = self.trust.take_list(domain, list, issuer)? else { return Ok(false) };
        if let Err(error) = self.folder.keep(domain, &ca, list, issuer) {
            // It is in force; after a restart it is asked for again.
            tracing::warn!(%domain, %error, "a revocation list was not written");
        }
        if *domain == self.own
            && let Ok(list) = RevocationList::from_der(list)
        {
            // Signed by another node of this site, or by this one before its data directory was restored.
            let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            match keys.adopt(ca, &list, OffsetDateTime::now_utc()) {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "took over what another node of this site revoked"),
                Err(error) => tracing::error!(%error, "what another node of this site revoked was not taken over"),
            }
        }
        tracing::info!(%domain, %ca, "a new revocation list is in force");
        self.changed.send_modify(|number| *number += 1);
        Ok(true)
    }

    /// Signs what is due and puts it in force. Errors: the CA's key, or the disk.
    pub fn renew(&self) -> Result<(), verbund_keys::SiteKeysError> {
        let (renewed, lists) = {
            let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
            let renewed = super::start::waiting(|| keys.renew_lists(OffsetDateTime::now_utc()));
            (renewed, keys.lists()?)
        };
        for (ca, list) in lists {
            if let Err(error) = self.take(&self.own, list.der(), ca.certificate().der()) {
                tracing::debug!(%error, "this site's own list is not the newest that is known");
            }
        }
        renewed.map(drop)
    }

    /// Keeps this site's lists current, until `stop`.
    pub async fn keep_current(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut told = false;
        loop {
            let pause = match self.renew() {
                Ok(()) => {
                    told = false;
                    LOOK
                }
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::error!(%error, "this site's revocation list could not be signed; it is tried again every few seconds. \
                            When the last one runs out, nobody trusts this site's certificates until there is a newer one");
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
}
