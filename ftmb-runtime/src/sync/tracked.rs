//! A plain field of the shared state: a cell whose reads are shared sections and whose writes are exclusive ones.
//!
//! Invariant: there is no way to its value but through these methods: no `Deref`, operators or formatting, so that an access the
//! macro did not see is a type error.

use std::fmt;
use std::ops::{Deref, DerefMut};

use super::rwlock::{RwLock, RwLockPeek, RwLockReadGuard, RwLockWriteGuard};

/// A tracked cell. `#[ftmb::shared]` makes plain fields this; `#[ftmb::middlebox]` rewrites the accesses.
///
/// ```
/// use ftmb_runtime::sync::Tracked;
/// let generation = Tracked::new(41_u64);
/// *generation.write() += 1;
/// assert_eq!(generation.get(), 42);
/// ```
#[derive(Default)]
pub struct Tracked<T> {
    pub(super) lock: RwLock<T>,
}

impl<T> Tracked<T> {
    /// A cell with a value.
    pub const fn new(value: T) -> Tracked<T> {
        Tracked { lock: RwLock::new(value) }
    }

    /// The value: one shared section.
    ///
    /// # Panics
    /// As [`RwLock::read`].
    #[inline]
    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        *self.read()
    }

    /// Replaces the value: one exclusive section.
    ///
    /// # Panics
    /// As [`RwLock::write`].
    #[inline]
    #[track_caller]
    pub fn set(&self, value: T) {
        *self.write() = value;
    }

    /// A shared section.
    ///
    /// # Panics
    /// As [`RwLock::read`].
    #[inline]
    #[track_caller]
    pub fn read(&self) -> TrackedRef<'_, T> {
        let (Ok(guard) | Err(guard)) = self.lock.read().map_err(std::sync::PoisonError::into_inner);
        TrackedRef { guard }
    }

    /// An exclusive section.
    ///
    /// # Panics
    /// As [`RwLock::write`].
    #[inline]
    #[track_caller]
    pub fn write(&self) -> TrackedMut<'_, T> {
        let (Ok(guard) | Err(guard)) = self.lock.write().map_err(std::sync::PoisonError::into_inner);
        TrackedMut { guard }
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        let (Ok(value) | Err(value)) = self.lock.into_inner().map_err(std::sync::PoisonError::into_inner);
        value
    }

    /// Looks at the value from a report.
    ///
    /// # Panics
    /// As [`RwLock::peek`].
    #[track_caller]
    pub fn peek(&self) -> RwLockPeek<'_, T> {
        self.lock.peek()
    }
}

impl<T> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracked").field("id", &self.lock.head.id()).finish_non_exhaustive()
    }
}

/// A shared section of a [`Tracked`] cell.
#[must_use = "if unused the section ends at once"]
#[derive(Debug)]
pub struct TrackedRef<'a, T> {
    guard: RwLockReadGuard<'a, T>,
}

impl<T> Deref for TrackedRef<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

/// An exclusive section of a [`Tracked`] cell.
#[must_use = "if unused the section ends at once"]
#[derive(Debug)]
pub struct TrackedMut<'a, T> {
    guard: RwLockWriteGuard<'a, T>,
}

impl<T> Deref for TrackedMut<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for TrackedMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}
