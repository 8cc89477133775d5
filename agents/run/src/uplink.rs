//! The way to the site's daemon, as an agent uses it.

use std::collections::BTreeSet;
use std::future::Future;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use verbund_agent_link::{Heard, Link, LinkError, Sessions, Update, Watch};
use verbund_lease::Renewal;
use verbund_model::{ClusterName, Outcome, WorkloadName};

/// A watch on the desired state.
pub trait Updates: Send {
    /// Waits for the next state; the first is whole. Dropping the future loses nothing. Errors: the watch is over.
    fn next(&mut self) -> impl Future<Output = Result<Update, LinkError>> + Send;
}

/// A daemon of the site. Each call may fail at any time, and is then tried again.
pub trait Uplink: Clone + Send + Sync + 'static {
    /// What a watch is.
    type Watch: Updates;

    /// Follows the desired state: see [`Link::watch`].
    fn watch(
        &self,
        cluster: ClusterName,
        have: &BTreeSet<WorkloadName>,
    ) -> impl Future<Output = Result<Self::Watch, LinkError>> + Send;

    /// Passes a renewal on: see [`Link::renew`].
    fn renew(
        &self,
        renewal: &Renewal,
    ) -> impl Future<Output = Result<BoxStream<'static, Result<Heard, LinkError>>, LinkError>> + Send;

    /// Brings an envelope: see [`Link::submit`].
    fn submit(&self, envelope: Vec<u8>) -> impl Future<Output = Result<Outcome, LinkError>> + Send;

    /// What is needed to sign: see [`Link::sessions`].
    fn sessions(&self) -> impl Future<Output = Result<Sessions, LinkError>> + Send;
}

impl Updates for Watch {
    async fn next(&mut self) -> Result<Update, LinkError> {
        Self::next(self).await
    }
}

impl Uplink for Link {
    type Watch = Watch;

    async fn watch(&self, cluster: ClusterName, have: &BTreeSet<WorkloadName>) -> Result<Watch, LinkError> {
        Self::watch(self, cluster, have).await
    }

    async fn renew(&self, renewal: &Renewal) -> Result<BoxStream<'static, Result<Heard, LinkError>>, LinkError> {
        Ok(Self::renew(self, renewal).await?.boxed())
    }

    async fn submit(&self, envelope: Vec<u8>) -> Result<Outcome, LinkError> {
        Self::submit(self, envelope).await
    }

    async fn sessions(&self) -> Result<Sessions, LinkError> {
        Self::sessions(self).await
    }
}
