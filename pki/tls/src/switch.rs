//! The kill switch of one connection: whoever polls the stream sees it at once, and is woken to see it.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Context;

use futures::task::AtomicWaker;
use tokio::sync::Notify;

const UNUSED: u8 = 0;
const USED: u8 = 1;
const ENDED: u8 = 2;

/// Shared by a [`crate::Line`], the trust that may end it, and the keeper that may retire it.
#[derive(Debug, Default)]
pub(crate) struct Switch {
    stage: AtomicU8,
    why: OnceLock<String>,
    reader: AtomicWaker,
    writer: AtomicWaker,
    observer: OnceLock<Arc<Notify>>,
}

impl Switch {
    /// Ends the connection now: pending reads and writes return an error that says `why`.
    pub(crate) fn kill(&self, why: impl Into<String>) {
        let _ = self.why.set(why.into());
        self.stage.store(ENDED, Ordering::SeqCst);
        self.wake();
    }

    /// Ends the connection if nothing was read from it yet. Gives whether it did.
    pub(crate) fn retire(&self, why: &str) -> bool {
        let retired = self.stage.compare_exchange(UNUSED, ENDED, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if retired {
            let _ = self.why.set(why.to_owned());
            self.wake();
        }
        retired
    }

    /// Notes that bytes were read. Errors: the connection was ended before, and the bytes must not be used.
    pub(crate) fn mark_used(&self) -> io::Result<()> {
        if self.stage.load(Ordering::Acquire) == USED {
            return Ok(());
        }
        match self.stage.compare_exchange(UNUSED, USED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => {
                self.tell();
                Ok(())
            }
            Err(USED) => Ok(()),
            Err(_) => Err(self.error()),
        }
    }

    /// Errors: the connection was ended.
    pub(crate) fn check(&self) -> io::Result<()> {
        if self.stage.load(Ordering::SeqCst) == ENDED { Err(self.error()) } else { Ok(()) }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.stage.load(Ordering::SeqCst) == ENDED
    }

    pub(crate) fn is_used(&self) -> bool {
        self.stage.load(Ordering::SeqCst) == USED
    }

    /// For a read that waits: woken by the socket or by [`Switch::kill`].
    pub(crate) fn wait_reading(&self, cx: &Context<'_>) -> io::Result<()> {
        self.reader.register(cx.waker());
        self.check()
    }

    /// For a write, flush or close that waits.
    pub(crate) fn wait_writing(&self, cx: &Context<'_>) -> io::Result<()> {
        self.writer.register(cx.waker());
        self.check()
    }

    /// Who wants to know when the connection is first used, and when it ends. One for each connection.
    pub(crate) fn observe(&self, observer: Arc<Notify>) {
        let _ = self.observer.set(observer);
    }

    fn wake(&self) {
        self.reader.wake();
        self.writer.wake();
        self.tell();
    }

    fn tell(&self) {
        if let Some(observer) = self.observer.get() {
            observer.notify_one();
        }
    }

    fn error(&self) -> io::Error {
        let why = self.why.get().map_or("the connection was closed", String::as_str);
        io::Error::new(io::ErrorKind::ConnectionAborted, why)
    }
}
