//! What the gateway's thread and the journal's thread tell each other. Invariant: a durable position is told only after the disk
//! has said so; while a journal is suspended nobody waits for it, and it asks for nothing.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ftmb_runtime::checkpoint::DeltaHead;
use ftmb_runtime::log::{Bell, Log, Words};

use super::config::Durability;
use super::error::JournalError;
use super::facts::Positions;
use crate::group_record::GroupRecord;
use crate::output_logger::{Base, Holders};

/// What the journal's thread does.
#[derive(Debug)]
pub(super) enum Mode {
    /// Writes.
    Running,
    /// Nothing: the disk was slow, full or broken.
    Suspended,
    /// Begins a new run at this checkpoint: no other is committed meanwhile, but nobody waits for it otherwise.
    Beginning(Base),
    /// It has failed, and the group is to stop.
    Failed,
    /// The group has ended.
    Over,
}

/// A staged checkpoint to be written.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) epoch: u64,
    pub(super) number: u64,
    /// Open, so that it can be read when its name is gone.
    pub(super) file: File,
    pub(super) length: u64,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) mode: Mode,
    /// Counts suspensions: what was begun before one is not gone on with after it.
    pub(super) generation: u64,
    /// While a run begins, outputs and commits wait as well: nothing has left without being on the disk.
    pub(super) strict: bool,
    /// What is on the disk of the current run, once that is usable.
    pub(super) durable: Positions,
    /// The active epoch that the disk knows.
    pub(super) active: u64,
    pub(super) offers: VecDeque<Offer>,
    /// The last checkpoint offered.
    offered: Option<(u64, u64)>,
    /// Since when a batch is under way.
    pub(super) flight: Option<Instant>,
    /// Why it is suspended or has failed.
    pub(super) error: Option<JournalError>,
    /// The group ends: everything is to be written.
    pub(super) finish: bool,
    /// In good order: that is to be written too.
    pub(super) in_order: bool,
    pub(super) figures: Figures,
}

/// What a journal has done, for `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub(super) batches: u64,
    pub(super) bytes: u64,
    pub(super) commit_ns: u64,
    pub(super) suspensions: u64,
}

/// The epoch whose logs nobody may read any more, and how many there have been.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LetGo {
    pub(super) epoch: u64,
    pub(super) times: u64,
}

/// Shared by gateway and writer.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Held while `det` logs are read.
    let_go: Mutex<LetGo>,
    words: Words,
    pub(super) durability: Durability,
    record: GroupRecord,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked with it has left it whole: every change is a single assignment or push.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(
        durability: Durability,
        record: GroupRecord,
        mode: Mode,
        strict: bool,
        durable: Positions,
    ) -> Result<Arc<Shared>, JournalError> {
        let checkpoint = durable.checkpoint;
        let state = State {
            mode,
            generation: 0,
            strict,
            durable,
            active: 0,
            offers: VecDeque::new(),
            offered: checkpoint,
            flight: None,
            error: None,
            finish: false,
            in_order: false,
            figures: Figures::default(),
        };
        let shared = Shared {
            state: Mutex::new(state),
            let_go: Mutex::default(),
            words: Words::anonymous(1)?,
            durability,
            record,
        };
        Ok(Arc::new(shared))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn let_go(&self) -> MutexGuard<'_, LetGo> {
        lock(&self.let_go)
    }

    /// Where the writer sleeps.
    pub(super) fn bell(&self) -> Bell<'_> {
        self.words.bell(0)
    }

    pub(super) fn wait(&self, ready: impl FnMut() -> bool, timeout: Duration) {
        self.bell().wait(ready, timeout);
    }

    pub(super) fn ring_gateway(&self) {
        self.record.gateway_bell().ring();
    }
}

impl State {
    /// Whether nothing may be read for the journal: what it lacks may have been trimmed.
    pub(super) fn is_off(&self) -> bool {
        matches!(self.mode, Mode::Suspended | Mode::Failed | Mode::Over)
    }

