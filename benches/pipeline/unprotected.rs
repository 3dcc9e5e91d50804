//! The pipeline without fault tolerance: the same rings between the same threads, plain headers, nothing kept.
//!
//! Invariant: it does what a fast shared-memory pipeline must (classify, copy once, process in place, publish per 32) and nothing
//! that protection needs: no stamps beyond the arrival, no retention, no determinants, no hash, no ordinals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ftmb_netio::flow::FlowHash;
use ftmb_netio::group_dir::LogSizes;
use ftmb_runtime::log::{FrameReader, FrameWriter, Log, LogKind, LogSpec, Words};
use ftmb_runtime::packet::{Packet, PortId, Verdict};
use ftmb_runtime::time::Instant;
use ftmb_unprotected::{Context, Middlebox};

use crate::measure::pin;
use crate::stopwatch::Stopwatch;
use crate::{BATCH, Pipeline, spawn};

const PORT: usize = 2;
/// Port, arrival, flow hash.
const HEADER: usize = 16;

/// Rings, workers, and this thread's ends.
pub(crate) struct Unprotected {
    stopwatch: Arc<Stopwatch>,
    stop: Arc<AtomicBool>,
    bells: Words,
    inputs: Vec<FrameWriter>,
    outputs: Vec<FrameReader>,
    hash: FlowHash,
    zero: std::time::Instant,
    arrival: u64,
    taken: u64,
    released: u64,
    threads: Vec<JoinHandle<()>>,
}

impl Unprotected {
    pub(crate) fn start<M: Middlebox>(middlebox: M, cpus: &[usize], timed: usize, sizes: LogSizes) -> Unprotected {
        let middlebox = Arc::new(middlebox);
        let (stopwatch, stop) = (Arc::new(Stopwatch::new(timed)), Arc::new(AtomicBool::new(false)));
        let bells = Words::anonymous(cpus.len()).expect("memory for bells");
        let ring = |capacity| {
            Log::anonymous(LogSpec { kind: LogKind::Port, capacity, fingerprint: 0 }).expect("memory for rings")
        };
        let (mut inputs, mut outputs, mut threads) = (Vec::new(), Vec::new(), Vec::new());
        for (core, &cpu) in cpus.iter().enumerate() {
            let (input, output) = (ring(sizes.input), ring(sizes.out));
            inputs.push(input.writer().expect("a fresh ring"));
            outputs.push(output.reader(0));
            let worker = Worker {
                middlebox: middlebox.clone(),
                stopwatch: stopwatch.clone(),
                stop: stop.clone(),
                bells: bells.clone(),
                core,
                cores: cpus.len(),
                input: input.reader(0),
                output: output.writer().expect("a fresh ring"),
            };
            threads.push(spawn("unprotected", move || {
                pin(cpu);
                worker.run();
            }));
        }
        let (hash, zero) = (FlowHash::new(7), std::time::Instant::now());
        Unprotected { stopwatch, stop, bells, inputs, outputs, hash, zero, arrival: 0, taken: 0, released: 0, threads }
    }
}

impl Pipeline for Unprotected {
    fn begin_batch(&mut self) {
        self.arrival = self.zero.elapsed().as_nanos() as u64;
    }

    #[inline]
    fn take(&mut self, port: PortId, bytes: &[u8]) -> bool {
        let hash = self.hash.of(bytes);
        let input = &mut self.inputs[FlowHash::core(hash, self.outputs.len())];
        let Some(space) = input.reserve(HEADER + bytes.len()) else { return false };
        space[..PORT].copy_from_slice(&port.0.to_le_bytes());
        space[4..8].copy_from_slice(&hash.to_le_bytes());
        space[8..HEADER].copy_from_slice(&self.arrival.to_le_bytes());
        space[HEADER..].copy_from_slice(bytes);
        input.commit(0, 0, HEADER + bytes.len());
        self.taken += 1;
        true
    }

    fn publish(&mut self) {
        for (core, input) in self.inputs.iter_mut().enumerate() {
            input.publish();
            self.bells.bell(core).ring();
        }
    }

    fn step(&mut self, seen: &mut dyn FnMut(&[u8])) {
        for output in &mut self.outputs {
            for _ in 0..64 {
                let Some(frame) = output.next().expect("a sound ring") else { break };
                seen(&frame.payload[PORT..]);
                self.released += 1;
            }
            if output.position() != output.log().trimmed() {
                output.log().trim(output.position());
            }
        }
    }

    fn is_processed(&self) -> bool {
        self.inputs.iter().all(|input| input.log().trimmed() == input.published())
    }

    fn counts(&self) -> (u64, u64) {
        (self.taken, self.released)
    }

    fn stopwatch(&self) -> &Stopwatch {
        &self.stopwatch
    }
}

impl Drop for Unprotected {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        (0..self.inputs.len()).for_each(|core| self.bells.bell(core).ring());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

struct Worker<M> {
    middlebox: Arc<M>,
    stopwatch: Arc<Stopwatch>,
    stop: Arc<AtomicBool>,
    bells: Words,
    core: usize,
    cores: usize,
    input: FrameReader,
    output: FrameWriter,
}

impl<M: Middlebox> Worker<M> {
    /// The same adaptive waiting as `ftmb`'s.
    fn run(mut self) {
        ftmb_unprotected::enter(self.core);
        let mut idle = 0_u32;
        while !self.stop.load(Ordering::SeqCst) {
            if self.batch() != 0 {
                idle = 0;
                continue;
            }
            idle = idle.saturating_add(1);
            match idle {
                0..=100 => std::hint::spin_loop(),
                101..=200 => std::thread::yield_now(),
                _ => {
                    let (input, stop) = (&self.input, &self.stop);
                    let news = || input.position() < input.log().tail() || stop.load(Ordering::SeqCst);
                    self.bells.bell(self.core).wait(news, Duration::from_millis(10));
                }
            }
        }
    }

    fn batch(&mut self) -> usize {
        let mut done = 0;
        let mut emitted = Vec::new();
        while done < BATCH && self.output.has_room(1 << 18) {
            let Some(frame) = self.input.next().expect("a sound ring") else { break };
            let (header, bytes) = frame.payload.split_at(HEADER);
            let port = PortId(u16::from_le_bytes([header[0], header[1]]));
            let hash = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
            let mut arrival = [0; 8];
            arrival.copy_from_slice(&header[8..]);
            let now = Instant::from_nanos(u64::from_le_bytes(arrival));
            let space = self.output.reserve(PORT + Packet::space_for(bytes.len())).expect("room");
            let (head, room) = space.split_at_mut(PORT);
            let mut packet = Packet::new(room, bytes, port, now, hash);
            let mut cx = Context { now, core: self.core, cores: self.cores, emitted: &mut emitted };
            self.stopwatch.count(self.core);
            if let Verdict::Forward(port) = self.middlebox.process(&mut packet, &mut cx) {
                let len = packet.bytes().len();
                head.copy_from_slice(&port.0.to_le_bytes());
                self.output.commit(0, 0, PORT + len);
            }
            done += 1;
        }
        self.output.publish();
        self.input.log().trim(self.input.position());
        done
    }
}
