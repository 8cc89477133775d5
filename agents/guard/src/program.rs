//! The program that is guarded, and everything that it starts.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

/// A program that was started.
#[derive(Debug)]
pub struct Program {
    pid: Pid,
    /// Whether the guard is process 1: then it may reach everything in its namespace, and nothing outlives it.
    first: bool,
    ended: Option<u8>,
}

impl Program {
    /// Starts it, with the guard's environment, folder and open streams.
    pub fn start(command: &[OsString]) -> io::Result<Self> {
        let first = getpid() == Pid::from_raw(1);
        let [program, arguments @ ..] = command else { return Err(io::ErrorKind::InvalidInput.into()) };
        let mut command = Command::new(program);
        command.args(arguments);
        if !first {
            // There is no namespace that ends with the guard, so at least the group can be reached as one.
            command.process_group(0);
        }
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidData)?;
        Ok(Self { pid: Pid::from_raw(pid), first, ended: None })
    }

    /// Passes a signal on to the program itself.
    pub fn signal(&self, signal: Signal) {
        if self.ended.is_none() {
            // It may just have ended, which the next look at the children tells.
            let _gone = kill(self.pid, signal);
        }
    }

    /// Kills it and everything that it left: all processes of the namespace, or its group.
    pub fn kill(&self) {
        let all = if self.first { kill(Pid::from_raw(-1), Signal::SIGKILL) } else { killpg(self.pid, Signal::SIGKILL) };
        match all {
            // Nobody is left.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(_) => self.signal(Signal::SIGKILL),
        }
    }

    /// Takes note of every child that has ended, so that none stays behind as a zombie. Gives the program's exit code (128
    /// and the number of the signal that killed it, as shells do), once it has ended.
    pub fn reap(&mut self) -> Option<u8> {
        loop {
            match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) if pid == self.pid => self.ended = u8::try_from(code & 0xff).ok(),
                Ok(WaitStatus::Signaled(pid, signal, _)) if pid == self.pid => {
                    self.ended = u8::try_from(128 + signal as i32).ok();
                }
                Ok(WaitStatus::StillAlive) => return self.ended,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return self.ended,
            }
        }
    }

    /// Whether no child is left at all.
    pub fn alone(&mut self) -> bool {
        self.reap();
        waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) == Err(Errno::ECHILD)
    }
}
