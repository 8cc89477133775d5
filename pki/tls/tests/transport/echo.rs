//! A small gRPC service without a schema: messages are bytes.

use std::convert::Infallible;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use http::uri::PathAndQuery;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use tower::Service;
use verbund_tls::{Caller, Service as Called};

#[derive(Clone, Copy, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
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
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        use bytes::BufMut as _;
        dst.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        use bytes::Buf as _;
        let mut bytes = vec![0; src.remaining()];
        src.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// The service. It tells each caller who it is seen as.
#[derive(Clone)]
pub struct Echo;

fn seen(caller: Option<&Caller>) -> String {
    match caller.and_then(|caller| caller.peer.as_ref()) {
        Some(peer) => format!("{} {}", peer.id, peer.fingerprint),
        None => "nobody".to_owned(),
    }
}

fn service(path: &str) -> Called {
    match path {
        "/t.Raft/Vote" => Called::Raft,
        "/t.Join/Ask" => Called::Join,
        _ => Called::Public,
    }
}

impl Service<http::Request<tonic::body::Body>> for Echo {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        async move {
            let caller = request.extensions().get::<Caller>().cloned();
            let path = request.uri().path().to_owned();
            if !caller.as_ref().is_some_and(|caller| caller.may_call(service(&path))) {
                return Ok(Status::permission_denied("not for this name").into_http());
            }
            let mut grpc = tonic::server::Grpc::new(Raw);
            Ok(match path.as_str() {
                "/t.Echo/Hang" => grpc.unary(tower::service_fn(hang), request).await,
                "/t.Echo/Tick" => grpc.server_streaming(tower::service_fn(tick), request).await,
                _ => {
                    let answer = move |_: Request<Vec<u8>>| {
                        let answer = Response::new(seen(caller.as_ref()).into_bytes());
                        async move { Ok::<_, Status>(answer) }
                    };
                    grpc.unary(tower::service_fn(answer), request).await
                }
            })
        }
        .boxed()
    }
}

async fn hang(_: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Status> {
    std::future::pending().await
}

type Ticks = BoxStream<'static, Result<Vec<u8>, Status>>;

async fn tick(_: Request<Vec<u8>>) -> Result<Response<Ticks>, Status> {
    let ticks = futures::stream::unfold(0_u64, |count| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        Some((Ok(count.to_be_bytes().to_vec()), count + 1))
    });
    Ok(Response::new(ticks.boxed()))
}

/// Calls `path`; gives how the other side saw the caller.
pub async fn call(channel: &Channel, path: &'static str) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    let ready = client.ready().await;
    ready.map_err(|e| Status::unavailable(chain(&e)))?;
    let answer = client.unary(Request::new(Vec::new()), PathAndQuery::from_static(path), Raw).await;
    answer.map(|answer| String::from_utf8(answer.into_inner()).unwrap())
}

pub async fn who(channel: &Channel) -> Result<String, Status> {
    call(channel, "/t.Echo/Who").await
}

pub async fn ticks(channel: &Channel) -> Streaming<Vec<u8>> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/t.Echo/Tick");
    client.server_streaming(Request::new(Vec::new()), path, Raw).await.unwrap().into_inner()
}

/// Reads until the stream ends, for 20 s at most.
pub async fn ended(stream: &mut Streaming<Vec<u8>>) {
    let drain = async { while let Ok(Some(_)) = stream.message().await {} };
    tokio::time::timeout(Duration::from_secs(20), drain).await.expect("the stream goes on");
}

/// An error with all its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
