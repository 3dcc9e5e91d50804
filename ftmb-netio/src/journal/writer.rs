//! The journal's thread: fills one buffer while the other is on its way to the disk. Invariant: a batch is submitted only when the
//! one before is on the disk; positions are told only then, and only once the run could be recovered from.
//!
//! ```text
//! gather ─▶ filling ─▶ seal ─▶ submit ... gather ahead ... wait ─▶ tell ─▶ gather the rest ─▶ seal ─▶ submit
//! ```

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ftmb_runtime::checkpoint::{CheckpointError, Image};
use tracing::{error, info, warn};

use super::config::{Durability, JournalConfig, WhenFull};
use super::disk::{BUFFER, Disk};
use super::error::{JournalError, io_error};
use super::facts::{Origin, Positions, Reached};
use super::format::{BLOCK, Filling, Kind, RECORD, Record};
use super::gather::{FACTS_ROOM, Gatherer};
use super::keep::Keeping;
use super::run::{Run, ended, suspended, write_durably};
use super::shared::{Mode, Offer, Shared};
use super::snapshot::complete;
use crate::group_dir::GroupLogs;
use crate::group_record::{GroupRecord, unix_ns};
use crate::output_logger::Base;

/// Between two batches, where nobody waits for them.
const PACE: Duration = Duration::from_millis(2);
/// How long the thread sleeps at most.
const NAP: Duration = Duration::from_millis(1);
/// How long the image may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// A run that is being written.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) run: Run,
    gatherer: Gatherer,
    /// Of the next batch.
    sequence: u64,
    /// Number of the next segment.
    next_segment: u64,
    /// Where the next batch goes in the open segment, and where that ends; `None`: a new one is due.
    place: Option<(u64, u64)>,
    which: usize,
    filling: Filling,
    /// The batch that is being filled begins a segment.
    begins: bool,
    /// Where that batch's start ends.
    start: usize,
    partial: Option<(Offer, u64)>,
    flight: Option<Flight>,
    /// It could be recovered from.
    usable: bool,
    submitted: Instant,
    ended: bool,
}

#[derive(Debug)]
struct Flight {
    positions: Positions,
    active: Option<u64>,
    bytes: u64,
    ended: bool,
}

impl Running {
    /// Goes on with a run: its next batch is `sequence`, in a segment of its own.
    pub(super) fn new(run: Run, gatherer: Gatherer, sequence: u64, next_segment: u64, usable: bool) -> Running {
        Running {
            run,
            gatherer,
            sequence,
            next_segment,
            place: None,
            which: 0,
            filling: Filling::new(),
            begins: false,
            start: 0,
            partial: None,
            flight: None,
            usable,
            submitted: Instant::now(),
            ended: false,
        }
    }

    /// Adds what is new to the batch that is being filled.
    fn fill(&mut self, disk: &mut dyn Disk, shared: &Shared) -> Result<(), JournalError> {
        if self.filling.is_empty() {
            self.begins = self.place.is_none_or(|(offset, end)| offset + BUFFER as u64 > end) || disk.has_better();
            if self.begins {
                let begun = self.partial.as_ref().is_some_and(|&(_, at)| at > 0);
                let start = Positions { begun, ..self.gatherer.positions.clone() }.to_bytes();
                let buffer = disk.buffer(self.which);
                let record = Record { bytes: &start, ..Record::of(Kind::Start) };
                assert!(self.filling.add(buffer, &record), "an empty buffer has room for a start");
                self.start = self.filling.len();
            }
        }
        self.put_checkpoint(disk.buffer(self.which), shared)?;
        let buffer = disk.buffer(self.which);
        self.gatherer.gather(shared, &mut self.filling, buffer)?;
        Ok(())
    }

