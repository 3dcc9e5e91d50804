//! After a power loss: the group's directory, made again from its journal. Invariant: what is made is what shared memory held at the
//! last whole batch, as far as recovery reads it: image, inputs and determinants behind it, and a record of an active epoch whose
//! master is gone.
//!
//! ```text
//! checkpoint-41 ─▶ image ◀─ 42 ◀─ 43 (committed by the last facts)        in.*: from 43's positions on, up to the last batch
//!                                                                         det.* of the active epoch: likewise, or from word 0
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ftmb_runtime::checkpoint::{CheckpointError, CorePoint, Delta, Image, StageDir, Summary};
use ftmb_runtime::frame::{KIND_CONTROL, split_in};
use ftmb_runtime::log::MAX_PAYLOAD;
use tracing::info;

use super::error::JournalError;
use super::facts::Facts;
use super::fold::{Arrived, Fold};
use super::format::{Frames, Kind};
use super::keep::{first_needed, summary};
use super::reader::Reader;
use super::run::{Run, ended, suspended};
use super::snapshot::complete;
use crate::error::Error;
use crate::group_dir::{GroupDir, LogSizes};
use crate::group_record::{Birth, GroupRecord, Past};
use crate::input_logger::{ARRIVAL, CONTROL};

/// A run that a group can go on from.
#[derive(Debug)]
pub struct Recovery {
    pub(super) run: Run,
    pub(super) facts: Facts,
    /// The checkpoints that are committed: number, epoch, and the batch that completes it.
    pub(super) committed: Vec<(u64, u64, u64)>,
    suspended: Option<String>,
    batches: u64,
    /// What is read: segments `from..until`.
    pub(super) from: u64,
    until: Option<u64>,
    /// Nothing behind this is made again; `None`: everything is.
    pub(super) end: Option<Vec<CorePoint>>,
}

impl Recovery {
    /// The newest usable run of a journal; `None` if there is none, or its group has ended in good order.
    ///
    /// ```
    /// use ftmb_netio::journal::Recovery;
    /// let dir = tempfile::tempdir()?;
    /// assert!(Recovery::find(dir.path())?.is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`JournalError`]: damage before the end names file, place, expected and found.
    pub fn find(directory: &Path) -> Result<Option<Recovery>, JournalError> {
        for (number, path) in Run::list(directory)?.into_iter().rev() {
            let run = Run::open(number, path)?;
            let Some(mut recovery) = Recovery::of(run, None)? else {
                // It ended in good order before anything could be written, and so did what was before it.
                if ended(directory, number).exists() {
                    return Ok(None);
                }
                continue;
            };
            recovery.suspended = std::fs::read_to_string(suspended(directory)).ok();
            let has_ended = recovery.facts.ended || ended(directory, number).exists();
            return Ok((!has_ended).then_some(recovery));
        }
        Ok(None)
    }

    /// What can be recovered from a run, up to its segment `until`; `None`: nothing yet.
    pub(super) fn of(run: Run, until: Option<u64>) -> Result<Option<Recovery>, JournalError> {
        let checkpoint = run.checkpoints()?.pop();
        Recovery::behind(run, checkpoint, until)
    }

    /// The same, but from its oldest complete checkpoint on.
    pub(super) fn of_all(run: Run) -> Result<Option<Recovery>, JournalError> {
        let checkpoint = run.checkpoints()?.into_iter().next();
        Recovery::behind(run, checkpoint, None)
    }

    /// This one, with other facts and another end.
    pub(super) fn part(&self, facts: Facts, end: Option<Vec<CorePoint>>) -> Recovery {
        let Recovery { run, committed, batches, from, until, .. } = self;
        let (run, committed) = (run.clone(), committed.clone());
        Recovery { run, facts, committed, suspended: None, batches: *batches, from: *from, until: *until, end }
    }

    fn behind(
        run: Run,
        checkpoint: Option<(u64, PathBuf)>,
        until: Option<u64>,
    ) -> Result<Option<Recovery>, JournalError> {
        let from = match checkpoint {
            Some((number, path)) => first_needed(&run, &summary(&run, number, &path)?)?,
            None => 0,
        };
        let (mut reader, mut fold) = (Reader::new(&run, from, until)?, Fold::default());
        let (mut newest, mut committed) = (HashMap::new(), Vec::new());
        let mut batches = 0;
        while let Some((place, head, records)) = reader.next()? {
            batches += 1;
            for record in records {
                if let Some(Arrived { epoch, number, .. }) = fold.take(&place, &record)? {
                    newest.insert(number, (epoch, head.sequence));
                }
            }
            // Of several that epochs have taken under one number, the last one before it is committed is the one.
            if let Some(facts) = &fold.facts {
                let mut decided: Vec<_> = newest.extract_if(|&number, _| number <= facts.committed).collect();
                decided.sort_unstable();
                committed.extend(decided.into_iter().map(|(number, (epoch, batch))| (number, epoch, batch)));
            }
        }
        let cores = run.origin.birth.cores;
        if fold.facts.as_ref().is_some_and(|facts| facts.cores.len() != cores) {
            let expected = "facts of as many cores as the group has";
            return Err(JournalError::Missing { path: run.path, expected });
        }
        let suspended = None;
        let end = None;
        Ok(fold.facts.map(|facts| Recovery { run, facts, committed, suspended, batches, from, until, end }))
    }

