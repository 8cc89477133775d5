//! Labels, annotations and names that the agent writes into a cluster, and by which it finds its own again.

/// The field manager of everything that an agent applies.
pub const FIELD_MANAGER: &str = "verbund";

/// Label of every object that an agent applied: its workload. What lacks it is never changed or removed.
pub const WORKLOAD: &str = "verbund.de/workload";
/// Label: `verbund`, as Kubernetes recommends it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGER: &str = "verbund";
/// Annotation of every object that an agent applied: SHA-256 (hex) of what was applied, without this annotation.
pub const APPLIED: &str = "verbund.de/applied";
/// Annotation of the namespace and of every pod template: the epoch. An admission policy can compare the two.
pub const EPOCH: &str = "verbund.de/epoch";
/// Annotation of the namespace: the last epoch for which a receipt was given; neither it nor an older one runs again.
pub const STOPPED_EPOCH: &str = "verbund.de/stopped-epoch";
/// Annotation of the namespace: the organisation.
pub const ORGANISATION: &str = "verbund.de/organisation";
/// Annotation of the namespace: the lease generation under which it runs; `0` for a parallel one.
pub const GENERATION: &str = "verbund.de/generation";
/// Label of the namespace: `parallel`, or the fence level `data`, `guard` or `agent`. An admission policy selects by it.
pub const FENCE: &str = "verbund.de/fence";
/// Label of the namespace: `true` while no pod may start. An admission policy selects by it.
pub const FENCED: &str = "verbund.de/fenced";
/// Annotation of the namespace: milliseconds that containers have to stop.
pub const STOP_BUDGET: &str = "verbund.de/stop-budget";
/// Annotation of a Secret that came sealed, and of every pod template of its workload: which values these are.
pub const SECRETS: &str = "verbund.de/secrets";
/// Annotation on an object in a manifest: `true` takes it over from another manager.
pub const TAKE_OVER: &str = "verbund.de/take-over";
/// Selector key that is added to a Service to take its traffic away; no pod has it.
pub const CUT: &str = "verbund.de/cut";

/// Name of the ResourceQuota in each namespace.
pub const QUOTA: &str = "verbund";
/// Name of the NetworkPolicy that denies everything which no other allows.
pub const DEFAULT_DENY: &str = "verbund-default-deny";
/// Name of the NetworkPolicy that lets pods reach name servers and, at level `guard`, the agent.
pub const BASE_EGRESS: &str = "verbund-base-egress";
/// Name of the ServiceAccount through which the agent acts in a namespace.
pub const SERVICE_ACCOUNT: &str = "verbund-agent";
/// Name of the ConfigMap that tells a workload its epoch.
pub const EPOCH_CONFIG: &str = "verbund-epoch";

/// Name of the volume and of the init container that bring the guard.
pub const GUARD: &str = "verbund-guard";
/// Where the guard lies in each container.
pub const GUARD_PATH: &str = "/verbund-guard/guard";
/// Folder of the guard in each container.
pub const GUARD_FOLDER: &str = "/verbund-guard";

/// Environment of each container: the workload.
pub const ENV_WORKLOAD: &str = "VERBUND_WORKLOAD";
/// Environment of each container: the epoch.
pub const ENV_EPOCH: &str = "VERBUND_EPOCH";
/// Environment of each container: the cluster.
pub const ENV_CLUSTER: &str = "VERBUND_CLUSTER";
/// Environment of each guarded container: where the guard asks: addresses of the agent's desk.
pub const ENV_GUARD_DESK: &str = "VERBUND_GUARD_DESK";
/// Environment of each guarded container: the agent's public key, by which the guard knows its answers.
pub const ENV_GUARD_KEY: &str = "VERBUND_GUARD_KEY";
/// Environment of each guarded container: milliseconds that the program has to stop.
pub const ENV_STOP_BUDGET: &str = "VERBUND_STOP_BUDGET_MS";

/// Prefix of the labels and annotations that only the agent sets.
pub const PREFIX: &str = "verbund.de/";
/// Annotation in a manifest that tells the simulated cluster what its pods do.
pub const SIMULATE: &str = "verbund.de/simulate";
/// Name of the LimitRange in each namespace: what a container asks for that does not say.
pub const LIMITS: &str = "verbund";
/// Name of the RoleBinding that gives the agent's ServiceAccount its rights in a namespace.
pub const ROLE_BINDING: &str = "verbund-agent";
