//! The output logger: holds each output until every event it depends on is stable, releases it in its core's order, and knows
//! where replay must begin and end. Invariant: an output leaves only when its core's cursor has reached its `det` position and
//! its `in` position is stable; per core, what left is one sequence, recorded before the next burst (protocol 4, 5 and 6).
//!
//! ```text
//! det.<core> ──▶ cursor ──┐ (all cores, one fixed point)
//! out.<core> ──▶ frame ───┴─▶ ordinal <= released: check the hash, suppress       (replay makes it again)
//!                             ordinal == released + 1, epoch active: send ─▶ flush ─▶ record ─▶ trim `out`
//! ```
//!
//! Cursors and counts are private and rebuilt after a restart: from the [`Base`] (the committed checkpoint) by passing the
//! `det` logs again. It knows no processes, so that a group inside one process uses it as the gateway does.

mod base;
mod holders;
mod lane;

use ftmb_runtime::checkpoint::DeltaHead;
use ftmb_runtime::release::Tables;

use crate::error::Error;
use crate::group_dir::GroupLogs;
use crate::group_record::{CoreCut, CoreStat, EpochRecord, GroupRecord, Origin, Stat};
use crate::port::Sent;

pub use base::{Base, BasePoint};
pub use holders::{Holders, OneHost};
pub use lane::Lane;

/// An output that leaves.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// Kind of the `out` frame: a packet, a control reply, or a control error.
    pub kind: u8,
    /// The frame; of a control reply, `source` is the request's id and the bytes are the reply.
    pub sent: Sent<'a>,
}

/// Where released outputs go.
pub trait Outlet {
    /// Sends one output; false: no room just now, it is offered again.
    ///
    /// # Errors
    /// Whatever must end the gateway.
    fn send(&mut self, output: &Output<'_>) -> Result<bool, Error>;

    /// Pushes what was sent to the outside, so that the death of this process cannot take it back.
    ///
    /// # Errors
    /// Whatever must end the gateway.
    fn flush(&mut self) -> Result<(), Error>;
}

/// Outputs of one core between two records, at most: what may leave twice if this process dies in between.
pub const BURST: usize = 64;

/// What one call of [`OutputLogger::poll`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Polled {
    /// Determinant words passed.
    pub words: u64,
    /// Outputs released.
    pub released: u64,
    /// Outputs checked and suppressed.
    pub suppressed: u64,
    /// The epoch became active.
    pub activated: bool,
}

impl Polled {
    /// Whether nothing happened.
    pub fn is_idle(&self) -> bool {
        *self == Polled::default()
    }
}

/// One epoch as the output logger sees it.
#[derive(Debug)]
struct Reign {
    epoch: EpochRecord,
    tables: Tables,
    lanes: Vec<Lane>,
    active: bool,
    waits_for_first: bool,
}

/// Releases outputs. One thread polls it; see [`OutputLogger::split`] for several.
#[derive(Debug)]
pub struct OutputLogger {
    record: GroupRecord,
    logs: GroupLogs,
    holders: Box<dyn Holders>,
    base: Option<Base>,
    reign: Option<Reign>,
}

impl OutputLogger {
    /// An output logger for a group, fresh or restarted. `base`: the committed checkpoint, if there is one.
    ///
    /// # Errors
    /// [`Error::Base`] if `base` is not what the group record says is committed.
    pub fn new(
        record: GroupRecord,
        logs: GroupLogs,
        holders: Box<dyn Holders>,
        base: Option<Base>,
    ) -> Result<OutputLogger, Error> {
        let (expected, found) = (record.committed(), base.as_ref().map(|base| base.number));
        if expected != found {
            let (expected, found) = (expected.map_or(0, |n| n + 1), found.map_or(0, |n| n + 1));
            return Err(Error::Base { what: "number + 1", expected, found });
        }
        let mut logger = OutputLogger { record, logs, holders, base, reign: None };
        logger.enter()?;
        Ok(logger)
    }

    /// The committed checkpoint that a rebuild would start from.
    pub fn base(&self) -> Option<&Base> {
        self.base.as_ref()
    }

    /// The logs.
    pub fn logs(&self) -> &GroupLogs {
        &self.logs
    }

