//! The guard with real processes: what it starts, what it ends, what it leaves.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

#[path = "process/desk.rs"]
mod desk;
#[path = "process/guarded.rs"]
mod guarded;

use std::time::Duration;

use desk::{Desk, Says};
use guarded::{Guarded, beat, wait_until};

/// What a program does until it is ended: it beats.
const BEATS: &str = "while :; do beat; sleep 0.03; done";

#[test]
fn never_starts_without_a_grant() {
    let desk = Desk::start(Says::NoLease);
    let mut guarded = Guarded::start(&desk, "true", 1_000, BEATS);
    wait_until("ten questions", || desk.asked() >= 10);
    assert_eq!(guarded.beats(), 0, "the program was started without a lease");
    assert!(guarded.runs(), "the guard waits");
    // The same guard starts it with a grant: it was the lease that it waited for.
    desk.say(Says::Grant(60_000));
    wait_until("beats under a grant", || guarded.beats() > 3);
}

#[test]
fn never_starts_where_nobody_answers_or_a_stranger_does() {
    let silent = Desk::start(Says::Nothing);
    let mut alone = Guarded::start(&silent, "true", 1_000, BEATS);
    wait_until("ten questions", || silent.asked() >= 10);
    assert!(alone.runs() && alone.beats() == 0);

    let stranger = Desk::start(Says::Grant(60_000));
    stranger.sign_with(9);
    let mut deceived = Guarded::start(&stranger, "true", 1_000, BEATS);
    wait_until("ten questions", || stranger.asked() >= 10);
    assert!(deceived.runs() && deceived.beats() == 0, "a grant was taken that the agent did not sign");
    stranger.sign_with(desk::AGENT);
    wait_until("beats under the agent's own grant", || deceived.beats() > 0);
}

#[test]
fn ends_the_program_before_the_lease_when_the_desk_falls_silent() {
    let desk = Desk::start(Says::Grant(4_000));
    let mut guarded = Guarded::start(&desk, "true", 2_500, BEATS);
    wait_until("beats", || guarded.beats() > 3);
    desk.say(Says::Nothing);
    let end = desk.last_grant_ends();
    assert_eq!(guarded.code(), Some(75), "the guard says that it was the lease");
    let (gone, last) = (verbund_guard::now().unwrap(), guarded.beats());
    assert!(gone < end, "the program outlived its lease by {} ms", gone - end);
    // Nothing beats any more, also after the grant has ended.
    wait_until("the end of the grant", || verbund_guard::now().unwrap() > end + 200);
    assert_eq!(guarded.beats(), last);
}

#[test]
fn without_the_guard_the_same_program_goes_on() {
    let desk = Desk::start(Says::Grant(600));
    let mut bare = Guarded::bare(BEATS);
    wait_until("beats", || bare.beats() > 3);
    desk.say(Says::Nothing);
    let after = bare.beats();
    wait_until("beats without any lease", || bare.beats() > after + 30);
    assert!(bare.runs());
}

#[test]
fn kills_before_the_lease_ends_what_does_not_listen() {
    let desk = Desk::start(Says::Grant(4_000));
    // The program and a process that it left behind ignore the request to end.
    let deaf = format!("trap '' TERM; ({BEATS}) & {BEATS}");
    let mut guarded = Guarded::start(&desk, "true", 2_500, &deaf);
    wait_until("beats", || guarded.beats() > 3);
    desk.say(Says::Nothing);
    let end = desk.last_grant_ends();
    assert_eq!(guarded.code(), Some(75));
    let (gone, last) = (verbund_guard::now().unwrap(), guarded.beats());
    assert!(gone < end, "it was killed {} ms too late", gone - end);
    wait_until("the end of the grant", || verbund_guard::now().unwrap() > end + 200);
    assert_eq!(guarded.beats(), last, "a process outlived the guard");
}

#[test]
fn ends_at_once_when_the_epoch_is_not_active_here() {
    let desk = Desk::start(Says::Grant(600_000));
    let mut guarded = Guarded::start(&desk, "true", 1_000, BEATS);
    wait_until("beats", || guarded.beats() > 3);
    desk.say(Says::NotHere);
    assert_eq!(guarded.code(), Some(75), "ten minutes of lease are left, and it ends all the same");
}

