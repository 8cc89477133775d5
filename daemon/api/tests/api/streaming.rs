//! Envelope streams: over real HTTP/2, and their bounds and ends.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Buf as _, Bytes, BytesMut};
use futures::StreamExt as _;
use http::{Method, Request};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use verbund_api::port::SubmitError;
use verbund_api::wire::{ENVELOPES_TYPE, RESULTS_JSON_TYPE, RESULTS_TYPE, StreamAnswer, StreamResult};
use verbund_api::{Caller, Settings};
use verbund_identity::envelope::MAX_ENVELOPE;
use verbund_model::{Accepted, Outcome};

use crate::client::{Client, request};
use crate::people::Person;

const PATH: &str = "/v1/envelopes/stream";

fn frame(bytes: &[u8]) -> Bytes {
    let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    Bytes::from([&length[..], bytes].concat())
}

fn envelope(client: &Client, sequence: u64, name: &str) -> Bytes {
    frame(&client.user.entry(sequence, name, None).to_bytes())
}

fn unframe(buffer: &mut BytesMut) -> Option<Bytes> {
    let length = u32::from_be_bytes(*buffer.first_chunk::<4>()?) as usize;
    (buffer.len() >= 4 + length).then(|| {
        buffer.advance(4);
        buffer.split_to(length).freeze()
    })
}

fn results(body: &[u8]) -> Vec<StreamResult> {
    let mut buffer = BytesMut::from(body);
    let frames = std::iter::from_fn(|| unframe(&mut buffer));
    let results = frames.map(|f| postcard::from_bytes(&f).unwrap()).collect();
    assert!(buffer.is_empty());
    results
}

fn failure(result: &StreamResult) -> (u64, &str, u16) {
    match &result.answer {
        StreamAnswer::Failed { problem, status, .. } => (result.ordinal, problem, *status),
        other => panic!("{other:?}"),
    }
}

fn accepted(result: &StreamResult) -> (u64, u64) {
    match &result.answer {
        StreamAnswer::Outcome { index, outcome: Outcome::Accepted(Accepted::Changed { version }) } => {
            assert_eq!(index, version);
            (result.ordinal, *index)
        }
        other => panic!("{other:?}"),
    }
}

async fn send(client: &Client, frames: &[Bytes]) -> Vec<StreamResult> {
    let answer = client.post(PATH, &[("content-type", ENVELOPES_TYPE)], frames.concat()).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(RESULTS_TYPE)));
    results(&answer.body)
}

/// Serves the router as a listener without TLS does.
async fn serve(client: &Client) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = client.router.clone();
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(router);
        let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
        drop(server.serve_connection(TokioIo::new(socket), service).await);
    });
    address
}

/// One HTTP/2 request whose body is written while its answer is read.
async fn open(address: std::net::SocketAddr) -> (mpsc::Sender<Bytes>, hyper::Response<hyper::body::Incoming>) {
    let socket = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    let (chunks, receiver) = mpsc::channel::<Bytes>(4);
    let body = StreamBody::new(ReceiverStream::new(receiver).map(|chunk| Ok::<_, Infallible>(Frame::data(chunk))));
    let uri = format!("http://{address}{PATH}");
    let request = Request::post(uri).header("content-type", ENVELOPES_TYPE).body(body).unwrap();
    (chunks, sender.send_request(request).await.unwrap())
}

