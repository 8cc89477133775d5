//! Directives: drawn up and looked at as a reader, handed in by anybody.

use std::sync::Arc;

use ::http::Method;
use hyper::body::Bytes;
use verbund_api::ProblemKind;
use verbund_api::port::{DirectiveView, Drawn, Wanted};
use verbund_machine::Impact;
use verbund_model::SiteName;

use super::read::escape;
use super::routes::Routes;
use super::{ApiError, Client, Http, now};
use crate::failure::Failure;
use crate::t;

const LIVE: &str = "/v1/directives/live";

/// One site that the context knows, without a certificate.
pub struct Door {
    /// Its name; `None` for the one that the user pinned, whose name the context does not have.
    pub site: Option<SiteName>,
    http: Http,
}

impl Door {
    /// How people call it.
    #[must_use]
    pub fn name(&self) -> String {
        self.site.as_ref().map_or_else(|| t!("directive-pinned"), ToString::to_string)
    }

    /// Hands a directive in. Errors: the site cannot be reached, or says no.
    pub async fn hand_in(&self, bytes: Bytes) -> Result<DirectiveView, ApiError> {
        Ok(self.http.json(Method::POST, LIVE, Some(("application/json", bytes))).await?.1)
    }
}

impl Client {
    /// Every site that the context knows, each by itself.
    #[must_use]
    pub fn doors(&self) -> Vec<Door> {
        let each = Routes::each(&self.context, now());
        each.into_iter().map(|(site, routes)| Door { site, http: Http::new(Arc::new(routes), None) }).collect()
    }

    /// The directive of an exclusion, and what it would do, by what the site has: there may be no quorum to ask.
    pub async fn draw_up(&self, wanted: &Wanted) -> Result<Drawn<Impact>, Failure> {
        let body = serde_json::to_vec(wanted)?.into();
        let answer = self.ask(Method::POST, "/v1/directives/impact?consistency=stale", Some(body)).await?;
        answer.map(|read| read.value).map_err(|error| error.failure(t!("directive-drawing")))
    }

    /// The directives that the site holds.
    pub async fn directives(&self) -> Result<Vec<DirectiveView>, Failure> {
        let answer = self.read(LIVE).await?;
        answer.map(|read| read.value).map_err(|error| error.failure(t!("client-reading", what = "directives")))
    }

    /// One of them, by its number or hash.
    pub async fn directive(&self, wanted: &str) -> Result<Option<DirectiveView>, Failure> {
        match self.read(&format!("{LIVE}/{}", escape(wanted))).await? {
            Ok(read) => Ok(Some(read.value)),
            Err(error) if error.kind() == Some(ProblemKind::NotFound) => Ok(None),
            Err(error) => Err(error.failure(t!("client-reading", what = format!("directives/{wanted}")))),
        }
    }
}
