//! `verbund agent`: the agent of a cluster, over Kubernetes or the simulated cluster.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use verbund_agent::{
    Agent, AgentConfig, Clock as _, Connection, Enrolment, Parts, SessionStore, SystemClock, answer_questions,
    serve_guards,
};
use verbund_agent_core::{Driver, PullPolicy};
use verbund_agent_kube::KubeDriver;
use verbund_agent_simulated::{Shape, Simulated};
use verbund_keys::{Asking, Signer};
use verbund_tls::Dialer;

use crate::app::App;
use crate::cli::{AgentCommand, AgentRun};
use crate::config::{Log, LogFormat, LogLevel};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::t;

pub async fn run(app: &App, command: AgentCommand) -> Result<Exit, Failure> {
    match command {
        AgentCommand::Init { data_dir } => {
            let key = super::cluster_add::key(app, &std::path::absolute(data_dir)?)?;
            let value = serde_json::json!({ "key": key.to_string() });
            app.output.value(&value, || format!("{key}\n"))?;
            Ok(Exit::Ok)
        }
        AgentCommand::Run(options) => serve(app, &options).await,
    }
}

/// Runs until SIGTERM or SIGINT, or until a newer start of the same agent is known.
async fn serve(app: &App, options: &AgentRun) -> Result<Exit, Failure> {
    crate::serve::log(Log { format: LogFormat::Text, level: LogLevel::Info });
    let folder = std::path::absolute(&options.data_dir)?;
    if let Some(given) = &options.enrolment {
        Enrolment::take_over(&std::path::absolute(given)?, &folder).map_err(failed)?;
    }
    let enrolment = Enrolment::read(&folder).map_err(failed)?;
    let what = t!("client-key-at", path = folder.display().to_string());
    let passphrase = app.passphrase().obtain(&what, Asking::Existing)?;
    let signer = Enrolment::open_key(&folder, &passphrase).map_err(failed)?;
    drop(passphrase);
    if options.simulated {
        let simulated = Simulated::new(Shape::default());
        // Times in it are those of this machine.
        simulated.advance(SystemClock.wall());
        tokio::spawn(simulated.clone().follow_clock());
        tokio::spawn(tell_what_serves(simulated.clone()));
        tracing::info!(cluster = %enrolment.cluster, "the cluster is simulated: nothing runs outside this process");
        return with(options, &folder, enrolment, signer, Arc::new(simulated)).await;
    }
    let way = verbund_agent_kube::Connection {
        kubeconfig: options.kubeconfig.clone(),
        context: options.kube_context.clone(),
    };
    let client = verbund_agent_kube::connect(&way).await.map_err(failed)?;
    let driver = KubeDriver::start(client, verbund_agent_kube::Options::default());
    with(options, &folder, enrolment, signer, Arc::new(driver)).await
}

/// How often a simulated cluster is looked at.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// Says in the log what begins to serve in the simulated cluster, and what ends: nobody else can look into it.
async fn tell_what_serves(simulated: Simulated) {
    let mut before = std::collections::BTreeMap::new();
    loop {
        let now = simulated.serving();
        for (workload, epoch) in before.iter().filter(|(workload, epoch)| now.get(*workload) != Some(*epoch)) {
            tracing::info!(%workload, epoch, "serves no more in the simulated cluster");
        }
        for (workload, epoch) in now.iter().filter(|(workload, epoch)| before.get(*workload) != Some(*epoch)) {
            tracing::info!(%workload, epoch, "serves in the simulated cluster");
        }
        before = now;
        tokio::time::sleep(LOOK).await;
    }
}

async fn with<D: Driver>(
    options: &AgentRun,
    folder: &Path,
    enrolment: Enrolment,
    signer: Arc<dyn Signer>,
    driver: Arc<D>,
) -> Result<Exit, Failure> {
    let clock = Arc::new(SystemClock);
    let mut config = AgentConfig::new(enrolment.cluster.clone());
    guard_settings(&mut config.settings, options);
    let cluster = enrolment.cluster.clone();
    let connection = loop {
        let opened = Connection::open(enrolment.clone(), signer.clone(), clock.clone(), Dialer::default()).await;
        match opened {
            Ok(connection) => break connection,
            Err(error) => {
                tracing::warn!(%error, "the site's daemons gave no certificate yet; it is tried again");
                if ended(std::time::Duration::from_secs(2)).await {
                    return Ok(Exit::Ok);
                }
            }
        }
    };
    let sessions = SessionStore::in_folder(folder);
    let parts =
        Parts { driver: driver.clone(), uplink: connection.link.clone(), signer: signer.clone(), clock, sessions };
    let agent = Agent::new(config, parts);
    let guards = guards(options.guard_listen, &agent, signer).await?;
    tracing::info!(%cluster, "the agent runs");
    crate::serve::ready();
    tokio::select! {
        ended = agent.run() => ended.map(|()| Exit::Ok).map_err(failed),
        () = connection.keep_fresh(rand::random()) => Ok(Exit::Ok),
        () = answer_questions(driver, connection.link.clone()) => Ok(Exit::Ok),
        error = guards => Err(failed(error)),
        () = stopped() => Ok(Exit::Ok),
    }
}

fn guard_settings(settings: &mut verbund_agent_core::Settings, options: &AgentRun) {
    if let Some(image) = &options.guard_image {
        settings.guard_image.clone_from(image);
    }
    if options.guard_image_present {
        settings.guard_pull = PullPolicy::Never;
    }
    let desks: Vec<String> = options.guard_desk.iter().map(SocketAddr::to_string).collect();
    settings.guard_desk = desks.join(",");
}

/// Answers guards, if there is a place to.
async fn guards<D: Driver, U: verbund_agent::Uplink>(
    listen: Option<SocketAddr>,
    agent: &Agent<D, U>,
    signer: Arc<dyn Signer>,
) -> Result<impl Future<Output = std::io::Error> + use<D, U>, Failure> {
    let service = agent.guards();
    let socket = match listen {
        None => None,
        Some(address) => Some(tokio::net::UdpSocket::bind(address).await?),
    };
    Ok(async move {
        match socket {
            None => std::future::pending().await,
            Some(socket) => serve_guards(socket, service, signer).await,
        }
    })
}

/// Waits; `true` if the process is told to end meanwhile.
async fn ended(wait: std::time::Duration) -> bool {
    tokio::select! {
        () = tokio::time::sleep(wait) => false,
        () = stopped() => true,
    }
}

async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).ok();
    let terminated = async {
        match &mut terminate {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn failed(error: impl std::error::Error + 'static) -> Failure {
    Failure::new(crate::words::chain(&error))
}
