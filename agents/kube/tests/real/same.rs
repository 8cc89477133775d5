//! Three well-known manifests behave as with `kubectl apply`.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use verbund_testbed::Site;

use crate::agent::{Agent, PARALLEL, copy, documents};
use crate::samples;

pub async fn as_with_kubectl(site: &Site, agent: &Agent) -> Result<()> {
    let manifests = [("guestbook", samples::guestbook()), ("server", samples::server()), ("cron", samples::cron())];
    for (name, manifest) in manifests {
        let wanted = copy(name, PARALLEL, &manifest)?;
        agent.ready(&wanted).await?;
        let beside = format!("{name}-kubectl");
        site.kubectl(&["create", "namespace", &beside]).await?;
        let placed = documents(&manifest)?.into_iter().map(|mut document| {
            document["metadata"]["namespace"] = beside.as_str().into();
            document.to_string()
        });
        site.apply(&placed.collect::<Vec<_>>().join("\n---\n")).await?;
        for document in documents(&manifest)? {
            let ours = read(site, &document, name).await?;
            let theirs = read(site, &document, &beside).await?;
            ensure!(ours == theirs, "{} differs:\nagent:   {ours}\nkubectl: {theirs}", document["metadata"]["name"]);
        }
        site.kubectl(&["delete", "namespace", &beside, "--wait=false"]).await?;
        agent.remove(&wanted).await?;
    }
    Ok(())
}

/// An object without what differs between any two objects, and what the agent adds to it on purpose.
async fn read(site: &Site, document: &Value, namespace: &str) -> Result<Value> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
    let (kind, name) = (text(&document["kind"])?, text(&document["metadata"]["name"])?);
    let object = site.kubectl(&["get", &kind, &name, "--namespace", namespace, "-o", "json"]).await?;
    let mut object: Value = serde_json::from_str(&object)?;
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    let metadata = &object["metadata"];
    object["metadata"] = serde_json::json!({ "name": metadata["name"], "labels": metadata["labels"], "annotations": metadata["annotations"] });
    for field in ["clusterIP", "clusterIPs"] {
        if let Some(spec) = object["spec"].as_object_mut() {
            spec.remove(field);
        }
    }
    strip(&mut object);
    Ok(object)
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| {
                !name.starts_with("verbund.de/")
                    && name != "app.kubernetes.io/managed-by"
                    && name != "deployment.kubernetes.io/revision"
            });
            fields.retain(|name, value| {
                strip(value);
                let may_be_empty = matches!(name.as_str(), "labels" | "annotations" | "env" | "metadata" | "namespace");
                let of_time = matches!(name.as_str(), "creationTimestamp" | "generation" | "namespace");
                let is_empty = match value {
                    Value::Object(fields) => fields.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    other => other.is_null(),
                };
                !(of_time || may_be_empty && is_empty)
            });
        }
        Value::Array(items) => {
            items.retain(|item| !item["name"].as_str().is_some_and(|name| name.starts_with("VERBUND_")));
            items.iter_mut().for_each(strip);
        }
        _ => {}
    }
}
