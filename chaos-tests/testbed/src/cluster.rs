//! A Kubernetes cluster with one node, as processes of a space.

mod certificates;
mod component;
mod layout;
mod readiness;

pub(crate) use certificates::write_certificates;
pub use component::Component;
pub(crate) use component::{command, write_configuration};
pub(crate) use layout::Layout;
pub(crate) use readiness::{api_answers, client, node_is_ready, runtime_answers};
