//! What can go wrong between an agent and its API server.

use verbund_model::WorkloadName;
use verbund_model::resource::ApiKind;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum KubeError {
    /// The API server said no.
    #[error("{what}: the API server answers {code} {reason}: {message}")]
    Refused {
        /// What was tried.
        what: String,
        /// HTTP status.
        code: u16,
        /// Its reason in one word.
        reason: String,
        /// Its message.
        message: String,
    },
    /// It cannot be reached, or breaks off.
    #[error("{what}: the API server cannot be reached: {why}")]
    Unreachable {
        /// What was tried.
        what: String,
        /// What was wrong.
        why: String,
    },
    /// It does not answer.
    #[error("{what}: the API server gave no answer within {seconds} s")]
    Silent {
        /// What was tried.
        what: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It answers what nobody can read.
    #[error("{what}: the API server's answer cannot be read: {why}")]
    Answer {
        /// What was tried.
        what: String,
        /// What was wrong.
        why: String,
    },
    /// It knows no such kind.
    #[error("{kind}: this cluster knows no such kind; its definition (CRD) may be missing")]
    UnknownKind {
        /// The kind.
        kind: ApiKind,
    },
    /// The kind's scope is another than the object's.
    #[error("{object}: objects of this kind {}", if *.namespaced { "lie in a namespace" } else { "belong to the cluster and have no namespace" })]
    Scope {
        /// The object.
        object: String,
        /// What the cluster says.
        namespaced: bool,
    },
    /// It lies in another namespace.
    #[error(
        "{object}: does not lie in the namespace of the workload {workload}, which is the only one that it may use"
    )]
    Outside {
        /// The object.
        object: String,
        /// The workload.
        workload: WorkloadName,
    },
    /// It is not this workload's.
    #[error("{object}: exists and is not the workload {workload}'s; it is left alone")]
    NotOurs {
        /// The object.
        object: String,
        /// The workload.
        workload: WorkloadName,
    },
}

impl KubeError {
    /// What kube-rs says, about `what`.
    pub(crate) fn of(what: &str, error: kube::Error) -> Self {
        let what = what.to_owned();
        match error {
            kube::Error::Api(status) => Self::Refused {
                what,
                code: status.code,
                reason: status.reason.clone(),
                message: status.message.clone(),
            },
            kube::Error::SerdeError(why) => Self::Answer { what, why: why.to_string() },
            kube::Error::FromUtf8(why) => Self::Answer { what, why: why.to_string() },
            other => Self::Unreachable { what, why: chain(&other) },
        }
    }

    /// Whether the same may succeed when it is tried again.
    pub(crate) const fn is_transient(&self) -> bool {
        match self {
            Self::Refused { code, .. } => matches!(code, 429 | 500 | 502..=504),
            Self::Unreachable { .. } | Self::Silent { .. } => true,
            _ => false,
        }
    }

    /// Whether the object is not there.
    pub(crate) const fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether somebody else was faster.
    pub(crate) const fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, .. })
    }

    /// Whether the asker lacks the right (RBAC), as opposed to a quota or a policy that forbids what is asked.
    pub(crate) fn lacks_right(&self) -> bool {
        match self {
            Self::Refused { code: 403, message, .. } => message.contains("User \"") && message.contains("\" cannot "),
            _ => false,
        }
    }
}

/// An error with all that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
