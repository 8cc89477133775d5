//! Who sent a request, as the listener learned it from the client certificate.

use verbund_identity::{SpiffeId, Subject};

/// The caller. The listener puts it into the request's extensions; a request without it is [`Caller::Anonymous`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Caller {
    /// Gave no certificate.
    #[default]
    Anonymous,
    /// Gave a certificate that names a user (`user/<id>`, see [`verbund_identity::login::login_name`]).
    User(SpiffeId),
    /// Gave a certificate that names something else: a node, an agent, a workload. It may do what anybody may.
    Other(SpiffeId),
}

impl Caller {
    /// The caller that a verified certificate names; `None`: there was no certificate.
    #[must_use]
    pub fn from_certificate(id: Option<SpiffeId>) -> Self {
        match id {
            None => Self::Anonymous,
            Some(id) if matches!(id.subject, Subject::User(_)) => Self::User(id),
            Some(id) => Self::Other(id),
        }
    }
}

impl<S: Sync> axum::extract::FromRequestParts<S> for Caller {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
