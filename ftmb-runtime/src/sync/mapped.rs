//! Guards of a part of a tracked value: the section of the whole, a pointer to what was chosen.
//!
//! Invariant: the part was borrowed out of the guard that the section was, and the value is reached by no other way until
//! the section ends; so what a shared guard was able to promise of the value holds for the part.

use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;

use super::head::Head;
use super::mutex::{self, MutexGuard};
use super::raw::{RawMutex, RawRwLock};
use super::rwlock::{self, RwLockReadGuard, RwLockWriteGuard};
use crate::determinant::Word;

/// A section without the type of its value; ends when dropped.
struct Section<'a> {
    head: &'a Head,
    raw: Raw<'a>,
    word: Option<Word>,
    not_send: PhantomData<*const ()>,
}

/// The real lock that is held, and how.
#[derive(Clone, Copy)]
enum Raw<'a> {
    Mutex(&'a RawMutex),
    Shared(RawRwLock<'a>),
    Exclusive(RawRwLock<'a>),
}

impl Drop for Section<'_> {
    #[inline]
    fn drop(&mut self) {
        match self.raw {
            Raw::Mutex(raw) => mutex::leave(self.head, raw, self.word),
            Raw::Shared(raw) => rwlock::leave_shared(self.head, raw, self.word),
            Raw::Exclusive(raw) => rwlock::leave_exclusive(self.head, raw, self.word),
        }
    }
}

impl<'a> Section<'a> {
    fn new(head: &'a Head, raw: Raw<'a>, word: Option<Word>) -> Self {
        Self { head, raw, word, not_send: PhantomData }
    }
}

impl<'a, T> From<MutexGuard<'a, T>> for Section<'a> {
    #[inline]
    fn from(guard: MutexGuard<'a, T>) -> Self {
        let guard = ManuallyDrop::new(guard);
        Section::new(&guard.mutex.head, Raw::Mutex(&guard.mutex.raw), guard.word)
    }
}

impl<'a, T> From<RwLockReadGuard<'a, T>> for Section<'a> {
    #[inline]
    fn from(guard: RwLockReadGuard<'a, T>) -> Self {
        let guard = ManuallyDrop::new(guard);
        Section::new(&guard.lock.head, Raw::Shared(guard.lock.raw()), guard.word)
    }
}

impl<'a, T> From<RwLockWriteGuard<'a, T>> for Section<'a> {
    #[inline]
    fn from(guard: RwLockWriteGuard<'a, T>) -> Self {
        let guard = ManuallyDrop::new(guard);
        Section::new(&guard.lock.head, Raw::Exclusive(guard.lock.raw()), guard.word)
    }
}

