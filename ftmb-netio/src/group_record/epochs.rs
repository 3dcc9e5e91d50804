//! The two epoch records. Invariant: the record of the current epoch is complete, because EPOCH is stored last and the record
//! of epoch E+1 is written into the other place than that of E.

use std::sync::atomic::{Ordering, fence};

use super::{GroupRecord, layout};

/// Where an epoch's replay comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The last active epoch.
    pub epoch: u64,
    /// Its set of `det` and `out` logs.
    pub set: usize,
}

/// One core's part of an epoch record; all positions are in the logs of the epoch it comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreCut {
    /// Nothing of the old `det` log at or past this word is ever read.
    pub closing_det: u64,
    /// Nothing of the old `out` log at or past this byte is ever read.
    pub closing_out: u64,
    /// First word to replay: the base checkpoint's position if that was taken in the old epoch, else 0. It corresponds to word
    /// 0 of the new log.
    pub start_det: u64,
    /// One past the last word that replay must reproduce.
    pub cut_det: u64,
}

impl CoreCut {
    /// Where the cut lies in the new epoch's `det` log.
    ///
    /// ```
    /// use ftmb_netio::group_record::CoreCut;
    /// assert_eq!(CoreCut { start_det: 10, cut_det: 25, ..CoreCut::default() }.cut_in_new(), 15);
    /// ```
    pub fn cut_in_new(&self) -> u64 {
        self.cut_det - self.start_det
    }
}

/// Everything that is decided when an epoch begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EpochRecord {
    /// Its number, from 1.
    pub number: u64,
    /// Its set of `det` and `out` logs, 0 or 1.
    pub set: usize,
    /// What is replayed; `None`: nothing, the master constructs the state and captures checkpoint 0.
    pub from: Option<Origin>,
    /// The checkpoint that replay starts at; `None` exactly if `from` is.
    pub base: Option<u64>,
    /// The member that is to be master.
    pub master: usize,
    /// Nothing of `ckpt` between the old master's last whole delta and this position is used: the new master writes from here.
    pub closing_ckpt: u64,
    /// Per core.
    pub cores: Vec<CoreCut>,
}

impl GroupRecord {
    /// The current epoch; 0 before anything has started.
    pub fn epoch(&self) -> u64 {
        self.get(layout::EPOCH)
    }

    /// The last epoch that became active; the current one is active iff this equals [`GroupRecord::epoch`].
    pub fn active(&self) -> u64 {
        self.get(layout::ACTIVE)
    }

    /// Whether the current epoch is active (protocol 6.4).
    pub fn is_active(&self) -> bool {
        let epoch = self.epoch();
        epoch != 0 && self.active() == epoch
    }

    /// The current epoch is active. Gateway only.
    pub fn set_active(&self, epoch: u64) {
        self.set(layout::ACTIVE, epoch);
    }

    /// The record of the current epoch; `None` before anything has started.
    ///
    /// ```
    /// use ftmb_netio::group_record::{Birth, EpochRecord, GroupRecord};
    /// let record = GroupRecord::anonymous(Birth::now(1, 0))?;
    /// assert!(record.current().is_none());
    /// record.begin_epoch(&EpochRecord { number: 1, cores: vec![Default::default()], ..EpochRecord::default() });
    /// assert_eq!(record.current().expect("begun").number, 1);
    /// # Ok::<(), ftmb_runtime::log::LogError>(())
    /// ```
    pub fn current(&self) -> Option<EpochRecord> {
        loop {
            let epoch = self.epoch();
            if epoch == 0 {
                return None;
            }
            let read = self.read_epoch(epoch);
            // The loads above before the check below; its place is rewritten only after EPOCH has moved on.
            fence(Ordering::Acquire);
            if self.epoch() == epoch {
                return Some(read);
            }
        }
    }

    fn read_epoch(&self, epoch: u64) -> EpochRecord {
        let at = layout::EPOCHS + (epoch % 2) as usize * layout::EPOCH_WORDS;
        let from_epoch = self.get(at + 2);
        EpochRecord {
            number: self.get(at),
            set: self.get(at + 1) as usize & 1,
            from: (from_epoch != 0).then(|| Origin { epoch: from_epoch, set: self.get(at + 3) as usize & 1 }),
            base: self.get(at + 4).checked_sub(1),
            master: self.get(at + 5) as usize,
            closing_ckpt: self.get(at + 6),
            cores: (0..self.cores())
                .map(|core| {
                    let at = at + layout::EPOCH_HEAD + core * layout::EPOCH_CORE;
                    CoreCut {
                        closing_det: self.get(at),
                        closing_out: self.get(at + 1),
                        start_det: self.get(at + 2),
                        cut_det: self.get(at + 3),
                    }
                })
                .collect(),
        }
    }

    /// Begins an epoch: writes its record and then, by one store, makes it the current one. Gateway only; ring the master's
    /// member bell and all core bells afterwards.
    ///
    /// # Panics
    /// If it does not follow the current one, or does not have an entry for each core.
    pub fn begin_epoch(&self, epoch: &EpochRecord) {
        assert_eq!(epoch.number, self.epoch() + 1, "epochs follow each other");
        assert_eq!(epoch.cores.len(), self.cores(), "one entry per core");
        let at = layout::EPOCHS + (epoch.number % 2) as usize * layout::EPOCH_WORDS;
        self.set(at, epoch.number);
        self.set(at + 1, epoch.set as u64);
        self.set(at + 2, epoch.from.map_or(0, |from| from.epoch));
        self.set(at + 3, epoch.from.map_or(0, |from| from.set as u64));
        self.set(at + 4, epoch.base.map_or(0, |base| base + 1));
        self.set(at + 5, epoch.master as u64);
        self.set(at + 6, epoch.closing_ckpt);
        for (core, cut) in epoch.cores.iter().enumerate() {
            let at = at + layout::EPOCH_HEAD + core * layout::EPOCH_CORE;
            self.set(at, cut.closing_det);
            self.set(at + 1, cut.closing_out);
            self.set(at + 2, cut.start_det);
            self.set(at + 3, cut.cut_det);
        }
        self.set(layout::EPOCH, epoch.number);
    }
}
