//! What pods ask of a cluster, by the rules of the scheduler.

use serde_json::Value;
use verbund_model::resource::Amounts;

use crate::quantity::Quantity;

/// What a pod asks for: its containers together, or its largest init container with those that stay beside it, whichever is
/// more; and its overhead.
pub fn of_pod(spec: &Value) -> Amounts {
    let mut running = list(&spec["containers"]).iter().map(of_container).fold(Amounts::default(), |a, b| a.plus(&b));
    let (mut beside, mut starting) = (Amounts::default(), Amounts::default());
    for container in list(&spec["initContainers"]) {
        let asks = of_container(container);
        if container["restartPolicy"] == "Always" {
            running = running.plus(&asks);
            beside = beside.plus(&asks);
            starting = larger(&starting, &beside);
        } else {
            starting = larger(&starting, &beside.plus(&asks));
        }
    }
    let overhead = amounts(&spec["overhead"]);
    Amounts { pods: 1, ..larger(&running, &starting).plus(&overhead) }
}

/// Amounts of a map of quantities, such as `status.allocatable` of a node.
pub fn amounts(resources: &Value) -> Amounts {
    let mut sum = Amounts::default();
    for (name, quantity) in resources.as_object().into_iter().flatten() {
        let Some(quantity) = quantity.as_str().and_then(Quantity::parse) else { continue };
        match name.as_str() {
            "cpu" => sum.cpu_millis = quantity.millis(),
            "memory" => sum.memory_bytes = quantity.whole(),
            "pods" => sum.pods = quantity.whole(),
            extended if extended.contains('/') => drop(sum.extended.insert(extended.to_owned(), quantity.whole())),
            _ => {}
        }
    }
    sum
}

fn of_container(container: &Value) -> Amounts {
    amounts(&container["resources"]["requests"])
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn larger(one: &Amounts, other: &Amounts) -> Amounts {
    // What `other` has more than `one`, on top of `one`.
    one.plus(&other.minus(one))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asks(cpu: &str, memory: &str) -> Value {
        json!({ "resources": { "requests": { "cpu": cpu, "memory": memory } } })
    }

    #[test]
    fn containers_add_up_and_the_larger_of_both_phases_counts() {
        let pod = json!({
            "containers": [asks("100m", "64Mi"), asks("1", "1Gi")],
            "initContainers": [asks("3", "16Mi"), asks("500m", "2Gi")],
        });
        let sum = of_pod(&pod);
        assert_eq!((sum.cpu_millis, sum.memory_bytes, sum.pods), (3_000, 2 << 30, 1));
    }

    #[test]
    fn sidecars_run_beside_both() {
        let mut sidecar = asks("200m", "8Mi");
        sidecar["restartPolicy"] = "Always".into();
        let pod = json!({
            "containers": [asks("1", "10Mi")],
            "initContainers": [sidecar, asks("2", "1Mi")],
            "overhead": { "cpu": "50m" },
        });
        let sum = of_pod(&pod);
        assert_eq!((sum.cpu_millis, sum.memory_bytes), (2_250, 18 << 20));
    }

    #[test]
    fn extended_resources_count_and_others_do_not() {
        let node = json!({ "cpu": "8", "ephemeral-storage": "1Gi", "hugepages-2Mi": "0", "nvidia.com/gpu": "2" });
        let sum = amounts(&node);
        assert_eq!((sum.cpu_millis, sum.extended_of("nvidia.com/gpu"), sum.extended.len()), (8_000, 2, 1));
    }
}
