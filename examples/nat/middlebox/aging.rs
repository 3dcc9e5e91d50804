//! A map that forgets its oldest entries.
//!
//! Invariant: `order` has the key of each entry under the number that the entry names, and nothing else; numbers rise with time.

use std::hash::Hash;

use ftmb::{collections::HashMap, time::Instant};

/// A map whose entries have an age: that of their last insertion.
#[ftmb::state]
#[derive(Debug)]
pub(crate) struct Aging<K: Eq + Hash, V> {
    entries: HashMap<K, Entry<V>>,
    order: HashMap<u64, K>,
    /// No number in `order` is below.
    oldest: u64,
    next: u64,
}

#[ftmb::state]
#[derive(Debug)]
struct Entry<V> {
    value: V,
    since: Instant,
    number: u64,
}

impl<K: Copy + Eq + Hash, V> Aging<K, V> {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { entries: HashMap::new(), order: HashMap::new(), oldest: 0, next: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// To change in place: the entry does not get any younger.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Inserts what becomes the youngest entry, in place of the one with the same key.
    pub(crate) fn insert(&mut self, key: K, value: V, now: Instant) {
        self.remove(&key);
        self.order.insert(self.next, key);
        self.entries.insert(key, Entry { value, since: now, number: self.next });
        self.next += 1;
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.number);
        Some(entry.value)
    }

    /// Removes the oldest entry.
    pub(crate) fn take_oldest(&mut self) -> Option<V> {
        let key = *self.first()?;
        self.remove(&key)
    }

    /// Removes the oldest entry if it was there before `then`.
    pub(crate) fn take_older(&mut self, then: Instant) -> Option<V> {
        let key = *self.first()?;
        let is_older = self.entries.get(&key).is_some_and(|entry| entry.since < then);
        if is_older { self.remove(&key) } else { None }
    }

    /// The key of the oldest entry.
    fn first(&mut self) -> Option<&K> {
        while self.oldest < self.next && !self.order.contains_key(&self.oldest) {
            self.oldest += 1;
        }
        self.order.get(&self.oldest)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_oldest_goes_first_and_what_is_inserted_again_is_young() {
        // here, since the benchmarks compile this file too, and drop its tests
        use super::{Aging, Instant};

        let at = Instant::from_nanos;
        let mut map = Aging::new();
        for (key, now) in [(1, 10), (2, 20), (3, 30), (1, 40), (4, 50)] {
            map.insert(key, key * 100, at(now));
        }
        assert_eq!((map.len(), map.get(&1)), (4, Some(&100)));
        assert_eq!(map.remove(&3), Some(300));
        *map.get_mut(&2).unwrap() += 1;
        assert_eq!(map.take_older(at(20)), None);
        assert_eq!(map.take_older(at(21)), Some(201));
        assert_eq!((map.take_oldest(), map.take_oldest(), map.take_oldest()), (Some(100), Some(400), None));
        assert_eq!(map.len(), 0);
    }
}
