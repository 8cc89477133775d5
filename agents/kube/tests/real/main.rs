//! The driver, the agent's decisions and the manifests of `deploy/kubernetes` on real clusters, with containers that really run.
//! Needs root, and says so.

mod agent;
mod fence;
mod guard;
mod kinds;
mod rights;
mod same;
mod samples;

use std::path::Path;

use anyhow::{Context as _, Result};
use verbund_testbed::{Image, Site, Testbed, may_run};

/// What the operator of a cluster applies before the agent comes.
const DEPLOYED: [&str; 2] = [
    include_str!("../../../../deploy/kubernetes/rbac.yaml"),
    include_str!("../../../../deploy/kubernetes/admission.yaml"),
];

/// One pair of clusters for all questions, because starting takes longest.
#[tokio::test(flavor = "multi_thread")]
async fn an_agent_on_two_real_clusters() -> Result<()> {
    if !may_run("the agent on two real clusters")? {
        return Ok(());
    }
    let directory = tempfile::Builder::new().prefix("vak").tempdir_in("/tmp")?;
    let testbed = Testbed::new(directory.path()).await?;
    let sites = testbed.sites(&["mitte", "nord"]).await?;
    let [mitte, nord] = sites.as_slice() else { anyhow::bail!("two sites were asked for") };
    for site in [mitte, nord] {
        prepare(site).await.with_context(|| format!("preparing {}", site.name()))?;
    }
    let on_mitte = agent::Agent::start(mitte).await?;
    let on_nord = agent::Agent::start(nord).await?;

    for (site, agent) in [(mitte, &on_mitte), (nord, &on_nord)] {
        println!("all kinds at {}", site.name());
        kinds::live_and_go(site, agent).await.with_context(|| format!("all kinds at {}", site.name()))?;
    }
    println!("rights");
    rights::end_at_the_namespace(mitte, &on_mitte).await.context("rights")?;
    println!("what others manage");
    rights::leave_alone_what_others_manage(mitte, &on_mitte).await.context("what others manage")?;
    println!("as with kubectl");
    same::as_with_kubectl(mitte, &on_mitte).await.context("as with kubectl")?;
    println!("fencing");
    fence::stops_and_knows_it(mitte, &on_mitte).await.context("fencing")?;
    println!("a dead API server");
    fence::outlives_the_api_server(nord, &on_nord).await.context("a dead API server")?;
    println!("guard");
    guard::ends_real_containers(&testbed, nord).await.context("guard")?;

    drop((on_mitte, on_nord));
    drop(sites);
    testbed.stop().await
}

async fn prepare(site: &Site) -> Result<()> {
    for manifest in DEPLOYED {
        site.apply(manifest).await?;
    }
    site.apply(samples::CLUSTER_KINDS).await?;
    site.load(&Image::busybox()?).await
}

/// A kubeconfig of the agent's own ServiceAccount, with nothing of the administrator's rights.
async fn kubeconfig(site: &Site, folder: &Path) -> Result<std::path::PathBuf> {
    let token =
        site.kubectl(&["create", "token", "agent", "--namespace", "verbund-system", "--duration", "2h"]).await?;
    let admin = kube::config::Kubeconfig::read_from(site.kubeconfig())?;
    let cluster =
        admin.clusters.first().and_then(|named| named.cluster.as_ref()).context("the file names a cluster")?;
    let mut to = serde_json::json!({ "server": cluster.server });
    if let Some(data) = &cluster.certificate_authority_data {
        to["certificate-authority-data"] = data.as_str().into();
    }
    if let Some(file) = &cluster.certificate_authority {
        to["certificate-authority"] = file.as_str().into();
    }
    let file = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "agent",
        "clusters": [{ "name": "c", "cluster": to }],
        "users": [{ "name": "agent", "user": { "token": token.trim() } }],
        "contexts": [{ "name": "agent", "context": { "cluster": "c", "user": "agent" } }],
    });
    let path = folder.join("kubeconfig");
    std::fs::write(&path, file.to_string())?;
    Ok(path)
}
