//! The loop of one core: inputs in order, each completely or not at all, published between packets (protocol sections 2, 3, I5).
//!
//! Invariant: a core starts an input only if its `det` and `out` logs have room for the most that the input may produce, and it
//! publishes what it has before it waits for anything; so a full log stops a core only at a packet boundary.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::checkpoint::CorePoint;
use crate::crew::Abandon;
use crate::flip::Arrival;
use crate::frame::{self, OUT_HEADER};
use crate::instance::{Instance, InstanceError};
use crate::lane::Lane;
use crate::log::{Bell, FrameReader, FrameWriter, Log};
use crate::middlebox::Middlebox;
use crate::packet::Packet;
use crate::recorder::Core;
use crate::replayer::Replayer;
use crate::{context, rng, sync};

/// Inputs processed between two publications, at most.
pub const BATCH: usize = 32;
/// Determinants that one packet may make, in words: the room that a core keeps free.
pub const DET_RESERVE: u64 = 64 * 1024;
/// Bytes of `out` log that one packet may need.
pub const OUT_RESERVE: u64 = (Packet::space_for(frame::MAX_PACKET)
    + OUT_HEADER
    + context::EMIT_BYTES
    + context::EMIT_FRAMES * (OUT_HEADER + 2 * crate::log::FRAME_HEADER)) as u64;

/// The mark in a `det` log's header that says where its core is in its `in` log: at the start of the input it processes, or behind
/// the last one that it has processed and published.
pub const INPUT_MARK: usize = 0;

/// How a core waits for input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Polling {
    /// Spins briefly, yields for a while ([`LINGER`]), then blocks: shares the CPU with others, and is awake while packets come
    /// every now and then.
    #[default]
    Adaptive,
    /// Never gives the CPU away: for cores of their own.
    Dedicated,
}

/// How long a thread that has had work yields before it blocks: to be woken takes tens of microseconds (and milliseconds of a virtual
/// CPU that its host has put aside), so somebody who sends a thousand packets a second should not have to wait for that with each:
/// of such packets through two interfaces and back, half took 0.1 ms with this, and 0.2 to 4 ms with 0, 50, 200 and 500 us.
pub const LINGER: Duration = Duration::from_millis(2);

/// Where threads of a group sleep.
pub trait Bells: Send + Sync {
    /// Where a core sleeps for input or room.
    fn core(&self, core: usize) -> Bell<'_>;
    /// Where whoever reads the core's logs sleeps.
    fn downstream(&self) -> Bell<'_>;
}

/// The logs of one core in one epoch.
#[derive(Clone, Debug)]
pub struct CoreLogs {
    /// Its inputs.
    pub input: Log,
    /// Its determinants.
    pub det: Log,
    /// Its outputs.
    pub out: Log,
}

/// The old log that a core reproduces first.
#[derive(Clone, Debug)]
pub struct OldLog {
    /// The previous epoch's determinants.
    pub det: Log,
    /// Position of the checkpoint that replay starts from, words.
    pub from: u64,
    /// The cut, words.
    pub cut: u64,
}

/// Where a core starts.
#[derive(Clone, Debug)]
pub struct CoreStart {
    /// The checkpoint's point of this core.
    pub point: CorePoint,
    /// What it must reproduce; `None`: nothing.
    pub old: Option<OldLog>,
}

/// The point of a core that has processed nothing: checkpoint 0.
pub fn first_point(group_seed: u64, core: usize) -> CorePoint {
    CorePoint { core_state: rng::save(&rng::seeded(group_seed, core)), ..CorePoint::default() }
}

/// One core of a running instance.
pub struct Worker<'a, M> {
    instance: &'a Instance<M>,
    bells: &'a dyn Bells,
    core: Core,
    input: FrameReader,
    lane: Lane,
    polling: Polling,
    interval: u32,
    arrival: u64,
    /// Since when there has been nothing to do.
    idle_since: Instant,
    /// Where the running input starts, for messages.
    current: u64,
}

impl<M> std::fmt::Debug for Worker<'_, M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("core", &self.core).finish_non_exhaustive()
    }
}

