//! The agent's right to act as a workload's ServiceAccount, namespace by namespace.
//!
//! A right to impersonate ServiceAccounts everywhere would be a right to everything. So the agent has it only where it made a
//! binding for it, and may make that binding only in namespaces that are workloads' (an admission policy sees to it).

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use verbund_agent_core::names;
use verbund_model::WorkloadName;

use crate::api::{Server, built};
use crate::error::KubeError;

/// Name of the binding, and of the ClusterRole that it gives: to impersonate the ServiceAccount
/// [`names::SERVICE_ACCOUNT`] of one namespace.
pub const IMPERSONATION: &str = "verbund-impersonation";

/// Who the agent is, to its API server.
#[derive(Default)]
pub struct Identity(OnceCell<String>);

impl Identity {
    /// The user's name.
    async fn user(&self, server: &Server) -> Result<&str, KubeError> {
        let user = self.0.get_or_try_init(|| async {
            let what = "asking who the agent is";
            let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
            let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
            let request = kube::core::Request::new(path).create(&PostParams::default(), body.to_string().into_bytes());
            let answer: Value = server.own(what, built(what, request)?).await?;
            let user = answer["status"]["userInfo"]["username"].as_str();
            user.map(str::to_owned).ok_or_else(|| {
                let why = "it names no user".to_owned();
                KubeError::Answer { what: what.to_owned(), why }
            })
        });
        user.await.map(String::as_str)
    }

    /// Lets the agent act as the ServiceAccount of a workload, in its namespace.
    pub async fn bind(&self, server: &Server, workload: &WorkloadName) -> Result<(), KubeError> {
        let user = self.user(server).await?;
        let what = format!("binding the agent to the ServiceAccount {workload}/{}", names::SERVICE_ACCOUNT);
        let body = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {
                "name": IMPERSONATION,
                "namespace": workload.as_str(),
                "labels": { names::MANAGED_BY: names::MANAGER },
            },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": IMPERSONATION },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user }],
        });
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{workload}/rolebindings");
        let params = PatchParams::apply(names::FIELD_MANAGER).force();
        let request = kube::core::Request::new(path).patch(IMPERSONATION, &params, &Patch::Apply(&body));
        server.own::<Value>(&what, built(&what, request)?).await.map(drop)
    }
}
