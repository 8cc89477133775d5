//! The sink against a real TLS collector on loopback.

use std::sync::Mutex;

use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use verbund_machine::{LogId, RecordedEntry};
use verbund_model::{FederationId, Hash, NodeId};

use super::*;

struct InMemory(Mutex<Vec<AuditRecord>>);

impl Records for InMemory {
    fn from(&self, from: u64, most: usize) -> Result<Vec<AuditRecord>, String> {
        let records = self.0.lock().unwrap();
        Ok(records.iter().filter(|record| record.at.index >= from).take(most).cloned().collect())
    }
}

fn records(n: u64) -> Arc<InMemory> {
    let record = |index| AuditRecord {
        at: LogId { term: 1, node: 1, index },
        time: 1_700_000_000_000 + index,
        entry: RecordedEntry::Blank,
        outcome: None,
    };
    Arc::new(InMemory(Mutex::new((1..=n).map(record).collect())))
}

struct Collector {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    folder: tempfile::TempDir,
}

impl Collector {
    async fn start(name: &str) -> Self {
        let issued = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issued.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
        let config = rustls::ServerConfig::builder_with_provider(verbund_tls::provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![issued.cert.der().clone()], key.into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), folder }
    }

    fn settings(&self, server_name: &str) -> Settings {
        Settings {
            address: self.listener.local_addr().unwrap().to_string(),
            server_name: server_name.to_owned(),
            ca_file: self.folder.path().join("ca.pem"),
            cursor_file: self.folder.path().join("cursor"),
        }
    }

    /// Accepts one connection and reads `n` messages by their octet counts.
    async fn take(&self, n: usize) -> Vec<String> {
        self.take_and_hold(n).await.0
    }

    /// The same; the connection stays open as long as the second part is kept.
    async fn take_and_hold(&self, n: usize) -> (Vec<String>, impl Sized + use<>) {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut stream = BufReader::new(self.acceptor.accept(stream).await.unwrap());
        let mut messages = Vec::new();
        for _ in 0..n {
            let mut length = String::new();
            loop {
                match stream.read_u8().await.unwrap() {
                    b' ' => break,
                    digit => length.push(char::from(digit)),
                }
            }
            let mut message = vec![0; length.parse().unwrap()];
            stream.read_exact(&mut message).await.unwrap();
            messages.push(String::from_utf8(message).unwrap());
        }
        (messages, stream)
    }
}

fn origin() -> Origin {
    Origin { federation: FederationId(Hash([7; 32])), node: NodeId(1), host: "nord.dvc".to_owned() }
}

fn start(settings: Settings, records: Arc<InMemory>, applied: u64) -> (watch::Sender<u64>, watch::Sender<bool>) {
    let (applied, applied_receiver) = watch::channel(applied);
    let (stop, stop_receiver) = watch::channel(false);
    tokio::spawn(run(settings, origin(), records, applied_receiver, stop_receiver));
    (applied, stop)
}

async fn cursor_reaches(settings: &Settings, wanted: u64) {
    for _ in 0..2_000 {
        if Cursor::open(&settings.cursor_file).is_ok_and(|cursor| cursor.sent() == wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the cursor did not reach {wanted}");
}

#[tokio::test]
async fn records_arrive_in_order_and_the_next_run_goes_on_behind_them() {
    let collector = Collector::start("siem.example").await;
    let settings = collector.settings("siem.example");
    let (_applied, stop) = start(settings.clone(), records(3), 3);
    let (messages, _open) = collector.take_and_hold(3).await;
    for (message, index) in messages.iter().zip(1..) {
        assert!(message.starts_with("<109>1 2023-11-14T22:13:20.00"), "{message}");
        assert!(message.contains(" nord.dvc verbund 0.1 audit [verbund@32473 federation=\"0707"), "{message}");
        assert!(message.contains(&format!(" index=\"{index}\" ")), "{message}");
    }
    cursor_reaches(&settings, 3).await;
    stop.send(true).unwrap();

    let (_applied, _stop) = start(settings.clone(), records(5), 5);
    let messages = collector.take(2).await;
    assert!(messages[0].contains(" index=\"4\" ") && messages[1].contains(" index=\"5\" "), "{messages:?}");
}

#[tokio::test]
async fn a_collector_that_breaks_off_gets_the_records_again() {
    let collector = Collector::start("siem.example").await;
    let settings = collector.settings("siem.example");
    let (_applied, _stop) = start(settings.clone(), records(2), 2);
    // It takes the records and is gone at once: nothing says that it kept them.
    assert_eq!(collector.take(2).await.len(), 2);
    assert_eq!(Cursor::open(&settings.cursor_file).unwrap().sent(), 0);
    let again = collector.take(2).await;
    assert!(again[0].contains(" index=\"1\" "), "{again:?}");
}

#[tokio::test]
async fn a_collector_with_another_name_gets_nothing() {
    let collector = Collector::start("other.example").await;
    let settings = collector.settings("siem.example");
    let error = connect_once(&collector, &settings).await;
    assert!(error.contains("could not be sent"), "{error}");
    // The control: by its own name it is believed.
    let settings = collector.settings("other.example");
    let (_applied, _stop) = start(settings, records(1), 1);
    assert_eq!(collector.take(1).await.len(), 1);
}

async fn connect_once(collector: &Collector, settings: &Settings) -> String {
    let accept = async {
        let (stream, _) = collector.listener.accept().await.unwrap();
        assert!(collector.acceptor.accept(stream).await.is_err(), "the sink must break the handshake off");
    };
    let (error, ()) = tokio::join!(connect(settings), accept);
    error.err().map(|error| error.to_string()).unwrap_or_default()
}
