//! A group whose master is a script: what it writes is said word by word.

mod recovery;
mod release;
mod threads;

use std::sync::{Arc, Mutex};

use ftmb_runtime::checkpoint::{CorePoint, Delta, DeltaBuilder, Summary};
use ftmb_runtime::determinant::Word;
use ftmb_runtime::frame::{InHeader, KIND_PACKET, OutHeader};
use ftmb_runtime::log::{FrameWriter, Log, WordWriter};
use zerocopy::IntoBytes;

use super::*;
use crate::group_dir::LogSizes;
use crate::group_record::Birth;

pub(crate) const VARIABLES: u32 = 4;

/// What left: core and ordinal; and how much it takes.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    pub(crate) left: Vec<(u32, u64)>,
    pub(crate) room: Option<usize>,
    pub(crate) flushed: usize,
}

impl Outlet for Sink {
    fn send(&mut self, output: &Output<'_>) -> Result<bool, Error> {
        if self.room.is_some_and(|room| self.left.len() >= room) {
            return Ok(false);
        }
        self.left.push((output.sent.core, output.sent.ordinal));
        Ok(true)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.flushed = self.left.len();
        Ok(())
    }
}

impl Sink {
    pub(crate) fn of(&self, core: u32) -> Vec<u64> {
        self.left.iter().filter(|left| left.0 == core).map(|left| left.1).collect()
    }
}

/// Holders that have not got everything: per log, positions from here on are not delivered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hidden(Arc<Mutex<Vec<Limit>>>, Arc<Mutex<Vec<u64>>>);

