//! The programs of a cluster and what they are told.

use std::fmt;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::Layout;
use crate::binaries::{Binaries, CNI, on_path};
use crate::cgroup::Cgroup;
use crate::image::PAUSE;
use crate::network;

/// A program of a cluster, one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Component {
    /// The store of the API server.
    Etcd,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// The container runtime. Containers outlive it.
    Containerd,
    /// The node's agent. Containers outlive it.
    Kubelet,
}

impl Component {
    /// All of them, in an order in which they can be started.
    pub const ALL: [Self; 6] =
        [Self::Etcd, Self::Containerd, Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Kubelet];

    /// Its name on the command line and of its log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "api-server",
            Self::ControllerManager => "controller-manager",
            Self::Scheduler => "scheduler",
            Self::Containerd => "containerd",
            Self::Kubelet => "kubelet",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// How a program of the cluster is started; to be run inside its space.
pub(crate) fn command(component: Component, layout: &Layout, binaries: &Binaries) -> Command {
    let (program, arguments) = match component {
        Component::Etcd => (binaries.path("etcd"), etcd(layout)),
        Component::ApiServer => (binaries.path("kube-apiserver"), api_server(layout)),
        Component::ControllerManager => (binaries.path("kube-controller-manager"), controller_manager(layout)),
        Component::Scheduler => (binaries.path("kube-scheduler"), scheduler(layout)),
        Component::Containerd => (
            on_path("containerd").unwrap_or_else(|| "containerd".into()),
            vec![flag("config", layout.path("containerd/config.toml").display())],
        ),
        Component::Kubelet => (binaries.path("kubelet"), kubelet(layout)),
    };
    let mut command = Command::new(program);
    command.args(arguments);
    // The network plugins and runc may lie where only an administrator's path looks.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

fn flag(name: &str, value: impl fmt::Display) -> String {
    format!("--{name}={value}")
}

fn etcd(layout: &Layout) -> Vec<String> {
    let (clients, peers) = ("http://127.0.0.1:2379", "http://127.0.0.1:2380");
    vec![
        flag("name", layout.name()),
        flag("data-dir", layout.path("etcd").display()),
        flag("listen-client-urls", clients),
        flag("advertise-client-urls", clients),
        flag("listen-peer-urls", peers),
        flag("initial-advertise-peer-urls", peers),
        flag("initial-cluster", format!("{}={peers}", layout.name())),
        flag("log-level", "warn"),
        // Its data need not survive a loss of the machine, only of its processes.
        "--unsafe-no-fsync".into(),
    ]
}

fn api_server(layout: &Layout) -> Vec<String> {
    vec![
        flag("etcd-servers", "http://127.0.0.1:2379"),
        flag("bind-address", "0.0.0.0"),
        flag("advertise-address", layout.address()),
        flag("secure-port", 6443),
        flag("tls-cert-file", layout.pki("api-server.pem").display()),
        flag("tls-private-key-file", layout.pki("api-server.key").display()),
        flag("client-ca-file", layout.pki("ca.pem").display()),
        flag("kubelet-certificate-authority", layout.pki("ca.pem").display()),
        flag("kubelet-client-certificate", layout.pki("api-server-client.pem").display()),
        flag("kubelet-client-key", layout.pki("api-server-client.key").display()),
        flag("kubelet-preferred-address-types", "InternalIP"),
        flag("authorization-mode", "Node,RBAC"),
        flag("enable-admission-plugins", "NodeRestriction"),
        flag("service-account-issuer", "https://kubernetes.default.svc.cluster.local"),
        flag("service-account-key-file", layout.pki("service-accounts.pub").display()),
        flag("service-account-signing-key-file", layout.pki("service-accounts.key").display()),
        flag("service-cluster-ip-range", layout.services()),
        flag("allow-privileged", true),
    ]
}

fn controller_manager(layout: &Layout) -> Vec<String> {
    vec![
        flag("kubeconfig", layout.kubeconfig("controller-manager").display()),
        flag("bind-address", "127.0.0.1"),
        flag("leader-elect", false),
        flag("use-service-account-credentials", true),
        // Its default of 20 requests a second makes a cluster wait at its start, when it makes its accounts.
        flag("kube-api-qps", 200),
        flag("kube-api-burst", 400),
        flag("root-ca-file", layout.pki("ca.pem").display()),
        flag("service-account-private-key-file", layout.pki("service-accounts.key").display()),
        flag("cluster-cidr", layout.pods()),
        flag("service-cluster-ip-range", layout.services()),
    ]
}

fn scheduler(layout: &Layout) -> Vec<String> {
    vec![
        flag("kubeconfig", layout.kubeconfig("scheduler").display()),
        flag("bind-address", "127.0.0.1"),
        flag("leader-elect", false),
    ]
}

fn kubelet(layout: &Layout) -> Vec<String> {
    vec![
        flag("config", layout.path("kubelet/config.yaml").display()),
        flag("kubeconfig", layout.kubeconfig("kubelet").display()),
        flag("root-dir", layout.path("kubelet").display()),
        flag("hostname-override", layout.name()),
        flag("node-ip", layout.address()),
    ]
}

/// Writes the configuration files of the node's programs.
pub(crate) fn write_configuration(layout: &Layout) -> Result<()> {
    let write = |below: &str, text: String| -> Result<()> {
        let path = layout.path(below);
        fs::create_dir_all(path.parent().context("a file lies in a directory")?)?;
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    };
    write("containerd/config.toml", containerd_configuration(layout))?;
    write("cni/10-testbed.conflist", network_configuration(layout))?;
    write("kubelet/config.yaml", kubelet_configuration(layout))?;
    // No name server: what runs in the testbed speaks by address.
    write("kubelet/resolv.conf", String::new())
}

fn containerd_configuration(layout: &Layout) -> String {
    let (root, run, cni) = (layout.path("containerd/root"), layout.run(), layout.path("cni"));
    let (root, run, cni) = (root.display(), run.display(), cni.display());
    let socket = layout.containerd_socket();
    let socket = socket.display();
    // restrict_oom_score_adj: a machine may not let even root lower it. netns_mounts_under_state_dir: the namespaces of pods
    // then lie where they are found again.
    format!(
        r#"version = 2
root = "{root}"
state = "{run}/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI}"
conf_dir = "{cni}"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = false
Root = "{run}/runc"
"#
    )
}

fn network_configuration(layout: &Layout) -> String {
    let name = network::namespace(layout.slot(), layout.name());
    let (pods, data) = (layout.pods(), layout.path("networks"));
    let data = data.display();
    format!(
        r#"{{"cniVersion": "0.4.0", "name": "{name}", "plugins": [{{
  "type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
  "ipam": {{"type": "host-local", "dataDir": "{data}", "ranges": [[{{"subnet": "{pods}"}}]], "routes": [{{"dst": "0.0.0.0/0"}}]}}
}}]}}
"#
    )
}