#[tokio::test]
async fn a_thousand_envelopes_over_http2_while_both_sides_talk() {
    let client = Client::new();
    let (chunks, answer) = open(serve(&client).await).await;
    assert_eq!((answer.status().as_u16(), answer.version()), (200, http::Version::HTTP_2));
    let mut body = answer.into_body();

    // The first result comes while the request's body is still open.
    chunks.send(envelope(&client, 0, "entry-0")).await.unwrap();
    let mut buffer = BytesMut::from(&body.frame().await.unwrap().unwrap().into_data().unwrap()[..]);
    let first: StreamResult = postcard::from_bytes(&unframe(&mut buffer).unwrap()).unwrap();
    assert_eq!(accepted(&first), (0, 2));

    let rest: Vec<Bytes> = (1..1000).map(|n| envelope(&client, n, &format!("entry-{n}"))).collect();
    let writer = tokio::spawn(async move {
        // Cut without regard to frames.
        for chunk in rest.concat().chunks(1500) {
            chunks.send(Bytes::copy_from_slice(chunk)).await.unwrap();
        }
    });
    while let Some(frame) = body.frame().await {
        buffer.extend_from_slice(&frame.unwrap().into_data().unwrap());
    }
    writer.await.unwrap();
    let results: BTreeMap<u64, u64> = results(&buffer).iter().map(accepted).collect();
    assert_eq!(results.keys().copied().collect::<Vec<_>>(), (1..1000).collect::<Vec<_>>());
    for (ordinal, index) in results {
        let shown = client.get(&format!("/v1/catalogue/entry-{ordinal}")).await;
        assert_eq!(shown.header("etag"), Some(format!("\"{index}\"").as_str()));
    }
}

#[tokio::test]
async fn an_empty_stream_has_no_results() {
    assert!(send(&Client::new(), &[]).await.is_empty());
}

#[tokio::test]
async fn each_envelope_has_its_own_answer() {
    let client = Client::new();
    let stranger = frame(&Person::new(9).entry(1, "dns", None).to_bytes());
    let frames = [envelope(&client, 1, "dns"), frame(b"junk"), stranger, envelope(&client, 1, "ntp"), frame(b"")];
    let mut results = send(&client, &frames).await;
    results.sort_by_key(|r| r.ordinal);
    assert_eq!(accepted(&results[0]), (0, 2));
    assert_eq!(failure(&results[1]), (1, "malformed", 400));
    assert_eq!(failure(&results[2]), (2, "unknown-key", 403));
    assert_eq!(failure(&results[3]), (3, "sequence-reused", 422));
    assert_eq!(failure(&results[4]), (4, "malformed", 400));
    assert_eq!(results.len(), 5);
}

#[tokio::test]
async fn json_results_in_german() {
    let client = Client::new();
    let headers = [("content-type", ENVELOPES_TYPE), ("accept", RESULTS_JSON_TYPE), ("accept-language", "de")];
    let stranger = frame(&Person::new(9).entry(1, "dns", None).to_bytes());
    let answer = client.post(PATH, &headers, stranger).await;
    assert_eq!(answer.header("content-type"), Some(RESULTS_JSON_TYPE));
    let mut buffer = BytesMut::from(&answer.body[..]);
    let result: StreamResult = serde_json::from_slice(&unframe(&mut buffer).unwrap()).unwrap();
    let StreamAnswer::Failed { detail, refusal, .. } = result.answer else { panic!() };
    assert!(detail.contains("ist nicht registriert"), "{detail}");
    assert_eq!(refusal.unwrap().name(), "unknown-key");
}

#[tokio::test]
async fn failures_of_the_federation_are_told_for_each() {
    let client = Client::new();
    let frames = [envelope(&client, 1, "dns"), envelope(&client, 2, "ntp")];
    for (error, name, status) in
        [(SubmitError::NoLeader, "no-leader", 503), (SubmitError::OutcomeUnknown, "outcome-unknown", 504)]
    {
        client.memory.faults.lock().unwrap().submit = Some(error);
        let results = send(&client, &frames).await;
        assert_eq!(results.iter().map(|r| failure(r).1).collect::<Vec<_>>(), [name; 2]);
        assert!(results.iter().all(|r| failure(r).2 == status));
    }
}