    /// Takes up the current epoch: cursors at the base, counts as of the base.
    fn enter(&mut self) -> Result<(), Error> {
        self.reign = None;
        let Some(epoch) = self.record.current() else { return Ok(()) };
        let active = self.record.is_active();
        let none = Base::none(self.record.cores());
        let base = self.base.as_ref().unwrap_or(&none);
        let tables = Tables::new(base.counts.len());
        for (id, &(acquired, at)) in base.counts.iter().enumerate() {
            tables.set(id as u32, acquired, at);
        }
        let mut lanes = Vec::with_capacity(self.record.cores());
        for core in 0..self.record.cores() {
            let (det, out) = (&self.logs.det[core][epoch.set], &self.logs.out[core][epoch.set]);
            let released = self.record.released(core);
            lanes.push(Lane::new(core, det, out, base, epoch.number, released)?);
        }
        let waits_for_first = self
            .record
            .takeover(epoch.number)
            .is_some_and(|takeover| takeover.detected != 0 && takeover.first_output == 0);
        self.reign = Some(Reign { epoch, tables, lanes, active, waits_for_first });
        Ok(())
    }

    /// Passes what may be passed and releases what may leave, up to a burst per core.
    ///
    /// # Errors
    /// [`Error::Divergence`] and other damage of the logs; what `outlet` returns.
    pub fn poll(&mut self, outlet: &mut dyn Outlet) -> Result<Polled, Error> {
        let mut polled = Polled::default();
        let Some(reign) = &mut self.reign else { return Ok(polled) };
        polled.words = reign.settle(&self.logs, &*self.holders)?;
        let mut sent = false;
        // Of what was recorded more may come out than `out` holds: it cannot wait until everything is reproduced.
        let active =
            reign.active && self.holders.know_active(reign.epoch.number) || !reign.active && self.record.runs_again();
        for lane in &mut reign.lanes {
            let input = self.holders.input(lane.core(), &self.logs.input[lane.core()]);
            let out = self.holders.out(lane.core(), &self.logs.out[lane.core()][reign.epoch.set]);
            let done = lane.release(input, out, active, BURST, outlet)?;
            polled.released += done.released;
            polled.suppressed += done.suppressed;
            sent |= done.released != 0;
        }
        let mut left_at = 0;
        if sent {
            outlet.flush()?;
            // Once for all that left together.
            left_at = self.record.now();
        }
        for lane in &mut reign.lanes {
            lane.record(&self.record, reign.epoch.number, left_at);
        }
        if !reign.active {
            polled.activated = reign.activate(&self.record)?;
        } else if polled.released != 0 && reign.waits_for_first {
            reign.waits_for_first = false;
            note(&self.record, reign.epoch.number, |takeover, now| takeover.first_output = now);
        }
        Ok(polled)
    }

    /// Cursors and counts, for several release threads: each owns some of the lanes and calls [`Lane::advance`]; whatever the
    /// interleaving, they reach the same fixed point.
    pub fn split(&mut self) -> Option<(&Tables, &mut [Lane])> {
        self.reign.as_mut().map(|reign| (&reign.tables, &mut reign.lanes[..]))
    }

    /// Whether a log holds something that has not been looked at yet; what waits for something else does not count.
    pub fn has_news(&self) -> bool {
        self.reign.as_ref().is_some_and(|reign| reign.lanes.iter().any(Lane::has_news))
    }

    /// Where each core's cursor is.
    pub fn cursors(&self) -> Vec<u64> {
        self.reign.iter().flat_map(|reign| reign.lanes.iter().map(Lane::position)).collect()
    }

