use serde_json::json;

use super::*;
use crate::DesiredRole;
use crate::samples::{GUARDED, copy};

fn template() -> Value {
    json!({ "spec": {
        "initContainers": [{ "name": "early", "image": "a", "command": ["/early"] }],
        "containers": [{ "name": "web", "image": "b", "command": ["/bin/web", "-x"], "args": ["y"],
                         "env": [{ "name": "VERBUND_STOP_BUDGET_MS", "value": "999999" }, { "name": "A", "value": "1" }] }],
        "volumes": [{ "name": "data", "emptyDir": {} }],
    } })
}

#[test]
fn each_container_is_started_by_the_guard() {
    let mut template = template();
    inject(&mut template, &copy(GUARDED, DesiredRole::Active, 3, &[]), &Settings::default());
    let spec = &template["spec"];
    assert_eq!(spec["initContainers"][0]["name"], names::GUARD, "the guard is there before anything starts");
    assert_eq!(spec["initContainers"][1]["command"], json!([names::GUARD_PATH, "run", "--", "/early"]));
    let web = &spec["containers"][0];
    assert_eq!(web["command"], json!([names::GUARD_PATH, "run", "--", "/bin/web", "-x"]));
    assert_eq!(web["args"], json!(["y"]));
    assert_eq!(
        web["volumeMounts"],
        json!([{ "name": names::GUARD, "mountPath": names::GUARD_FOLDER, "readOnly": true }])
    );
    assert_eq!(spec["volumes"].as_array().unwrap().len(), 2);
}

#[test]
fn a_manifest_cannot_set_the_guards_environment() {
    let mut template = template();
    inject(&mut template, &copy(GUARDED, DesiredRole::Active, 3, &[]), &Settings::default());
    let env = template["spec"]["containers"][0]["env"].as_array().unwrap();
    let budgets: Vec<_> = env.iter().filter(|one| one["name"] == names::ENV_STOP_BUDGET).collect();
    assert_eq!(budgets, [&json!({ "name": names::ENV_STOP_BUDGET, "value": "3000" })]);
    assert!(env.iter().any(|one| one["name"] == "A"));
}

#[test]
fn the_copying_container_is_restricted() {
    let copier = copier(&Settings::default());
    let context = &copier["securityContext"];
    assert_eq!(context["runAsNonRoot"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
}
