//! The threads that run one instance in this process. Invariant: all workers exist before any runs, and all threads have ended
//! before the cast is gone.

use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;

use ftmb_netio::group_record::GroupRecord;
use ftmb_runtime::instance::{Instance, InstanceError};
use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::worker::{CoreLogs, CoreStart, Polling, Worker};

use crate::bells::RecordBells;

/// A running instance.
#[derive(Debug)]
pub(super) struct Cast<M: Middlebox> {
    pub(super) instance: Arc<Instance<M>>,
    record: GroupRecord,
    threads: Vec<JoinHandle<Result<(), InstanceError>>>,
}

impl<M: Middlebox> Cast<M> {
    /// Starts one thread per core.
    pub(super) fn start(instance: Instance<M>, record: &GroupRecord, cores: Vec<(CoreLogs, CoreStart)>) -> Cast<M> {
        Cast::with_stacks(instance, record, cores, 2 << 20)
    }

    /// As [`start`](Self::start), each thread with a stack of so many bytes: one that is larger than all before lies elsewhere.
    pub(super) fn with_stacks(
        instance: Instance<M>,
        record: &GroupRecord,
        cores: Vec<(CoreLogs, CoreStart)>,
        stack: usize,
    ) -> Cast<M> {
        let instance = Arc::new(instance);
        let ready = Arc::new(Barrier::new(cores.len()));
        let threads = cores
            .into_iter()
            .enumerate()
            .map(|(core, (logs, start))| {
                let (instance, ready, bells) = (instance.clone(), ready.clone(), RecordBells(record.clone()));
                let thread = std::thread::Builder::new().stack_size(stack).spawn(move || {
                    let worker = Worker::new(&instance, core, &logs, &start, &bells, Polling::Adaptive);
                    ready.wait();
                    worker?.run()
                });
                thread.expect("the system has a thread for each core")
            })
            .collect();
        Cast { instance, record: record.clone(), threads }
    }

    /// Whether a core has ended by itself.
    pub(super) fn has_ended(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Ends all threads and returns the instance and why they ended.
    pub(super) fn end(mut self, crash: bool) -> (Arc<Instance<M>>, Result<(), InstanceError>) {
        if crash {
            self.instance.crew().kill();
        } else {
            self.instance.stop();
        }
        let result = self.join();
        (self.instance.clone(), result)
    }

    fn join(&mut self) -> Result<(), InstanceError> {
        (0..self.record.cores()).for_each(|core| self.record.core_bell(core).ring());
        let mut result = Ok(());
        for thread in self.threads.drain(..) {
            // A worker catches what user code throws; its own panic is a bug of this crate and is passed on.
            let ended = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if result.is_ok() {
                result = ended;
            }
        }
        result
    }
}

impl<M: Middlebox> Drop for Cast<M> {
    fn drop(&mut self) {
        self.instance.crew().kill();
        if !std::thread::panicking() {
            let _ = self.join();
        }
    }
}
