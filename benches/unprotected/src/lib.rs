//! The example middleboxes as a program without fault tolerance would have them: std's locks and maps, nothing recorded.
//!
//! Invariant: every name that the examples use from `ftmb` is here with the same signature, so that the build script need only
//! drop the attributes. What has no counterpart in std (counters, per-core state) is as cheap as `ftmb`'s own.

// The middleboxes' sources, put together by the build script.
#![allow(clippy::duplicated_attributes)]
#![allow(missing_docs, reason = "the names and their meaning are ftmb's")]
#![forbid(unsafe_code)]

// The examples say `ftmb::...`.
extern crate self as ftmb;

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crossbeam_utils::CachePadded;
use ftmb_runtime::context::EmitError;
use ftmb_runtime::middlebox::{ControlError, Metrics};
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::{Packet, PortId, Verdict};
use ftmb_runtime::time::Instant;
use rand::rngs::ThreadRng;

pub mod prelude {
    pub use super::{Context, Counter, Middlebox};
    pub use ftmb_runtime::collections::IndexPool;
    pub use ftmb_runtime::middlebox::{ControlError, Metrics};
    pub use ftmb_runtime::packet::{Packet, PortId, Ports, Verdict};
}

pub mod offload {
    pub use ftmb_runtime::offload::{Checksum, Offload};
}

pub mod collections {
    pub use ftmb_runtime::collections::{HashMap, IndexPool};
}

pub mod time {
    pub use ftmb_runtime::time::{Instant, SystemTime};
}

include!(concat!(env!("OUT_DIR"), "/middleboxes.rs"));

/// The NAT between ports 0 and 1.
pub fn nat() -> impl Middlebox {
    nat::Nat::new(nat::NatConfig::default(), PortId(0), PortId(1))
}

/// The monitor between ports 0 and 1.
pub fn monitor() -> impl Middlebox {
    monitor::Monitor::new(monitor::MonitorConfig::default(), PortId(0), PortId(1))
}

/// The sequencer between ports 0 and 1.
pub fn sequencer() -> impl Middlebox {
    sequencer::Sequencer::new(PortId(0), PortId(1))
}

/// Threads that may run packet code.
pub const MAX_CORES: usize = 8;

thread_local! {
    static CORE: Cell<usize> = const { Cell::new(0) };
}

/// Says which core this thread is.
pub fn enter(core: usize) {
    assert!(core < MAX_CORES, "at most {MAX_CORES} cores");
    CORE.set(core);
}

pub trait Middlebox: Send + Sync + 'static {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict;

    fn flow_hash(port: PortId, frame: &[u8]) -> Option<u32>
    where
        Self: Sized,
    {
        let _ = (port, frame);
        None
    }

    fn tick(&self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    fn control(&self, request: &[u8], cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        let _ = (request, cx);
        Err(ControlError::new("this middlebox takes no control requests"))
    }

    fn report(&self, metrics: &mut Metrics) {
        let _ = metrics;
    }
}

#[derive(Debug)]
pub struct Context<'a> {
    pub now: Instant,
    pub core: usize,
    pub cores: usize,
    pub emitted: &'a mut Vec<(PortId, Vec<u8>)>,
}

impl Context<'_> {
    #[inline]
    pub fn now(&self) -> Instant {
        self.now
    }

    #[inline]
    pub fn core(&self) -> usize {
        self.core
    }

    #[inline]
    pub fn cores(&self) -> usize {
        self.cores
    }

    #[inline]
    pub fn rng(&mut self) -> ThreadRng {
        rand::rng()
    }

    pub fn emit(&mut self, port: PortId, bytes: &[u8]) -> Result<(), EmitError> {
        self.emit_with(port, bytes, Offload::default())
    }

    pub fn emit_with(&mut self, port: PortId, bytes: &[u8], _: Offload) -> Result<(), EmitError> {
        self.emitted.push((port, bytes.to_vec()));
        Ok(())
    }
}

/// One slot per core, as in `ftmb`; a shared atomic would make the baseline slower.
#[derive(Debug, Default)]
pub struct Counter {
    slots: [CachePadded<AtomicU64>; MAX_CORES],
}

impl Counter {
    pub fn new() -> Counter {
        Counter::default()
    }

    #[inline]
    pub fn add(&self, n: u64) {
        let slot = &self.slots[CORE.get()];
        // Relaxed: this core is the only writer.
        slot.store(slot.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        // Relaxed: some recent value.
        self.slots.iter().map(|slot| slot.load(Ordering::Relaxed)).sum()
    }
}

/// One copy per core.
#[derive(Debug)]
pub struct PerCore<T> {
    slots: [CachePadded<Mutex<T>>; MAX_CORES],
}

impl<T: Clone> PerCore<T> {
    pub fn new(value: T) -> PerCore<T> {
        PerCore { slots: std::array::from_fn(|_| CachePadded::new(Mutex::new(value.clone()))) }
    }

    #[inline]
    pub fn borrow_mut(&self) -> MutexGuard<'_, T> {
        self.slots[CORE.get()].lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
