//! Containers really run.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;
use verbund_testbed::{Image, ImageFile, Site, until};

/// A Deployment `name` whose containers run `script` in a shell.
pub fn deployment(name: &str, replicas: u32, script: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: default}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: main
        image: verbund.de/testbed/busybox:1
        imagePullPolicy: Never
        command: [sh, -c, \"trap 'exit 0' TERM; {script}\"]
"
    )
}

/// Waits until a Deployment has as many available replicas as it wants.
pub async fn is_available(site: &Site, name: &str) -> Result<()> {
    let deployments = Api::<Deployment>::namespaced(site.client().await?, "default");
    let (_, took) = until(&format!("the Deployment {name} at {}", site.name()), || async {
        let deployment = deployments.get(name).await?;
        let wanted = deployment.spec.replicas.unwrap_or(1);
        let available = deployment.status.and_then(|status| status.available_replicas).unwrap_or(0);
        ensure!(available == wanted, "{available} of {wanted} are available");
        Ok(())
    })
    .await?;
    println!("{name} at {} available after {:.1} s", site.name(), took.as_secs_f64());
    Ok(())
}

/// Two API servers, with states of their own.
pub async fn are_two_clusters(mitte: &Site, nord: &Site) -> Result<()> {
    let mut ids = Vec::new();
    for site in [mitte, nord] {
        let system = Api::<Namespace>::all(site.client().await?).get("kube-system").await?;
        ids.push(system.metadata.uid.context("a namespace has a uid")?);
        let nodes = site.kubectl(&["get", "nodes", "-o", "name"]).await?;
        ensure!(nodes.trim() == format!("node/{}", site.name()), "{} has {nodes}", site.name());
        let version = site.kubectl(&["version", "-o", "json"]).await?;
        ensure!(version.matches("v1.35.4").count() == 2, "client and server say another version: {version}");
    }
    ensure!(ids[0] != ids[1], "two sites share one cluster");
    Ok(())
}

/// Two containers of a Deployment, with addresses of their own; log and exec prove them, and the site lists their processes.
pub async fn run_and_answer(site: &Site) -> Result<()> {
    let before = site.processes()?.len();
    site.apply(&deployment("greeter", 2, "echo I am $(hostname); while :; do sleep 1 & wait; done")).await?;
    is_available(site, "greeter").await?;
    let pods = Api::<Pod>::namespaced(site.client().await?, "default");
    let names: Vec<_> = pods.list(&kube::api::ListParams::default().labels("app=greeter")).await?.items;
    ensure!(names.len() == 2, "{} pods", names.len());
    let mut addresses = Vec::new();
    for pod in &names {
        let name = pod.metadata.name.as_deref().context("a pod has a name")?;
        let log = site.kubectl(&["logs", name]).await?;
        ensure!(log.trim() == format!("I am {name}"), "the log says {log:?}");
        let hostname = site.kubectl(&["exec", name, "--", "hostname"]).await?;
        ensure!(hostname.trim() == name, "exec says {hostname:?}");
        addresses.push(pod.status.as_ref().and_then(|status| status.pod_ip.clone()).context("no address")?);
    }
    ensure!(addresses[0] != addresses[1], "two pods share an address");
    // Each pod: its shim, what holds its namespaces, the shell, and what the shell runs.
    let more = site.processes()?.len() - before;
    ensure!(more >= 6, "two pods are only {more} processes");

    // The API server is where the environment of every container says. busybox speaks no TLS that it would take, but what it
    // says to those who speak none is proof enough.
    let ask = r"printf 'GET / HTTP/1.0\r\n\r\n' | nc $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT";
    let answer = site.kubectl(&["exec", "deployment/greeter", "--", "sh", "-c", ask]).await?;
    ensure!(answer.contains("HTTP request to an HTTPS server"), "from a pod, the API server says {answer:?}");

    let start = Instant::now();
    site.kubectl(&["delete", "deployment", "greeter", "--wait=false"]).await?;
    until("the end of the pods", || async {
        let left = pods.list(&kube::api::ListParams::default().labels("app=greeter")).await?.items.len();
        if left == 0 { Ok(()) } else { bail!("{left} are left") }
    })
    .await?;
    println!("two pods gone after {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// A program of this machine with its shared libraries, and a file, as an image of nothing else.
pub async fn run_our_own_files(site: &Site) -> Result<()> {
    let mut files = ImageFile::program(Path::new("/usr/bin/sha256sum"), "/program")?;
    ensure!(files.len() > 1, "sha256sum was thought to need libraries");
    files.push(ImageFile::text("/data/abc", "abc", 0o444));
    let image = Image::with_files("verbund.de/testbed/own:1", files)?.runs(["/program", "/data/abc"]);
    site.load(&image).await?;
    let pod = "apiVersion: v1
kind: Pod
metadata: {name: own, namespace: default}
spec:
  restartPolicy: Never
  containers: [{name: main, image: 'verbund.de/testbed/own:1', imagePullPolicy: Never}]
";
    site.apply(pod).await?;
    let (log, took) = until("the log of the own image", || async {
        let log = site.kubectl(&["logs", "own"]).await?;
        ensure!(!log.is_empty(), "the log is empty");
        Ok(log)
    })
    .await?;
    println!("a pod of an own image has run after {:.1} s", took.as_secs_f64());
    // FIPS 180-4, the example "abc".
    ensure!(log.starts_with("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), "{log}");
    site.kubectl(&["delete", "pod", "own", "--wait=false"]).await.map(drop)
}
