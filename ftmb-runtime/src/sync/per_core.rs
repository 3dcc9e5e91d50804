//! State of one core: each has its own copy, so no order needs to be recorded.
//!
//! Invariant: packet code reaches only the copy of the core it runs on.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_utils::CachePadded;

use super::current;
use super::head::Head;
use super::raw::{OUTSIDE, RawMutex};
use crate::recorder::Core;

/// One clone of a value per core. `#[ftmb(per_core)]` makes a field this.
///
/// ```
/// use ftmb_runtime::sync::PerCore;
/// let cache = PerCore::new(vec![1, 2]);
/// cache.borrow_mut().push(3); // while the state is constructed: the value that every core's copy starts from
/// assert_eq!(cache.borrow_mut().len(), 3);
/// ```
pub struct PerCore<T> {
    pub(super) head: Head,
    pub(super) initial: Slot<T>,
    slots: OnceLock<Box<[CachePadded<Slot<T>>]>>,
}

pub(super) struct Slot<T> {
    raw: RawMutex,
    touched: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard that holds `raw`. Test: `per_core_copies_are_independent`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    const fn new(value: T) -> Slot<T> {
        Slot { raw: RawMutex::new(), touched: AtomicBool::new(true), value: UnsafeCell::new(value) }
    }

    pub(super) fn lock(&self) -> PerCoreMut<'_, T> {
        self.raw.lock(OUTSIDE);
        PerCoreMut { slot: self, not_send: PhantomData }
    }

    pub(super) fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::SeqCst)
    }
}

impl<T> PerCore<T> {
    /// Copies of this value.
    pub const fn new(value: T) -> PerCore<T> {
        PerCore { head: Head::new(), initial: Slot::new(value), slots: OnceLock::new() }
    }

    pub(super) fn assign(&self, cores: usize)
    where
        T: Clone,
    {
        let first = self.initial.lock();
        self.slots.get_or_init(|| (0..cores).map(|_| CachePadded::new(Slot::new(T::clone(&first)))).collect());
    }

    /// This core's copy.
    ///
    /// # Panics
    /// If this core's copy is borrowed already, outside of packet, tick, control and construction, or if the value is not part
    /// of the shared state.
    #[inline]
    #[track_caller]
    pub fn borrow_mut(&self) -> PerCoreMut<'_, T> {
        let slot = current::with(|core| match (core, self.slots.get()) {
            (Some(core), Some(slots)) => Some(core.index).and_then(|index| slots.get(index)).map(|slot| &**slot),
            (Some(_), None) => None,
            (None, _) => {
                self.head.outside();
                Some(&self.initial)
            }
        });
        let Some(slot) = slot else {
            panic!("per-core state that is not reachable from the middlebox's shared state was used in packet code")
        };
        let tag = current::with(|core| core.map_or(OUTSIDE, Core::tag));
        if !slot.raw.try_lock(tag) {
            assert!(slot.raw.owner() != tag, "`{}`: this core's copy is borrowed already", self.head.name());
            // A report looks at it.
            slot.raw.lock(tag);
        }
        PerCoreMut { slot, not_send: PhantomData }
    }

    /// Looks at one core's copy from a report.
    ///
    /// # Panics
    /// In packet, tick and control code, or if there is no such core.
    #[track_caller]
    pub fn peek<R>(&self, core: usize, look: impl FnOnce(&T) -> R) -> R {
        self.head.refuse_peek();
        look(&self.slots()[core].lock())
    }

    pub(super) fn slots(&self) -> &[CachePadded<Slot<T>>] {
        self.slots.get().map_or(&[], |slots| slots)
    }
}

impl<T: Default> Default for PerCore<T> {
    fn default() -> Self {
        PerCore::new(T::default())
    }
}

impl<T> fmt::Debug for PerCore<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCore").field("id", &self.head.id()).finish_non_exhaustive()
    }
}

/// Access to one core's copy; ends when dropped.
#[must_use = "if unused the access ends at once"]
pub struct PerCoreMut<'a, T> {
    slot: &'a Slot<T>,
    not_send: PhantomData<*const ()>,
}

// SAFETY: a shared guard gives out `&T` only. Test: the compiler's (`T: Sync` is required).
unsafe impl<T: Sync> Sync for PerCoreMut<'_, T> {}

impl<T> Deref for PerCoreMut<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: holds the slot's lock. Test: `per_core_copies_are_independent`.
        unsafe { &*self.slot.value.get() }
    }
}

impl<T> DerefMut for PerCoreMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // Relaxed: under the slot's lock, which the capturing thread takes.
        self.slot.touched.store(true, Ordering::Relaxed);
        // SAFETY: holds the slot's lock, and `&mut self` makes this the only reference. Same test.
        unsafe { &mut *self.slot.value.get() }
    }
}

impl<T> Drop for PerCoreMut<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.slot.raw.unlock();
    }
}

impl<T: fmt::Debug> fmt::Debug for PerCoreMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
