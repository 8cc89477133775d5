use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::samples::{EXCLUSIVE, GUARDED, PARALLEL, Place, config_map, copy, deployment, service};

fn rendered(copy: &DesiredCopy) -> Vec<Wanted> {
    render(copy, &Place::new().context()).unwrap()
}

fn find<'a>(wanted: &'a [Wanted], kind: &str) -> &'a Object {
    &wanted.iter().find(|one| one.object.key.kind.kind == kind).unwrap().object
}

#[test]
fn what_others_lean_on_comes_first() {
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" },
                      "spec": { "ttlSecondsAfterFinished": 5, "template": { "spec": { "containers": [] } } } });
    let account = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "s" } });
    let copy = copy(PARALLEL, DesiredRole::Active, 4, &[job, deployment(), service(), config_map(), account]);
    let wanted = rendered(&copy);
    let kinds: Vec<&str> = wanted.iter().map(|one| one.object.key.kind.kind.as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "ServiceAccount", "ConfigMap", "Service", "Deployment", "Job"]);
    assert_eq!(wanted[0].object.key.name, names::EPOCH_CONFIG);
    assert_eq!(wanted[0].object.body["data"]["epoch"], "4");
    assert!(find(&wanted, "Job").body["spec"]["ttlSecondsAfterFinished"].is_null());
}

#[test]
fn pods_learn_their_epoch() {
    let wanted = rendered(&copy(EXCLUSIVE, DesiredRole::Active, 5, &[deployment()]));
    let template = &find(&wanted, "Deployment").body["spec"]["template"];
    assert_eq!(template["metadata"]["annotations"][names::EPOCH], "5");
    assert_eq!(template["metadata"]["labels"]["app"], "web");
    let env = &template["spec"]["containers"][0]["env"];
    assert_eq!(env[0], json!({ "name": names::ENV_WORKLOAD, "value": "wohngeld" }));
    assert_eq!(env[1], json!({ "name": names::ENV_EPOCH, "value": "5" }));
    assert_eq!(template["spec"]["containers"][0]["command"], json!(["/web"]), "not guarded at level agent");
}

#[test]
fn the_guard_stands_in_each_template_at_its_level() {
    let wanted = rendered(&copy(GUARDED, DesiredRole::Active, 5, &[deployment()]));
    let command = &find(&wanted, "Deployment").body["spec"]["template"]["spec"]["containers"][0]["command"];
    assert_eq!(command[0], names::GUARD_PATH);
}

#[test]
fn a_standby_holds_nothing_that_runs() {
    let wanted = rendered(&copy(EXCLUSIVE, DesiredRole::Standby, 0, &[deployment(), service(), config_map()]));
    let kinds: Vec<&str> = wanted.iter().map(|one| one.object.key.kind.kind.as_str()).collect();
    assert_eq!(kinds, ["ConfigMap", "Service"]);
}

#[test]
fn replicas_are_left_to_an_autoscaler() {
    let scaler = json!({ "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "h" },
        "spec": { "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" }, "maxReplicas": 9 } });
    let with = rendered(&copy(PARALLEL, DesiredRole::Active, 1, &[deployment(), scaler]));
    assert!(find(&with, "Deployment").body["spec"]["replicas"].is_null());
    let without = rendered(&copy(PARALLEL, DesiredRole::Active, 1, &[deployment()]));
    assert_eq!(find(&without, "Deployment").body["spec"]["replicas"], 2);
}

#[test]
fn a_cut_service_selects_nothing() {
    let wanted = rendered(&copy(EXCLUSIVE, DesiredRole::Active, 1, &[service(), deployment()]));
    let service = wanted.iter().find(|one| one.object.key.kind.kind == "Service").unwrap();
    let cut_off = cut(service).unwrap();
    assert_eq!(cut_off.body["spec"]["selector"][names::CUT], "true");
    assert_ne!(cut_off.digest, service.object.digest);
    let deployment = wanted.iter().find(|one| one.object.key.kind.kind == "Deployment").unwrap();
    assert_eq!(cut(deployment), None);
}

#[test]
fn the_quota_gives_room_for_an_update_and_none_when_fenced() {
    let open = base::quota("w", Some(&copy(PARALLEL, DesiredRole::Active, 1, &[]).amounts));
    assert_eq!(open.body["spec"]["hard"], json!({ "pods": "4", "requests.cpu": "1000m" }));
    assert_eq!(base::quota("w", None).body["spec"]["hard"], json!({ "pods": "0" }));
}

#[test]
fn the_namespace_is_restricted_and_denies() {
    let copy = copy(GUARDED, DesiredRole::Active, 6, &[]);
    let namespace = base::namespace(&crate::Facts::of(&copy));
    let labels = &namespace.body["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
    assert_eq!(labels[names::FENCE], "guard");
    assert_eq!(crate::Facts::read(&namespace.body), crate::Facts::of(&copy), "what is written is read again");
    let settings = crate::Settings { guard_desk: "10.0.0.1:7440, [fd00::1]:7441".to_owned(), ..Default::default() };
    let rest = base::rest(&copy, &settings);
    let deny = rest.iter().find(|object| object.key.name == names::DEFAULT_DENY).unwrap();
    assert_eq!(deny.body["spec"], json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }));
    let egress = rest.iter().find(|object| object.key.name == names::BASE_EGRESS).unwrap();
    let port = |port: u16| json!({ "protocol": "UDP", "port": port });
    let ports = &egress.body["spec"]["egress"][1]["ports"];
    assert_eq!(*ports, json!([port(7440), port(7441)]), "the guard reaches its desk");
}

/// Any JSON, as hostile as it gets.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        prop_oneof!["[a-z]{0,6}", Just("web".to_owned())].prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let names = prop_oneof![
            Just("spec"),
            Just("template"),
            Just("metadata"),
            Just("containers"),
            Just("initContainers"),
            Just("annotations"),
            Just("labels"),
            Just("command"),
            Just("env"),
            Just("volumes"),
            Just("name"),
            Just("items"),
            Just("rules"),
            Just("selector"),
            Just("scaleTargetRef"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::Array),
            prop::collection::btree_map(names.prop_map(str::to_owned), inner, 0..5)
                .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// Bad input never panics, whatever kind it claims to be.
    #[test]
    fn no_manifest_breaks_the_agent(
        body in any_json(),
        kind in prop_oneof![Just("Deployment"), Just("Service"), Just("Job"), Just("CustomResourceDefinition"), Just("Pod")],
    ) {
        let mut body = if body.is_object() { body } else { json!({ "spec": body }) };
        let api = match kind { "Deployment" => "apps/v1", "Job" => "batch/v1",
                               "CustomResourceDefinition" => "apiextensions.k8s.io/v1", _ => "v1" };
        body["apiVersion"] = api.into();
        body["kind"] = kind.into();
        if !body["metadata"].is_object() { body["metadata"] = json!({}); }
        body["metadata"]["name"] = "x".into();
        let Some(document) = verbund_model::Document::from_value(&body) else { return Ok(()) };
        for mode in [PARALLEL, GUARDED] {
            let mut copy = copy(mode, DesiredRole::Active, 1, &[]);
            copy.manifests = std::iter::once(document.clone()).collect();
            if let Ok(wanted) = render(&copy, &Place::new().context()) {
                for one in &wanted {
                    prop_assert_eq!(one.object.key.namespace.as_deref(), Some("wohngeld"));
                    let _ = cut(one);
                    let _ = crate::readiness::of(&one.object.key.kind, &one.object.body);
                    prop_assert_eq!(crate::drift::first(&one.object.body, &one.object.body), None);
                }
            }
        }
    }
}
