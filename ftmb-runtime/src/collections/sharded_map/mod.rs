//! A concurrent map in the shape of `dashmap`'s: shards of tracked maps, one variable each.
//!
//! Invariant: which shard a key belongs to, and in which order shards are visited, is the same in every process; a method
//! that takes several shards takes them one after another, in their order, and never two at a time.
//!
//! ```text
//! key ── fixed hash ──> shard i        RwLock<HashMap>      the variable `field[i]`
//!     ── random hash ──> bucket        in it, as in any map of ftmb
//! ```

mod access;
mod attempts;
mod convert;
mod entry;
mod guards;
mod iter;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};
use std::panic::Location;

pub use attempts::TryResult;
pub use entry::{Entry, OccupiedEntry, VacantEntry};
use foldhash::quality::FixedState;
pub use guards::{Ref, RefMut};
pub use iter::{IntoIter, Iter, IterMut, RefMulti, RefMutMulti};

use super::HashMap;
use crate::state::State;
use crate::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard, Shared, Walker};

/// Shards of a map whose number nobody chose: enough that the cores of a large machine seldom meet.
const SHARDS: usize = 64;

/// A concurrent map with the interface of `dashmap::DashMap`. Each shard is a tracked variable; every access is a section of
/// one of them, and a [`Ref`] or [`RefMut`] holds it.
///
/// - *Deadlocks*: as in `dashmap`, a core that holds a [`Ref`] must not change the same shard, nor one that holds a [`RefMut`] look
///   at it. Here that is a panic that names both places.
/// - *Order*: iteration takes the shards in order, and each in the order of its [`HashMap`]; it is the same in every replay.
/// - *Several shards*: `len`, `iter`, `retain`, `clear` and `alter_all` see each shard at a moment of its own, as in `dashmap`.
/// - *Shards*: 64 unless [`with_shard_amount`](Self::with_shard_amount) says otherwise, on every machine: `dashmap` asks for the number of
///   cores, which may differ where the next process runs.
/// - *Flooding*: the shard of a key must be the same in every process, so the hash that chooses it has no secret, and who sends
///   packets can choose keys that all belong to one shard. That costs what a single lock costs, cores waiting for each other,
///   and no more: within the shard keys are hashed with a random seed, so lookups stay fast.
///
/// Missing: custom hashers, access to the shards themselves, `Clone`, guards of parts of a
/// value (`Ref::map`).
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::ShardedMap;
///
/// let flows = ShardedMap::new();
/// flows.insert("a", 1);
/// *flows.entry("a").or_insert(0) += 1;
/// *flows.get_mut("a").unwrap() += 1;
/// assert_eq!(*flows.get("a").unwrap(), 3);
/// assert_eq!(flows.remove("a"), Some(("a", 3)));
/// ```
pub struct ShardedMap<K, V> {
    shards: Box<[RwLock<HashMap<K, V>>]>,
}

impl<K, V> ShardedMap<K, V> {
    /// An empty map.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::ShardedMap::<u32, u32>::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty map with room for `capacity` entries, if they spread evenly.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::ShardedMap::<u32, u32>::with_capacity(1000).capacity(), 1024);
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::with_capacity_and_shard_amount(capacity, SHARDS)
    }

    /// An empty map of so many shards.
    ///
    /// # Panics
    /// If `shards` is no power of two.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::with_shard_amount(4);
    /// map.insert(1, 'a');
    /// ```
    #[must_use]
    pub fn with_shard_amount(shards: usize) -> Self {
        Self::with_capacity_and_shard_amount(0, shards)
    }

    /// An empty map of so many shards with room for `capacity` entries, if they spread evenly.
    ///
    /// # Panics
    /// If `shards` is no power of two.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::<u32, u32>::with_capacity_and_shard_amount(100, 4);
    /// assert_eq!(map.capacity(), 100);
    /// ```
    #[must_use]
    pub fn with_capacity_and_shard_amount(capacity: usize, shards: usize) -> Self {
        assert!(shards.is_power_of_two(), "expected a power of two as the number of shards, found {shards}");
        let of_each = capacity.div_ceil(shards);
        Self { shards: (0..shards).map(|_| RwLock::new(HashMap::with_capacity(of_each))).collect() }
    }

    /// Entries that the shards hold together before one of them grows.
    ///
    /// # Panics
    /// As [`RwLock::read`].
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::ShardedMap::<u32, u32>::new().capacity(), 0);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn capacity(&self) -> usize {
        let place = Location::caller();
        self.shards.iter().map(|shard| shard.read_at(place).capacity()).sum()
    }

    /// Number of entries: each shard's at a moment of its own.
    ///
    /// # Panics
    /// As [`RwLock::read`].
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 'a'), (2, 'b')]);
    /// assert_eq!(map.len(), 2);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn len(&self) -> usize {
        let place = Location::caller();
        self.shards.iter().map(|shard| shard.read_at(place).len()).sum()
    }

    /// Whether there is no entry in any shard, each looked at at a moment of its own.
    ///
    /// # Panics
    /// As [`RwLock::read`].
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::ShardedMap::<u32, u32>::new().is_empty());
    /// ```
    #[must_use]
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        let place = Location::caller();
        self.shards.iter().all(|shard| shard.read_at(place).is_empty())
    }

    /// Removes all entries, shard by shard.
    ///
    /// # Panics
    /// As [`RwLock::write`].
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 'a'), (2, 'b')]);
    /// map.clear();
    /// assert!(map.is_empty());
    /// ```
    #[track_caller]
    pub fn clear(&self) {
        let place = Location::caller();
        self.shards.iter().for_each(|shard| shard.write_at(place).clear());
    }

    /// Number of entries, for a report: looked at without counting.
    ///
    /// # Panics
    /// As [`RwLock::peek`].
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 'a')]);
    /// assert_eq!(map.peek_len(), 1);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn peek_len(&self) -> usize {
        let mut entries = 0;
        for shard in &self.shards {
            entries += shard.peek().len();
        }
        entries
    }

    /// Shows every entry to a report, in order, without counting.
    ///
    /// # Panics
    /// As [`RwLock::peek`].
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 2), (3, 4)]);
    /// let mut sum = 0;
    /// map.peek_each(|_, value| sum += value);
    /// assert_eq!(sum, 6);
    /// ```
    #[track_caller]
    pub fn peek_each(&self, mut look: impl FnMut(&K, &V)) {
        for shard in &self.shards {
            shard.peek().iter().for_each(|(key, value)| look(key, value));
        }
    }

    /// The shard of `key`.
    #[inline]
    fn shard<Q>(&self, key: &Q) -> &RwLock<HashMap<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        // The upper half, so that nothing is left in a shard's own hashes of what chose the shard.
        let hash = FixedState::default().hash_one(key) >> 32;
        &self.shards[hash as usize & (self.shards.len() - 1)]
    }

    #[inline]
    #[track_caller]
    fn read<Q>(&self, key: &Q) -> RwLockReadGuard<'_, HashMap<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        self.shard(key).read_at(Location::caller())
    }

    #[inline]
    #[track_caller]
    fn write<Q>(&self, key: &Q) -> RwLockWriteGuard<'_, HashMap<K, V>>
    where
        K: Borrow<Q>,
        Q: Hash + ?Sized,
    {
        self.shard(key).write_at(Location::caller())
    }
}

impl<K: State + Eq + Hash, V: State> Shared for ShardedMap<K, V> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        for (i, shard) in self.shards.iter().enumerate() {
            walker.index(i, shard);
        }
    }
}
