//! A space with a Kubernetes cluster.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail};
use kube::Client;

use crate::binaries::{Binaries, on_path};
use crate::cluster::{self, Component, Layout};
use crate::command::{run, run_with};
use crate::image::Image;
use crate::process::{Process, ProcessId, Signal, tail};
use crate::space::{Space, lock};
use crate::teardown;
use crate::wait::until;

/// A site: a [`Space`] with a real cluster of one node, which bears the site's name. Clones are the same site.
#[derive(Clone, Debug)]
pub struct Site {
    space: Space,
    layout: Layout,
    binaries: Binaries,
    processes: Arc<Mutex<BTreeMap<Component, Process>>>,
}

impl Deref for Site {
    type Target = Space;

    fn deref(&self) -> &Space {
        &self.space
    }
}

impl Site {
    /// A site whose cluster was never started.
    pub(crate) fn new(space: Space, binaries: Binaries) -> Result<Self> {
        let layout = Layout::of(&lock(&space.shared), space.name());
        for below in ["logs", "etcd", "images"] {
            fs::create_dir_all(layout.path(below))?;
        }
        cluster::write_certificates(&layout)?;
        cluster::write_configuration(&layout)?;
        Ok(Self { space, layout, binaries, processes: Arc::default() })
    }

    /// A site that another process started.
    pub(crate) fn known(space: Space, binaries: Binaries) -> Self {
        let (layout, components) = {
            let state = lock(&space.shared);
            let components = state.spaces.get(space.name()).map(|space| space.components.clone()).unwrap_or_default();
            (Layout::of(&state, space.name()), components)
        };
        let known = |(component, id): (Component, ProcessId)| {
            (component, Process::known(component.name(), id, &layout.log(component.name())))
        };
        let processes = components.into_iter().map(known).collect();
        Self { space, layout, binaries, processes: Arc::new(Mutex::new(processes)) }
    }

    /// URL of its API server.
    #[must_use]
    pub fn api(&self) -> String {
        self.layout.api()
    }

