//! Questions about workloads that a person of another site asks.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tonic::{Request, Response, Status};
use verbund_tls::Service;

use super::gate::admit;
use crate::inquiry::{MAX_ANSWER, MAX_QUESTION};
use crate::proto;
use crate::proto::inquiry_server::Inquiry as Calls;
use crate::shared::Shared;

/// Passes them on to who answers them here.
#[derive(Clone)]
pub(crate) struct InquiryService {
    pub(crate) shared: Arc<Shared>,
    /// Questions that are being answered.
    pub(crate) places: Arc<Semaphore>,
}

#[tonic::async_trait]
impl Calls for InquiryService {
    async fn ask(&self, request: Request<proto::AskRequest>) -> Result<Response<proto::AskReply>, Status> {
        let from = admit(&self.shared, &request, Service::Forward).map_err(|status| *status)?;
        let Ok(_place) = self.places.try_acquire() else {
            return Err(Status::resource_exhausted("too many questions are being answered; ask again shortly"));
        };
        let question = request.into_inner().question;
        if question.len() > MAX_QUESTION {
            return Err(Status::invalid_argument(format!("the question has {} bytes", question.len())));
        }
        let Some(inquiries) = self.shared.inquiries.get() else {
            return Err(Status::unavailable("this node answers no questions yet"));
        };
        // Copied out of the call's buffer, which ends with the call.
        let question = bytes::Bytes::copy_from_slice(&question);
        let answer = inquiries.answer(from, question).await.map_err(Status::invalid_argument)?;
        if answer.len() > MAX_ANSWER {
            return Err(Status::out_of_range(format!("the answer has {} bytes", answer.len())));
        }
        Ok(Response::new(proto::AskReply { answer }))
    }
}