    /// Adds a part of the checkpoint that was offered, of at most half the buffer: the logs go on meanwhile.
    fn put_checkpoint(&mut self, buffer: &mut [u8], shared: &Shared) -> Result<(), JournalError> {
        if self.partial.is_none() {
            self.partial = shared.state().offers.pop_front().map(|offer| (offer, 0));
        }
        let Some((offer, at)) = &mut self.partial else { return Ok(()) };
        if self.filling.len() > BUFFER / 2 {
            return Ok(());
        }
        let length = (offer.length - *at).min((BUFFER / 2 - RECORD - 8) as u64) as usize;
        let mut part = vec![0; 8 + length];
        part[..8].copy_from_slice(&offer.number.to_le_bytes());
        let read = offer.file.read_exact_at(&mut part[8..], *at);
        read.map_err(io_error(&self.run.path.join(format!("checkpoint {}", offer.number)), "read the staged file of"))?;
        let record =
            Record { epoch: offer.epoch, from: *at, whole: offer.length, bytes: &part, ..Record::of(Kind::Checkpoint) };
        if self.filling.room(buffer) < part.len() + FACTS_ROOM || !self.filling.add(buffer, &record) {
            return Ok(());
        }
        *at += length as u64;
        if *at == offer.length {
            self.gatherer.positions.checkpoint = Some((offer.epoch, offer.number));
            self.partial = None;
        }
        Ok(())
    }

    /// Whether the batch that is being filled holds something that must be written.
    fn has_news(&self) -> bool {
        let empty = self.filling.is_empty() || self.begins && self.filling.len() == self.start;
        !empty || self.gatherer.has_facts()
    }

    /// Completes the batch and gives it to the disk.
    fn submit(&mut self, disk: &mut dyn Disk, segment: u64, ended: bool) -> Result<(), JournalError> {
        if self.begins {
            let path = self.run.segment(self.next_segment);
            let end = disk.begin(&path, segment).map_err(io_error(&path, "create"))?;
            self.next_segment += 1;
            self.place = Some((0, end));
        }
        let (offset, end) = self.place.expect("a segment is open");
        let buffer = disk.buffer(self.which);
        let active = self.gatherer.put_facts(&mut self.filling, buffer, ended);
        let filling = std::mem::replace(&mut self.filling, Filling::new());
        let length = filling.seal(buffer, self.run.id, self.sequence, unix_ns());
        let path = || self.run.segment(self.next_segment - 1);
        disk.submit(self.which, length, offset).map_err(|source| io_error(&path(), "write")(source))?;
        self.sequence += 1;
        self.place = Some((offset + length as u64, end));
        self.which = 1 - self.which;
        self.submitted = Instant::now();
        let ended = ended && active.is_some();
        self.flight = Some(Flight { positions: self.gatherer.positions.clone(), active, bytes: length as u64, ended });
        Ok(())
    }
}

/// What one step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Moved,
    Idle,
    Over,
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) config: JournalConfig,
    pub(super) origin: Origin,
    pub(super) image: PathBuf,
    pub(super) stage: PathBuf,
    pub(super) record: GroupRecord,
    pub(super) logs: GroupLogs,
    pub(super) disk: Box<dyn Disk>,
    pub(super) running: Option<Running>,
    pub(super) keeping: Keeping,
    /// The right to write the journal, held for as long as the thread lives.
    pub(super) _lock: File,
}

impl Writer {
    /// Works until the group has ended.
    pub(super) fn work(mut self) {
        loop {
            let generation = self.shared.state().generation;
            if self.running.take_if(|running| running.gatherer.generation != generation).is_some() {
                // It was suspended meanwhile. The buffers are free again when this returns, whatever became of the write.
                let _ = self.disk.wait();
                self.shared.state().flight = None;
            }
            let beginning = {
                let state = self.shared.state();
                match &state.mode {
                    Mode::Over => return,
                    Mode::Beginning(base) if self.running.is_none() => Some((base.clone(), state.generation)),
                    _ => None,
                }
            };
            let writes = matches!(self.shared.state().mode, Mode::Running | Mode::Beginning(_));
            let step = match beginning {
                Some((base, generation)) => self.begin(&base, generation),
                None if writes && self.running.is_some() => self.step(),
                // Whoever ends the group does not wait for a journal that is not written.
                None => self.rest(),
            };
            match step {
                Ok(Step::Moved) => {}
                Ok(Step::Idle) => {
                    let shared = Arc::clone(&self.shared);
                    shared.wait(|| false, NAP);
                }
                Ok(Step::Over) => {
                    self.shared.state().mode = Mode::Over;
                    self.shared.ring_gateway();
                    return;
                }
                Err(error) => self.fail(error),
            }
        }
    }

