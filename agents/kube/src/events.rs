//! What the cluster noted about a workload's objects.

use serde_json::Value;
use verbund_agent_core::ClusterEvent;
use verbund_model::WorkloadName;

use crate::api::As;
use crate::error::KubeError;
use crate::objects::Objects;

/// The events of a workload's namespace, the oldest first.
pub async fn read(objects: &Objects, workload: &WorkloadName) -> Result<Vec<ClusterEvent>, KubeError> {
    let path = format!("/api/v1/namespaces/{workload}/events");
    let listed = objects.server.list(As::Workload(workload), &path, None).await?;
    let mut events: Vec<ClusterEvent> = listed.iter().map(event).collect();
    events.sort_by_key(|event| event.time);
    Ok(events)
}

/// An event from its object. New ones count in a series, old ones by themselves; some have only a time of making.
fn event(event: &Value) -> ClusterEvent {
    let times = [
        &event["series"]["lastObservedTime"],
        &event["lastTimestamp"],
        &event["eventTime"],
        &event["firstTimestamp"],
        &event["metadata"]["creationTimestamp"],
    ];
    let time = times.into_iter().find_map(Value::as_str).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let count = [&event["series"]["count"], &event["count"]].into_iter().find_map(Value::as_u64).unwrap_or(1);
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let about = &event["involvedObject"];
    let part = |field: &str| about[field].as_str().unwrap_or_default();
    ClusterEvent {
        time: time.and_then(|time| u64::try_from(time.as_millisecond()).ok()).unwrap_or(0),
        warning: event["type"] == "Warning",
        object: format!("{} {}", part("kind"), part("name")).trim().to_owned(),
        reason: text("reason"),
        message: text("message").trim().to_owned(),
        count: u32::try_from(count).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_forms_of_events_are_read() {
        let old = event(&json!({
            "type": "Warning", "reason": "BackOff", "message": "Back-off\n", "count": 7,
            "involvedObject": { "kind": "Pod", "name": "web-1" },
            "firstTimestamp": "2026-11-22T20:00:00Z", "lastTimestamp": "2026-11-22T20:00:05Z",
        }));
        assert_eq!((old.time % 60_000, old.warning, old.count), (5_000, true, 7));
        assert_eq!((old.object.as_str(), old.message.as_str()), ("Pod web-1", "Back-off"));
        let new = event(&json!({
            "type": "Normal", "reason": "Scheduled", "eventTime": "2026-11-22T20:00:01.250000Z",
            "lastTimestamp": null, "series": { "count": 3, "lastObservedTime": "2026-11-22T20:00:09.5Z" },
        }));
        assert_eq!((new.time % 60_000, new.warning, new.count), (9_500, false, 3));
        assert_eq!(event(&json!({})).count, 1, "an event without anything is no fault");
    }
}
