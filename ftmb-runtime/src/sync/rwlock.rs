//! The tracked reader/writer lock: std's API, its sections ordered by determinants.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::{LockResult, TryLockError, TryLockResult};

use super::current;
use super::head::{self, Head};
use super::raw::{OUTSIDE, RawRwLock, SECTION};
use super::sleepers::Sleepers;
use crate::determinant::{DrawTag, Word};
use crate::recorder::Core;
use crate::replayer::Logged;

mod guards;

pub use guards::{RwLockPeek, RwLockReadGuard, RwLockWriteGuard};
pub(super) use guards::{leave_exclusive, leave_shared};

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
    sleepers: Sleepers,
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
        RwLock { sleepers: RawRwLock::sleepers(), head: Head::new(), value: UnsafeCell::new(value) }
    }

    /// The real lock; its state is half of the head's word.
    #[inline]
    pub(super) fn raw(&self) -> RawRwLock<'_> {
        RawRwLock { word: &self.head.word, sleepers: &self.sleepers }
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
        Ok(self.read_at(Location::caller()))
    }

    /// Enters shared for whoever called at `place`.
    #[inline]
    #[track_caller]
    pub(crate) fn read_at(&self, place: &'static Location<'static>) -> RwLockReadGuard<'_, T> {
        let word = current::with(|core| match core {
            Some(core) => Some(self.enter_shared(core, place)),
            None => {
                self.head.outside();
                self.raw().read(|| false, 0);
                None
            }
        });
        RwLockReadGuard { lock: self, word, not_send: PhantomData }
    }

    #[inline]
    fn enter_shared(&self, core: &Core, place: &'static Location<'static>) -> Word {
        if core.special.get() {
            return self.enter_shared_special(core, place);
        }
        if !self.raw().try_read(false, SECTION) {
            self.enter_shared_contended(core, place);
        }
        self.entered_shared(core, place)
    }

    #[cold]
    fn enter_shared_contended(&self, core: &Core, place: &'static Location<'static>) {
        self.head.refuse_second(core, false, self.raw().writer(), place);
        self.raw().read(|| self.is_held_shared(core), SECTION);
    }

    #[cold]
    fn enter_shared_special(&self, core: &Core, place: &'static Location<'static>) -> Word {
        self.head.before_special(core, false, false, self.raw().writer(), place);
        self.raw().read(|| self.is_held_shared(core), SECTION);
        let word = self.entered_shared(core, place);
        core.after_enter();
        word
    }

    /// Whether this core is inside shared.
    fn is_held_shared(&self, core: &Core) -> bool {
        core.held.find(self.head.id()).is_some()
    }

    /// Records a shared section that was entered and counted.
    #[inline]
    fn entered_shared(&self, core: &Core, place: &'static Location<'static>) -> Word {
        if self.head.is_first(core) && !self.head.note(core) {
            self.raw().unlock_read();
            head::refuse_stray(place);
        }
        let word = self.head.counted_shared();
        core.held.push(word.id(), place);
        core.start(word);
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
        Ok(self.write_at(Location::caller()))
    }

    /// Enters exclusively for whoever called at `place`.
    #[inline]
    #[track_caller]
    pub(crate) fn write_at(&self, place: &'static Location<'static>) -> RwLockWriteGuard<'_, T> {
        let word = current::with(|core| match core {
            Some(core) => Some(self.enter_exclusive(core, place)),
            None => {
                self.head.outside();
                self.raw().write(OUTSIDE, 0);
                None
            }
        });
        RwLockWriteGuard { lock: self, word, not_send: PhantomData }
    }

    #[inline]
    fn enter_exclusive(&self, core: &Core, place: &'static Location<'static>) -> Word {
        if core.special.get() {
            return self.enter_exclusive_special(core, place);
        }
        if !self.raw().try_write(core.tag(), SECTION) {
            self.enter_exclusive_contended(core, place);
        }
        self.entered_exclusive(core, place)
    }

    #[cold]
    fn enter_exclusive_contended(&self, core: &Core, place: &'static Location<'static>) {
        self.head.refuse_second(core, true, self.raw().writer(), place);
        self.raw().write(core.tag(), SECTION);
    }

    #[cold]
    fn enter_exclusive_special(&self, core: &Core, place: &'static Location<'static>) -> Word {
        self.head.before_special(core, true, false, self.raw().writer(), place);
        self.raw().write(core.tag(), SECTION);
        let word = self.entered_exclusive(core, place);
        core.after_enter();
        word
    }

    /// Records an exclusive section that was entered and counted.
    #[inline]
    fn entered_exclusive(&self, core: &Core, place: &'static Location<'static>) -> Word {
        if self.head.is_first(core) && !self.head.note(core) {
            self.raw().unlock_write();
            head::refuse_stray(place);
        }
        self.head.set_place(place);
        let word = self.head.counted_exclusive();
        core.start(word);
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
        let again = |core: &Core| self.is_held_shared(core);
        let entered = current::with(|core| match core {
            Some(core) => {
                let live = || self.raw().try_read(again(core), SECTION);
                let logged = || self.raw().read(|| again(core), SECTION);
                self.try_enter(core, false, place, live, logged, || self.entered_shared(core, place)).map(Some)
            }
            None => {
                self.head.outside();
                self.raw().try_read(false, 0).then_some(None)
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
                let live = || self.raw().try_write(core.tag(), SECTION);
                let logged = || self.raw().write(core.tag(), SECTION);
                self.try_enter(core, true, place, live, logged, || self.entered_exclusive(core, place)).map(Some)
            }
            None => {
                self.head.outside();
                self.raw().try_write(OUTSIDE, 0).then_some(None)
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
        record: impl Fn() -> Word,
    ) -> Option<Word> {
        let special = core.special.get();
        let said = match special {
            true => self.head.before_special(core, exclusive, true, self.raw().writer(), place),
            false => Logged::Live,
        };
        let entered = match said {
            Logged::Live => live(),
            Logged::Section => {
                logged();
                true
            }
            Logged::FailedTry => false,
        };
        if !entered {
            core.draw(DrawTag::FailedTry, &[self.head.id().into()]);
            return None;
        }
        let word = record();
        if special {
            core.after_enter();
        }
        Some(word)
    }

    /// Ends this core's exclusive section and begins a shared one; returns the new word.
    fn downgrade(&self, core: &Core, word: Word, place: &'static Location<'static>) -> Word {
        let (head, special) = (&self.head, core.special.get());
        let exit_count = word.count().wrapping_add(1);
        if special {
            head::end_special(core, head, word, exit_count);
        } else {
            core.end(word, exit_count);
        }
        self.raw().downgrade();
        if special {
            head::after_end_special(core);
            // The wait may end by an unwind, and nobody else would leave then.
            let leaving = Leave(self.raw());
            head.before_special(core, false, false, 0, place);
            std::mem::forget(leaving);
        }
        self.raw().count();
        let word = self.entered_shared(core, place);
        if special {
            core.after_enter();
        }
        word
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

    /// Looks at the value from a report: locks shared without counting, and may show effects that are not released yet.
    ///
    /// # Panics
    /// In packet, tick and control code.
    #[track_caller]
    pub fn peek(&self) -> RwLockPeek<'_, T> {
        self.head.refuse_peek();
        self.raw().read(|| false, 0);
        RwLockPeek { lock: self }
    }
}

/// Leaves a shared section on unwinding.
struct Leave<'a>(RawRwLock<'a>);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.unlock_read();
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
