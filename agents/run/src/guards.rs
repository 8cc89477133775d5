//! The desk at which guards ask.

use std::io;
use std::sync::Arc;

use tokio::net::UdpSocket;
use verbund_guard::wire;
use verbund_keys::Signer;
use verbund_lease::{Denied, Grant, Question};

use crate::state::Shared;

/// Answers guards for this agent. A handle: clones share the desk.
#[derive(Clone)]
pub struct GuardService(pub(crate) Arc<Shared>);

impl GuardService {
    /// Whether a container may run, and for how long from the guard's own send. Errors: [`Denied`].
    pub fn answer(&self, question: &Question) -> Result<Grant, Denied> {
        self.0.answer(question)
    }
}

/// Answers guards on a socket, with signatures of the agent's key, for ever. Errors: the socket's.
pub async fn serve_guards(socket: UdpSocket, service: GuardService, signer: Arc<dyn Signer>) -> io::Error {
    let mut bytes = [0; wire::QUESTION + 1];
    loop {
        let (length, from) = match socket.recv_from(&mut bytes).await {
            Ok(received) => received,
            // A guard that went away: the next may be there.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(error) => return error,
        };
        let Ok(question) = wire::decode_question(&bytes[..length]) else { continue };
        let decision = service.answer(&question);
        let sign = |message: &[u8]| {
            let signed = signer.sign(message);
            signed.map_err(|error| tracing::error!(%error, "an answer to a guard was not signed")).ok()?.try_into().ok()
        };
        let answer = wire::encode_answer(&question, &decision, sign);
        if let Err(error) = socket.send_to(&answer, from).await {
            tracing::debug!(%error, %from, "an answer to a guard was not sent");
        }
    }
}
