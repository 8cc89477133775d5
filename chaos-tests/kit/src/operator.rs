//! A Softwarebetreiber: workloads, and an author that applies many of them at once.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use verbund_api::wire::StreamAnswer;
use verbund_model::resource::{FailoverAuthority, Mode, WorkloadSpec};
use verbund_model::{Accepted, Command, OrgName, Outcome, SiteName, WorkloadName};

use crate::api::EnvelopeStream;
use crate::author::{Author, Session};
use crate::federation::Federation;
use crate::federation::clusters::NETWORK;

/// Workloads under one signature.
const BATCH: usize = 64;

/// A workload of the first organisation.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name.
    pub name: WorkloadName,
    /// What is wanted.
    pub spec: WorkloadSpec,
}

impl Workload {
    /// A small one that any cluster can run, with a standby at least 200 km away, and which moves by itself.
    pub fn new(name: &str, mode: Mode) -> Result<Self> {
        let spec = serde_json::from_value(json!({
            "requirements": {
                "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal", "stage": "production",
                "networks": [NETWORK], "important": true,
                "amounts": { "cpuMillis": 10, "memoryBytes": 16 << 20, "pods": 1 },
            },
            "mode": mode, "standby": { "distance": "georedundant" }, "stopBudget": 1000, "failover": "automatic",
            "manifests": [deployment()],
        }));
        Ok(Self { name: WorkloadName::new(name)?, spec: spec.context("a workload's specification")? })
    }

    /// The same, with somebody else to decide that it moves, and what may be lost then, in seconds.
    #[must_use]
    pub const fn moved_by(mut self, failover: FailoverAuthority, rpo: u32) -> Self {
        (self.spec.failover, self.spec.rpo) = (failover, rpo);
        self
    }

    /// The same, at these sites (by name) and no others; none: at any.
    pub fn only_at(mut self, sites: &[&str]) -> Result<Self> {
        let sites = sites.iter().map(|site| site.parse()).collect::<Result<BTreeSet<SiteName>, _>>();
        self.spec.requirements.sites = sites.context("a site's name")?;
        Ok(self)
    }
}

/// One pod that sleeps, under Pod Security `restricted`.
fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": "web" } },
            "template": {
                "metadata": { "labels": { "app": "web" } },
                "spec": {
                    "securityContext": {
                        "runAsNonRoot": true, "runAsUser": 10001, "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "containers": [{
                        "name": "web",
                        "image": format!("registry.example/web@sha256:{}", "0".repeat(64)),
                        "command": ["/bin/sleep", "infinity"],
                        "resources": {
                            "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "cpu": "10m", "memory": "16Mi" },
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] },
                        },
                    }],
                },
            },
        },
    })
}

/// A Softwarebetreiber of the first organisation, with an open session.
pub struct Operator {
    /// The key.
    pub author: Author,
    session: Session,
}

impl Operator {
    /// A new one, who speaks through the site at `site` first.
    pub async fn new(federation: &Federation, user: &str, site: usize) -> Result<Self> {
        let author = federation.new_operator(user)?;
        let operator = Self { author, session: Session::opened(1, 0) };
        let open = operator.author.statement((1, 0), None, Command::OpenSession {});
        let stream = operator.stream(federation, site).await?;
        accepted(stream.submit(&operator.author.sign(&open)?).await?).context("opening a session")?;
        Ok(operator)
    }

    async fn stream(&self, federation: &Federation, site: usize) -> Result<EnvelopeStream> {
        EnvelopeStream::open(&mut federation.connect(site, &self.author).await?).await
    }

    /// Applies workloads through a site, many under one signature. Errors: one was refused, or the site did not answer.
    pub async fn apply(&self, federation: &Federation, site: usize, workloads: &[Workload]) -> Result<()> {
        let stream = self.stream(federation, site).await?;
        for batch in workloads.chunks(BATCH) {
            let mut statements = Vec::with_capacity(batch.len());
            for Workload { name, spec } in batch {
                let (name, organisation, spec) = (name.clone(), OrgName::new("o1")?, spec.clone());
                let (customer, expect, emergency) = (None, None, None);
                let command = Command::ApplyWorkload { name, organisation, customer, spec, expect, emergency };
                statements.push(self.author.statement(self.session.take(), None, command));
            }
            let envelopes = self.author.sign_batch(&statements)?;
            let sent = envelopes.iter().map(|envelope| stream.send(envelope)).collect::<Result<Vec<_>, _>>()?;
            for (pending, workload) in sent.into_iter().zip(batch) {
                accepted(pending.answer().await?).with_context(|| format!("applying {}", workload.name))?;
            }
        }
        Ok(())
    }
}

fn accepted(answer: StreamAnswer) -> Result<Accepted> {
    match answer {
        StreamAnswer::Outcome { outcome: Outcome::Accepted(accepted), .. } => Ok(accepted),
        other => bail!("not accepted: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_as_the_model_wants_it() {
        let workload = Workload::new("w", Mode::Parallel { copies: 1 }).unwrap().only_at(&["s1"]).unwrap();
        assert_eq!(workload.spec.requirements.sites.len(), 1);
        assert_eq!(workload.spec.manifests.len(), 1);
        assert!(workload.only_at(&["No Site"]).is_err());
    }
}
