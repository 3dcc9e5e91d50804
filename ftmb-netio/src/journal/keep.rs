//! What is kept, and what is removed. Invariant: a file is removed only when recovery needs it no more, and what recovery needs
//! instead is on the disk; beyond that, the oldest goes first, while there is more than is to be kept.
//!
//! ```text
//! checkpoint-0 | 1.segment 2.segment 3.segment 4.segment (open)
//!      └── checkpoints of 1..3 applied ──▶ checkpoint-57, which needs 3.segment and later: 1 and 2 may go, and checkpoint-0 with them
//! ```
//!
//! A thread of its own does that, from the files alone: the group is not asked for anything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ftmb_runtime::checkpoint::{DeltaHead, Summary};
use tracing::{debug, warn};

use super::config::JournalConfig;
use super::error::{JournalError, io_error};
use super::facts::Positions;
use super::format::{self, Kind};
use super::recovery::Recovery;
use super::run::{Run, write_durably};

/// Looks after the files of a journal while it is written.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// The segment that was due last; `None`: nothing was looked at yet.
    last: Option<u64>,
    at_work: Arc<AtomicBool>,
}

impl Keeping {
    /// A batch was written; `next_segment` is the number of the first segment that is not there yet.
    pub(super) fn look(&mut self, config: &JournalConfig, run: &Run, next_segment: u64, usable: bool) {
        let every = (config.keep / 4 / config.segment).max(2);
        let due = match self.last {
            // First of all, what earlier runs have left.
            None => usable,
            Some(last) => next_segment >= last + every,
        };
        if !due || self.at_work.swap(true, Ordering::SeqCst) {
            return;
        }
        let first = self.last.replace(next_segment).is_none();
        let (config, run, at_work) = (config.clone(), run.clone(), Arc::clone(&self.at_work));
        let work = move || {
            let condensed = if first { Ok(()) } else { condense(&run, next_segment - 1) };
            if let Err(error) = condensed.and_then(|()| prune(&config, &run)) {
                warn!(%error, "the journal's files are not condensed; they stay as they are");
            }
            at_work.store(false, Ordering::SeqCst);
        };
        if let Err(error) = std::thread::Builder::new().name("condensing".into()).spawn(work) {
            warn!(%error, "the journal's files are not condensed: no thread");
            self.at_work.store(false, Ordering::SeqCst);
        }
    }
}

/// Makes a complete checkpoint of what lies before segment `open`.
pub(super) fn condense(run: &Run, open: u64) -> Result<(), JournalError> {
    let Some(recovery) = Recovery::of(run.clone(), Some(open))? else { return Ok(()) };
    let number = recovery.committed();
    if run.checkpoints()?.last().is_some_and(|last| last.0 >= number) {
        return Ok(());
    }
    let room = run.path.join("condensing");
    remove(&room)?;
    std::fs::create_dir(&room).map_err(io_error(&room, "create directory"))?;
    let made = recovery.complete(&room.join("image"), &room.join("stage"));
    remove(&room)?;
    write_durably(&run.path.join(format!("checkpoint-{number}")), &made?.to_bytes())?;
    debug!(run = run.number, checkpoint = number, "condensed the journal");
    Ok(())
}

fn remove(directory: &Path) -> Result<(), JournalError> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error(directory, "remove")(error)),
        _ => Ok(()),
    }
}

/// Removes what is too much: other runs, then segments that the newest complete checkpoint does not need.
pub(super) fn prune(config: &JournalConfig, run: &Run) -> Result<(), JournalError> {
    let mut total = run.bytes()?;
    let mut others = Vec::new();
    for (number, path) in Run::list(&config.directory)? {
        if number != run.number {
            let bytes = directory_bytes(&path)?;
            total += bytes;
            others.push((path, bytes));
        }
    }
    for (path, bytes) in others {
        if total > config.keep {
            remove(&path)?;
            total -= bytes;
        }
    }
    let checkpoints = run.checkpoints()?;
    let Some((newest, path)) = checkpoints.last() else { return Ok(()) };
    let needed = first_needed(run, &summary(run, *newest, path)?)?;
    let (mut first, mut freed) = (0, false);
    for (number, path) in run.segments()? {
        if total <= config.keep || number >= needed {
            first = number;
            break;
        }
        let bytes = std::fs::metadata(&path).map_err(io_error(&path, "stat"))?.len();
        std::fs::remove_file(&path).map_err(io_error(&path, "remove"))?;
        (total, freed) = (total - bytes, true);
    }
    if freed {
        for (number, path) in &checkpoints[..checkpoints.len() - 1] {
            let start = start(run, &run.segment(first))?;
            let summary = summary(run, *number, path)?;
            if !start.is_some_and(|start| reaches_back(&start, &summary)) {
                std::fs::remove_file(path).map_err(io_error(path, "remove"))?;
            }
        }
    }
    Ok(())
}

fn directory_bytes(path: &Path) -> Result<u64, JournalError> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(path).map_err(io_error(path, "list"))? {
        bytes += entry.and_then(|entry| entry.metadata()).map_err(io_error(path, "stat"))?.len();
    }
    Ok(bytes)
}

/// What a complete checkpoint says of itself.
pub(super) fn summary(run: &Run, number: u64, path: &Path) -> Result<Summary, JournalError> {
    let failed = |source| JournalError::Checkpoint { path: run.path.clone(), number, source: Box::new(source) };
    Ok(DeltaHead::open(path).map_err(failed)?.summary().clone())
}

/// The first segment that recovery from a checkpoint needs: everything behind the checkpoint is in it and later ones.
pub(super) fn first_needed(run: &Run, summary: &Summary) -> Result<u64, JournalError> {
    let mut needed = 0;
    for (number, path) in run.segments()? {
        match start(run, &path)? {
            Some(start) if reaches_back(&start, summary) => needed = number,
            Some(_) => break,
            // It was made, and nothing has come to be in it.
            None => {}
        }
    }
    Ok(needed)
}

/// Whether everything behind a checkpoint lies behind a segment's start.
fn reaches_back(start: &Positions, summary: &Summary) -> bool {
    let inputs = start.input.iter().zip(&summary.cores).all(|(&at, point)| at <= point.in_pos);
    let dets = start.det.iter().all(|reached| match reached.epoch.cmp(&summary.epoch) {
        std::cmp::Ordering::Less => true,
        std::cmp::Ordering::Equal => reached.cores.iter().zip(&summary.cores).all(|(&at, point)| at <= point.det_pos),
        std::cmp::Ordering::Greater => reached.cores.iter().all(|&at| at == 0),
    });
    inputs && dets && !start.begun && start.checkpoint.is_none_or(|(_, number)| number <= summary.number)
}

/// The positions that a segment begins with; `None` if its first batch is not there.
fn start(run: &Run, path: &Path) -> Result<Option<Positions>, JournalError> {
    let mut buffer = Vec::new();
    if super::reader::first_into(path, run.id, &mut buffer)?.is_none() {
        return Ok(None);
    }
    let records = format::batch(&buffer).map(|(_, records)| records).ok();
    let record = records.and_then(|mut records| records.next()).filter(|record| record.kind == Kind::Start);
    Ok(record.and_then(|record| Positions::parse(record.bytes)))
}
