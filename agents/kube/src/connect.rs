//! The way to an API server.

use std::net::IpAddr;
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
/// TLS, is somebody else (`as`), reads other files (`tokenFile`, `client-key`, …), goes through a proxy or leads to where no
/// API server is (the metadata services of clouds) is refused: agents get such files from others. Loopback is let pass,
/// because an API server on the agent's own machine is called so; what answers there must show a certificate of the file's CA.
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

/// What to do about files that a kubeconfig names.
const INLINE: &str = "put its content in, as kubectl config view --minify --flatten does";

/// Names of metadata services, which answer whoever asks on a cloud's machines.
const METADATA: [&str; 3] = ["metadata", "metadata.google.internal", "instance-data"];

/// Whether an address leads to a host, and not to this link's services: `169.254.169.254` and its kind give credentials to
/// whoever asks (RFC 3927, RFC 4291; `fd00:ec2::254` is Amazon's).
fn may_be_an_api_server(server: &str) -> bool {
    let Ok(uri) = server.parse::<http::Uri>() else { return false };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else { return false };
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => !(ip.is_link_local() || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()),
        Ok(IpAddr::V6(ip)) => {
            let amazons = ip.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
            !(ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() || amazons)
        }
        // Numbers that only resolvers take for an address (`0xa9fea9fe`, `2852039166`) are names of nothing.
        Err(_) => {
            let last = host.rsplit('.').next().unwrap_or_default();
            let number = last.starts_with("0x") || last.bytes().all(|b| b.is_ascii_digit());
            !number && !METADATA.contains(&host.as_str())
        }
    }
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
        let files = [
            ("tokenFile", with.token_file.is_some()),
            ("client-certificate", with.client_certificate.is_some()),
            ("client-key", with.client_key.is_some()),
        ];
        if let Some((field, _)) = files.iter().find(|(_, is)| *is) {
            return Err(format!("user {:?} has {field}, which names a file; {INLINE}", user.name));
        }
    }
    for cluster in &file.clusters {
        let Some(at) = &cluster.cluster else { continue };
        if at.insecure_skip_tls_verify == Some(true) {
            return Err(format!("cluster {:?} has insecure-skip-tls-verify; give its CA", cluster.name));
        }
        if at.certificate_authority.is_some() {
            return Err(format!("cluster {:?} has certificate-authority, which names a file; {INLINE}", cluster.name));
        }
        if at.proxy_url.is_some() {
            return Err(format!(
                "cluster {:?} has proxy-url, which an agent refuses; it dials by itself",
                cluster.name
            ));
        }
        if let Some(server) = at.server.as_deref().filter(|server| !server.starts_with("https://")) {
            return Err(format!("cluster {:?} is at {server:?}, but must be https://…", cluster.name));
        }
        if let Some(server) = at.server.as_deref().filter(|server| !may_be_an_api_server(server)) {
            return Err(format!("cluster {:?} is at {server:?}, where no API server can be", cluster.name));
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
            ("{tokenFile: /etc/passwd}", https, "tokenFile"),
            ("{client-certificate: /etc/passwd, client-key-data: eA==}", https, "client-certificate"),
            ("{client-certificate-data: eA==, client-key: /etc/passwd}", https, "client-key"),
            ("{token: t}", "{server: 'https://10.0.0.1', certificate-authority: /etc/passwd}", "certificate-authority"),
            ("{token: t}", "{server: 'https://10.0.0.1', proxy-url: 'http://10.0.0.2'}", "proxy-url"),
        ];
        for (user, cluster, word) in bad {
            let why = check(&file(user, cluster)).unwrap_err();
            assert!(why.contains(word), "{why}");
        }
    }

    #[test]
    fn metadata_services_are_no_api_servers() {
        for good in ["10.0.0.1:6443", "127.0.0.1:6443", "[fd00::1]:6443", "api.example", "k8s-1.land.example:6443"] {
            check(&file("{token: t}", &format!("{{server: 'https://{good}'}}"))).unwrap();
        }
        let bad = [
            "169.254.169.254",
            "[::ffff:169.254.169.254]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "0.0.0.0",
            "[::]",
            "224.0.0.1",
            "metadata.google.internal",
            "Metadata.Google.Internal.",
            "2852039166",
            "0xa9fea9fe",
            "169.254.43518",
            "",
        ];
        for bad in bad {
            let why = check(&file("{token: t}", &format!("{{server: 'https://{bad}'}}"))).unwrap_err();
            assert!(why.contains("no API server"), "{bad}: {why}");
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
