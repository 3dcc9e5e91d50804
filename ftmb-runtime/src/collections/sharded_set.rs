//! A concurrent set: a [`ShardedMap`] without values.
//!
//! Invariant: that of the map; an element is never changed, only added and removed.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

use serde::Serialize;

use super::sharded_map::{self, Entry, ShardedMap};
use crate::annotate::{Locks, Plain, Shareable};
use crate::state::State;
use crate::sync::{Shared, Walker};

/// A concurrent set with the interface of `dashmap::DashSet`; see [`ShardedMap`] for sections, order and shards.
///
/// # Panics
/// Its methods, as those of the map: if this core holds an element of the same shard.
///
/// ```
/// use ftmb_runtime::collections::ShardedSet;
///
/// let blocked = ShardedSet::new();
/// assert!(blocked.insert("a") && !blocked.insert("a"));
/// assert_eq!((blocked.contains("a"), blocked.len(), blocked.is_empty()), (true, 1, false));
/// assert_eq!(blocked.get("a").map(|element| element.len()), Some(1));
/// assert_eq!((blocked.remove("a"), blocked.remove("a")), (Some("a"), None));
/// ```
pub struct ShardedSet<T> {
    map: ShardedMap<T, ()>,
}

impl<T> ShardedSet<T> {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self { map: ShardedMap::new() }
    }

    /// An empty set with room for `capacity` elements.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::ShardedSet::<u8>::with_capacity(100).is_empty());
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { map: ShardedMap::with_capacity(capacity) }
    }

    /// The number of elements; each shard is counted at a moment of its own.
    #[must_use]
    #[track_caller]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is none.
    #[must_use]
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Removes all elements.
    ///
    /// ```
    /// let set = ftmb_runtime::collections::ShardedSet::from_iter([1, 2]);
    /// set.clear();
    /// assert_eq!(set.len(), 0);
    /// ```
    #[track_caller]
    pub fn clear(&self) {
        self.map.clear();
    }

    /// All elements, each in a shared section of its shard.
    ///
    /// ```
    /// let set = ftmb_runtime::collections::ShardedSet::from_iter([1, 2]);
    /// assert_eq!(set.iter().map(|element| *element).sum::<i32>(), 3);
    /// ```
    #[track_caller]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { entries: self.map.iter() }
    }
}

impl<T: Eq + Hash> ShardedSet<T> {
    /// Adds an element; false: it was there.
    #[track_caller]
    pub fn insert(&self, element: T) -> bool {
        match self.map.entry(element) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(());
                true
            }
        }
    }

    /// Whether the element is in the set.
    #[track_caller]
    pub fn contains<Q>(&self, element: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.contains_key(element)
    }

    /// The element that equals `element`, in a shared section of its shard.
    #[track_caller]
    pub fn get<Q>(&self, element: &Q) -> Option<Element<'_, T>>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.get(element).map(|entry| Element { entry })
    }

    /// Removes an element and returns it.
    #[track_caller]
    pub fn remove<Q>(&self, element: &Q) -> Option<T>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.remove(element).map(|(element, ())| element)
    }

    /// Removes an element if `wanted` says so, and returns it.
    ///
    /// ```
    /// let set = ftmb_runtime::collections::ShardedSet::from_iter([1]);
    /// assert_eq!((set.remove_if(&1, |n| *n > 1), set.remove_if(&1, |n| *n > 0)), (None, Some(1)));
    /// ```
    #[track_caller]
    pub fn remove_if<Q>(&self, element: &Q, wanted: impl FnOnce(&T) -> bool) -> Option<T>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.remove_if(element, |element, ()| wanted(element)).map(|(element, ())| element)
    }

    /// Keeps the elements for which `keep` is true.
    ///
    /// ```
    /// let set = ftmb_runtime::collections::ShardedSet::from_iter(0..6);
    /// set.retain(|n| n % 3 == 0);
    /// assert_eq!(set.len(), 2);
    /// ```
    #[track_caller]
    pub fn retain(&self, mut keep: impl FnMut(&T) -> bool)
    where
        T: Serialize,
    {
        self.map.retain(|element, ()| keep(element));
    }
}

/// An element of a [`ShardedSet`], in a shared section of its shard.
///
/// ```
/// let set = ftmb_runtime::collections::ShardedSet::from_iter([7]);
/// let element = set.get(&7).unwrap();
/// assert_eq!((*element, *element.key()), (7, 7));
/// ```
pub struct Element<'a, T> {
    entry: sharded_map::Ref<'a, T, ()>,
}

/// An element that [`ShardedSet::iter`] came by, in a shared section of its shard.
///
/// ```
/// let set = ftmb_runtime::collections::ShardedSet::from_iter([7]);
/// assert!(set.iter().all(|element| *element == *element.key()));
/// ```
pub struct ElementMulti<'a, T> {
    entry: sharded_map::RefMulti<'a, T, ()>,
}

macro_rules! element {
    ($($name:ident)*) => {$(
        impl<T> $name<'_, T> {
            /// The element. See the type for an example.
            pub fn key(&self) -> &T {
                self.entry.key()
            }
        }

        impl<T> std::ops::Deref for $name<'_, T> {
            type Target = T;

            fn deref(&self) -> &T {
                self.key()
            }
        }

        impl<T: fmt::Debug> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(self.key()).finish()
            }
        }
    )*};
}

element! { Element ElementMulti }

/// Iterator of [`ShardedSet::iter`], where there is an example.
pub struct Iter<'a, T> {
    entries: sharded_map::Iter<'a, T, ()>,
}

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = ElementMulti<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next().map(|entry| ElementMulti { entry })
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Iter").field(&self.entries).finish()
    }
}

/// Iterator over a set that is given up.
///
/// ```
/// let set = ftmb_runtime::collections::ShardedSet::from_iter([7]);
/// assert_eq!(set.into_iter().collect::<Vec<_>>(), [7]);
/// ```
#[derive(Debug)]
pub struct IntoIter<T> {
    entries: sharded_map::IntoIter<T, ()>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.entries.next().map(|(element, ())| element)
    }
}

impl<T> IntoIterator for ShardedSet<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { entries: self.map.into_iter() }
    }
}

impl<'a, T> IntoIterator for &'a ShardedSet<T> {
    type Item = ElementMulti<'a, T>;
    type IntoIter = Iter<'a, T>;

    #[track_caller]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> Default for ShardedSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The number of shards only: the elements belong to the sections.
impl<T> fmt::Debug for ShardedSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ShardedSet").field(&self.map).finish()
    }
}

impl<T: Eq + Hash> Extend<T> for ShardedSet<T> {
    #[track_caller]
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        for element in elements {
            self.insert(element);
        }
    }
}

impl<T: Eq + Hash> FromIterator<T> for ShardedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut set = Self::new();
        set.extend(elements);
        set
    }
}

impl<T: State + Eq + Hash> Shared for ShardedSet<T> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        self.map.walk(walker);
    }
}

impl<T: Plain + Eq + Hash> Shareable for ShardedSet<T> {
    type Kind = Locks;
    type Stored = Self;

    fn into_stored(self) -> Self {
        self
    }
}
