//! The sections of a [`RwLock`]: guards, and how they end.
//!
//! Invariant: a guard holds the raw lock; dropping it ends the section in the record first, then leaves the lock.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use super::RwLock;
use crate::determinant::Word;
use crate::sync::current;
use crate::sync::head::{self, Head};
use crate::sync::raw::RawRwLock;

/// Ends a shared section, `word` if it was recorded.
#[inline]
pub(in crate::sync) fn leave_shared(head: &Head, raw: RawRwLock<'_>, word: Option<Word>) {
    let Some(word) = word else { return raw.unlock_read() };
    current::with(|core| match core {
        Some(core) if !core.special.get() => {
            core.held.remove(word.id());
            core.end(word, word.count());
            raw.unlock_read();
        }
        Some(core) => {
            core.held.remove(word.id());
            head::end_special(core, head, word, word.count());
            raw.unlock_read();
            head::after_end_special(core);
        }
        None => raw.unlock_read(),
    });
}

/// Ends an exclusive section, `word` if it was recorded.
#[inline]
pub(in crate::sync) fn leave_exclusive(head: &Head, raw: RawRwLock<'_>, word: Option<Word>) {
    let Some(word) = word else { return raw.unlock_write() };
    let exit_count = word.count().wrapping_add(1);
    current::with(|core| match core {
        Some(core) if !core.special.get() => {
            core.end(word, exit_count);
            raw.unlock_write();
        }
        Some(core) => {
            head::end_special(core, head, word, exit_count);
            raw.unlock_write();
            head::after_end_special(core);
        }
        None => raw.unlock_write(),
    });
}

/// A shared section of a [`RwLock`]; ends when dropped.
#[must_use = "if unused the section ends at once"]
pub struct RwLockReadGuard<'a, T> {
    pub(in crate::sync) lock: &'a RwLock<T>,
    pub(in crate::sync) word: Option<Word>,
    pub(super) not_send: PhantomData<*const ()>,
}

// SAFETY: gives out `&T` only. Test: the compiler's (`T: Sync` is required).
unsafe impl<T: Sync> Sync for RwLockReadGuard<'_, T> {}

impl<T> Deref for RwLockReadGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the raw lock shared. Test: `two_cores_never_share_a_section`.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> Drop for RwLockReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        leave_shared(&self.lock.head, self.lock.raw(), self.word);
    }
}

impl<T: fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// An exclusive section of a [`RwLock`]; ends when dropped.
#[must_use = "if unused the section ends at once"]
pub struct RwLockWriteGuard<'a, T> {
    pub(in crate::sync) lock: &'a RwLock<T>,
    pub(in crate::sync) word: Option<Word>,
    pub(super) not_send: PhantomData<*const ()>,
}

// SAFETY: a reference to the guard gives out `&T` only. Test: the compiler's (`T: Sync` is required).
unsafe impl<T: Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Ends the exclusive section and begins a shared one, with no writer in between.
    #[track_caller]
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let place = Location::caller();
        let this = ManuallyDrop::new(this);
        let (lock, raw) = (this.lock, this.lock.raw());
        let recorded =
            this.word.and_then(|word| current::with(|core| core.map(|core| lock.downgrade(core, word, place))));
        if recorded.is_none() {
            raw.downgrade();
        }
        let word = recorded;
        RwLockReadGuard { lock, word, not_send: PhantomData }
    }
}

impl<T> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the raw lock exclusively. Test: `two_cores_never_share_a_section`.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.lock.head.touch();
        // SAFETY: the guard holds the raw lock exclusively, and `&mut self` makes this the only reference. Same test.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for RwLockWriteGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        leave_exclusive(&self.lock.head, self.lock.raw(), self.word);
    }
}

impl<T: fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A look at the value of a [`RwLock`] from outside.
#[must_use = "if unused nothing is seen"]
pub struct RwLockPeek<'a, T> {
    pub(super) lock: &'a RwLock<T>,
}

impl<T> Deref for RwLockPeek<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: holds the raw lock shared. Test: `peek_sees_the_value_and_counts_nothing`.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> Drop for RwLockPeek<'_, T> {
    fn drop(&mut self) {
        self.lock.raw().unlock_read();
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockPeek<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
