use serde_json::json;

use super::*;

#[test]
fn what_others_added_is_no_drift() {
    let applied =
        json!({ "spec": { "replicas": 2, "paused": false, "strategy": {}, "list": [{ "name": "a", "x": 1 }] } });
    let live = json!({ "spec": { "replicas": 2, "revisionHistoryLimit": 10,
                                 "list": [{ "name": "b" }, { "name": "a", "x": 1, "y": 2 }] }, "status": {} });
    assert_eq!(first(&applied, &live), None);
}

#[test]
fn a_changed_or_removed_field_is_named() {
    let applied = json!({ "spec": { "replicas": 2, "list": [{ "name": "a", "x": 1 }] } });
    assert_eq!(
        first(&applied, &json!({ "spec": { "replicas": 3, "list": [{ "name": "a", "x": 1 }] } })).unwrap(),
        "spec.replicas"
    );
    assert_eq!(
        first(&applied, &json!({ "spec": { "replicas": 2, "list": [{ "name": "a" }] } })).unwrap(),
        "spec.list.0.x"
    );
    assert_eq!(first(&applied, &json!({ "spec": { "replicas": 2, "list": [] } })).unwrap(), "spec.list.0");
    assert_eq!(first(&json!({ "a": true }), &json!({ "a": false })).unwrap(), "a");
}

#[test]
fn quantities_are_compared_by_what_they_say() {
    let resources = |cpu: &str| json!({ "resources": { "limits": { "cpu": cpu } } });
    assert_eq!(first(&resources("1000m"), &resources("1")), None);
    assert_eq!(first(&resources("0.5"), &resources("500m")), None);
    assert!(first(&resources("501m"), &resources("500m")).is_some());
    assert!(first(&json!({ "version": "1.10" }), &json!({ "version": "1.1" })).is_some(), "not everywhere");
    assert_eq!(quantity("1Gi"), quantity("1024Mi"));
    for bad in ["", ".", "1.2345", "1x", "-1", "99999999999999999999999999999999999999999"] {
        assert_eq!(quantity(bad), None, "{bad:?}");
    }
}

#[test]
fn what_is_never_read_back_does_not_matter() {
    assert_eq!(first(&json!({ "stringData": { "a": "b" } }), &json!({ "data": { "a": "Yg==" } })), None);
}
