//! Metrics in Prometheus' text form (version 0.0.4), on a listener of their own.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use verbund_node::{NodeHandle, Role};
use verbund_tls::Trust;

#[derive(Clone)]
struct Sources {
    node: NodeHandle,
    trust: Arc<Trust>,
}

/// `GET /metrics`.
pub fn router(node: NodeHandle, trust: Arc<Trust>) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(Sources { node, trust })
}

async fn metrics(State(sources): State<Sources>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], render(&sources))
}

fn render(sources: &Sources) -> String {
    let status = sources.node.status();
    let mut page = Page(String::with_capacity(8 * 1024));
    page.gauge("verbund_info", "Version of the daemon.", 1, &[("version", env!("CARGO_PKG_VERSION"))]);
    page.gauge("verbund_raft_leader", "1 if this node leads.", u8::from(status.role == Role::Leader), &[]);
    page.gauge("verbund_raft_voter", "1 if this node votes.", u8::from(votes(&status)), &[]);
    page.gauge("verbund_raft_term", "Term of the log.", status.term, &[]);
    page.gauge("verbund_raft_last_index", "Index of the last entry of the log.", status.last.unwrap_or(0), &[]);
    page.gauge(
        "verbund_raft_committed_index",
        "Index up to which the log is committed.",
        status.committed.unwrap_or(0),
        &[],
    );
    page.gauge("verbund_applied_index", "Index of the last applied entry.", status.head.index, &[]);
    page.gauge("verbund_snapshot_index", "Index of the newest snapshot.", status.snapshot.unwrap_or(0), &[]);
    if let Some(age) = status.age {
        page.gauge("verbund_state_age_seconds", "Since when the leader was not heard of.", age.as_secs_f64(), &[]);
    }
    page.gauge("verbund_disk_free_bytes", "Free bytes of the data directory's disk.", status.free_bytes, &[]);
    page.gauge("verbund_writes_stopped", "1 if an alarm stops writes.", u8::from(status.writes_stopped), &[]);
    page.gauge("verbund_connections", "Open TLS connections.", sources.trust.connections().len(), &[]);
    page.head("verbund_alarm_active", "Alarms that are active, by name.", "gauge");
    for raised in &status.alarms {
        page.line("verbund_alarm_active", raised.times, &[("alarm", raised.alarm.name())]);
    }
    page.head("verbund_peer_lag_entries", "Entries that a peer lacks, seen from the leader.", "gauge");
    for peer in &status.peers {
        if let Some(lag) = peer.lag {
            page.line(
                "verbund_peer_lag_entries",
                lag,
                &[("node", &peer.node.to_string()), ("site", peer.site.as_str())],
            );
        }
    }
    for (name, value) in sources.node.counts().named() {
        let name = format!("verbund_{name}_total");
        page.head(&name, "See the operator's handbook.", "counter");
        page.line(&name, value, &[]);
    }
    page.0
}

fn votes(status: &verbund_node::Status) -> bool {
    status.voters.iter().any(|set| set.contains(&status.node))
}

struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str, value: impl Display, labels: &[(&str, &str)]) {
        self.head(name, help, "gauge");
        self.line(name, value, labels);
    }

    // Writing to a string cannot fail.
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, value: impl Display, labels: &[(&str, &str)]) {
        let label = |(name, value): &(&str, &str)| {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{name}=\"{value}\"")
        };
        let labels: Vec<String> = labels.iter().map(label).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut page = Page(String::new());
        page.gauge("x", "help", 1, &[("a", "b\"c\\d\ne"), ("f", "g")]);
        assert_eq!(page.0, "# HELP x help\n# TYPE x gauge\nx{a=\"b\\\"c\\\\d\\ne\",f=\"g\"} 1\n");
    }
}
