//! What is not known of copies that are being stopped: each counts as running until its agent or a person says that it has
//! stopped (lease.md 11), and at a lost site nobody can say so before it returns.

use serde::Serialize;
use verbund_model::resource::{Cluster, CopyRole, Millis, Placement, Presence};
use verbund_model::view::Kind;
use verbund_model::{ClusterName, SiteName};

use super::from_resource;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{local, local_of};
use crate::t;

/// A copy of which nobody has said that it has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unconfirmed {
    /// Where it is.
    pub cluster: ClusterName,
    /// Its epoch.
    pub epoch: u64,
    /// Since when it is to stop.
    pub since: Millis,
    /// Its site, and since when that is found lost (RFC 3339), if it is.
    pub lost: Option<(SiteName, String)>,
}

/// The copies of a placement that are being stopped, with what is known of their sites. Errors: the site that is asked does
/// not answer.
pub async fn unconfirmed(client: &Client, placement: &Placement) -> Result<Vec<Unconfirmed>, Failure> {
    let mut found = Vec::new();
    for copy in placement.copies.iter().filter(|copy| copy.role == CopyRole::Stopping) {
        let lost = lost(client, &copy.cluster).await?;
        found.push(Unconfirmed { cluster: copy.cluster.clone(), epoch: copy.epoch, since: copy.since, lost });
    }
    Ok(found)
}

async fn lost(client: &Client, cluster: &ClusterName) -> Result<Option<(SiteName, String)>, Failure> {
    let Some(read) = client.get(Kind::Cluster, cluster.as_str()).await? else { return Ok(None) };
    let site = from_resource::<Cluster>(&read.value)?.site;
    let Some(read) = client.get(Kind::Presence, site.as_str()).await? else { return Ok(None) };
    let presence: Presence = from_resource(&read.value)?;
    Ok(presence.lost.then_some((site, read.value.metadata.changed)))
}

impl Unconfirmed {
    /// In words, for who runs the workload.
    #[must_use]
    pub fn text(&self) -> String {
        let (cluster, epoch) = (self.cluster.to_string(), self.epoch);
        match &self.lost {
            Some((site, since)) => {
                let since = local_of(since);
                t!("unconfirmed-lost", cluster = cluster, epoch = epoch, site = site.to_string(), since = since)
            }
            None => t!("unconfirmed-stopping", cluster = cluster, epoch = epoch, since = local(self.since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_at_a_lost_site_is_said_to_be_unconfirmed_and_since_when() {
        let mut copy =
            Unconfirmed { cluster: "nord-a".parse().unwrap(), epoch: 3, since: 1_800_000_000_000, lost: None };
        let stopping = copy.text();
        assert!(stopping.contains("nord-a") && stopping.contains(&local(copy.since)), "{stopping}");
        let since = "2027-01-15T08:00:00.000Z".to_owned();
        copy.lost = Some(("nord".parse().unwrap(), since.clone()));
        let lost = copy.text();
        assert!(lost.contains("nord-a") && lost.contains(&local_of(&since)) && lost != stopping, "{lost}");
        let value = serde_json::to_value(&copy).unwrap();
        assert_eq!(value["lost"], serde_json::json!(["nord", since]));
    }
}
