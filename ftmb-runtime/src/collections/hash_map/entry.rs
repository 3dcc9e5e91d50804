//! One entry of a map, there or not, held for reading and writing.
//!
//! Invariant: while an occupied entry is held its slot stays in its bucket, since it holds the map.

use std::fmt;
use std::hash::Hash;

use super::HashMap;
use super::slot::Slot;

/// The entry of one key, from [`HashMap::entry`].
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::hash_map::{Entry, HashMap};
///
/// let mut map = HashMap::from_iter([("a", 1)]);
/// match map.entry("a") {
///     Entry::Occupied(entry) => assert_eq!(entry.remove(), 1),
///     Entry::Vacant(_) => unreachable!(),
/// }
/// ```
pub enum Entry<'a, K, V> {
    /// The key is in the map.
    Occupied(OccupiedEntry<'a, K, V>),
    /// The key is not in the map.
    Vacant(VacantEntry<'a, K, V>),
}

/// An entry that is in the map.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::hash_map::{Entry, HashMap};
///
/// let mut map = HashMap::from_iter([("a", 1)]);
/// let Entry::Occupied(mut entry) = map.entry("a") else { unreachable!() };
/// assert_eq!((*entry.key(), *entry.get()), ("a", 1));
/// *entry.get_mut() += 1;
/// assert_eq!(entry.insert(7), 2);
/// *entry.into_mut() += 1;
/// assert_eq!(map["a"], 8);
/// ```
pub struct OccupiedEntry<'a, K, V> {
    pub(super) map: &'a mut HashMap<K, V>,
    pub(super) bucket: usize,
}

/// An entry that is not in the map.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::hash_map::{Entry, HashMap};
///
/// let mut map = HashMap::new();
/// let Entry::Vacant(entry) = map.entry("a") else { unreachable!() };
/// assert_eq!(entry.key(), &"a");
/// *entry.insert(1) += 1;
/// assert_eq!(map["a"], 2);
/// ```
pub struct VacantEntry<'a, K, V> {
    pub(super) map: &'a mut HashMap<K, V>,
    pub(super) hash: u64,
    pub(super) key: K,
}

impl<'a, K: Eq + Hash, V> Entry<'a, K, V> {
    /// The value, inserted first if it is missing.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::new();
    /// assert_eq!(*map.entry(1).or_insert('a'), 'a');
    /// assert_eq!(*map.entry(1).or_insert('b'), 'a');
    /// ```
    #[inline]
    pub fn or_insert(self, default: V) -> &'a mut V {
        self.or_insert_with(|| default)
    }

    /// The value, made by `default` and inserted first if it is missing.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::new();
    /// assert_eq!(map.entry(1).or_insert_with(|| String::from("a")), "a");
    /// ```
    #[inline]
    pub fn or_insert_with<F: FnOnce() -> V>(self, default: F) -> &'a mut V {
        self.or_insert_with_key(|_| default())
    }

    /// The value, made by `default` from the key and inserted first if it is missing.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::new();
    /// assert_eq!(*map.entry("abc").or_insert_with_key(|key| key.len()), 3);
    /// ```
    #[inline]
    pub fn or_insert_with_key<F: FnOnce(&K) -> V>(self, default: F) -> &'a mut V {
        match self {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let value = default(&entry.key);
                entry.insert(value)
            }
        }
    }

    /// The value, inserted as `V::default()` first if it is missing.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::<_, u32>::new();
    /// *map.entry("a").or_default() += 1;
    /// assert_eq!(map["a"], 1);
    /// ```
    #[inline]
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value if there is one.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([("a", 1)]);
    /// map.entry("a").and_modify(|value| *value += 1).or_insert(0);
    /// assert_eq!(map["a"], 2);
    /// ```
    #[inline]
    #[must_use]
    pub fn and_modify<F: FnOnce(&mut V)>(mut self, change: F) -> Self {
        if let Entry::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// Sets the value and returns the entry, which now is there.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::new();
    /// assert_eq!(map.entry("a").insert_entry(1).get(), &1);
    /// ```
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V> {
        match self {
            Entry::Occupied(mut entry) => {
                entry.insert(value);
                entry
            }
            Entry::Vacant(entry) => entry.insert_entry(value),
        }
    }

    /// The key.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::HashMap::<_, u8>::new().entry("a").key(), &"a");
    /// ```
    #[inline]
    pub fn key(&self) -> &K {
        match self {
            Entry::Occupied(entry) => entry.key(),
            Entry::Vacant(entry) => entry.key(),
        }
    }
}

