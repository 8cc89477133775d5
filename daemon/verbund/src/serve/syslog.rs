//! The sink to the SIEM: audit records as syslog (RFC 5424) over TLS (RFC 5425), with a cursor.
//!
//! RFC 5425 knows no acknowledgement. So the cursor moves only when the connection has stayed open for a while after the
//! records were written to it: a collector that breaks off gets them again, and repeats are told by the log index that
//! each message carries.

mod cursor;
mod message;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use verbund_machine::AuditRecord;

pub use cursor::{Cursor, CursorError};
pub use message::Origin;

/// Records that are read and sent at once.
const BATCH: usize = 256;
/// A connection that is still open so long after a write has delivered it: a dead one shows by then.
const SETTLE: Duration = Duration::from_secs(2);
/// How long a connection attempt may take.
const CONNECT: Duration = Duration::from_secs(10);
/// The longest pause between attempts.
const SLOWEST: Duration = Duration::from_secs(60);

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collector, `host:port` (port 6514 by RFC 5425).
    pub address: String,
    /// The name its certificate must carry.
    pub server_name: String,
    /// PEM file of the CA that vouches for it.
    pub ca_file: PathBuf,
    /// File with the index of the last record that was sent.
    pub cursor_file: PathBuf,
}

impl Settings {
    /// From the configuration.
    pub fn of(syslog: &crate::config::Syslog) -> Self {
        Self {
            address: syslog.address.to_string(),
            server_name: syslog.server_name.clone(),
            ca_file: syslog.ca_file.clone(),
            cursor_file: syslog.cursor_file.clone(),
        }
    }
}

/// Where records come from: the archive of this node.
pub trait Records: Send + Sync + 'static {
    /// At most `most` records from index `from` on, in order. Errors: words for the log.
    fn from(&self, from: u64, most: usize) -> Result<Vec<AuditRecord>, String>;
}

/// Why sending failed; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The CA file cannot be used.
    #[error("the CA file {path} for the syslog collector cannot be used: {reason}")]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The collector's name is no DNS name or IP address.
    #[error("syslog.serverName {name:?} is neither a DNS name nor an IP address")]
    Name {
        /// The name.
        name: String,
    },
    /// The collector was not reached, or the connection broke.
    #[error("audit records could not be sent to the syslog collector {address}: {reason}")]
    Connection {
        /// The collector.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The archive could not be read.
    #[error("audit records could not be read: {reason}")]
    Records {
        /// What happened.
        reason: String,
    },
    /// The cursor could not be read or written.
    #[error(transparent)]
    Cursor(#[from] CursorError),
}

/// Sends records until `stop` says so. `applied` is the index up to which records exist. Never gives up: a collector that
/// is away gets everything when it is back, as far as the archive's retention reaches.
pub async fn run(
    settings: Settings,
    origin: Origin,
    records: Arc<dyn Records>,
    mut applied: watch::Receiver<u64>,
    mut stop: watch::Receiver<bool>,
) {
    let mut pause = Duration::from_secs(1);
    loop {
        let sent = tokio::select! {
            sent = session(&settings, &origin, records.as_ref(), &mut applied) => sent,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Err(error) = sent else { return };
        tracing::warn!(error = %error, retry_in = ?pause, "audit records wait for the syslog collector");
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        pause = (pause * 2).min(SLOWEST);
    }
}

async fn session(
    settings: &Settings,
    origin: &Origin,
    records: &dyn Records,
    applied: &mut watch::Receiver<u64>,
) -> Result<(), SinkError> {
    let mut cursor = Cursor::open(&settings.cursor_file)?;
    let mut next = cursor.sent() + 1;
    if !reaches(applied, next).await {
        return Ok(());
    }
    let broken = |reason: String| SinkError::Connection { address: settings.address.clone(), reason };
    let (mut inbound, mut outbound) = tokio::io::split(connect(settings).await?);
    let mut unsettled: Option<Unsettled> = None;
    let mut byte = [0];
    loop {
        let settled_at = unsettled.as_ref().map(|unsettled| unsettled.since + SETTLE);
        tokio::select! {
            // A collector says nothing; if there is something to read, it is the end.
            end = inbound.read(&mut byte) => match end {
                Ok(0) => return Err(broken("it closed the connection".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(broken(error.to_string())),
            },
            () = sleep_until(settled_at), if settled_at.is_some() => {
                if let Some(settled) = unsettled.take() {
                    cursor.set(settled.index)?;
                }
                if cursor.sent() + 1 < next {
                    unsettled = Some(Unsettled { index: next - 1, since: Instant::now() });
                }
            }
            grown = reaches(applied, next) => {
                if !grown {
                    return Ok(());
                }
                let last = send(&mut outbound, origin, records, next, &broken).await?;
                next = last + 1;
                unsettled.get_or_insert_with(|| Unsettled { index: last, since: Instant::now() });
            }
        }
    }
}

/// What was written and might still be lost with the connection.
struct Unsettled {
    index: u64,
    since: Instant,
}

/// Waits for an index; `false` if the daemon stops.
async fn reaches(applied: &mut watch::Receiver<u64>, wanted: u64) -> bool {
    applied.wait_for(|index| *index >= wanted).await.is_ok()
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Writes the next records; gives the index of the last.
async fn send(
    outbound: &mut WriteHalf<TlsStream<TcpStream>>,
    origin: &Origin,
    records: &dyn Records,
    next: u64,
    broken: &impl Fn(String) -> SinkError,
) -> Result<u64, SinkError> {
    let batch = records.from(next, BATCH).map_err(|reason| SinkError::Records { reason })?;
    let last = batch.last().map(|record| record.at.index);
    let last = last.ok_or_else(|| SinkError::Records { reason: format!("the archive does not hold record {next}") })?;
    for record in &batch {
        let frame = message::frame(&message::render(origin, record));
        outbound.write_all(&frame).await.map_err(|e| broken(e.to_string()))?;
    }
    outbound.flush().await.map_err(|e| broken(e.to_string()))?;
    Ok(last)
}

async fn connect(settings: &Settings) -> Result<TlsStream<TcpStream>, SinkError> {
    let config = client_config(settings)?;
    let name = ServerName::try_from(settings.server_name.clone())
        .map_err(|_| SinkError::Name { name: settings.server_name.clone() })?;
    let failed = |reason: String| SinkError::Connection { address: settings.address.clone(), reason };
    let dial = async {
        let stream = TcpStream::connect(&settings.address).await?;
        TlsConnector::from(config).connect(name, stream).await
    };
    match tokio::time::timeout(CONNECT, dial).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_) => Err(failed(format!("no answer within {} s", CONNECT.as_secs()))),
    }
}

fn client_config(settings: &Settings) -> Result<Arc<rustls::ClientConfig>, SinkError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    let ca = |reason: String| SinkError::Ca { path: settings.ca_file.clone(), reason };
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(&settings.ca_file).map_err(|e| ca(e.to_string()))? {
        roots.add(certificate.map_err(|e| ca(e.to_string()))?).map_err(|e| ca(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(ca("it holds no certificate".to_owned()));
    }
    let config = rustls::ClientConfig::builder_with_provider(verbund_tls::provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|e| ca(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
