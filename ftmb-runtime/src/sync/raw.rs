//! The real locks under the tracked ones: spin briefly, then block on a futex. Invariant: barging is allowed (a hand-off per
//! section would cost a context switch each), and nothing here knows of determinants.

use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::futex;

/// Rounds of spinning before a thread blocks: a few microseconds.
const SPINS: u32 = 200;

const FREE: u32 = 0;
const LOCKED: u32 = 1;
const CONTENDED: u32 = 2;

/// A mutual-exclusion lock without data.
#[derive(Debug, Default)]
pub(crate) struct RawMutex(AtomicU32);

impl RawMutex {
    pub(crate) const fn new() -> RawMutex {
        RawMutex(AtomicU32::new(FREE))
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        // Acquire; pairs with the Release in `unlock`.
        self.0.compare_exchange(FREE, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    pub(crate) fn lock(&self) {
        if !self.try_lock() {
            self.lock_slow();
        }
    }

    #[cold]
    fn lock_slow(&self) {
        for _ in 0..SPINS {
            // Relaxed: only a hint; the compare-exchange acquires.
            if self.0.load(Ordering::Relaxed) == FREE && self.try_lock() {
                return;
            }
            std::hint::spin_loop();
        }
        // Acquire; pairs with the Release in `unlock`.
        while self.0.swap(CONTENDED, Ordering::Acquire) != FREE {
            // Woken, interrupted or the value changed: look again.
            let _ = futex::wait(&self.0, futex::Flags::PRIVATE, CONTENDED, None);
        }
    }

    #[inline]
    pub(crate) fn unlock(&self) {
        // Release; pairs with the Acquire in `try_lock` and `lock_slow`.
        if self.0.swap(FREE, Ordering::Release) == CONTENDED {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // Nobody there any more: fine.
        let _ = futex::wake(&self.0, futex::Flags::PRIVATE, 1);
    }
}

const WRITER: u32 = 1 << 31;
const SLEEPERS: u32 = 1 << 30;
/// A writer waits: new readers hold back, unless they are inside already.
const WANTED: u32 = 1 << 29;
const READERS: u32 = WANTED - 1;

/// A reader/writer lock without data; writers are preferred.
#[derive(Debug, Default)]
pub(crate) struct RawRwLock(AtomicU32);

impl RawRwLock {
    pub(crate) const fn new() -> RawRwLock {
        RawRwLock(AtomicU32::new(0))
    }

    /// Enters shared. `again`: this thread is inside already, so it must not wait for a waiting writer.
    #[inline]
    pub(crate) fn try_read(&self, again: bool) -> bool {
        let closed = if again { WRITER } else { WRITER | WANTED };
        // Relaxed: the compare-exchange acquires.
        let mut state = self.0.load(Ordering::Relaxed);
        while state & closed == 0 {
            // Acquire; pairs with the Release in `unlock_write`.
            match self.0.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    pub(crate) fn read(&self, again: impl Fn() -> bool) {
        if !self.try_read(false) {
            self.wait(|lock| lock.try_read(again()), false);
        }
    }

    #[inline]
    pub(crate) fn try_write(&self) -> bool {
        // Relaxed: the compare-exchange acquires.
        let state = self.0.load(Ordering::Relaxed);
        state & (WRITER | READERS) == 0
            // Acquire; pairs with the Releases in `unlock_read` and `unlock_write`. The want is fulfilled; others renew theirs.
            && self.0.compare_exchange(state, (state | WRITER) & !WANTED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    pub(crate) fn write(&self) {
        if !self.try_write() {
            self.wait(RawRwLock::try_write, true);
        }
    }

    #[cold]
    fn wait(&self, enter: impl Fn(&RawRwLock) -> bool, writer: bool) {
        let want = if writer { WANTED } else { 0 };
        for _ in 0..SPINS {
            if enter(self) {
                return;
            }
            std::hint::spin_loop();
        }
        loop {
            // Relaxed: ordering comes from `enter`.
            let announced = self.0.fetch_or(SLEEPERS | want, Ordering::Relaxed) | SLEEPERS | want;
            if enter(self) {
                return;
            }
            // Returns at once if the state changed after the announcement; woken or interrupted: look again.
            let _ = futex::wait(&self.0, futex::Flags::PRIVATE, announced, None);
        }
    }

    #[inline]
    pub(crate) fn unlock_read(&self) {
        // Release; pairs with the Acquire in `try_write`.
        let before = self.0.fetch_sub(1, Ordering::Release);
        if before & READERS == 1 && before & SLEEPERS != 0 {
            self.wake();
        }
    }

    #[inline]
    pub(crate) fn unlock_write(&self) {
        // Release; pairs with the Acquires in `try_read` and `try_write`.
        let before = self.0.fetch_and(!WRITER, Ordering::Release);
        if before & SLEEPERS != 0 {
            self.wake();
        }
    }

    /// From exclusive to shared without letting a writer in between.
    pub(crate) fn downgrade(&self) {
        // Release; pairs with the Acquire in `try_read`. WRITER goes, one reader comes: one atomic subtraction.
        let before = self.0.fetch_sub(WRITER - 1, Ordering::Release);
        if before & SLEEPERS != 0 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // Relaxed: the sleepers look again and announce themselves anew.
        self.0.fetch_and(!(SLEEPERS | WANTED), Ordering::Relaxed);
        // Nobody there any more: fine.
        let _ = futex::wake(&self.0, futex::Flags::PRIVATE, u32::MAX >> 1);
    }
}
