//! What can happen to the site of an exclusive workload.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::rngs::StdRng;
use rand::{Rng as _, seq::IndexedRandom as _};
use tokio::task::JoinHandle;
use verbund_kit::{Signal, until_async};
use verbund_testbed::{Component, PATIENCE, Site};

use crate::Federation;

/// When, after the link was cut, something else happens while the federation waits for the lease to end.
const MEANWHILE: Duration = Duration::from_secs(3);
/// Between two attempts of a person to scale up.
const INSISTS: Duration = Duration::from_millis(500);

/// A fault at the site where the workload runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// Its link to all others is cut.
    LinkCut,
    /// Its agent is killed and does not come back.
    AgentKilled,
    /// Its agent stands still for longer than the lease, and then goes on.
    AgentStopped,
    /// Its API server is killed, and its link cut.
    ApiServerDead,
    /// Its daemon ends, or stands still.
    DaemonStopped,
    /// Its link is cut, and the leader is killed while the federation waits.
    LeaderChanged,
    /// Its link is cut, and two voters are killed and started anew while the federation waits.
    VotersRestarted,
    /// Its link is cut, and mended about when its lease ends.
    SiteReturns,
    /// Its link is cut, and somebody there scales the workload up again and again.
    ScaledUp,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LinkCut => "link cut",
            Self::AgentKilled => "agent killed for good",
            Self::AgentStopped => "agent stopped beyond the lease",
            Self::ApiServerDead => "API server dead, link cut",
            Self::DaemonStopped => "daemon stopped",
            Self::LeaderChanged => "leader changed during the wait",
            Self::VotersRestarted => "voters restarted during the wait",
            Self::SiteReturns => "site returns in the middle",
            Self::ScaledUp => "scaled up at the fenced site",
        })
    }
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 9] = [
        Self::LinkCut,
        Self::AgentKilled,
        Self::AgentStopped,
        Self::ApiServerDead,
        Self::DaemonStopped,
        Self::LeaderChanged,
        Self::VotersRestarted,
        Self::SiteReturns,
        Self::ScaledUp,
    ];

    /// Whether the printed bound (lease + margin + 2 s) holds for the activation elsewhere. It does not where voters wait
    /// anew, where the quorum is gone for a while, or where the site may simply go on.
    #[must_use]
    pub fn is_bounded(self) -> bool {
        !matches!(self, Self::LeaderChanged | Self::VotersRestarted | Self::SiteReturns)
    }

    /// Whether the workload must move.
    #[must_use]
    pub fn moves(self) -> bool {
        self != Self::SiteReturns
    }

    /// Lets it happen to `victim`.
    pub(super) fn strike(self, federation: &mut Federation, victim: usize, random: &mut StdRng) -> Result<()> {
        let name = federation.name(victim).to_owned();
        match self {
            Self::AgentKilled => federation.kill_agent(victim),
            Self::AgentStopped => federation.agent(victim)?.signal(Signal::STOP),
            Self::DaemonStopped if random.random() => federation.kit.sites[victim].terminate(),
            Self::DaemonStopped => federation.kit.sites[victim].freeze(),
            Self::ApiServerDead => {
                federation.cluster(victim)?.kill(Component::ApiServer)?;
                federation.testbed.cut_off(&name)
            }
            _ => federation.testbed.cut_off(&name),
        }
    }

    /// What happens while the federation waits; `other` is the fallback's member. Lease and margin in milliseconds.
    pub(super) async fn meanwhile(
        self,
        federation: &mut Federation,
        (victim, other): (usize, usize),
        workload: &str,
        (lease, margin): (u64, u64),
        random: &mut StdRng,
    ) -> Result<Option<JoinHandle<()>>> {
        match self {
            Self::LeaderChanged => {
                tokio::time::sleep(MEANWHILE).await;
                change_leader(federation, victim).await?;
            }
            Self::VotersRestarted => {
                tokio::time::sleep(MEANWHILE).await;
                restart_two(federation, (victim, other), random).await?;
            }
            Self::SiteReturns => {
                let after = random.random_range(lease - 1_000..lease + margin + 1_500);
                tokio::time::sleep(Duration::from_millis(after)).await;
                let name = federation.name(victim).to_owned();
                federation.testbed.reconnect(&name)?;
            }
            Self::ScaledUp => {
                let (site, namespace) = (federation.cluster(victim)?.clone(), workload.to_owned());
                return Ok(Some(tokio::spawn(scale_up(site, namespace))));
            }
            _ => {}
        }
        Ok(None)
    }

    /// Takes it back.
    pub(super) async fn mend(self, federation: &mut Federation, victim: usize) -> Result<()> {
        let name = federation.name(victim).to_owned();
        federation.testbed.reconnect(&name)?;
        let site = federation.cluster(victim)?.clone();
        if !site.is_alive(Component::ApiServer) {
            site.start(Component::ApiServer)?;
        }
        federation.revive(victim)
    }
}

/// Kills the leader, waits for another, and starts it anew.
async fn change_leader(federation: &mut Federation, victim: usize) -> Result<()> {
    let others: Vec<usize> = (0..federation.kit.sites.len()).filter(|member| *member != victim).collect();
    let first = *others.first().context("a federation has other members")?;
    let (leader, _) = until_async("a leader among those that are left", PATIENCE, || async {
        let leader = federation.leader(first).await?;
        ensure!(leader != victim, "the lost site is still taken for the leader");
        Ok(leader)
    })
    .await?;
    let witness = *others.iter().find(|member| **member != leader).context("somebody is left to ask")?;
    federation.kit.sites[leader].kill()?;
    federation.another_leader(witness, leader).await?;
    federation.revive(leader)
}

/// `kill -9` for two voters that have neither copy, and starts them anew.
async fn restart_two(federation: &mut Federation, (victim, other): (usize, usize), random: &mut StdRng) -> Result<()> {
    let bystanders: Vec<usize> =
        (0..federation.kit.sites.len()).filter(|member| *member != victim && *member != other).collect();
    let two: Vec<usize> = bystanders.choose_multiple(random, 2).copied().collect();
    for member in &two {
        federation.kit.sites[*member].kill()?;
    }
    two.into_iter().try_for_each(|member| federation.revive(member))
}

/// A person, or an autoscaler, that wants more of it, whatever the answer is.
async fn scale_up(site: Site, namespace: String) {
    for replicas in (2..5).cycle() {
        let replicas = replicas.to_string();
        let scale = ["scale", "deployment", "writer", "--namespace", &namespace, "--replicas", &replicas];
        // That it is refused, or does nothing, is what is hoped for.
        let _refused = site.kubectl(&scale).await;
        tokio::time::sleep(INSISTS).await;
    }
}
