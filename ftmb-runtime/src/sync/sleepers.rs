//! Where threads sleep until a lock is released. Invariant: nobody sleeps through the release that was its turn, although the
//! release is a plain store followed by a plain load.
//!
//! That leaves the store-buffer race between "release, then look for sleepers" and "announce, then look at the lock". The
//! sleeper, who is rare and slow anyway, closes it alone, with a barrier on all CPUs (`membarrier`); where the system forbids
//! that, it sleeps in short stretches.

use std::sync::atomic::{AtomicU32, Ordering, compiler_fence, fence};

use rustix::io::Errno;
use rustix::thread::{MembarrierCommand, futex, membarrier};

/// Those who sleep until a lock is released: an event count with flags.
///
/// ```text
/// 31                       2        1        0
/// | number of the wake-up  | WANTED | ASLEEP |
/// ```
///
/// Invariant: while anybody sleeps, `ASLEEP` is set, or somebody who was woken is about to set it again.
#[derive(Debug, Default)]
pub(crate) struct Sleepers(AtomicU32);

/// Somebody sleeps, or is about to.
pub(super) const ASLEEP: u32 = 1;
/// A writer waits: new readers hold back, unless they are inside already.
pub(super) const WANTED: u32 = 2;
const WAKE_UP: u32 = 4;

/// What a sleeper saw before it looked at the lock a last time.
pub(super) struct Ticket {
    seen: u32,
    /// The system has no barrier on all CPUs: a wake-up may be missed.
    may_miss: bool,
}

impl Sleepers {
    pub(super) const fn new() -> Sleepers {
        Sleepers(AtomicU32::new(0))
    }

    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        // Relaxed: a hint; who holds back or does not is a matter of fairness only.
        self.0.load(Ordering::Relaxed) & WANTED != 0
    }

    /// After this, either the lock is seen as its latest holder left it, or that holder sees the flag when it leaves.
    pub(super) fn announce(&self, flags: u32) -> Ticket {
        let seen = self.0.fetch_or(flags, Ordering::SeqCst) | flags;
        Ticket { seen, may_miss: !barrier_everywhere() }
    }

    /// Sleeps until the next wake-up; returns at once if there was one since the announcement. May wake early.
    pub(super) fn sleep(&self, ticket: &Ticket) {
        let soon = futex::Timespec { tv_sec: 0, tv_nsec: 50_000 };
        // Woken, timed out, interrupted, or the number changed: the caller looks again in each case.
        let _ = futex::wait(&self.0, futex::Flags::PRIVATE, ticket.seen, ticket.may_miss.then_some(&soon));
    }

    /// To be called after the store that released the lock.
    #[inline]
    pub(super) fn released(&self, wake: u32) {
        // Keeps the compiler from looking before the release; what the CPU may do, `barrier_everywhere` in `announce` mends.
        compiler_fence(Ordering::SeqCst);
        // Relaxed: pairs with `announce` as described there.
        let seen = self.0.load(Ordering::Relaxed);
        if seen & ASLEEP != 0 {
            self.wake(seen, wake);
        }
    }

    /// Wakes up to `wake` of them. Who is awake and has to sleep again sets the flags again.
    #[cold]
    fn wake(&self, seen: u32, wake: u32) {
        // Until it succeeds: a `WANTED` left behind by a writer that has come and gone would hold readers back for good. Whoever
        // announced itself in between sees the number change, looks at the lock again and sets its flag again.
        let mut seen = seen;
        loop {
            let next = (seen & !(ASLEEP | WANTED)).wrapping_add(WAKE_UP);
            match self.0.compare_exchange(seen, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => break,
                Err(now) => seen = now,
            }
        }
        // Nobody there any more: fine.
        let _ = futex::wake(&self.0, futex::Flags::PRIVATE, wake);
    }
}

/// A full barrier on every CPU that runs a thread of this process; false if the system cannot do that.
///
/// With it, for each other thread: what it did before the barrier is visible here now, and what it does after the barrier sees
/// what was done here before. A holder is either past its look for sleepers, then its release is visible, or it will see them.
#[cold]
fn barrier_everywhere() -> bool {
    fence(Ordering::SeqCst);
    match membarrier(MembarrierCommand::PrivateExpedited) {
        Ok(()) => true,
        Err(Errno::PERM) => {
            // The first time in this process.
            membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
                && membarrier(MembarrierCommand::PrivateExpedited).is_ok()
        }
        Err(_) => false,
    }
}