    fn rest(&mut self) -> Result<Step, JournalError> {
        let (finish, in_order) = {
            let state = self.shared.state();
            (state.finish, state.in_order)
        };
        if finish {
            if in_order && let Some((number, _)) = Run::list(&self.config.directory)?.last() {
                // The run cannot say so itself; a file without contents finds room on most full disks.
                let path = ended(&self.config.directory, *number);
                File::create(&path).and_then(|file| file.sync_all()).map_err(io_error(&path, "create"))?;
            }
            return Ok(Step::Over);
        }
        std::thread::sleep(NAP);
        Ok(Step::Idle)
    }

    fn step(&mut self) -> Result<Step, JournalError> {
        let Writer { shared, disk, running: Some(running), .. } = self else { return Ok(Step::Idle) };
        running.fill(&mut **disk, shared)?;
        if let Some(flight) = running.flight.take() {
            let path = running.run.segment(running.next_segment - 1);
            disk.wait().map_err(io_error(&path, "write"))?;
            let ended = flight.ended;
            self.tell(flight)?;
            if ended {
                return Ok(Step::Over);
            }
        }
        let Writer { shared, config, disk, running: Some(running), .. } = self else { return Ok(Step::Idle) };
        running.fill(&mut **disk, shared)?;
        let finish = shared.state().finish;
        let hurry =
            finish || config.durability == Durability::Sync || running.filling.len() > BUFFER / 2 || !running.usable;
        let news = running.has_news();
        if finish && !running.ended && !news {
            // The last word: facts as they are now, everything before them is written.
            running.ended = true;
            if !running.gatherer.has_facts() {
                running.gatherer.repeat_facts();
            }
            shared.state().flight = Some(Instant::now());
            let in_order = shared.state().in_order;
            running.submit(&mut **disk, config.segment, in_order)?;
            if running.flight.take_if(|flight| !flight.ended).is_some() {
                disk.wait().map_err(io_error(&running.run.path, "write"))?;
                return Ok(Step::Over);
            }
            return Ok(Step::Moved);
        }
        if !news || !hurry && running.submitted.elapsed() < PACE {
            return Ok(Step::Idle);
        }
        shared.state().flight = Some(Instant::now());
        running.submit(&mut **disk, config.segment, false)?;
        Ok(Step::Moved)
    }

