//! A table of the state: an ordered, persistent map that keeps its share of the state's hash.

use std::fmt::Debug;
use std::ops::RangeBounds;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::sum::Sum;

/// What a table holds. Tag, key and value make an entry's bytes, in the snapshot and below the state's hash alike.
pub(crate) trait Row: Clone + PartialEq + Debug + Serialize + DeserializeOwned {
    /// Tells the tables apart. Never given to another table.
    const TAG: u8;
    /// By what a row is found.
    type Key: Ord + Clone + Debug + Serialize + DeserializeOwned;
}

/// A table. Cloning is O(1); a table that nobody else holds a clone of is changed in place.
#[derive(Clone, Debug)]
pub(crate) struct Table<R: Row> {
    rows: OrdMap<R::Key, R>,
    sum: Sum,
}

impl<R: Row> Default for Table<R> {
    fn default() -> Self {
        Self { rows: OrdMap::new(), sum: Sum::default() }
    }
}

/// The bytes of one entry: tag, key, value.
pub(crate) fn row_bytes<R: Row>(key: &R::Key, row: &R) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.push(R::TAG);
    // No serialiser of a row fails, and a vector grows; an empty result would show as a different hash on every replica.
    postcard::to_extend(&(key, row), out).unwrap_or_default()
}

impl<R: Row> Table<R> {
    pub(crate) fn get(&self, key: &R::Key) -> Option<&R> {
        self.rows.get(key)
    }

    pub(crate) fn contains(&self, key: &R::Key) -> bool {
        self.rows.contains_key(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Puts a row, and gives back the one that stood there.
    pub(crate) fn put(&mut self, key: R::Key, row: R) -> Option<R> {
        self.sum.add(&row_bytes(&key, &row));
        let old = self.rows.insert(key.clone(), row);
        if let Some(old) = &old {
            self.sum.subtract(&row_bytes(&key, old));
        }
        old
    }

    /// Takes a row away, and gives it back.
    pub(crate) fn take(&mut self, key: &R::Key) -> Option<R> {
        let old = self.rows.remove(key)?;
        self.sum.subtract(&row_bytes(key, &old));
        Some(old)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&R::Key, &R)> {
        self.rows.iter()
    }

    pub(crate) fn range(&self, range: impl RangeBounds<R::Key>) -> impl DoubleEndedIterator<Item = (&R::Key, &R)> {
        self.rows.range::<_, R::Key>(range)
    }

    /// The rows in which this table differs from `before`, there and here. Costs what differs, if one was made of the other.
    pub(crate) fn differences<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = (Option<&'a R>, Option<&'a R>)> {
        before.rows.diff(&self.rows).map(|item| match item {
            DiffItem::Add(_, new) => (None, Some(new)),
            DiffItem::Update { old: (_, old), new: (_, new) } => (Some(old), Some(new)),
            DiffItem::Remove(_, old) => (Some(old), None),
        })
    }

    /// The share of the state's hash, as kept from change to change.
    pub(crate) fn sum(&self) -> &Sum {
        &self.sum
    }

    /// The same, computed from every row anew.
    pub(crate) fn recompute(&self) -> Sum {
        let mut sum = Sum::default();
        self.rows.iter().for_each(|(key, row)| sum.add(&row_bytes(key, row)));
        sum
    }
}
