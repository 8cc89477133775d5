//! A Helm chart beside the document, rendered at its author's by the real `helm template`: what is signed, replicated and
//! applied is what came out, and says from which chart. No daemon and no agent ever renders anything.

mod copy;
mod helm;

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::helm::Helm;
use crate::cmd::apply;
use crate::t;

/// The chart's name and version, at each object that came of it.
const NAME: &str = "chart.verbund.de/name";
/// The digest of what was rendered, at each object that came of it.
const DIGEST: &str = "chart.verbund.de/digest";
/// What marks an object as something that Helm itself would run at a point of a release.
const HOOK: &str = "helm.sh/hook";

/// `spec.chart` of a workload's document.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chart {
    /// A directory or a packed chart (`.tgz`), relative to the document's directory and within it.
    path: String,
    /// What the document sets of the chart's values.
    #[serde(default)]
    values: Map<String, Value>,
}

#[derive(Deserialize)]
struct About {
    name: String,
    version: String,
}

impl Chart {
    /// The objects of the chart, for a workload of this name, in the namespace that it will have. `kubernetes` is the version
    /// to render for (`1.34`), where the workload demands one. Errors: why there are none.
    pub fn render(&self, workload: &str, kubernetes: Option<&str>, directory: &Path) -> Result<Vec<Value>, String> {
        let source = self.source(directory)?;
        let helm = Helm::find()?;
        // What is hashed is what is rendered, whoever changes the chart meanwhile.
        let desk = tempfile::tempdir().map_err(|error| t!("chart-desk", reason = error.to_string()))?;
        let copied = copy::into(&source, desk.path())?;
        let chart = copied.path.as_os_str();
        let word = OsStr::new;
        let about = helm.run(desk.path(), &[word("show"), word("chart"), chart])?;
        let about = apply::parse(&self.path, &about).map_err(|error| error.to_string())?.into_iter().next();
        let about: Option<About> = about.and_then(|about| serde_json::from_value(about).ok());
        let about = about.ok_or_else(|| t!("chart-form", path = self.path.as_str()))?;
        let values = desk.path().join("values.json");
        std::fs::write(&values, json!(self.values).to_string())
            .map_err(|error| t!("chart-desk", reason = error.to_string()))?;
        let mut arguments = vec![word("template"), word(workload), chart, word("--namespace"), word(workload)];
        arguments.extend([word("--values"), values.as_os_str(), word("--include-crds"), word("--skip-tests")]);
        // A schema can name others by address, and helm would fetch them.
        arguments.push(word("--skip-schema-validation"));
        if let Some(version) = kubernetes {
            arguments.extend([word("--kube-version"), word(version)]);
        }
        let text = helm.run(desk.path(), &arguments)?;
        let objects = apply::parse(&self.path, &text).map_err(|error| error.to_string())?;
        let label = format!("{}-{}", about.name, about.version);
        finished(objects, &label, &copied.digest)
    }

    /// Where the chart is. Errors: not beside the document.
    fn source(&self, directory: &Path) -> Result<PathBuf, String> {
        let (path, mut at) = (Path::new(&self.path), directory.to_owned());
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if self.path.is_empty() || !inside {
            return Err(t!("chart-outside", found = self.path.as_str()));
        }
        for part in path.components() {
            at.push(part);
            if at.is_symlink() {
                return Err(t!("chart-link", path = at.display().to_string()));
            }
        }
        Ok(at)
    }
}

/// The objects with where they come from. Errors: there are none, or one that only Helm could run.
fn finished(mut objects: Vec<Value>, label: &str, digest: &str) -> Result<Vec<Value>, String> {
    if objects.is_empty() {
        return Err(t!("chart-empty", chart = label));
    }
    for object in &mut objects {
        let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
        let shown = format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]));
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
            return Err(t!("chart-object", chart = label));
        };
        let annotations = metadata.entry("annotations").or_insert(Value::Null);
        if annotations.is_null() {
            *annotations = json!({});
        }
        let Some(annotations) = annotations.as_object_mut() else {
            return Err(t!("chart-object", chart = label));
        };
        if let Some(hook) = annotations.get(HOOK) {
            return Err(t!("chart-hook", object = shown, hook = text(hook)));
        }
        annotations.insert(NAME.to_owned(), json!(label));
        annotations.insert(DIGEST.to_owned(), json!(digest));
    }
    Ok(objects)
}
