//! What controllers, scheduler and kubelets of a cluster do: they make and end pods, and write statuses.

use std::sync::Arc;

use serde_json::{Value, json};
use verbund_agent_core::{ObjectKey, names, pods};
use verbund_model::WorkloadName;

use crate::pod::{Pod, Stage};
use crate::world::{Happening, World};

/// How long pods may take to stop that nobody gave a grace, in milliseconds (Kubernetes' default).
const GRACE: u64 = 30_000;

impl World {
    /// Brings the pods of a workload to what its objects say, as far as quota and room allow.
    pub(crate) fn control(&mut self, workload: &WorkloadName) {
        let Some(space) = self.spaces.get(workload) else { return };
        let is_maker = |key: &&ObjectKey| pods::template_path(&key.kind).is_some() && key.kind.kind != "CronJob";
        let makers: Vec<ObjectKey> = space.objects.keys().filter(is_maker).cloned().collect();
        let orphans = |pod: &Pod| !makers.contains(&pod.maker);
        self.end_pods(workload, GRACE, orphans);
        for maker in &makers {
            self.make(workload, maker);
            self.write_status(workload, maker);
        }
        self.establish(workload);
        let Some(space) = self.spaces.get_mut(workload) else { return };
        if space.terminating && space.pods.is_empty() {
            space.namespace = None;
            space.terminating = false;
            self.touch(workload);
        }
        if self.spaces.get(workload).is_some_and(crate::space::Space::is_empty) {
            self.spaces.remove(workload);
        }
    }

    fn make(&mut self, workload: &WorkloadName, maker: &ObjectKey) {
        let Some(live) = self.spaces.get(workload).and_then(|space| space.objects.get(maker)).cloned() else { return };
        let revision = revision(maker, &live);
        let wanted = self.wanted(maker, &live);
        let of_maker = |pod: &&Pod| pod.maker == *maker && !pod.terminating;
        let space = self.spaces.get(workload);
        let current: Vec<&Pod> = space.into_iter().flat_map(|space| space.pods.values()).filter(of_maker).collect();
        let new = current.iter().filter(|pod| pod.revision == revision).count() as u64;
        let good = |pod: &&&Pod| pod.revision == revision && matches!(pod.stage, Stage::Ready | Stage::Done);
        let ready = current.iter().filter(good).count() as u64;
        let unscheduled = current.iter().filter(|pod| pod.stage == Stage::Unscheduled).count();
        let names: Vec<String> =
            current.iter().filter(|pod| pod.revision == revision).map(|pod| pod.name.clone()).collect();
        if new < wanted {
            for _ in new..wanted {
                if !self.start(workload, maker, &live, &revision) {
                    break;
                }
            }
        } else if new > wanted {
            let surplus: Vec<String> = names.into_iter().skip(usize::try_from(wanted).unwrap_or(usize::MAX)).collect();
            self.end_pods(workload, GRACE, |pod| surplus.contains(&pod.name));
        }
        if ready >= wanted {
            self.end_pods(workload, GRACE, |pod| pod.maker == *maker && pod.revision != revision);
        }
        if unscheduled > 0 {
            self.schedule(workload, maker);
        }
    }

    fn wanted(&self, maker: &ObjectKey, live: &Value) -> u64 {
        match maker.kind.kind.as_str() {
            "Pod" => 1,
            "DaemonSet" => self.shape.nodes,
            "Job" => live["spec"]["parallelism"].as_u64().unwrap_or(1),
            _ => live["spec"]["replicas"].as_u64().unwrap_or(1),
        }
    }

    /// Makes one pod. `false`: the quota forbids it.
    fn start(&mut self, workload: &WorkloadName, maker: &ObjectKey, live: &Value, revision: &str) -> bool {
        let Some(space) = self.spaces.get_mut(workload) else { return false };
        let counted = space.pods.values().filter(|pod| pod.stage != Stage::Done).count() as u64;
        if space.quota(workload.as_str()).is_some_and(|quota| counted >= quota) {
            let object = format!("{}/{}", maker.kind.kind, maker.name);
            self.note(workload, true, object, "FailedCreate", "exceeded quota: verbund");
            return false;
        }
        space.made += 1;
        let name = format!("{}-{}", maker.name, space.made);
        let template = pods::template(&maker.kind, live).cloned().unwrap_or(Value::Null);
        let annotations = &template["metadata"]["annotations"];
        // A script that cannot be read is told as an event; the pod does as the cluster's shape says.
        let script = annotations[names::SIMULATE].as_str().map(str::parse).transpose();
        let (cpu, memory) = requests(&template);
        let pod = Pod {
            name: name.clone(),
            maker: maker.clone(),
            revision: revision.to_owned(),
            epoch: annotations[names::EPOCH].as_str().and_then(|epoch| epoch.parse().ok()).unwrap_or(0),
            script: script.as_ref().ok().copied().flatten().unwrap_or_default(),
            cpu,
            memory,
            stage: Stage::Unscheduled,
            since: self.now,
            terminating: false,
        };
        space.pods.insert(name.clone(), pod);
        if let Err(error) = script {
            self.note(workload, true, format!("Pod/{name}"), "BadScript", &error.to_string());
        }
        self.touch(workload);
        self.place(workload, &name);
        true
    }

