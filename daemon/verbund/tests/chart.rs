//! A chart beside a workload's document, rendered by the real helm, and charts that mean harm.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use std::net::TcpListener;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use desk::{Desk, Said};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use verbund_kit::helm;

/// A small chart: values, a helper, notes, a test, a kind of its own.
const FILES: [(&str, &str); 7] = [
    ("Chart.yaml", "apiVersion: v2\nname: kfz\nversion: 1.2.3\ndescription: Kfz-Zulassung\n"),
    ("values.yaml", "replicas: 1\nimage: registry.example/kfz\n"),
    ("templates/_helpers.tpl", "{{- define \"kfz.labels\" -}}\napp: {{ .Release.Name }}\n{{- end -}}\n"),
    (
        "templates/deployment.yaml",
        r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  namespace: {{ .Release.Namespace }}
  labels: {{- include "kfz.labels" . | nindent 4 }}
  annotations: {kubernetes: '{{ .Capabilities.KubeVersion.Minor }}'}
spec:
  replicas: {{ .Values.replicas }}
  template: {spec: {containers: [{name: web, image: '{{ .Values.image }}'}]}}
"#,
    ),
    ("templates/NOTES.txt", "Herzlichen Glückwunsch\n"),
    (
        "templates/tests/answers.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: answers, annotations: {helm.sh/hook: test}}\n",
    ),
    (
        "crds/kennzeichen.yaml",
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: kennzeichen.kfz.example}\n",
    ),
];

struct Scene {
    desk: Desk,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { desk: Desk::new() };
        for (name, text) in FILES {
            scene.file(name, text);
        }
        scene.document(json!({ "path": "chart", "values": { "replicas": 3 } }));
        scene
    }

    /// A file of the chart.
    fn file(&self, name: &str, text: &str) {
        let path = self.desk.path("chart").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn document(&self, chart: Value) {
        let document = json!({
            "apiVersion": "verbund.de/v1", "kind": "Workload", "metadata": { "name": "kfz" },
            "spec": {
                "organisation": "dataport",
                "requirements": {
                    "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal", "stage": "production",
                    "kubernetesMin": { "major": 1, "minor": 33 }, "amounts": { "cpuMillis": 500 },
                },
                "mode": { "parallel": { "copies": 1 } }, "stopBudget": 2000, "failover": "automatic", "chart": chart,
            },
        });
        std::fs::write(self.desk.path("kfz.yaml"), document.to_string()).unwrap();
    }

    fn command(&self, lang: &str) -> Command {
        self.desk.command(&["--lang", lang, "workload", "render", "-f", &self.desk.text("kfz.yaml"), "-o", "json"])
    }

    fn said(&self) -> Said {
        self.command("en").env("VERBUND_HELM", helm().unwrap()).output().unwrap().into()
    }

    fn manifests(&self) -> Vec<Value> {
        let said = self.said().expect(0);
        let document: Value = serde_json::from_str(said.out.trim()).unwrap();
        document["spec"]["manifests"].as_array().unwrap().clone()
    }

    /// Why it is not rendered; within a time in which it must be told.
    #[track_caller]
    fn wrong(&self, parts: &[&str]) {
        let begun = Instant::now();
        let said =
            self.command("en").env("VERBUND_HELM", helm().unwrap()).env("VERBUND_HELM_SECONDS", "10").output().unwrap();
        let said = Said::from(said).expect(1);
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}: {}", begun.elapsed(), said.all());
        for part in parts.iter().chain(&["spec.chart"]) {
            assert!(said.talk.contains(part), "\"{part}\" is missing: {}", said.all());
        }
        assert!(said.talk.len() < 10_000, "{} bytes", said.talk.len());
    }
}

fn digest(object: &Value) -> String {
    object["metadata"]["annotations"]["chart.verbund.de/digest"].as_str().unwrap().to_owned()
}

#[test]
fn a_chart_becomes_the_manifests_of_its_workload() {
    let scene = Scene::new();
    let found = scene.manifests();
    let kinds: Vec<_> = found.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["CustomResourceDefinition", "Deployment"], "its test and its notes are nothing to apply");
    let deployment = &found[1];
    // The document's values before the chart's, the workload's name, its namespace, the version that it demands.
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(deployment["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example/kfz");
    let metadata = &deployment["metadata"];
    assert_eq!((&metadata["name"], &metadata["namespace"]), (&json!("kfz-web"), &json!("kfz")));
    assert_eq!(metadata["labels"], json!({ "app": "kfz" }));
    assert_eq!(metadata["annotations"]["kubernetes"], "33");
    assert_eq!(metadata["annotations"]["chart.verbund.de/name"], "kfz-1.2.3");
    // The digest is that of the chart, wherever it lies, and another one for another chart.
    let first = digest(deployment);
    assert!(first.strip_prefix("sha256:").is_some_and(|hash| hash.len() == 64), "{first}");
    assert_eq!(digest(&found[0]), first);
    std::fs::create_dir(scene.desk.path("charts")).unwrap();
    std::fs::rename(scene.desk.path("chart"), scene.desk.path("charts/kfz")).unwrap();
    scene.document(json!({ "path": "charts/kfz" }));
    let again = scene.manifests();
    assert_eq!((digest(&again[1]), &again[1]["spec"]["replicas"]), (first.clone(), &json!(1)));
    std::fs::write(scene.desk.path("charts/kfz/README.md"), "anders").unwrap();
    assert_ne!(digest(&scene.manifests()[1]), first);
}

