//! Tracked atomics: std's API; each operation is one narrow section under the variable's lock bit, so value and counts change
//! together. The memory orderings that std's signatures ask for are accepted and are always at least as strong as asked.

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::sync::atomic::Ordering;

use super::current;
use super::head::{self, Head};
use super::raw::{OUTSIDE, RawMutex};
use crate::determinant::Word;
use crate::recorder::Core;

/// A tracked atomic value. Use it by the names of its instances: [`AtomicU64`], [`AtomicBool`], ...
#[repr(C, align(64))]
pub struct Atomic<T> {
    pub(super) raw: RawMutex,
    pub(super) head: Head,
    pub(super) value: UnsafeCell<T>,
}

// SAFETY: the value is reached only under the raw lock or through `&mut self`. Test: `atomics_lose_no_update_on_two_cores`.
unsafe impl<T: Send> Sync for Atomic<T> {}

impl<T: Copy> Atomic<T> {
    /// An atomic with a value.
    pub const fn new(value: T) -> Atomic<T> {
        Atomic { raw: RawMutex::new(), head: Head::new(), value: UnsafeCell::new(value) }
    }

    #[inline]
    #[track_caller]
    fn exclusive<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let place = Location::caller();
        self.section(true, place, || {
            self.head.touch();
            // SAFETY: under the raw lock; `change` cannot reach this atomic again. Test: as for `Sync`.
            change(unsafe { &mut *self.value.get() })
        })
    }

    #[inline]
    #[track_caller]
    fn shared(&self) -> T {
        let place = Location::caller();
        // SAFETY: under the raw lock. Test: as for `Sync`.
        self.section(false, place, || unsafe { *self.value.get() })
    }

    /// One section under the raw lock.
    #[inline]
    #[track_caller]
    fn section<R>(&self, exclusive: bool, place: &'static Location<'static>, work: impl FnOnce() -> R) -> R {
        current::with(|core| {
            let special = self.enter(core, exclusive, place);
            let result = work();
            if let Some(core) = core {
                let word = if exclusive { self.head.count_exclusive() } else { self.head.count_shared() };
                if special {
                    self.record_special(core, word);
                } else {
                    core.instant(word);
                }
            }
            self.raw.unlock();
            result
        })
    }

    /// Takes the raw lock; true if the core replays or is to crash.
    #[inline]
    #[track_caller]
    fn enter(&self, core: Option<&Core>, exclusive: bool, place: &'static Location<'static>) -> bool {
        let Some(core) = core else {
            self.head.outside();
            self.raw.lock(OUTSIDE);
            return false;
        };
        let special = core.special.get();
        if special {
            self.head.before_special(core, exclusive, false, self.raw.owner(), place);
        }
        self.raw.lock(core.tag());
        if self.head.is_first(core) && !self.head.note(core) {
            self.raw.unlock();
            head::refuse_stray(place);
        }
        special
    }

    #[cold]
    fn record_special(&self, core: &Core, word: Word) {
        if core.crew.is_dead() {
            return;
        }
        core.instant(word);
        core.at_end(&self.head, word, false);
        core.after_enter();
    }

    /// The value.
    ///
    /// # Panics
    /// Outside of packet, tick, control and construction, or if the atomic is not part of the shared state.
    #[inline]
    #[track_caller]
    pub fn load(&self, _order: Ordering) -> T {
        self.shared()
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    #[inline]
    #[track_caller]
    pub fn store(&self, value: T, _order: Ordering) {
        self.exclusive(|now| *now = value);
    }

    /// Replaces the value and returns the old one.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    #[inline]
    #[track_caller]
    pub fn swap(&self, value: T, _order: Ordering) -> T {
        self.exclusive(|now| std::mem::replace(now, value))
    }

    /// Replaces the value by what `change` makes of it, if anything.
    ///
    /// # Errors
    /// The value, if `change` returned `None`.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    #[inline]
    #[track_caller]
    pub fn fetch_update(
        &self,
        _set: Ordering,
        _fetch: Ordering,
        mut change: impl FnMut(T) -> Option<T>,
    ) -> Result<T, T> {
        // As std's: a load, the closure outside of any section, a compare-exchange, until it succeeds.
        let mut seen = self.shared();
        while let Some(wanted) = change(seen) {
            let now = self.exclusive(|now| {
                let before = *now;
                if bytes_equal(&before, &seen) {
                    *now = wanted;
                    return Ok(before);
                }
                Err(before)
            });
            match now {
                Ok(before) => return Ok(before),
                Err(now) => seen = now,
            }
        }
        Err(seen)
    }

    /// The value, without locking: nobody else can have it.
    pub fn get_mut(&mut self) -> &mut T {
        self.head.touch();
        self.value.get_mut()
    }

    /// Gives the value back.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Looks at the value from a report.
    ///
    /// # Panics
    /// In packet, tick and control code.
    #[track_caller]
    pub fn peek(&self) -> T {
        self.head.refuse_peek();
        self.raw.lock(OUTSIDE);
        // SAFETY: under the raw lock. Test: as for `Sync`.
        let value = unsafe { *self.value.get() };
        self.raw.unlock();
        value
    }
}