    fn schedule(&mut self, workload: &WorkloadName, maker: &ObjectKey) {
        let waits = |pod: &&Pod| pod.maker == *maker && pod.stage == Stage::Unscheduled && !pod.terminating;
        let space = self.spaces.get(workload);
        let names: Vec<String> =
            space.into_iter().flat_map(|space| space.pods.values()).filter(waits).map(|pod| pod.name.clone()).collect();
        for name in names {
            self.place(workload, &name);
        }
    }

    fn place(&mut self, workload: &WorkloadName, name: &str) {
        let has = &self.shape.allocatable;
        let (cpu_left, memory_left) =
            (has.cpu_millis.saturating_sub(self.cpu), has.memory_bytes.saturating_sub(self.memory));
        let has_place = has.pods > self.pods;
        let (start, now) = (self.shape.start, self.now);
        let Some(pod) = self.spaces.get_mut(workload).and_then(|space| space.pods.get_mut(name)) else { return };
        if pod.cpu > cpu_left || pod.memory > memory_left || !has_place {
            self.starved.insert(workload.clone());
            self.note(workload, true, format!("Pod/{name}"), "FailedScheduling", "no node has room for it");
            return;
        }
        let (cpu, memory, script) = (pod.cpu, pod.memory, pod.script);
        pod.stage = if script.fail { Stage::NoImage } else { Stage::Starting };
        pod.since = now;
        (self.cpu, self.memory, self.pods) = (self.cpu + cpu, self.memory + memory, self.pods + 1);
        if !script.fail {
            self.later(script.start.unwrap_or(start), workload, name, Happening::Started);
        }
        self.touch(workload);
    }

    fn write_status(&mut self, workload: &WorkloadName, maker: &ObjectKey) {
        let Some(space) = self.spaces.get(workload) else { return };
        let Some(live) = space.objects.get(maker) else { return };
        let revision = revision(maker, live);
        let of_maker = || space.pods.values().filter(|pod| pod.maker == *maker && !pod.terminating);
        let count = |which: &dyn Fn(&Pod) -> bool| of_maker().filter(|pod| which(pod)).count();
        let all = count(&|_| true);
        let updated = count(&|pod| pod.revision == revision);
        let ready = count(&|pod| pod.stage == Stage::Ready);
        let done = count(&|pod| pod.stage == Stage::Done);
        let seen = &live["metadata"]["generation"];
        let status = match maker.kind.kind.as_str() {
            "DaemonSet" => json!({ "observedGeneration": seen, "desiredNumberScheduled": self.shape.nodes,
                                   "updatedNumberScheduled": updated, "numberAvailable": ready }),
            "Job" if done > 0 => json!({ "succeeded": done, "conditions": [{ "type": "Complete", "status": "True" }] }),
            "Job" => json!({ "ready": ready, "active": all }),
            "Pod" => {
                let condition = if ready > 0 { "True" } else { "False" };
                let phase = if done > 0 {
                    "Succeeded"
                } else if ready > 0 {
                    "Running"
                } else {
                    "Pending"
                };
                json!({ "phase": phase, "conditions": [{ "type": "Ready", "status": condition, "reason": "ContainersNotReady" }] })
            }
            _ => json!({ "observedGeneration": seen, "replicas": all, "updatedReplicas": updated,
                         "readyReplicas": ready, "availableReplicas": ready }),
        };
        self.set_status(workload, maker, status);
    }

    /// Definitions of kinds are established, and claims are bound, at once.
    fn establish(&mut self, workload: &WorkloadName) {
        let Some(space) = self.spaces.get(workload) else { return };
        let waits = |(key, live): &(&ObjectKey, &Arc<Value>)| {
            matches!(key.kind.kind.as_str(), "CustomResourceDefinition" | "PersistentVolumeClaim")
                && live["status"].is_null()
        };
        let keys: Vec<ObjectKey> = space.objects.iter().filter(waits).map(|(key, _)| key.clone()).collect();
        for key in keys {
            let status = match key.kind.kind.as_str() {
                "PersistentVolumeClaim" => json!({ "phase": "Bound" }),
                _ => json!({ "conditions": [{ "type": "Established", "status": "True" }] }),
            };
            self.set_status(workload, &key, status);
        }
    }

    fn set_status(&mut self, workload: &WorkloadName, key: &ObjectKey, status: Value) {
        let number = self.number();
        let Some(live) = self.spaces.get_mut(workload).and_then(|space| space.objects.get_mut(key)) else { return };
        if live["status"] == status {
            return;
        }
        let body = Arc::make_mut(live);
        body["status"] = status;
        body["metadata"]["resourceVersion"] = number.to_string().into();
        self.touch(workload);
    }
}

/// What its pods are made from: a change of anything else, such as the number of replicas, makes none anew.
fn revision(maker: &ObjectKey, live: &Value) -> String {
    if maker.kind.kind == "Pod" {
        // A pod is what it is; its status is no part of it.
        return live["metadata"]["annotations"][names::APPLIED].as_str().unwrap_or_default().to_owned();
    }
    pods::template(&maker.kind, live).map(Value::to_string).unwrap_or_default()
}

/// CPU (thousandths) and memory (bytes) that the containers of a pod ask for.
fn requests(template: &Value) -> (u64, u64) {
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let amount = |container: &Value, name: &str| {
        let text = match &container["resources"]["requests"][name] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return 0,
        };
        verbund_agent_core::drift::quantity(&text).and_then(|thousandths| u64::try_from(thousandths).ok()).unwrap_or(0)
    };
    containers.fold((0, 0), |(cpu, memory), container| {
        (cpu + amount(container, "cpu"), memory + amount(container, "memory") / 1000)
    })
}
