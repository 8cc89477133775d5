//! The agent of a cluster, and the registration of a cluster with it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use verbund_model::resource::{ApiKind, Confidentiality, Network, Schutzbedarf, Stage, Zone};
use verbund_model::{ClusterName, SiteName};

/// `agent`
#[derive(Subcommand)]
pub enum AgentCommand {
    Init {
        #[arg(long, value_name = "DIR")]
        data_dir: PathBuf,
    },
    Run(Box<AgentRun>),
}

/// `agent run`
#[derive(Args)]
pub struct AgentRun {
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
    #[arg(long, value_name = "DIR")]
    pub enrolment: Option<PathBuf>,
    #[arg(long, conflicts_with_all = ["kubeconfig", "kube_context"])]
    pub simulated: bool,
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub kube_context: Option<String>,
    #[arg(long, value_name = "ADDRESS")]
    pub guard_listen: Option<SocketAddr>,
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub guard_desk: Vec<SocketAddr>,
    #[arg(long, value_name = "IMAGE")]
    pub guard_image: Option<String>,
    #[arg(long)]
    pub guard_image_present: bool,
}

/// `cluster add`
#[derive(Args)]
pub struct ClusterAdd {
    #[arg(value_name = "CLUSTER")]
    pub name: ClusterName,
    #[arg(long, value_name = "SITE")]
    pub site: SiteName,
    #[arg(long, value_name = "DIR")]
    pub agent_dir: PathBuf,
    #[arg(long = "agents", value_name = "HOST:PORT", required = true)]
    pub agents: Vec<String>,
    #[arg(long, value_name = "ZONE", value_parser = zone, default_value = "internal")]
    pub zone: Zone,
    #[arg(long, value_name = "NEED", value_parser = schutzbedarf, default_value = "normal")]
    pub schutzbedarf: Schutzbedarf,
    #[arg(long, value_name = "LEVEL", value_parser = confidentiality, default_value = "internal")]
    pub confidentiality: Confidentiality,
    #[arg(long, value_name = "STAGE", value_parser = stage, default_value = "production")]
    pub stage: Stage,
    #[arg(long = "network", value_name = "NETWORK", value_parser = network)]
    pub networks: Vec<Network>,
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = label)]
    pub labels: Vec<(String, String)>,
    #[arg(long = "cluster-kind", value_name = "GROUP/VERSION/KIND", value_parser = api_kind)]
    pub cluster_kinds: Vec<ApiKind>,
    #[arg(long, value_name = "CENTS", default_value_t = 0)]
    pub price: u32,
}

macro_rules! words {
    ($($name:ident: $type:ty;)*) => {
        $(
            fn $name(text: &str) -> Result<$type, String> {
                let all = <$type>::ALL;
                let words = || all.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ");
                let found = all.iter().find(|word| word.as_str() == text).copied();
                found.ok_or_else(|| crate::t!("words-role", got = text, all = words()))
            }
        )*
    };
}

words! {
    zone: Zone;
    schutzbedarf: Schutzbedarf;
    confidentiality: Confidentiality;
    stage: Stage;
    network: Network;
}

fn label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| crate::t!("agent-no-label", got = text))
}

/// `v1/Namespace` or `apiextensions.k8s.io/v1/CustomResourceDefinition`.
fn api_kind(text: &str) -> Result<ApiKind, String> {
    let parts: Vec<&str> = text.split('/').collect();
    let (group, version, kind) = match parts[..] {
        [version, kind] => ("", version, kind),
        [group, version, kind] => (group, version, kind),
        _ => return Err(crate::t!("agent-no-kind", got = text)),
    };
    if version.is_empty() || kind.is_empty() {
        return Err(crate::t!("agent-no-kind", got = text));
    }
    Ok(ApiKind { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() })
}
