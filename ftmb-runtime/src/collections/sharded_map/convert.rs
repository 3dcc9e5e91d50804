//! The map's standard traits, and how it becomes shared state.
//!
//! Invariant: a map has the number of shards that it was made with, whatever its values are stored as.

use std::fmt;
use std::hash::Hash;

use super::ShardedMap;
use crate::annotate::{Locks, Plain, Shareable, Storable};
use crate::collections::HashMap;
use crate::sync::RwLock;

impl<K, V> Default for ShardedMap<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of shards only: the entries belong to the sections.
impl<K, V> fmt::Debug for ShardedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardedMap").field("shards", &self.shards.len()).finish_non_exhaustive()
    }
}

impl<K: Eq + Hash, V> Extend<(K, V)> for ShardedMap<K, V> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<K: Eq + Hash, V> FromIterator<(K, V)> for ShardedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::new();
        map.extend(entries);
        map
    }
}

impl<K: Plain + Eq + Hash, V: Storable> Shareable for ShardedMap<K, V> {
    type Kind = Locks;
    type Stored = ShardedMap<K, V::Stored>;

    fn into_stored(self) -> Self::Stored {
        let stored = |shard: RwLock<HashMap<K, V>>| {
            let (Ok(mut entries) | Err(mut entries)) = shard.into_inner().map_err(std::sync::PoisonError::into_inner);
            let mut stored = HashMap::with_capacity(entries.capacity());
            stored.extend(entries.drain().map(|(key, value)| (key, value.into_stored())));
            RwLock::new(stored)
        };
        ShardedMap { shards: self.shards.into_iter().map(stored).collect() }
    }
}
