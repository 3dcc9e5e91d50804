//! The map's standard traits: making one from other things, comparing, printing, copying.
//!
//! Invariant: a map made from a collection without an order of its own gets one that depends on the content alone.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::ops::Index;

use serde::Serialize;

use super::HashMap;
use crate::state::whole;

impl<K, V> Default for HashMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// A copy has the same order; nothing of it counts as captured yet.
impl<K: Clone, V: Clone> Clone for HashMap<K, V> {
    fn clone(&self) -> Self {
        let mut copy = Self {
            table: self.table.clone(),
            places: self.places.clone(),
            changes: self.changes.of_copy(),
            seed: self.seed.clone(),
            capacity: self.capacity,
            restoring: None,
        };
        copy.relocate();
        copy
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for HashMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Equal entries; order does not count.
impl<K: Eq + Hash, V: PartialEq> PartialEq for HashMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key).is_some_and(|found| value == found))
    }
}

impl<K: Eq + Hash, V: Eq> Eq for HashMap<K, V> {}

impl<K, Q, V> Index<&Q> for HashMap<K, V>
where
    K: Eq + Hash + Borrow<Q>,
    Q: Eq + Hash + ?Sized,
{
    type Output = V;

    /// The value of `key`.
    ///
    /// # Panics
    ///
    /// There is none.
    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry found for key")
    }
}

impl<K: Eq + Hash, V> Extend<(K, V)> for HashMap<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<'a, K: Eq + Hash + Copy, V: Copy> Extend<(&'a K, &'a V)> for HashMap<K, V> {
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        self.extend(entries.into_iter().map(|(key, value)| (*key, *value)));
    }
}

impl<K: Eq + Hash, V> FromIterator<(K, V)> for HashMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Eq + Hash, V, const N: usize> From<[(K, V); N]> for HashMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}

/// The entries in the order of their keys' encodings: std's own order differs from process to process, and a map made
/// while packets are processed must be the same in a replay.
impl<K: Eq + Hash + Serialize, V, S> From<std::collections::HashMap<K, V, S>> for HashMap<K, V> {
    fn from(entries: std::collections::HashMap<K, V, S>) -> Self {
        let mut entries: Vec<(K, V)> = entries.into_iter().collect();
        entries.sort_by_cached_key(|(key, _)| {
            let mut bytes = Vec::new();
            // A key that cannot be encoded fails at the first capture, and says so there.
            whole::encode_into(&mut bytes, key).ok();
            bytes
        });
        Self::from_iter(entries)
    }
}
