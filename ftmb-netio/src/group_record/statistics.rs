//! Figures for `status` and `demo`. Invariant: each word has one writer; nothing depends on them.

use std::sync::atomic::Ordering;

use super::{GroupRecord, MAX_CORES, MAX_PORTS, layout};
use crate::port::PortStat;

/// A figure of the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Stat {
    /// Frames offered by ports that do not keep them and dropped because an `in` log was full.
    DroppedAtDoor = 0,
    /// Frames refused because they are longer than the largest packet.
    Oversized = 1,
    /// Ticks stamped (counted once for all cores).
    Ticks = 2,
    /// Control requests stamped.
    Controls = 3,
    /// Checkpoints committed.
    Checkpoints = 4,
    /// Bytes of the last committed delta.
    CheckpointBytes = 5,
    /// Bytes of all committed deltas.
    CheckpointBytesTotal = 6,
    /// When the last checkpoint was committed, ns since the group was created.
    CheckpointAt = 7,
    /// Takeovers that became active.
    Takeovers = 8,
    /// Gateways started.
    Gateways = 9,
    /// Member processes started.
    Spawned = 10,
    /// Outputs that a port refused for good.
    SendErrors = 11,
    /// Between the commits of the last two checkpoints, ns; 0 before there were two.
    CheckpointGap = 12,
    /// When the gateway last came round to looking after members and checkpoints, ns since the group was created: as long as
    /// it grows, the gateway gets on.
    Heartbeat = 13,
    /// Times that the input logger found an `in` log full, counted once a round.
    InputFull = 14,
    /// Since when a checkpoint has been on its way that is not committed yet, ns since the group was created; 0: none is.
    CheckpointOpen = 15,
    /// Batches that the journal has written.
    JournalBatches = 32,
    /// Bytes of these.
    JournalBytes = 33,
    /// How long the last one took from its submission until it was on the disk, ns.
    JournalCommit = 34,
    /// How often the journal was suspended.
    JournalSuspensions = 35,
    /// Whether it is suspended now: 1, else 0.
    JournalSuspended = 36,
}

/// A figure of one core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum CoreStat {
    /// Packets stamped into the core's `in` log.
    Stamped = 0,
    /// Bytes of these packets.
    StampedBytes = 1,
    /// Outputs released.
    Released = 2,
    /// Bytes of these outputs.
    ReleasedBytes = 3,
    /// Outputs made again in replay, checked and not sent.
    Suppressed = 4,
    /// Determinant words passed.
    Words = 5,
}

/// How one takeover went; times in ns since the group was created, 0: not yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takeover {
    /// The epoch that it began.
    pub epoch: u64,
    /// The old master's exit was seen.
    pub detected: u64,
    /// The cut was handed over.
    pub begun: u64,
    /// The epoch became active.
    pub active: u64,
    /// The first new output left.
    pub first_output: u64,
}

impl GroupRecord {
    /// A figure of the group.
    pub fn stat(&self, stat: Stat) -> u64 {
        self.get(layout::STATS + stat as usize)
    }

    /// Adds to a figure of the group. Its one writer only.
    pub fn add_stat(&self, stat: Stat, more: u64) {
        self.add(layout::STATS + stat as usize, more);
    }

    /// Sets a figure of the group. Its one writer only.
    pub fn set_stat(&self, stat: Stat, value: u64) {
        self.set(layout::STATS + stat as usize, value);
    }

    /// A figure of one core.
    ///
    /// # Panics
    /// If `core` is not below [`MAX_CORES`].
    pub fn core_stat(&self, core: usize, stat: CoreStat) -> u64 {
        self.get(core_stat(core, stat))
    }

    /// Adds to a figure of one core. Its one writer only.
    ///
    /// # Panics
    /// If `core` is not below [`MAX_CORES`].
    pub fn add_core_stat(&self, core: usize, stat: CoreStat, more: u64) {
        self.add(core_stat(core, stat), more);
    }

    /// A figure of one port object (in the order of the configuration; all `memory` ports are one, the last).
    ///
    /// # Panics
    /// If `object` is not below [`MAX_PORTS`].
    pub fn port_stat(&self, object: usize, stat: PortStat) -> u64 {
        self.get(port_stat(object, stat))
    }

    /// Adds to a figure of one port object. Gateway only.
    ///
    /// # Panics
    /// If `object` is not below [`MAX_PORTS`].
    pub fn add_port_stat(&self, object: usize, stat: PortStat, more: u64) {
        self.add(port_stat(object, stat), more);
    }

    pub(super) fn add(&self, index: usize, more: u64) {
        // Relaxed: one writer, and nothing is ordered by it.
        let word = self.word(index);
        word.store(word.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// A flip stopped the cores for so long, ns. The master only.
    pub fn note_flip(&self, pause: u64) {
        let count = self.get(layout::FLIPS);
        self.set(layout::FLIPS + 8 + count as usize % layout::FLIP_RING, pause);
        self.set(layout::FLIPS, count + 1);
    }

    /// The pauses of the last flips (up to 4096, in no particular order) and how many there were in all.
    ///
    /// ```
    /// use ftmb_netio::group_record::{Birth, GroupRecord};
    /// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
    /// record.note_flip(700);
    /// assert_eq!(record.flips(), (vec![700], 1));
    /// # Ok::<(), ftmb_runtime::log::LogError>(())
    /// ```
    pub fn flips(&self) -> (Vec<u64>, u64) {
        let count = self.get(layout::FLIPS);
        let kept = (count as usize).min(layout::FLIP_RING);
        ((0..kept).map(|i| self.get(layout::FLIPS + 8 + i)).collect(), count)
    }

    /// What is known of the takeover that began `epoch`; `None` if it is not among the last 64.
    pub fn takeover(&self, epoch: u64) -> Option<Takeover> {
        let at = takeover(epoch);
        let (number, word) = (self.get(at), |i| self.get(at + i));
        let read = Takeover { epoch, detected: word(1), begun: word(2), active: word(3), first_output: word(4) };
        (epoch != 0 && number == epoch && self.get(at) == epoch).then_some(read)
    }

    /// The last takeovers (up to 64), oldest first.
    pub fn takeovers(&self) -> Vec<Takeover> {
        let last = self.epoch();
        let first = last.saturating_sub(layout::TAKEOVER_RING as u64 - 1).max(1);
        (first..=last).filter_map(|epoch| self.takeover(epoch)).collect()
    }

    /// Notes how a takeover goes. Gateway only.
    pub fn note_takeover(&self, takeover_of: &Takeover) {
        let at = takeover(takeover_of.epoch);
        self.set(at, 0);
        self.set(at + 1, takeover_of.detected);
        self.set(at + 2, takeover_of.begun);
        self.set(at + 3, takeover_of.active);
        self.set(at + 4, takeover_of.first_output);
        self.set(at, takeover_of.epoch);
    }
}

fn takeover(epoch: u64) -> usize {
    layout::TAKEOVERS + epoch as usize % layout::TAKEOVER_RING * layout::TAKEOVER_WORDS
}

fn core_stat(core: usize, stat: CoreStat) -> usize {
    assert!(core < MAX_CORES, "core {core} of {MAX_CORES}");
    layout::CORE_STATS + core * layout::CORE_STATS_WORDS + stat as usize
}

fn port_stat(object: usize, stat: PortStat) -> usize {
    assert!(object < MAX_PORTS, "port {object} of {MAX_PORTS}");
    layout::PORT_STATS + object * layout::PORT_STATS_WORDS + stat as usize
}
