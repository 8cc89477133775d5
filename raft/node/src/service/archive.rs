//! Older audit records for members that joined later.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use verbund_tls::Service;

use super::gate::admit;
use crate::proto;
use crate::proto::archive_server::Archive as Calls;
use crate::shared::Shared;

/// About the most bytes of records in one message.
const MESSAGE: usize = 1024 * 1024;
/// The most records that one call gives.
const MOST: u64 = 1_000_000;

/// Answers from this node's archive.
#[derive(Clone)]
pub(crate) struct ArchiveService {
    pub(crate) shared: Arc<Shared>,
}

type Messages = Pin<Box<dyn Stream<Item = Result<proto::FetchReply, Status>> + Send>>;
type Sender = tokio::sync::mpsc::Sender<Result<proto::FetchReply, Status>>;

/// Reads `first..=last` and sends it piece by piece, as fast as the caller takes it.
fn send(shared: &Shared, first: u64, last: u64, sender: &Sender) {
    let fail = |error: &dyn std::fmt::Display| {
        // A caller that went away needs no answer.
        let _ = sender.blocking_send(Err(Status::not_found(error.to_string())));
    };
    let records = match shared.archive.read(first..last.saturating_add(1)) {
        Ok(records) => records,
        Err(error) => return fail(&error),
    };
    let (mut piece, mut bytes) = (Vec::new(), 0);
    for record in records {
        let (_, record) = match record {
            Ok(record) => record,
            Err(error) => return fail(&error),
        };
        bytes += record.len();
        piece.push(record.into());
        if bytes >= MESSAGE {
            bytes = 0;
            if sender.blocking_send(Ok(proto::FetchReply { records: std::mem::take(&mut piece) })).is_err() {
                return;
            }
        }
    }
    if !piece.is_empty() {
        let _ = sender.blocking_send(Ok(proto::FetchReply { records: piece }));
    }
}

#[tonic::async_trait]
impl Calls for ArchiveService {
    type FetchStream = Messages;

    async fn fetch(&self, request: Request<proto::FetchRequest>) -> Result<Response<Messages>, Status> {
        admit(&self.shared, &request, Service::Archive).map_err(|status| *status)?;
        let proto::FetchRequest { first, last } = request.into_inner();
        if last < first || last - first >= MOST {
            return Err(Status::invalid_argument(format!("{first} to {last} is no range of at most {MOST} records")));
        }
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || send(&shared, first, last, &sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}
