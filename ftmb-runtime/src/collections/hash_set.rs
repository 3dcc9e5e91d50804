//! A hash set whose order survives a restore: a [`HashMap`] without values.
//!
//! Invariant: that of the map.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::hash_map::{self, HashMap};
use crate::state::{Extent, Layout, Piece, PieceWriter, State, StateError};

/// A hash set with the interface of std's, made for tracked variables; see [`HashMap`] for order and change tracking.
///
/// # Examples
///
/// ```
/// use ftmb_runtime::collections::HashSet;
///
/// let mut seen = HashSet::new();
/// assert!(seen.insert("a"));
/// assert!(!seen.insert("a"));
/// assert!(seen.contains("a"));
/// ```
#[derive(Clone)]
pub struct HashSet<T> {
    map: HashMap<T, ()>,
}

impl<T> HashSet<T> {
    /// An empty set. Allocates nothing.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::HashSet::<u32>::new().is_empty());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self { map: HashMap::new() }
    }

    /// An empty set that holds `capacity` elements before it has to grow.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::HashSet::<u32>::with_capacity(9).capacity(), 9);
    /// ```
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { map: HashMap::with_capacity(capacity) }
    }

    /// Elements that the set holds before it grows; the same in every replay.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::HashSet::<u32>::new().capacity(), 0);
    /// ```
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// Number of elements.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::HashSet::from_iter([1, 2, 2]).len(), 2);
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no element.
    ///
    /// ```
    /// assert!(!ftmb_runtime::collections::HashSet::from_iter([1]).is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Removes all elements and keeps the memory.
    ///
    /// ```
    /// let mut set = ftmb_runtime::collections::HashSet::from_iter([1]);
    /// set.clear();
    /// assert!(set.is_empty());
    /// ```
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// All elements, in the order of their slots.
    ///
    /// ```
    /// let set = ftmb_runtime::collections::HashSet::from_iter([2, 1]);
    /// assert_eq!(set.iter().collect::<Vec<_>>(), [&2, &1]);
    /// ```
    pub fn iter(&self) -> hash_map::Keys<'_, T, ()> {
        self.map.keys()
    }

    /// Removes all elements and gives them out.
    ///
    /// ```
    /// let mut set = ftmb_runtime::collections::HashSet::from_iter([2, 1]);
    /// assert_eq!(set.drain().collect::<Vec<_>>(), [2, 1]);
    /// ```
    pub fn drain(&mut self) -> impl ExactSizeIterator<Item = T> + '_ {
        self.map.drain().map(|(element, ())| element)
    }
}

impl<T: Eq + Hash> HashSet<T> {
    /// Whether the element is in the set.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::HashSet::from_iter([1]).contains(&1));
    /// ```
    #[inline]
    pub fn contains<Q>(&self, element: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.contains_key(element)
    }

    /// The element of the set that equals `element`.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::HashSet::from_iter([1]).get(&1), Some(&1));
    /// ```
    #[inline]
    pub fn get<Q>(&self, element: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.get_key_value(element).map(|(found, ())| found)
    }

    /// Adds an element; false: it was there.
    ///
    /// # Panics
    ///
    /// The set would hold more than `u32::MAX` elements.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::HashSet::new().insert(1));
    /// ```
    #[inline]
    pub fn insert(&mut self, element: T) -> bool {
        match self.map.entry(element) {
            hash_map::Entry::Occupied(_) => false,
            hash_map::Entry::Vacant(entry) => {
                entry.insert(());
                true
            }
        }
    }

    /// Removes an element; false: it was not there.
    ///
    /// ```
    /// assert!(ftmb_runtime::collections::HashSet::from_iter([1]).remove(&1));
    /// ```
    #[inline]
    pub fn remove<Q>(&mut self, element: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.remove(element).is_some()
    }

    /// Removes an element and returns it.
    ///
    /// ```
    /// assert_eq!(ftmb_runtime::collections::HashSet::from_iter([1]).take(&1), Some(1));
    /// ```
    #[inline]
    pub fn take<Q>(&mut self, element: &Q) -> Option<T>
    where
        T: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.map.remove_entry(element).map(|(found, ())| found)
    }

    /// Keeps the elements for which `keep` is true, visiting them in order.
    ///
    /// ```
    /// let mut set = ftmb_runtime::collections::HashSet::from_iter(0..6);
    /// set.retain(|n| n % 3 == 0);
    /// assert_eq!(set.into_iter().collect::<Vec<_>>(), [0, 3]);
    /// ```
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.map.retain(|element, ()| keep(element));
    }

    /// Makes room for `additional` more elements.
    ///
    /// ```
    /// let mut set = ftmb_runtime::collections::HashSet::<u8>::new();
    /// set.reserve(9);
    /// assert_eq!(set.capacity(), 9);
    /// ```
    pub fn reserve(&mut self, additional: usize) {
        self.map.reserve(additional);
    }
}

impl<T: State + Eq + Hash> State for HashSet<T> {
    const PIECEWISE: bool = true;

    fn layout(layout: &mut Layout) {
        layout.token("HashSet");
        layout.of::<T>();
    }

    fn capture(&mut self, extent: Extent, out: &mut PieceWriter<'_>) {
        self.map.capture(extent, out);
    }

    fn restore(&mut self, piece: Piece<'_>) -> Result<(), StateError> {
        self.map.restore(piece)
    }

    fn restored(&mut self) -> Result<(), StateError> {
        self.map.restored()
    }
}

impl<T: Serialize> Serialize for HashSet<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.map.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Eq + Hash> Deserialize<'de> for HashSet<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { map: HashMap::deserialize(deserializer)? })
    }
}

impl<T> Default for HashSet<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for HashSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<T: Eq + Hash> PartialEq for HashSet<T> {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl<T: Eq + Hash> Eq for HashSet<T> {}

impl<T: Eq + Hash> Extend<T> for HashSet<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        for element in elements {
            self.insert(element);
        }
    }
}

impl<T: Eq + Hash> FromIterator<T> for HashSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        let mut set = Self::new();
        set.extend(elements);
        set
    }
}

impl<T: Eq + Hash, const N: usize> From<[T; N]> for HashSet<T> {
    fn from(elements: [T; N]) -> Self {
        Self::from_iter(elements)
    }
}

/// The elements in the order of their encodings; see the same conversion of [`HashMap`].
impl<T: Eq + Hash + Serialize, S> From<std::collections::HashSet<T, S>> for HashSet<T> {
    fn from(elements: std::collections::HashSet<T, S>) -> Self {
        let map: std::collections::HashMap<T, ()> = elements.into_iter().map(|element| (element, ())).collect();
        Self { map: map.into() }
    }
}

impl<T> IntoIterator for HashSet<T> {
    type Item = T;
    type IntoIter = hash_map::IntoKeys<T, ()>;

    fn into_iter(self) -> Self::IntoIter {
        self.map.into_keys()
    }
}

impl<'a, T> IntoIterator for &'a HashSet<T> {
    type Item = &'a T;
    type IntoIter = hash_map::Keys<'a, T, ()>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
