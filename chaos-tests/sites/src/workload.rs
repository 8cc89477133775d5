//! Workloads whose containers tell the sink that they run.

use std::net::SocketAddr;

use serde_json::{Value, json};

/// What the sample demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One active copy; loss is seen by silence alone.
    Parallel,
    /// Never two, at a fence level: `guard`, `agent` or `data`.
    Exclusive(&'static str),
}

/// A Fachverfahren for tests: one container that writes to a sink four times a second.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name.
    pub name: String,
    /// Its organisation.
    pub organisation: String,
    /// Exclusive or not.
    pub mode: Mode,
    /// Milliseconds that its container may take to stop.
    pub stop_budget: u32,
    /// Where it writes.
    pub sink: SocketAddr,
}

impl Sample {
    /// The document for `verbund apply`: an active copy, and a fallback at least 200 km away.
    #[must_use]
    pub fn document(&self) -> Value {
        let mode = match self.mode {
            Mode::Parallel => json!({ "parallel": { "copies": 1 } }),
            Mode::Exclusive(fence) => json!({ "exclusive": { "fence": fence } }),
        };
        json!({
            "apiVersion": "verbund.de/v1", "kind": "Workload", "metadata": { "name": self.name },
            "spec": {
                "organisation": self.organisation,
                "requirements": {
                    "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal", "stage": "production",
                    "networks": ["landesnetz"],
                    "amounts": { "cpuMillis": 50, "memoryBytes": 64 << 20, "pods": 4 },
                },
                "mode": mode, "standby": { "distance": "georedundant" }, "stopBudget": self.stop_budget, "rto": 60,
                "failover": "automatic",
                "manifests": [self.deployment()],
            },
        })
    }

    fn deployment(&self) -> Value {
        let labels = json!({ "app": "writer" });
        // Whatever ends the connection, it is made anew: the sink must see everything that runs.
        let script = format!(
            "trap 'exit 0' TERM; (while :; do (while read -r up _ </proc/uptime && echo \"$VERBUND_WORKLOAD \
             $VERBUND_EPOCH $VERBUND_CLUSTER $HOSTNAME $up\"; do sleep 0.25; done) | nc {} {}; sleep 0.2; done) & wait",
            self.sink.ip(),
            self.sink.port()
        );
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "writer" },
            "spec": {
                "replicas": 1, "strategy": { "type": "Recreate" }, "selector": { "matchLabels": labels },
                "template": { "metadata": { "labels": labels }, "spec": {
                    "terminationGracePeriodSeconds": 2,
                    "containers": [{
                        "name": "writer", "image": "verbund.de/testbed/busybox:1", "imagePullPolicy": "Never",
                        "command": ["sh", "-c", script],
                        "resources": { "requests": { "cpu": "10m", "memory": "8Mi" }, "limits": { "memory": "32Mi" } },
                        "securityContext": {
                            "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "runAsNonRoot": true,
                            "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" },
                        },
                    }],
                } },
            },
        })
    }
}
