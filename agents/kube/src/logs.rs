//! What a workload's containers wrote.

use std::fmt::Write as _;

use http::Request;
use serde_json::Value;
use verbund_agent_core::{LogLine, LogQuery};

use crate::api::{As, built};
use crate::error::KubeError;
use crate::objects::Objects;

/// Bytes that are read of one container at most.
const LIMIT: usize = 1 << 20;
/// Lines that are read of one container at most.
const LINES: u32 = 10_000;

/// The last lines of each container that fits the query, pod by pod.
pub async fn read(objects: &Objects, query: &LogQuery) -> Result<Vec<LogLine>, KubeError> {
    let workload = &query.workload;
    let path = format!("/api/v1/namespaces/{workload}/pods");
    let pods = objects.server.list(As::Agent, &path, None).await?;
    let mut lines = Vec::new();
    for pod in &pods {
        let Some(name) = pod["metadata"]["name"].as_str() else { continue };
        if query.pod.as_deref().is_some_and(|wanted| wanted != name) {
            continue;
        }
        for container in containers(pod) {
            if query.container.as_deref().is_some_and(|wanted| wanted != container) {
                continue;
            }
            let uri = uri(&format!("{path}/{name}"), container, query);
            let what = format!("reading the log of {workload}/{name}, container {container}");
            let request = Request::get(&uri).body(Vec::new()).map_err(kube::core::request::Error::BuildRequest);
            let text = match objects.server.text(As::Workload(workload), &what, built(&what, request)?).await {
                Ok(text) => text,
                // It has not started yet, or went meanwhile.
                Err(KubeError::Refused { code: 400 | 404, .. }) => continue,
                Err(error) => return Err(error),
            };
            let read = text.lines().map(|text| line(name, container, text));
            // The API server looks at whole seconds only.
            lines
                .extend(read.filter(|line| query.since.is_none_or(|since| line.time.is_none_or(|time| time >= since))));
        }
    }
    Ok(lines)
}

/// Where the log of a container is read.
fn uri(pod: &str, container: &str, query: &LogQuery) -> String {
    let tail = query.tail.min(LINES);
    let mut uri = format!("{pod}/log?container={container}&tailLines={tail}&limitBytes={LIMIT}&timestamps=true");
    let since = query.since.and_then(|since| i64::try_from(since / 1_000).ok());
    if let Some(since) = since.and_then(|since| jiff::Timestamp::from_second(since).ok()) {
        let _ = write!(uri, "&sinceTime={since}");
    }
    if query.previous {
        uri.push_str("&previous=true");
    }
    uri
}

/// A line as the kubelet gives it with timestamps: RFC 3339, a space, what was written.
fn line(pod: &str, container: &str, whole: &str) -> LogLine {
    let parsed = whole.split_once(' ').unwrap_or((whole, ""));
    let time = parsed.0.parse::<jiff::Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
    let text = if time.is_some() { parsed.1 } else { whole };
    LogLine { pod: pod.to_owned(), container: container.to_owned(), time, text: text.to_owned() }
}

/// Names of a pod's containers, which are DNS labels and need no escaping in a URL.
fn containers(pod: &Value) -> impl Iterator<Item = &str> {
    let lists = ["initContainers", "containers"].into_iter();
    let all = lists.flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    all.filter_map(|container| container["name"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_parted_from_their_times() {
        let read = line("web-1", "main", "2026-11-28T18:00:01.250999999Z GET /  200");
        assert_eq!((read.time.map(|time| time % 60_000), read.text.as_str()), (Some(1_250), "GET /  200"));
        let empty = line("web-1", "main", "2026-11-28T18:00:01Z");
        assert_eq!((empty.time.map(|time| time % 60_000), empty.text.as_str()), (Some(1_000), ""));
        let odd = line("web-1", "main", "unable to retrieve container logs");
        assert_eq!((odd.time, odd.text.as_str()), (None, "unable to retrieve container logs"));
    }

    #[test]
    fn what_is_asked_stands_in_the_query() {
        let workload = verbund_model::WorkloadName::new("kfz").unwrap();
        let mut query = LogQuery { workload, pod: None, container: None, tail: 5, since: None, previous: false };
        assert_eq!(uri("/p", "c", &query), "/p/log?container=c&tailLines=5&limitBytes=1048576&timestamps=true");
        (query.tail, query.since, query.previous) = (u32::MAX, Some(1_700_000_000_999), true);
        let uri = uri("/p", "c", &query);
        assert!(
            uri.contains("tailLines=10000&") && uri.ends_with("&sinceTime=2023-11-14T22:13:20Z&previous=true"),
            "{uri}"
        );
    }
}
