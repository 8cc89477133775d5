//! What the agent, and a workload's ServiceAccount, may not do.

use anyhow::{Result, ensure};
use verbund_model::resource::CopyPhase;
use verbund_testbed::Site;

use crate::agent::{Agent, PARALLEL, copy};
use crate::samples;

fn secret(word: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: access}}\nstringData: {{word: {word}}}\n---{}",
        samples::one("web")
    )
}

/// What somebody is told who may not do a thing; an error if it was done.
async fn refused(site: &Site, arguments: &[&str]) -> Result<String> {
    match site.kubectl(arguments).await {
        Ok(done) => anyhow::bail!("{arguments:?} was not refused, but gave {done}"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

pub async fn end_at_the_namespace(site: &Site, agent: &Agent) -> Result<()> {
    let (one, other) = (copy("kfz", PARALLEL, &secret("eins"))?, copy("melde", PARALLEL, &secret("zwei"))?);
    agent.ready(&one).await?;
    agent.ready(&other).await?;
    let file = agent.kubeconfig.to_string_lossy().into_owned();
    let agents = ["--kubeconfig", file.as_str()];
    let account = "--as=system:serviceaccount:kfz:verbund-agent";
    let word = ["get", "secret", "access", "-o", "jsonpath={.data.word}", "--namespace"];
    let reads = |who: &[&'static str], namespace: &'static str| [who, &word[..], &[namespace]].concat();

    // It works at home: what is refused elsewhere is refused for the namespace.
    let own = site.kubectl(&[&agents[..], &reads(&[account], "kfz")].concat()).await?;
    ensure!(own == "ZWlucw==", "{own}");
    for (who, namespace) in [(&[account][..], "melde"), (&[], "kfz"), (&[], "melde")] {
        let told = refused(site, &[&agents[..], &reads(who, namespace)].concat()).await?;
        ensure!(told.contains("Forbidden") && told.contains("secrets"), "{told}");
    }
    let stranger = "--as=system:serviceaccount:kube-system:namespace-controller";
    let told = refused(site, &[&agents[..], &reads(&[stranger], "melde")].concat()).await?;
    ensure!(told.contains("cannot impersonate"), "{told}");

    // Even a right that somebody gave it elsewhere does not let it write there.
    let binding = ["create", "rolebinding", "wide", "--clusterrole=admin", "--serviceaccount=kfz:verbund-agent"];
    site.kubectl(&[&binding[..], &["--namespace", "melde"]].concat()).await?;
    let write = [account, "create", "configmap", "x", "--from-literal", "a=b", "--namespace"];
    site.kubectl(&[&agents[..], &write, &["kfz"]].concat()).await?;
    let told = refused(site, &[&agents[..], &write, &["melde"]].concat()).await?;
    ensure!(told.contains("verbund-workload") || told.contains("cannot create"), "{told}");
    // Nor does it lift what keeps it.
    let quota = [account, "patch", "resourcequota", "verbund", "--patch", r#"{"spec":{"hard":{"pods":"999"}}}"#];
    let told = refused(site, &[&agents[..], &quota, &["--namespace", "kfz"]].concat()).await?;
    ensure!(told.contains("the agent sees to it"), "{told}");

    // The agent itself writes into no namespace but workloads'.
    let foreign = ["label", "namespace", "default", "verbund.de/workload=default"];
    let told = refused(site, &[&agents[..], &foreign].concat()).await?;
    ensure!(told.contains("verbund-agent"), "{told}");
    let wide = ["create", "rolebinding", "verbund-agent", "--clusterrole=verbund-workload", "--user=x", "--namespace"];
    for namespace in ["default", "kfz"] {
        let _told = refused(site, &[&agents[..], &wide, &[namespace]].concat()).await?;
    }
    agent.remove(&one).await?;
    agent.remove(&other).await
}

pub async fn leave_alone_what_others_manage(site: &Site, agent: &Agent) -> Result<()> {
    let manifest = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata: {{colour: blue}}\n---{}",
        samples::one("web")
    );
    let first = copy("bauamt", PARALLEL, &samples::one("web"))?;
    agent.ready(&first).await?;
    site.apply(
        "apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: bauamt, annotations: {'argocd.argoproj.io/tracking-id': 'app:/ConfigMap:bauamt/settings'}}
data: {colour: red}",
    )
    .await?;
    let both = copy("bauamt", PARALLEL, &manifest)?;
    let turn = agent
        .until(&both, "what Argo CD manages is refused", |turn| matches!(turn.phase, Some(CopyPhase::Failed { .. })));
    let Some(CopyPhase::Failed { reason }) = turn.await?.phase else { anyhow::bail!("it was not refused") };
    ensure!(reason.contains("Argo CD") && reason.contains("take-over"), "{reason}");
    let colour = ["get", "configmap", "settings", "--namespace", "bauamt", "-o", "jsonpath={.data.colour}"];
    ensure!(site.kubectl(&colour).await? == "red", "what Argo CD manages was changed");
    // With the owner's word it is taken over.
    let taken = manifest.replace(
        "metadata: {name: settings}",
        "metadata: {name: settings, annotations: {verbund.de/take-over: 'true'}}",
    );
    let taken = copy("bauamt", PARALLEL, &taken)?;
    agent.ready(&taken).await?;
    ensure!(site.kubectl(&colour).await? == "blue");
    agent.remove(&taken).await
}
