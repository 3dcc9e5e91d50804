//! A hash map whose order survives a restore: a table of slots that have numbers.
//!
//! Invariant: the table holds exactly one slot of each number that is not vacant; iteration follows the numbers; the numbers, and
//! so the order, depend on the sequence of operations alone, never on where a slot lies in the table.
//!
//! An entry lies in the table itself, so a lookup costs what it costs in std's map: with many flows that is a cache miss, and an
//! index over slots elsewhere would make it two.

mod access;
mod convert;
mod entry;
mod held;
mod iter;
mod places;
mod restore;
mod seed;
mod slot;
mod state;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::cell::Cell;
use std::hash::Hash;

use hashbrown::HashTable;

pub(super) use entry::HELD;
pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{Drain, IntoIter, IntoKeys, IntoValues, Iter, IterMut, Keys, Values, ValuesMut};
use places::{Place, Places};
use restore::Restoring;
use seed::Seed;
pub(super) use slot::Slot;

use super::changes::Changes;

/// A hash map with the interface of std's, made for tracked variables.
///
/// - *Order*: a new entry takes the place in the order that was vacated last, or a new one behind all
///   others. A map that was restored iterates and goes on exactly as the one that was captured. Iterating costs more than in
///   std's map, since entries lie elsewhere; the mutable and the consuming iterators sort them first.
/// - *Change tracking*: a capture writes the entries that changed since the last one. `get_mut`, `entry` and the mutable
///   iterators count every entry they hand out as changed; [`retain`](Self::retain) only those whose value differs.
/// - *Flooding*: keys are hashed with foldhash, seeded from the operating system's entropy, anew in every process and
///   map. Nobody who does not know the seed can prepare keys that collide, and nothing this map shows depends on the seed. It is
///   not a cryptographic hash: an attacker who can measure lookups precisely over a long time may learn about it.
/// - *Size*: at most 3 * 2^30 entries. Each takes eight bytes more than in std's map, and twelve for its place in the order.
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
    table: HashTable<Slot<K, V>>,
    places: Places,
    changes: Changes,
    seed: Seed,
    /// Numbers there may be before the map has to grow; kept as a number of its own, because a program may see it.
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
            table: HashTable::with_capacity(capacity),
            places: Places::with_capacity(capacity),
            changes: Changes::new(),
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
    /// assert_eq!(map.capacity(), 7);
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
        self.table.len()
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

    /// Removes all entries and keeps the memory. The next entry is the first again.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 'a')]);
    /// map.clear();
    /// assert_eq!(map.get(&1), None);
    /// ```
    pub fn clear(&mut self) {
        self.table.clear();
        self.places.clear();
        self.changes.reset();
        self.restoring = None;
    }

    /// The slot of a number.
    #[inline]
    pub(super) fn slot(&self, number: u32) -> Option<&Slot<K, V>> {
        self.table.get_bucket(self.bucket(number)?)
    }

    /// The bucket where the slot of a number lies.
    ///
    /// hashbrown moves slots only when it asks for their hashes, but does not promise that, so the place noted is taken for a hint.
    #[inline]
    fn bucket(&self, number: u32) -> Option<usize> {
        match *self.places.all.get(number as usize)? {
            Place::Vacant { .. } => None,
            Place::Occupied(hint) => {
                let here = self.table.get_bucket(hint as usize).is_some_and(|slot| slot.number == number);
                if here { Some(hint as usize) } else { self.search(number) }
            }
        }
    }

    #[cold]
    fn search(&self, number: u32) -> Option<usize> {
        self.table
            .iter_buckets()
            .find(|bucket| self.table.get_bucket(*bucket).is_some_and(|slot| slot.number == number))
    }

    /// Notes anew where all slots lie.
    fn relocate(&mut self) {
        for bucket in self.table.iter_buckets() {
            if let Some(slot) = self.table.get_bucket(bucket) {
                self.places.all[slot.number as usize] = Place::Occupied(bucket as u32);
            }
        }
    }

    /// Takes the slot out of a bucket; its number is not vacant yet.
    #[inline]
    fn lift(&mut self, bucket: usize) -> Option<Slot<K, V>> {
        self.table.get_bucket_entry(bucket).ok().map(|entry| entry.remove().0)
    }

    /// Takes an entry out of its bucket, and its number becomes the next in line.
    pub(super) fn take(&mut self, bucket: usize) -> Option<(K, V)> {
        let slot = self.lift(bucket)?;
        self.places.vacate(slot.number, slot.stamp, &mut self.changes);
        Some(slot.into_entry())
    }

    fn zero_stamps(&mut self) {
        self.table.iter_mut().for_each(|slot| slot.stamp = 0);
        self.places.zero_stamps();
    }
}

impl<K: Eq + Hash, V> HashMap<K, V> {
    /// The slot of `key`.
    #[inline]
    pub(super) fn find<Q>(&self, key: &Q) -> Option<&Slot<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.table.find(self.seed.hash(key), |slot| slot.key.borrow() == key)
    }

    /// The slot of `key`, to be changed, and the way to note that.
    #[inline]
    fn find_mut<Q>(&mut self, hash: u64, key: &Q) -> Option<(&mut Slot<K, V>, &mut Changes)>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        Some((self.table.find_mut(hash, |slot| slot.key.borrow() == key)?, &mut self.changes))
    }

    /// Adds an entry whose key is not in the map, and returns its bucket.
    pub(super) fn add(&mut self, hash: u64, key: K, value: V) -> usize {
        if self.places.free.is_empty() && self.places.all.len() >= self.capacity {
            self.grow(self.roomier());
        }
        let (number, mut stamp) = self.places.take();
        self.changes.mark(number, &mut stamp);
        self.put(hash, Slot { number, stamp, key, value })
    }

    /// Puts a slot whose number has no other into the table, and returns its bucket.
    fn put(&mut self, hash: u64, slot: Slot<K, V>) -> usize {
        let (number, moved) = (slot.number, Cell::new(false));
        let Self { table, seed, .. } = self;
        let hasher = |slot: &Slot<K, V>| {
            moved.set(true);
            seed.hash(&slot.key)
        };
        let bucket = table.insert_unique(hash, slot, hasher).bucket_index();
        if moved.get() {
            self.relocate();
        } else {
            self.places.all[number as usize] = Place::Occupied(bucket as u32);
        }
        bucket
    }

    /// The next larger capacity that fills the table as far as it may be filled: what a doubled one would leave empty there is
    /// memory that lookups drag through the caches.
    fn roomier(&self) -> usize {
        let mut cells = 8_usize;
        while cells / 8 * 7 <= self.capacity {
            cells = cells.saturating_mul(2);
        }
        cells / 8 * 7
    }

    /// Makes room for `capacity` numbers in all.
    fn grow(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.places.all.reserve(capacity.saturating_sub(self.places.all.len()));
        let Self { table, seed, .. } = self;
        table.reserve(capacity.saturating_sub(table.len()), |slot| seed.hash(&slot.key));
        self.relocate();
    }
}
