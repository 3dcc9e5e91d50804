//! Copying what is new in the logs into a batch. Invariant: `det` tails are read before `in` tails and inputs are copied first, so
//! every batch holds the inputs that its determinants stem from; facts follow when everything up to the tails that were read after
//! them is copied.

use ftmb_runtime::log::FrameReader;
use zerocopy::IntoBytes;

use super::error::JournalError;
use super::facts::{Facts, Positions, Reached};
use super::format::{Filling, Kind, Record, frame_head};
use super::shared::{LetGo, Shared};
use crate::group_dir::GroupLogs;
use crate::group_record::GroupRecord;

/// Kept free for the facts at a batch's end, bytes.
pub(super) const FACTS_ROOM: usize = 8192;

/// Up to where is to be copied before the facts hold.
#[derive(Debug)]
struct Round {
    /// How many times logs had been emptied when it began.
    let_go: u64,
    facts: Option<Facts>,
    input: Vec<u64>,
    det: Vec<Target>,
}

#[derive(Debug)]
struct Target {
    epoch: u64,
    set: usize,
    cores: Vec<u64>,
}

/// Follows the logs.
#[derive(Debug)]
pub(super) struct Gatherer {
    record: GroupRecord,
    logs: GroupLogs,
    input: Vec<FrameReader>,
    /// Up to where everything is copied.
    pub(super) positions: Positions,
    round: Option<Round>,
    /// Of the journal that it copies for; once that is suspended, nothing may be read.
    pub(super) generation: u64,
    /// Facts that hold for what is copied, newer than the last ones written.
    ready: Option<Facts>,
    written: Option<Facts>,
}

impl Gatherer {
    pub(super) fn new(record: GroupRecord, logs: GroupLogs, positions: Positions, generation: u64) -> Gatherer {
        let input = logs.input.iter().zip(&positions.input).map(|(log, &from)| log.reader(from)).collect();
        Gatherer { record, logs, input, positions, round: None, generation, ready: None, written: None }
    }

    /// Copies what is new and has room. Returns whether it copied anything.
    pub(super) fn gather(
        &mut self,
        shared: &Shared,
        filling: &mut Filling,
        buffer: &mut [u8],
    ) -> Result<bool, JournalError> {
        // Until this is given back, no `det` log is emptied.
        let let_go = shared.let_go();
        {
            let state = shared.state();
            if state.is_off() || state.generation != self.generation {
                return Ok(false);
            }
        }
        let before = filling.len();
        let round = self.round.take().filter(|round| round.let_go == let_go.times);
        let mut round = round.unwrap_or_else(|| self.begin_round(*let_go));
        let whole = self.copy(&round, filling, buffer)?;
        if !whole {
            self.round = Some(round);
        } else if let Some(facts) = round.facts.take() {
            self.ready = Some(facts);
        }
        Ok(filling.len() != before)
    }

    fn begin_round(&mut self, let_go: LetGo) -> Round {
        let facts = Facts::read(&self.record, &self.logs.input);
        let mut det = Vec::new();
        if let Some(epoch) = self.record.current() {
            if epoch.number != let_go.epoch {
                let tails = self.logs.det.iter().map(|sets| sets[epoch.set].tail()).collect();
                det.push(Target { epoch: epoch.number, set: epoch.set, cores: tails });
            }
            if let Some(from) = epoch.from.filter(|_| self.record.active() != epoch.number) {
                let closed = |(sets, cut): (&[_; 2], &crate::group_record::CoreCut)| {
                    let log: &ftmb_runtime::log::Log = &sets[from.set];
                    log.tail().min(cut.closing_det)
                };
                let cores = self.logs.det.iter().zip(&epoch.cores).map(closed).collect();
                det.push(Target { epoch: from.epoch, set: from.set, cores });
            }
        }
        self.positions.det.retain(|reached| det.iter().any(|target| target.epoch == reached.epoch));
        for target in &det {
            if self.positions.det.iter().all(|reached| reached.epoch != target.epoch) {
                let cores = vec![0; self.logs.cores()];
                self.positions.det.push(Reached { epoch: target.epoch, cores });
            }
        }
        // Read last: every determinant above stems from inputs below these.
        let input = self.logs.input.iter().map(ftmb_runtime::log::Log::tail).collect();
        Round { let_go: let_go.times, facts, input, det }
    }

    /// Copies up to the round's targets; returns whether all of it is copied now.
    fn copy(&mut self, round: &Round, filling: &mut Filling, buffer: &mut [u8]) -> Result<bool, JournalError> {
        for (core, &to) in round.input.iter().enumerate() {
            let (reader, next) = (&mut self.input[core], &mut self.positions.input[core]);
            if *next >= to {
                continue;
            }
            if filling.room(buffer) < FACTS_ROOM {
                return Ok(false);
            }
            filling.begin(buffer, &Record { core, from: *next, ..Record::of(Kind::In) });
            while *next < to {
                let Some(frame) = reader.next_below(to)? else { break };
                let length = (frame.next - frame.position) as usize;
                if filling.room(buffer) < length + FACTS_ROOM {
                    break;
                }
                let padding = length - super::format::FRAME - frame.payload.len();
                filling.push(buffer, &frame_head(frame.payload.len(), frame.kind, frame.flags));
                filling.push(buffer, frame.payload);
                filling.push(buffer, &[0; 8][..padding]);
                *next = frame.next;
            }
            filling.end(buffer);
            reader.seek(*next);
            if *next < to {
                return Ok(false);
            }
        }
        for target in &round.det {
            let Some(reached) = self.positions.det.iter_mut().find(|reached| reached.epoch == target.epoch) else {
                continue;
            };
            for (core, &to) in target.cores.iter().enumerate() {
                let next = &mut reached.cores[core];
                if *next >= to {
                    continue;
                }
                let room = filling.room(buffer).saturating_sub(FACTS_ROOM) as u64 / 8;
                let end = to.min(*next + room);
                if end > *next {
                    let reader = self.logs.det[core][target.set].word_reader();
                    let (first, second) = reader.slices(*next, end)?;
                    let record = Record { core, epoch: target.epoch, from: *next, ..Record::of(Kind::Det) };
                    filling.begin(buffer, &record);
                    filling.push(buffer, first.as_bytes());
                    filling.push(buffer, second.as_bytes());
                    filling.end(buffer);
                    *next = end;
                }
                if *next < to {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Whether facts wait to be written that are not what was written last.
    pub(super) fn has_facts(&self) -> bool {
        self.ready.is_some() && self.ready != self.written
    }

    /// The last facts are written once more.
    pub(super) fn repeat_facts(&mut self) {
        self.ready.clone_from(&self.written);
    }

    /// Appends the facts that hold for what is copied; returns the active epoch they name.
    pub(super) fn put_facts(&mut self, filling: &mut Filling, buffer: &mut [u8], ended: bool) -> Option<u64> {
        let mut facts = self.ready.take()?;
        facts.ended = ended;
        let added = filling.add(buffer, &Record { bytes: &facts.to_bytes(), ..Record::of(Kind::Facts) });
        if !added {
            self.ready = Some(facts);
            return None;
        }
        let epoch = facts.epoch;
        self.written = Some(facts);
        Some(epoch)
    }
}
