//! Runs of the same inputs: one is recorded, others replay it. Invariant: nothing of a recording is ever trimmed or written again,
//! and the
//! instance and logs of every run outlive the last replay, so that no two runs share an address.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ftmb_netio::flow::OwnHash;
use ftmb_netio::group_dir::{GroupLogs, LogSizes};
use ftmb_netio::group_record::{Birth, GroupRecord, monotonic_ns};
use ftmb_netio::input_logger::InputLogger;
use ftmb_netio::port::Received;
use ftmb_runtime::checkpoint::{CorePoint, Delta};
use ftmb_runtime::flip::FlipRequest;
use ftmb_runtime::frame::{KIND_CONTROL, KIND_PACKET, split_out};
use ftmb_runtime::instance::{Instance, InstanceError};
use ftmb_runtime::log::{Log, LogKind, LogSpec};
use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use ftmb_runtime::worker::{CoreLogs, CoreStart, INPUT_MARK, OldLog, first_point};

use super::cast::Cast;
use super::exactness::have_processed;
use super::group::PATIENCE;
use super::output::{GroupError, Output};
use super::recoverable::Input;

/// What a run left behind.
pub(super) struct Run<M> {
    /// Per core, in order; of a run that was stopped, what it had published.
    pub(super) outputs: Vec<Vec<Output>>,
    /// Determinants per core, from where the run began.
    pub(super) words: Vec<Vec<u64>>,
    /// Every variable; nothing if the run was stopped.
    pub(super) state: Vec<(String, Vec<u8>)>,
    /// Why it was stopped.
    pub(super) stopped: Option<InstanceError>,
    /// From when to when it ran, ns of the monotonic clock.
    pub(super) during: (u64, u64),
    pub(super) instance: Arc<Instance<M>>,
    /// Its packets lay in them; kept for the same reason as the instance.
    _logs: Vec<CoreLogs>,
}

/// A run with the logs that replay it, from its start or from a checkpoint in its middle.
pub(super) struct Recording<M: Middlebox> {
    record: GroupRecord,
    logs: Vec<CoreLogs>,
    checkpoints: Vec<Arc<Delta>>,
    pub(super) run: Run<M>,
}

/// Bytes by which the stacks of each run's threads are larger than those of the run before.
const STACK_STEP: usize = 128 << 10;

impl<M: Middlebox> Recording<M> {
    /// Runs a trace; `schedule` decides where cores give the CPU away.
    pub(super) fn of(make: &dyn Fn() -> M, trace: &[Input], cores: usize, schedule: u64) -> Result<Self, GroupError> {
        let record = GroupRecord::anonymous(Birth::now(cores, 0)).map_err(ftmb_netio::Error::from)?;
        let inputs = (0..cores).map(|_| log(LogKind::In, input_bytes(trace))).collect::<Result<Vec<_>, _>>()?;
        let logs = inputs.iter().map(|input| logs_for(input, trace)).collect::<Result<Vec<_>, _>>()?;
        let instance = Instance::new(make(), cores, Some(u64::MAX))?;
        instance.crew().unsettle(schedule);
        let points: Vec<CorePoint> = (0..cores).map(|core| first_point(record.birth().seed, core)).collect();
        let request = FlipRequest { epoch: 1, number: 0, base: None, fingerprint: 0 };
        let first = Arc::new(instance.capture_constructed(request, points.clone())?);
        let starts = points.into_iter().map(|point| CoreStart { point, old: None });
        let began = monotonic_ns();
        let cast = Cast::with_stacks(instance, &record, logs.iter().cloned().zip(starts).collect(), stack(schedule));
        let mut feeder = Feeder::attach(&record, inputs, M::flow_hash)?;
        let (before, after) = trace.split_at(trace.len() / 2);
        feeder.send(before);
        finish(&cast, &logs)?;
        let request = FlipRequest { number: 1, base: Some(0), ..request };
        let ring = || (0..cores).for_each(|core| record.core_bell(core).ring());
        let middle = if cast.has_ended() { None } else { cast.instance.flip(request, None, ring)? };
        feeder.send(after);
        finish(&cast, &logs)?;
        let run = Run::end(cast, &logs, began)?;
        let checkpoints = [Some(first), middle.map(|flipped| Arc::new(flipped.delta))].into_iter().flatten().collect();
        Ok(Recording { record, logs, checkpoints, run })
    }

