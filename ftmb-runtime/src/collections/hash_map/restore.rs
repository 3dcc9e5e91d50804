//! Loading a map: slots arrive one by one in any order, then the batch is checked as a whole.
//!
//! Invariant: after [`HashMap::finish_restore`] returned `Ok`, index, slots and order of reuse agree, whatever bytes came in; after
//! an error the map is empty. The work is in proportion to the batch, not to the map.

use std::collections::BTreeMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::HashMap;
use super::slab::Slab;
use super::slot::{Content, Slot};
use crate::state::StateError;

/// What is saved of a map beside its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Slots, vacant ones included.
    pub(super) slots: u32,
    /// Occupied slots.
    pub(super) entries: u32,
    /// What [`HashMap::capacity`] says.
    pub(super) capacity: u64,
}

/// A batch of pieces in the course of being restored.
#[derive(Debug)]
pub(super) struct Restoring<K, V> {
    counts: Option<Counts>,
    /// Slots that pieces named and that exist by now.
    touched: Vec<u32>,
    /// Content for slots that do not exist yet, because a slot before them is missing.
    ahead: BTreeMap<u32, Content<K, V>>,
}

impl<K, V> Default for Restoring<K, V> {
    fn default() -> Self {
        Self { counts: None, touched: Vec::new(), ahead: BTreeMap::new() }
    }
}

impl<K, V> HashMap<K, V> {
    pub(super) fn counts(&self) -> Counts {
        Counts { slots: self.slab.slots.len() as u32, entries: self.len() as u32, capacity: self.capacity as u64 }
    }

    /// Takes over the counts.
    pub(super) fn restore_counts(&mut self, counts: Counts) {
        self.batch().counts = Some(counts);
    }

    /// Takes over that all slots before are gone.
    pub(super) fn restore_clear(&mut self) {
        self.clear();
        self.batch();
    }

    fn batch(&mut self) -> &mut Restoring<K, V> {
        self.restoring.get_or_insert_default()
    }
}

impl<K: Eq + Hash, V> HashMap<K, V> {
    /// Takes over the content of one slot.
    pub(super) fn restore_slot(&mut self, number: u32, content: Content<K, V>) {
        self.batch().ahead.remove(&number);
        let content = match self.slab.slots.get_mut(number as usize) {
            // The usual case, and the cheap one: neither index nor order of reuse has to know.
            Some(slot) => match slot.install_value(content) {
                Some(content) => content,
                None => return,
            },
            None => content,
        };
        if number as usize > self.slab.slots.len() {
            self.batch().ahead.insert(number, content);
            return;
        }
        self.batch().touched.push(number);
        let hash = match &content {
            Content::Occupied(key, _) => Some(self.seed.hash(key)),
            Content::Vacant(_) => None,
        };
        match self.slab.slots.get_mut(number as usize) {
            Some(slot) => {
                if let Content::Occupied(key, _) = slot.install(content) {
                    self.leave(self.seed.hash(&key), number);
                }
            }
            None => self.slab.slots.push(Slot::new(content)),
        }
        if let Some(hash) = hash {
            self.enter(hash, number);
        }
    }

    /// Ends a batch: checks that the map is whole and forgets tracked changes.
    pub(super) fn finish_restore(&mut self) -> Result<(), StateError> {
        let outcome = match self.restoring.take() {
            Some(batch) => self.settle(*batch),
            None => Ok(()),
        };
        if outcome.is_err() {
            self.clear();
            self.capacity = 0;
        }
        if self.slab.changes.restored() {
            self.slab.zero_stamps();
        }
        outcome
    }

    fn settle(&mut self, batch: Restoring<K, V>) -> Result<(), StateError> {
        let Restoring { counts, mut touched, ahead } = batch;
        let counts = counts.unwrap_or(Counts { slots: 0, entries: 0, capacity: 0 });
        for (number, content) in ahead {
            let next = self.slab.slots.len();
            if number as usize != next {
                return Err(count("number of the next slot of a map", next, number as usize));
            }
            self.restore_slot(number, content);
        }
        if let Some(batch) = self.restoring.take() {
            touched.extend(batch.touched);
        }
        let slots = self.slab.slots.len();
        if counts.slots as usize != slots {
            return Err(count("slots of a map", counts.slots as usize, slots));
        }
        if counts.entries as usize != self.index.len() {
            return Err(count("entries of a map", counts.entries as usize, self.index.len()));
        }
        let capacity = usize::try_from(counts.capacity).unwrap_or(usize::MAX);
        if capacity < slots {
            return Err(count("capacity of a map", slots, capacity));
        }
        self.capacity = capacity;
        self.check_keys(&touched)?;
        self.slab.settle_free(slots.saturating_sub(self.index.len()), &touched)
    }

    /// No touched slot may hold the key of another one.
    fn check_keys(&self, touched: &[u32]) -> Result<(), StateError> {
        for &number in touched {
            let Some(key) = self.slab.key(number) else { continue };
            let twin = |other: &u32| *other != number && self.slab.key(*other) == Some(key);
            if let Some(&other) = self.index.find(self.seed.hash(key), twin) {
                return Err(StateError::DuplicateKey { first: number.min(other), second: number.max(other) });
            }
        }
        Ok(())
    }
}

impl<K, V> Slab<K, V> {
    /// Puts the touched slots into their places in the order of reuse, which has `places` in all.
    ///
    /// There are as many vacant slots as places, and no two may claim the same place; so each place is taken.
    fn settle_free(&mut self, places: usize, touched: &[u32]) -> Result<(), StateError> {
        let error = |entry, place, problem| Err(StateError::FreeOrder { entry, place: u64::from(place), problem });
        // Slots that claimed a place which is no longer there must have been touched.
        for (place, &slot) in self.free.iter().enumerate().skip(places) {
            if self.place_of(slot) == Some(place as u32) {
                return error(slot, place as u32, "no longer exists");
            }
        }
        self.free.resize(places, u32::MAX);
        for &slot in touched {
            let Some(place) = self.place_of(slot) else { continue };
            let Some(&holder) = self.free.get(place as usize) else {
                return error(slot, place, "does not exist");
            };
            if holder != slot && self.place_of(holder) == Some(place) {
                return error(slot, place, "another entry has");
            }
            self.free[place as usize] = slot;
        }
        Ok(())
    }

    /// The place that a slot claims, if it is vacant.
    fn place_of(&self, slot: u32) -> Option<u32> {
        match self.slots.get(slot as usize)?.content() {
            Content::Vacant(place) => Some(place),
            Content::Occupied(..) => None,
        }
    }
}

fn count(what: &'static str, expected: usize, found: usize) -> StateError {
    StateError::Count { what, expected: expected as u64, found: found as u64 }
}
