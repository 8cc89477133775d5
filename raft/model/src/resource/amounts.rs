//! Amounts of what a cluster has and a workload needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Amounts of compute, as Kubernetes counts them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Amounts {
    /// Thousandths of a CPU.
    pub cpu_millis: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Bytes of persistent storage.
    pub storage_bytes: u64,
    /// Pods.
    pub pods: u64,
    /// Extended resources by name, such as `nvidia.com/gpu`.
    pub extended: BTreeMap<String, u64>,
}

impl Amounts {
    /// Both together; what does not fit into the type stays at its greatest value.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// What is left of `self` without `other`, nothing below zero.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_sub)
    }

    /// The first amount of which `self` has less than `wanted`: its name, what is there and what is wanted.
    #[must_use]
    pub fn lacks(&self, wanted: &Self) -> Option<(String, u64, u64)> {
        let plain = [
            ("cpu (millis)", self.cpu_millis, wanted.cpu_millis),
            ("memory (bytes)", self.memory_bytes, wanted.memory_bytes),
            ("storage (bytes)", self.storage_bytes, wanted.storage_bytes),
            ("pods", self.pods, wanted.pods),
        ];
        let short = plain.into_iter().find(|(_, has, wants)| has < wants);
        short.map(|(name, has, wants)| (name.to_owned(), has, wants)).or_else(|| {
            let extended = wanted.extended.iter().map(|(name, wants)| (name, self.extended_of(name), *wants));
            extended
                .into_iter()
                .find(|(_, has, wants)| has < wants)
                .map(|(name, has, wants)| (name.clone(), has, wants))
        })
    }

    /// How much there is of an extended resource.
    #[must_use]
    pub fn extended_of(&self, name: &str) -> u64 {
        self.extended.get(name).copied().unwrap_or(0)
    }

    fn with(&self, other: &Self, both: fn(u64, u64) -> u64) -> Self {
        let names = self.extended.keys().chain(other.extended.keys());
        let extended = names.map(|name| (name.clone(), both(self.extended_of(name), other.extended_of(name))));
        Self {
            cpu_millis: both(self.cpu_millis, other.cpu_millis),
            memory_bytes: both(self.memory_bytes, other.memory_bytes),
            storage_bytes: both(self.storage_bytes, other.storage_bytes),
            pods: both(self.pods, other.pods),
            extended: extended.filter(|(_, amount)| *amount > 0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(cpu_millis: u64, gpu: u64) -> Amounts {
        let extended = if gpu == 0 { BTreeMap::new() } else { BTreeMap::from([("gpu".to_owned(), gpu)]) };
        Amounts { cpu_millis, extended, ..Amounts::default() }
    }

    #[test]
    fn adds_and_takes_away_without_leaving_its_range() {
        assert_eq!(some(1, 2).plus(&some(3, 4)), some(4, 6));
        assert_eq!(some(1, 2).minus(&some(3, 2)), some(0, 0));
        assert_eq!(some(u64::MAX, 0).plus(&some(1, 0)), some(u64::MAX, 0));
    }

    #[test]
    fn names_the_first_that_is_short() {
        assert_eq!(some(5, 1).lacks(&some(5, 1)), None);
        assert_eq!(some(5, 1).lacks(&some(6, 1)), Some(("cpu (millis)".to_owned(), 5, 6)));
        assert_eq!(some(5, 1).lacks(&some(5, 2)), Some(("gpu".to_owned(), 1, 2)));
        assert_eq!(some(5, 0).lacks(&some(5, 2)), Some(("gpu".to_owned(), 0, 2)));
    }
}