    /// Where each core was at checkpoint 0 (the start) or 1 (the middle).
    pub(super) fn points(&self, checkpoint: usize) -> &[CorePoint] {
        &self.checkpoints[checkpoint].summary().cores
    }

    /// Replays from a checkpoint under another schedule.
    pub(super) fn replay(&self, make: &dyn Fn() -> M, checkpoint: usize, schedule: u64) -> Result<Run<M>, GroupError> {
        let instance = Instance::new(make(), self.logs.len(), Some(u64::MAX))?;
        for delta in &self.checkpoints[..=checkpoint] {
            instance.apply(delta)?;
        }
        instance.adopt();
        instance.crew().unsettle(schedule);
        let mut logs = Vec::new();
        let mut starts = Vec::new();
        for (recorded, point) in self.logs.iter().zip(self.points(checkpoint)) {
            let (det, out) = (recorded.det.capacity(), recorded.out.capacity());
            logs.push(CoreLogs {
                input: recorded.input.clone(),
                det: log(LogKind::Det, det)?,
                out: log(LogKind::Out, out)?,
            });
            let old = OldLog { det: recorded.det.clone(), from: point.det_pos, cut: recorded.det.tail() };
            starts.push(CoreStart { point: point.clone(), old: Some(old) });
        }
        let began = monotonic_ns();
        let cores = logs.iter().cloned().zip(starts).collect();
        let cast = Cast::with_stacks(instance, &self.record, cores, stack(schedule));
        finish(&cast, &logs)?;
        Run::end(cast, &logs, began)
    }
}

impl<M: Middlebox> Run<M> {
    fn end(cast: Cast<M>, logs: &[CoreLogs], began: u64) -> Result<Run<M>, GroupError> {
        let (instance, ended) = cast.end(false);
        let stopped = ended.err();
        let mut run = Run {
            outputs: Vec::new(),
            words: Vec::new(),
            state: if stopped.is_none() { instance.snapshot()? } else { Vec::new() },
            stopped,
            during: (began, monotonic_ns()),
            instance,
            _logs: logs.to_vec(),
        };
        for (core, logs) in logs.iter().enumerate() {
            run.outputs.push(outputs(core, &logs.out)?);
            let words = logs.det.word_reader();
            let all = (0..logs.det.tail()).map(|at| words.get(at));
            run.words.push(all.collect::<Result<_, _>>().map_err(InstanceError::from)?);
        }
        Ok(run)
    }
}

/// Writes a trace into the `in` logs.
struct Feeder {
    logger: InputLogger,
    sent: u64,
    controls: u64,
}

impl Feeder {
    fn attach(record: &GroupRecord, input: Vec<Log>, own: OwnHash) -> Result<Feeder, GroupError> {
        let ckpt = log(LogKind::Ckpt, 0)?;
        let logs = GroupLogs { input, det: Vec::new(), out: Vec::new(), ckpt, ports: None };
        let every_port: Vec<PortId> = (0..16).map(PortId).collect();
        let logger = InputLogger::attach(record.clone(), &logs, &[every_port])?.with_flow_hash(own);
        Ok(Feeder { logger, sent: 0, controls: 0 })
    }

