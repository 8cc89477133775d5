//! The description (OpenAPI 3.1) against the router, and against itself.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};
use verbund_agent_core::Question;
use verbund_api::wire::{ENVELOPE_TYPE, ENVELOPES_TYPE, write_asked};
use verbund_api::{Caller, ProblemKind};
use verbund_model::view::Kind;

use crate::client::{Client, request};
use crate::memory::START;
use crate::schemas::{DOCUMENT, resolve, template, validator};

fn operations() -> Vec<(&'static str, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let all = paths.iter().flat_map(|(path, item)| {
        item.as_object().unwrap().iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    });
    all.collect()
}

fn walk<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value)) {
    visit(value);
    match value {
        Value::Array(items) => items.iter().for_each(|v| walk(v, visit)),
        Value::Object(fields) => fields.values().for_each(|v| walk(v, visit)),
        _ => {}
    }
}

#[test]
fn it_is_whole_in_itself() {
    assert_eq!(DOCUMENT["openapi"], "3.1.0");
    let mut used = BTreeSet::new();
    walk(&DOCUMENT, &mut |value| {
        if let Some(reference) = value["$ref"].as_str() {
            assert!(DOCUMENT.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
            used.insert(reference.to_owned());
        }
    });
    for section in ["schemas", "parameters", "headers"] {
        for name in DOCUMENT["components"][section].as_object().unwrap().keys() {
            let streamed = ["Event", "Bookmark"].contains(&name.as_str());
            assert!(streamed || used.contains(&format!("#/components/{section}/{name}")), "{name} is used nowhere");
        }
    }
    for schema in DOCUMENT["components"]["schemas"].as_object().unwrap().values() {
        validator(schema);
    }
}

#[test]
fn operations_are_named_guarded_and_have_their_parameters() {
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations() {
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}");
        assert!(operation["security"].is_array() && operation["summary"].is_string(), "{method} {path}");
        assert_eq!(operation["requestBody"].is_object(), method == "post");
        let parameters: Vec<&Value> = operation["parameters"].as_array().unwrap().iter().map(resolve).collect();
        let named: BTreeSet<&str> =
            parameters.iter().filter(|p| p["in"] == "path").map(|p| p["name"].as_str().unwrap()).collect();
        let wanted: BTreeSet<&str> = path.split('/').filter_map(|p| p.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named, wanted, "{path}");
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(resolve(response)["description"].is_string(), "{path} {status}");
        }
    }
}

#[test]
fn tables_equal_those_of_the_code() {
    let strings = |value: &Value| -> BTreeSet<String> {
        value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let schemas = &DOCUMENT["components"]["schemas"];
    let problems = ProblemKind::ALL.iter().map(|k| format!("urn:verbund:problem:{}", k.name())).collect();
    assert_eq!(strings(&schemas["Problem"]["properties"]["type"]["enum"]), problems);
    let plurals = Kind::ALL.iter().map(|k| k.plural().to_owned()).collect();
    assert_eq!(strings(&DOCUMENT["components"]["parameters"]["Kind"]["schema"]["enum"]), plurals);
    let lists = Kind::ALL.iter().map(|k| format!("{k}List")).collect();
    assert_eq!(strings(&schemas["ResourceList"]["properties"]["kind"]["enum"]), lists);
    let kinds: BTreeSet<String> = Kind::ALL.iter().map(|k| format!("#/components/schemas/{k}")).collect();
    let described = schemas["Resource"]["oneOf"].as_array().unwrap();
    assert_eq!(described.iter().map(|r| r["$ref"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), kinds);
}

#[test]
fn described_problems_stand_under_their_status() {
    let statuses: BTreeMap<&str, u16> = ProblemKind::ALL.iter().map(|k| (k.name(), k.status().as_u16())).collect();
    let mut described = BTreeSet::new();
    for (path, _, operation) in operations() {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let Some(names) = response["description"].as_str().unwrap().strip_prefix("Problem: ") else { continue };
            for name in names.trim_end_matches('.').split(", ") {
                assert_eq!(statuses[name].to_string(), *status, "{path}: {name}");
                described.insert(name);
            }
        }
    }
    // These answer what no operation is, or stand in streams only.
    described.extend(["method-not-allowed", "lagged"]);
    assert_eq!(described, statuses.keys().copied().collect());
}

#[test]
fn every_route_of_the_router_is_described() {
    let source = include_str!("../../src/router.rs");
    let routes = source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    let routes: BTreeSet<&str> = routes.collect();
    assert_eq!(routes, operations().iter().map(|(path, ..)| *path).collect());
    assert_eq!(template("/v1/watch"), Some("/v1/watch"));
    assert_eq!(template("/v1/sites/nord"), Some("/v1/{kind}/{name}"));
}

/// Method, path with query, headers, body.
type Example = (Method, String, Vec<(&'static str, &'static str)>, Vec<u8>);

/// A request for each operation that succeeds.
fn examples(client: &Client) -> BTreeMap<&'static str, Example> {
    let envelope = client.user.entry(1, "dns", None);
    let get = |path: &str| (Method::GET, path.to_owned(), vec![], vec![]);
    let post = |path: &str, media, body| (Method::POST, path.to_owned(), vec![("content-type", media)], body);
    let events = Question::Events("kfz".parse().unwrap());
    let asked = |path: &str| {
        let proof: &'static str = write_asked(&client.user.asked(&events)).leak();
        (Method::GET, path.to_owned(), vec![("verbund-asked", proof)], vec![])
    };
    let login = serde_json::to_vec(&client.user.login(START, "CSR")).unwrap();
    BTreeMap::from([
        ("getLive", get("/livez")),
        ("getReady", get("/readyz")),
        ("getOpenapi", get("/v1/openapi.json")),
        ("getStatus", get("/v1/status")),
        ("getGenesis", get("/v1/genesis")),
        ("submitEnvelope", post("/v1/envelopes", ENVELOPE_TYPE, envelope.to_bytes())),
        ("submitEnvelopes", post("/v1/envelopes/stream", ENVELOPES_TYPE, vec![])),
        ("issueCertificate", post("/v1/certificates", "application/json", login)),
        ("getSession", get(&format!("/v1/sessions/{}", client.user.key_id()))),
        ("exportAudit", get("/v1/audit/export?from=1")),
        ("watch", get("/v1/watch?kinds=sites&consistency=stale")),
        ("listResources", get("/v1/sites?limit=1&consistency=stale")),
        ("getResource", get("/v1/sites/nord?fields=spec.land")),
        ("planMove", get("/v1/plan?workload=kfz&cause=relocate&to=nord-a")),
        ("planWorkload", post("/v1/plan", "application/json", serde_json::to_vec(&crate::memory::workload()).unwrap())),
        ("getReasons", get("/v1/why/kfz")),
        ("getLogs", asked("/v1/workloads/kfz/logs?tail=5")),
        ("getEvents", asked("/v1/workloads/kfz/events")),
        ("drawDirective", post("/v1/directives/impact", "application/json", crate::directives::wanted())),
        ("submitDirective", post("/v1/directives/live", "application/json", crate::directives::bytes(1))),
        ("listLiveDirectives", get("/v1/directives/live")),
        ("watchLiveDirectives", get("/v1/directives/live/watch")),
        ("getLiveDirective", get("/v1/directives/live/9")),
        ("getCapacity", get("/v1/capacity?consistency=stale")),
    ])
}

