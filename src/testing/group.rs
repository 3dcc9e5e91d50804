//! A whole group in one process. Invariant: `released` only grows, in each core's order, and is never contradicted: the output
//! logger checks every regenerated output against what was released.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ftmb_netio::group_dir::{GroupLogs, LogSizes};
use ftmb_netio::group_record::{Birth, EpochRecord, GroupRecord};
use ftmb_netio::input_logger::InputLogger;
use ftmb_netio::output_logger::OutputLogger;
use ftmb_netio::port::Received;
use ftmb_runtime::checkpoint::{CorePoint, Delta};
use ftmb_runtime::flip::FlipRequest;
use ftmb_runtime::instance::{Instance, InstanceError};
use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use ftmb_runtime::worker::{CoreLogs, CoreStart, OldLog, first_point};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::cast::Cast;
use super::output::{Collector, Crash, GroupError, Output};
use super::stable::Delivered;

/// Nothing moves for so long: something hangs. Generous, since tests must not depend on speed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Input logger, master, output logger and standby in one process, for tests of a user's middlebox.
///
/// ```
/// use ftmb::prelude::*;
/// use ftmb::testing::{Crash, Group};
/// use std::sync::Mutex;
///
/// #[ftmb::shared]
/// struct Sequencer { next: Mutex<u64> }
///
/// #[ftmb::middlebox]
/// impl Middlebox for Sequencer {
///     fn process(&self, packet: &mut Packet<'_>, _cx: &mut Context<'_>) -> Verdict {
///         let mut next = self.next.lock().unwrap();
///         *next += 1;
///         packet.bytes_mut()[..8].copy_from_slice(&next.to_be_bytes());
///         Verdict::Forward(PortId(1))
///     }
/// }
///
/// #[ftmb::middlebox]
/// impl Sequencer {
///     fn new() -> Self {
///         Self { next: Mutex::new(0) }
///     }
/// }
///
/// let mut group = Group::new(2, Sequencer::new)?;
/// for i in 0..100_u8 {
///     group.send(PortId(0), &[i; 60]);
/// }
/// group.crash(Crash::AtAccess(50));
/// group.recover()?;
/// group.settle()?;
/// let mut stamps: Vec<u64> = group
///     .released(PortId(1))
///     .map(|output| u64::from_be_bytes(output.bytes[..8].try_into().unwrap()))
///     .collect();
/// stamps.sort();
/// assert_eq!(stamps, (1..=100).collect::<Vec<_>>());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Group<M: Middlebox> {
    make: Box<dyn Fn() -> M>,
    pub(super) record: GroupRecord,
    pub(super) logs: GroupLogs,
    input: InputLogger,
    pub(super) output: OutputLogger,
    delivered: Delivered,
    pub(super) master: Option<Cast<M>>,
    standby: Option<Instance<M>>,
    /// All committed checkpoints: what a new standby is brought up from.
    pub(super) deltas: Vec<Arc<Delta>>,
    collected: Collector,
    rng: SmallRng,
    sent: u64,
    controls: u64,
}

impl<M: Middlebox> std::fmt::Debug for Group<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("sent", &self.sent)
            .field("released", &self.collected.0.len())
            .finish_non_exhaustive()
    }
}

impl<M: Middlebox> Group<M> {
    /// Starts a group of so many cores. `make` constructs the middlebox, the same each time: for the master and every standby.
    ///
    /// # Errors
    /// [`GroupError`] if the state cannot be tracked.
    pub fn new(cores: usize, make: impl Fn() -> M + 'static) -> Result<Group<M>, GroupError> {
        Group::seeded(cores, 0, make)
    }

