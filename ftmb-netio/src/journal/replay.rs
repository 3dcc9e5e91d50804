//! A recorded run, to be run again. Invariant: a stretch begins and ends at checkpoints that were committed, and all determinants
//! between them are of one epoch; so what it computes is compared with what had been computed, core by core.
//!
//! ```text
//! checkpoint 41 ── epoch 2 ── 42 ── 43 │ takeover │ ── epoch 3 ── 44 ── ... ── the last batch
//! └────────── stretch ──────────────┘   └───── stretch ────────────┘ └──── the last one, to the end of what was recorded
//! ```
//!
//! A checkpoint of a new epoch follows one of an older epoch: the new master had replayed from that one and had written all words
//! again, so the new epoch's words suffice.

use std::path::Path;

use ftmb_runtime::checkpoint::{Delta, Image, Summary};

use super::error::JournalError;
use super::recovery::Recovery;
use super::run::Run;
use super::snapshot::complete;
use crate::error::Error;
use crate::group_dir::GroupDir;
use crate::group_record::{GroupRecord, Released};

/// Inputs of a core in one stretch, bytes, from which on it is ended at the next checkpoint.
const ENOUGH: u64 = 16 << 20;

/// A part of a run that is run again at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The checkpoint that it begins with.
    pub from: u64,
    /// The checkpoint that it ends with; `None`: the end of what was recorded.
    pub to: Option<u64>,
    /// The epoch that recorded it.
    pub epoch: u64,
    /// Per core, what it must have released at its end; of the last one, what it must have released at least.
    pub released: Vec<Released>,
}

/// A run of a journal, to be run again from its oldest checkpoint on.
#[derive(Debug)]
pub struct Replay {
    recovery: Recovery,
    /// The checkpoints that are committed, in order.
    summaries: Vec<Summary>,
    stretches: Vec<Stretch>,
}

impl Replay {
    /// The newest run of a journal that has something to run again; `run`: that one, by its number. It may still be written.
    ///
    /// ```
    /// let dir = tempfile::tempdir()?;
    /// assert!(ftmb_netio::journal::Replay::open(dir.path(), None)?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`JournalError`], as [`Recovery::find`].
    pub fn open(directory: &Path, run: Option<u64>) -> Result<Option<Replay>, JournalError> {
        for (number, path) in Run::list(directory)?.into_iter().rev() {
            if run.is_some_and(|run| run != number) {
                continue;
            }
            if let Some(recovery) = Recovery::of_all(Run::open(number, path)?)? {
                return Replay::of(recovery).map(Some);
            }
        }
        Ok(None)
    }

    fn of(recovery: Recovery) -> Result<Replay, JournalError> {
        let mut summaries: Vec<Summary> = Vec::new();
        if let Some((number, path)) = recovery.run.checkpoints()?.into_iter().next() {
            summaries.push(super::keep::summary(&recovery.run, number, &path)?);
        }
        let committed = recovery.committed.clone();
        recovery.each_checkpoint(|batch, arrived| {
            let follows = summaries.last().is_none_or(|last| last.number < arrived.number);
            if follows && committed.contains(&(arrived.number, arrived.epoch, batch)) {
                summaries.push(arrived.delta(&recovery.run.path)?.summary().clone());
            }
            Ok(())
        })?;
        let mut replay = Replay { recovery, summaries, stretches: Vec::new() };
        replay.cut();
        Ok(replay)
    }

    fn cut(&mut self) {
        let mut from = 0;
        for at in 1..self.summaries.len() {
            let (first, here) = (&self.summaries[from], &self.summaries[at]);
            let next = self.summaries.get(at + 1);
            let ends = next.is_none_or(|next| next.epoch != here.epoch);
            let long = first.cores.iter().zip(&here.cores).any(|(a, b)| b.in_pos - a.in_pos > ENOUGH);
            if ends || long {
                let released = |core: &ftmb_runtime::checkpoint::CorePoint| Released {
                    ordinal: core.ordinal,
                    hash: core.hash,
                    epoch: here.epoch,
                };
                self.stretches.push(Stretch {
                    from: first.number,
                    to: Some(here.number),
                    epoch: here.epoch,
                    released: here.cores.iter().map(released).collect(),
                });
                from = at;
            }
        }
        if let Some(last) = self.summaries.last() {
            let facts = &self.recovery.facts;
            let released = facts.cores.iter().map(|core| core.released).collect();
            self.stretches.push(Stretch { from: last.number, to: None, epoch: facts.epoch, released });
        }
    }

    /// The parts, in order.
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// What is known of the run.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Makes a group that is about to run a stretch: all of its inputs are stamped, and its outputs have not left. `fingerprint`
    /// and the directory's configuration are those of the group that runs it. With `left`, what had left by the last facts of the
    /// run does not leave again, but is checked against them.
    ///
    /// # Errors
    /// As [`Recovery::rebuild`].
    pub fn rebuild(
        &self,
        stretch: &Stretch,
        dir: &GroupDir,
        state_dir: Option<&Path>,
        fingerprint: u64,
        left: bool,
    ) -> Result<GroupRecord, Error> {
        let summary = |number| self.summaries.iter().find(|summary| summary.number == number);
        let missing = || {
            let path = self.recovery.path().into();
            Error::from(JournalError::Missing { path, expected: "the checkpoint that a stretch begins with" })
        };
        let first = summary(stretch.from).ok_or_else(missing)?;
        let end = stretch.to.and_then(summary).map(|summary| summary.cores.clone());
        let mut facts = self.recovery.facts.clone();
        (facts.epoch, facts.set, facts.committed) = (stretch.epoch, 0, stretch.from);
        if !left {
            for (core, point) in facts.cores.iter_mut().zip(&first.cores) {
                core.released = Released { ordinal: point.ordinal, hash: point.hash, epoch: stretch.epoch };
            }
        }
        let part = self.recovery.part(facts, end);
        self.make_image(&part, dir, state_dir, fingerprint)?;
        part.make_memory(dir, first, fingerprint)
    }

    /// The image, with the fingerprint of the group that runs it.
    fn make_image(
        &self,
        part: &Recovery,
        dir: &GroupDir,
        state_dir: Option<&Path>,
        fingerprint: u64,
    ) -> Result<(), Error> {
        let image = dir.image(state_dir);
        let (recorded, stage) = (image.with_extension("recorded"), dir.stage(state_dir));
        part.make_image(&recorded, &stage)?;
        let loaded = Image::load(&recorded, part.fingerprint(), part.committed(), &stage)?;
        let whole: Delta = complete(&loaded, fingerprint, part.committed());
        drop(loaded);
        for made in [recorded.clone(), recorded.with_extension("recorded.lock")] {
            // Left where it is, it would only take room.
            let _ = std::fs::remove_file(made);
        }
        Image::create(&image, fingerprint)?.apply(&whole)?;
        Ok(())
    }
}
