//! The one loop of the guard: look at the clock, do what [`Guard`] says, wait for the next thing to happen.

use std::io;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid};
use verbund_lease::{Advice, Guard, Question, Tick};

use crate::clock::{ClockError, now};
use crate::config::Config;
use crate::line::Line;
use crate::program::Program;
use crate::signals::{Alarm, Signals};
use crate::wire::{self, Answer};

/// Exit code when the guard ended the program, or was told that this epoch is not active here (`EX_TEMPFAIL`): the kubelet
/// starts the container again, and the guard waits for a grant.
pub const NO_LEASE: u8 = 75;

/// Unanswered questions after which other ports are taken.
const RENEW_AFTER: u32 = 3;

/// Why a guard cannot do its work. It never runs the program then.
#[derive(Debug, thiserror::Error)]
pub enum GuardFailure {
    /// Not process 1.
    #[error(
        "the guard is process {0} and must be process 1 of its container: it cannot end what it did not start. \
         Remove shareProcessNamespace and hostPID, and make it the container's command"
    )]
    NotFirst(i32),
    /// No clock.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// No random number.
    #[error("the kernel gives no random number: {0}")]
    Random(#[from] getrandom::Error),
    /// A call that must not fail failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What was wrong.
        source: Errno,
    },
    /// The program could not be started.
    #[error("starting {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// What was wrong.
        source: io::Error,
    },
}

fn system(what: &'static str) -> impl Fn(Errno) -> GuardFailure {
    move |source| GuardFailure::System { what, source }
}

/// Guards one program until it ends or its lease does. Gives the exit code: the program's own, or 75.
///
/// # Errors
/// [`GuardFailure`]; the program was not started then, or has been killed.
pub fn run(config: Config) -> Result<u8, GuardFailure> {
    let pid = getpid();
    if pid != Pid::from_raw(1) && !config.any_process {
        return Err(GuardFailure::NotFirst(pid.as_raw()));
    }
    // Without this a process of the same user could write into the guard's memory (ptrace).
    nix::sys::prctl::set_dumpable(false).map_err(system("closing the guard's memory"))?;
    if pid != Pid::from_raw(1) {
        nix::sys::prctl::set_child_subreaper(true).map_err(system("becoming the parent of orphans"))?;
    }
    let mut supervisor = Supervisor::new(config)?;
    let outcome = supervisor.guard_program();
    if outcome.is_err()
        && let Some(program) = &supervisor.program
    {
        program.kill();
    }
    outcome
}

struct Supervisor {
    config: Config,
    guard: Guard,
    own: Question,
    line: Line,
    signals: Signals,
    alarm: Alarm,
    program: Option<Program>,
    next_question: Tick,
    unanswered: u32,
    told: &'static str,
}

/// What made the loop end.
enum End {
    /// The program ended by itself, or a signal came before it was started.
    Code(u8),
    /// The guard must end it, and whatever still runs at this tick is killed.
    Lease { kill: Tick },
}

impl Supervisor {
    fn new(config: Config) -> Result<Self, GuardFailure> {
        let id = getrandom::u64()?;
        let mut guard = Guard::new(config.workload.clone(), config.epoch, id, config.stop_budget);
        // Asked once only to have the form of an own question; it is never sent, so nothing can answer it.
        let own = guard.ask(0);
        let signals = Signals::new().map_err(system("holding signals back"))?;
        let alarm = Alarm::new().map_err(system("making an alarm"))?;
        let line = Line::new(config.desks.clone());
        let (program, next_question, unanswered, told) = (None, 0, 0, "");
        Ok(Self { config, guard, own, line, signals, alarm, program, next_question, unanswered, told })
    }

    fn guard_program(&mut self) -> Result<u8, GuardFailure> {
        let kill = loop {
            match self.step()? {
                None => {}
                Some(End::Code(code)) => return Ok(code),
                Some(End::Lease { kill }) => break kill,
            }
        };
        self.end(kill)
    }

    /// One turn. Gives what ends the loop.
    fn step(&mut self) -> Result<Option<End>, GuardFailure> {
        let tick = now()?;
        let mut wake = self.next_question;
        match self.guard.advice(tick) {
            Advice::Wait => {}
            Advice::Run { until } => {
                if self.program.is_none() {
                    self.start()?;
                }
                wake = wake.min(until);
            }
            Advice::End { deadline } => return Ok(Some(End::Lease { kill: self.kill_at(tick, deadline) })),
        }
        if tick >= self.next_question {
            wake = self.ask()?;
        }
        self.wait(wake)?;
        self.listen();
        self.signalled()
    }

    /// When to kill what does not end by itself: a fifth of the stop budget before the deadline (at least 20 ms, at most 1 s),
    /// for killing takes time too, and never later than a stop budget from now.
    fn kill_at(&self, tick: Tick, deadline: Tick) -> Tick {
        let reserve = (self.config.stop_budget / 5).clamp(20, 1_000);
        tick.saturating_add(self.config.stop_budget).min(deadline).saturating_sub(reserve)
    }

