//! When a checkpoint is requested, committed and trimmed behind (protocol 5). Invariant: the order of completion: staged,
//! released and recorded, epoch active, committed, applied, trimmed; one checkpoint at a time; none is requested while a core
//! may be within its cut.

use std::path::Path;

use ftmb_runtime::checkpoint::{DeltaHead, StageDir};
use tracing::debug;

use crate::error::Error;
use crate::group_record::{GroupRecord, Phase, Stat};
use crate::output_logger::OutputLogger;

/// Share of a log, in 1/256, from which on a checkpoint is due: a third.
const DUE: u64 = 85;

/// Sees checkpoints through.
#[derive(Debug)]
pub struct Checkpoints {
    record: GroupRecord,
    stage: StageDir,
    interval: u64,
    epoch: u64,
    keeper: Option<usize>,
    head: Option<DeltaHead>,
    /// One is on its way: requested (or the first one of all) and not committed.
    open: bool,
    /// A staged file may be there that nobody has announced to this gateway.
    look: bool,
    trim: bool,
    /// The operator's requests that the open one answers.
    answers: u64,
    last: u64,
}

impl Checkpoints {
    /// For a group whose deltas are staged in the directory `stage`; `interval` in ns.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the directory cannot be made.
    pub fn new(record: GroupRecord, stage: &Path, interval: u64) -> Result<Checkpoints, Error> {
        let stage = StageDir::create(stage)?;
        let last = record.now();
        record.set_stat(Stat::CheckpointOpen, 0);
        Ok(Checkpoints {
            record,
            stage,
            interval,
            epoch: 0,
            keeper: None,
            head: None,
            open: false,
            look: true,
            trim: true,
            answers: 0,
            last,
        })
    }

    /// Commits what may be committed, trims what may be trimmed, and requests the next one if it is due or `pressed` for.
    /// `keeper`: the slot of the member that stages and applies. Returns whether it did anything.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for a damaged staged file, [`Error::Base`] for one that does not fit.
    pub fn step(&mut self, ol: &mut OutputLogger, keeper: Option<usize>, pressed: bool) -> Result<bool, Error> {
        let epoch = self.record.epoch();
        if self.epoch != epoch || self.keeper != keeper {
            if self.epoch != epoch {
                (self.head, self.open, self.answers) = (None, false, 0);
                self.record.set_stat(Stat::CheckpointOpen, 0);
            }
            (self.epoch, self.keeper, self.look) = (epoch, keeper, true);
        }
        let committed = self.commit(ol)?;
        self.trim_behind(ol);
        let requested = self.is_due(ol, pressed);
        if requested {
            self.answers = self.record.asked();
            self.open = true;
            self.record.set_stat(Stat::CheckpointOpen, self.record.now().max(1));
            self.record.request();
            if let Some(current) = self.record.current() {
                self.record.member_bell(current.master).ring();
            }
            // Cores that are asleep must arrive at the flip.
            for core in 0..self.record.cores() {
                self.record.core_bell(core).ring();
            }
        }
        Ok(committed || requested)
    }

    fn commit(&mut self, ol: &mut OutputLogger) -> Result<bool, Error> {
        let next = self.record.committed().map_or(0, |number| number + 1);
        // Whoever loads the image can finish one committed delta, not two.
        if next != 0 && !self.is_applied() {
            return Ok(false);
        }
        if self.head.is_none() && self.is_staged(next) {
            self.head = Some(DeltaHead::open(&self.stage.file(self.epoch, next))?);
        }
        let Some(head) = self.head.take_if(|head| ol.covers(head)) else { return Ok(false) };
        // Once it is committed, the keeper may apply and remove it at any moment.
        let bytes = std::fs::metadata(head.path()).map_or(0, |meta| meta.len());
        ol.commit(&head)?;
        (self.open, self.trim, self.last) = (false, true, self.record.now());
        self.record.set_answered(self.record.answered().max(std::mem::take(&mut self.answers)));
        if let Some(keeper) = self.keeper {
            self.record.member_bell(keeper).ring();
        }
        debug!(number = next, epoch = self.epoch, bytes, "committed a checkpoint");
        self.record.add_stat(Stat::Checkpoints, 1);
        self.record.set_stat(Stat::CheckpointBytes, bytes);
        self.record.add_stat(Stat::CheckpointBytesTotal, bytes);
        if next != 0 {
            let gap = self.last.saturating_sub(self.record.stat(Stat::CheckpointAt));
            self.record.set_stat(Stat::CheckpointGap, gap);
        }
        self.record.set_stat(Stat::CheckpointAt, self.last);
        self.record.set_stat(Stat::CheckpointOpen, 0);
        // A keeper that died may have staged the one after as well.
        self.look = true;
        Ok(true)
    }

    /// Whether the next checkpoint is staged: the keeper says so, or its file is there, whole by its name, because a keeper
    /// died before it could say so.
    fn is_staged(&mut self, next: u64) -> bool {
        let said = self.keeper.and_then(|slot| self.record.member(slot).staged());
        if said.is_some_and(|(epoch, number)| epoch == self.epoch && number >= next) {
            return true;
        }
        std::mem::take(&mut self.look) && self.stage.file(self.epoch, next).exists()
    }

    /// Whether the keeper has the committed checkpoint in the image. One that is still loading will say so when it has.
    fn is_applied(&self) -> bool {
        self.keeper.is_some_and(|slot| {
            let member = self.record.member(slot);
            matches!(member.phase(), Phase::Standby | Phase::Keeper) && member.applied() >= self.record.committed()
        })
    }

    fn trim_behind(&mut self, ol: &OutputLogger) {
        let applied = || {
            let Some(slot) = self.keeper else { return true };
            let member = self.record.member(slot);
            // Who is still loading finishes what is staged by itself.
            !matches!(member.phase(), Phase::Standby | Phase::Keeper) || member.applied() >= self.record.committed()
        };
        if self.trim && applied() {
            self.trim = !ol.trim();
        }
    }

    fn is_due(&self, ol: &OutputLogger, pressed: bool) -> bool {
        let record = &self.record;
        let keeper = self.keeper.map(|slot| record.member(slot).phase());
        let possible = record.is_active()
            && record.committed().is_some()
            && !self.open
            && record.requested() == record.flipped()
            && matches!(keeper, Some(Phase::Standby | Phase::Keeper));
        let late = || record.now() >= self.last + self.interval && !ol.is_drained();
        possible && (pressed || record.asked() != record.answered() || late() || ol.fill() >= DUE)
    }
}

#[cfg(test)]
mod tests;