    /// The run's directory.
    pub fn path(&self) -> &Path {
        &self.run.path
    }

    /// The configuration of the group, as it was stored.
    pub fn config(&self) -> &[u8] {
        &self.run.origin.config
    }

    /// Build, configuration and layout that wrote it.
    pub fn fingerprint(&self) -> u64 {
        self.run.origin.fingerprint
    }

    /// Number of cores, seed and zero of the group.
    pub fn birth(&self) -> Birth {
        self.run.origin.birth
    }

    /// The committed checkpoint.
    pub fn committed(&self) -> u64 {
        self.facts.committed
    }

    /// Whole batches.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// Per core, the number of outputs that are known to have left.
    pub fn released(&self) -> Vec<u64> {
        self.facts.cores.iter().map(|core| core.released.ordinal).collect()
    }

    /// Why the group had gone on without its journal when it ended, if it had: then what left afterwards may be contradicted.
    pub fn suspended(&self) -> Option<&str> {
        self.suspended.as_deref()
    }

    /// Refuses a run of another build, configuration or layout.
    ///
    /// # Errors
    /// [`JournalError::Fingerprint`].
    pub fn check(&self, expected: u64) -> Result<(), JournalError> {
        let found = self.fingerprint();
        if found == expected {
            return Ok(());
        }
        Err(JournalError::Fingerprint { path: self.run.path.clone(), expected, found })
    }

    /// Makes logs, image and record of the group in a directory that is empty, the record last. A gateway that attaches finds an
    /// active epoch whose master is gone.
    ///
    /// # Errors
    /// [`Error::Journal`] for what is missing or damaged; otherwise what cannot be made.
    pub fn rebuild(&self, dir: &GroupDir, state_dir: Option<&Path>) -> Result<GroupRecord, Error> {
        dir.write_config(self.config())?;
        let summary = self.make_image(&dir.image(state_dir), &dir.stage(state_dir))?;
        let record = self.make_memory(dir, &summary, self.fingerprint())?;
        info!(
            run = %self.run.path.display(), batches = self.batches, epoch = record.epoch(), checkpoint = self.committed(),
            "the group is made again from its journal"
        );
        Ok(record)
    }

    /// Logs and record of the group behind a checkpoint, the record last.
    pub(super) fn make_memory(
        &self,
        dir: &GroupDir,
        summary: &Summary,
        fingerprint: u64,
    ) -> Result<GroupRecord, Error> {
        let kept = self.collect(summary)?;
        let cores = summary.cores.len();
        let sizes = self.sizes(&kept);
        let logs = dir.create_logs(cores, sizes, fingerprint, self.run.origin.ports)?;
        let (mut arrival, mut control) = (0, 0);
        for (core, point) in summary.cores.iter().enumerate() {
            let marks = &self.facts.cores[core].marks;
            (arrival, control) = (arrival.max(marks[ARRIVAL]).max(point.arrival), control.max(marks[CONTROL]));
            if !point.in_pos.is_multiple_of(8) {
                return Err(self.unsound("a checkpoint at the beginning of an input").into());
            }
            let log = &logs.input[core];
            log.begin_at(point.in_pos);
            for (mark, &value) in marks.iter().enumerate() {
                log.mark(mark).store(value, std::sync::atomic::Ordering::SeqCst);
            }
            let mut writer = log.writer()?;
            for frame in (Frames { bytes: &kept.input[core] }) {
                if let Some((header, _)) = split_in(frame.payload) {
                    arrival = arrival.max(header.arrival.get());
                    if frame.kind == KIND_CONTROL {
                        control = control.max(header.source.get());
                    }
                }
                if frame.payload.len() > MAX_PAYLOAD {
                    return Err(self.unsound("inputs that are not longer than the longest").into());
                }
                if writer.append(frame.kind, frame.flags, &[frame.payload]).is_none() {
                    return Err(self.unsound("inputs that fit into the log made for them").into());
                }
            }
            let reached = writer.position();
            writer.publish();
            if reached != kept.reached[core] {
                return Err(self.unsound("frames that end where the next record begins").into());
            }
            let log = &logs.det[core][self.facts.set];
            log.begin_at(kept.start[core]);
            let writer = log.word_writer();
            for word in kept.det[core].chunks_exact(8) {
                writer.push(u64::from_le_bytes(word.try_into().expect("eight bytes")));
            }
            writer.publish();
        }
        if let Some([incoming, _]) = &logs.ports {
            // Positions of memory ports' frames go on behind those that are stamped.
            let last = self.facts.stamped.into_iter().max().unwrap_or(0);
            incoming.begin_at(last.checked_next_multiple_of(8).ok_or_else(|| self.unsound("a source position"))?);
        }
        let past = Past {
            birth: self.run.origin.birth,
            epoch: self.facts.epoch,
            set: self.facts.set,
            committed: self.facts.committed,
            variables: summary.variables as usize,
            released: self.facts.cores.iter().map(|core| core.released).collect(),
            stamped: self.facts.stamped,
            arrival,
            controls: control,
        };
        Ok(GroupRecord::restore(&dir.record_path(), fingerprint, &past)?)
    }

