//! Who must have a position before it counts. Invariant: a stable position never becomes unstable, and nothing is trimmed that a
//! holder still lacks.

use std::fmt::Debug;

use ftmb_runtime::checkpoint::DeltaHead;
use ftmb_runtime::log::Log;

/// Up to where each log is stable: once every required holder has it. On one host that is what is published. Tests hide what a
/// crash is to take back; mirrored logs answer with what the peer has acknowledged, a journal with what is on its disk. A `det`
/// position may be stable only once the inputs it stems from are.
///
/// What follows the three positions matters only to holders that keep copies; the answers given here are those of shared memory.
pub trait Holders: Debug + Send {
    /// Of the inputs of a core.
    fn input(&self, core: usize, log: &Log) -> u64;

    /// Of the determinants of a core in an epoch.
    fn det(&self, core: usize, epoch: u64, log: &Log) -> u64;

    /// Of those of a master that has died: what is kept although it has, hence up to where its successor may be made to repeat it. It is
    /// not less than what anything that has left depends on; what lies between the stable position and this lets nothing leave.
    fn kept(&self, core: usize, epoch: u64, log: &Log) -> u64 {
        self.det(core, epoch, log)
    }

    /// Of the outputs of a core.
    fn out(&self, core: usize, log: &Log) -> u64;

    /// Whether they know that this epoch is active: nothing new of it leaves before.
    fn know_active(&self, _epoch: u64) -> bool {
        true
    }

    /// Whether they have a staged checkpoint: it is not committed before. Asked again and again until they do.
    fn have_checkpoint(&self, _head: &DeltaHead) -> bool {
        true
    }

    /// From here on they still need the inputs of a core.
    fn need_input(&self, _core: usize) -> u64 {
        u64::MAX
    }

    /// From here on they still need the determinants of a core in an epoch.
    fn need_det(&self, _core: usize, _epoch: u64) -> u64 {
        u64::MAX
    }

    /// The `det` logs that epoch `epoch` (not active, or the one before the active one) used are about to be emptied: when this
    /// returns, nobody reads them.
    fn let_go(&self, _epoch: u64) {}
}

/// One host: published is stable, since shared memory outlives every process.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneHost;

impl Holders for OneHost {
    fn input(&self, _core: usize, log: &Log) -> u64 {
        log.tail()
    }

    fn det(&self, _core: usize, _epoch: u64, log: &Log) -> u64 {
        log.tail()
    }

    fn out(&self, _core: usize, log: &Log) -> u64 {
        log.tail()
    }
}
