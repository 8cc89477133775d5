//! Questions to the planner: dry runs, reasons, capacity. Nothing is carried out.

use ::http::Method;
use serde::de::DeserializeOwned;
use verbund_api::ProblemKind;
use verbund_machine::DryRun;
use verbund_machine::planner::{Report, SiteLoss};
use verbund_model::resource::Workload;
use verbund_model::{ClusterName, WorkloadName};

use super::read::{Read, escape};
use super::{ApiError, Client};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

/// A move that a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Away from where it is lost.
    Failover,
    /// Elsewhere, as planned.
    Relocate,
    /// Back to where it was.
    Failback,
    /// To the standby, for practice.
    Drill,
}

impl Move {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Relocate => "relocate",
            Self::Failback => "failback",
            Self::Drill => "drill",
        }
    }
}

impl Client {
    /// Where a workload would be placed if it were applied like this.
    pub async fn plan(&self, workload: &Workload) -> Result<Read<DryRun>, Failure> {
        let path = format!("/v1/plan?consistency={}", self.consistency.as_str());
        let body = serde_json::to_vec(workload)?.into();
        let answer = self.ask(Method::POST, &path, Some(body)).await?;
        self.planned(&workload.name, answer)
    }

    /// What would become of a workload that is moved. A move that cannot be has the exit code of what is not placeable.
    pub async fn plan_move(
        &self,
        workload: &WorkloadName,
        how: Move,
        to: Option<&ClusterName>,
    ) -> Result<Read<DryRun>, Failure> {
        let to = to.map(|to| format!("&to={}", escape(to.as_str()))).unwrap_or_default();
        let (name, consistency) = (escape(workload.as_str()), self.consistency.as_str());
        let path = format!("/v1/plan?workload={name}&cause={}{to}&consistency={consistency}", how.as_str());
        let answer = self.read(&path).await?;
        self.planned(workload, answer)
    }

    /// For each cluster, each rule that a workload's place must keep.
    pub async fn why(&self, workload: &WorkloadName) -> Result<Read<Report>, Failure> {
        let path = format!("/v1/why/{}?consistency={}", escape(workload.as_str()), self.consistency.as_str());
        let answer = self.read(&path).await?;
        self.planned(workload, answer)
    }

    /// For each site, whether the federation can lose it now.
    pub async fn capacity(&self) -> Result<Read<Vec<SiteLoss>>, Failure> {
        let answer = self.read(&format!("/v1/capacity?consistency={}", self.consistency.as_str())).await?;
        answer.map(|read| self.told(read)).map_err(|error| error.failure(t!("client-reading", what = "capacity")))
    }

    fn planned<T: DeserializeOwned>(
        &self,
        workload: &WorkloadName,
        answer: Result<Read<T>, ApiError>,
    ) -> Result<Read<T>, Failure> {
        answer.map(|read| self.told(read)).map_err(|error| {
            let impossible = error.kind() == Some(ProblemKind::Conflict);
            let failure = error.failure(t!("client-planning", workload = workload.to_string()));
            if impossible { failure.exit_with(Exit::NotPlaceable) } else { failure }
        })
    }
}
