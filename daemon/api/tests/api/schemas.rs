//! Holding answers against the description: every answer that any test receives goes through here.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use http::Method;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};
use verbund_api::OPENAPI;

use crate::client::Answer;

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap());

/// What a `$ref` leads to, or the thing itself.
pub fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            DOCUMENT.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference}"))
        }
        None => value,
    }
}

/// A validator for a schema within the description (JSON Schema 2020-12, OpenAPI 3.1's default dialect).
pub fn validator(schema: &Value) -> Arc<Validator> {
    static BUILT: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().unwrap();
    let build = || {
        let root = json!({"allOf": [schema], "components": DOCUMENT["components"]});
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        Arc::new(options.build(&root).unwrap_or_else(|e| panic!("{schema}: {e}")))
    };
    Arc::clone(built.entry(schema.to_string()).or_insert_with(build))
}

pub fn named(schema: &str) -> Arc<Validator> {
    assert!(DOCUMENT["components"]["schemas"][schema].is_object(), "{schema}");
    validator(&json!({"$ref": format!("#/components/schemas/{schema}")}))
}

#[track_caller]
pub fn assert_valid(validator: &Validator, value: &Value) {
    let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{} at {}", e, e.instance_path())).collect();
    assert!(errors.is_empty(), "{value:#}\n{}", errors.join("\n"));
}

/// The described path that a request's path is an instance of; one without parameters before one with.
pub fn template(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &&String| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted.iter().zip(&parts).all(|(w, p)| w == p || (w.starts_with('{') && !p.is_empty()))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.keys().filter(fits).min_by_key(|t| t.matches('{').count()).map(String::as_str)
}

/// Whether an answer is one that the description promises: status, media type, body, headers.
#[track_caller]
pub fn check_answer(method: &Method, path: &str, answer: &Answer) {
    let Some(template) = template(path) else { return };
    let item: &'static Value = &DOCUMENT["paths"][template];
    let operation = &item[method.as_str().to_ascii_lowercase()];
    if !operation.is_object() {
        assert!(*method == Method::HEAD || answer.status == 405, "{method} {template}: {}", answer.status);
        return;
    }
    let what = format!("{method} {template}: {} {:?}", answer.status, String::from_utf8_lossy(&answer.body));
    let response = resolve(&operation["responses"][answer.status.as_str()]);
    assert!(response.is_object(), "not described: {what}");
    for name in answer.headers.keys().filter(|n| n.as_str().starts_with("verbund-") || *n == "etag") {
        let described = response["headers"].as_object().unwrap().keys().any(|d| d.eq_ignore_ascii_case(name.as_str()));
        assert!(described || answer.status.as_u16() >= 400, "header {name} not described: {what}");
    }
    let Some(content) = response["content"].as_object() else {
        assert!(answer.body.is_empty(), "{what}");
        return;
    };
    let media_type = answer.header("content-type").unwrap().split(';').next().unwrap();
    let schema = &content.get(media_type).unwrap_or_else(|| panic!("{media_type} not described: {what}"))["schema"];
    if media_type.ends_with("/json") || media_type.ends_with("problem+json") {
        assert_valid(&validator(schema), &answer.json());
    }
    if media_type.ends_with("problem+json") {
        let name = answer.json()["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        let description = response["description"].as_str().unwrap();
        let names: Vec<&str> = description.trim_start_matches("Problem: ").trim_end_matches('.').split(", ").collect();
        assert!(names.contains(&name.as_str()), "problem {name} not described: {what}");
    }
}

/// The check itself can fail: a body, a status, a media type and a problem that the description does not know.
#[test]
fn what_is_not_described_is_noticed() {
    let answer = |status: u16, media_type: &str, body: &str| {
        let headers = [(http::header::CONTENT_TYPE, media_type.parse().unwrap())].into_iter().collect();
        Answer { status: http::StatusCode::from_u16(status).unwrap(), headers, body: body.to_owned().into() }
    };
    let problem = |name: &str| {
        let document = json!({"type": format!("urn:verbund:problem:{name}"), "title": "t", "status": 404, "detail": "d", "instance": "urn:x"});
        answer(404, "application/problem+json", &document.to_string())
    };
    let passes = |answer: Answer| {
        std::panic::catch_unwind(move || check_answer(&Method::GET, "/v1/sites/nord", &answer)).is_ok()
    };
    assert!(passes(problem("not-found")));
    for wrong in [
        problem("range-not-held"),
        problem("unheard-of"),
        answer(404, "application/json", "{}"),
        answer(418, "application/problem+json", "{}"),
        answer(200, "application/json", "{}"),
        answer(200, "text/plain", "ok"),
    ] {
        let status = wrong.status;
        assert!(!passes(wrong), "{status}");
    }
}