impl<'a, M: Middlebox> Worker<'a, M> {
    /// Prepares a core. All workers of an instance must be made before any runs.
    ///
    /// # Errors
    /// [`InstanceError::Log`] if its logs are damaged, [`InstanceError::Shape`] if the checkpoint's generator state is.
    pub fn new(
        instance: &'a Instance<M>,
        index: usize,
        logs: &CoreLogs,
        start: &CoreStart,
        bells: &'a dyn Bells,
        polling: Polling,
    ) -> Result<Worker<'a, M>, InstanceError> {
        let point = &start.point;
        let rng = rng::load(&point.core_state).ok_or(InstanceError::Shape {
            what: "a core's random generator, bytes",
            expected: 56,
            found: point.core_state.len() as u64,
        })?;
        // Intervals count from 1: zero marks a variable that was not acquired since it was restored.
        let interval = 1;
        let det = logs.det.word_writer();
        let core = Core::new(index, instance.cores(), instance.crew.clone(), det, rng, interval);
        if let Some(old) = &start.old {
            let replayer = Replayer::new(old.det.word_reader(), old.from, old.cut);
            if replayer.is_within() {
                instance.crew.enter_cut();
            }
            core.replay(replayer);
        }
        let out: FrameWriter = logs.out.writer()?;
        Ok(Worker {
            instance,
            bells,
            core,
            input: logs.input.reader(point.in_pos),
            lane: Lane::new(out, point.ordinal, point.hash),
            polling,
            interval,
            arrival: point.arrival,
            idle_since: Instant::now(),
            current: point.in_pos,
        })
    }

    /// Runs until the instance is stopped.
    ///
    /// # Errors
    /// [`InstanceError::Diverged`] if replay does not reproduce the old log, [`InstanceError::Panicked`] if user code panics
    /// (and the process does not abort), [`InstanceError::Log`] for a damaged log.
    pub fn run(self) -> Result<(), InstanceError> {
        let table = self.instance.table();
        table.enter(|| self.run_inputs())
    }

    fn run_inputs(mut self) -> Result<(), InstanceError> {
        self.bells.core(self.core.index).adopt();
        let mut idle = 0_u32;
        while !self.instance.is_over() {
            // Only complete inputs are ever published, so nothing half-done is seen by anybody; the instance is discarded.
            match catch_unwind(AssertUnwindSafe(|| self.batch())) {
                Ok(Ok(0)) => {
                    self.check_not_starved()?;
                    idle = self.wait(idle);
                }
                Ok(Ok(_)) => idle = 0,
                Ok(Err(error)) => {
                    self.instance.crew.kill();
                    return Err(error);
                }
                Err(payload) => return self.unwound(&*payload),
            }
        }
        match self.instance.crew.divergence() {
            Some(divergence) => Err(divergence.into()),
            None => Ok(()),
        }
    }

    fn unwound(&self, payload: &(dyn Any + Send)) -> Result<(), InstanceError> {
        if let Some(divergence) = self.instance.crew.divergence() {
            return Err(divergence.into());
        }
        if payload.is::<Abandon>() {
            return Ok(());
        }
        self.instance.crew.kill();
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("(no message)");
        Err(InstanceError::Panicked { core: self.core.index, input: self.current, message: text.into() })
    }

    /// Processes up to [`BATCH`] inputs and publishes; returns how many there were.
    fn batch(&mut self) -> Result<usize, InstanceError> {
        let mut done = 0;
        let flips = self.instance.flip.is_wanted();
        if flips {
            self.arrive();
        }
        while done < BATCH && self.step()? {
            done += 1;
            if self.instance.flip.is_wanted() {
                break;
            }
        }
        self.publish();
        if done > 0 || flips {
            self.bells.downstream().ring();
        }
        Ok(done)
    }

    fn publish(&mut self) {
        if self.instance.crew.is_dead() {
            // Crashed or diverged: guards have stopped recording, so what is there may lack something.
            return;
        }
        self.core.det.publish();
        self.lane.publish();
        // Release; pairs with whoever waits for the core to have got so far and then reads its logs.
        self.core.det.log().mark(INPUT_MARK).store(self.input.position(), Ordering::Release);
    }

    /// Processes one input, if there is one and room for it.
    fn step(&mut self) -> Result<bool, InstanceError> {
        let Worker { instance, core, input, lane, .. } = self;
        let Some(next) = input.peek()? else { return Ok(false) };
        let (position, end, kind) = (next.position, next.next, next.kind);
        let Some((header, bytes)) = frame::split_in(next.payload) else {
            return Err(InstanceError::Input { core: core.index, position, found: kind });
        };
        let whole = kind != frame::KIND_PACKET;
        let (words, space) =
            if whole { (core.det.log().span() / 2, lane.capacity() / 2) } else { (DET_RESERVE, OUT_RESERVE) };
        if !core.det.has_room(words) || !lane.has_room(space) {
            return Ok(false);
        }
        self.current = position;
        // Relaxed: read after a crash, or by tests that wait for progress.
        core.det.log().mark(INPUT_MARK).store(position, Ordering::Relaxed);
        // Never back: the input logger's arrivals do not decrease, and a replayed core sees the same ones.
        self.arrival = header.arrival.get().max(self.arrival);
        core.now.set(crate::recorder::InputTime { arrival: self.arrival, wall: header.wall.get() });
        if core.special.get() {
            core.note_input(position);
        }
        let middlebox = instance.middlebox();
        let known = sync::current::enter(core, || {
            match kind {
                frame::KIND_PACKET => lane.packet(core, middlebox, header, bytes, end),
                frame::KIND_TICK => lane.tick(core, middlebox, header, end),
                frame::KIND_CONTROL => lane.control(core, middlebox, header, bytes, end),
                _ => return false,
            }
            true
        });
        if !known {
            return Err(InstanceError::Input { core: core.index, position, found: kind });
        }
        input.seek(end);
        Ok(true)
    }

    /// At a flip: publishes, tells where it stands, waits for the others.
    fn arrive(&mut self) {
        self.publish();
        self.bells.downstream().ring();
        if self.core.is_within_cut() {
            return;
        }
        let point = CorePoint {
            in_pos: self.input.position(),
            det_pos: self.core.det.position(),
            out_pos: self.lane.position(),
            ordinal: self.lane.ordinal(),
            hash: self.lane.hash(),
            arrival: self.arrival,
            core_state: rng::save(&self.core.rng.borrow()),
        };
        let acquired = std::mem::take(&mut *self.core.acquired.borrow_mut());
        let instance = self.instance;
        let arrival = Arrival { core: self.core.index, point, acquired };
        let capture = |request, arrivals: &[Arrival], recycled| instance.capture(request, arrivals, recycled);
        if instance.flip.arrive(instance.cores(), arrival, capture, || instance.is_over()) {
            // Counting up, never zero: after 2^32 - 1 checkpoints a variable untouched since would be taken for a new one,
            // which costs a needless capture, no more.
            self.interval = self.interval.wrapping_add(1).max(1);
            self.core.interval.set(self.interval);
        }
    }

    /// Within the cut every input is there already: whoever runs out of them has diverged.
    fn check_not_starved(&mut self) -> Result<(), InstanceError> {
        if self.core.is_within_cut() && self.input.position() >= self.input.log().tail() {
            let found = "the end of the inputs".into();
            let diverged =
                AssertUnwindSafe(|| self.core.diverge("the input log".into(), "more determinants".into(), found));
            let _ = catch_unwind(diverged);
            return self.instance.crew.divergence().map_or(Ok(()), |divergence| Err(divergence.into()));
        }
        Ok(())
    }

    /// Waits for input, room, a flip or the end; returns the number of rounds spent idle.
    fn wait(&mut self, idle: u32) -> u32 {
        const SPIN: u32 = 100;
        const YIELD: u32 = 200;
        if idle == 0 {
            self.idle_since = Instant::now();
        }
        match self.polling {
            Polling::Dedicated => std::hint::spin_loop(),
            Polling::Adaptive if idle < SPIN => std::hint::spin_loop(),
            Polling::Adaptive if idle < YIELD || self.idle_since.elapsed() < LINGER => std::thread::yield_now(),
            Polling::Adaptive => {
                let (input, instance) = (&self.input, self.instance);
                let waiting = input.position() < input.log().tail();
                let news = || input.position() < input.log().tail() || instance.flip.is_wanted() || instance.is_over();
                // With input at hand the core waits for room, which nobody rings for: look again soon.
                let longest = if waiting { Duration::from_micros(50) } else { Duration::from_millis(10) };
                self.bells.core(self.core.index).wait(|| !waiting && news(), longest);
            }
        }
        idle.saturating_add(1)
    }
}

/// Makes a panic in packet, tick or control code abort the process, after the usual message: nothing may unwind past a
/// half-written state. For processes that are masters.
pub fn abort_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        if sync::current::in_input() {
            std::process::abort();
        }
    }));
}
