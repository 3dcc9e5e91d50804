//! Slots for whoever holds the whole map in a guard, and wants to keep one entry in it.
//!
//! Invariant: a slot that is handed out to be changed counts as changed; a bucket stays the entry's as long as nothing is
//! added to or removed from the map.

use std::borrow::Borrow;
use std::hash::Hash;

use super::HashMap;
use super::slot::Slot;

impl<K, V> HashMap<K, V> {
    /// How many numbers there are; iteration follows them.
    #[inline]
    pub(in crate::collections) fn numbers(&self) -> u32 {
        self.places.all.len() as u32
    }

    /// The slot in a bucket that [`locate`](Self::locate) or `add` gave.
    #[inline]
    pub(in crate::collections) fn held(&self, bucket: usize) -> &Slot<K, V> {
        self.table.get_bucket(bucket).expect(super::entry::HELD)
    }

    /// As [`held`](Self::held), to be changed.
    #[inline]
    pub(in crate::collections) fn held_mut(&mut self, bucket: usize) -> &mut Slot<K, V> {
        let slot = self.table.get_bucket_mut(bucket).expect(super::entry::HELD);
        slot.open(&mut self.changes);
        slot
    }

    /// All slots in order, to be changed.
    pub(in crate::collections) fn slots_mut(&mut self) -> Vec<&mut Slot<K, V>> {
        let Self { table, changes, .. } = self;
        let mut slots: Vec<&mut Slot<K, V>> = table.iter_mut().collect();
        slots.sort_unstable_by_key(|slot| slot.number);
        slots.iter_mut().for_each(|slot| {
            slot.open(changes);
        });
        slots
    }
}

impl<K: Eq + Hash, V> HashMap<K, V> {
    /// The hash of `key`, and the bucket of its slot.
    #[inline]
    pub(in crate::collections) fn locate(&self, key: &K) -> (u64, Option<usize>) {
        let hash = self.seed.hash(key);
        (hash, self.table.find_bucket_index(hash, |slot| slot.key == *key))
    }

    /// The slot of `key`, to be changed.
    #[inline]
    pub(in crate::collections) fn find_open<Q>(&mut self, key: &Q) -> Option<&mut Slot<K, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.seed.hash(key);
        let (slot, changes) = self.find_mut(hash, key)?;
        slot.open(changes);
        Some(slot)
    }
}
