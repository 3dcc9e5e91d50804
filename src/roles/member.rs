//! The process that runs the middlebox: standby first, master once the epoch record names it (protocol sections 5 and 6).
//!
//! Invariant: it processes nothing before its live objects are exactly the checkpoint that the epoch record names as base.

use std::time::{Duration, Instant as Clock};

use ftmb_netio::group_dir::{GroupDir, GroupLogs};
use ftmb_netio::group_record::{EpochRecord, GroupRecord, Identity, MemberError, Phase};
use ftmb_runtime::checkpoint::{Delta, DeltaSender, Progress};
use ftmb_runtime::flip::FlipRequest;
use ftmb_runtime::instance::{Instance, InstanceError};
use ftmb_runtime::middlebox::{Metrics, Middlebox};
use ftmb_runtime::worker::{CoreLogs, CoreStart, OldLog, Worker, abort_on_panic, first_point};

use super::keeping::{Held, Keeping, Places};
use super::{Claimed, MAX_SLEEP, is_orphan};
use crate::bells::RecordBells;
use crate::cli::observe::figures;
use crate::config::Config;
use crate::{Error, Result};

/// Runs a member process until it is killed, the group ends, or it cannot go on.
pub(super) fn run<M: Middlebox>(
    dir: &GroupDir,
    config: &Config,
    claimed: &Claimed,
    instance: Result<Instance<M>>,
) -> Result<()> {
    let member = claimed.record.member(claimed.slot);
    let outcome = instance.map_err(|error| (MemberError::Construction, error)).and_then(|instance| {
        let logs = prepare(dir, config, &claimed.record, &instance).map_err(classify)?;
        live(dir, config, claimed, &instance, &logs).map_err(classify)
    });
    match outcome {
        Ok(()) => Ok(()),
        Err((code, error)) => {
            member.fail(code, detail(&error));
            claimed.record.gateway_bell().ring();
            Err(error)
        }
    }
}

fn classify(error: Error) -> (MemberError, Error) {
    let code = match &error {
        Error::Instance(source) => match **source {
            InstanceError::Diverged(_) => MemberError::Divergence,
            InstanceError::Panicked { .. } => MemberError::Panic,
            _ => MemberError::Damaged,
        },
        Error::Log(_) | Error::Checkpoint(_) => MemberError::Damaged,
        _ => MemberError::Other,
    };
    (code, error)
}

/// Core and input position, as the group record wants them.
fn detail(error: &Error) -> u64 {
    let Error::Instance(source) = error else { return 0 };
    let (core, input) = match &**source {
        InstanceError::Diverged(divergence) => (divergence.core, divergence.input),
        InstanceError::Panicked { core, input, .. } => (*core, *input),
        _ => (0, 0),
    };
    (core as u64) << 56 | input
}

fn prepare<M: Middlebox>(
    dir: &GroupDir,
    config: &Config,
    record: &GroupRecord,
    instance: &Instance<M>,
) -> Result<GroupLogs> {
    let fingerprint = config.fingerprint(record.cores(), instance.table().layout());
    // Another build, configuration or layout is refused here, before anything is touched.
    GroupRecord::open(&dir.record_path(), fingerprint)?;
    Ok(dir.open_logs(record.cores(), fingerprint)?)
}

/// Follows as a standby until promoted, then reigns.
fn live<M: Middlebox>(
    dir: &GroupDir,
    config: &Config,
    claimed: &Claimed,
    instance: &Instance<M>,
    logs: &GroupLogs,
) -> Result<()> {
    let Claimed { record, slot } = claimed;
    let member = record.member(*slot);
    // The supervisor never reuses the slot of the current epoch's master, so a record that names this slot means this process.
    let mine = |epoch: &EpochRecord| epoch.master == *slot;
    member.set_phase(Phase::Loading);
    let places = Places::of(dir, config.state_dir());
    let (mut held, mut image) = Held::load(record, &places, instance)?;
    let mut promoted = record.current().filter(mine);
    if promoted.is_none() && config.keeps_image_in_standby() {
        let mut keeping = Keeping::start(record, *slot, places, image.take(), logs.ckpt.clone())?;
        announce_standby(record, *slot);
        promoted = follow(record, *slot, mine, || keeping.step(&mut held, instance))?;
        if let Some(epoch) = &promoted {
            keeping.leave(epoch.base, &mut held, instance)?;
        }
    } else if promoted.is_none() {
        drop(image.take());
        announce_standby(record, *slot);
        promoted = follow(record, *slot, mine, || Ok(false))?;
    }
    // The image belongs to the next keeper from here on.
    drop(image);
    let Some(epoch) = promoted else { return Ok(()) };
    if held.number != epoch.base {
        return Err(Error::Base { expected: epoch.base, found: held.number });
    }
    reign(dir, config, claimed, instance, logs, &epoch, &held)
}

