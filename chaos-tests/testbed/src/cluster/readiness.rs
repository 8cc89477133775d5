//! When a cluster counts as there.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{Node, ServiceAccount};
use k8s_openapi::jiff::Timestamp;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};

use super::Layout;
use crate::binaries::on_path;
use crate::command::run;

/// A client with the rights of the kubeconfig. Errors: it cannot be read.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    let read = Kubeconfig::read_from(kubeconfig).with_context(|| format!("reading {}", kubeconfig.display()))?;
    let config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// The API server says that it is ready, its first roles included.
pub(crate) async fn api_answers(client: &Client) -> Result<()> {
    let request = http::Request::get("/readyz").body(Vec::new())?;
    let answer = client.request_text(request).await?;
    ensure!(answer.trim() == "ok", "the API server says {answer:?}");
    Ok(())
}

/// containerd answers on its socket.
pub(crate) fn runtime_answers(layout: &Layout) -> Result<()> {
    let ctr = on_path("ctr").context("ctr is not on the path")?;
    run(Command::new(ctr).arg("--address").arg(layout.containerd_socket()).args([
        "--connect-timeout",
        "1s",
        "version",
    ]))?;
    Ok(())
}

/// The node is Ready, its kubelet has been heard of since `began` (a cluster that starts again remembers a node that was
/// ready), nothing keeps pods away from it, and pods have a ServiceAccount to run under.
pub(crate) async fn node_is_ready(client: &Client, name: &str, began: Timestamp) -> Result<()> {
    let leases = Api::<Lease>::namespaced(client.clone(), "kube-node-lease");
    let lease = leases.get(name).await.context("the kubelet has not been heard of")?;
    let renewed = lease.spec.and_then(|spec| spec.renew_time).context("the kubelet has not been heard of")?.0;
    ensure!(renewed >= began, "the kubelet was heard of last at {renewed}, before the start");
    let node = Api::<Node>::all(client.clone()).get(name).await.context("the node has not registered")?;
    let conditions = node.status.and_then(|status| status.conditions).unwrap_or_default();
    let ready =
        conditions.iter().find(|condition| condition.type_ == "Ready").context("the node has no condition Ready")?;
    ensure!(ready.status == "True", "the node is not ready: {}", ready.message.clone().unwrap_or_default());
    if let Some(taint) = node.spec.and_then(|spec| spec.taints).unwrap_or_default().first() {
        bail!("the node has the taint {}", taint.key);
    }
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), "default");
    accounts.get("default").await.context("the namespace default has no ServiceAccount")?;
    Ok(())
}
