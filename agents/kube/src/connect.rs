//! The way to an API server.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// How long a connection in use may be silent. API servers send bookmarks each minute.
const SILENCE: Duration = Duration::from_secs(90);

/// How an agent reaches its API server.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// A kubeconfig; none: the agent runs in the cluster, and its pod brings address, CA and token.
    pub kubeconfig: Option<PathBuf>,
    /// The context of it; none: the current one.
    pub context: Option<String>,
}

/// Why there is no way.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file is none.
    #[error("the kubeconfig {}: {why}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Not in a pod.
    #[error(
        "no kubeconfig is given, and this is no pod of a cluster: {0}. Give one with --kubeconfig, or run the agent in the cluster"
    )]
    NoPod(String),
    /// The client cannot be made.
    #[error("the way to the API server at {url}: {why}")]
    Client {
        /// Its address.
        url: String,
        /// What is wrong.
        why: String,
    },
}

/// A client for an API server. Nothing is sent yet.
///
/// A kubeconfig that runs programs (`exec`, `auth-provider`), trusts anybody (`insecure-skip-tls-verify`), speaks without
/// TLS or is somebody else (`as`) is refused: agents get such files from others.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(connection: &Connection) -> Result<Client, ConnectError> {
    let config = match &connection.kubeconfig {
        Some(path) => {
            let wrong = |why: String| ConnectError::Kubeconfig { path: path.clone(), why };
            let file = Kubeconfig::read_from(path).map_err(|error| wrong(crate::error::chain(&error)))?;
            check(&file).map_err(wrong)?;
            let options = KubeConfigOptions { context: connection.context.clone(), ..KubeConfigOptions::default() };
            let config = Config::from_custom_kubeconfig(file, &options).await;
            config.map_err(|error| wrong(crate::error::chain(&error)))?
        }
        None => Config::incluster().map_err(|error| ConnectError::NoPod(crate::error::chain(&error)))?,
    };
    // What is tried again, and for how long, is decided in one place (`api.rs`).
    // A watch that is silent for longer than its bookmarks come is broken, and is taken up again where it was.
    let mut config = config;
    (config.default_retry, config.read_timeout) = (false, Some(SILENCE));
    let url = config.cluster_url.to_string();
    Client::try_from(config).map_err(|error| ConnectError::Client { url, why: crate::error::chain(&error) })
}

fn check(file: &Kubeconfig) -> Result<(), String> {
    for user in &file.auth_infos {
        let Some(with) = &user.auth_info else { continue };
        let refused = [
            ("exec", with.exec.is_some()),
            ("auth-provider", with.auth_provider.is_some()),
            ("as", with.impersonate.is_some() || with.impersonate_groups.is_some()),
        ];
        if let Some((field, _)) = refused.iter().find(|(_, is)| *is) {
            return Err(format!(
                "user {:?} has {field}, which an agent refuses; use a token or a certificate",
                user.name
            ));
        }
    }
    for cluster in &file.clusters {
        let Some(at) = &cluster.cluster else { continue };
        if at.insecure_skip_tls_verify == Some(true) {
            return Err(format!("cluster {:?} has insecure-skip-tls-verify; give its CA", cluster.name));
        }
        if let Some(server) = at.server.as_deref().filter(|server| !server.starts_with("https://")) {
            return Err(format!("cluster {:?} is at {server:?}, but must be https://…", cluster.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(user: &str, cluster: &str) -> Kubeconfig {
        Kubeconfig::from_yaml(&format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             users: [{{name: u, user: {user}}}]\nclusters: [{{name: k, cluster: {cluster}}}]\n"
        ))
        .unwrap()
    }

    #[test]
    fn refuses_what_runs_programs_or_trusts_anybody() {
        let https = "{server: 'https://10.0.0.1:6443'}";
        check(&file("{token: t}", https)).unwrap();
        let bad = [
            ("{exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}}", https, "exec"),
            ("{auth-provider: {name: gcp, config: {}}}", https, "auth-provider"),
            ("{token: t, as: admin}", https, "has as"),
            ("{token: t}", "{server: 'https://10.0.0.1', insecure-skip-tls-verify: true}", "insecure"),
            ("{token: t}", "{server: 'http://169.254.169.254'}", "https"),
        ];
        for (user, cluster, word) in bad {
            let why = check(&file(user, cluster)).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }

    #[tokio::test]
    async fn says_which_file_is_wrong() {
        let path = PathBuf::from("/nonexistent/kubeconfig");
        let missing = connect(&Connection { kubeconfig: Some(path), context: None }).await;
        let Err(error) = missing else { panic!("a file that is not there was taken") };
        assert!(error.to_string().contains("/nonexistent/kubeconfig"), "{error}");
    }
}
