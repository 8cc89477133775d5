//! Questions about a workload that are answered where it runs. The asker signs each with the key of the certificate, for which
//! the registered key vouches: the sites that answer believe nobody on the way.

use std::time::Duration;

use ::http::Method;
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use verbund_agent_core::{LogQuery, Question};
use verbund_api::wire::{Answers, VERBUND_ASKED, question_bytes, write_asked};
use verbund_identity::{AskedBy, LoginRequest};
use verbund_keys::{Signer as _, SoftwareKey};
use verbund_model::ClusterName;

use super::read::{escape, is_about_us, is_refused_handshake};
use super::{ApiError, Client, Http};
use crate::failure::Failure;
use crate::t;

/// How long a site may take: it waits for agents, and for other sites that wait for theirs.
const PATIENCE: Duration = Duration::from_secs(25);

impl Client {
    /// What is found at each copy of the question's workload, or why nothing is; only at `cluster`, if it is named. `T` is what
    /// such a question finds. The inner error: nobody was asked, or every site refused.
    pub async fn ask_agents<T: DeserializeOwned>(
        &self,
        question: &Question,
        cluster: Option<&ClusterName>,
    ) -> Result<Result<Answers<T>, ApiError>, Failure> {
        let mut logged_in_anew = false;
        loop {
            let http = self.reader().await?;
            let Some((key, login)) = self.asker()? else {
                if logged_in_anew {
                    return Err(Failure::new(t!("asking-no-key")));
                }
                logged_in_anew = true;
                self.log_out().await?;
                continue;
            };
            let path = path(question, cluster);
            let answer = self
                .until_deadline(async || {
                    let answer = once(&http, &path, question, (&key, &login)).await;
                    if answer.as_ref().is_err_and(|error| error.is_passing() && !is_refused_handshake(error)) {
                        http.turn_elsewhere().await;
                    }
                    answer
                })
                .await;
            match answer {
                Err(error) if !logged_in_anew && is_about_us(&error) => {
                    logged_in_anew = true;
                    self.log_out().await?;
                }
                answer => return Ok(answer),
            }
        }
    }
}

async fn once<T: DeserializeOwned>(
    http: &Http,
    path: &str,
    question: &Question,
    (key, login): (&SoftwareKey, &LoginRequest),
) -> Result<Answers<T>, ApiError> {
    let odd = |error: String| ApiError::Odd(error);
    // Signed anew each time: it is valid for minutes only.
    let time = super::now();
    let message = AskedBy::message(&login.federation, &login.key, time, &question_bytes(question));
    let signature = key.sign(&message).map_err(|error| odd(error.to_string()))?;
    let proof = write_asked(&AskedBy { login: login.clone(), time, signature });
    let response = http.send_within(Method::GET, path, &[(VERBUND_ASKED, &proof)], Bytes::new(), PATIENCE).await?;
    let body = http.body(response).await?;
    serde_json::from_slice(&body).map_err(|error| odd(error.to_string()))
}

/// The path that asks just this question.
fn path(question: &Question, cluster: Option<&ClusterName>) -> String {
    let workload = escape(question.workload().as_str());
    let mut query: Vec<(&str, String)> = Vec::new();
    let noun = match question {
        Question::Events(_) => "events",
        Question::Logs(LogQuery { workload: _, pod, container, tail, since, previous }) => {
            query.push(("tail", tail.to_string()));
            query.extend(pod.as_ref().map(|pod| ("pod", escape(pod))));
            query.extend(container.as_ref().map(|container| ("container", escape(container))));
            query.extend(since.map(|since| ("since", since.to_string())));
            query.extend(previous.then(|| ("previous", "true".to_owned())));
            "logs"
        }
    };
    query.extend(cluster.map(|cluster| ("cluster", escape(cluster.as_str()))));
    let query: Vec<String> = query.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    format!("/v1/workloads/{workload}/{noun}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_asks_what_is_signed() {
        let workload: verbund_model::WorkloadName = "kfz".parse().unwrap();
        let cluster = "nord-1".parse().unwrap();
        assert_eq!(path(&Question::Events(workload.clone()), None), "/v1/workloads/kfz/events");
        let mut query = LogQuery { workload, pod: None, container: None, tail: 5, since: None, previous: false };
        assert_eq!(path(&Question::Logs(query.clone()), None), "/v1/workloads/kfz/logs?tail=5");
        query.pod = Some("web 1&tail=9".to_owned());
        (query.container, query.since, query.previous) = (Some("main".to_owned()), Some(7), true);
        let all =
            "/v1/workloads/kfz/logs?tail=5&pod=web%201%26tail%3D9&container=main&since=7&previous=true&cluster=nord-1";
        assert_eq!(path(&Question::Logs(query), Some(&cluster)), all);
    }
}