fn announce_standby(record: &GroupRecord, slot: usize) {
    record.member(slot).set_phase(Phase::Standby);
    record.gateway_bell().ring();
}

/// Repeats `step` until this member is promoted; `None` if the group ends.
fn follow(
    record: &GroupRecord,
    slot: usize,
    mine: impl Fn(&EpochRecord) -> bool,
    mut step: impl FnMut() -> Result<bool>,
) -> Result<Option<EpochRecord>> {
    let bell = record.member_bell(slot);
    bell.adopt();
    let mut looked = Clock::now();
    loop {
        if let Some(epoch) = record.current().filter(|epoch| mine(epoch)) {
            return Ok(Some(epoch));
        }
        if is_orphan(record, &mut looked) {
            return Ok(None);
        }
        let mut stepped = Ok(false);
        let ready = || {
            stepped = step();
            !matches!(stepped, Ok(false)) || record.current().is_some_and(|epoch| mine(&epoch))
        };
        bell.wait(ready, MAX_SLEEP);
        stepped?;
    }
}

/// Runs the cores as the master of an epoch.
fn reign<M: Middlebox>(
    dir: &GroupDir,
    config: &Config,
    claimed: &Claimed,
    instance: &Instance<M>,
    logs: &GroupLogs,
    epoch: &EpochRecord,
    held: &Held,
) -> Result<()> {
    let Claimed { record, slot } = claimed;
    let member = record.member(*slot);
    member.set_phase(Phase::Promoted);
    abort_on_panic();
    let cores = record.cores();
    let mut master = Master { record, slot: *slot, instance, epoch: epoch.number, last: epoch.base, recycled: None };
    let mut ckpt = logs.ckpt.writer()?;
    let points = match epoch.base {
        Some(_) => {
            instance.adopt();
            held.points.clone()
        }
        None => {
            record.set_variables(instance.table().len());
            let points: Vec<_> = (0..cores).map(|core| first_point(record.birth().seed, core)).collect();
            let request = master.request();
            let delta = instance.capture_constructed(request, points.clone())?;
            master.send(delta, &mut ckpt)?;
            points
        }
    };
    let bells = RecordBells(record.clone());
    let mut workers = Vec::new();
    for (core, point) in points.into_iter().enumerate() {
        let core_logs = CoreLogs {
            input: logs.input[core].clone(),
            det: logs.det[core][epoch.set].clone(),
            out: logs.out[core][epoch.set].clone(),
        };
        let old = epoch.from.map(|from| OldLog {
            det: logs.det[core][from.set].clone(),
            from: epoch.cores[core].start_det,
            cut: epoch.cores[core].cut_det,
        });
        let start = CoreStart { point, old };
        workers.push(Worker::new(instance, core, &core_logs, &start, &bells, config.polling())?);
    }
    std::thread::scope(|scope| {
        let _ending = Ending(instance);
        let running: Vec<_> = workers
            .into_iter()
            .enumerate()
            .map(|(core, worker)| {
                let named = std::thread::Builder::new().name(format!("core {core}"));
                named.spawn_scoped(scope, move || worker.run()).map_err(Error::Thread)
            })
            .collect::<Result<_>>()?;
        let served = master.serve(dir, &mut ckpt, || running.iter().any(|thread| thread.is_finished()));
        if instance.crew().is_replaying() {
            // Some cores wait for others that will not come.
            instance.crew().kill();
        } else {
            instance.stop();
        }
        (0..cores).for_each(|core| record.core_bell(core).ring());
        for thread in running {
            match thread.join() {
                Ok(result) => result?,
                // A panic outside of user code; the hook has reported it.
                Err(_) => return Err(Error::Worker),
            }
        }
        served
    })
}

