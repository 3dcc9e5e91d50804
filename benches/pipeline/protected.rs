//! The pipeline as `ftmb` runs it, in one process: the real input logger, cores, output logger, checkpoints and a standby.
//!
//! Invariant: nothing is left out but processes and files: a delta goes to the standby by reference instead of through the
//! `ckpt` log and a staged file.

use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ftmb_netio::group_dir::{GroupLogs, LogSizes};
use ftmb_netio::group_record::{Birth, GroupRecord};
use ftmb_netio::input_logger::InputLogger;
use ftmb_netio::output_logger::{OneHost, Outlet, Output, OutputLogger};
use ftmb_netio::port::Received;
use ftmb_runtime::checkpoint::Delta;
use ftmb_runtime::context::Context;
use ftmb_runtime::flip::FlipRequest;
use ftmb_runtime::instance::Instance;
use ftmb_runtime::log::Bell;
use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::{Packet, PortId, Verdict};
use ftmb_runtime::sync::{Shared, Walker};
use ftmb_runtime::worker::{Bells, CoreLogs, CoreStart, INPUT_MARK, Polling, Worker, first_point};

use crate::measure::pin;
use crate::stopwatch::Stopwatch;
use crate::{Pipeline, spawn};

/// Between two checkpoints.
const INTERVAL: Duration = Duration::from_millis(50);
/// Share of a log in use that asks for a checkpoint, of 256.
const FULL: u64 = 85;

/// A middlebox that is timed.
struct Timed<M> {
    middlebox: M,
    stopwatch: Arc<Stopwatch>,
}

impl<M: Shared> Shared for Timed<M> {
    fn walk<'a>(&'a self, walker: &mut Walker<'a>) {
        self.middlebox.walk(walker);
    }
}

impl<M: Middlebox> Middlebox for Timed<M> {
    #[inline]
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        self.stopwatch.count(cx.core());
        self.middlebox.process(packet, cx)
    }
}

struct Ring(GroupRecord);

impl Bells for Ring {
    fn core(&self, core: usize) -> Bell<'_> {
        self.0.core_bell(core)
    }
    fn downstream(&self) -> Bell<'_> {
        self.0.gateway_bell()
    }
}

/// Where outputs go: they are looked at and counted.
struct Sink<'a> {
    released: &'a mut u64,
    seen: &'a mut dyn FnMut(&[u8]),
}

impl Outlet for Sink<'_> {
    fn send(&mut self, output: &Output<'_>) -> Result<bool, ftmb_netio::Error> {
        *self.released += 1;
        (self.seen)(output.sent.bytes);
        Ok(true)
    }
    fn flush(&mut self) -> Result<(), ftmb_netio::Error> {
        Ok(())
    }
}

/// The group, and this thread's ends of it.
pub(crate) struct Protected<M: Middlebox> {
    stopwatch: Arc<Stopwatch>,
    record: GroupRecord,
    logs: GroupLogs,
    set: usize,
    input: InputLogger,
    output: OutputLogger,
    master: Arc<Instance<Timed<M>>>,
    standby: Instance<Timed<M>>,
    epoch: u64,
    /// Taken, not yet committed.
    pending: Option<Delta>,
    recycled: Option<Delta>,
    latest: Instant,
    number: u64,
    steps: u64,
    taken: u64,
    released: u64,
    threads: Vec<JoinHandle<()>>,
}

