//! The map's everyday methods: looking up, inserting, removing, sifting.
//!
//! Invariant: a method takes `&mut self` exactly if it may change a slot.

use std::borrow::Borrow;
use std::hash::Hash;

use serde::Serialize;

use super::slot::Slot;
use super::{Entry, HashMap, OccupiedEntry, VacantEntry};

impl<K: Eq + Hash, V> HashMap<K, V> {
    /// The value of `key`.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([("a", 1)]);
    /// assert_eq!(map.get("a"), Some(&1));
    /// ```
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.get_key_value(key).map(|(_, value)| value)
    }

    /// The value of `key`, to be changed; the entry counts as changed.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([("a", 1)]);
    /// *map.get_mut("a").unwrap() += 1;
    /// assert_eq!(map["a"], 2);
    /// ```
    #[inline]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.seed.hash(key);
        let (slot, changes) = self.find_mut(hash, key)?;
        Some(slot.open(changes).1)
    }

    /// The key that is in the map, and its value.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(String::from("a"), 1)]);
    /// assert_eq!(map.get_key_value("a"), Some((&String::from("a"), &1)));
    /// ```
    #[inline]
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find(key).map(Slot::entry)
    }

    /// Whether `key` is in the map.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(1, 1)]);
    /// assert!(map.contains_key(&1) && !map.contains_key(&2));
    /// ```
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.find(key).is_some()
    }

    /// Gives `key` a value and returns the one that it had. A key that is already there stays.
    ///
    /// # Panics
    ///
    /// The map would hold more than 3 * 2^30 entries.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::new();
    /// assert_eq!(map.insert("a", 1), None);
    /// assert_eq!(map.insert("a", 2), Some(1));
    /// ```
    #[inline]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.seed.hash(&key);
        if let Some((slot, changes)) = self.find_mut(hash, &key) {
            return Some(std::mem::replace(slot.open(changes).1, value));
        }
        self.add(hash, key, value);
        None
    }

    /// Removes `key` and returns its value.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 'a')]);
    /// assert_eq!(map.remove(&1), Some('a'));
    /// assert_eq!(map.remove(&1), None);
    /// ```
    #[inline]
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.remove_entry(key).map(|(_, value)| value)
    }

    /// Removes `key` and returns it with its value.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 'a')]);
    /// assert_eq!(map.remove_entry(&1), Some((1, 'a')));
    /// ```
    #[inline]
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let bucket = self.table.find_bucket_index(self.seed.hash(key), |slot| slot.key.borrow() == key)?;
        self.take(bucket)
    }

    /// The entry of `key`, there or not, for reading and writing with a single lookup.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::new();
    /// for word in ["a", "b", "a"] {
    ///     *map.entry(word).or_insert(0) += 1;
    /// }
    /// assert_eq!((map["a"], map["b"]), (2, 1));
    /// ```
    #[inline]
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        let hash = self.seed.hash(&key);
        match self.table.find_bucket_index(hash, |slot| slot.key == key) {
            Some(bucket) => Entry::Occupied(OccupiedEntry { map: self, bucket }),
            None => Entry::Vacant(VacantEntry { map: self, hash, key }),
        }
    }

    /// Keeps the entries for which `keep` is true, visiting them in order.
    ///
    /// Unlike the mutable iterators this counts only those entries as changed that are removed or whose value `keep`
    /// really changes (told by its encoding), so a sweep for timeouts leaves the next checkpoint small.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter((0..8).map(|n| (n, n * n)));
    /// map.retain(|key, _| key % 2 == 0);
    /// assert_eq!(map.into_keys().collect::<Vec<_>>(), [0, 2, 4, 6]);
    /// ```
    pub fn retain<F>(&mut self, mut keep: F)
    where
        F: FnMut(&K, &mut V) -> bool,
        V: Serialize,
    {
        let mut scratch = [Vec::new(), Vec::new()];
        for number in 0..self.places.all.len() as u32 {
            let Some(bucket) = self.bucket(number) else { continue };
            let Some(slot) = self.table.get_bucket_mut(bucket) else { continue };
            if !slot.amend(&mut self.changes, &mut scratch, &mut keep) {
                self.take(bucket);
            }
        }
    }

    /// Makes room for `additional` more entries, so that as many can be added without growing.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 'a')]);
    /// map.reserve(99);
    /// assert_eq!(map.capacity(), 100);
    /// ```
    pub fn reserve(&mut self, additional: usize) {
        let wanted = self.len().saturating_add(additional);
        if wanted > self.capacity {
            self.grow(wanted);
        }
    }

    /// Gives up memory that nothing needs; a vacant place in the order does.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::with_capacity(100);
    /// map.insert(1, 'a');
    /// map.shrink_to_fit();
    /// assert_eq!(map.capacity(), 1);
    /// ```
    pub fn shrink_to_fit(&mut self) {
        let Self { table, places, seed, capacity, .. } = self;
        *capacity = places.all.len();
        places.all.shrink_to_fit();
        places.free.shrink_to_fit();
        table.shrink_to_fit(|slot| seed.hash(&slot.key));
        self.relocate();
    }
}
