//! Directives, as the daemon that runs the node uses them.

use std::time::Duration;

use tokio::sync::watch;
use verbund_identity::directive;
use verbund_model::KeyId;

use super::depot::HeldDirective;
use super::marshal::Taken;
use super::refused::NotTaken;
use crate::node::NodeHandle;

impl NodeHandle {
    /// Takes a directive from a person: JSON of a signed one. When this returns it is in effect at this node, and the peers are
    /// being told. It needs no leader, no quorum and no login: it proves itself. Bringing it again changes nothing. Errors:
    /// [`NotTaken`].
    pub async fn take_directive(&self, bytes: &[u8]) -> Result<Taken, NotTaken> {
        self.marshal().take(None, directive::from_file(bytes)?).await
    }

    /// The directives that this node holds, by number.
    #[must_use]
    pub fn directives(&self) -> Vec<HeldDirective> {
        let shared = self.shared();
        shared.depot.all(&shared.published.state())
    }

    /// Rises with every directive and every receipt that reaches this node.
    #[must_use]
    pub fn watch_directives(&self) -> watch::Receiver<u64> {
        self.shared().depot.subscribe()
    }

    /// Whether a directive distrusts this key, recorded or not.
    #[must_use]
    pub fn distrusts_key(&self, key: &KeyId) -> bool {
        self.shared().depot.distrusts_key(key)
    }

    /// Waits until this node has heard what others know of directives, so that it can let people and agents in; `false` if that
    /// takes longer than `most`.
    pub async fn heard_directives(&self, most: Duration) -> bool {
        let mut open = self.shared().open.subscribe();
        tokio::time::timeout(most, open.wait_for(|open| *open)).await.is_ok_and(|heard| heard.is_ok())
    }
}
