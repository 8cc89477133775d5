//! Where a workload runs, as the federation says it.

use anyhow::{Context as _, Result};
use serde_json::Value;

/// What a copy is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It serves.
    Active,
    /// Its place is reserved.
    Standby,
    /// It is being stopped.
    Stopping,
}

/// One copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Its cluster.
    pub cluster: String,
    /// What it is there for.
    pub role: Role,
    /// Its epoch.
    pub epoch: u64,
    /// Whether its agent says that it is ready.
    pub ready: bool,
}

/// A placement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// Its copies.
    pub copies: Vec<Copy>,
}

impl Placed {
    /// From what `verbund get placements NAME -o json` prints. Errors: it is no placement.
    pub(crate) fn read(document: &Value) -> Result<Self> {
        let placement = find(document, "copies").with_context(|| format!("no placement: {document}"))?;
        let copies = placement["copies"].as_array().context("copies are a list")?;
        Ok(Self { copies: copies.iter().map(copy).collect::<Result<_>>()? })
    }

    /// The cluster of the only active copy, if it is ready.
    #[must_use]
    pub fn serving(&self) -> Option<&str> {
        let active: Vec<&Copy> = self.copies.iter().filter(|copy| copy.role == Role::Active).collect();
        match active[..] {
            [copy] if copy.ready => Some(&copy.cluster),
            _ => None,
        }
    }

    /// Whether one copy serves, one stands by, and nothing else is left.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.serving().is_some() && self.copies.len() == 2 && self.copies.iter().any(|copy| copy.role == Role::Standby)
    }
}

fn copy(value: &Value) -> Result<Copy> {
    let role = match value["role"].as_str() {
        Some("active") => Role::Active,
        Some("standby") => Role::Standby,
        Some("stopping") => Role::Stopping,
        _ => anyhow::bail!("a copy of no known role: {value}"),
    };
    let cluster = value["cluster"].as_str().context("a copy has a cluster")?.to_owned();
    let epoch = value["epoch"].as_u64().context("a copy has an epoch")?;
    Ok(Copy { cluster, role, epoch, ready: value["phase"] == "ready" })
}

/// The object that has this field, wherever it stands.
fn find<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) if fields.contains_key(field) => Some(value),
        Value::Object(fields) => fields.values().find_map(|value| find(value, field)),
        Value::Array(items) => items.iter().find_map(|value| find(value, field)),
        _ => None,
    }
}
