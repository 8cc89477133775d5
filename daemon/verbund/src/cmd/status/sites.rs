//! What of sites and nodes needs somebody's eye: who is lost, who is silent, who has yet to be started.

use verbund_api::Status;
use verbund_api::status::{Loss, NodeStatus, SiteStatus};
use verbund_model::resource::Standing;

use super::{Finding, SILENT_MS};
use crate::output::{age, local};
use crate::t;

/// A site of which a node was heard of this lately is there: after this silence, if nobody chose another, it is found lost.
const HEARD_MS: u64 = 2_000;

/// The findings. Nobody can be given up where nothing can be changed, which `no_quorum` says.
pub(super) fn findings(status: &Status, no_quorum: bool) -> Vec<Finding> {
    let mut all = Vec::new();
    for site in status.sites.iter().filter(|site| site.standing != Standing::Excluded) {
        of_site(status, site, no_quorum, &mut all);
    }
    all
}

fn of_site(status: &Status, site: &SiteStatus, no_quorum: bool, all: &mut Vec<Finding>) {
    let name = site.site.to_string();
    let mut add = |bad, text| all.push(Finding { bad, text });
    if site.standing == Standing::Suspended {
        add(false, t!("status-suspended", site = name.as_str()));
    }
    if site.nodes.is_empty() {
        // That it is lost says no more.
        add(false, t!("status-no-node", site = name));
        return;
    }
    let answers = |node: &NodeStatus| Some(node.node) == status.node || !is_silent(node);
    let heard =
        |node: &NodeStatus| Some(node.node) == status.node || node.last_seen_ms.is_some_and(|ms| ms <= HEARD_MS);
    match &site.lost {
        // Nothing was lost: it has never been there, and each of its nodes is told how it gets there.
        Some(_) if !site.started => {}
        Some(loss) if loss.returns_in_ms.is_some() || site.nodes.iter().any(heard) => {
            add(false, returning(&name, loss));
        }
        Some(loss) => add(true, t!("status-lost", site = name.as_str(), since = local(loss.since))),
        None => {}
    }
    for node in site.nodes.iter().filter(|node| !answers(node)) {
        add(false, silent(site, node, no_quorum));
    }
}

/// Whether nothing is heard of a node.
fn is_silent(node: &NodeStatus) -> bool {
    !node.connected && node.last_seen_ms.is_none_or(|ms| ms > SILENT_MS)
}

/// A site that answers and is still counted as lost: only when it was heard for long enough does it count as returned.
fn returning(site: &str, loss: &Loss) -> String {
    let since = local(loss.since);
    match loss.returns_in_ms {
        Some(ms) => t!("status-returning-in", site = site, since = since, seconds = ms.div_ceil(1000).max(1)),
        None => t!("status-returning", site = site, since = since),
    }
}

fn silent(site: &SiteStatus, node: &NodeStatus, no_quorum: bool) -> String {
    let (name, of) = (node.node.to_string(), site.site.to_string());
    match node.last_seen_ms {
        _ if !site.started => t!("status-not-started", node = name, site = of),
        Some(ms) if no_quorum => t!("status-silent-away", node = name, site = of, since = age(ms)),
        Some(ms) => t!("status-silent", node = name, site = of, since = age(ms)),
        None if no_quorum => t!("status-unheard-away", node = name, site = of),
        None => t!("status-unheard", node = name, site = of),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::i18n::{self, Lang};

    /// nord answers; sued has one node, heard of as `seen` says.
    fn status(seen: Option<u64>, lost: serde_json::Value, started: bool) -> Status {
        let mut status = super::super::tests::status();
        let value = json!({ "site": "sued", "organisation": "akdb", "land": "DE-BY", "standing": "active", "lost": lost,
            "started": started, "nodes": [
                { "node": 2, "role": "learner", "connected": false, "lastSeenMs": seen, "matched": null } ] });
        status.sites[1] = serde_json::from_value(value).unwrap();
        status
    }

    #[test]
    fn a_site_that_answers_again_is_no_lost_one() {
        let lost = |left: Option<u64>| json!({ "since": 1_000, "returnsInMs": left });
        // It answers, and how long it takes yet is said.
        let found = findings(&status(Some(119), lost(Some(7_400)), true), false);
        assert!(found.len() == 1 && !found[0].bad && found[0].text.contains(" 8 s"), "{found:?}");
        let found = findings(&status(Some(119), lost(None), true), false);
        assert!(found.len() == 1 && !found[0].bad && found[0].text.contains("verbund timings show"), "{found:?}");
        // It does not: it is lost.
        let found = findings(&status(Some(60_000), lost(None), true), false);
        assert_eq!(found.iter().map(|f| f.bad).collect::<Vec<_>>(), [true, false], "{found:?}");
        assert_eq!(found[0].text, t!("status-lost", site = "sued", since = local(1_000)));
        let found = findings(&status(Some(4_000), lost(None), true), false);
        assert_eq!(found.iter().map(|f| f.bad).collect::<Vec<_>>(), [true], "it was lost a moment ago: {found:?}");
        // The site that answers hears itself.
        let mut own = status(None, lost(None), true);
        own.node = Some(own.sites[1].nodes[0].node);
        let found = findings(&own, false);
        assert!(found.iter().all(|f| !f.bad), "{found:?}");
    }

    #[test]
    fn a_site_that_never_ran_is_to_be_started_and_not_to_be_given_up() {
        let new = status(None, json!({ "since": 1_000, "returnsInMs": null }), false);
        let found = findings(&new, false);
        assert!(found.len() == 1 && !found[0].bad, "{found:?}");
        // One that ran, and was not heard of since this node started, may be either.
        let found = findings(&status(None, json!(null), true), false);
        assert!(found[0].text.contains("verbund serve") && found[0].text.contains("replace-voter 0.2"), "{found:?}");
        let found = findings(&status(None, json!(null), true), true);
        assert!(!found[0].text.contains("replace-voter"), "{found:?}");
        for lang in [Lang::En, Lang::De] {
            let text = i18n::text_in(lang, "status-not-started", &[("node", "0.2".into()), ("site", "sued".into())]);
            assert!(
                text.contains("0.2") && text.contains("verbund serve") && !text.contains("replace-voter"),
                "{text}"
            );
        }
    }
}
