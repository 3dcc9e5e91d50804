//! Who must have a position before it counts. Invariant: a stable position never becomes unstable.

use std::fmt::Debug;

use ftmb_runtime::log::Log;

/// Up to where each log is stable: once every required holder has it. On one host that is what is published. Tests hide what a
/// crash is to take back; mirrored logs answer with what the peer has acknowledged. A `det` position may be stable only once
/// the inputs it stems from are.
pub trait Holders: Debug + Send {
    /// Of the inputs of a core.
    fn input(&self, core: usize, log: &Log) -> u64;

    /// Of the determinants of a core.
    fn det(&self, core: usize, log: &Log) -> u64;

    /// Of the outputs of a core.
    fn out(&self, core: usize, log: &Log) -> u64;
}

/// One host: published is stable, since shared memory outlives every process.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneHost;

impl Holders for OneHost {
    fn input(&self, _core: usize, log: &Log) -> u64 {
        log.tail()
    }

    fn det(&self, _core: usize, log: &Log) -> u64 {
        log.tail()
    }

    fn out(&self, _core: usize, log: &Log) -> u64 {
        log.tail()
    }
}