/// Lets no core run on when the thread that serves them has left.
struct Ending<'a, M: Middlebox>(&'a Instance<M>);

impl<M: Middlebox> Drop for Ending<'_, M> {
    fn drop(&mut self) {
        self.0.crew().kill();
    }
}

/// The master's side of checkpoints.
struct Master<'a, M> {
    record: &'a GroupRecord,
    slot: usize,
    instance: &'a Instance<M>,
    epoch: u64,
    /// The last checkpoint flipped (or replayed from).
    last: Option<u64>,
    recycled: Option<Delta>,
}

impl<M: Middlebox> Master<'_, M> {
    fn request(&self) -> FlipRequest {
        FlipRequest {
            epoch: self.epoch,
            number: self.last.map_or(0, |last| last + 1),
            base: self.last,
            fingerprint: self.record.fingerprint(),
        }
    }

    /// Sends a delta through the `ckpt` log, waiting for room.
    fn send(&mut self, delta: Delta, ckpt: &mut ftmb_runtime::log::FrameWriter) -> Result<()> {
        self.last = Some(delta.summary().number);
        let mut sender = DeltaSender::new(delta);
        let mut looked = Clock::now();
        loop {
            let progress = sender.step(ckpt);
            for member in self.record.members().filter(|member| member.slot() != self.slot) {
                self.record.member_bell(member.slot()).ring();
            }
            match progress {
                Progress::Done => break,
                Progress::Moved => {}
                Progress::Full if self.instance.is_over() || is_orphan(self.record, &mut looked) => return Ok(()),
                Progress::Full => {
                    self.record.member_bell(self.slot).wait(|| ckpt.has_room(1 << 16), Duration::from_millis(5))
                }
            }
        }
        self.recycled = Some(sender.into_delta());
        Ok(())
    }

    /// Answers checkpoint requests and tells how far the member is, until a core ends or the group does.
    fn serve(
        &mut self,
        dir: &GroupDir,
        ckpt: &mut ftmb_runtime::log::FrameWriter,
        ended: impl Fn() -> bool,
    ) -> Result<()> {
        let (record, bell) = (self.record, self.record.member_bell(self.slot));
        bell.adopt();
        let (mut looked, mut reported) = (Clock::now(), Clock::now());
        let mut replaying = true;
        while !ended() {
            if replaying && !self.instance.crew().is_replaying() {
                replaying = false;
                record.member(self.slot).set_phase(Phase::Master);
                record.gateway_bell().ring();
            }
            let serial = record.requested();
            if serial != record.flipped() && !replaying {
                self.checkpoint(serial, ckpt)?;
                continue;
            }
            if reported.elapsed() > Duration::from_secs(1) {
                reported = Clock::now();
                report(dir, self.instance);
            }
            if is_orphan(record, &mut looked) {
                return Ok(());
            }
            let sleep = if replaying { Duration::from_micros(200) } else { MAX_SLEEP };
            bell.wait(|| record.requested() != record.flipped(), sleep);
        }
        Ok(())
    }

    fn checkpoint(&mut self, serial: u64, ckpt: &mut ftmb_runtime::log::FrameWriter) -> Result<()> {
        let ring = || (0..self.record.cores()).for_each(|core| self.record.core_bell(core).ring());
        let flipped = self.instance.flip(self.request(), self.recycled.take(), ring)?;
        if let Some(flipped) = flipped {
            self.record.note_flip(flipped.pause);
            self.send(flipped.delta, ckpt)?;
            self.record.set_flipped(serial);
        }
        Ok(())
    }
}

/// Writes the middlebox's figures where `status` finds them. A failure costs only the figures.
fn report<M: Middlebox>(dir: &GroupDir, instance: &Instance<M>) {
    let mut metrics = Metrics::default();
    // A panic in a report costs the report: packets go on.
    let reported = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| instance.report(&mut metrics)));
    if reported.is_err() {
        return;
    }
    figures::write(dir, &metrics);
}

/// Refuses a process that comes too late for its slot.
pub(super) fn claim(record: GroupRecord, slot: usize, token: u64) -> Option<Claimed> {
    record.member(slot).claim(token, Identity::mine()).then_some(Claimed { record, slot })
}
