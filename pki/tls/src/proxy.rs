//! An HTTP CONNECT proxy on the way out (RFC 9110, 9.3.6).

use std::fmt;
use std::io;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::address::Address;

/// The most that a proxy may answer, in bytes of status line and headers.
const MAX_ANSWER: usize = 8 * 1024;
/// The most that a file with a password may hold, in bytes.
const MAX_SECRET: usize = 1024;

/// The way through a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Where the proxy listens, in clear: the tunnel through it is TLS from end to end.
    pub address: Address,
    /// Name and password for it.
    pub auth: Option<ProxyAuth>,
    /// Hosts that are reached without it: a whole name or IP address, or a domain that begins with a dot.
    pub except: Vec<String>,
}

/// Where name and password for a proxy are kept. The file is read at each use, so that they can change.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyAuth {
    file: PathBuf,
}

impl ProxyAuth {
    /// A file that holds `name:password` in one line (RFC 7617).
    #[must_use]
    pub fn from_file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into() }
    }

    async fn header(&self) -> Result<String, ProxyError> {
        let error = |source| ProxyError::Secret { file: self.file.display().to_string(), source };
        let file = tokio::fs::File::open(&self.file).await.map_err(error)?;
        let mut secret = String::new();
        let mut limited = file.take(MAX_SECRET as u64 + 1);
        limited.read_to_string(&mut secret).await.map_err(error)?;
        let line = secret.trim_end_matches(['\r', '\n']);
        if line.len() > MAX_SECRET || !line.contains(':') || line.contains(['\r', '\n']) {
            return Err(error(io::Error::other("it does not hold name:password in one line")));
        }
        Ok(format!("Proxy-Authorization: Basic {}\r\n", STANDARD.encode(line)))
    }
}

impl fmt::Debug for ProxyAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyAuth({})", self.file.display())
    }
}

/// Why the proxy gave no tunnel.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It cannot be reached, or the connection broke.
    #[error("the proxy {proxy} cannot be reached: {source}")]
    Io {
        /// The proxy.
        proxy: Address,
        /// What the system says.
        source: io::Error,
    },
    /// The file with name and password cannot be used.
    #[error("name and password for the proxy cannot be read from {file}: {source}")]
    Secret {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It wants a name and password, or others.
    #[error("the proxy {proxy} wants a name and password (407); set them in the file that the configuration names")]
    Unauthorised {
        /// The proxy.
        proxy: Address,
    },
    /// It refused.
    #[error("the proxy {proxy} refused a tunnel to {target}: {status:?}; ask its operator to allow it")]
    Refused {
        /// The proxy.
        proxy: Address,
        /// Where the tunnel should go.
        target: Address,
        /// Its status line, cut to 200 characters.
        status: String,
    },
    /// What it answered is no HTTP, or too much of it.
    #[error("{proxy} did not answer as an HTTP proxy does; is the address right?")]
    NoProxy {
        /// The proxy.
        proxy: Address,
    },
}

impl Proxy {
    /// Whether `host` is reached through this proxy.
    #[must_use]
    pub fn serves(&self, host: &str) -> bool {
        !self.except.iter().any(|except| {
            let except = except.to_ascii_lowercase();
            if except.starts_with('.') { host.ends_with(&except) } else { host == except }
        })
    }

    /// Opens a tunnel to `target` over `stream`, a connection to the proxy. The name is resolved by the proxy.
    pub(crate) async fn tunnel(&self, stream: &mut TcpStream, target: &Address) -> Result<(), ProxyError> {
        let auth = match &self.auth {
            Some(auth) => auth.header().await?,
            None => String::new(),
        };
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{auth}\r\n");
        let io = |source| ProxyError::Io { proxy: self.address.clone(), source };
        stream.write_all(request.as_bytes()).await.map_err(io)?;
        let answer = self.answer(stream).await?;
        let status = String::from_utf8_lossy(answer.split(|&b| b == b'\r').next().unwrap_or_default()).into_owned();
        let mut words = status.split(' ');
        let version = words.next().is_some_and(|word| word == "HTTP/1.1" || word == "HTTP/1.0");
        match (version, words.next()) {
            (true, Some(code)) if code.len() == 3 && code.starts_with('2') => Ok(()),
            (true, Some("407")) => Err(ProxyError::Unauthorised { proxy: self.address.clone() }),
            (true, Some(_)) => Err(ProxyError::Refused {
                proxy: self.address.clone(),
                target: target.clone(),
                status: status.chars().take(200).filter(|c| !c.is_control()).collect(),
            }),
            _ => Err(ProxyError::NoProxy { proxy: self.address.clone() }),
        }
    }

    /// Reads up to the empty line and not one byte more: what follows belongs to TLS.
    async fn answer(&self, stream: &mut TcpStream) -> Result<Vec<u8>, ProxyError> {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= MAX_ANSWER {
                return Err(ProxyError::NoProxy { proxy: self.address.clone() });
            }
            let byte = stream.read_u8().await;
            answer.push(byte.map_err(|source| ProxyError::Io { proxy: self.address.clone(), source })?);
        }
        Ok(answer)
    }
}
