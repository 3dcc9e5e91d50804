//! A hash map whose order survives a restore: an index over numbered slots.
//!
//! Invariant: the index holds exactly the numbers of the occupied slots; iteration follows the slots; the slots, and so
//! the order, depend on the sequence of operations alone.

mod access;
mod convert;
mod entry;
mod iter;
mod restore;
mod seed;
mod slab;
mod slot;
mod state;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::hash::Hash;

use hashbrown::HashTable;

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{Drain, IntoIter, IntoKeys, IntoValues, Iter, IterMut, Keys, Values, ValuesMut};
use restore::Restoring;
use seed::Seed;
use slab::Slab;

/// A hash map with the interface of std's, made for tracked variables.
///
/// - *Order*: iteration follows slots. New entries go to the slot that was vacated last, or to a new one behind all
///   others. A map that was restored iterates and goes on exactly as the one that was captured.
/// - *Change tracking*: a capture writes the slots that changed since the last one. `get_mut`, `entry` and the mutable
///   iterators count every entry they hand out as changed; [`retain`](Self::retain) only those whose value differs.
/// - *Flooding*: keys are hashed with foldhash, seeded from the operating system's entropy, anew in every process and
///   map. Nobody who does not know the seed can prepare keys that collide, and nothing this map shows depends on the seed. It is
///   not a cryptographic hash: an attacker who can measure lookups precisely over a long time may learn about it.
/// - *Size*: at most `u32::MAX` entries. A slot takes four bytes and a tag beside the entry, the index about five
///   bytes an entry.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::HashMap;
///
/// let mut flows = HashMap::new();
/// flows.insert("a", 1);
/// flows.insert("b", 2);
/// flows.insert("c", 3);
/// flows.remove("b");
/// flows.insert("d", 4); // takes the place of "b"
/// assert_eq!(flows.keys().copied().collect::<Vec<_>>(), ["a", "d", "c"]);
/// ```
pub struct HashMap<K, V> {
    index: HashTable<u32>,
    slab: Slab<K, V>,
    seed: Seed,
    /// Slots there may be before the map has to grow; kept as a number of its own, because a program may see it.
    capacity: usize,
    /// What a batch of restored pieces has left to do.
    restoring: Option<Box<Restoring<K, V>>>,
}

impl<K, V> HashMap<K, V> {
    /// An empty map. Allocates nothing.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::<u32, u32>::new();
    /// assert!(map.is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(0)
    }

    /// An empty map that holds `capacity` entries before it has to grow.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::<u32, u32>::with_capacity(100);
    /// assert_eq!(map.capacity(), 100);
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            index: HashTable::with_capacity(capacity),
            slab: Slab::with_capacity(capacity),
            seed: Seed::new(),
            capacity,
            restoring: None,
        }
    }

    /// Entries that the map holds before it grows. Unlike std's it is the same in every replay and after a restore.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::with_capacity(2);
    /// map.extend([(1, 1), (2, 2), (3, 3)]);
    /// assert_eq!(map.capacity(), 4);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Number of entries.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(1, 'a'), (2, 'b')]);
    /// assert_eq!(map.len(), 2);
    /// ```
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.slab.len()
    }

    /// Whether there is no entry.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::HashMap::<u8, u8>::new().is_empty());
    /// ```
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all entries and keeps the memory. The next entry goes to the first slot.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 'a')]);
    /// map.clear();
    /// assert_eq!(map.get(&1), None);
    /// ```
    pub fn clear(&mut self) {
        self.index.clear();
        self.slab.clear();
        self.restoring = None;
    }
}

impl<K: Eq + Hash, V> HashMap<K, V> {
    /// The slot of `key`.
    #[inline]
    fn find<Q>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find_hashed(self.seed.hash(key), key)
    }

    #[inline]
    fn find_hashed<Q>(&self, hash: u64, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let same = |slot: &u32| self.slab.key(*slot).is_some_and(|found| found.borrow() == key);
        self.index.find(hash, same).copied()
    }

    /// Adds an entry whose key is not in the map, and returns its slot.
    fn add(&mut self, hash: u64, key: K, value: V) -> u32 {
        if self.slab.free.is_empty() && self.slab.slots.len() >= self.capacity {
            self.grow(self.capacity.saturating_mul(2).max(4));
        }
        let slot = self.slab.occupy(key, value);
        self.enter(hash, slot);
        slot
    }

    /// Enters a slot into the index.
    fn enter(&mut self, hash: u64, slot: u32) {
        let Self { index, slab, seed, .. } = self;
        index.insert_unique(hash, slot, |slot| slab.key(*slot).map_or(0, |key| seed.hash(key)));
    }

    /// Takes an entry out of its slot and the index.
    fn take(&mut self, hash: u64, slot: u32) -> Option<(K, V)> {
        self.leave(hash, slot);
        self.slab.vacate(slot)
    }

    /// Removes a slot from the index.
    fn leave(&mut self, hash: u64, slot: u32) {
        if let Ok(found) = self.index.find_entry(hash, |entry| *entry == slot) {
            found.remove();
        }
    }

    /// Makes room for `capacity` slots in all.
    ///
    /// A larger index is filled by walking the slots in order: half the cost of letting it move its own entries, whose
    /// keys lie all over the slots.
    fn grow(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.slab.slots.reserve(capacity.saturating_sub(self.slab.slots.len()));
        if self.index.capacity() < capacity {
            let mut index = HashTable::with_capacity(capacity);
            for (slot, (key, _)) in (0u32..).zip(&self.slab.slots).filter_map(|(n, slot)| Some((n, slot.entry()?))) {
                index.insert_unique(self.seed.hash(key), slot, |_| 0);
            }
            self.index = index;
        }
    }
}
