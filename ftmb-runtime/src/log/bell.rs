//! Where one thread sleeps until another has news. Invariant: no lost wake-up: the sleeper announces itself before it looks
//! a last time, the ringer looks for a sleeper after its change; both with a SeqCst fence between.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

use rustix::thread::futex;

/// A place to sleep in shared memory: a sequence number (futex) and a flag "somebody sleeps". One owner sleeps, anybody rings.
///
/// ```
/// use std::time::Duration;
/// let words = ftmb_runtime::log::Words::anonymous(1)?;
/// words.bell(0).ring(); // nobody sleeps: one fence and one load
/// words.bell(0).wait(|| true, Duration::from_secs(1)); // the news is there already: returns at once
/// # Ok::<(), ftmb_runtime::log::LogError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bell<'a> {
    sequence: &'a AtomicU32,
    sleepers: &'a AtomicU32,
}

impl<'a> Bell<'a> {
    pub(super) fn over(word: &'a AtomicU64) -> Bell<'a> {
        // SAFETY: two AtomicU32 have the size of an AtomicU64 and less alignment; the word is used as a bell only, never as
        // a whole, by every process. Test: `a_ring_wakes_the_sleeper`.
        let halves = unsafe { &*std::ptr::from_ref(word).cast::<[AtomicU32; 2]>() };
        Bell { sequence: &halves[0], sleepers: &halves[1] }
    }

    /// A new owner takes the bell over from one that may have died in its sleep.
    pub fn adopt(&self) {
        self.sleepers.store(0, Ordering::SeqCst);
    }

    /// Wakes the sleeper, if any. Call it after the change that it waits for.
    #[inline]
    pub fn ring(&self) {
        // Pairs with the fence in `wait`: either the sleeper sees the change or this load sees the sleeper.
        fence(Ordering::SeqCst);
        // Relaxed: ordered by the fence.
        if self.sleepers.load(Ordering::Relaxed) != 0 {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        self.sequence.fetch_add(1, Ordering::SeqCst);
        // A failed wake leaves the sleeper to its timeout.
        let _ = futex::wake(self.sequence, futex::Flags::empty(), u32::MAX >> 1);
    }

    /// Sleeps until rung, until `timeout`, or not at all if `ready` says that there is news. May wake early.
    pub fn wait(&self, ready: impl FnMut() -> bool, timeout: Duration) {
        let timeout = futex::Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() };
        self.wait_by(ready, |sequence, expected| {
            // Woken, timed out, interrupted, or rung before: the caller looks again in each case.
            let _ = futex::wait(sequence, futex::Flags::empty(), expected, Some(&timeout));
        });
    }

    /// The same for a sleeper who waits for other things too: `sleep` gets the futex and the value that it has while nobody
    /// rings. It must return when the futex is woken, and at once if the value is another.
    pub fn wait_by(&self, mut ready: impl FnMut() -> bool, sleep: impl FnOnce(&AtomicU32, u32)) {
        let sequence = self.sequence.load(Ordering::SeqCst);
        self.sleepers.store(1, Ordering::SeqCst);
        // Pairs with the fence in `ring`.
        fence(Ordering::SeqCst);
        if !ready() {
            sleep(self.sequence, sequence);
        }
        self.sleepers.store(0, Ordering::SeqCst);
    }
}