#[tokio::test]
async fn every_operation_succeeds_as_described() {
    let client = Client::new();
    client.memory.site("nord");
    client.memory.site("sued");
    client.memory.put(Kind::Workload, "kfz", json!({}), json!({}));
    client.memory.directives.send_replace(vec![crate::directives::held(9)]);
    let mut examples = examples(&client);
    for (path, method, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        let (sent, uri, headers, body) = examples.remove(id).unwrap_or_else(|| panic!("no example of {id}"));
        assert_eq!(sent.as_str().to_ascii_lowercase(), method);
        assert_eq!(template(uri.split('?').next().unwrap()), Some(path));
        let request = request(sent.clone(), &uri, client.user.caller(), &headers, Body::from(body));
        if ["watch", "watchLiveDirectives"].contains(&id) {
            let answer = client.send(request).await;
            assert_eq!(answer.status(), 200);
            let content = operation["responses"]["200"]["content"].as_object().unwrap();
            assert!(content.contains_key(answer.headers()["content-type"].to_str().unwrap()));
            continue;
        }
        let answer = client.ask(request).await;
        assert!(answer.status.is_success(), "{id}: {} {:?}", answer.status, answer.body);
        let promised = operation["responses"][answer.status.as_str()]["headers"].as_object().unwrap();
        for header in promised.keys().filter(|h| *h != "Verbund-Age-Ms") {
            assert!(answer.headers.contains_key(header.as_str()), "{id} promises {header}");
        }
    }
    assert!(examples.is_empty(), "{:?}", examples.keys());
}

/// Guarded operations refuse, open ones do not, and none but those described exist.
#[tokio::test]
async fn security_and_methods_are_as_described() {
    let client = Client::new();
    client.memory.site("nord");
    client.memory.directives.send_replace(vec![crate::directives::held(9)]);
    for (path, _, operation) in operations() {
        let id = operation["operationId"].as_str().unwrap();
        let (sent, uri, headers, body) = examples(&client).remove(id).unwrap();
        let anonymous = request(sent, &uri, Caller::Anonymous, &headers, Body::from(body));
        let answer = client.ask(anonymous).await;
        let guarded = operation["security"] == json!([{"userCertificate": []}]);
        assert_eq!(answer.status == 401, guarded, "{id}");
        for other in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let described = DOCUMENT["paths"][path][other.as_str().to_ascii_lowercase()].is_object();
            let refused = if described {
                continue;
            } else {
                request(other.clone(), &uri, client.user.caller(), &[], Body::empty())
            };
            client.ask(refused).await.problem("method-not-allowed");
        }
    }
}
