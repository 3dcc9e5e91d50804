//! One numbered place of a map's slab: an entry, or a vacancy that knows when its turn comes.
//!
//! Invariant: content changes only through [`Slot::open`] and what goes through it, so a slot never differs from
//! what was captured without carrying the stamp that says so; only [`Slot::install`], for restored content, is exempt.
//!
//! The stamp lies inside the variants, where it fits beside keys that leave a gap: for a flow table's 5-tuple and
//! counters this makes a slot of 48 bytes instead of 56.

use serde::{Deserialize, Serialize};

use crate::collections::changes::{Changes, Stamp};
use crate::state::whole;

#[derive(Debug, Clone)]
pub(super) struct Slot<K, V>(Inner<K, V>);

#[derive(Debug, Clone)]
enum Inner<K, V> {
    Vacant { stamp: Stamp, place: u32 },
    Occupied { stamp: Stamp, key: K, value: V },
}

/// What a slot holds, and what is saved of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Content<K, V> {
    /// Nothing; the number is the slot's place in the order of reuse, the highest is reused first.
    Vacant(u32),
    Occupied(K, V),
}

impl<K, V> Slot<K, V> {
    #[inline]
    pub(super) fn new(content: Content<K, V>) -> Self {
        Self(Inner::from(content, 0))
    }

    /// The content by reference; a copy of references, cheap and encoded as the content itself.
    #[inline]
    pub(super) fn content(&self) -> Content<&K, &V> {
        match &self.0 {
            Inner::Vacant { place, .. } => Content::Vacant(*place),
            Inner::Occupied { key, value, .. } => Content::Occupied(key, value),
        }
    }

    #[inline]
    pub(super) fn entry(&self) -> Option<(&K, &V)> {
        match &self.0 {
            Inner::Occupied { key, value, .. } => Some((key, value)),
            Inner::Vacant { .. } => None,
        }
    }

    #[inline]
    pub(super) fn into_content(self) -> Content<K, V> {
        match self.0 {
            Inner::Vacant { place, .. } => Content::Vacant(place),
            Inner::Occupied { key, value, .. } => Content::Occupied(key, value),
        }
    }

    #[inline]
    pub(super) fn into_entry(self) -> Option<(K, V)> {
        match self.into_content() {
            Content::Occupied(key, value) => Some((key, value)),
            Content::Vacant(_) => None,
        }
    }

    #[inline]
    pub(super) fn stamp(&self) -> Stamp {
        match self.0 {
            Inner::Vacant { stamp, .. } | Inner::Occupied { stamp, .. } => stamp,
        }
    }

    #[inline]
    pub(super) fn stamp_mut(&mut self) -> &mut Stamp {
        match &mut self.0 {
            Inner::Vacant { stamp, .. } | Inner::Occupied { stamp, .. } => stamp,
        }
    }

    /// The one door to what a slot holds, before anything is overwritten: whoever passes it changes slot `number`.
    #[inline]
    fn open(&mut self, number: u32, changes: &mut Changes) -> &mut Inner<K, V> {
        changes.mark(number, self.stamp_mut());
        &mut self.0
    }

    /// The entry, its value to be changed.
    #[inline]
    pub(super) fn entry_mut(&mut self, number: u32, changes: &mut Changes) -> Option<(&K, &mut V)> {
        match &self.0 {
            Inner::Vacant { .. } => None,
            Inner::Occupied { .. } => match self.open(number, changes) {
                Inner::Occupied { key, value, .. } => Some((key, value)),
                Inner::Vacant { .. } => None,
            },
        }
    }

    /// Puts `content` into the slot and returns what was there.
    #[inline]
    pub(super) fn replace(&mut self, number: u32, changes: &mut Changes, content: Content<K, V>) -> Content<K, V> {
        self.open(number, changes);
        self.install(content)
    }

    /// Lets `change` at the value; the slot counts as changed only if the value's encoding is no longer the same. The
    /// old encoding is at hand before anything is overwritten.
    pub(super) fn amend<R>(
        &mut self,
        number: u32,
        changes: &mut Changes,
        scratch: &mut [Vec<u8>; 2],
        change: impl FnOnce(&K, &mut V) -> R,
    ) -> Option<R>
    where
        V: Serialize,
    {
        let Inner::Occupied { key, value, .. } = &mut self.0 else { return None };
        let [before, after] = scratch;
        before.clear();
        after.clear();
        let known = whole::encode_into(before, value).is_ok();
        let result = change(key, value);
        let same = known && whole::encode_into(after, value).is_ok() && before == after;
        if !same {
            self.open(number, changes);
        }
        Some(result)
    }

    /// Puts restored content into the slot and returns what was there. Not a change: the checkpoint has it.
    #[inline]
    pub(super) fn install(&mut self, content: Content<K, V>) -> Content<K, V> {
        let stamp = self.stamp();
        std::mem::replace(self, Self(Inner::from(content, stamp))).into_content()
    }

    /// Gives a restored value to an entry that has the key already; the content comes back if it has another.
    #[inline]
    pub(super) fn install_value(&mut self, content: Content<K, V>) -> Option<Content<K, V>>
    where
        K: Eq,
    {
        match (&mut self.0, content) {
            (Inner::Occupied { key, value, .. }, Content::Occupied(new_key, new)) if *key == new_key => {
                *value = new;
                None
            }
            (_, content) => Some(content),
        }
    }
}

impl<K, V> Inner<K, V> {
    #[inline]
    fn from(content: Content<K, V>, stamp: Stamp) -> Self {
        match content {
            Content::Vacant(place) => Inner::Vacant { stamp, place },
            Content::Occupied(key, value) => Inner::Occupied { stamp, key, value },
        }
    }
}
