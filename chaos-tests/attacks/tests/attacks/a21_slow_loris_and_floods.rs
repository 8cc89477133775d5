//! Attack 21: connections that say nothing or say it slowly, and streams that are opened only to be reset (Nomad's CVE-2020-7218;
//! HTTP/2 rapid reset, CVE-2023-44487).
//!
//! Expected: bounds on all of it, by address and in all; what holds a place without asking anything loses it; connections that stand
//! go on, the leader stays, nothing grows. 600 idle handshakes here, 60 from each of ten addresses of this machine (the plan: up to
//! 2,000). Not covered: a flood that fills the line itself, and members who flood their peers, whom an exclusion ends.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use verbund_kit::joiner::Contact;
use verbund_kit::wait::until_async;
use verbund_kit::{Federation, Settings};
use verbund_tls::{Alpn, Dialer, Line, Pinned};

const PATIENCE: Duration = Duration::from_secs(60);
const GROWTH: u64 = 32 << 20;
/// Of 128 handshakes at once one address gets half.
const OF_ONE: usize = 64;
/// Streams that are opened and reset on one connection.
const RESETS: u32 = 20_000;

/// A connection from another address of this machine, which says nothing.
async fn idle(source: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, source], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

/// How many of them the other side has closed.
fn closed(all: &[TcpStream]) -> usize {
    let ended = |stream: &&TcpStream| !matches!(stream.try_read(&mut [0; 1]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    all.iter().filter(ended).count()
}

async fn guest(federation: &Federation, alpn: Alpn) -> Line {
    let site = &federation.sites[0];
    let pinned = Pinned { pin: site.door().unwrap().pin, domain: None };
    let address = [site.admin_address().parse().unwrap()];
    Dialer::default().dial_pinned(&address, &pinned, alpn, None).await.unwrap()
}

/// Waits until the other side ends it, whatever it says before.
async fn ends(mut line: Line) -> Result<()> {
    let mut some = [0; 1024];
    let end = async { while matches!(line.read(&mut some).await, Ok(length) if length > 0) {} };
    tokio::time::timeout(PATIENCE, end).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_hold_and_the_leader_stays() {
    let extra = "limits: {handshakeSeconds: 15}".to_owned();
    let mut federation = Federation::found(Settings { extra, ..Settings::default() }, None).await.unwrap();
    let person = federation.new_user("erika").unwrap();
    let mut standing = federation.connect(0, &person).await.unwrap();
    let term = federation.status(0).unwrap()["term"].clone();
    let before = federation.sites[0].process().unwrap().usage().unwrap().resident;
    let listeners = [federation.sites[0].peer_address(), federation.sites[0].admin_address()];

    let listeners = listeners.map(|address| address.parse::<SocketAddr>().unwrap());
    let get_in = || async {
        federation.connect(0, &person).await?;
        Contact::of(&federation.sites[0]).await
    };

    // One address takes what it can get, of both. Everybody else gets through while it does.
    let mut held = Vec::new();
    for to in listeners {
        for _ in 0..4 * OF_ONE {
            held.push(idle(2, to).await);
        }
    }
    let turned_away = || async {
        let closed = closed(&held);
        ensure!(closed >= held.len() / 2, "only {closed} were turned away");
        Ok(())
    };
    until_async("what is above the bound being closed", PATIENCE, turned_away).await.unwrap();
    get_in().await.expect("one address does not lock out another");
    assert!(closed(&held) < held.len(), "the others had to wait until it held nothing any more");
    // Ten addresses take all there is: what stands goes on.
    for (to, source) in listeners.into_iter().flat_map(|to| (3..13).map(move |source| (to, source))) {
        for _ in 0..60 {
            held.push(idle(source, to).await);
        }
    }
    standing.get("/v1/sites").await.unwrap().json::<serde_json::Value>().expect("what stands goes on");
    let all_closed = || async {
        let closed = closed(&held);
        ensure!(closed == held.len(), "{closed} of {} are closed", held.len());
        Ok(())
    };
    until_async("the end of all idle handshakes", PATIENCE, all_closed).await.unwrap();
    get_in().await.expect("control: and then everybody is let in again");

    // Behind the handshake: nothing at all, half a head, and an HTTP/2 client that opens no stream.
    let silent = guest(&federation, Alpn::H2).await;
    let mut half = guest(&federation, Alpn::Http1).await;
    half.write_all(b"GET /livez HTTP/1.1\r\nHost: ").await.unwrap();
    half.flush().await.unwrap();
    let mut streamless = guest(&federation, Alpn::H2).await;
    streamless.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await.unwrap();
    streamless.flush().await.unwrap();
    let (silent, half, streamless) = tokio::join!(ends(silent), ends(half), ends(streamless));
    silent.expect("a connection on which nothing is asked goes on");
    half.expect("half a head is waited for");
    streamless.expect("a connection without a stream goes on");
    standing.get("/v1/sites").await.unwrap().json::<serde_json::Value>().expect("control: who asks now and then stays");

    let sent = resets(guest(&federation, Alpn::H2).await).await;
    println!("the connection was ended after {sent} of {RESETS} resets were sent");
    standing.get("/v1/sites").await.unwrap().json::<serde_json::Value>().expect("others are served");

    let status = federation.status(0).unwrap();
    assert_eq!(status["term"], term, "no election came of it");
    let after = federation.sites[0].process().unwrap().usage().unwrap().resident;
    println!("resident memory: {} MiB before, {} MiB after", before >> 20, after >> 20);
    assert!(after < before + GROWTH, "it grew from {before} to {after} bytes");
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;
/// CANCEL (RFC 9113, 7).
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// A frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Opens streams and resets each at once. Gives how many had been sent when the other side ended the connection; it must.
async fn resets(line: Line) -> u32 {
    // :method GET, :scheme https, :path /livez, :authority localhost, in HPACK's static table and literals.
    let mut head = vec![0x82, 0x87, 0x04, 6];
    head.extend_from_slice(b"/livez");
    head.extend_from_slice(&[0x01, 9]);
    head.extend_from_slice(b"localhost");
    let (mut reader, mut writer) = tokio::io::split(line);
    let reading = tokio::spawn(async move {
        let mut some = [0; 4096];
        while matches!(reader.read(&mut some).await, Ok(length) if length > 0) {}
    });
    let mut sent = 0;
    let mut out = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    for number in 0..RESETS {
        let stream = 2 * number + 1;
        out.extend(frame(HEADERS, WHOLE, stream, &head));
        out.extend(frame(RST_STREAM, 0, stream, &CANCEL));
        if out.len() > 4096 {
            if writer.write_all(&out).await.is_err() || writer.flush().await.is_err() {
                break;
            }
            (sent, out) = (number + 1, Vec::new());
        }
    }
    tokio::time::timeout(PATIENCE, reading).await.expect("the flood was let go on").unwrap();
    sent
}
