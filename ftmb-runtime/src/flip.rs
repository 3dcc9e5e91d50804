//! The flip: every core stops at a packet boundary for as long as the last one needs to arrive, and the state is captured
//! (protocol section 5).
//!
//! Invariant: while the last core captures, no core is inside an input, so no section is open and no word pending. A core that is
//! idle, or waits for room, arrives too.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::checkpoint::{CorePoint, Delta};
use crate::sync::TableError;
use crate::time::clock_nanos;

/// What to capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlipRequest {
    /// The epoch of this master.
    pub epoch: u64,
    /// Number of the checkpoint.
    pub number: u64,
    /// The checkpoint it is relative to; `None`: capture everything.
    pub base: Option<u64>,
    /// Build, configuration and layout.
    pub fingerprint: u64,
}

/// What one core brings to the flip.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) core: usize,
    pub(crate) point: CorePoint,
    pub(crate) acquired: Vec<u32>,
}

/// A captured checkpoint.
#[derive(Debug)]
pub struct Flipped {
    /// What changed.
    pub delta: Delta,
    /// From the first core's arrival to the moment all went on, ns.
    pub pause: u64,
}

#[derive(Debug, Default)]
struct Inner {
    request: Option<FlipRequest>,
    arrivals: Vec<Arrival>,
    first: u64,
    recycled: Option<Delta>,
    result: Option<Result<Flipped, TableError>>,
}

/// The meeting point of an instance's cores.
#[derive(Debug, Default)]
pub(crate) struct Flip {
    wanted: AtomicBool,
    rounds: AtomicU32,
    inner: Mutex<Inner>,
    done: Condvar,
}

impl Flip {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the cores should come.
    #[inline]
    pub(crate) fn is_wanted(&self) -> bool {
        // Acquire; pairs with the Release in `call`.
        self.wanted.load(Ordering::Acquire)
    }

    /// Calls the cores together. `recycled`: a delta whose memory may be used again.
    pub(crate) fn call(&self, request: FlipRequest, recycled: Option<Delta>) {
        let mut inner = self.inner();
        inner.request = Some(request);
        inner.recycled = recycled;
        inner.result = None;
        inner.arrivals.clear();
        // Release; pairs with the Acquire in `is_wanted`.
        self.wanted.store(true, Ordering::Release);
    }

    /// Takes the call back if not everybody has come; `give_up` decides while waiting. `None`: given up.
    pub(crate) fn result(&self, give_up: impl Fn() -> bool) -> Option<Result<Flipped, TableError>> {
        let mut inner = self.inner();
        loop {
            if let Some(result) = inner.result.take() {
                return Some(result);
            }
            if give_up() {
                self.wanted.store(false, Ordering::Release);
                return None;
            }
            let waited = self.done.wait_timeout(inner, std::time::Duration::from_millis(20));
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A core arrives. The last one runs `capture` and lets everybody go on; the others wait for it, unless `dead` says that the
    /// instance is. Returns whether the flip took place.
    pub(crate) fn arrive(
        &self,
        cores: usize,
        arrival: Arrival,
        capture: impl FnOnce(FlipRequest, &[Arrival], Option<Delta>) -> Result<Delta, TableError>,
        dead: impl Fn() -> bool,
    ) -> bool {
        let mut inner = self.inner();
        let Some(request) = inner.request else { return false };
        let round = self.rounds.load(Ordering::SeqCst);
        if inner.arrivals.is_empty() {
            inner.first = clock_nanos();
        }
        inner.arrivals.push(arrival);
        if inner.arrivals.len() == cores {
            inner.arrivals.sort_by_key(|arrival| arrival.core);
            let recycled = inner.recycled.take();
            let delta = capture(request, &inner.arrivals, recycled);
            let pause = clock_nanos() - inner.first;
            inner.result = Some(delta.map(|delta| Flipped { delta, pause }));
            inner.request = None;
            self.wanted.store(false, Ordering::SeqCst);
            self.rounds.fetch_add(1, Ordering::SeqCst);
            drop(inner);
            self.done.notify_all();
            return true;
        }
        drop(inner);
        let mut spins = 0_u32;
        while self.rounds.load(Ordering::SeqCst) == round {
            if dead() {
                return false;
            }
            spins += 1;
            if spins < 200 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
        true
    }
}