#[test]
fn a_packed_chart_gives_the_same_objects_and_the_digest_of_its_file() {
    let scene = Scene::new();
    let unpacked = scene.manifests();
    let (chart, out) = (scene.desk.text("chart"), scene.desk.text(""));
    let packed = Command::new(helm().unwrap()).args(["package", &chart, "-d", &out]).output().unwrap();
    assert!(packed.status.success(), "{packed:?}");
    scene.document(json!({ "path": "kfz-1.2.3.tgz", "values": { "replicas": 3 } }));
    let found = scene.manifests();
    let hash = HEXLOWER.encode(&Sha256::digest(std::fs::read(scene.desk.path("kfz-1.2.3.tgz")).unwrap()));
    assert_eq!(digest(&found[1]), format!("sha256:{hash}"));
    let bare = |objects: &[Value]| {
        let mut objects = objects.to_vec();
        for object in &mut objects {
            object["metadata"]["annotations"].as_object_mut().unwrap().remove("chart.verbund.de/digest").unwrap();
        }
        objects
    };
    assert_eq!(bare(&found), bare(&unpacked));
}

#[test]
fn without_helm_it_is_said_how_to_get_it() {
    let scene = Scene::new();
    for (lang, words) in [("de", "helm wurde nicht gefunden"), ("en", "helm was not found")] {
        let said = Said::from(scene.command(lang).env("PATH", "/nonexistent").output().unwrap()).expect(1);
        assert!(said.talk.contains(words) && said.talk.contains("VERBUND_HELM"), "{}", said.all());
    }
    let said: Said = scene.command("en").env("VERBUND_HELM", "/nonexistent/helm").output().unwrap().into();
    assert!(said.expect(1).talk.contains("/nonexistent/helm"));
    // On the path it is found without being named.
    let path = helm().unwrap().parent().unwrap().to_owned();
    Said::from(scene.command("en").env("PATH", path).output().unwrap()).expect(0);
}

#[test]
fn a_chart_lies_beside_its_document() {
    let scene = Scene::new();
    for path in ["../chart", "/etc", "", "chart/../../chart"] {
        scene.document(json!({ "path": path }));
        scene.wrong(&["beside"]);
    }
    scene.document(json!({ "path": "other" }));
    scene.wrong(&["other"]);
    std::os::unix::fs::symlink(scene.desk.path("chart"), scene.desk.path("link")).unwrap();
    scene.document(json!({ "path": "link" }));
    scene.wrong(&["link"]);
    scene.document(json!({ "path": "chart", "value": {} }));
    scene.wrong(&["value"]);
}

#[test]
fn nothing_leads_out_of_a_chart() {
    let scene = Scene::new();
    scene.file("templates/secret.yaml", "text: {{ .Files.Get \"passwd\" | quote }}\n");
    let link = scene.desk.path("chart/passwd");
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    scene.wrong(&["passwd", "link"]);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("/etc", scene.desk.path("chart/charts")).unwrap();
    scene.wrong(&["charts", "link"]);
    std::fs::remove_file(scene.desk.path("chart/charts")).unwrap();
    // A pipe would never end.
    assert!(Command::new("mkfifo").arg(&link).status().unwrap().success());
    scene.wrong(&["passwd", "neither"]);
}

#[test]
fn charts_have_bounds_and_so_has_what_comes_of_them() {
    let scene = Scene::new();
    let bad = "templates/bad.yaml";
    let object =
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c-{{ $i }}}\ndata: {x: '{{ repeat 100000 \"x\" }}'}\n";
    scene.file(bad, &format!("{{{{ range $i := until 200 }}}}\n{object}{{{{ end }}}}\n"));
    scene.wrong(&["8 MiB"]);
    scene.file(bad, "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}\n");
    scene.wrong(&["10 s"]);
    scene.file(bad, "{{ range until 1000000000 }}{{ end }}\n");
    scene.wrong(&["memory"]);
    scene.file(bad, "{{ fail \"der Wert fehlt\" }}\n");
    scene.wrong(&["der Wert fehlt"]);
    std::fs::remove_file(scene.desk.path("chart").join(bad)).unwrap();
    scene.file("large.bin", &"x".repeat(17 << 20));
    scene.wrong(&["16 MiB"]);
    std::fs::remove_file(scene.desk.path("chart/large.bin")).unwrap();
    assert_eq!(scene.manifests().len(), 2);
    for number in 0..2_001 {
        scene.file(&format!("many/{number}"), "");
    }
    scene.wrong(&["2000"]);
}

#[test]
fn what_only_helm_could_run_is_refused() {
    let scene = Scene::new();
    scene.file(
        "templates/migrate.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate, annotations: {helm.sh/hook: 'pre-upgrade'}}\n",
    );
    scene.wrong(&["Job migrate", "pre-upgrade"]);
}

/// A chart's schema may name others by address, and helm fetches them.
#[test]
fn a_chart_asks_nobody() {
    let scene = Scene::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    scene.file("values.schema.json", &json!({ "$ref": format!("http://{address}/schema.json") }).to_string());
    let asked = |listener: &TcpListener| listener.accept().is_ok();
    assert_eq!(scene.manifests().len(), 2);
    assert!(!asked(&listener), "helm asked {address}");
    // Helm by itself does: without that, this test would show nothing.
    let mut control = Command::new(helm().unwrap());
    control.args(["template", "kfz", &scene.desk.text("chart")]).env("HOME", scene.desk.text(""));
    let child = control.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn();
    let (mut child, begun) = (child.unwrap(), Instant::now());
    let mut seen = false;
    while !seen && begun.elapsed() < Duration::from_secs(30) {
        seen = asked(&listener);
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _: std::io::Result<Output> = child.wait_with_output();
    assert!(seen, "VOID: helm by itself asked nobody");
}
