//! What of each stream counts as delivered. Invariant: a limit is set only for logs whose writer is dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ftmb_netio::output_logger::Holders;
use ftmb_runtime::log::Log;

/// Limits on `det` and `out` per core; none while the master lives.
#[derive(Clone, Debug)]
pub(super) struct Delivered {
    limits: Arc<[[AtomicU64; 2]]>,
}

impl Delivered {
    pub(super) fn new(cores: usize) -> Delivered {
        Delivered { limits: (0..cores).map(|_| [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)]).collect() }
    }

    /// Everything at or past these positions is lost.
    pub(super) fn lose(&self, core: usize, det: u64, out: u64) {
        self.limits[core][0].store(det, Ordering::SeqCst);
        self.limits[core][1].store(out, Ordering::SeqCst);
    }

    /// New logs: nothing of them is lost.
    pub(super) fn reset(&self) {
        for core in 0..self.limits.len() {
            self.lose(core, u64::MAX, u64::MAX);
        }
    }

    fn limit(&self, core: usize, stream: usize, log: &Log) -> u64 {
        log.tail().min(self.limits[core][stream].load(Ordering::SeqCst))
    }
}

impl Holders for Delivered {
    fn input(&self, _core: usize, log: &Log) -> u64 {
        log.tail()
    }
    fn det(&self, core: usize, _epoch: u64, log: &Log) -> u64 {
        self.limit(core, 0, log)
    }
    fn out(&self, core: usize, log: &Log) -> u64 {
        self.limit(core, 1, log)
    }
}
