//! Two hash sets against each other: union, intersection, differences, and whether one is within the other.
//!
//! Invariant: what comes out has the order of the left set, then that of the right one, so it replays as they do.

use std::hash::Hash;
use std::ops::{BitAnd, BitOr, BitXor, Sub};

use super::HashSet;

impl<T: Eq + Hash> HashSet<T> {
    /// The elements of either, each once.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// let (a, b) = (HashSet::from([1, 2]), HashSet::from([2, 3]));
    /// assert_eq!(a.union(&b).collect::<Vec<_>>(), [&1, &2, &3]);
    /// ```
    pub fn union<'a>(&'a self, other: &'a HashSet<T>) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().chain(other.difference(self))
    }

    /// The elements of both.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// let (a, b) = (HashSet::from([1, 2]), HashSet::from([2, 3]));
    /// assert_eq!(a.intersection(&b).collect::<Vec<_>>(), [&2]);
    /// ```
    pub fn intersection<'a>(&'a self, other: &'a HashSet<T>) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().filter(|element| other.contains(*element))
    }

    /// The elements of this one that the other lacks.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// let (a, b) = (HashSet::from([1, 2]), HashSet::from([2, 3]));
    /// assert_eq!(a.difference(&b).collect::<Vec<_>>(), [&1]);
    /// ```
    pub fn difference<'a>(&'a self, other: &'a HashSet<T>) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().filter(|element| !other.contains(*element))
    }

    /// The elements of exactly one of the two.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// let (a, b) = (HashSet::from([1, 2]), HashSet::from([2, 3]));
    /// assert_eq!(a.symmetric_difference(&b).collect::<Vec<_>>(), [&1, &3]);
    /// ```
    pub fn symmetric_difference<'a>(&'a self, other: &'a HashSet<T>) -> impl Iterator<Item = &'a T> + Clone {
        self.difference(other).chain(other.difference(self))
    }

    /// Whether the two have no element in common.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// assert!(HashSet::from([1]).is_disjoint(&HashSet::from([2])));
    /// ```
    #[must_use]
    pub fn is_disjoint(&self, other: &HashSet<T>) -> bool {
        self.intersection(other).next().is_none()
    }

    /// Whether the other has all elements of this one.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// assert!(HashSet::from([1]).is_subset(&HashSet::from([2, 1])));
    /// ```
    #[must_use]
    pub fn is_subset(&self, other: &HashSet<T>) -> bool {
        self.len() <= other.len() && self.difference(other).next().is_none()
    }

    /// Whether this one has all elements of the other.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// assert!(HashSet::from([2, 1]).is_superset(&HashSet::from([1])));
    /// ```
    #[must_use]
    pub fn is_superset(&self, other: &HashSet<T>) -> bool {
        other.is_subset(self)
    }

    /// Adds an element in place of the equal one, which is returned.
    ///
    /// ```
    /// use ftmb_runtime::collections::HashSet;
    /// assert_eq!(HashSet::from([1]).replace(1), Some(1));
    /// ```
    pub fn replace(&mut self, element: T) -> Option<T> {
        let before = self.take(&element);
        self.insert(element);
        before
    }
}

macro_rules! operators {
    ($($operator:ident, $function:ident, $method:ident, $says:literal;)*) => {$(
        #[doc = $says]
        impl<T: Eq + Hash + Clone> $operator<&HashSet<T>> for &HashSet<T> {
            type Output = HashSet<T>;

            fn $function(self, other: &HashSet<T>) -> HashSet<T> {
                self.$method(other).cloned().collect()
            }
        }
    )*};
}

operators! {
    BitOr, bitor, union, "A set of the [`union`](HashSet::union).";
    BitAnd, bitand, intersection, "A set of the [`intersection`](HashSet::intersection).";
    Sub, sub, difference, "A set of the [`difference`](HashSet::difference).";
    BitXor, bitxor, symmetric_difference, "A set of the [`symmetric_difference`](HashSet::symmetric_difference).";
}

/// Copies of the elements, as std's set takes them.
impl<'a, T: Eq + Hash + Copy + 'a> Extend<&'a T> for HashSet<T> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, elements: I) {
        self.extend(elements.into_iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_what_std_gives() {
        type Std = std::collections::BTreeSet<u32>;
        let sets = [vec![], vec![1], vec![3, 1, 2], vec![2, 3, 4, 5], vec![9, 8, 2]];
        for (left, right) in sets.iter().flat_map(|left| sets.iter().map(move |right| (left, right))) {
            let (a, b) = (HashSet::from_iter(left.clone()), HashSet::from_iter(right.clone()));
            let (c, d) = (Std::from_iter(left.clone()), Std::from_iter(right.clone()));
            let same =
                |ours: HashSet<u32>, std: Std| assert_eq!(ours.into_iter().collect::<Std>(), std, "{left:?} {right:?}");
            same(&a | &b, &c | &d);
            same(&a & &b, &c & &d);
            same(&a - &b, &c - &d);
            same(&a ^ &b, &c ^ &d);
            assert_eq!(
                (a.is_subset(&b), a.is_superset(&b), a.is_disjoint(&b)),
                (c.is_subset(&d), c.is_superset(&d), c.is_disjoint(&d))
            );
            assert_eq!(a.union(&b).count(), (&c | &d).len());
        }
    }
}
