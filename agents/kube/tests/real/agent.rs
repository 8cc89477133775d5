//! An agent without a federation: it carries out what the core decides, with the driver.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use verbund_agent_core::{
    Act, Context, DesiredCopy, DesiredRole, Driver as _, Given, Object, ObservedCopy, Right, Settings, keys, reconcile,
};
use verbund_agent_kube::{Connection, KubeDriver, Options, connect};
use verbund_model::resource::{Amounts, ApiKind, CopyPhase, Mode};
use verbund_model::{ClusterName, Document, OrgName, WorkloadName};
use verbund_testbed::{PATIENCE, Site};

/// The lease generation that this agent holds.
pub const GENERATION: u64 = 3;

pub struct Agent {
    pub driver: KubeDriver,
    pub kubeconfig: PathBuf,
    cluster: ClusterName,
    listed: BTreeSet<ApiKind>,
    settings: Settings,
    _folder: tempfile::TempDir,
}

/// What came of one turn.
pub struct Turn {
    pub phase: Option<CopyPhase>,
    pub receipt: bool,
    pub acts: usize,
    pub observed: Arc<ObservedCopy>,
}

impl Agent {
    pub async fn start(site: &Site) -> Result<Self> {
        Self::with(site, Settings::default()).await
    }

    pub async fn with(site: &Site, settings: Settings) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let kubeconfig = crate::kubeconfig(site, folder.path()).await?;
        let connection = Connection { kubeconfig: Some(kubeconfig.clone()), context: None };
        // Drift is looked for each second, so that tests need not wait long.
        let options = Options { resync: Duration::from_secs(1), ..Options::default() };
        let driver = KubeDriver::start(connect(&connection).await?, options);
        let definitions = ApiKind {
            group: "apiextensions.k8s.io".into(),
            version: "v1".into(),
            kind: "CustomResourceDefinition".into(),
        };
        Ok(Self {
            driver,
            kubeconfig,
            cluster: ClusterName::new(site.name())?,
            listed: BTreeSet::from([definitions]),
            settings,
            _folder: folder,
        })
    }

    /// Looks once, and does what is to be done.
    pub async fn turn(&self, copy: &DesiredCopy, quiet: u64) -> Result<Turn> {
        let scopes = self.driver.measure().await?.scopes;
        let context =
            Context { cluster: &self.cluster, listed: &self.listed, scopes: &scopes, settings: &self.settings };
        let wanted = BTreeMap::from([(copy.workload.clone(), keys(copy, &context))]);
        let observed = self.driver.observe(&wanted).await?;
        let observed = observed.get(&copy.workload).context("every workload that was asked for is in the answer")?;
        let given = Given { right: Right::Held { generation: GENERATION }, quiet, floor: 0 };
        let mut turn = Turn { phase: None, receipt: false, acts: 0, observed: Arc::clone(observed) };
        for action in reconcile(&copy.workload, Some(copy), observed, given, &context) {
            match action.act {
                Act::Report { phase, .. } => turn.phase = Some(phase),
                Act::SignReceipt { .. } => turn.receipt = true,
                act => {
                    turn.acts += 1;
                    self.carry_out(&copy.workload, act).await?;
                }
            }
        }
        Ok(turn)
    }

    async fn carry_out(&self, workload: &WorkloadName, act: Act) -> Result<()> {
        let objects: Vec<Arc<Object>> = match act {
            Act::EnsureNamespace { objects } | Act::SetQuotaZero { objects } | Act::CutTraffic { objects } => objects,
            Act::Apply { object } | Act::MarkStopped { object } => vec![object],
            Act::Prune { objects } => {
                for key in objects {
                    self.driver.delete(workload, &key).await?;
                }
                return Ok(());
            }
            Act::DeletePods { grace } => return Ok(self.driver.delete_pods(workload, grace).await?),
            Act::SignReceipt { .. } | Act::Report { .. } => return Ok(()),
        };
        for object in objects {
            self.driver.apply(workload, &object).await?;
        }
        Ok(())
    }

    /// Takes turns, each when the driver says that something changed, until one is as wanted.
    pub async fn until(&self, copy: &DesiredCopy, what: &str, is_it: impl Fn(&Turn) -> bool) -> Result<Turn> {
        let begun = Instant::now();
        let mut quiet_since: Option<Instant> = None;
        let mut last = String::new();
        while begun.elapsed() < PATIENCE {
            let quiet = quiet_since.map_or(0, |at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
            match self.turn(copy, quiet).await {
                Ok(turn) => {
                    if is_it(&turn) {
                        println!("  {what}: {:.1} s", begun.elapsed().as_secs_f64());
                        return Ok(turn);
                    }
                    quiet_since = if verbund_agent_core::reconcile::is_quiet(&turn.observed) {
                        quiet_since.or(Some(Instant::now()))
                    } else {
                        None
                    };
                    last = format!("{:?}", turn.phase);
                }
                // Others change things meanwhile; an agent just takes the next turn.
                Err(error) => last = format!("{error:#}"),
            }
            // The driver says when to look again; the bound is for tests that wait for what it does not say.
            let _changed = tokio::time::timeout(Duration::from_millis(500), self.driver.changed()).await;
        }
        bail!("{what}: not within {PATIENCE:?}; last: {last}")
    }

    /// Until the copy is ready and nothing more is to be done.
    pub async fn ready(&self, copy: &DesiredCopy) -> Result<Turn> {
        let what = format!("{} ready", copy.workload);
        self.until(copy, &what, |turn| turn.phase == Some(CopyPhase::Ready) && turn.acts == 0).await
    }

    /// Removes a workload and everything of it.
    pub async fn remove(&self, copy: &DesiredCopy) -> Result<()> {
        let gone = DesiredCopy { role: DesiredRole::Gone { deleted: true }, ..copy.clone() };
        let is_gone = |turn: &Turn| {
            turn.observed.namespace == verbund_agent_core::NamespaceState::Absent && turn.observed.objects.is_empty()
        };
        self.until(&gone, &format!("{} gone", copy.workload), is_gone).await.map(drop)
    }
}

/// The documents of a manifest.
pub fn documents(manifest: &str) -> Result<Vec<Value>> {
    let documents = serde_saphyr::from_multiple::<Value>(manifest).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(documents.into_iter().filter(Value::is_object).collect())
}

/// A copy that is active, of a manifest.
pub fn copy(workload: &str, mode: Mode, manifest: &str) -> Result<DesiredCopy> {
    let documents = documents(manifest)?;
    let manifests =
        documents.iter().map(|body| Document::from_value(body).context("a document")).collect::<Result<_>>()?;
    let generation = if matches!(mode, Mode::Exclusive { .. }) { GENERATION } else { 0 };
    Ok(DesiredCopy {
        workload: WorkloadName::new(workload)?,
        organisation: OrgName::new("stadt")?,
        epoch: 1,
        role: DesiredRole::Active,
        mode,
        generation,
        stop_budget: 3_000,
        manifests,
        secrets: Arc::new([]),
        amounts: Amounts { cpu_millis: 2_000, memory_bytes: 1 << 30, pods: 20, ..Amounts::default() },
    })
}

pub const PARALLEL: Mode = Mode::Parallel { copies: 2 };
