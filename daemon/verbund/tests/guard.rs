//! The guard in this program is the guard: it starts nothing without a grant, also where it was copied to.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod desk;

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use desk::Desk;
use verbund_guard::wire;
use verbund_lease::{Denied, Grant};

const BOUND: Duration = Duration::from_secs(60);

/// Answers guards as an agent does, with a grant or without.
struct Answers {
    address: SocketAddr,
    asked: Arc<AtomicU64>,
    granted: Arc<AtomicBool>,
}

impl Answers {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (asked, granted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let answers = Self { address: socket.local_addr().unwrap(), asked: asked.clone(), granted: granted.clone() };
        // It ends with the test's process.
        std::thread::spawn(move || {
            let mut bytes = [0; 512];
            loop {
                let (length, guard) = socket.recv_from(&mut bytes).unwrap();
                let question = wire::decode_question(&bytes[..length]).unwrap();
                let decision = match granted.load(Ordering::SeqCst) {
                    true => Ok(Grant { question: question.clone(), remaining: 60_000 }),
                    false => Err(Denied::NoLease),
                };
                let _gone = socket.send_to(&wire::encode_answer(&question, &decision, |_| None), guard);
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
        answers
    }

    fn environment<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("VERBUND_WORKLOAD", "register").env("VERBUND_EPOCH", "4").env("VERBUND_STOP_BUDGET_MS", "500");
        command.env("VERBUND_GUARD_DESK", self.address.to_string()).env("VERBUND_GUARD_INTERVAL_MS", "50")
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < BOUND, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn code(child: &mut Child) -> Option<i32> {
    let mut status = None;
    until("the guard's end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap().code()
}

/// Starts nothing while no lease is held, then the program, whose exit code it returns.
fn guards(mut guard: Command, answers: &Answers, mark: &Path) {
    answers.granted.store(false, Ordering::SeqCst);
    let script = format!("echo started > {}; exit 7", mark.display());
    guard.args(["--any-process", "--", "/bin/sh", "-c", &script]);
    let mut running = answers.environment(&mut guard).spawn().unwrap();
    let before = answers.asked.load(Ordering::SeqCst);
    until("five questions", || answers.asked.load(Ordering::SeqCst) >= before + 5);
    assert!(running.try_wait().unwrap().is_none() && !mark.exists(), "the program was started without a lease");
    answers.granted.store(true, Ordering::SeqCst);
    assert_eq!(code(&mut running), Some(7), "the guard ends with its program's code");
    assert!(mark.exists());
}

#[test]
fn guards_as_the_program_of_its_own_does_and_so_does_its_copy() {
    let (desk, answers) = (Desk::new(), Answers::start());
    guards(desk.command(&["guard", "run"]), &answers, &desk.path("first"));
    let copy = desk.text("volume/guard");
    std::fs::create_dir(desk.path("volume")).unwrap();
    desk.bare(&["guard", "copy", &copy]).expect(0);
    let mut copied = Command::new(&copy);
    copied.env_clear().arg("run");
    guards(copied, &answers, &desk.path("second"));
}

#[test]
fn what_would_be_no_guard_is_refused() {
    let desk = Desk::new();
    let said = desk.bare(&["--lang", "de", "guard", "copy", &desk.text("waechter")]).expect(2);
    assert!(said.talk.contains("guard oder verbund-guard"), "{}", said.talk);
    assert!(!desk.path("waechter").exists());
    let said = desk.bare(&["guard", "run", "--", "true"]).expect(2);
    assert!(said.talk.contains("VERBUND_WORKLOAD is not set"), "{}", said.talk);
    let said = desk.bare(&["guard", "run"]).expect(2);
    assert!(said.talk.contains("PROGRAM"), "{}", said.talk);
    // What belongs to the program is the program's.
    let help = desk.bare(&["--lang", "de", "guard", "run", "--help"]).expect(0).out;
    assert!(help.contains("--any-process") && help.contains("VERBUND_GUARD_DESK"), "{help}");
    let said = desk.bare(&["guard", "run", "--", "true", "--help"]).expect(2);
    assert!(said.out.is_empty(), "{}", said.out);
}
