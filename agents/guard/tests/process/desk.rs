//! An agent's desk for tests: it says what it is told to say.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use verbund_guard::wire;
use verbund_lease::{Denied, Grant};

/// What the agent's key is made of.
pub const AGENT: u8 = 5;

#[derive(Clone, Copy)]
pub enum Says {
    Nothing,
    NoLease,
    NotHere,
    /// Milliseconds.
    Grant(u64),
}

struct Shared {
    says: Mutex<(Says, u8)>,
    asked: AtomicU64,
    /// The latest end of any grant by this clock, which is the guard's too.
    ends: AtomicU64,
    stop: AtomicBool,
}

pub struct Desk {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    pub fn start(says: Says) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let address = socket.local_addr().unwrap();
        let says = Mutex::new((says, AGENT));
        let (asked, ends) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { says, asked, ends, stop: AtomicBool::new(false) });
        let its = Arc::clone(&shared);
        let thread = Some(std::thread::spawn(move || its.serve(&socket)));
        Self { address, shared, thread }
    }

    /// From here on it says this; what is being answered now was answered when this returns.
    pub fn say(&self, says: Says) {
        self.shared.says.lock().unwrap_or_else(PoisonError::into_inner).0 = says;
    }

    pub fn sign_with(&self, key: u8) {
        self.shared.says.lock().unwrap_or_else(PoisonError::into_inner).1 = key;
    }

    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::SeqCst)
    }

    pub fn last_grant_ends(&self) -> u64 {
        self.shared.ends.load(Ordering::SeqCst)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn serve(&self, socket: &UdpSocket) {
        let mut buffer = [0; 512];
        while !self.stop.load(Ordering::SeqCst) {
            let Ok((length, guard)) = socket.recv_from(&mut buffer) else { continue };
            let question = wire::decode_question(&buffer[..length]).unwrap();
            let says = self.says.lock().unwrap_or_else(PoisonError::into_inner);
            let decision = match says.0 {
                Says::Nothing => None,
                Says::NoLease => Some(Err(Denied::NoLease)),
                Says::NotHere => {
                    let (workload, epoch) = (question.workload.clone(), question.epoch);
                    Some(Err(Denied::NotHere { workload, epoch }))
                }
                Says::Grant(remaining) => {
                    self.ends.store(verbund_guard::now().unwrap() + remaining, Ordering::SeqCst);
                    Some(Ok(Grant { question: question.clone(), remaining }))
                }
            };
            if let Some(decision) = decision {
                let key = SigningKey::from_slice(&[says.1; 32]).unwrap();
                let sign = |bytes: &[u8]| {
                    let signature: Signature = key.sign(bytes);
                    Some(signature.to_bytes().into())
                };
                socket.send_to(&wire::encode_answer(&question, &decision, sign), guard).unwrap();
            }
            drop(says);
            self.asked.fetch_add(1, Ordering::SeqCst);
        }
    }
}