    /// As [`new`](Self::new); the seed decides what crashes lose, and seeds the cores' generators.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn seeded(cores: usize, seed: u64, make: impl Fn() -> M + 'static) -> Result<Group<M>, GroupError> {
        let record = GroupRecord::anonymous(Birth::now(cores, seed)).map_err(ftmb_netio::Error::from)?;
        let logs = GroupLogs::anonymous(cores, LogSizes::smallest(), 0)?;
        let every_port: Vec<PortId> = (0..16).map(PortId).collect();
        let input = InputLogger::attach(record.clone(), &logs, &[every_port])?.with_flow_hash(M::flow_hash);
        let delivered = Delivered::new(cores);
        let output = OutputLogger::new(record.clone(), logs.clone(), Box::new(delivered.clone()), None)?;
        let mut group = Group {
            make: Box::new(make),
            record,
            logs,
            input,
            output,
            delivered,
            master: None,
            standby: None,
            deltas: Vec::new(),
            collected: Collector::default(),
            rng: SmallRng::seed_from_u64(seed),
            sent: 0,
            controls: 0,
        };
        group.begin()?;
        Ok(group)
    }

    fn construct(&self) -> Result<Instance<M>, GroupError> {
        Ok(Instance::construct(self.record.cores(), Some(u64::MAX), || Ok::<M, InstanceError>((self.make)()))?)
    }

    pub(super) fn fresh_points(&self) -> Vec<CorePoint> {
        (0..self.record.cores()).map(|core| first_point(self.record.birth().seed, core)).collect()
    }

    fn begin(&mut self) -> Result<(), GroupError> {
        let epoch = self.output.prepare(0, &mut self.collected)?;
        self.output.begin(&epoch)?;
        let master = self.construct()?;
        self.record.set_variables(master.table().len());
        let request = FlipRequest { epoch: epoch.number, number: 0, base: None, fingerprint: 0 };
        let points = self.fresh_points();
        let delta = Arc::new(master.capture_constructed(request, points.clone())?);
        self.output.commit(delta.head())?;
        self.deltas.push(delta);
        self.standby = Some(self.new_standby()?);
        self.start(master, &epoch, points);
        Ok(())
    }

    pub(super) fn new_standby(&self) -> Result<Instance<M>, GroupError> {
        let standby = self.construct()?;
        for delta in &self.deltas {
            standby.apply(delta)?;
        }
        Ok(standby)
    }

    fn start(&mut self, instance: Instance<M>, epoch: &EpochRecord, points: Vec<CorePoint>) {
        let cores = points.into_iter().enumerate().map(|(core, point)| {
            let logs = CoreLogs {
                input: self.logs.input[core].clone(),
                det: self.logs.det[core][epoch.set].clone(),
                out: self.logs.out[core][epoch.set].clone(),
            };
            let cut = &epoch.cores[core];
            let old = epoch.from.map(|from| OldLog {
                det: self.logs.det[core][from.set].clone(),
                from: cut.start_det,
                cut: cut.cut_det,
            });
            (logs, CoreStart { point, old })
        });
        self.master = Some(Cast::start(instance, &self.record, cores.collect()));
    }

    /// Sends a packet in by a port. If the cores' logs are full, checkpoints are taken until there is room.
    pub fn send(&mut self, port: PortId, bytes: &[u8]) {
        self.send_with(port, bytes, Offload::default());
    }

    /// As [`send`](Self::send), of a packet as an interface hands it in: its checksum may be partial, and it may be still to be
    /// cut into segments.
    pub fn send_with(&mut self, port: PortId, bytes: &[u8], offload: Offload) {
        self.input.begin_batch();
        let frame = Received { port, source: self.sent + 1, offload, bytes };
        while !self.input.take(0, true, frame) {
            self.input.publish();
            // A crashed group makes no room; its test has to recover it first.
            let made_room = self.poll().and_then(|_| self.checkpoint());
            assert!(made_room.is_ok(), "the input log is full and no checkpoint can be taken: {made_room:?}");
            self.input.begin_batch();
        }
        self.sent += 1;
        self.input.publish();
    }

    /// Sends a tick to every core.
    pub fn tick(&mut self) {
        while !self.input.tick(0) {
            std::thread::yield_now();
        }
        self.input.publish();
    }

    /// Sends a control request; its reply is released with this number as source.
    pub fn control(&mut self, request: &[u8]) -> u64 {
        self.controls += 1;
        assert!(self.input.control(self.controls, request), "the input log of core 0 is full");
        self.input.publish();
        self.controls
    }

    /// Lets the output logger do what it can now.
    ///
    /// # Errors
    /// [`GroupError::Netio`] if what is regenerated contradicts what was released; whatever ended a core.
    pub fn poll(&mut self) -> Result<bool, GroupError> {
        let moved = !self.output.poll(&mut self.collected)?.is_idle();
        let failed = self.master.as_ref().is_some_and(|cast| cast.has_ended() && !cast.instance.crew().is_dead());
        let diverged = self.master.as_ref().and_then(|cast| cast.instance.crew().divergence());
        if let Some(divergence) = diverged {
            return Err(InstanceError::from(divergence).into());
        }
        if failed || self.master.as_ref().is_some_and(Cast::has_ended) {
            self.end_master(true)?;
        }
        Ok(moved)
    }

    fn end_master(&mut self, crash: bool) -> Result<(), GroupError> {
        if let Some(cast) = self.master.take() {
            cast.end(crash).1?;
        }
        Ok(())
    }

    pub(super) fn wait(&mut self, waiting: &'static str, done: impl Fn(&Group<M>) -> bool) -> Result<(), GroupError> {
        let mut moved = Instant::now();
        while !done(self) {
            if self.poll()? {
                moved = Instant::now();
            } else if moved.elapsed() > PATIENCE {
                return Err(GroupError::Hangs { waiting });
            } else {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// Takes a checkpoint and waits until it is committed and the standby has applied it.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub fn checkpoint(&mut self) -> Result<(), GroupError> {
        self.wait("the epoch to become active", |group| group.record.is_active())?;
        let Some(cast) = &self.master else { return Ok(()) };
        let last = self.deltas.len() as u64 - 1;
        let epoch = self.record.epoch();
        let request = FlipRequest { epoch, number: last + 1, base: Some(last), fingerprint: 0 };
        let instance = cast.instance.clone();
        let ring = || (0..self.record.cores()).for_each(|core| self.record.core_bell(core).ring());
        let Some(flipped) = instance.flip(request, None, ring)? else { return Ok(()) };
        let delta = Arc::new(flipped.delta);
        let mut moved = Instant::now();
        while !self.output.covers(delta.head()) {
            if self.poll()? {
                moved = Instant::now();
            } else if self.master.is_none() {
                // Crashed in between: this checkpoint is never committed.
                return Ok(());
            } else if moved.elapsed() > PATIENCE {
                return Err(GroupError::Hangs { waiting: "what precedes a flip to be released" });
            }
            std::thread::yield_now();
        }
        self.output.commit(delta.head())?;
        if let Some(standby) = &self.standby {
            standby.apply(&delta)?;
        }
        self.deltas.push(delta);
        self.output.trim();
        Ok(())
    }

    /// Crashes the master, now or at a tracked access to come.
    pub fn crash(&mut self, crash: Crash) {
        if let Some(cast) = &self.master {
            match crash {
                Crash::Now => cast.instance.crew().kill(),
                Crash::AtAccess(accesses) => cast.instance.crew().arm(accesses),
            }
        }
    }

    /// Starts recovery: waits for the crash (which happens now if the cores have run out of work before), decides what each stream
    /// has lost, cuts, and lets the standby replay. It may be crashed again before it is active.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub fn start_recovery(&mut self) -> Result<(), GroupError> {
        let crashed = |group: &Group<M>| group.master.as_ref().is_none_or(|cast| cast.instance.crew().is_dead());
        let mut idle = 0;
        while !crashed(self) && idle < 200 {
            idle = if self.poll()? { 0 } else { idle + 1 };
            std::thread::yield_now();
        }
        self.end_master(true)?;
        if let Some(epoch) = self.record.current() {
            let cursors = self.output.cursors();
            for (core, cursor) in cursors.into_iter().enumerate() {
                let (det, out) = (&self.logs.det[core][epoch.set], &self.logs.out[core][epoch.set]);
                let det = self.rng.random_range(cursor.min(det.tail())..=det.tail());
                // Outputs are frames: a limit inside one loses it whole.
                let out = self.rng.random_range(out.trimmed()..=out.tail());
                self.delivered.lose(core, det, out);
            }
        }
        let epoch = self.output.prepare(0, &mut self.collected)?;
        self.delivered.reset();
        self.output.begin(&epoch)?;
        let standby = match self.standby.take() {
            Some(standby) => standby,
            None => self.new_standby()?,
        };
        standby.adopt();
        let points = self.deltas.last().map_or_else(|| self.fresh_points(), |delta| delta.summary().cores.clone());
        self.start(standby, &epoch, points);
        self.standby = Some(self.new_standby()?);
        Ok(())
    }

    /// Recovers from a crash: [`start_recovery`](Self::start_recovery), then waits until the new epoch is active.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub fn recover(&mut self) -> Result<(), GroupError> {
        self.start_recovery()?;
        self.wait("the new epoch to become active", |group| group.record.is_active())
    }

    /// Waits until everything sent is processed and released, by way of a checkpoint that covers it all.
    ///
    /// # Errors
    /// As [`poll`](Self::poll).
    pub fn settle(&mut self) -> Result<(), GroupError> {
        let mut moved = Instant::now();
        while !self.output.is_drained() {
            self.checkpoint()?;
            if self.poll()? {
                moved = Instant::now();
            }
            if self.master.is_none() {
                return Err(GroupError::Hangs { waiting: "a crashed master; call recover first" });
            }
            if moved.elapsed() > PATIENCE {
                return Err(GroupError::Hangs { waiting: "all inputs to be processed and released" });
            }
        }
        Ok(())
    }

    /// What has left by a port, in the order it left.
    pub fn released(&self, port: PortId) -> impl Iterator<Item = &Output> {
        self.outputs().iter().filter(move |output| output.port == port && output.control.is_none())
    }

    /// Everything that has left, control replies included.
    pub fn outputs(&self) -> &[Output] {
        &self.collected.0
    }

    /// How many packets were sent.
    pub fn sent(&self) -> u64 {
        self.sent
    }
}
