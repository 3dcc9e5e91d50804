//! One entry, there or not, in an exclusive section of its shard.
//!
//! Invariant: while an entry is held nothing else enters its shard, so an occupied one stays in its bucket.

use std::fmt;
use std::hash::Hash;

use super::RefMut;
use crate::collections::HashMap;
use crate::collections::hash_map::HELD;
use crate::sync::RwLockWriteGuard;

/// The entry of one key, from [`ShardedMap::entry`](super::ShardedMap::entry).
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::sharded_map::{Entry, ShardedMap};
///
/// let map = ShardedMap::from_iter([("a", 1)]);
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
/// use ftmb_runtime::collections::sharded_map::{Entry, ShardedMap};
///
/// let map = ShardedMap::from_iter([("a", 1)]);
/// let Entry::Occupied(mut entry) = map.entry("a") else { unreachable!() };
/// assert_eq!((*entry.key(), *entry.get()), ("a", 1));
/// *entry.get_mut() += 1;
/// assert_eq!(entry.insert(7), 2);
/// *entry.into_ref() += 1;
/// assert_eq!(*map.get("a").unwrap(), 8);
/// ```
pub struct OccupiedEntry<'a, K, V> {
    pub(super) shard: RwLockWriteGuard<'a, HashMap<K, V>>,
    pub(super) bucket: usize,
    /// The key that was looked for.
    pub(super) key: K,
}

/// An entry that is not in the map.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::sharded_map::{Entry, ShardedMap};
///
/// let map = ShardedMap::new();
/// let Entry::Vacant(entry) = map.entry("a") else { unreachable!() };
/// assert_eq!(entry.key(), &"a");
/// *entry.insert(1) += 1;
/// assert_eq!(*map.get("a").unwrap(), 2);
/// ```
pub struct VacantEntry<'a, K, V> {
    pub(super) shard: RwLockWriteGuard<'a, HashMap<K, V>>,
    pub(super) hash: u64,
    pub(super) key: K,
}

fn open<'a, K, V>(shard: RwLockWriteGuard<'a, HashMap<K, V>>, bucket: usize) -> RefMut<'a, K, V> {
    RefMut { slot: RwLockWriteGuard::map(shard, |map| map.held_mut(bucket)) }
}

impl<'a, K: Eq + Hash, V> Entry<'a, K, V> {
    /// The key.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::<_, u8>::new();
    /// assert_eq!(map.entry("a").key(), &"a");
    /// ```
    #[inline]
    pub fn key(&self) -> &K {
        match self {
            Entry::Occupied(entry) => entry.key(),
            Entry::Vacant(entry) => entry.key(),
        }
    }

    /// The key that was looked for, given back.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::<_, u8>::new();
    /// assert_eq!(map.entry("a").into_key(), "a");
    /// ```
    #[inline]
    pub fn into_key(self) -> K {
        match self {
            Entry::Occupied(entry) => entry.key,
            Entry::Vacant(entry) => entry.key,
        }
    }

    /// Changes the value if there is one.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
    /// map.entry("a").and_modify(|value| *value += 1).or_insert(0);
    /// assert_eq!(*map.get("a").unwrap(), 2);
    /// ```
    #[inline]
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Entry::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// The entry, inserted first if it is missing.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// assert_eq!(*map.entry(1).or_insert('a'), 'a');
    /// assert_eq!(*map.entry(1).or_insert('b'), 'a');
    /// ```
    #[inline]
    pub fn or_insert(self, default: V) -> RefMut<'a, K, V> {
        self.or_insert_with(|| default)
    }

    /// The entry, its value made by `default` and inserted first if it is missing.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// assert_eq!(*map.entry(1).or_insert_with(|| String::from("a")), "a");
    /// ```
    #[inline]
    pub fn or_insert_with(self, default: impl FnOnce() -> V) -> RefMut<'a, K, V> {
        match self {
            Entry::Occupied(entry) => entry.into_ref(),
            Entry::Vacant(entry) => entry.insert(default()),
        }
    }

    /// As [`or_insert_with`](Self::or_insert_with), unless `default` fails.
    ///
    /// # Errors
    /// What `default` says; nothing is inserted.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// assert_eq!(map.entry(1).or_try_insert_with(|| "7".parse::<u8>()).map(|entry| *entry), Ok(7));
    /// assert!(map.entry(2).or_try_insert_with(|| "x".parse()).is_err());
    /// ```
    pub fn or_try_insert_with<E>(self, default: impl FnOnce() -> Result<V, E>) -> Result<RefMut<'a, K, V>, E> {
        match self {
            Entry::Occupied(entry) => Ok(entry.into_ref()),
            Entry::Vacant(entry) => Ok(entry.insert(default()?)),
        }
    }

    /// The entry, inserted with `V::default()` first if it is missing.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::<_, u32>::new();
    /// *map.entry("a").or_default() += 1;
    /// assert_eq!(*map.get("a").unwrap(), 1);
    /// ```
    #[inline]
    pub fn or_default(self) -> RefMut<'a, K, V>
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Sets the value, whether there was one or not.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// assert_eq!(*map.entry("a").insert(1), 1);
    /// ```
    pub fn insert(self, value: V) -> RefMut<'a, K, V> {
        match self {
            Entry::Occupied(mut entry) => {
                entry.insert(value);
                entry.into_ref()
            }
            Entry::Vacant(entry) => entry.insert(value),
        }
    }

    /// Sets the value and returns the entry, which now is there.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::new();
    /// assert_eq!(map.entry("a").insert_entry(1).get(), &1);
    /// ```
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V>
    where
        K: Clone,
    {
        match self {
            Entry::Occupied(mut entry) => {
                entry.insert(value);
                entry
            }
            Entry::Vacant(entry) => entry.insert_entry(value),
        }
    }
}

