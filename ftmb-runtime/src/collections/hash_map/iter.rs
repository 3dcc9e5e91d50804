//! Walking over a map, number by number.
//!
//! Invariant: all iterators of one map give the same order, that of the numbers; a mutable one marks an entry as changed
//! when it hands it out, not before.

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::ops::Range;
use std::vec;

use super::HashMap;
use super::slot::Slot;
use crate::collections::changes::Changes;

impl<K, V> HashMap<K, V> {
    /// All entries, in order.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(2, 'b'), (1, 'a')]);
    /// assert_eq!(map.iter().collect::<Vec<_>>(), [(&2, &'b'), (&1, &'a')]);
    /// ```
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter { map: self, numbers: 0..self.places.all.len() as u32, left: self.len() }
    }

    /// All entries, values to be changed. Every entry that is handed out counts as changed.
    ///
    /// Entries are brought into order first, so the call alone takes time and memory in proportion to the map.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 10)]);
    /// map.iter_mut().for_each(|(_, value)| *value += 1);
    /// assert_eq!(map[&1], 11);
    /// ```
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V> {
        let left = self.len();
        let mut slots: Vec<_> = std::iter::repeat_with(|| None).take(self.places.all.len()).collect();
        for slot in &mut self.table {
            let number = slot.number as usize;
            slots[number] = Some(slot);
        }
        IterMut { slots: slots.into_iter(), changes: &mut self.changes, left }
    }

    /// All keys, in order.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(2, 'b'), (1, 'a')]);
    /// assert_eq!(map.keys().collect::<Vec<_>>(), [&2, &1]);
    /// ```
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys { entries: self.iter() }
    }

    /// All values, in order.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(2, 'b'), (1, 'a')]);
    /// assert_eq!(map.values().collect::<Vec<_>>(), [&'b', &'a']);
    /// ```
    pub fn values(&self) -> Values<'_, K, V> {
        Values { entries: self.iter() }
    }

    /// All values, to be changed. Every entry that is handed out counts as changed.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 10)]);
    /// map.values_mut().for_each(|value| *value += 1);
    /// assert_eq!(map[&1], 11);
    /// ```
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V> {
        ValuesMut { entries: self.iter_mut() }
    }

    /// Removes all entries and gives them out; what is not taken is dropped. The next entry is the first again.
    ///
    /// ```
    /// let mut map = ftmb_runtime::collections::HashMap::from_iter([(1, 'a'), (2, 'b')]);
    /// assert_eq!(map.drain().collect::<Vec<_>>(), [(1, 'a'), (2, 'b')]);
    /// assert!(map.is_empty());
    /// ```
    pub fn drain(&mut self) -> Drain<'_, K, V> {
        let slots = in_order(self.table.drain());
        self.clear();
        Drain { left: slots.len(), slots, map: PhantomData }
    }

    /// All keys, taken out of the map.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(2, 'b'), (1, 'a')]);
    /// assert_eq!(map.into_keys().collect::<Vec<_>>(), [2, 1]);
    /// ```
    pub fn into_keys(self) -> IntoKeys<K, V> {
        IntoKeys { entries: self.into_iter() }
    }

    /// All values, taken out of the map.
    ///
    /// ```
    /// let map = ftmb_runtime::collections::HashMap::from_iter([(2, 'b'), (1, 'a')]);
    /// assert_eq!(map.into_values().collect::<Vec<_>>(), ['b', 'a']);
    /// ```
    pub fn into_values(self) -> IntoValues<K, V> {
        IntoValues { entries: self.into_iter() }
    }
}

/// Iterator of [`HashMap::iter`], where there is an example.
pub struct Iter<'a, K, V> {
    map: &'a HashMap<K, V>,
    numbers: Range<u32>,
    left: usize,
}

/// Iterator of [`HashMap::iter_mut`], where there is an example.
pub struct IterMut<'a, K, V> {
    slots: vec::IntoIter<Option<&'a mut Slot<K, V>>>,
    changes: &'a mut Changes,
    left: usize,
}

/// Iterator over a map that is given up.
///
/// # Examples
///
/// ```
/// let map = ftmb_runtime::collections::HashMap::from_iter([(2, 'b'), (1, 'a')]);
/// assert_eq!(map.into_iter().collect::<Vec<_>>(), [(2, 'b'), (1, 'a')]);
/// ```
pub struct IntoIter<K, V> {
    slots: vec::IntoIter<Slot<K, V>>,
    left: usize,
}