    /// File with the rights of `system:masters`, good in every space and on the machine itself, as far as links allow.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.layout.kubeconfig("admin")
    }

    /// Where the log of a component is.
    #[must_use]
    pub fn log(&self, component: Component) -> PathBuf {
        self.layout.log(component.name())
    }

    /// A program of the cluster's release, such as `kubectl`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.binaries.path(name)
    }

    /// A client with these rights, for this process.
    pub async fn client(&self) -> Result<Client> {
        cluster::client(&self.kubeconfig()).await
    }

    /// Runs kubectl with these rights to its end, at most the time that its own `--request-timeout` and `--timeout` give, and
    /// returns what it wrote. Errors: it failed; the message holds what it wrote.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.kubectl_command(arguments);
        tokio::task::spawn_blocking(move || run(&mut command)).await?
    }

    /// `kubectl apply --server-side -f -` of a manifest, YAML of one or more documents.
    pub async fn apply(&self, manifest: &str) -> Result<String> {
        let mut command = self.kubectl_command(&["apply", "--server-side", "-f", "-"]);
        let manifest = manifest.to_owned();
        tokio::task::spawn_blocking(move || run_with(&mut command, &manifest)).await?
    }

    /// Puts an image into the site's runtime. Pods use it with `imagePullPolicy: Never`. Errors: the runtime is down.
    pub async fn load(&self, image: &Image) -> Result<()> {
        let name = image.reference().replace(['/', ':'], "_");
        let archive = self.layout.path("images").join(format!("{name}.tar"));
        let ctr = on_path("ctr").context("ctr is not on the path")?;
        let mut import = Command::new(ctr);
        import.arg("--address").arg(self.layout.containerd_socket());
        import.args(["--namespace", "k8s.io", "images", "import"]).arg(&archive);
        let (image, file) = (image.clone(), archive.clone());
        tokio::task::spawn_blocking(move || {
            image.write_to(&file)?;
            run(&mut import)?;
            Ok(fs::remove_file(&file)?)
        })
        .await?
    }

    /// The process of a component now. Errors: it was not started.
    pub fn process(&self, component: Component) -> Result<ProcessId> {
        self.with(component, |process| Ok(process.id()))
    }

    /// Whether a component runs (or is paused).
    #[must_use]
    pub fn is_alive(&self, component: Component) -> bool {
        self.processes().get(&component).is_some_and(Process::is_alive)
    }

    /// `kill -9` of one component. Containers go on without the kubelet and without containerd.
    pub fn kill(&self, component: Component) -> Result<()> {
        let process = self.processes().remove(&component);
        process.with_context(|| format!("{component} of {} was not started", self.name()))?.kill()
    }

    /// Stops one component where it is (`SIGSTOP`).
    pub fn pause(&self, component: Component) -> Result<()> {
        self.with(component, |process| process.signal(Signal::STOP))
    }

    /// Lets it go on (`SIGCONT`).
    pub fn resume(&self, component: Component) -> Result<()> {
        self.with(component, |process| process.signal(Signal::CONT))
    }

    /// Starts a component that was killed or has ended; it is not waited for.
    pub fn start(&self, component: Component) -> Result<()> {
        if self.is_alive(component) {
            bail!("{component} of {} runs already", self.name());
        }
        let command = cluster::command(component, &self.layout, &self.binaries);
        let process = self.space.spawn(component.name(), &command)?;
        let id = process.id();
        self.processes().insert(component, process);
        let mut state = lock(&self.space.shared);
        if let Some(space) = state.spaces.get_mut(self.name()) {
            space.components.insert(component, id);
        }
        state.save()
    }

    /// Everything in the site ends at once, as when its power fails: cluster, containers, and what was spawned here. What was
    /// on disk stays.
    pub async fn power_off(&self) -> Result<()> {
        let (state, name) = (lock(&self.space.shared).clone(), self.name().to_owned());
        let processes = std::mem::take(&mut *self.processes());
        tokio::task::spawn_blocking(move || {
            teardown::power_off(&state, &name)?;
            // They have ended; this collects what is left of those that this process started.
            processes.into_values().try_for_each(Process::kill)
        })
        .await?
    }

    /// The power is back: starts the cluster on what is on disk and waits until its node is ready. What was spawned in the
    /// site is not started again.
    pub async fn power_on(&self) -> Result<()> {
        self.boot().await
    }

    /// Starts whatever of the cluster does not run and waits until the node is ready. Errors: a component ended, or was not
    /// ready in time; the message ends with its log.
    pub(crate) async fn boot(&self) -> Result<()> {
        fs::create_dir_all(self.layout.run())?;
        for component in [Component::Etcd, Component::Containerd, Component::ApiServer] {
            self.ensure_started(component)?;
        }
        self.wait_for(Component::Containerd, || async {
            let layout = self.layout.clone();
            tokio::task::spawn_blocking(move || cluster::runtime_answers(&layout)).await?
        })
        .await?;
        self.load(&Image::pause()?).await?;
        self.load(&Image::busybox()?).await?;
        let client = self.client().await?;
        self.wait_for(Component::ApiServer, || cluster::api_answers(&client)).await?;
        let began = k8s_openapi::jiff::Timestamp::now();
        for component in [Component::ControllerManager, Component::Scheduler, Component::Kubelet] {
            self.ensure_started(component)?;
        }
        self.wait_for(Component::Kubelet, || cluster::node_is_ready(&client, self.name(), began)).await
    }

    /// Lets the cluster live on when this value ends.
    pub(crate) fn keep(&self) {
        self.processes().values_mut().for_each(Process::keep);
    }

    /// Ends the components that this process started.
    pub(crate) fn end(&self) -> Result<()> {
        std::mem::take(&mut *self.processes()).into_values().try_for_each(Process::kill)
    }

    fn ensure_started(&self, component: Component) -> Result<()> {
        if self.is_alive(component) { Ok(()) } else { self.start(component) }
    }

    /// Waits for a condition, but no longer than every started component lives.
    async fn wait_for<F>(&self, component: Component, mut condition: impl FnMut() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        let what = format!("{component} of {}", self.name());
        let waited = until(&what, || {
            let dead = self.processes().values().find_map(|process| process.expect_alive().err());
            let look = condition();
            async {
                match dead {
                    Some(error) => Ok(Err(error)),
                    None => look.await.map(Ok),
                }
            }
        });
        let log = self.layout.log(component.name());
        waited.await.with_context(|| format!("the log {} ends with:\n{}", log.display(), tail(&log)))?.0
    }

    fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.binaries.path("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig());
        // Its cache of what the API server offers would otherwise be shared between clusters of the same address.
        command.arg("--cache-dir").arg(self.layout.path("kubeconfig/cache")).args(arguments);
        command
    }

    fn with<T>(&self, component: Component, act: impl FnOnce(&Process) -> Result<T>) -> Result<T> {
        let processes = self.processes();
        act(processes.get(&component).with_context(|| format!("{component} of {} was not started", self.name()))?)
    }

    fn processes(&self) -> MutexGuard<'_, BTreeMap<Component, Process>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