    /// Prepares the next epoch (protocol 6, steps 1 and 2) with `master` as its master. The old master is fenced: it will
    /// write nothing more. If its epoch was active, its logs are closed, passed up to the fixed point, and the cursors are the
    /// cut; otherwise its logs are discarded and the epoch before is recovered again. The new epoch's logs are emptied.
    /// Nothing is decided before [`OutputLogger::begin`]: killed in between, a successor comes to the same.
    ///
    /// # Errors
    /// As [`OutputLogger::poll`].
    pub fn prepare(&mut self, master: usize, outlet: &mut dyn Outlet) -> Result<EpochRecord, Error> {
        let number = self.record.epoch() + 1;
        let cores = self.record.cores();
        let closing_ckpt = self.logs.ckpt.tail();
        let next = match (&self.base, self.record.current()) {
            // Nothing is committed, so nothing was stamped: the next master constructs the state again.
            (None, _) | (_, None) => {
                let cores = vec![CoreCut::default(); cores];
                EpochRecord { number, set: 0, from: None, base: None, master, closing_ckpt, cores }
            }
            (Some(base), Some(old)) if self.record.is_active() => {
                let base = Some(base.number);
                let cores = self.close_and_cut(outlet)?;
                let from = Some(Origin { epoch: old.number, set: old.set });
                EpochRecord { number, set: 1 - old.set, from, base, master, closing_ckpt, cores }
            }
            (Some(_), Some(old)) => EpochRecord { number, master, closing_ckpt, ..old },
        };
        self.reign = None;
        // Of the epoch that used this set before, if any: the one that was not active, or the one that the active one followed, which
        // may be several numbers back.
        let used = self.record.current().and_then(|current| match current.from {
            _ if current.set == next.set => Some(current.number),
            from => from.map(|from| from.epoch),
        });
        self.holders.let_go(used.unwrap_or(0));
        self.logs.reset_set(next.set);
        Ok(next)
    }

    /// Closes the logs of the epoch, reaches the fixed point, releases and records what it allows, and returns the cut.
    fn close_and_cut(&mut self, outlet: &mut dyn Outlet) -> Result<Vec<CoreCut>, Error> {
        if let Some(reign) = &mut self.reign {
            for lane in &mut reign.lanes {
                let set = reign.epoch.set;
                let det = self.holders.kept(lane.core(), reign.epoch.number, &self.logs.det[lane.core()][set]);
                let out = self.holders.out(lane.core(), &self.logs.out[lane.core()][set]);
                lane.close(det, out);
            }
        }
        // What a port has no room for now is made again by replay; so it ends when nothing more leaves.
        while self.poll(outlet)?.released != 0 {}
        let (Some(base), Some(reign)) = (&self.base, &mut self.reign) else { return Ok(Vec::new()) };
        reign.finish()?;
        // Until a checkpoint of this epoch is committed, its logs begin at the base.
        let of_this_epoch = base.epoch == reign.epoch.number;
        let cut = |(lane, point): (&Lane, &BasePoint)| CoreCut {
            closing_det: lane.closing().0,
            closing_out: lane.closing().1,
            start_det: if of_this_epoch { point.det_pos } else { 0 },
            cut_det: lane.position(),
        };
        Ok(reign.lanes.iter().zip(&base.cores).map(cut).collect())
    }

    /// Begins the epoch that [`OutputLogger::prepare`] returned; ring the master and the cores afterwards.
    ///
    /// # Errors
    /// [`Error::Base`] if record and checkpoint do not fit.
    pub fn begin(&mut self, epoch: &EpochRecord) -> Result<(), Error> {
        // A request that the old master did not answer is forgotten: the new one must not flip within its cut.
        self.record.set_flipped(self.record.requested());
        self.record.begin_epoch(epoch);
        if epoch.from.is_none() {
            // Nothing to reproduce: active from the start.
            self.record.set_active(epoch.number);
        }
        self.enter()
    }

    /// Whether everything before a checkpoint's flip is passed, released and recorded, and its inputs are stable (protocol 5,
    /// step 2), in an epoch that is active, and the holders have the checkpoint.
    pub fn covers(&self, head: &DeltaHead) -> bool {
        let summary = head.summary();
        // Asked first, so that they hear of it while outputs are still on their way.
        if !self.holders.have_checkpoint(head) {
            return false;
        }
        let Some(reign) = &self.reign else { return false };
        let of_this_epoch = reign.active && reign.epoch.number == summary.epoch;
        of_this_epoch
            && reign.lanes.iter().zip(&summary.cores).all(|(lane, point)| {
                lane.position() >= point.det_pos
                    && lane.recorded().ordinal >= point.ordinal
                    && self.holders.input(lane.core(), &self.logs.input[lane.core()]) >= point.in_pos
            })
    }

    /// Commits a checkpoint that [`OutputLogger::covers`] says may be: the commit point, then the base moves on.
    ///
    /// # Errors
    /// [`Error::Base`] if it does not follow the last one or does not fit the group.
    pub fn commit(&mut self, head: &DeltaHead) -> Result<(), Error> {
        let mut base = self.base.take().unwrap_or_else(|| Base::none(self.record.cores()));
        let first = self.record.committed().is_none();
        base.advance(head, first)?;
        self.record.commit(base.number);
        self.record.set_failures(0);
        self.base = Some(base);
        if first {
            // Now the number of variables is known; no determinant exists yet.
            self.enter()?;
        }
        Ok(())
    }

