//! One entry of a map where it lies in the table, with its number and the note when it last changed.
//!
//! Invariant: a value changes only through [`Slot::open`] and what goes through it, so a slot never differs from what was
//! captured without carrying the stamp that says so; only restored content is exempt, the checkpoint has it.

use serde::{Deserialize, Serialize};

use crate::collections::changes::{Changes, Stamp};
use crate::state::whole;

#[derive(Debug, Clone)]
pub(in crate::collections) struct Slot<K, V> {
    pub(super) number: u32,
    pub(super) stamp: Stamp,
    pub(in crate::collections) key: K,
    /// To be changed through [`Slot::open`], or after it by whoever holds the map.
    pub(in crate::collections) value: V,
}

/// What a number stands for, and what is saved of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Content<K, V> {
    /// Nothing; this is the number's place in the order of reuse, the highest is reused first.
    Vacant(u32),
    Occupied(K, V),
}

impl<K, V> Slot<K, V> {
    #[inline]
    pub(in crate::collections) fn entry(&self) -> (&K, &V) {
        (&self.key, &self.value)
    }

    #[inline]
    pub(super) fn into_entry(self) -> (K, V) {
        (self.key, self.value)
    }

    /// The entry, its value to be changed: whoever passes this door changes the slot.
    #[inline]
    pub(super) fn open(&mut self, changes: &mut Changes) -> (&K, &mut V) {
        changes.mark(self.number, &mut self.stamp);
        (&self.key, &mut self.value)
    }

    /// Lets `change` at the value; the slot counts as changed only if the value's encoding is no longer the same. The
    /// old encoding is at hand before anything is overwritten.
    pub(super) fn amend<R>(
        &mut self,
        changes: &mut Changes,
        scratch: &mut [Vec<u8>; 2],
        change: impl FnOnce(&K, &mut V) -> R,
    ) -> R
    where
        V: Serialize,
    {
        let [before, after] = scratch;
        before.clear();
        after.clear();
        let known = whole::encode_into(before, &self.value).is_ok();
        let result = change(&self.key, &mut self.value);
        let same = known && whole::encode_into(after, &self.value).is_ok() && before == after;
        if !same {
            self.open(changes);
        }
        result
    }
}