    fn reader(&self) -> Result<Reader, JournalError> {
        Reader::new(&self.run, self.from, self.until)
    }

    /// The committed checkpoint as one that is relative to nothing; `image` and `stage` are files to work with.
    pub(super) fn complete(&self, image: &Path, stage: &Path) -> Result<Delta, JournalError> {
        self.make_image(image, stage)?;
        let number = self.facts.committed;
        let loaded =
            Image::load(image, self.fingerprint(), number, stage).map_err(|source| self.failed(number, source))?;
        Ok(complete(&loaded, self.fingerprint(), number))
    }

    fn failed(&self, number: u64, source: CheckpointError) -> JournalError {
        JournalError::Checkpoint { path: self.run.path.clone(), number, source: Box::new(source) }
    }

    /// Ring sizes as they were, or larger if the journal has more behind the committed checkpoint than a ring held.
    fn sizes(&self, kept: &Kept) -> LogSizes {
        let needed = |rows: &[Vec<u8>]| rows.iter().map(|row| row.len() as u64).max().unwrap_or(0).next_power_of_two();
        let mut sizes = LogSizes { port: LogSizes::smallest().port, ..self.run.origin.sizes };
        if self.run.origin.ports {
            sizes.port = self.run.origin.sizes.port;
        }
        sizes.input = sizes.input.max(needed(&kept.input));
        sizes.det = sizes.det.max(needed(&kept.det));
        sizes
    }

    fn unsound(&self, expected: &'static str) -> JournalError {
        JournalError::Missing { path: self.run.path.clone(), expected }
    }

    /// The image at the committed checkpoint.
    pub(super) fn make_image(&self, path: &Path, stage: &Path) -> Result<Summary, JournalError> {
        let committed = self.facts.committed;
        let failed = |number, source| self.failed(number, source);
        let made = StageDir::create(stage).and_then(|_| Image::create(path, self.fingerprint()));
        let mut image = made.map_err(|source| failed(committed, source))?;
        let mut summary = None;
        let mut apply = |number, delta: Delta| {
            image.apply(&delta).map_err(|source| failed(number, source))?;
            summary = Some(delta.summary().clone());
            Ok::<_, JournalError>(())
        };
        let whole = self.run.checkpoints()?.into_iter().rfind(|&(number, _)| number <= committed);
        let from = whole.as_ref().map(|&(number, _)| number);
        if let Some((number, path)) = whole {
            apply(number, Delta::open(&path).map_err(|source| failed(number, source))?)?;
        }
        let chain: HashMap<_, _> =
            self.committed.iter().map(|&(number, epoch, batch)| (batch, (number, epoch))).collect();
        if from < Some(committed) {
            self.each_checkpoint(|batch, arrived| {
                let wanted = chain.get(&batch) == Some(&(arrived.number, arrived.epoch));
                if wanted && Some(arrived.number) > from && arrived.number <= committed {
                    apply(arrived.number, arrived.delta(&self.run.path)?)?;
                }
                Ok(())
            })?;
        }
        drop(image);
        let found = summary.filter(|summary| summary.number == committed);
        let found = found.filter(|summary| summary.cores.len() == self.run.origin.birth.cores);
        found.ok_or_else(|| self.unsound("the checkpoint that its last facts call committed"))
    }

    pub(super) fn each_checkpoint(
        &self,
        mut visit: impl FnMut(u64, &Arrived) -> Result<(), JournalError>,
    ) -> Result<(), JournalError> {
        let mut reader = self.reader()?;
        let mut fold = Fold::keeping_bytes();
        while let Some((place, head, records)) = reader.next()? {
            for record in records {
                if let Some(arrived) = fold.take(&place, &record)? {
                    visit(head.sequence, &arrived)?;
                }
            }
        }
        Ok(())
    }

