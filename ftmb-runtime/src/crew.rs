//! What the cores of one instance share while they run: who is still within its cut, whether the instance was crashed by a
//! test, which checkpoint interval it is.
//!
//! Invariant: the number of cores within their cut only falls; the crash flag is only raised.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};

use crate::replayer::Divergence;

/// How a core leaves user code without finishing the input. Carried by an unwind that nobody outside the worker sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abandon;

/// State shared by the cores of an instance.
///
/// ```
/// let crew = ftmb_runtime::crew::Crew::new(Some(u64::MAX));
/// crew.arm(10);
/// assert!(!crew.is_dead() && !crew.is_replaying());
/// crew.kill();
/// assert!(crew.is_dead());
/// ```
#[derive(Debug)]
pub struct Crew {
    within_cut: AtomicUsize,
    dead: AtomicBool,
    injects: bool,
    countdown: AtomicI64,
    /// Seed of where cores give the CPU away; zero: nowhere.
    unsettled: AtomicU64,
    divergence: Mutex<Option<Divergence>>,
}

impl Crew {
    /// A crew none of whose cores replays. `crash_after`: abandon everything at that many tracked accesses from now.
    pub fn new(crash_after: Option<u64>) -> Crew {
        Crew {
            within_cut: AtomicUsize::new(0),
            dead: AtomicBool::new(false),
            injects: crash_after.is_some(),
            countdown: AtomicI64::new(crash_after.map_or(i64::MAX, |n| i64::try_from(n).unwrap_or(i64::MAX))),
            unsettled: AtomicU64::new(0),
            divergence: Mutex::new(None),
        }
    }

    /// Crashes the instance at that many tracked accesses from now. Only for a crew made with `crash_after`.
    ///
    /// # Panics
    /// If the crew does not inject crashes.
    pub fn arm(&self, accesses: u64) {
        assert!(self.injects, "this crew does not inject crashes");
        self.countdown.store(i64::try_from(accesses).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Makes cores give the CPU away before some of their tracked accesses; the seed decides before which, so each seed (but zero,
    /// which ends it) is another schedule. Only for a crew made with `crash_after`.
    ///
    /// # Panics
    /// If the crew does not inject crashes.
    pub fn unsettle(&self, seed: u64) {
        assert!(self.injects, "this crew does not look at its tracked accesses");
        self.unsettled.store(seed, Ordering::SeqCst);
    }

    pub(crate) fn injects(&self) -> bool {
        self.injects
    }

    /// Whether the instance was crashed or diverged: its cores stop at their next tracked access or wait.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Crashes the instance: every core abandons its input at its next tracked access or wait, guards no longer record.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::SeqCst);
    }

    /// Counts down to an injected crash, and gives the CPU away if the schedule says so.
    pub(crate) fn count_access(&self) {
        if !self.injects {
            return;
        }
        let left = self.countdown.fetch_sub(1, Ordering::SeqCst);
        if left <= 0 {
            self.kill();
        }
        let seed = self.unsettled.load(Ordering::SeqCst);
        if seed != 0 {
            // Splitmix's last step: one access in four, up to four times.
            let mixed = (seed.rotate_left(32) ^ left as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (12..=mixed >> 60).for_each(|_| std::thread::yield_now());
        }
    }

    /// So many cores start within their cut.
    pub(crate) fn enter_cut(&self) {
        self.within_cut.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn leave_cut(&self) {
        self.within_cut.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether any core has not yet reproduced everything within its cut.
    pub fn is_replaying(&self) -> bool {
        self.within_cut.load(Ordering::SeqCst) != 0
    }

    /// Records why replay stopped (the first reason wins) and stops everybody.
    pub(crate) fn diverge(&self, divergence: Divergence) {
        let mut slot = self.divergence.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        slot.get_or_insert(divergence);
        drop(slot);
        self.kill();
    }

    /// Why replay stopped, if it did.
    pub fn divergence(&self) -> Option<Divergence> {
        self.divergence.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Leaves user code for good.
    pub(crate) fn abandon(&self) -> ! {
        std::panic::resume_unwind(Box::new(Abandon))
    }
}

/// Waits in replay: spins a little, then yields; abandons if the instance is dead.
pub(crate) fn wait_until(crew: &Crew, mut done: impl FnMut() -> bool) {
    let mut rounds = 0_u32;
    while !done() {
        if crew.is_dead() {
            crew.abandon();
        }
        rounds += 1;
        if rounds < 64 {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
        }
    }
}
