//! The journal: what a group would need after a power loss, and what a recorded run is replayed from, on disk. Invariant: at every
//! instant the newest usable run on the disk gives, up to its last whole batch, a group as it was: whatever it says has left can be
//! made again from it; and under [`Durability::Sync`] whatever has left is in it.
//!
//! ```text
//! gateway's thread                                     journal's thread                                  disk
//! in.*  (trimmed only behind what is durable) ───────▶ copy ─┐
//! det.* (likewise, per epoch) ───────────────────────▶ copy ─┼▶ batch ─▶ O_DIRECT write, synced ─▶ run-1/000001.segment
//! staged checkpoint (committed only when durable) ───▶ copy ─┤
//! group record ──────────────────────────────────────▶ facts ┘
//! Holders: stable = durable (sync) ◀────────────────── positions
//! ```
//!
//! A batch is one group commit. Its bytes are drawn in `format`, the files in `run`. What the `ckpt` log carries is taken from the
//! staged files, which are whole and checked, and handed over open, so that their names may go. Outputs are not kept: replay makes
//! them again.
//!
//! | when | then |
//! | --- | --- |
//! | the gateway dies | its successor goes on behind the last whole batch: what follows is still in the logs, which are trimmed only behind what is durable |
//! | the epoch changes | facts name the last *active* epoch; under `sync` nothing of a new one leaves before the disk knows it |
//! | power is lost | [`Recovery`] makes the group's directory again: the committed checkpoint, inputs and determinants behind it; the gateway finds a group whose master has died |
//! | the disk is slow, full, broken | [`WhenSlow`], [`WhenFull`]: wait, stop, or go on without and begin a new run with a checkpoint of its own when it works again |
//!
//! The thread is one of its own, not the gateway's: creating and allocating a segment, and syncing where there is no io_uring, block.

mod config;
mod disk;
mod error;
mod facts;
mod fold;
mod format;
mod gather;
mod keep;
mod print;
mod reader;
mod recovery;
mod replay;
mod run;
mod shared;
mod snapshot;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::{info, warn};

use crate::group_dir::{GroupLogs, LogSizes};
use crate::group_record::{GroupRecord, Stat};
use crate::output_logger::{Base, Holders, OutputLogger};
use disk::{Disk, SegmentDisk};
use facts::{Origin, Positions};
use fold::Fold;
use gather::Gatherer;
use keep::Keeping;
use reader::Reader;
use run::Run;
use shared::{Mode, OnDisk, Shared};
use writer::{Running, Writer};

pub use config::{Durability, JournalConfig, WhenFull, WhenSlow};
pub use error::JournalError;
pub use print::{MAGIC, describe};
pub use recovery::{Recovery, RunState, check};
pub use replay::{Replay, Stretch};
pub use run::refuse_in_use;

/// How long a suspended journal rests before it is tried again, at first, and after many tries: each one reads a whole checkpoint.
const REST: Duration = Duration::from_secs(2);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// How long the end of a group waits for the last batch.
const LAST: Duration = Duration::from_secs(10);

/// A group, as its journal sees it.
#[derive(Debug)]
pub struct Journaled<'a> {
    /// Its record.
    pub record: &'a GroupRecord,
    /// Its logs.
    pub logs: &'a GroupLogs,
    /// The checkpoint image.
    pub image: &'a Path,
    /// The directory of staged checkpoints.
    pub stage: &'a Path,
    /// The configuration as it is stored.
    pub config: &'a [u8],
    /// The committed checkpoint.
    pub base: Option<&'a Base>,
}

/// The gateway's end of a journal. Dropped, its thread ends as it would if the process were killed.
///
/// ```
/// use ftmb_netio::group_dir::{GroupLogs, LogSizes};
/// use ftmb_netio::group_record::{Birth, GroupRecord};
/// use ftmb_netio::journal::{Journal, JournalConfig, Journaled, check};
/// use ftmb_netio::output_logger::OutputLogger;
/// let dir = tempfile::tempdir()?;
/// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
/// let logs = GroupLogs::anonymous(1, LogSizes::smallest(), 7)?;
/// let (image, stage) = (dir.path().join("image"), dir.path().join("stage"));
/// let group =
///     Journaled { record: &record, logs: &logs, image: &image, stage: &stage, config: b"[group]", base: None };
/// let config = JournalConfig::new(dir.path().join("journal"));
/// let mut journal = Journal::open(&config, &group)?;
/// let ol = OutputLogger::new(record.clone(), logs.clone(), journal.holder(), None)?;
/// journal.look(&ol)?;
/// journal.finish(true);
/// assert_eq!(check(&config.directory)?[0].committed, None, "nothing had happened yet");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    config: JournalConfig,
    record: GroupRecord,
    thread: Option<JoinHandle<()>>,
    /// When a suspended journal is tried again, and how long it rests.
    again: Option<Instant>,
    rest: Duration,
}

