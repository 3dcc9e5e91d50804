//! When each worker got its first and its latest packet. Invariant: both sides of a comparison pay for it alike: a load and a
//! store per packet, and the clock once in 256.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use rustix::time::{ClockId, clock_gettime};

/// Cores that can be timed.
pub(crate) const MOST: usize = 2;
/// Packets between two looks at the clock.
const STRIDE: u64 = 256;

#[derive(Default)]
struct Lap {
    packets: AtomicU64,
    /// ns of the clock.
    first: AtomicU64,
    last: AtomicU64,
}

/// Times the workers from within.
pub(crate) struct Stopwatch {
    clock: ClockId,
    laps: [CachePadded<Lap>; MOST],
}

impl Stopwatch {
    /// One worker is timed by the CPU time it takes: what neighbours take of its CPU does not count. Several are timed by the
    /// wall clock: that they wait for each other does count.
    pub(crate) fn new(workers: usize) -> Stopwatch {
        let clock = if workers == 1 { ClockId::ThreadCPUTime } else { ClockId::Monotonic };
        Stopwatch { clock, laps: Default::default() }
    }

    /// One packet more on a core.
    #[inline]
    pub(crate) fn count(&self, core: usize) {
        let lap = &self.laps[core];
        // Relaxed, all: one writer; whoever reads waits until the worker has published what it did.
        let packets = lap.packets.load(Ordering::Relaxed);
        lap.packets.store(packets + 1, Ordering::Relaxed);
        if packets.is_multiple_of(STRIDE) {
            let now = clock_gettime(self.clock);
            let now = now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64;
            lap.last.store(now, Ordering::Relaxed);
            if packets == 0 {
                lap.first.store(now, Ordering::Relaxed);
            }
        }
    }

    /// Packets so far, on all cores.
    pub(crate) fn packets(&self) -> u64 {
        self.laps.iter().map(|lap| lap.packets.load(Ordering::Relaxed)).sum()
    }

    /// Packets per second, summed over the cores, and starts anew. No worker may be at work.
    pub(crate) fn take(&self) -> f64 {
        let mut rate = 0.0;
        for lap in &self.laps {
            let packets = lap.packets.swap(0, Ordering::Relaxed).saturating_sub(1) / STRIDE * STRIDE;
            let took = lap.last.load(Ordering::Relaxed) - lap.first.load(Ordering::Relaxed);
            if took != 0 {
                rate += packets as f64 * 1e9 / took as f64;
            }
        }
        rate
    }
}