macro_rules! mapped {
    ($(#[$doc:meta])* $name:ident from $guard:ident, ($($mutable:tt)?) $part:ty) => {
        $(#[$doc])*
        #[must_use = "if unused the section ends at once"]
        pub struct $name<'a, U: ?Sized> {
            part: NonNull<U>,
            /// Ends with the guard.
            section: Section<'a>,
            borrow: PhantomData<$part>,
        }

        // SAFETY: a reference to the guard gives out `&U` only. Test: the compiler's (`U: Sync` is required).
        unsafe impl<U: ?Sized + Sync> Sync for $name<'_, U> {}

        impl<'a, T> $guard<'a, T> {
            /// Keeps the section, and gives access to a part of the value only.
            #[inline]
            pub fn map<U: ?Sized>(
                #[allow(unused_mut)] mut this: Self,
                part: impl FnOnce(&$($mutable)? T) -> &$($mutable)? U,
            ) -> $name<'a, U> {
                let part = NonNull::from(part(&$($mutable)? this));
                $name { part, section: this.into(), borrow: PhantomData }
            }

            /// As [`map`](Self::map), if there is such a part.
            ///
            /// # Errors
            /// The guard as it was, if there is none.
            #[inline]
            pub fn try_map<U: ?Sized>(
                #[allow(unused_mut)] mut this: Self,
                part: impl FnOnce(&$($mutable)? T) -> Option<&$($mutable)? U>,
            ) -> Result<$name<'a, U>, Self> {
                match part(&$($mutable)? this).map(NonNull::from) {
                    Some(part) => Ok($name { part, section: this.into(), borrow: PhantomData }),
                    None => Err(this),
                }
            }
        }

        impl<'a, U: ?Sized> $name<'a, U> {
            /// Keeps the section, and gives access to a part of the part only.
            #[inline]
            pub fn map<P: ?Sized>(
                #[allow(unused_mut)] mut this: Self,
                part: impl FnOnce(&$($mutable)? U) -> &$($mutable)? P,
            ) -> $name<'a, P> {
                let part = NonNull::from(part(&$($mutable)? this));
                $name { part, section: this.section, borrow: PhantomData }
            }

            /// As [`map`](Self::map), if there is such a part.
            ///
            /// # Errors
            /// The guard as it was, if there is none.
            #[inline]
            pub fn try_map<P: ?Sized>(
                #[allow(unused_mut)] mut this: Self,
                part: impl FnOnce(&$($mutable)? U) -> Option<&$($mutable)? P>,
            ) -> Result<$name<'a, P>, Self> {
                match part(&$($mutable)? this).map(NonNull::from) {
                    Some(part) => Ok($name { part, section: this.section, borrow: PhantomData }),
                    None => Err(this),
                }
            }
        }

        impl<U: ?Sized> Deref for $name<'_, U> {
            type Target = U;
            #[inline]
            fn deref(&self) -> &U {
                // SAFETY: borrowed out of the guard in `map`; the section, which lives as long as `self`, keeps the value in
                // place and everybody else from changing it. Test: `a_mapped_guard_is_the_section_of_the_whole`.
                unsafe { self.part.as_ref() }
            }
        }

        impl<U: ?Sized + fmt::Display> fmt::Display for $name<'_, U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<U: ?Sized + fmt::Debug> fmt::Debug for $name<'_, U> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }
    };
    ($(#[$doc:meta])* mut $name:ident from $guard:ident) => {
        mapped! { $(#[$doc])* $name from $guard, (mut) &'a mut U }

        impl<U: ?Sized> DerefMut for $name<'_, U> {
            #[inline]
            fn deref_mut(&mut self) -> &mut U {
                // SAFETY: borrowed exclusively out of an exclusive guard in `map`, which noted the value as changed; `&mut self`
                // makes this the only reference. Test: `a_change_through_a_mapped_guard_is_captured`.
                unsafe { self.part.as_mut() }
            }
        }
    };
}

mapped! {
    /// A section of a [`Mutex`](super::Mutex) that shows a part of the value; ends when dropped.
    ///
    /// ```
    /// use ftmb_runtime::sync::{Mutex, MutexGuard};
    /// let pair = Mutex::new((1, 2));
    /// *MutexGuard::map(pair.lock().unwrap(), |pair| &mut pair.1) += 5;
    /// assert_eq!(pair.into_inner().unwrap(), (1, 7));
    /// ```
    mut MappedMutexGuard from MutexGuard
}
mapped! {
    /// A shared section of a [`RwLock`](super::RwLock) that shows a part of the value; ends when dropped.
    ///
    /// ```
    /// use ftmb_runtime::sync::{RwLock, RwLockReadGuard};
    /// let rules = RwLock::new(vec!["allow", "deny"]);
    /// let last = RwLockReadGuard::try_map(rules.read().unwrap(), |rules| rules.last()).unwrap();
    /// assert_eq!(*last, "deny");
    /// ```
    MappedRwLockReadGuard from RwLockReadGuard, () &'a U
}
mapped! {
    /// An exclusive section of a [`RwLock`](super::RwLock) that shows a part of the value; ends when dropped.
    ///
    /// ```
    /// use ftmb_runtime::sync::{RwLock, RwLockWriteGuard};
    /// let rules = RwLock::new(vec!["allow", "deny"]);
    /// *RwLockWriteGuard::map(rules.write().unwrap(), |rules| &mut rules[0]) = "deny";
    /// assert_eq!(rules.into_inner().unwrap(), ["deny", "deny"]);
    /// ```
    mut MappedRwLockWriteGuard from RwLockWriteGuard
}

/// One of several disjoint parts of a value, all in one exclusive section; it ends with the last of them.
pub(crate) struct PartGuard<'a, U> {
    part: NonNull<U>,
    _section: Rc<Section<'a>>,
    borrow: PhantomData<&'a mut U>,
}

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Keeps the section, and gives access to parts of the value that `parts` borrows side by side.
    pub(crate) fn into_parts<U>(
        mut this: Self,
        parts: impl for<'t> FnOnce(&'t mut T) -> Vec<&'t mut U>,
    ) -> Vec<PartGuard<'a, U>> {
        let parts: Vec<NonNull<U>> = parts(&mut this).into_iter().map(NonNull::from).collect();
        let section = Rc::new(Section::from(this));
        let guard = |part| PartGuard { part, _section: section.clone(), borrow: PhantomData };
        parts.into_iter().map(guard).collect()
    }
}

impl<U> Deref for PartGuard<'_, U> {
    type Target = U;
    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: borrowed out of the guard in `into_parts`, apart from all other parts (they were `&mut` at a time); the section
        // lives at least as long as `self`. Test: `parts_of_a_value_share_one_section`.
        unsafe { self.part.as_ref() }
    }
}

impl<U> DerefMut for PartGuard<'_, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: as above, and `&mut self` makes this the only reference to the part. Same test.
        unsafe { self.part.as_mut() }
    }
}
