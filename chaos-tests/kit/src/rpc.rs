//! Any call of a gRPC service, with whatever bytes: for callers that do not play by the rules.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use verbund_tls::Line;

use crate::peer::Says;

/// The most bytes of an answer that are read.
const MAX_ANSWER: usize = 64 << 20;

/// An HTTP/2 connection on which calls are made. Cheap to clone.
#[derive(Clone)]
pub struct Rpc(Channel);

impl Rpc {
    /// Speaks gRPC over a connection that exists. Errors: it was closed at once.
    pub async fn over(line: Line) -> Result<Self> {
        let line = Arc::new(Mutex::new(Some(TokioIo::new(line))));
        let once = tower::service_fn(move |_: http::Uri| {
            let line = line.clone();
            async move { line.lock().await.take().ok_or_else(|| std::io::Error::other("the connection was used up")) }
        });
        Ok(Self(Endpoint::from_static("http://peer").connect_with_connector(once).await?))
    }

    /// Calls `path`, such as `/verbund.peer.v1.Raft/Vote`, with one message; a stream's first answer counts. Errors: the outer
    /// one, the connection is gone; the inner one, the call was refused.
    pub async fn call(&self, path: &str, says: Option<Says>, message: Bytes) -> Result<Result<Bytes, Status>> {
        let mut grpc = Grpc::new(self.0.clone()).max_decoding_message_size(MAX_ANSWER);
        grpc.ready().await.map_err(|error| anyhow!(error)).context("the connection was closed")?;
        let mut request = Request::new(message);
        if let Some(says) = says {
            let metadata = request.metadata_mut();
            metadata.insert("verbund-federation", says.federation.to_string().parse()?);
            metadata.insert("verbund-generation", "0".parse()?);
            metadata.insert("verbund-from", says.from.to_string().parse()?);
            metadata.insert("verbund-to", says.to.to_string().parse()?);
        }
        let path = PathAndQuery::try_from(path)?;
        Ok(grpc.unary(request, path, Raw).await.map(tonic::Response::into_inner))
    }
}

/// Messages as they are.
#[derive(Clone, Copy, Debug, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
