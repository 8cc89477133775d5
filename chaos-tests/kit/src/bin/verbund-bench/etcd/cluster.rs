//! Three etcd processes with certificates of their own CA.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};
use verbund_kit::{Ports, Process, until_async};

use super::client::Connections;

/// Members, as in the federation that etcd is compared with.
const MEMBERS: usize = 3;
/// How long the members may take to elect a leader.
const START: Duration = Duration::from_secs(60);

/// A running cluster; its processes end with this value.
pub struct Cluster {
    processes: Vec<Process>,
    client_ports: Vec<u16>,
    /// The client's side of TLS.
    pub tls: Arc<ClientConfig>,
    /// What the daemon calls its version.
    pub version: String,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

impl Cluster {
    /// Starts three members below `directory` and waits for a leader. Errors: no `etcd` on the path, no leader in time.
    pub async fn start(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)?;
        let authority = Authority::new()?;
        fs::write(directory.join("ca.pem"), authority.certificate.pem())?;
        let ports = (0..2 * MEMBERS).map(|_| Ports::free()).collect::<Result<Vec<_>>>()?;
        let (client_ports, peer_ports) = ports.split_at(MEMBERS);
        let members = peer_ports.iter().enumerate().map(|(i, port)| format!("m{i}=https://127.0.0.1:{port}"));
        let members = members.collect::<Vec<_>>().join(",");
        let mut processes = Vec::new();
        for member in 0..MEMBERS {
            authority.write_leaf(directory, member)?;
            let mut command = command(directory, member, client_ports[member], peer_ports[member], &members);
            let log = directory.join(format!("m{member}.log"));
            let process = Process::spawn(&format!("etcd {member}"), &mut command, &log);
            processes.push(process.context("is etcd installed? Debian: apt-get install etcd-server")?);
        }
        let tls = Arc::new(authority.client()?);
        let mut cluster = Self { processes, client_ports: client_ports.to_vec(), tls, version: String::new() };
        cluster.version = cluster.wait_for_leader().await?;
        Ok(cluster)
    }

    /// Process ids of the members.
    pub fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(Process::pid).collect()
    }

    /// Connections to the leader.
    pub async fn at_leader(&self, count: usize) -> Result<Connections> {
        self.find(true, count).await
    }

    /// Connections to a member that follows.
    pub async fn at_follower(&self, count: usize) -> Result<Connections> {
        self.find(false, count).await
    }

    async fn find(&self, leads: bool, count: usize) -> Result<Connections> {
        for port in &self.client_ports {
            let status = Connections::open(&self.tls, *port, 1).await?.status().await?;
            if (status.header.map(|h| h.member_id) == Some(status.leader)) == leads {
                return Connections::open(&self.tls, *port, count).await;
            }
        }
        anyhow::bail!("no etcd member says of itself that it {}", if leads { "leads" } else { "follows" })
    }

    async fn wait_for_leader(&mut self) -> Result<String> {
        for process in &mut self.processes {
            process.expect_running()?;
        }
        let (tls, ports) = (&self.tls, &self.client_ports);
        let ready = until_async("a leader of etcd", START, || async move {
            let mut version = String::new();
            for port in ports {
                let status = Connections::open(tls, *port, 1).await?.status().await?;
                ensure!(status.leader != 0, "member at port {port} knows no leader");
                version = status.version;
            }
            Ok(version)
        });
        let tails = || self.processes.iter().map(Process::log_tail).collect::<Vec<_>>().join("\n");
        Ok(ready.await.with_context(tails)?.0)
    }
}

fn command(directory: &Path, member: usize, client: u16, peer: u16, members: &str) -> Command {
    let path = |name: String| directory.join(name).display().to_string();
    let (certificate, key, ca) =
        (path(format!("m{member}.pem")), path(format!("m{member}.key")), path("ca.pem".into()));
    let mut command = Command::new("etcd");
    command.args(["--name", &format!("m{member}"), "--data-dir", &path(format!("m{member}"))]);
    command.args(["--listen-client-urls", &format!("https://127.0.0.1:{client}")]);
    command.args(["--advertise-client-urls", &format!("https://127.0.0.1:{client}")]);
    command.args(["--listen-peer-urls", &format!("https://127.0.0.1:{peer}")]);
    command.args(["--initial-advertise-peer-urls", &format!("https://127.0.0.1:{peer}")]);
    command.args(["--initial-cluster", members, "--initial-cluster-token", "verbund-bench"]);
    for prefix in ["--", "--peer-"] {
        command.args([format!("{prefix}cert-file"), certificate.clone(), format!("{prefix}key-file"), key.clone()]);
        command.args([format!("{prefix}trusted-ca-file"), ca.clone(), format!("{prefix}client-cert-auth")]);
    }
    command.args(["--logger", "zap", "--log-level", "warn"]);
    command
}

impl Authority {
    fn new() -> Result<Self> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(rcgen::DnType::CommonName, "benchmark CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    fn leaf(&self, name: &str) -> Result<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }

    fn write_leaf(&self, directory: &Path, member: usize) -> Result<()> {
        let (certificate, key) = self.leaf(&format!("member {member}"))?;
        fs::write(directory.join(format!("m{member}.pem")), certificate.pem())?;
        fs::write(directory.join(format!("m{member}.key")), key.serialize_pem())?;
        Ok(())
    }

    fn client(&self) -> Result<ClientConfig> {
        let (certificate, key) = self.leaf("client")?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(self.certificate.der().to_vec()))?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![certificate.der().clone()];
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_client_auth_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}