/// Why an occupied entry's bucket cannot be empty.
pub(in crate::collections) const HELD: &str = "an entry that is held stays in its bucket";

impl<'a, K: Eq + Hash, V> OccupiedEntry<'a, K, V> {
    #[inline]
    fn slot(&self) -> &Slot<K, V> {
        self.map.table.get_bucket(self.bucket).expect(HELD)
    }

    /// The key in the map.
    ///
    /// See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn key(&self) -> &K {
        &self.slot().key
    }

    /// The value.
    ///
    /// See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn get(&self) -> &V {
        &self.slot().value
    }

    /// The value, to be changed; the entry counts as changed.
    ///
    /// See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn get_mut(&mut self) -> &mut V {
        let slot = self.map.table.get_bucket_mut(self.bucket).expect(HELD);
        slot.open(&mut self.map.changes).1
    }

    /// The value, to be changed, for as long as the map is borrowed.
    ///
    /// See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn into_mut(self) -> &'a mut V {
        let slot = self.map.table.get_bucket_mut(self.bucket).expect(HELD);
        slot.open(&mut self.map.changes).1
    }

    /// Sets the value and returns the one before.
    ///
    /// See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn insert(&mut self, value: V) -> V {
        std::mem::replace(self.get_mut(), value)
    }

    /// Removes the entry and returns the value.
    ///
    /// See [`Entry`] for an example.
    #[inline]
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Removes the entry and returns key and value.
    ///
    /// ```
    /// use ftmb_runtime::collections::hash_map::{Entry, HashMap};
    ///
    /// let mut map = HashMap::from_iter([("a", 1)]);
    /// let Entry::Occupied(entry) = map.entry("a") else { unreachable!() };
    /// assert_eq!(entry.remove_entry(), ("a", 1));
    /// ```
    #[inline]
    pub fn remove_entry(self) -> (K, V) {
        self.map.take(self.bucket).expect(HELD)
    }
}

impl<'a, K: Eq + Hash, V> VacantEntry<'a, K, V> {
    /// The key that was looked for.
    ///
    /// See [`VacantEntry`] for an example.
    #[inline]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The key that was looked for, given back.
    ///
    /// ```
    /// use ftmb_runtime::collections::hash_map::{Entry, HashMap};
    ///
    /// let mut map = HashMap::<_, u8>::new();
    /// let Entry::Vacant(entry) = map.entry("a") else { unreachable!() };
    /// assert_eq!(entry.into_key(), "a");
    /// ```
    #[inline]
    pub fn into_key(self) -> K {
        self.key
    }

    /// Inserts the entry and returns its value.
    ///
    /// See [`VacantEntry`] for an example.
    #[inline]
    pub fn insert(self, value: V) -> &'a mut V {
        self.insert_entry(value).into_mut()
    }

    /// Inserts the entry and returns it.
    ///
    /// ```
    /// use ftmb_runtime::collections::hash_map::{Entry, HashMap};
    ///
    /// let mut map = HashMap::new();
    /// let Entry::Vacant(entry) = map.entry("a") else { unreachable!() };
    /// assert_eq!(entry.insert_entry(1).key(), &"a");
    /// ```
    #[inline]
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V> {
        let bucket = self.map.add(self.hash, self.key, value);
        OccupiedEntry { map: self.map, bucket }
    }
}

impl<K: fmt::Debug + Eq + Hash, V: fmt::Debug> fmt::Debug for Entry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::Occupied(entry) => f.debug_tuple("Entry").field(entry).finish(),
            Entry::Vacant(entry) => f.debug_tuple("Entry").field(entry).finish(),
        }
    }
}

impl<K: fmt::Debug + Eq + Hash, V: fmt::Debug> fmt::Debug for OccupiedEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OccupiedEntry").field("key", self.key()).field("value", self.get()).finish_non_exhaustive()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for VacantEntry<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VacantEntry").field(&self.key).finish()
    }
}