impl<'a, K: Eq + Hash, V> OccupiedEntry<'a, K, V> {
    /// The key in the map. See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn key(&self) -> &K {
        &self.shard.held(self.bucket).key
    }

    /// The value. See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn get(&self) -> &V {
        &self.shard.held(self.bucket).value
    }

    /// The value, to be changed; the entry counts as changed. See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn get_mut(&mut self) -> &mut V {
        &mut self.shard.held_mut(self.bucket).value
    }

    /// Sets the value and returns the one before. See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn insert(&mut self, value: V) -> V {
        std::mem::replace(self.get_mut(), value)
    }

    /// The entry as a guard, to be changed. See [`OccupiedEntry`] for an example.
    #[inline]
    pub fn into_ref(self) -> RefMut<'a, K, V> {
        open(self.shard, self.bucket)
    }

    /// Removes the entry and returns the value. See [`Entry`] for an example.
    #[inline]
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Removes the entry and returns key and value.
    ///
    /// ```
    /// use ftmb_runtime::collections::sharded_map::{Entry, ShardedMap};
    ///
    /// let map = ShardedMap::from_iter([("a", 1)]);
    /// let Entry::Occupied(entry) = map.entry("a") else { unreachable!() };
    /// assert_eq!(entry.remove_entry(), ("a", 1));
    /// ```
    #[inline]
    pub fn remove_entry(mut self) -> (K, V) {
        self.shard.take(self.bucket).expect(HELD)
    }
}

impl<'a, K: Eq + Hash, V> VacantEntry<'a, K, V> {
    /// The key that was looked for. See [`VacantEntry`] for an example.
    #[inline]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The key that was looked for, given back.
    ///
    /// ```
    /// use ftmb_runtime::collections::sharded_map::{Entry, ShardedMap};
    ///
    /// let map = ShardedMap::<_, u8>::new();
    /// let Entry::Vacant(entry) = map.entry("a") else { unreachable!() };
    /// assert_eq!(entry.into_key(), "a");
    /// ```
    #[inline]
    pub fn into_key(self) -> K {
        self.key
    }

    /// Inserts the entry. See [`VacantEntry`] for an example.
    #[inline]
    pub fn insert(mut self, value: V) -> RefMut<'a, K, V> {
        let bucket = self.shard.add(self.hash, self.key, value);
        open(self.shard, bucket)
    }

    /// Inserts the entry and returns it.
    ///
    /// ```
    /// use ftmb_runtime::collections::sharded_map::{Entry, ShardedMap};
    ///
    /// let map = ShardedMap::new();
    /// let Entry::Vacant(entry) = map.entry("a") else { unreachable!() };
    /// assert_eq!(entry.insert_entry(1).key(), &"a");
    /// ```
    #[inline]
    pub fn insert_entry(mut self, value: V) -> OccupiedEntry<'a, K, V>
    where
        K: Clone,
    {
        let bucket = self.shard.add(self.hash, self.key.clone(), value);
        OccupiedEntry { shard: self.shard, bucket, key: self.key }
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