    /// A batch is on the disk.
    fn tell(&mut self, flight: Flight) -> Result<(), JournalError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        running.usable |= flight.active.is_some();
        let mut began = false;
        {
            let mut state = self.shared.state();
            let took = state.flight.take().map_or(Duration::ZERO, |since| since.elapsed());
            state.figures.batches += 1;
            state.figures.bytes += flight.bytes;
            state.figures.commit_ns = took.as_nanos() as u64;
            if state.is_off() || state.generation != running.gatherer.generation {
                return Ok(());
            }
            if running.usable {
                state.durable = flight.positions;
                if matches!(state.mode, Mode::Beginning(_)) {
                    (state.mode, state.error, began) = (Mode::Running, None, true);
                }
            } else {
                state.durable.checkpoint = flight.positions.checkpoint;
            }
            if let Some(active) = flight.active {
                state.active = active;
            }
        }
        self.shared.ring_gateway();
        if began {
            let marker = suspended(&self.config.directory);
            let _ = std::fs::remove_file(&marker);
            warn!(directory = %self.config.directory.display(), "the journal is written again, in a new run");
        }
        let Some(running) = &self.running else { return Ok(()) };
        self.keeping.look(&self.config, &running.run, running.next_segment, running.usable);
        Ok(())
    }

    /// Begins a new run with the committed checkpoint; nothing else is committed meanwhile.
    fn begin(&mut self, base: &Base, generation: u64) -> Result<Step, JournalError> {
        let since = Instant::now();
        let failed = |source| JournalError::Checkpoint {
            path: self.config.directory.clone(),
            number: base.number,
            source: Box::new(source),
        };
        let image = loop {
            match Image::load(&self.image, self.origin.fingerprint, base.number, &self.stage) {
                Err(CheckpointError::Busy { .. } | CheckpointError::NotCommitted { .. })
                    if since.elapsed() < PATIENCE =>
                {
                    if self.shared.state().finish {
                        return Ok(Step::Over);
                    }
                    std::thread::sleep(NAP);
                }
                image => break image.map_err(failed)?,
            }
        };
        let delta = complete(&image, self.origin.fingerprint, base.number);
        drop(image);
        let run = Run::create(&self.config.directory, self.origin.clone(), Some((base.number, &delta.to_bytes())))?;
        info!(run = run.number, checkpoint = base.number, "a new run of the journal begins");
        let mut det =
            vec![Reached { epoch: base.epoch, cores: base.cores.iter().map(|point| point.det_pos).collect() }];
        if let Some(epoch) = self.record.current()
            && let Some(from) = epoch.from.filter(|from| from.epoch != base.epoch)
        {
            det.push(Reached { epoch: from.epoch, cores: epoch.cores.iter().map(|cut| cut.start_det).collect() });
        }
        let input = base.cores.iter().map(|point| point.in_pos).collect();
        let checkpoint = Some((base.epoch, base.number));
        let positions = Positions { input, det, checkpoint, begun: false };
        // If it was suspended meanwhile, nothing is read for this generation, and there is another beginning.
        let gatherer = Gatherer::new(self.record.clone(), self.logs.clone(), positions, generation);
        self.running = Some(Running::new(run, gatherer, 1, 1, false));
        Ok(Step::Moved)
    }

    /// What is done about an error is said by the configuration.
    fn fail(&mut self, error: JournalError) {
        self.running = None;
        let _ = self.disk.wait();
        self.shared.state().flight = None;
        match self.config.when_full {
            // A checkpoint that could not be read has nothing to do with the disk: it is tried again later.
            _ if matches!(error, JournalError::Checkpoint { .. }) => suspend(&self.shared, &self.config, error),
            WhenFull::Suspend => suspend(&self.shared, &self.config, error),
            WhenFull::Stop => {
                error!(%error, cause = ?std::error::Error::source(&error), "the journal cannot be written: the group stops");
                let mut state = self.shared.state();
                (state.mode, state.error) = (Mode::Failed, Some(error));
                drop(state);
                self.shared.ring_gateway();
            }
        }
    }
}

/// The group goes on without its journal.
pub(super) fn suspend(shared: &Shared, config: &JournalConfig, error: JournalError) {
    let why = match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    {
        // Nobody reads the logs when what the journal lacks may be trimmed.
        let _let_go = shared.let_go();
        let mut state = shared.state();
        if matches!(state.mode, Mode::Suspended | Mode::Over) {
            return;
        }
        state.mode = Mode::Suspended;
        (state.generation, state.strict) = (state.generation + 1, false);
        state.offers.clear();
        state.forget_offers();
        state.durable = Positions::default();
        state.flight = None;
        state.figures.suspensions += 1;
        state.error = Some(error);
    }
    error!(
        directory = %config.directory.display(), why,
        "THE JOURNAL IS SUSPENDED: what leaves from now on would not survive a power loss"
    );
    // On a full disk this may fail; the message above is then all there is.
    let _ = write_durably(&suspended(&config.directory), format!("{why}\n").as_bytes());
    shared.ring_gateway();
}

const _: () = assert!(BUFFER.is_multiple_of(BLOCK));
