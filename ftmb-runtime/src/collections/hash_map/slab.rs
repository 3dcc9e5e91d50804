//! The entries of a map: numbered slots, reused last in first out.
//!
//! Invariant: every vacant slot has a distinct place in `free`, and `free` at that place names the slot. So the order
//! of reuse lies in the slots themselves, and each slot can be saved, loaded and checked on its own.
//!
//! ```text
//! slots  0: occupied (k, v)   1: vacant, place 1   2: occupied (k, v)   3: vacant, place 0
//! free   [3, 1]     the next entry goes to slot 1, then 3, then a new slot 4
//! ```

use super::slot::{Content, Slot};
use crate::collections::changes::Changes;

/// Slots, the order in which vacant ones are reused, and which of them changed.
#[derive(Debug)]
pub(super) struct Slab<K, V> {
    pub(super) slots: Vec<Slot<K, V>>,
    pub(super) free: Vec<u32>,
    pub(super) changes: Changes,
}

impl<K, V> Slab<K, V> {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { slots: Vec::with_capacity(capacity), free: Vec::new(), changes: Changes::new() }
    }

    /// Occupied slots.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    #[inline]
    pub(super) fn entry(&self, number: u32) -> Option<(&K, &V)> {
        self.slots.get(number as usize)?.entry()
    }

    #[inline]
    pub(super) fn key(&self, number: u32) -> Option<&K> {
        self.entry(number).map(|(key, _)| key)
    }

    /// The entry of a slot that the caller knows to be occupied.
    #[inline]
    pub(super) fn known(&self, number: u32) -> (&K, &V) {
        self.entry(number).expect("an entry refers to an occupied slot")
    }

    /// The same, to be changed.
    #[inline]
    pub(super) fn known_mut(&mut self, number: u32) -> (&K, &mut V) {
        let slot = &mut self.slots[number as usize];
        slot.entry_mut(number, &mut self.changes).expect("an entry refers to an occupied slot")
    }

    /// Puts an entry into the slot that is next in line, and returns its number.
    ///
    /// # Panics
    ///
    /// More than `u32::MAX` entries.
    #[inline]
    pub(super) fn occupy(&mut self, key: K, value: V) -> u32 {
        let content = Content::Occupied(key, value);
        match self.free.pop() {
            Some(number) => {
                self.slots[number as usize].replace(number, &mut self.changes, content);
                number
            }
            None => {
                let number = u32::try_from(self.slots.len()).ok().filter(|number| *number != u32::MAX);
                let number = number.expect("capacity overflow");
                let mut slot = Slot::new(content);
                self.changes.mark(number, slot.stamp_mut());
                self.slots.push(slot);
                number
            }
        }
    }

    /// Takes the entry out of a slot, which becomes the next in line.
    #[inline]
    pub(super) fn vacate(&mut self, number: u32) -> Option<(K, V)> {
        let slot = self.slots.get_mut(number as usize)?;
        slot.entry()?;
        let place = self.free.len() as u32;
        self.free.push(number);
        match slot.replace(number, &mut self.changes, Content::Vacant(place)) {
            Content::Occupied(key, value) => Some((key, value)),
            Content::Vacant(_) => None,
        }
    }

    /// Forgets all slots; the next entry goes to slot 0.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.free.clear();
        self.changes.reset();
    }

    pub(super) fn zero_stamps(&mut self) {
        self.slots.iter_mut().for_each(|slot| *slot.stamp_mut() = 0);
    }
}

impl<K: Clone, V: Clone> Clone for Slab<K, V> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), free: self.free.clone(), changes: self.changes.of_copy() }
    }
}
