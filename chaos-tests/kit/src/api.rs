//! A client of one site's API: persistent HTTP/2 connections over the transport that the daemons themselves use.

mod connection;
mod login;
mod stream;
mod watch;

pub use connection::{Answer, Connection, Door};
pub use login::log_in;
pub use stream::{EnvelopeStream, Lost, Pending};
pub use watch::{Watch, Watched};