fn kubelet_configuration(layout: &Layout) -> String {
    let display = |below: &str| layout.path(below).display().to_string();
    let (ca, certificate, key) =
        (display("pki/ca.pem"), display("pki/kubelet-server.pem"), display("pki/kubelet-server.key"));
    let (logs, plugins, resolver) =
        (display("pods"), display("kubelet/volume-plugins"), display("kubelet/resolv.conf"));
    let socket = layout.containerd_socket();
    let socket = socket.display();
    let group = Cgroup::of_space(layout.slot(), layout.name()).name();
    // failCgroupV1, enforceNodeAllocatable, oomScoreAdj: for machines with control groups of version 1 and for those that
    // do not let even root lower the score. Thresholds: the disk is the machine's, and images cannot be pulled again.
    format!(
        "apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: '{ca}'}}
authorization: {{mode: Webhook}}
tlsCertFile: '{certificate}'
tlsPrivateKeyFile: '{key}'
containerRuntimeEndpoint: 'unix://{socket}'
podLogsDir: '{logs}'
volumePluginDir: '{plugins}'
resolvConf: '{resolver}'
clusterDomain: cluster.local
cgroupDriver: cgroupfs
cgroupRoot: {group}
failCgroupV1: false
enforceNodeAllocatable: []
oomScoreAdj: 0
failSwapOn: false
makeIPTablesUtilChains: false
evictionHard:
  memory.available: 100Mi
  nodefs.available: 1%
  nodefs.inodesFree: 1%
  imagefs.available: 1%
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
"
    )
}
