//! A client of etcd's KV service: few persistent connections, many requests on each.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

use super::wire;
use crate::load::Operation;
use crate::workload;

/// The most that any single request may take before it counts as an error.
const DEADLINE: Duration = Duration::from_secs(20);

/// Persistent connections to one member.
#[derive(Clone)]
pub struct Connections(Vec<Channel>);

impl Connections {
    /// Opens `count` connections to 127.0.0.1:`port`.
    pub async fn open(tls: &Arc<ClientConfig>, port: u16, count: usize) -> Result<Self> {
        let mut channels = Vec::with_capacity(count);
        for _ in 0..count {
            channels.push(connect(tls, port).await?);
        }
        Ok(Self(channels))
    }

    /// One client for each of `clients`, spread over the connections.
    pub fn puts(&self, clients: usize) -> Vec<Put> {
        (0..clients).map(|client| Put { grpc: self.grpc(client), client, clients }).collect()
    }

    /// The same for linearizable reads.
    pub fn gets(&self, clients: usize) -> Vec<Get> {
        (0..clients).map(|client| Get { grpc: self.grpc(client), client, clients }).collect()
    }

    /// Asks the member who it is and who leads.
    pub async fn status(&self) -> Result<wire::StatusResponse> {
        unary(&mut self.grpc(0), wire::StatusRequest {}, wire::STATUS).await
    }

    fn grpc(&self, client: usize) -> Grpc<Channel> {
        Grpc::new(self.0[client % self.0.len()].clone())
    }
}

async fn connect(tls: &Arc<ClientConfig>, port: u16) -> Result<Channel> {
    let connector = TlsConnector::from(tls.clone());
    let dial = tower::service_fn(move |_: http::Uri| {
        let connector = connector.clone();
        async move {
            let tcp = TcpStream::connect(("127.0.0.1", port)).await?;
            tcp.set_nodelay(true)?;
            let name = ServerName::try_from("localhost").map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>(TokioIo::new(connector.connect(name, tcp).await?))
        }
    });
    let endpoint = Endpoint::from_shared(format!("http://localhost:{port}"))?;
    endpoint.connect_with_connector(dial).await.with_context(|| format!("connecting to etcd at port {port}"))
}

async fn unary<Q, A>(grpc: &mut Grpc<Channel>, request: Q, path: &'static str) -> Result<A>
where
    Q: prost::Message + Default + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let call = async {
        grpc.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        Ok::<_, anyhow::Error>(grpc.unary(tonic::Request::new(request), PathAndQuery::from_static(path), codec).await?)
    };
    Ok(tokio::time::timeout(DEADLINE, call).await.with_context(|| format!("{path}: no answer"))??.into_inner())
}

/// Writes one value after the other.
pub struct Put {
    grpc: Grpc<Channel>,
    client: usize,
    clients: usize,
}

impl Operation for Put {
    async fn run(&mut self, number: u64) -> Result<()> {
        let key = Bytes::from(workload::key(self.client, self.clients, number));
        let value = Bytes::from(workload::value());
        let answer: wire::PutResponse = unary(&mut self.grpc, wire::PutRequest { key, value }, wire::PUT).await?;
        ensure!(answer.header.is_some_and(|h| h.revision > 0), "etcd answered a put without a revision");
        Ok(())
    }
}

/// Reads one key after the other, linearizably.
pub struct Get {
    grpc: Grpc<Channel>,
    client: usize,
    clients: usize,
}

impl Operation for Get {
    async fn run(&mut self, number: u64) -> Result<()> {
        let key = Bytes::from(workload::stored_key(self.client, self.clients, number));
        let answer: wire::RangeResponse = unary(&mut self.grpc, wire::RangeRequest { key }, wire::RANGE).await?;
        ensure!(answer.kvs.len() == 1, "etcd found {} values where one was written", answer.kvs.len());
        ensure!(answer.kvs[0].value.len() == workload::VALUE, "etcd gave a value of another length");
        Ok(())
    }
}
