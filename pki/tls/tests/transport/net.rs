//! Networks in between: a relay that can be cut, a CONNECT proxy, and a bounded wait for a condition.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// Waits until `condition` holds, for 20 s at most.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    for _ in 0..2000 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to this: {what}");
}

/// Passes bytes on to `target`.
pub struct Relay {
    pub address: SocketAddr,
    open: Arc<Mutex<Vec<AbortHandle>>>,
    task: AbortHandle,
}

impl Relay {
    pub async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::<Mutex<Vec<AbortHandle>>>::default();
        let opened = open.clone();
        let task = tokio::spawn(async move {
            let mut pipes = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let pipe = pipes.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(target).await {
                        let _ = copy_bidirectional(&mut near, &mut far).await;
                    }
                });
                opened.lock().unwrap().push(pipe);
            }
        });
        Self { address, open, task: task.abort_handle() }
    }

    /// How many connections came through, ever.
    pub fn passed(&self) -> usize {
        self.open.lock().unwrap().len()
    }

    /// Breaks every connection; new ones pass.
    pub fn cut(&self) {
        self.open.lock().unwrap().iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A CONNECT proxy that wants `authorisation`, if given, and notes the requests.
pub struct ConnectProxy {
    pub address: SocketAddr,
    pub requests: Arc<Mutex<Vec<String>>>,
    task: AbortHandle,
}

impl ConnectProxy {
    pub async fn start(authorisation: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let noted = requests.clone();
        let task = tokio::spawn(async move {
            let mut tunnels = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                tunnels.spawn(tunnel(stream, authorisation, noted.clone()));
            }
        });
        Self { address, requests, task: task.abort_handle() }
    }
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn tunnel(mut near: TcpStream, authorisation: Option<&str>, noted: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(near.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let line = head.lines().next().unwrap().to_owned();
    noted.lock().unwrap().push(line.clone());
    if authorisation.is_some_and(|wanted| !head.contains(&format!("Proxy-Authorization: Basic {wanted}\r\n"))) {
        near.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await.unwrap();
        return;
    }
    let target = line.strip_prefix("CONNECT ").unwrap().strip_suffix(" HTTP/1.1").unwrap();
    let Ok(mut far) = TcpStream::connect(target).await else {
        near.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await.unwrap();
        return;
    };
    near.write_all(b"HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut near, &mut far).await;
}
