//! What a workload's containers wrote.

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
            let tail = query.tail.min(LINES);
            let uri = format!("{path}/{name}/log?container={container}&tailLines={tail}&limitBytes={LIMIT}");
            let what = format!("reading the log of {workload}/{name}, container {container}");
            let request = Request::get(&uri).body(Vec::new()).map_err(kube::core::request::Error::BuildRequest);
            let text = match objects.server.text(As::Workload(workload), &what, built(&what, request)?).await {
                Ok(text) => text,
                // It has not started yet, or went meanwhile.
                Err(KubeError::Refused { code: 400 | 404, .. }) => continue,
                Err(error) => return Err(error),
            };
            let line =
                |text: &str| LogLine { pod: name.to_owned(), container: container.to_owned(), text: text.to_owned() };
            lines.extend(text.lines().map(line));
        }
    }
    Ok(lines)
}

/// Names of a pod's containers, which are DNS labels and need no escaping in a URL.
fn containers(pod: &Value) -> impl Iterator<Item = &str> {
    let lists = ["initContainers", "containers"].into_iter();
    let all = lists.flat_map(|list| pod["spec"][list].as_array().into_iter().flatten());
    all.filter_map(|container| container["name"].as_str())
}
