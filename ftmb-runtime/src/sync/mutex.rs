//! The tracked mutex: std's API, its sections ordered by determinants.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::current;
use super::head::{self, Head};
use super::raw::{OUTSIDE, RawMutex};
use crate::determinant::{DrawTag, Word};
use crate::recorder::Core;
use crate::replayer::Logged;

/// A mutual-exclusion lock whose sections are recorded: one determinant each. Same shape as [`std::sync::Mutex`]; never poisoned.
///
/// ```
/// use ftmb_runtime::sync::Mutex;
/// let mut ports = Mutex::new(vec![1024_u16, 1025]);
/// ports.lock().unwrap().push(1026); // while the state is constructed: not recorded
/// assert_eq!(ports.get_mut().unwrap().len(), 3);
/// ```
#[repr(C, align(64))]
pub struct Mutex<T> {
    pub(super) raw: RawMutex,
    pub(super) head: Head,
    pub(super) value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through guards (one at a time, by the raw lock), `&mut self`, or the capturing thread,
// which takes the raw lock too. Test: `two_cores_never_share_a_section` (and Miri-style checks in `tests/`).
unsafe impl<T: Send> Sync for Mutex<T> {}
// SAFETY: owning the mutex owns the value. Same test.
unsafe impl<T: Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    /// A mutex with a value.
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { raw: RawMutex::new(), head: Head::new(), value: UnsafeCell::new(value) }
    }

    /// Enters the section, waiting for whoever is inside. Always `Ok`.
    ///
    /// # Errors
    /// Never: a panic in packet code aborts the process, so nobody sees a poisoned lock.
    ///
    /// # Panics
    /// If this core is inside already (naming both places), outside of packet, tick, control and construction, or if the
    /// mutex is not part of the middlebox's shared state.
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        let place = Location::caller();
        let word = current::with(|core| match core {
            Some(core) => Some(self.enter(core, place)),
            None => {
                self.head.outside();
                self.raw.lock(OUTSIDE);
                None
            }
        });
        Ok(MutexGuard { mutex: self, word, not_send: PhantomData })
    }

    #[inline]
    fn enter(&self, core: &Core, place: &'static Location<'static>) -> Word {
        if core.special.get() {
            return self.enter_special(core, place);
        }
        if !self.raw.try_lock(core.tag()) {
            self.enter_contended(core, place);
        }
        self.entered(core, place)
    }

    #[cold]
    fn enter_contended(&self, core: &Core, place: &'static Location<'static>) {
        self.head.refuse_second(core, true, self.raw.owner(), place);
        self.raw.lock(core.tag());
    }

    #[cold]
    fn enter_special(&self, core: &Core, place: &'static Location<'static>) -> Word {
        self.head.before_special(core, true, false, self.raw.owner(), place);
        self.raw.lock(core.tag());
        let word = self.entered(core, place);
        core.after_enter();
        word
    }

    /// Counts and records a section that was entered.
    #[inline]
    fn entered(&self, core: &Core, place: &'static Location<'static>) -> Word {
        if self.head.is_first(core) && !self.head.note(core) {
            self.raw.unlock();
            head::refuse_stray(place);
        }
        self.head.set_place(place);
        let word = self.head.count_exclusive();
        core.start(word);
        word
    }

    /// Enters the section if nobody is inside. A failure is recorded as a draw; it may be spurious.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`].
    ///
    /// # Panics
    /// As [`lock`](Self::lock), but for this core being inside already.
    #[track_caller]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let place = Location::caller();
        let entered = current::with(|core| match core {
            Some(core) => self.try_enter(core, place).map(Some),
            None => {
                self.head.outside();
                self.raw.try_lock(OUTSIDE).then_some(None)
            }
        });
        entered.map(|word| MutexGuard { mutex: self, word, not_send: PhantomData }).ok_or(TryLockError::WouldBlock)
    }

    fn try_enter(&self, core: &Core, place: &'static Location<'static>) -> Option<Word> {
        let special = core.special.get();
        let logged = match special {
            true => self.head.before_special(core, true, true, self.raw.owner(), place),
            false => Logged::Live,
        };
        let entered = match logged {
            Logged::Live => self.raw.try_lock(core.tag()),
            Logged::Section => {
                self.raw.lock(core.tag());
                true
            }
            Logged::FailedTry => false,
        };
        if !entered {
            core.draw(DrawTag::FailedTry, &[self.head.id().into()]);
            return None;
        }
        let word = self.entered(core, place);
        if special {
            core.after_enter();
        }
        Some(word)
    }

    /// False: a panic in packet code aborts the process, so nobody sees a poisoned lock.
    #[must_use]
    pub fn is_poisoned(&self) -> bool {
        false
    }

    /// Nothing: it never is poisoned.
    pub fn clear_poison(&self) {}

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

    /// Looks at the value from a report: locks without counting, and may show effects that are not released yet.
    ///
    /// # Panics
    /// In packet, tick and control code.
    #[track_caller]
    pub fn peek(&self) -> MutexPeek<'_, T> {
        self.head.refuse_peek();
        self.raw.lock(OUTSIDE);
        MutexPeek { mutex: self, not_send: PhantomData }
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("id", &self.head.id()).finish_non_exhaustive()
    }
}

/// A section of a [`Mutex`]; ends when dropped.
#[must_use = "if unused the section ends at once"]
pub struct MutexGuard<'a, T> {
    pub(super) mutex: &'a Mutex<T>,
    pub(super) word: Option<Word>,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives out `&T` only. Test: the compiler's (`T: Sync` is required).
unsafe impl<T: Sync> Sync for MutexGuard<'_, T> {}

/// Ends a section, `word` if it was recorded.
#[inline]
pub(super) fn leave(head: &Head, raw: &RawMutex, word: Option<Word>) {
    let Some(word) = word else { return raw.unlock() };
    let exit_count = word.count().wrapping_add(1);
    current::with(|core| match core {
        Some(core) if !core.special.get() => {
            core.end(word, exit_count);
            raw.unlock();
        }
        Some(core) => {
            head::end_special(core, head, word, exit_count);
            raw.unlock();
            head::after_end_special(core);
        }
        None => raw.unlock(),
    });
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the raw lock. Test: `two_cores_never_share_a_section`.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.mutex.head.touch();
        // SAFETY: the guard holds the raw lock, and `&mut self` makes this the only reference. Same test.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        leave(&self.mutex.head, &self.mutex.raw, self.word);
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A look at the value of a [`Mutex`] from outside.
#[must_use = "if unused nothing is seen"]
pub struct MutexPeek<'a, T> {
    mutex: &'a Mutex<T>,
    not_send: PhantomData<*const ()>,
}

// SAFETY: gives out `&T` only. Test: the compiler's (`T: Sync` is required).
unsafe impl<T: Sync> Sync for MutexPeek<'_, T> {}

impl<T> Deref for MutexPeek<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: holds the raw lock. Test: `peek_sees_the_value_and_counts_nothing`.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T> Drop for MutexPeek<'_, T> {
    fn drop(&mut self) {
        self.mutex.raw.unlock();
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexPeek<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