/// Equality of two integers or bools (all of their bytes count; there is no padding).
#[inline]
fn bytes_equal<T: Copy>(a: &T, b: &T) -> bool {
    let len = size_of::<T>();
    // SAFETY: `Atomic` is only instantiated below, for integers and `bool`: every byte is initialised. Test: the doc examples.
    unsafe {
        std::slice::from_raw_parts(std::ptr::from_ref(a).cast::<u8>(), len)
            == std::slice::from_raw_parts(std::ptr::from_ref(b).cast::<u8>(), len)
    }
}

impl<T: Copy + PartialEq> Atomic<T> {
    /// Replaces the value if it is `current`.
    ///
    /// # Errors
    /// The value, if it is another.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    #[inline]
    #[track_caller]
    pub fn compare_exchange(&self, current: T, new: T, _success: Ordering, _failure: Ordering) -> Result<T, T> {
        self.exclusive(|now| {
            let before = *now;
            if before == current {
                *now = new;
                return Ok(before);
            }
            Err(before)
        })
    }

    /// As [`compare_exchange`](Self::compare_exchange); never fails spuriously.
    ///
    /// # Errors
    /// The value, if it is another.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    #[inline]
    #[track_caller]
    pub fn compare_exchange_weak(&self, current: T, new: T, success: Ordering, failure: Ordering) -> Result<T, T> {
        self.compare_exchange(current, new, success, failure)
    }
}

impl<T: Copy + Default> Default for Atomic<T> {
    fn default() -> Self {
        Atomic::new(T::default())
    }
}

impl<T: Copy> From<T> for Atomic<T> {
    fn from(value: T) -> Self {
        Atomic::new(value)
    }
}

impl<T> fmt::Debug for Atomic<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Atomic").field("id", &self.head.id()).finish_non_exhaustive()
    }
}

macro_rules! fetch {
    ($($(#[$doc:meta])* $name:ident, |$now:ident, $arg:ident| $change:expr;)*) => {$(
        $(#[$doc])*
        ///
        /// # Panics
        /// As [`load`](Self::load).
        #[inline]
        #[track_caller]
        pub fn $name(&self, $arg: Self_!(), _order: Ordering) -> Self_!() {
            self.exclusive(|$now| std::mem::replace($now, $change))
        }
    )*};
}

macro_rules! integers {
    ($($name:ident, $int:ident;)*) => {$(
        #[doc = concat!("A tracked [`std::sync::atomic::", stringify!($name), "`].")]
        ///
        /// ```
        #[doc = concat!("use ftmb_runtime::sync::", stringify!($name), ";")]
        /// use std::sync::atomic::Ordering::Relaxed;
        #[doc = concat!("let atomic = ", stringify!($name), "::new(5);")]
        /// assert_eq!(atomic.fetch_add(2, Relaxed), 5);
        /// assert_eq!(atomic.fetch_update(Relaxed, Relaxed, |v| Some(v * 2)), Ok(7));
        /// assert_eq!(atomic.load(Relaxed), 14);
        /// ```
        pub type $name = Atomic<$int>;

        const _: () = {
            macro_rules! Self_ { () => { $int }; }
            impl Atomic<$int> {
                fetch! {
                    /// Adds, wrapping; returns the old value.
                    fetch_add, |now, by| now.wrapping_add(by);
                    /// Subtracts, wrapping; returns the old value.
                    fetch_sub, |now, by| now.wrapping_sub(by);
                    /// Bitwise and; returns the old value.
                    fetch_and, |now, by| *now & by;
                    /// Bitwise nand; returns the old value.
                    fetch_nand, |now, by| !(*now & by);
                    /// Bitwise or; returns the old value.
                    fetch_or, |now, by| *now | by;
                    /// Bitwise exclusive or; returns the old value.
                    fetch_xor, |now, by| *now ^ by;
                    /// The larger of both; returns the old value.
                    fetch_max, |now, by| (*now).max(by);
                    /// The smaller of both; returns the old value.
                    fetch_min, |now, by| (*now).min(by);
                }
            }
        };
    )*};
}

integers! {
    AtomicU8, u8;
    AtomicU16, u16;
    AtomicU32, u32;
    AtomicU64, u64;
    AtomicUsize, usize;
    AtomicI8, i8;
    AtomicI16, i16;
    AtomicI32, i32;
    AtomicI64, i64;
    AtomicIsize, isize;
}

/// A tracked [`std::sync::atomic::AtomicBool`].
///
/// ```
/// use ftmb_runtime::sync::AtomicBool;
/// use std::sync::atomic::Ordering::Relaxed;
/// let open = AtomicBool::new(true);
/// assert!(open.fetch_and(false, Relaxed));
/// assert!(!open.load(Relaxed));
/// ```
pub type AtomicBool = Atomic<bool>;

const _: () = {
    macro_rules! Self_ {
        () => {
            bool
        };
    }
    impl Atomic<bool> {
        fetch! {
            /// Logical and; returns the old value.
            fetch_and, |now, by| *now & by;
            /// Logical nand; returns the old value.
            fetch_nand, |now, by| !(*now & by);
            /// Logical or; returns the old value.
            fetch_or, |now, by| *now | by;
            /// Logical exclusive or; returns the old value.
            fetch_xor, |now, by| *now ^ by;
        }

        /// Negates; returns the old value.
        ///
        /// # Panics
        /// As [`load`](Self::load).
        #[inline]
        #[track_caller]
        pub fn fetch_not(&self, _order: Ordering) -> bool {
            self.exclusive(|now| std::mem::replace(now, !*now))
        }
    }
};
