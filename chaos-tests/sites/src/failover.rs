//! How long a parallel workload is away when its site is lost.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::Federation;

/// How often another is made to lead before it is given up.
const MOST_TURNS: usize = 10;

/// How the site of the workload is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Its link to all others is cut; everything there runs on.
    LinkCut,
    /// Everything there ends at once: daemon, agent, cluster, containers.
    PowerOff,
    /// Its agent is killed, and then its link is cut.
    AgentKilledThenCut,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LinkCut => "link cut",
            Self::PowerOff => "all processes killed",
            Self::AgentKilledThenCut => "agent killed, then link cut",
        })
    }
}

impl Loss {
    /// Each.
    pub const ALL: [Self; 3] = [Self::LinkCut, Self::PowerOff, Self::AgentKilledThenCut];

    async fn strike(self, federation: &mut Federation, victim: usize) -> Result<()> {
        let name = federation.name(victim).to_owned();
        match self {
            Self::LinkCut => federation.testbed.cut_off(&name),
            Self::PowerOff => federation.cluster(victim)?.clone().power_off().await,
            Self::AgentKilledThenCut => {
                federation.kill_agent(victim)?;
                federation.testbed.cut_off(&name)
            }
        }
    }

    async fn mend(self, federation: &mut Federation, victim: usize) -> Result<()> {
        let name = federation.name(victim).to_owned();
        federation.testbed.reconnect(&name)?;
        if self == Self::PowerOff {
            federation.cluster(victim)?.clone().power_on().await?;
        }
        federation.revive(victim)?;
        federation.kit.sites[victim].ready().await.map(drop)
    }
}

/// Loses the site where `workload` runs, and gives the time from the loss to the first write of a container at the fallback.
/// `led`: whether the lost site is to lead then. Everything is mended afterwards. Errors: something that should happen did not
/// within generous time.
pub async fn measure(federation: &mut Federation, workload: &str, loss: Loss, led: bool) -> Result<Duration> {
    let (victim, other) = ready(federation, workload, led).await?;
    let to = federation.cluster_name(other)?;
    let begin = federation.sink.now();
    loss.strike(federation, victim).await?;
    let first = federation.first_write(workload, &to, begin).await.with_context(|| format!("after {loss}"))?;
    loss.mend(federation, victim).await?;
    federation.settled(workload).await.with_context(|| format!("after {loss} was mended"))?;
    Ok(first - begin)
}

/// Waits until the workload is settled, and the member where it runs leads or does not, as wanted. Returns that member and
/// the one of the fallback. That another comes to lead may itself move the workload, away from who led: if its site is not to
/// lead, a member does where it cannot come, since else it might follow the lead from one site to the other for ever.
async fn ready(federation: &mut Federation, workload: &str, led: bool) -> Result<(usize, usize)> {
    for _ in 0..MOST_TURNS {
        let victim = federation.settled(workload).await.context("before the loss")?;
        let other = federation.fallback_of(victim)?;
        if (federation.leader(other).await? == victim) == led {
            return Ok((victim, other));
        }
        let leader = if led { victim } else { federation.without_cluster().unwrap_or(other) };
        federation.let_lead(leader).await?;
    }
    bail!("the site of {workload} and the leader's do not come to be {}", if led { "the same" } else { "two" })
}
