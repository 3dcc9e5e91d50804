//! The tracked reader/writer lock: std's API, its sections ordered by determinants.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::current;
use super::head::{self, Head};
use super::raw::RawRwLock;
use crate::determinant::{DrawTag, Word};
use crate::recorder::Core;
use crate::replayer::Logged;

/// A reader/writer lock whose sections are recorded. Same shape as [`std::sync::RwLock`]; never poisoned; writers are preferred,
/// but a core that is inside shared may enter shared again.
///
/// ```
/// use ftmb_runtime::sync::RwLock;
/// let rules = RwLock::new(vec!["allow"]);
/// rules.write().unwrap().push("deny"); // while the state is constructed: not recorded
/// assert_eq!(rules.read().unwrap().len(), 2);
/// ```
#[repr(C, align(64))]
pub struct RwLock<T> {
    pub(super) raw: RawRwLock,
    pub(super) head: Head,
    pub(super) value: UnsafeCell<T>,
}

// SAFETY: shared guards give out `&T` (hence `T: Sync`), exclusive ones `&mut T` one at a time by the raw lock (hence `T: Send`).
// Test: `two_cores_never_share_a_section`.
unsafe impl<T: Send + Sync> Sync for RwLock<T> {}
// SAFETY: owning the lock owns the value. Same test.
unsafe impl<T: Send> Send for RwLock<T> {}

impl<T> RwLock<T> {
    /// A lock with a value.
    pub const fn new(value: T) -> RwLock<T> {
        RwLock { raw: RawRwLock::new(), head: Head::new(), value: UnsafeCell::new(value) }
    }

    /// Enters shared. Always `Ok`.
    ///
    /// # Errors
    /// Never.
    ///
    /// # Panics
    /// If this core is inside exclusively (naming both places), outside of packet, tick, control and construction, or if the
    /// lock is not part of the middlebox's shared state.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let place = Location::caller();
        let word = current::with(|core| match core {
            Some(core) => Some(self.enter_shared(core, place)),
            None => {
                self.head.outside();
                self.raw.read(|| false);
                None
            }
        });
        Ok(RwLockReadGuard { lock: self, word, not_send: PhantomData })
    }

    #[inline]
    pub(super) fn enter_shared(&self, core: &Core, place: &'static Location<'static>) -> Word {
        self.head.before(core, false, false, place);
        if !self.raw.try_read(false) {
            self.head.refuse_second(core, false, place);
            self.raw.read(|| self.head.is_held_shared(core));
        }
        self.count_shared(core, place)
    }

    #[inline]
    fn count_shared(&self, core: &Core, place: &'static Location<'static>) -> Word {
        let word = self.head.count_shared(core);
        self.head.hold_shared(core, place);
        core.start(word);
        head::after_enter(core);
        word
    }

    /// Enters exclusively. Always `Ok`.
    ///
    /// # Errors
    /// Never.
    ///
    /// # Panics
    /// As [`read`](Self::read), also if this core is inside shared.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let place = Location::caller();
        let word = current::with(|core| match core {
            Some(core) => Some(self.enter_exclusive(core, place)),
            None => {
                self.head.outside();
                self.raw.write();
                None
            }
        });
        Ok(RwLockWriteGuard { lock: self, word, not_send: PhantomData })
    }

    #[inline]
    pub(super) fn enter_exclusive(&self, core: &Core, place: &'static Location<'static>) -> Word {
        self.head.before(core, true, false, place);
        if !self.raw.try_write() {
            self.head.refuse_second(core, true, place);
            self.raw.write();
        }
        self.count_exclusive(core, place)
    }

    #[inline]
    fn count_exclusive(&self, core: &Core, place: &'static Location<'static>) -> Word {
        let word = self.head.count_exclusive(core, place);
        core.start(word);
        head::after_enter(core);
        word
    }

    /// Enters shared if no writer is inside or waiting. A failure is recorded as a draw; it may be spurious.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`].
    ///
    /// # Panics
    /// As [`read`](Self::read), but for this core being inside already.
    #[track_caller]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let place = Location::caller();
        let again = |core: &Core| self.head.is_held_shared(core);
        let entered = current::with(|core| match core {
            Some(core) => {
                let live = || self.raw.try_read(again(core));
                let logged = || self.raw.read(|| again(core));
                self.try_enter(core, false, place, live, logged).then(|| Some(self.count_shared(core, place)))
            }
            None => {
                self.head.outside();
                self.raw.try_read(false).then_some(None)
            }
        });
        let guard = entered.map(|word| RwLockReadGuard { lock: self, word, not_send: PhantomData });
        guard.ok_or(TryLockError::WouldBlock)
    }

    /// Enters exclusively if nobody is inside. A failure is recorded as a draw; it may be spurious.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`].
    ///
    /// # Panics
    /// As [`write`](Self::write), but for this core being inside already.
    #[track_caller]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let place = Location::caller();
        let entered = current::with(|core| match core {
            Some(core) => {
                let entered = self.try_enter(core, true, place, || self.raw.try_write(), || self.raw.write());
                entered.then(|| Some(self.count_exclusive(core, place)))
            }
            None => {
                self.head.outside();
                self.raw.try_write().then_some(None)
            }
        });
        let guard = entered.map(|word| RwLockWriteGuard { lock: self, word, not_send: PhantomData });
        guard.ok_or(TryLockError::WouldBlock)
    }

    fn try_enter(
        &self,
        core: &Core,
        exclusive: bool,
        place: &'static Location<'static>,
        live: impl Fn() -> bool,
        logged: impl Fn(),
    ) -> bool {
        let entered = match self.head.before(core, exclusive, true, place) {
            Logged::Live => live(),
            Logged::Section => {
                logged();
                true
            }
            Logged::FailedTry => false,
        };
        if !entered {
            core.draw(DrawTag::FailedTry, &[self.head.id().into()]);
        }
        entered
    }

    /// The value, without locking: nobody else can have it.
    ///
    /// # Errors
    /// Never.
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.head.touch();
        Ok(self.value.get_mut())
    }

    /// Gives the value back.
    ///
    /// # Errors
    /// Never.
    pub fn into_inner(self) -> LockResult<T> {
        Ok(self.value.into_inner())
    }

    /// Looks at the value from a report: locks shared without counting, and may show effects that are not released yet.
    ///
    /// # Panics
    /// In packet, tick and control code.
    #[track_caller]
    pub fn peek(&self) -> RwLockPeek<'_, T> {
        self.head.refuse_peek();
        self.raw.read(|| false);
        RwLockPeek { lock: self }
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("id", &self.head.id()).finish_non_exhaustive()
    }
}