    /// What was offered is not going to be written.
    pub(super) fn forget_offers(&mut self) {
        self.offered = None;
    }

    /// Whether outputs and commits wait for the disk.
    fn counts(&self) -> bool {
        match self.mode {
            Mode::Running | Mode::Failed | Mode::Over => true,
            Mode::Beginning(_) => self.strict,
            Mode::Suspended => false,
        }
    }
}

/// The disk as a holder.
#[derive(Clone, Debug)]
pub(super) struct OnDisk(pub(super) Arc<Shared>);

impl OnDisk {
    /// What the disk has, if outputs wait for it.
    fn awaited(&self, log: &Log, durable: impl FnOnce(&Positions) -> u64) -> u64 {
        let tail = log.tail();
        if self.0.durability != Durability::Sync {
            return tail;
        }
        let state = self.0.state();
        if state.counts() { durable(&state.durable).min(tail) } else { tail }
    }
}

impl Holders for OnDisk {
    fn input(&self, core: usize, log: &Log) -> u64 {
        self.awaited(log, |durable| durable.input.get(core).copied().unwrap_or(0))
    }

    fn det(&self, core: usize, epoch: u64, log: &Log) -> u64 {
        self.awaited(log, |durable| durable.det(core, epoch).unwrap_or(0))
    }

    /// A process that dies takes nothing with it, whatever the disk has; and some of it may have left while the journal was suspended.
    fn kept(&self, _core: usize, _epoch: u64, log: &Log) -> u64 {
        log.tail()
    }

    /// Made again by replay, so they are not kept.
    fn out(&self, _core: usize, log: &Log) -> u64 {
        log.tail()
    }

    fn know_active(&self, epoch: u64) -> bool {
        if self.0.durability != Durability::Sync {
            return true;
        }
        let state = self.0.state();
        !state.counts() || state.active >= epoch
    }

    fn have_checkpoint(&self, head: &DeltaHead) -> bool {
        let wanted = (head.summary().epoch, head.summary().number);
        let mut state = self.0.state();
        match state.mode {
            Mode::Suspended => return true,
            // It would not be the one that the new run begins with.
            Mode::Beginning(_) | Mode::Failed | Mode::Over => return false,
            Mode::Running => {}
        }
        if state.durable.checkpoint == Some(wanted) {
            // One of an epoch that the disk does not know to be active could not be told from one that a power loss undid, and
            // until then all of that epoch's words are kept. What the first one is of is known before any facts are.
            return state.active >= wanted.0 || wanted.1 == 0;
        }
        if state.offered != Some(wanted) {
            let opened = File::open(head.path()).and_then(|file| Ok((file.metadata()?.len(), file)));
            // One that cannot be opened is found out by whoever reads it next; until then it is not committed.
            let Ok((length, file)) = opened else { return false };
            state.offers.push_back(Offer { epoch: wanted.0, number: wanted.1, file, length });
            state.offered = Some(wanted);
            drop(state);
            self.0.bell().ring();
        }
        false
    }

    fn need_input(&self, core: usize) -> u64 {
        let state = self.0.state();
        match &state.mode {
            Mode::Suspended => u64::MAX,
            Mode::Beginning(base) => base.cores[core].in_pos,
            _ => state.durable.input.get(core).copied().unwrap_or(0),
        }
    }

    fn need_det(&self, core: usize, epoch: u64) -> u64 {
        let state = self.0.state();
        match &state.mode {
            Mode::Suspended => u64::MAX,
            Mode::Beginning(base) => {
                if base.epoch == epoch {
                    base.cores[core].det_pos
                } else {
                    0
                }
            }
            _ => state.durable.det(core, epoch).unwrap_or(0),
        }
    }

    fn let_go(&self, epoch: u64) {
        let mut let_go = self.0.let_go();
        *let_go = LetGo { epoch, times: let_go.times + 1 };
    }
}