#[tokio::test]
async fn what_breaks_the_framing_ends_the_stream_behind_what_was_whole() {
    let client = Client::new();
    for (n, bad, name) in [
        (1, Bytes::from_static(&[0, 0, 0, 9, 1]), "malformed"),
        (2, Bytes::from(u32::try_from(MAX_ENVELOPE + 1).unwrap().to_be_bytes().to_vec()), "too-large"),
        (3, Bytes::from_static(&[255; 4]), "too-large"),
    ] {
        let mut results = send(&client, &[envelope(&client, n, "dns"), bad]).await;
        results.sort_by_key(|r| r.ordinal);
        assert_eq!(accepted(&results[0]).0, 0);
        assert_eq!((failure(&results[1]).0, failure(&results[1]).1, results.len()), (1, name, 2));
    }
}

/// A stream whose body stays open, with its results.
async fn half_open(client: &Client) -> (mpsc::Sender<Result<Bytes, Infallible>>, BodyDataStream) {
    let (chunks, receiver) = mpsc::channel(1024);
    let body = Body::from_stream(ReceiverStream::new(receiver));
    let headers = [("content-type", ENVELOPES_TYPE)];
    let answer = client.send(request(Method::POST, PATH, Caller::Anonymous, &headers, body)).await;
    (chunks, answer.into_body().into_data_stream())
}

#[tokio::test(start_paused = true)]
async fn no_more_are_in_flight_than_allowed() {
    let client = Client::with(Settings { max_in_flight: 3, ..Settings::default() });
    client.memory.faults.lock().unwrap().hang = true;
    let (chunks, mut body) = half_open(&client).await;
    for n in 0..10 {
        chunks.send(Ok(envelope(&client, n, "dns"))).await.unwrap();
    }
    // Well before the first is given up.
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(client.memory.submitted.load(Ordering::Relaxed), 3);
    let first = body.next().await.unwrap().unwrap();
    assert!(results(&first).iter().all(|r| failure(r).1 == "outcome-unknown"));
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(client.memory.submitted.load(Ordering::Relaxed), 6, "places that came free were taken");
}

#[tokio::test(start_paused = true)]
async fn idle_and_half_sent_streams_end() {
    let client = Client::new();
    for (sent, seconds) in [(&[][..], 600), (&[0, 0, 1][..], 15)] {
        let (chunks, mut body) = half_open(&client).await;
        if !sent.is_empty() {
            chunks.send(Ok(Bytes::from_static(sent))).await.unwrap();
        }
        let begun = tokio::time::Instant::now();
        let last = body.next().await.unwrap().unwrap();
        assert_eq!(failure(&results(&last)[0]), (0, "body-timeout", 408));
        assert_eq!(begun.elapsed().as_secs(), seconds);
        assert!(body.next().await.is_none());
    }
}

#[tokio::test]
async fn the_daemons_end_answers_what_it_took() {
    let settings = Settings::default();
    let shutdown = settings.shutdown.clone();
    let client = Client::with(settings);
    let (chunks, mut body) = half_open(&client).await;
    chunks.send(Ok(envelope(&client, 1, "dns"))).await.unwrap();
    assert_eq!(accepted(&results(&body.next().await.unwrap().unwrap())[0]).0, 0);
    shutdown.cancel();
    assert_eq!(failure(&results(&body.next().await.unwrap().unwrap())[0]), (1, "stopping", 503));
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn streams_are_bounded_and_give_their_place_back() {
    let client = Client::with(Settings { max_guest_streams: 1, ..Settings::default() });
    let (chunks, body) = half_open(&client).await;
    let headers = [("content-type", ENVELOPES_TYPE)];
    client.post(PATH, &headers, "").await.problem("too-many-streams");
    // Positive control: a user has places of its own.
    let mine = client.ask(request(Method::POST, PATH, client.user.caller(), &headers, Body::empty())).await;
    assert_eq!(mine.status, 200);
    // The reader of the results goes away, although the writer does not.
    drop(body);
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(client.post(PATH, &headers, "").await.status, 200);
    assert!(chunks.is_closed());
}

#[tokio::test]
async fn other_bodies_are_refused() {
    let client = Client::new();
    client.post(PATH, &[("content-type", "application/json")], "{}").await.problem("unsupported-media-type");
    client.post(PATH, &[], "").await.problem("unsupported-media-type");
}