#[test]
fn a_renewed_lease_keeps_it_running() {
    let desk = Desk::start(Says::Grant(3_000));
    let mut guarded = Guarded::start(&desk, "true", 500, BEATS);
    wait_until("beats", || guarded.beats() > 0);
    let first_end = desk.last_grant_ends();
    wait_until("the end of the first grant", || verbund_guard::now().unwrap() > first_end);
    let beats = guarded.beats();
    wait_until("beats under later grants", || guarded.beats() > beats + 3);
    assert!(guarded.runs());
}

#[test]
fn passes_signals_and_exit_codes_on() {
    let desk = Desk::start(Says::Grant(60_000));
    let program = format!("trap 'exit 7' TERM; {BEATS}");
    let mut guarded = Guarded::start(&desk, "true", 1_000, &program);
    wait_until("beats", || guarded.beats() > 0);
    guarded.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(guarded.code(), Some(7));

    let mut short = Guarded::start(&desk, "true", 1_000, "exit 3");
    assert_eq!(short.code(), Some(3));

    let waiting = Desk::start(Says::NoLease);
    let mut never = Guarded::start(&waiting, "true", 1_000, BEATS);
    wait_until("questions", || waiting.asked() > 1);
    never.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(never.code(), Some(143), "a guard that waits can be stopped");
}

#[test]
fn the_program_starts_with_no_signal_held_back() {
    let desk = Desk::start(Says::Grant(60_000));
    let program = "grep -q '^SigBlk:.0*$' /proc/self/status && exit 5; exit 6";
    assert_eq!(Guarded::start(&desk, "true", 1_000, program).code(), Some(5));
}

#[test]
fn refuses_to_be_another_process_than_the_first() {
    let desk = Desk::start(Says::Grant(60_000));
    let mut guarded = Guarded::start(&desk, "false", 1_000, BEATS);
    assert_eq!(guarded.code(), Some(1));
    assert_eq!(guarded.beats(), 0);
}

/// As process 1 of a namespace of its own, where nothing escapes: not even who left its group and its parent.
#[test]
fn as_process_1_it_takes_everything_with_it() {
    if !guarded::can_unshare() {
        eprintln!("skipped: this user may make no process namespaces (unshare --user --pid)");
        return;
    }
    let desk = Desk::start(Says::Grant(4_000));
    let escapes = format!("setsid sh -c 'trap \"\" TERM; {BEATS}' & sleep 0.1; trap '' TERM; {BEATS}");
    let mut guarded = Guarded::first(&desk, 2_500, &escapes);
    wait_until("beats", || guarded.beats() > 6);
    desk.say(Says::Nothing);
    let end = desk.last_grant_ends();
    assert_eq!(guarded.code(), Some(75));
    let (gone, last) = (verbund_guard::now().unwrap(), guarded.beats());
    assert!(gone < end, "it was killed {} ms too late", gone - end);
    wait_until("the end of the grant", || verbund_guard::now().unwrap() > end + 200);
    assert_eq!(guarded.beats(), last, "a process outlived the namespace");
}

#[test]
fn as_process_1_it_reaps_orphans() {
    if !guarded::can_unshare() {
        eprintln!("skipped: this user may make no process namespaces (unshare --user --pid)");
        return;
    }
    let desk = Desk::start(Says::Grant(60_000));
    // Twenty children whose parent is gone at once; the program waits until none of them is left as a zombie.
    let orphans = "for i in $(seq 20); do (sh -c 'exit 0' &) ; done
        for i in $(seq 200); do grep -l '^State:.Z' /proc/[0-9]*/status >/dev/null 2>&1 || exit 9; sleep 0.05; done; exit 8";
    assert_eq!(Guarded::first(&desk, 1_000, orphans).code(), Some(9), "zombies were left");
}

#[test]
fn copies_itself_to_where_containers_find_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guard");
    let copied = guarded::guard().args(["copy".as_ref(), file.as_os_str()]).status().unwrap();
    assert!(copied.success());
    let usage = std::process::Command::new(&file).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&usage.stderr).contains("usage: verbund-guard"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    let nowhere = guarded::guard().args(["copy", "/nonexistent/guard"]).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nowhere.stderr).contains("/nonexistent/guard"));
}

/// A condition is waited for at most this long; nothing else is timed.
pub const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_beat_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("beats");
    assert_eq!(beat(&file), 0);
    std::fs::write(&file, ".\n.\n").unwrap();
    assert_eq!(beat(&file), 2);
}
