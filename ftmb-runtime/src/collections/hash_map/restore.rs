//! Loading a map: numbers arrive one by one in any order, then the batch is checked as a whole.
//!
//! Invariant: after [`HashMap::finish_restore`] returned `Ok`, table, numbers and order of reuse agree, whatever bytes came in; after
//! an error the map is empty. The work is in proportion to the batch, not to the map.

use std::collections::BTreeMap;
use std::hash::Hash;

use serde::{Deserialize, Serialize};

use super::HashMap;
use super::places::Place;
use super::slot::{Content, Slot};
use crate::state::StateError;

/// What is saved of a map beside its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Numbers, vacant ones included.
    pub(super) numbers: u32,
    pub(super) entries: u32,
    /// What [`HashMap::capacity`] says.
    pub(super) capacity: u64,
}

/// A batch of pieces in the course of being restored.
#[derive(Debug)]
pub(super) struct Restoring<K, V> {
    counts: Option<Counts>,
    /// Numbers that pieces named and that exist by now.
    touched: Vec<u32>,
    /// Content for numbers that do not exist yet, because one before them is missing.
    ahead: BTreeMap<u32, Content<K, V>>,
}

impl<K, V> Default for Restoring<K, V> {
    fn default() -> Self {
        Self { counts: None, touched: Vec::new(), ahead: BTreeMap::new() }
    }
}

impl<K, V> HashMap<K, V> {
    pub(super) fn counts(&self) -> Counts {
        Counts { numbers: self.places.all.len() as u32, entries: self.len() as u32, capacity: self.capacity as u64 }
    }

    /// Takes over the counts.
    pub(super) fn restore_counts(&mut self, counts: Counts) {
        self.batch().counts = Some(counts);
    }

    /// Takes over that all there was is gone.
    pub(super) fn restore_clear(&mut self) {
        self.clear();
        self.batch();
    }

    fn batch(&mut self) -> &mut Restoring<K, V> {
        self.restoring.get_or_insert_default()
    }
}

impl<K: Eq + Hash, V> HashMap<K, V> {
    /// Takes over what one number stands for. Not a change: the checkpoint has it.
    pub(super) fn restore_content(&mut self, number: u32, content: Content<K, V>) {
        self.batch().ahead.remove(&number);
        let bucket = self.bucket(number);
        let content = match (bucket.and_then(|bucket| self.table.get_bucket_mut(bucket)), content) {
            // The usual case, and the cheap one: neither table nor order of reuse has to know.
            (Some(slot), Content::Occupied(key, value)) if slot.key == key => {
                slot.value = value;
                return;
            }
            (_, content) => content,
        };
        if number as usize > self.places.all.len() {
            self.batch().ahead.insert(number, content);
            return;
        }
        self.batch().touched.push(number);
        if number as usize == self.places.all.len() {
            self.places.all.push(Place::Vacant { place: 0, stamp: 0 });
        }
        let lifted = bucket.and_then(|bucket| self.lift(bucket));
        let stamp = match (&lifted, self.places.all[number as usize]) {
            (Some(slot), _) => slot.stamp,
            (None, Place::Vacant { stamp, .. }) => stamp,
            (None, Place::Occupied(_)) => 0,
        };
        match content {
            Content::Vacant(place) => self.places.all[number as usize] = Place::Vacant { place, stamp },
            Content::Occupied(key, value) => _ = self.put(self.seed.hash(&key), Slot { number, stamp, key, value }),
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
        if self.changes.restored() {
            self.zero_stamps();
        }
        outcome
    }

    fn settle(&mut self, batch: Restoring<K, V>) -> Result<(), StateError> {
        let Restoring { counts, mut touched, ahead } = batch;
        let counts = counts.unwrap_or(Counts { numbers: 0, entries: 0, capacity: 0 });
        for (number, content) in ahead {
            let next = self.places.all.len();
            if number as usize != next {
                return Err(count("next number of a map", next, number as usize));
            }
            self.restore_content(number, content);
        }
        if let Some(batch) = self.restoring.take() {
            touched.extend(batch.touched);
        }
        let numbers = self.places.all.len();
        if counts.numbers as usize != numbers {
            return Err(count("numbers of a map", counts.numbers as usize, numbers));
        }
        if counts.entries as usize != self.table.len() {
            return Err(count("entries of a map", counts.entries as usize, self.table.len()));
        }
        let capacity = usize::try_from(counts.capacity).unwrap_or(usize::MAX);
        if capacity < numbers {
            return Err(count("capacity of a map", numbers, capacity));
        }
        self.capacity = capacity;
        self.check_keys(&touched)?;
        self.places.settle(numbers.saturating_sub(self.table.len()), &touched)
    }

    /// No touched number may stand for the key of another one.
    fn check_keys(&self, touched: &[u32]) -> Result<(), StateError> {
        for &number in touched {
            let Some(Slot { key, .. }) = self.slot(number) else { continue };
            let twin = |other: &Slot<K, V>| other.number != number && other.key == *key;
            if let Some(&Slot { number: other, .. }) = self.table.find(self.seed.hash(key), twin) {
                return Err(StateError::DuplicateKey { first: number.min(other), second: number.max(other) });
            }
        }
        Ok(())
    }
}

fn count(what: &'static str, expected: usize, found: usize) -> StateError {
    StateError::Count { what, expected: expected as u64, found: found as u64 }
}
