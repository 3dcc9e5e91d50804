//! The real locks under the tracked ones: spin briefly, then block on a futex. Invariant: barging is allowed (a hand-off per
//! section would cost a context switch each), and nothing here knows of determinants.
//!
//! A lock that is held exclusively is released by one plain store: a locked instruction there would double the price of an
//! uncontended section. [`Sleepers`] says how nobody sleeps through it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::sleepers::{ASLEEP, Sleepers, WANTED};

/// Rounds of spinning before a thread blocks: a few microseconds.
const SPINS: u32 = 200;

/// Who locks without being a core: construction, peeks, captures.
pub(crate) const OUTSIDE: u32 = u32::MAX >> 1;

const FREE: u32 = 0;

/// A mutual-exclusion lock without data; it knows who is inside.
#[derive(Debug, Default)]
pub(crate) struct RawMutex {
    owner: AtomicU32,
    sleepers: Sleepers,
}

impl RawMutex {
    pub(crate) const fn new() -> RawMutex {
        RawMutex { owner: AtomicU32::new(FREE), sleepers: Sleepers::new() }
    }

    /// Who is inside; zero for nobody. Only certain about oneself.
    pub(crate) fn owner(&self) -> u32 {
        // Relaxed: a thread sees its own stores.
        self.owner.load(Ordering::Relaxed)
    }

    /// `by`: who enters, not zero.
    #[inline]
    pub(crate) fn try_lock(&self, by: u32) -> bool {
        // Acquire; pairs with the Release in `unlock`.
        self.owner.compare_exchange(FREE, by, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline]
    pub(crate) fn lock(&self, by: u32) {
        if !self.try_lock(by) {
            self.lock_slow(by);
        }
    }

    #[cold]
    fn lock_slow(&self, by: u32) {
        for _ in 0..SPINS {
            // Relaxed: only a hint; the compare-exchange acquires.
            if self.owner.load(Ordering::Relaxed) == FREE && self.try_lock(by) {
                return;
            }
            std::hint::spin_loop();
        }
        loop {
            let ticket = self.sleepers.announce(ASLEEP);
            if self.try_lock(by) {
                return;
            }
            self.sleepers.sleep(&ticket);
        }
    }

    #[inline]
    pub(crate) fn unlock(&self) {
        // Release; pairs with the Acquire in `try_lock`.
        self.owner.store(FREE, Ordering::Release);
        self.sleepers.released(1);
    }
}

/// Low half of a reader/writer lock's word; the high half is a count of sections that the lock only carries.
const WRITER: u64 = 1 << 31;
/// Readers inside; beside [`WRITER`], which writer.
const READERS: u64 = WRITER - 1;
/// One section more.
pub(crate) const SECTION: u64 = 1 << 32;

/// A reader/writer lock without data over a word and its sleepers; writers are preferred. Entering and counting (`count` is
/// [`SECTION`] or zero) are one operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawRwLock<'a> {
    pub(crate) word: &'a AtomicU64,
    pub(crate) sleepers: &'a Sleepers,
}

impl RawRwLock<'_> {
    pub(crate) const fn sleepers() -> Sleepers {
        Sleepers::new()
    }

    /// The writer inside; zero for none. Only certain about oneself.
    pub(crate) fn writer(self) -> u32 {
        // Relaxed: a thread sees its own stores.
        let word = self.word.load(Ordering::Relaxed);
        if word & WRITER != 0 { (word & READERS) as u32 } else { 0 }
    }

    /// Enters shared. `again`: this thread is inside already, so it must not wait for a waiting writer.
    #[inline]
    pub(crate) fn try_read(self, again: bool, count: u64) -> bool {
        if !again && self.sleepers.is_wanted() {
            return false;
        }
        // Relaxed: the compare-exchange acquires.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & WRITER == 0 {
            // Acquire, pairs with the Release in `unlock_write`; Release, so that the count may be waited for.
            let entered = word.wrapping_add(count + 1);
            match self.word.compare_exchange_weak(word, entered, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline]
    pub(crate) fn read(self, again: impl Fn() -> bool, count: u64) {
        if !self.try_read(false, count) {
            self.wait(|lock| lock.try_read(again(), count), ASLEEP);
        }
    }

    /// Enters exclusively; `by`: who, not zero.
    #[inline]
    pub(crate) fn try_write(self, by: u32, count: u64) -> bool {
        // Relaxed: the compare-exchange acquires.
        let mut word = self.word.load(Ordering::Relaxed);
        while word & (WRITER | READERS) == 0 {
            // Acquire, pairs with the Releases in `unlock_read` and `unlock_write`; Release as in `try_read`.
            let entered = word.wrapping_add(count) | WRITER | u64::from(by);
            match self.word.compare_exchange_weak(word, entered, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }

    #[inline]
    pub(crate) fn write(self, by: u32, count: u64) {
        if !self.try_write(by, count) {
            self.wait(|lock| lock.try_write(by, count), ASLEEP | WANTED);
        }
    }

    #[cold]
    fn wait(self, enter: impl Fn(Self) -> bool, flags: u32) {
        for _ in 0..SPINS {
            if enter(self) {
                return;
            }
            std::hint::spin_loop();
        }
        loop {
            let ticket = self.sleepers.announce(flags);
            if enter(self) {
                return;
            }
            self.sleepers.sleep(&ticket);
        }
    }

    #[inline]
    pub(crate) fn unlock_read(self) {
        // Release; pairs with the Acquire in `try_write`.
        let before = self.word.fetch_sub(1, Ordering::Release);
        if before & READERS == 1 {
            self.sleepers.released(u32::MAX >> 1);
        }
    }

    #[inline]
    pub(crate) fn unlock_write(self) {
        self.leave_exclusive(0);
    }

    /// From exclusive to shared without letting a writer in between.
    pub(crate) fn downgrade(self) {
        self.leave_exclusive(1);
    }

    #[inline]
    fn leave_exclusive(self, readers: u64) {
        // Relaxed: nobody else changes the word while a writer is inside.
        let counted = self.word.load(Ordering::Relaxed) & !(WRITER | READERS);
        // Release; pairs with the Acquires in `try_read` and `try_write`.
        self.word.store(counted | readers, Ordering::Release);
        self.sleepers.released(u32::MAX >> 1);
    }

    /// One section more by a reader that is inside already.
    pub(crate) fn count(self) {
        // Release, as in `try_read`. The carry out of the high half falls off the end.
        self.word.fetch_add(SECTION, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