impl<M: Middlebox> Protected<M> {
    pub(crate) fn start(make: impl Fn() -> M, cpus: &[usize], timed: usize, sizes: LogSizes) -> Protected<M> {
        let cores = cpus.len();
        let stopwatch = Arc::new(Stopwatch::new(timed));
        let record = GroupRecord::anonymous(Birth::now(cores, 7)).expect("memory for the group record");
        let logs = GroupLogs::anonymous(cores, sizes, 0).expect("memory for logs");
        let input = InputLogger::attach(record.clone(), &logs, &[vec![PortId(0), PortId(1)]]).expect("fresh logs");
        let mut output = OutputLogger::new(record.clone(), logs.clone(), Box::new(OneHost), None).expect("fresh logs");
        let new = || {
            let timed = Timed { middlebox: make(), stopwatch: stopwatch.clone() };
            Instance::new(timed, cores, None).expect("variables")
        };
        let (master, standby) = (Arc::new(new()), new());
        let epoch = output.prepare(0, &mut Sink { released: &mut 0, seen: &mut |_| {} }).expect("a fresh group");
        output.begin(&epoch).expect("a fresh group");
        record.set_variables(master.table().len());
        let points: Vec<_> = (0..cores).map(|core| first_point(7, core)).collect();
        let request = FlipRequest { epoch: epoch.number, number: 0, base: None, fingerprint: 0 };
        let delta = master.capture_constructed(request, points.clone()).expect("state that can be saved");
        output.commit(delta.head()).expect("the first checkpoint");
        standby.apply(&delta).expect("a twin");
        let ready = Arc::new(Barrier::new(cores));
        let threads = points.into_iter().enumerate().map(|(core, point)| {
            let (master, ready, bells, cpu) = (master.clone(), ready.clone(), Ring(record.clone()), cpus[core]);
            let (det, out) = (logs.det[core][epoch.set].clone(), logs.out[core][epoch.set].clone());
            let logs = CoreLogs { input: logs.input[core].clone(), det, out };
            spawn("protected", move || {
                pin(cpu);
                let start = CoreStart { point, old: None };
                let worker = Worker::new(&master, core, &logs, &start, &bells, Polling::Adaptive).expect("fresh logs");
                ready.wait();
                worker.run().expect("packets that do not fail");
            })
        });
        let threads = threads.collect();
        Protected {
            stopwatch,
            record,
            set: epoch.set,
            logs,
            input,
            output,
            master,
            standby,
            epoch: epoch.number,
            pending: None,
            recycled: None,
            latest: Instant::now(),
            number: 0,
            steps: 0,
            taken: 0,
            released: 0,
            threads,
        }
    }

    /// Takes a checkpoint if it is time, or commits and applies the one that was taken.
    fn checkpoint(&mut self) {
        if let Some(delta) = self.pending.take_if(|delta| self.output.covers(delta.head())) {
            self.output.commit(delta.head()).expect("checkpoints in order");
            self.standby.apply(&delta).expect("a twin");
            self.output.trim();
            self.recycled = Some(delta);
        }
        let due = self.latest.elapsed() >= INTERVAL || self.output.fill() >= FULL;
        if self.pending.is_some() || !due {
            return;
        }
        self.latest = Instant::now();
        self.number += 1;
        let request =
            FlipRequest { epoch: self.epoch, number: self.number, base: Some(self.number - 1), fingerprint: 0 };
        let ring = || (0..self.threads.len()).for_each(|core| self.record.core_bell(core).ring());
        let flipped = self.master.flip(request, self.recycled.take(), ring).expect("state that can be saved");
        let flipped = flipped.expect("a running instance");
        self.pending = Some(flipped.delta);
    }
}

impl<M: Middlebox> Pipeline for Protected<M> {
    fn begin_batch(&mut self) {
        self.input.begin_batch();
    }

    #[inline]
    fn take(&mut self, port: PortId, bytes: &[u8]) -> bool {
        let taken =
            self.input.take(0, true, Received { port, source: self.taken + 1, offload: Offload::default(), bytes });
        self.taken += u64::from(taken);
        taken
    }

    fn publish(&mut self) {
        self.input.publish();
    }

    fn step(&mut self, seen: &mut dyn FnMut(&[u8])) {
        let mut sink = Sink { released: &mut self.released, seen };
        self.output.poll(&mut sink).expect("no divergence");
        // As the gateway: the logs' fill and the clock are not looked at all the time.
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(64) {
            self.checkpoint();
        }
    }

    fn is_processed(&self) -> bool {
        // Acquire; pairs with the Release in the worker's publication.
        let at =
            |core: usize| self.logs.det[core][self.set].mark(INPUT_MARK).load(std::sync::atomic::Ordering::Acquire);
        (0..self.threads.len()).all(|core| at(core) == self.logs.input[core].tail())
    }

    fn counts(&self) -> (u64, u64) {
        (self.taken, self.released)
    }

    fn stopwatch(&self) -> &Stopwatch {
        &self.stopwatch
    }
}

impl<M: Middlebox> Drop for Protected<M> {
    fn drop(&mut self) {
        self.master.stop();
        (0..self.threads.len()).for_each(|core| self.record.core_bell(core).ring());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