    /// Trims `in` and `det` behind the committed checkpoint (protocol 5, step 5): it has been applied, or there is nobody to
    /// apply it and whoever loads the image will. False: a holder still lacks something, and keeps the rest from being trimmed.
    pub fn trim(&self) -> bool {
        let (Some(base), Some(reign)) = (&self.base, &self.reign) else { return true };
        let mut whole = true;
        for (core, point) in base.cores.iter().enumerate() {
            let needed = self.holders.need_input(core);
            self.logs.input[core].trim(point.in_pos.min(needed));
            whole &= needed >= point.in_pos;
            if base.epoch == reign.epoch.number {
                let needed = self.holders.need_det(core, base.epoch);
                self.logs.det[core][reign.epoch.set].trim(point.det_pos.min(needed));
                whole &= needed >= point.det_pos;
            }
        }
        whole
    }

    /// The fullest of all `in` and current `det` logs: used share in 1/256.
    pub fn fill(&self) -> u64 {
        let Some(reign) = &self.reign else { return 0 };
        let det = self.logs.det.iter().map(|sets| &sets[reign.epoch.set]);
        self.logs.input.iter().chain(det).map(|log| log.used() * 256 / log.span()).max().unwrap_or(0)
    }

    /// Whether everything stamped has been processed, covered by the committed checkpoint, and released.
    pub fn is_drained(&self) -> bool {
        let (Some(base), Some(reign)) = (&self.base, &self.reign) else { return true };
        let inputs = self.logs.input.iter().zip(&base.cores).all(|(log, point)| log.tail() == point.in_pos);
        inputs && reign.active && reign.lanes.iter().all(Lane::is_drained)
    }
}

impl Reign {
    /// Advances all cursors to the fixed point over what is stable now.
    fn settle(&mut self, logs: &GroupLogs, holders: &dyn Holders) -> Result<u64, Error> {
        for lane in &mut self.lanes {
            let log = &logs.det[lane.core()][self.epoch.set];
            lane.see(holders.det(lane.core(), self.epoch.number, log));
        }
        self.advance()
    }

    /// Advances all cursors to the fixed point over what is kept of a master that has died; nothing is released any more.
    fn finish(&mut self) -> Result<u64, Error> {
        for lane in &mut self.lanes {
            lane.see(lane.closing().0);
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<u64, Error> {
        let mut total = 0;
        loop {
            let mut passed = 0;
            for lane in &mut self.lanes {
                passed += lane.advance(&self.tables)?;
            }
            total += passed;
            if passed == 0 {
                return Ok(total);
            }
        }
    }

    /// Protocol 6.4: active once, for every core, the cursor has reached the old cut, and count and hash agree.
    fn activate(&mut self, record: &GroupRecord) -> Result<bool, Error> {
        let reached = self.lanes.iter().zip(&self.epoch.cores).all(|(lane, cut)| lane.position() >= cut.cut_in_new());
        if !reached || !self.lanes.iter().all(Lane::agrees) {
            return Ok(false);
        }
        record.set_active(self.epoch.number);
        self.active = true;
        record.add_stat(Stat::Takeovers, 1);
        note(record, self.epoch.number, |takeover, now| takeover.active = now);
        for lane in &mut self.lanes {
            lane.unblock();
        }
        Ok(true)
    }
}

fn note(record: &GroupRecord, epoch: u64, change: impl FnOnce(&mut crate::group_record::Takeover, u64)) {
    if let Some(mut takeover) = record.takeover(epoch) {
        change(&mut takeover, record.now());
        record.note_takeover(&takeover);
    }
}

/// Adds what a lane did to the core's figures.
fn count(record: &GroupRecord, core: usize, words: u64, released: u64, bytes: u64, suppressed: u64) {
    for (stat, more) in [
        (CoreStat::Words, words),
        (CoreStat::Released, released),
        (CoreStat::ReleasedBytes, bytes),
        (CoreStat::Suppressed, suppressed),
    ] {
        if more != 0 {
            record.add_core_stat(core, stat, more);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
