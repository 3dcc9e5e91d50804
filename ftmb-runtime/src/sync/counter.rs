//! A counter that commutes: add-only and unreadable from packet code, so no order needs to be recorded.
//!
//! Invariant: one slot per core, written by that core only.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use super::current;
use super::head::Head;

/// Counts events on all cores without determinants.
///
/// ```
/// use ftmb_runtime::sync::Counter;
/// let seen = Counter::new();
/// seen.add(3);
/// assert_eq!(seen.get(), 3);
/// ```
#[derive(Debug)]
pub struct Counter {
    pub(super) head: Head,
    /// What was added before the instance was made.
    initial: AtomicU64,
    slots: OnceLock<Box<[CachePadded<AtomicU64>]>>,
}

impl Default for Counter {
    fn default() -> Self {
        Counter::new()
    }
}

impl Counter {
    /// A counter at zero.
    pub const fn new() -> Counter {
        Counter { head: Head::new(), initial: AtomicU64::new(0), slots: OnceLock::new() }
    }

    pub(super) fn assign(&self, cores: usize) {
        let slots = self.slots.get_or_init(|| (0..cores).map(|_| CachePadded::new(AtomicU64::new(0))).collect());
        slots[0].store(self.initial.swap(0, Ordering::SeqCst), Ordering::SeqCst);
    }

    /// Adds, wrapping.
    ///
    /// # Panics
    /// Outside of packet, tick, control and construction, or if the counter is not part of the shared state.
    #[inline]
    #[track_caller]
    pub fn add(&self, n: u64) {
        current::with(|core| match (core, self.slots.get()) {
            (Some(core), Some(slots)) => {
                let slot = &slots[core.index];
                // Relaxed: this core is the only writer; readers want no more than some recent value.
                slot.store(slot.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
                self.head.touch_once();
            }
            (Some(_), None) => unreachable_counter(),
            (None, _) => {
                self.head.outside();
                // Relaxed: construction is on one thread.
                self.initial.fetch_add(n, Ordering::Relaxed);
            }
        });
    }

    /// The sum over all cores; it may show effects that are not released yet.
    ///
    /// # Panics
    /// In packet, tick and control code: what other cores have added so far is not recorded.
    #[track_caller]
    pub fn get(&self) -> u64 {
        self.head.refuse_peek();
        let slots = self.slots.get().map_or(0, |slots| {
            // Relaxed: some recent value.
            slots.iter().fold(0_u64, |sum, slot| sum.wrapping_add(slot.load(Ordering::Relaxed)))
        });
        slots.wrapping_add(self.initial.load(Ordering::Relaxed))
    }

    pub(super) fn slots(&self) -> &[CachePadded<AtomicU64>] {
        self.slots.get().map_or(&[], |slots| slots)
    }
}

#[cold]
#[track_caller]
fn unreachable_counter() -> ! {
    panic!("a Counter that is not reachable from the middlebox's shared state was used in packet code")
}
