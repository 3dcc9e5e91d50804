//! The everyday methods of the map.
//!
//! Invariant: a method that names a key enters the section of that key's shard once, and no other.

use std::borrow::Borrow;
use std::hash::Hash;
use std::panic::Location;

use serde::Serialize;

use super::{Entry, OccupiedEntry, Ref, RefMut, ShardedMap, VacantEntry};
use crate::sync::{RwLockReadGuard, RwLockWriteGuard};

impl<K: Eq + Hash, V> ShardedMap<K, V> {
    /// The entry of `key`, in a shared section of its shard.
    ///
    /// # Panics
    /// As [`RwLock::read`](crate::sync::RwLock::read), among others if this core holds an entry of the shard to change it.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// assert_eq!(map.get("a").map(|entry| *entry), Some(1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn get<Q>(&self, key: &Q) -> Option<Ref<'_, K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let slot = RwLockReadGuard::try_map(self.read(key), |map| map.find(key)).ok()?;
        Some(Ref { slot })
    }

    /// The entry of `key`, to be changed, in an exclusive section of its shard.
    ///
    /// # Panics
    /// As [`RwLock::write`](crate::sync::RwLock::write), among others if this core holds an entry of the shard.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// *map.get_mut("a").unwrap() += 1;
    /// assert_eq!(*map.get("a").unwrap(), 2);
    /// ```
    #[inline]
    #[track_caller]
    pub fn get_mut<Q>(&self, key: &Q) -> Option<RefMut<'_, K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let slot = RwLockWriteGuard::try_map(self.write(key), |map| map.find_open(key)).ok()?;
        Some(RefMut { slot })
    }

    /// Whether `key` is in the map.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// assert!(map.contains_key("a") && !map.contains_key("b"));
    /// ```
    #[inline]
    #[track_caller]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.read(key).contains_key(key)
    }

    /// What `look` makes of the entry of `key`, in a shared section of its shard.
    ///
    /// # Panics
    /// As [`get`](Self::get).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// assert_eq!(map.view("a", |key, value| key.len() + value), Some(2));
    /// ```
    #[inline]
    #[track_caller]
    pub fn view<Q, R>(&self, key: &Q, look: impl FnOnce(&K, &V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.read(key).get_key_value(key).map(|(key, value)| look(key, value))
    }

    /// Gives `key` a value and returns the one that it had. A key that is already there stays.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// assert_eq!((map.insert("a", 1), map.insert("a", 2)), (None, Some(1)));
    /// ```
    #[inline]
    #[track_caller]
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        self.write(&key).insert(key, value)
    }

    /// Removes `key` and returns it with its value.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// assert_eq!((map.remove("a"), map.remove("a")), (Some(("a", 1)), None));
    /// ```
    #[inline]
    #[track_caller]
    pub fn remove<Q>(&self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.write(key).remove_entry(key)
    }

    /// Removes `key` if its entry is as `wanted` says, and returns it with its value.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// assert_eq!(map.remove_if("a", |_, value| *value > 1), None);
    /// assert_eq!(map.remove_if("a", |_, value| *value == 1), Some(("a", 1)));
    /// ```
    #[track_caller]
    pub fn remove_if<Q>(&self, key: &Q, wanted: impl FnOnce(&K, &V) -> bool) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut shard = self.write(key);
        let (found, value) = shard.get_key_value(key)?;
        if wanted(found, value) { shard.remove_entry(key) } else { None }
    }

    /// As [`remove_if`](Self::remove_if); `wanted` may change the value.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 2)]);
    /// let count_down = |_: &&str, left: &mut u32| {
    ///     *left -= 1;
    ///     *left == 0
    /// };
    /// assert_eq!(map.remove_if_mut("a", count_down), None);
    /// assert_eq!(map.remove_if_mut("a", count_down), Some(("a", 0)));
    /// ```
    #[track_caller]
    pub fn remove_if_mut<Q>(&self, key: &Q, wanted: impl FnOnce(&K, &mut V) -> bool) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut shard = self.write(key);
        let slot = shard.find_open(key)?;
        if wanted(&slot.key, &mut slot.value) { shard.remove_entry(key) } else { None }
    }

    /// The entry of `key`, there or not, in an exclusive section of its shard.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// for word in ["a", "b", "a"] {
    ///     *map.entry(word).or_insert(0) += 1;
    /// }
    /// assert_eq!((*map.get("a").unwrap(), *map.get("b").unwrap()), (2, 1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn entry(&self, key: K) -> Entry<'_, K, V> {
        let shard = self.write(&key);
        match shard.locate(&key) {
            (_, Some(bucket)) => Entry::Occupied(OccupiedEntry { shard, bucket, key }),
            (hash, None) => Entry::Vacant(VacantEntry { shard, hash, key }),
        }
    }

    /// Replaces the value of `key`, if there is one, by what `change` makes of it.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// map.alter("a", |_, value| value + 1);
    /// assert_eq!(*map.get("a").unwrap(), 2);
    /// ```
    #[track_caller]
    pub fn alter<Q>(&self, key: &Q, change: impl FnOnce(&K, V) -> V)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let mut shard = self.write(key);
        if let Some((key, value)) = shard.remove_entry(key) {
            let value = change(&key, value);
            // Takes the place in the order that was vacated just now.
            shard.insert(key, value);
        }
    }

    /// Replaces every value by what `change` makes of it, shard by shard, in order.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 1), (2, 2)]);
    /// map.alter_all(|key, value| key * 10 + value);
    /// assert_eq!((*map.get(&1).unwrap(), *map.get(&2).unwrap()), (11, 22));
    /// ```
    #[track_caller]
    pub fn alter_all(&self, mut change: impl FnMut(&K, V) -> V) {
        let place = Location::caller();
        for shard in &self.shards {
            let mut shard = shard.write_at(place);
            let entries: Vec<(K, V)> = shard.drain().collect();
            for (key, value) in entries {
                let value = change(&key, value);
                shard.insert(key, value);
            }
        }
    }

    /// Keeps the entries for which `keep` is true, visiting them in order, shard by shard.
    ///
    /// Only entries that are removed, or whose value `keep` really changes (told by its encoding), count as changed.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter((0..8).map(|n| (n, n * n)));
    /// map.retain(|key, _| key % 2 == 0);
    /// assert_eq!(map.len(), 4);
    /// ```
    #[track_caller]
    pub fn retain(&self, mut keep: impl FnMut(&K, &mut V) -> bool)
    where
        V: Serialize,
    {
        let place = Location::caller();
        self.shards.iter().for_each(|shard| shard.write_at(place).retain(&mut keep));
    }

    /// Gives up memory that nothing needs, shard by shard.
    ///
    /// # Panics
    /// As [`get_mut`](Self::get_mut).
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::<u32, u32>::with_capacity(100);
    /// map.shrink_to_fit();
    /// assert_eq!(map.capacity(), 0);
    /// ```
    #[track_caller]
    pub fn shrink_to_fit(&self) {
        let place = Location::caller();
        self.shards.iter().for_each(|shard| shard.write_at(place).shrink_to_fit());
    }
}