    /// Inputs behind the checkpoint, and determinants of the active epoch.
    fn collect(&self, summary: &Summary) -> Result<Kept, JournalError> {
        let epoch = self.facts.epoch;
        let of_this_epoch = summary.epoch == epoch;
        let start: Vec<_> = summary.cores.iter().map(|point| if of_this_epoch { point.det_pos } else { 0 }).collect();
        let cores = summary.cores.len();
        let mut kept = Kept {
            input: vec![Vec::new(); cores],
            det: vec![Vec::new(); cores],
            reached: summary.cores.iter().map(|point| point.in_pos).collect(),
            start: start.clone(),
        };
        let mut dets = start.clone();
        let (mut reader, mut fold) = (self.reader()?, Fold::default());
        while let Some((place, _, records)) = reader.next()? {
            for record in records {
                fold.take(&place, &record)?;
                let (bytes, next, unit) = match record.kind {
                    Kind::In => (&mut kept.input[record.core], &mut kept.reached[record.core], 1),
                    Kind::Det if record.epoch == epoch => (&mut kept.det[record.core], &mut dets[record.core], 8),
                    // Whoever went on here had none of its words, nor had it ended: what came before was of another epoch of this
                    // number, which a power loss undid before it was active.
                    Kind::Start
                        if fold.positions.as_ref().is_some_and(|now| now.det.iter().all(|det| det.epoch < epoch)) =>
                    {
                        kept.det.iter_mut().for_each(Vec::clear);
                        dets.clone_from(&start);
                        continue;
                    }
                    _ => continue,
                };
                let limit = self.end.as_ref().map_or(u64::MAX, |end| match record.kind {
                    Kind::In => end[record.core].in_pos,
                    _ => end[record.core].det_pos,
                });
                let end = (record.from + record.bytes.len() as u64 / unit).min(limit);
                if end <= *next {
                    continue;
                }
                // Before the first of them nothing may be missing; between them the fold has looked.
                let skip = next.checked_sub(record.from).ok_or_else(|| {
                    let (path, what, expected) =
                        (place.path.clone(), "the first position behind the checkpoint", *next);
                    JournalError::Gap { path, offset: place.offset, what, expected, found: record.from }
                })?;
                bytes.extend_from_slice(&record.bytes[(skip * unit) as usize..((end - record.from) * unit) as usize]);
                *next = end;
            }
        }
        Ok(kept)
    }
}

/// What lies behind a checkpoint.
#[derive(Debug)]
struct Kept {
    input: Vec<Vec<u8>>,
    det: Vec<Vec<u8>>,
    /// Per core, where the inputs end.
    reached: Vec<u64>,
    /// Per core, the first word.
    start: Vec<u64>,
}

/// What is wrong with a journal, or how it is: for an operator who looks at it without a group.
///
/// ```
/// let dir = tempfile::tempdir()?;
/// assert_eq!(ftmb_netio::journal::check(dir.path())?.len(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Recovery::find`].
pub fn check(directory: &Path) -> Result<Vec<RunState>, JournalError> {
    let mut runs = Vec::new();
    for (number, path) in Run::list(directory)? {
        let run = Run::open(number, path)?;
        let (segments, checkpoints) = (run.segments()?.len(), run.checkpoints()?.len());
        let bytes = run.bytes()?;
        let (path, fingerprint) = (run.path.clone(), run.origin.fingerprint);
        let recovery = Recovery::of_all(run)?;
        runs.push(RunState {
            path,
            fingerprint,
            segments,
            checkpoints,
            bytes,
            batches: recovery.as_ref().map_or(0, |recovery| recovery.batches),
            committed: recovery.as_ref().map(|recovery| recovery.facts.committed),
            epoch: recovery.as_ref().map(|recovery| recovery.facts.epoch),
            ended: recovery.is_some_and(|recovery| recovery.facts.ended),
        });
    }
    Ok(runs)
}

/// How one run of a journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// Its directory.
    pub path: PathBuf,
    /// Build, configuration and layout that wrote it.
    pub fingerprint: u64,
    /// Segments that are there.
    pub segments: usize,
    /// Complete checkpoints beside them.
    pub checkpoints: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Whole batches.
    pub batches: u64,
    /// The committed checkpoint; `None`: nothing can be recovered from it yet.
    pub committed: Option<u64>,
    /// The last active epoch.
    pub epoch: Option<u64>,
    /// The group has ended in good order.
    pub ended: bool,
}