impl Journal {
    /// Begins the journal of a group, or goes on with it if another gateway has written it.
    ///
    /// # Errors
    /// [`JournalError::InUse`] if another group writes it; otherwise what is wrong with its files.
    pub fn open(config: &JournalConfig, group: &Journaled<'_>) -> Result<Journal, JournalError> {
        let disk = Box::new(SegmentDisk::new(config.durability != Durability::None));
        Journal::open_on(config, group, disk)
    }

    fn open_on(config: &JournalConfig, group: &Journaled<'_>, disk: Box<dyn Disk>) -> Result<Journal, JournalError> {
        let Journaled { record, logs, .. } = *group;
        run::make_directory(&config.directory)?;
        let lock = run::lock(&config.directory)?;
        let origin = Origin {
            fingerprint: record.fingerprint(),
            birth: crate::group_record::Birth { clock_base: 0, ..record.birth() },
            sizes: LogSizes {
                input: logs.input[0].capacity(),
                det: logs.det[0][0].capacity(),
                out: logs.out[0][0].capacity(),
                ckpt: logs.ckpt.capacity(),
                port: logs.ports.as_ref().map_or(0, |ports| ports[0].capacity()),
            },
            ports: logs.ports.is_some(),
            config: group.config.to_vec(),
        };
        let gatherer = |positions| Gatherer::new(record.clone(), logs.clone(), positions, 0);
        let (mode, running, durable) = match (going_on(config, &origin, group)?, group.base) {
            (Some(on), _) => {
                info!(run = on.run.number, sequence = on.sequence, "the journal goes on");
                let running = Running::new(on.run, gatherer(on.positions.clone()), on.sequence, on.segment, true);
                (Mode::Running, Some(running), on.positions)
            }
            (None, None) => {
                let run = Run::create(&config.directory, origin.clone(), None)?;
                info!(run = run.number, directory = %config.directory.display(), "the journal begins");
                let positions = Positions { input: vec![0; logs.cores()], ..Positions::default() };
                (Mode::Running, Some(Running::new(run, gatherer(positions), 1, 1, false)), Positions::default())
            }
            (None, Some(base)) => (Mode::Beginning(base.clone()), None, Positions::default()),
        };
        // What left while a journal was suspended did not wait; otherwise nothing has left that is not on the disk.
        let strict = !run::suspended(&config.directory).exists();
        if matches!(mode, Mode::Running) {
            // What an earlier life of the journal left; whoever went on from that has said so.
            let _ = std::fs::remove_file(run::suspended(&config.directory));
        }
        let shared = Shared::new(config.durability, record.clone(), mode, strict, durable)?;
        let writer = Writer {
            shared: Arc::clone(&shared),
            config: config.clone(),
            origin,
            image: group.image.into(),
            stage: group.stage.into(),
            record: record.clone(),
            logs: logs.clone(),
            disk,
            running,
            keeping: Keeping::default(),
            _lock: lock,
        };
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || writer.work());
        let thread = thread.map_err(error::io_error(&config.directory, "starting a thread for"))?;
        let (config, record) = (config.clone(), record.clone());
        Ok(Journal { shared, config, record, thread: Some(thread), again: None, rest: REST })
    }

    /// The disk as one who must have a position before it counts.
    pub fn holder(&self) -> Box<dyn Holders> {
        Box::new(OnDisk(Arc::clone(&self.shared)))
    }

    /// There is something new in the logs. (Where nobody waits for the disk, the journal looks by itself, now and then.)
    pub fn ring(&self) {
        if self.config.durability == Durability::Sync {
            self.shared.bell().ring();
        }
    }

    /// Now and then: notes the figures, suspends what is too slow, begins again what was suspended.
    ///
    /// # Errors
    /// [`JournalError::Stopped`] if the group is to end because the disk is full or broken.
    pub fn look(&mut self, ol: &OutputLogger) -> Result<(), JournalError> {
        if self.thread.as_ref().is_some_and(JoinHandle::is_finished) && !self.shared.state().is_off() {
            let path = self.config.directory.clone();
            let error = JournalError::Missing { path, expected: "a thread that writes it; it has panicked" };
            return Err(JournalError::Stopped { path: self.config.directory.clone(), source: Box::new(error) });
        }
        let mut state = self.shared.state();
        let slow = state.flight.is_some_and(|since| since.elapsed() > self.config.slow_after);
        let figures = state.figures;
        match &state.mode {
            Mode::Failed => {
                let path = self.config.directory.clone();
                let missing = JournalError::Missing { path: path.clone(), expected: "a reason" };
                let source = Box::new(state.error.take().unwrap_or(missing));
                return Err(JournalError::Stopped { path, source });
            }
            Mode::Suspended => {
                let again = *self.again.get_or_insert_with(|| Instant::now() + self.rest);
                if Instant::now() >= again
                    && let Some(base) = ol.base()
                {
                    self.again = None;
                    self.rest = (2 * self.rest).min(LONGEST_REST);
                    state.mode = Mode::Beginning(base.clone());
                }
            }
            Mode::Running => self.rest = REST,
            _ => {}
        }
        let is_off = state.is_off();
        drop(state);
        if slow && !is_off && self.config.when_slow == WhenSlow::Suspend {
            let source = std::io::Error::from(std::io::ErrorKind::TimedOut);
            let path = self.config.directory.clone();
            let error = JournalError::Io { path, step: "a write that took too long", source };
            writer::suspend(&self.shared, &self.config, error);
        }
        self.record.set_stat(Stat::JournalBatches, figures.batches);
        self.record.set_stat(Stat::JournalBytes, figures.bytes);
        self.record.set_stat(Stat::JournalCommit, figures.commit_ns);
        self.record.set_stat(Stat::JournalSuspensions, figures.suspensions);
        self.record.set_stat(Stat::JournalSuspended, u64::from(is_off));
        Ok(())
    }

    /// Writes what is left, and if the group has ended in good order, that it has: nobody is to go on with it.
    pub fn finish(mut self, in_order: bool) {
        {
            let mut state = self.shared.state();
            (state.finish, state.in_order) = (true, in_order);
        }
        self.shared.bell().ring();
        let since = Instant::now();
        while !matches!(self.shared.state().mode, Mode::Over) {
            if since.elapsed() > LAST {
                warn!("the last batch of the journal takes too long: it is not waited for");
                self.thread = None;
                return;
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            warn!("the journal's thread has panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.shared.state().mode = Mode::Over;
            self.shared.bell().ring();
            self.join();
        }
    }
}

/// A run that this group goes on with.
struct GoingOn {
    run: Run,
    positions: Positions,
    sequence: u64,
    segment: u64,
}

/// The newest run, if an earlier gateway of this group has written it and the logs still hold what follows.
fn going_on(config: &JournalConfig, origin: &Origin, group: &Journaled<'_>) -> Result<Option<GoingOn>, JournalError> {
    let Journaled { record, logs, base, .. } = *group;
    let Some((number, path)) = Run::list(&config.directory)?.pop() else { return Ok(None) };
    let run = Run::open(number, path)?;
    let same = (run.origin.fingerprint, run.origin.birth) == (origin.fingerprint, origin.birth);
    let tail = if same { tail(&run)? } else { None };
    let Some((fold, sequence)) = tail else { return Ok(None) };
    let (Some(mut positions), Some(facts), Some(base)) = (fold.positions, fold.facts, base) else { return Ok(None) };
    // Of an epoch that the disk does not know to be active, what is there may be of one that a power loss undid: the next one then had
    // the same number. The logs still hold all of it, so it is copied again; `collect` forgets what was before.
    let epochs: Vec<u64> = positions.det.iter().map(|reached| reached.epoch).collect();
    positions.det.retain(|reached| reached.epoch == facts.epoch);
    if positions.det.is_empty() && epochs.iter().any(|&epoch| epoch > facts.epoch) {
        warn!(
            run = run.number,
            ?epochs,
            active = facts.epoch,
            "the journal ends while an epoch begins: a new run begins"
        );
        return Ok(None);
    }
    let holds = |log: &ftmb_runtime::log::Log, next: u64| log.trimmed() <= next && next <= log.tail();
    let inputs = logs.input.iter().zip(&positions.input).all(|(log, &next)| holds(log, next));
    let epoch = |number: u64, set: usize| {
        let next = |core| positions.det(core, number).unwrap_or(0);
        // Logs of an epoch that did not become active may have been emptied for the next one.
        let emptied = |log: &ftmb_runtime::log::Log| log.tail() == 0 && record.active() != number;
        logs.det.iter().enumerate().all(|(core, sets)| holds(&sets[set], next(core)) || emptied(&sets[set]))
    };
    let dets = record.current().is_some_and(|current| {
        let from = current.from.filter(|_| record.active() != current.number);
        epoch(current.number, current.set) && from.is_none_or(|from| epoch(from.epoch, from.set))
    });
    let checkpoints = positions.checkpoint.map(|(_, number)| number) >= record.committed();
    if facts.ended || !inputs || !dets || !checkpoints {
        warn!(run = run.number, inputs, dets, checkpoints, "the journal cannot be gone on with: a new run begins");
        return Ok(None);
    }
    if positions.checkpoint.map(|(_, number)| number) > record.committed() {
        // Likewise: it may be another one of the same epoch and number that is committed next.
        positions.checkpoint = Some((base.epoch, base.number));
    }
    let segment = run.segments()?.last().map_or(1, |last| last.0 + 1);
    Ok(Some(GoingOn { run, positions, sequence, segment }))
}

/// What a run amounts to, from as few of its last segments as tell; and the sequence that follows.
fn tail(run: &Run) -> Result<Option<(Fold, u64)>, JournalError> {
    let segments = run.segments()?;
    for (at, &(number, ref path)) in segments.iter().enumerate().rev() {
        if reader::first(path, run.id)?.is_none() {
            continue;
        }
        let (mut reader, mut fold) = (Reader::new(run, number, None)?, Fold::default());
        while let Some((place, _, records)) = reader.next()? {
            for record in records {
                fold.take(&place, &record)?;
            }
        }
        if fold.facts.is_some() || at == 0 {
            return Ok(reader.sequence().map(|sequence| (fold, sequence)));
        }
    }
    Ok(None)
}
