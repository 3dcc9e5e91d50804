//! The methods that do not wait for a shard.
//!
//! Invariant: each tries one shard once; whether it was free is recorded like any failed attempt to enter a section.

use std::borrow::Borrow;
use std::hash::Hash;

use super::{Entry, OccupiedEntry, Ref, RefMut, ShardedMap, VacantEntry};
use crate::sync::{RwLockReadGuard, RwLockWriteGuard};

/// What an attempt to reach an entry found.
///
/// ```
/// use ftmb_runtime::collections::sharded_map::TryResult;
/// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
/// let mut held = map.get_mut("a").unwrap();
/// assert!(map.try_get("a").is_locked());
/// *held += 1;
/// drop(held);
/// assert!(matches!(map.try_get("a"), TryResult::Present(entry) if *entry == 2));
/// assert!(map.try_get("b").is_absent());
/// assert!(map.try_get_mut("a").is_present());
/// assert_eq!(map.try_get("a").try_unwrap().map(|entry| *entry), Some(2));
/// ```
#[derive(Debug)]
pub enum TryResult<R> {
    /// The entry.
    Present(R),
    /// There is none.
    Absent,
    /// Another core is in the shard.
    Locked,
}

impl<R> TryResult<R> {
    /// Whether there is an entry. See the type for an example.
    pub const fn is_present(&self) -> bool {
        matches!(self, TryResult::Present(_))
    }

    /// Whether there is none. See the type for an example.
    pub const fn is_absent(&self) -> bool {
        matches!(self, TryResult::Absent)
    }

    /// Whether another core is in the shard. See the type for an example.
    pub const fn is_locked(&self) -> bool {
        matches!(self, TryResult::Locked)
    }

    /// The entry, if there is one.
    pub fn try_unwrap(self) -> Option<R> {
        match self {
            TryResult::Present(entry) => Some(entry),
            TryResult::Absent | TryResult::Locked => None,
        }
    }

    /// The entry.
    ///
    /// # Panics
    /// If there is none, or another core is in the shard.
    #[track_caller]
    pub fn unwrap(self) -> R {
        match self {
            TryResult::Present(entry) => entry,
            TryResult::Absent => panic!("there is no such entry"),
            TryResult::Locked => panic!("the shard of the entry is locked"),
        }
    }
}

impl<K: Eq + Hash, V> ShardedMap<K, V> {
    /// As [`get`](Self::get), without waiting. See [`TryResult`] for an example.
    #[track_caller]
    pub fn try_get<Q>(&self, key: &Q) -> TryResult<Ref<'_, K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let Ok(shard) = self.shard(key).try_read() else { return TryResult::Locked };
        RwLockReadGuard::try_map(shard, |map| map.find(key))
            .map_or(TryResult::Absent, |slot| TryResult::Present(Ref { slot }))
    }

    /// As [`get_mut`](Self::get_mut), without waiting. See [`TryResult`] for an example.
    #[track_caller]
    pub fn try_get_mut<Q>(&self, key: &Q) -> TryResult<RefMut<'_, K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let Ok(shard) = self.shard(key).try_write() else { return TryResult::Locked };
        let slot = RwLockWriteGuard::try_map(shard, |map| map.find_open(key));
        slot.map_or(TryResult::Absent, |slot| TryResult::Present(RefMut { slot }))
    }

    /// As [`entry`](Self::entry), without waiting; none: another core is in the shard.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// *map.try_entry("a").unwrap().or_insert(0) += 1;
    /// let held = map.get("a");
    /// assert!(held.is_some() && map.try_entry("a").is_none());
    /// ```
    #[track_caller]
    pub fn try_entry(&self, key: K) -> Option<Entry<'_, K, V>> {
        let shard = self.shard(&key).try_write().ok()?;
        Some(match shard.locate(&key) {
            (_, Some(bucket)) => Entry::Occupied(OccupiedEntry { shard, bucket, key }),
            (hash, None) => Entry::Vacant(VacantEntry { shard, hash, key }),
        })
    }
}