/// Log, core, first position that is hidden.
type Limit = (&'static str, usize, u64);

impl Hidden {
    pub(crate) fn hide(&self, log: &'static str, core: usize, from: u64) {
        self.0.lock().expect("not poisoned").push((log, core, from));
    }

    pub(crate) fn deliver(&self) {
        self.0.lock().expect("not poisoned").clear();
    }

    /// The epochs that were let go of.
    pub(crate) fn gone(&self) -> Vec<u64> {
        self.1.lock().expect("not poisoned").clone()
    }

    fn limit(&self, name: &str, core: usize, log: &Log) -> u64 {
        let hidden = self.0.lock().expect("not poisoned");
        let limits = hidden.iter().filter(|hidden| hidden.0 == name && hidden.1 == core).map(|hidden| hidden.2);
        limits.min().unwrap_or(u64::MAX).min(log.tail())
    }
}

impl Holders for Hidden {
    fn input(&self, core: usize, log: &Log) -> u64 {
        self.limit("in", core, log)
    }

    fn det(&self, core: usize, _epoch: u64, log: &Log) -> u64 {
        self.limit("det", core, log)
    }

    fn out(&self, core: usize, log: &Log) -> u64 {
        self.limit("out", core, log)
    }

    fn let_go(&self, epoch: u64) {
        self.1.lock().expect("not poisoned").push(epoch);
    }
}

/// The scripted master of one epoch.
pub(crate) struct Master {
    det: Vec<WordWriter>,
    out: Vec<FrameWriter>,
    pub(crate) ordinal: Vec<u64>,
    hash: Vec<u64>,
    epoch: u64,
}

impl Master {
    pub(crate) fn of(group: &Group) -> Master {
        let epoch = group.record.current().expect("begun");
        let base = group.ol.base().cloned().unwrap_or_else(|| Base::none(group.record.cores()));
        let logs = &group.logs;
        Master {
            det: logs.det.iter().map(|sets| sets[epoch.set].word_writer()).collect(),
            out: logs.out.iter().map(|sets| sets[epoch.set].writer().expect("whole")).collect(),
            ordinal: base.cores.iter().map(|point| point.ordinal).collect(),
            hash: base.cores.iter().map(|point| point.hash).collect(),
            epoch: epoch.number,
        }
    }

    pub(crate) fn word(&mut self, core: usize, word: Word) -> &mut Master {
        self.det[core].push(word.0);
        self.det[core].publish();
        self
    }

    /// An output of `core` that needs all of its words so far (and `in` up to `need_in`).
    pub(crate) fn emit_needing(&mut self, core: usize, need_in: u64, payload: u64) -> &mut Master {
        self.ordinal[core] += 1;
        self.hash[core] = self.hash[core].wrapping_mul(31).wrapping_add(payload + 1);
        let header = OutHeader {
            input: InHeader { source: payload.into(), ..InHeader::default() },
            ordinal: self.ordinal[core].into(),
            hash: self.hash[core].into(),
            need_in: need_in.into(),
            need_det: self.det[core].position().into(),
            data_len: 8.into(),
            data_offset: 0.into(),
        };
        let payload = payload.to_le_bytes();
        self.out[core].append(KIND_PACKET, 0, &[header.as_bytes(), &payload]).expect("room");
        self.out[core].publish();
        self
    }

    pub(crate) fn emit(&mut self, core: usize, payload: u64) -> &mut Master {
        self.emit_needing(core, 0, payload)
    }

    /// A delta that says where the cores are now; `counts`: of the variables acquired.
    pub(crate) fn checkpoint(&self, group: &Group, counts: &[(u32, u32, u32)]) -> Delta {
        let committed = group.record.committed();
        let points = (0..group.record.cores()).map(|core| CorePoint {
            in_pos: group.logs.input[core].tail(),
            det_pos: self.det[core].position(),
            out_pos: self.out[core].position(),
            ordinal: self.ordinal[core],
            hash: self.hash[core],
            ..CorePoint::default()
        });
        let mut builder = DeltaBuilder::new(Summary {
            epoch: self.epoch,
            number: committed.map_or(0, |number| number + 1),
            base: committed,
            fingerprint: 0,
            variables: VARIABLES,
            cores: points.collect(),
        });
        for &(id, acq, base) in counts {
            builder.count(id, acq, base);
        }
        builder.finish()
    }
}

/// Record, logs and output logger.
pub(crate) struct Group {
    pub(crate) record: GroupRecord,
    pub(crate) logs: GroupLogs,
    pub(crate) hidden: Hidden,
    pub(crate) ol: OutputLogger,
    pub(crate) sink: Sink,
}

impl Group {
    /// A group in epoch 1 with checkpoint 0 committed.
    pub(crate) fn started(cores: usize) -> (Group, Master) {
        let record = GroupRecord::anonymous(Birth::now(cores, 0)).expect("memory");
        let logs = GroupLogs::anonymous(cores, LogSizes::smallest(), 0).expect("memory");
        let hidden = Hidden::default();
        let ol = OutputLogger::new(record.clone(), logs.clone(), Box::new(hidden.clone()), None).expect("fresh");
        let mut group = Group { record, logs, hidden, ol, sink: Sink::default() };
        group.take_over();
        let master = Master::of(&group);
        group.commit(&master.checkpoint(&group, &[]));
        (group, master)
    }

    pub(crate) fn poll(&mut self) -> Polled {
        let mut total = Polled::default();
        loop {
            let polled = self.ol.poll(&mut self.sink).expect("no divergence");
            if polled.is_idle() {
                return total;
            }
            total.words += polled.words;
            total.released += polled.released;
            total.suppressed += polled.suppressed;
            total.activated |= polled.activated;
        }
    }

    pub(crate) fn commit(&mut self, delta: &Delta) {
        assert!(self.ol.covers(delta.head()));
        self.ol.commit(delta.head()).expect("follows");
        self.ol.trim();
    }

    /// The master is dead: cut, and the next epoch begins.
    pub(crate) fn take_over(&mut self) -> EpochRecord {
        let epoch = self.ol.prepare(0, &mut self.sink).expect("no divergence");
        self.hidden.deliver();
        self.ol.begin(&epoch).expect("fits");
        epoch
    }

    /// The output logger dies and another takes its place.
    pub(crate) fn restart(&mut self) {
        let base = self.ol.base().cloned();
        let holders = Box::new(self.hidden.clone());
        self.ol = OutputLogger::new(self.record.clone(), self.logs.clone(), holders, base).expect("fits");
    }
}
