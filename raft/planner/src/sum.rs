//! Exact sums of amounts, which give back what was added to them.

use std::collections::BTreeMap;

use verbund_model::resource::Amounts;

/// The four plain amounts in the order of [`crate::Compute::ALL`].
pub(crate) const fn plain(amounts: &Amounts) -> [u64; 4] {
    [amounts.cpu_millis, amounts.memory_bytes, amounts.storage_bytes, amounts.pods]
}

/// A sum that no addend makes overflow: 2⁶⁴ workloads of the greatest amount fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) plain: [u128; 4],
    pub(crate) extended: BTreeMap<String, u128>,
}

impl Sum {
    /// Adds amounts.
    pub(crate) fn add(&mut self, amounts: &Amounts) {
        for (sum, amount) in self.plain.iter_mut().zip(plain(amounts)) {
            *sum += u128::from(amount);
        }
        for (name, amount) in amounts.extended.iter().filter(|(_, amount)| **amount > 0) {
            *self.extended.entry(name.clone()).or_default() += u128::from(*amount);
        }
    }

    /// Takes away amounts that were added before.
    pub(crate) fn take(&mut self, amounts: &Amounts) {
        for (sum, amount) in self.plain.iter_mut().zip(plain(amounts)) {
            *sum = sum.saturating_sub(u128::from(amount));
        }
        for (name, amount) in &amounts.extended {
            if let Some(sum) = self.extended.get_mut(name) {
                *sum = sum.saturating_sub(u128::from(*amount));
            }
        }
        self.extended.retain(|_, sum| *sum > 0);
    }

    /// Whether nothing is in it.
    pub(crate) fn is_zero(&self) -> bool {
        self.plain == [0; 4] && self.extended.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_was_added_whatever_it_was() {
        let huge =
            Amounts { cpu_millis: u64::MAX, extended: BTreeMap::from([("gpu".into(), 3)]), ..Amounts::default() };
        let small = Amounts { cpu_millis: 7, pods: 1, ..Amounts::default() };
        let mut sum = Sum::default();
        sum.add(&small);
        let before = sum.clone();
        sum.add(&huge);
        sum.add(&huge);
        sum.take(&huge);
        sum.take(&huge);
        assert_eq!(sum, before);
        sum.take(&small);
        assert!(sum.is_zero());
    }
}