/// Iterator of [`HashMap::drain`], where there is an example.
pub struct Drain<'a, K, V> {
    slots: vec::IntoIter<Slot<K, V>>,
    left: usize,
    map: PhantomData<&'a mut HashMap<K, V>>,
}

/// Iterator of [`HashMap::keys`], where there is an example.
pub struct Keys<'a, K, V> {
    entries: Iter<'a, K, V>,
}

/// Iterator of [`HashMap::values`], where there is an example.
pub struct Values<'a, K, V> {
    entries: Iter<'a, K, V>,
}

/// Iterator of [`HashMap::values_mut`], where there is an example.
pub struct ValuesMut<'a, K, V> {
    entries: IterMut<'a, K, V>,
}

/// Iterator of [`HashMap::into_keys`], where there is an example.
pub struct IntoKeys<K, V> {
    entries: IntoIter<K, V>,
}

/// Iterator of [`HashMap::into_values`], where there is an example.
pub struct IntoValues<K, V> {
    entries: IntoIter<K, V>,
}

/// An iterator that counts down `left` with each entry that `$find` gets out of `slots`.
macro_rules! over_slots {
    ($([$($generics:tt)*] $type:ty => $item:ty, $self:ident: $find:expr;)*) => {$(
        impl<$($generics)*> Iterator for $type {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                let $self = &mut *self;
                let entry = $find?;
                self.left = self.left.saturating_sub(1);
                Some(entry)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.left, Some(self.left))
            }
        }

        impl<$($generics)*> ExactSizeIterator for $type {}
        impl<$($generics)*> FusedIterator for $type {}

        impl<$($generics)*> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).field("left", &self.left).finish_non_exhaustive()
            }
        }
    )*};
}

over_slots! {
    ['a, K, V] Iter<'a, K, V> => (&'a K, &'a V), this: this.numbers.find_map(|number| this.map.slot(number)).map(Slot::entry);
    ['a, K, V] IterMut<'a, K, V> => (&'a K, &'a mut V), this: this.slots.find_map(|slot| slot).map(|slot| slot.open(this.changes));
    [K, V] IntoIter<K, V> => (K, V), this: this.slots.next().map(Slot::into_entry);
    ['a, K, V] Drain<'a, K, V> => (K, V), this: this.slots.next().map(Slot::into_entry);
}

/// An iterator over one half of the entries of another.
macro_rules! over_entries {
    ($([$($generics:tt)*] $type:ty => $item:ty, $half:tt;)*) => {$(
        impl<$($generics)*> Iterator for $type {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                self.entries.next().map(|entry| entry.$half)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.entries.size_hint()
            }
        }

        impl<$($generics)*> ExactSizeIterator for $type {}
        impl<$($generics)*> FusedIterator for $type {}

        impl<$($generics)*> fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($type)).field("left", &self.entries.left).finish_non_exhaustive()
            }
        }
    )*};
}

over_entries! {
    ['a, K, V] Keys<'a, K, V> => &'a K, 0;
    ['a, K, V] Values<'a, K, V> => &'a V, 1;
    ['a, K, V] ValuesMut<'a, K, V> => &'a mut V, 1;
    [K, V] IntoKeys<K, V> => K, 0;
    [K, V] IntoValues<K, V> => V, 1;
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { map: self.map, numbers: self.numbers.clone(), left: self.left }
    }
}

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone() }
    }
}

impl<K, V> Clone for Values<'_, K, V> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone() }
    }
}

impl<K, V> IntoIterator for HashMap<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        let slots = in_order(self.table.into_iter());
        IntoIter { left: slots.len(), slots }
    }
}

fn in_order<K, V>(slots: impl Iterator<Item = Slot<K, V>>) -> vec::IntoIter<Slot<K, V>> {
    let mut slots: Vec<_> = slots.collect();
    slots.sort_unstable_by_key(|slot| slot.number);
    slots.into_iter()
}

impl<'a, K, V> IntoIterator for &'a HashMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V> IntoIterator for &'a mut HashMap<K, V> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V>;

    fn into_iter(self) -> IterMut<'a, K, V> {
        self.iter_mut()
    }
}