/// A shared section of a [`RwLock`]; ends when dropped.
#[must_use = "if unused the section ends at once"]
pub struct RwLockReadGuard<'a, T> {
    lock: &'a RwLock<T>,
    word: Option<Word>,
    not_send: PhantomData<*const ()>,
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
        let Some(word) = self.word else { return self.lock.raw.unlock_read() };
        current::with(|core| {
            if let Some(core) = core {
                self.lock.head.unhold_shared(core);
                head::end(core, &self.lock.head, word, word.count());
            }
            self.lock.raw.unlock_read();
            if let Some(core) = core {
                head::after_end(core);
            }
        });
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
    lock: &'a RwLock<T>,
    word: Option<Word>,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives out `&T` only. Test: the compiler's (`T: Sync` is required).
unsafe impl<T: Sync> Sync for RwLockWriteGuard<'_, T> {}

impl<'a, T> RwLockWriteGuard<'a, T> {
    /// Ends the exclusive section and begins a shared one, with no writer in between.
    #[track_caller]
    pub fn downgrade(this: Self) -> RwLockReadGuard<'a, T> {
        let place = Location::caller();
        let this = ManuallyDrop::new(this);
        let (lock, head) = (this.lock, &this.lock.head);
        let word = this.word.and_then(|word| {
            current::with(|core| {
                head.clear_owner();
                let core = core?;
                head::end(core, head, word, word.count().wrapping_add(1));
                lock.raw.downgrade();
                head::after_end(core);
                head.before(core, false, false, place);
                Some(lock.count_shared(core, place))
            })
        });
        if word.is_none() {
            lock.raw.downgrade();
        }
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
        let Some(word) = self.word else { return self.lock.raw.unlock_write() };
        current::with(|core| {
            self.lock.head.clear_owner();
            if let Some(core) = core {
                head::end(core, &self.lock.head, word, word.count().wrapping_add(1));
            }
            self.lock.raw.unlock_write();
            if let Some(core) = core {
                head::after_end(core);
            }
        });
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
    lock: &'a RwLock<T>,
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
        self.lock.raw.unlock_read();
    }
}

impl<T: fmt::Debug> fmt::Debug for RwLockPeek<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