    fn send(&mut self, trace: &[Input]) {
        for input in trace {
            self.logger.begin_batch();
            let taken = match input {
                Input::Packet(port, bytes) => self.packet(*port, bytes, Offload::default()),
                Input::Offloaded(port, bytes, offload) => self.packet(*port, bytes, *offload),
                Input::Tick => self.logger.tick(0),
                Input::Control(request) => {
                    self.controls += 1;
                    self.logger.control(self.controls, request)
                }
            };
            assert!(taken, "an input log that was made for this trace is too small for it");
            self.logger.publish();
        }
    }

    fn packet(&mut self, port: PortId, bytes: &[u8], offload: Offload) -> bool {
        self.sent += 1;
        self.logger.take(0, true, Received { port, source: self.sent, offload, bytes })
    }
}

/// Bytes that hold all inputs, on whichever core they come together.
fn input_bytes(trace: &[Input]) -> u64 {
    let bytes = |input: &Input| match input {
        Input::Packet(_, bytes) | Input::Offloaded(_, bytes, _) | Input::Control(bytes) => bytes.len() as u64,
        Input::Tick => 0,
    };
    // A frame's headers and padding are shorter than 128 bytes.
    2 * trace.iter().map(|input| bytes(input) + 128).sum::<u64>()
}

fn logs_for(input: &Log, trace: &[Input]) -> Result<CoreLogs, GroupError> {
    let det = log(LogKind::Det, 16 * 1024 * trace.len() as u64)?;
    let out = log(LogKind::Out, 16 * input_bytes(trace) + 8 * 1024 * trace.len() as u64)?;
    Ok(CoreLogs { input: input.clone(), det, out })
}

/// A log in memory, which costs nothing before it is written.
fn log(kind: LogKind, bytes: u64) -> Result<Log, GroupError> {
    let least = LogSizes::smallest();
    let capacity = bytes.clamp(4 * least.input.max(least.out), 256 << 20).next_power_of_two();
    Ok(Log::anonymous(LogSpec { kind, capacity, fingerprint: 0 }).map_err(InstanceError::from)?)
}

fn stack(schedule: u64) -> usize {
    (2 << 20) + schedule as usize * STACK_STEP
}

/// Waits until all inputs are processed or the run has stopped.
fn finish<M: Middlebox>(cast: &Cast<M>, logs: &[CoreLogs]) -> Result<(), GroupError> {
    let tails: Vec<u64> = logs.iter().map(|logs| logs.input.tail()).collect();
    // Relaxed: a figure of progress.
    let reached = |logs: &CoreLogs| logs.det.mark(INPUT_MARK).load(Ordering::Relaxed);
    let (mut before, mut moved) = (0, Instant::now());
    while !have_processed(logs.iter().map(|logs| &logs.det), &tails) && !cast.has_ended() {
        for (core, logs) in logs.iter().enumerate() {
            let full = [("determinant", &logs.det), ("output", &logs.out)];
            if let Some((log, _)) = full.into_iter().find(|(_, log)| 2 * log.used() > log.span()) {
                return Err(GroupError::TooLong { log, core, inputs: reached(logs) });
            }
        }
        let now = logs.iter().map(|logs| reached(logs) + logs.det.tail()).sum::<u64>();
        if now != before {
            (before, moved) = (now, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err(GroupError::Hangs { waiting: "a run to process its inputs" });
        }
        std::thread::yield_now();
    }
    Ok(())
}

fn outputs(core: usize, log: &Log) -> Result<Vec<Output>, GroupError> {
    let mut reader = log.reader(0);
    let mut all = Vec::new();
    while let Some(frame) = reader.next().map_err(InstanceError::from)? {
        let Some((header, bytes)) = split_out(frame.payload) else { continue };
        let control = match frame.kind {
            KIND_PACKET => None,
            KIND_CONTROL => Some(Ok(())),
            _ => Some(Err(())),
        };
        all.push(Output {
            core,
            ordinal: header.ordinal.get(),
            port: PortId(header.input.port.get()),
            source: header.input.source.get(),
            control,
            offload: Offload::from_bytes(header.input.offload),
            bytes: bytes.to_vec(),
        });
    }
    Ok(all)
}