    fn start(&mut self) -> Result<(), GuardFailure> {
        let program = self.config.command.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let started = Program::start(&self.config.command);
        self.program = Some(started.map_err(|source| GuardFailure::Start { program, source })?);
        self.say("the lease is held: the program was started");
        Ok(())
    }

    fn ask(&mut self) -> Result<Tick, GuardFailure> {
        if self.unanswered >= RENEW_AFTER {
            self.line.renew();
            self.unanswered = 0;
        }
        // The clock is read before the question leaves: what is granted counts from here (lease.md 1).
        let sent = now()?;
        let question = self.guard.ask(sent);
        self.line.ask(&wire::encode_question(&question));
        self.unanswered += 1;
        // Who waits to start asks more often than who runs.
        let interval = if self.program.is_some() { self.config.interval } else { self.config.interval.min(250) };
        self.next_question = sent.saturating_add(interval);
        Ok(self.next_question)
    }

    fn wait(&self, wake: Tick) -> Result<(), GuardFailure> {
        self.alarm.set(wake).map_err(system("setting the alarm"))?;
        let mut files = vec![PollFd::new(std::os::fd::AsFd::as_fd(&self.alarm), PollFlags::POLLIN)];
        files.push(PollFd::new(std::os::fd::AsFd::as_fd(&self.signals), PollFlags::POLLIN));
        files.extend(self.line.sockets().map(|socket| PollFd::new(socket, PollFlags::POLLIN)));
        match poll(&mut files, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(source) => Err(GuardFailure::System { what: "waiting", source }),
        }
    }

    fn listen(&mut self) {
        for datagram in self.line.heard() {
            match wire::decode_answer(&datagram, &self.own, self.config.key.as_ref()) {
                Ok(Answer::Granted(grant)) => {
                    // A second answer to the same question (two addresses, a repeat) is no fault.
                    if self.guard.granted(&grant).is_ok() {
                        self.unanswered = 0;
                    }
                }
                Ok(Answer::NotHere) => {
                    self.guard.denied();
                    self.say("the agent says that this epoch is not active here");
                }
                Ok(Answer::NoLease) => {
                    self.unanswered = 0;
                    self.say("the agent holds no lease now");
                }
                Err(_) => self.say("something that is no answer of the agent came in"),
            }
        }
    }

    fn signalled(&mut self) -> Result<Option<End>, GuardFailure> {
        while let Some(signal) = self.signals.next().map_err(system("reading signals"))? {
            match (&mut self.program, signal) {
                (_, Signal::SIGCHLD) => {}
                (Some(program), signal) => program.signal(signal),
                // The program was never started: there is nothing to end but the guard.
                (None, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT | Signal::SIGHUP) => {
                    return Ok(Some(End::Code(u8::try_from(128 + signal as i32).unwrap_or(NO_LEASE))));
                }
                (None, _) => {}
            }
        }
        let Some(code) = self.program.as_mut().and_then(Program::reap) else { return Ok(None) };
        self.sweep()?;
        Ok(Some(End::Code(code)))
    }

    /// Ends the program: asks it, waits until `kill`, kills what is left.
    fn end(&mut self, kill: Tick) -> Result<u8, GuardFailure> {
        let Some(program) = &self.program else { return Ok(NO_LEASE) };
        program.signal(Signal::SIGTERM);
        self.say("the lease ends: the program was told to end");
        loop {
            if self.program.as_mut().and_then(Program::reap).is_some() || now()? >= kill {
                break;
            }
            self.wait(kill)?;
            self.line.heard();
            while let Some(signal) = self.signals.next().map_err(system("reading signals"))? {
                if let (Some(program), true) = (&self.program, signal != Signal::SIGCHLD) {
                    program.signal(signal);
                }
            }
        }
        self.sweep()?;
        Ok(NO_LEASE)
    }

    /// Kills whatever is left, and waits until it is gone. When the guard is process 1 the kernel does the same once more at its
    /// exit.
    fn sweep(&mut self) -> Result<(), GuardFailure> {
        let Some(program) = &mut self.program else { return Ok(()) };
        program.kill();
        for _ in 0..100 {
            if program.alone() {
                break;
            }
            let soon = now()?.saturating_add(5);
            self.alarm.set(soon).map_err(system("setting the alarm"))?;
            let mut files = [PollFd::new(std::os::fd::AsFd::as_fd(&self.alarm), PollFlags::POLLIN)];
            match poll(&mut files, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(source) => return Err(GuardFailure::System { what: "waiting", source }),
            }
            program.kill();
        }
        Ok(())
    }

    /// Tells whoever reads the container's log, but not the same thing again and again.
    fn say(&mut self, what: &'static str) {
        if self.told != what {
            self.told = what;
            crate::cli::note(&format!("{} epoch {}: {what}", self.config.workload, self.config.epoch));
        }
    }
}
