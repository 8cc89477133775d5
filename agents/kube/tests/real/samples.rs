//! Manifests.

/// What the operator of a cluster allows workloads to bring, and gives the agent the right to.
pub const CLUSTER_KINDS: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: verbund-agent-definitions
  labels: {verbund.de/aggregate-to-agent: 'true'}
rules:
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [get, list, create, patch, delete]
";

/// What every container of a workload needs under Pod Security `restricted`, and how they are run here.
const SECURITY: &str = "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}";

/// A container `main` that runs `script` and ends when it is told to.
pub fn container(name: &str, script: &str) -> String {
    format!(
        "{{name: {name}, image: 'verbund.de/testbed/busybox:1', imagePullPolicy: Never, securityContext: {SECURITY}, command: [sh, -c, \"trap 'exit 0' TERM; {script}\"]}}"
    )
}

/// A script that says a word and stays.
pub fn says(word: &str) -> String {
    format!("echo {word}; while :; do sleep 0.1; done")
}

/// One object of each kind that the issue names.
pub fn all_kinds() -> String {
    let (web, data, node) = (
        container("main", &says("web-runs")),
        container("main", &says("data-runs")),
        container("main", &says("node-runs")),
    );
    let (once, often) = (container("main", "echo once-ran"), container("main", "echo often-ran"));
    format!(
        "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: akten.example.de}}
spec:
  group: example.de
  scope: Namespaced
  names: {{kind: Akte, plural: akten, singular: akte}}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, properties: {{spec: {{type: object, properties: {{zeichen: {{type: string}}}}}}}}}}}}
---
apiVersion: example.de/v1
kind: Akte
metadata: {{name: eins}}
spec: {{zeichen: A-1}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{colour: blue}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: leaves}}
data: {{is: here}}
---
apiVersion: v1
kind: Secret
metadata: {{name: access}}
stringData: {{word: tor}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80}}]}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{terminationGracePeriodSeconds: 2, containers: [{web}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: data}}
spec:
  serviceName: web
  selector: {{matchLabels: {{app: data}}}}
  template:
    metadata: {{labels: {{app: data}}}}
    spec: {{terminationGracePeriodSeconds: 2, containers: [{data}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: node}}
spec:
  selector: {{matchLabels: {{app: node}}}}
  template:
    metadata: {{labels: {{app: node}}}}
    spec: {{terminationGracePeriodSeconds: 2, containers: [{node}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {{name: once}}
spec:
  template:
    spec: {{restartPolicy: Never, containers: [{once}]}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {{name: often}}
spec:
  schedule: '*/1 * * * *'
  jobTemplate: {{spec: {{template: {{spec: {{restartPolicy: Never, containers: [{often}]}}}}}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: web}}
spec: {{rules: [{{host: a.example.de, http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: web, port: {{number: 80}}}}}}}}]}}}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: web}}
spec: {{podSelector: {{matchLabels: {{app: web}}}}, ingress: [{{ports: [{{port: 80}}]}}]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: reader}}
rules: [{{apiGroups: [''], resources: [configmaps], verbs: [get]}}]
"
    )
}

/// A Deployment of one pod.
pub fn one(name: &str) -> String {
    let main = container("main", &says("runs"));
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{terminationGracePeriodSeconds: 30, containers: [{main}]}}
"
    )
}

/// The guestbook of the Kubernetes documentation: a leader, followers, a front end, and their Services.
pub fn guestbook() -> String {
    let part = |name: &str, tier: &str, role: &str, replicas: u8, port: u16| {
        let main = container("main", &says(name));
        format!(
            "
apiVersion: v1
kind: Service
metadata: {{name: {name}, labels: {{app: redis, role: {role}, tier: {tier}}}}}
spec:
  ports: [{{port: {port}, targetPort: {port}}}]
  selector: {{app: redis, role: {role}, tier: {tier}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, labels: {{app: redis, role: {role}, tier: {tier}}}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: redis, role: {role}}}}}
  template:
    metadata: {{labels: {{app: redis, role: {role}, tier: {tier}}}}}
    spec: {{terminationGracePeriodSeconds: 2, containers: [{main}]}}
"
        )
    };
    let parts = [
        part("redis-leader", "backend", "leader", 1, 6379),
        part("redis-follower", "backend", "follower", 2, 6379),
        part("frontend", "frontend", "front", 3, 80),
    ];
    parts.join("---")
}

/// A server with its configuration in a ConfigMap that is mounted, and values from a Secret.
pub fn server() -> String {
    format!(
        "
apiVersion: v1
kind: ConfigMap
metadata: {{name: nginx-conf}}
data:
  nginx.conf: |
    events {{}}
    http {{ server {{ listen 8080; }} }}
---
apiVersion: v1
kind: Secret
metadata: {{name: htpasswd}}
type: Opaque
data: {{user: YWRtaW4=}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: nginx}}
spec:
  strategy: {{type: RollingUpdate, rollingUpdate: {{maxUnavailable: 1}}}}
  selector: {{matchLabels: {{app: nginx}}}}
  template:
    metadata: {{labels: {{app: nginx}}}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: nginx
        image: 'verbund.de/testbed/busybox:1'
        imagePullPolicy: Never
        securityContext: {SECURITY}
        command: [sh, -c, \"trap 'exit 0' TERM; cat /etc/nginx/nginx.conf; while :; do sleep 0.1; done\"]
        ports: [{{containerPort: 8080}}]
        resources: {{requests: {{cpu: 20m, memory: 8Mi}}, limits: {{memory: 32Mi}}}}
        env: [{{name: USER_NAME, valueFrom: {{secretKeyRef: {{name: htpasswd, key: user}}}}}}]
        readinessProbe: {{exec: {{command: [test, -f, /etc/nginx/nginx.conf]}}, periodSeconds: 1}}
        volumeMounts: [{{name: conf, mountPath: /etc/nginx, readOnly: true}}]
      volumes: [{{name: conf, configMap: {{name: nginx-conf}}}}]
---
apiVersion: v1
kind: Service
metadata: {{name: nginx}}
spec: {{type: ClusterIP, selector: {{app: nginx}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
"
    )
}

/// The CronJob of the Kubernetes documentation, with an account of its own.
pub fn cron() -> String {
    let main = container("hello", "date; echo Hello from the Kubernetes cluster");
    format!(
        "
apiVersion: v1
kind: ServiceAccount
metadata: {{name: hello}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: hello}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: hello}}
subjects: [{{kind: ServiceAccount, name: hello}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: hello}}
rules: [{{apiGroups: [''], resources: [pods], verbs: [get, list]}}]
---
apiVersion: batch/v1
kind: CronJob
metadata: {{name: hello}}
spec:
  schedule: '* * * * *'
  concurrencyPolicy: Forbid
  jobTemplate: {{spec: {{template: {{spec: {{serviceAccountName: hello, restartPolicy: OnFailure, containers: [{main}]}}}}}}}}
"
    )
}
