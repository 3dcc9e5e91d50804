//! Walking over a map, shard by shard.
//!
//! Invariant: the next shard is entered when the one before has nothing left to give; a section lasts as long as the iterator is
//! in its shard, or any entry of it is held.

use std::fmt;
use std::iter::FusedIterator;
use std::panic::Location;
use std::rc::Rc;
use std::slice;
use std::vec;

use super::ShardedMap;
use super::guards::entry_guard;
use crate::collections::HashMap;
use crate::collections::hash_map::{self, HELD, Slot};
use crate::sync::{PartGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

impl<K, V> ShardedMap<K, V> {
    /// All entries, in order, each in a shared section of its shard.
    ///
    /// # Panics
    /// The iterator, as [`RwLock::read`], whenever it comes to the next shard.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 10), (2, 20)]);
    /// assert_eq!(map.iter().map(|entry| *entry.key() + *entry.value()).sum::<i32>(), 33);
    /// ```
    #[track_caller]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { shards: self.shards.iter(), current: None, place: Location::caller() }
    }

    /// All entries, in order, each to be changed, in an exclusive section of its shard. All of a shard count as changed.
    ///
    /// # Panics
    /// The iterator, as [`RwLock::write`], whenever it comes to the next shard.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 10), (2, 20)]);
    /// map.iter_mut().for_each(|mut entry| *entry += 1);
    /// assert_eq!((*map.get(&1).unwrap(), *map.get(&2).unwrap()), (11, 21));
    /// ```
    #[track_caller]
    pub fn iter_mut(&self) -> IterMut<'_, K, V> {
        IterMut { shards: self.shards.iter(), current: Vec::new().into_iter(), place: Location::caller() }
    }
}

/// Iterator of [`ShardedMap::iter`], where there is an example.
pub struct Iter<'a, K, V> {
    shards: slice::Iter<'a, RwLock<HashMap<K, V>>>,
    /// The shard that is visited, and the next number in it.
    current: Option<(Rc<RwLockReadGuard<'a, HashMap<K, V>>>, u32)>,
    place: &'static Location<'static>,
}

/// An entry that [`ShardedMap::iter`] came by, in a shared section of its shard.
///
/// ```
/// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
/// for entry in &map {
///     assert_eq!((*entry.key(), *entry.value(), *entry, entry.pair()), ("a", 1, 1, (&"a", &1)));
/// }
/// ```
pub struct RefMulti<'a, K, V> {
    shard: Rc<RwLockReadGuard<'a, HashMap<K, V>>>,
    number: u32,
}

entry_guard! { RefMulti, |this| this.shard.slot(this.number).expect(HELD) }

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = RefMulti<'a, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((shard, next)) = &mut self.current
                && let Some(number) = (*next..shard.numbers()).find(|number| shard.slot(*number).is_some())
            {
                *next = number + 1;
                return Some(RefMulti { shard: shard.clone(), number });
            }
            // The section ends before the next begins.
            self.current = None;
            self.current = Some((Rc::new(self.shards.next()?.read_at(self.place)), 0));
        }
    }
}

/// Iterator of [`ShardedMap::iter_mut`], where there is an example.
pub struct IterMut<'a, K, V> {
    shards: slice::Iter<'a, RwLock<HashMap<K, V>>>,
    current: vec::IntoIter<PartGuard<'a, Slot<K, V>>>,
    place: &'static Location<'static>,
}

/// An entry that [`ShardedMap::iter_mut`] came by, in an exclusive section of its shard.
///
/// ```
/// let map = ftmb_runtime::collections::ShardedMap::from_iter([("a", 1)]);
/// for mut entry in map.iter_mut() {
///     *entry.value_mut() += entry.key().len();
///     *entry.pair_mut().1 += 1;
/// }
/// assert_eq!(*map.get("a").unwrap(), 3);
/// ```
pub struct RefMutMulti<'a, K, V> {
    slot: PartGuard<'a, Slot<K, V>>,
}

entry_guard! { mut RefMutMulti, |this| this.slot }

impl<'a, K, V> Iterator for IterMut<'a, K, V> {
    type Item = RefMutMulti<'a, K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(slot) = self.current.next() {
                return Some(RefMutMulti { slot });
            }
            let shard = self.shards.next()?.write_at(self.place);
            self.current = RwLockWriteGuard::into_parts(shard, HashMap::slots_mut).into_iter();
        }
    }
}

/// Iterator over a map that is given up.
///
/// ```
/// let map = ftmb_runtime::collections::ShardedMap::from_iter([(1, 'a')]);
/// assert_eq!(map.into_iter().collect::<Vec<_>>(), [(1, 'a')]);
/// ```
pub struct IntoIter<K, V> {
    shards: vec::IntoIter<RwLock<HashMap<K, V>>>,
    current: Option<hash_map::IntoIter<K, V>>,
}

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            if let Some(entry) = self.current.as_mut().and_then(Iterator::next) {
                return Some(entry);
            }
            let (Ok(shard) | Err(shard)) = self.shards.next()?.into_inner().map_err(std::sync::PoisonError::into_inner);
            self.current = Some(shard.into_iter());
        }
    }
}

impl<K, V> IntoIterator for ShardedMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter { shards: self.shards.into_vec().into_iter(), current: None }
    }
}

impl<'a, K, V> IntoIterator for &'a ShardedMap<K, V> {
    type Item = RefMulti<'a, K, V>;
    type IntoIter = Iter<'a, K, V>;

    #[track_caller]
    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

macro_rules! shard_by_shard {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<$($generics)*> FusedIterator for $type {}

        impl<$($generics)*> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).field("shards_left", &self.shards.len()).finish_non_exhaustive()
            }
        }
    )*};
}

shard_by_shard! {
    ['a, K, V] Iter<'a, K, V>;
    ['a, K, V] IterMut<'a, K, V>;
    [K, V] IntoIter<K, V>;
}
