//! What a row of records amounts to. Invariant: positions only grow, without a gap; a checkpoint counts when all of it is there.

use ftmb_runtime::checkpoint::Delta;

use super::error::JournalError;
use super::facts::{Facts, Positions, Reached};
use super::format::{Flaw, Kind, Record};
use super::reader::Place;

/// A checkpoint whose last part is in the batch that was just taken.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) epoch: u64,
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

impl Arrived {
    /// As a delta, checked.
    pub(super) fn delta(&self, run: &std::path::Path) -> Result<Delta, JournalError> {
        let failed =
            |source| JournalError::Checkpoint { path: run.into(), number: self.number, source: Box::new(source) };
        Delta::parse(self.bytes.clone()).map_err(failed)
    }
}

/// Takes records in order.
#[derive(Debug, Default)]
pub(super) struct Fold {
    /// None before the first segment's start.
    pub(super) positions: Option<Positions>,
    pub(super) facts: Option<Facts>,
    /// A checkpoint of which parts are missing, and the bytes that are there.
    partial: Option<(Arrived, u64)>,
    /// Whether the bytes of checkpoints are kept; without, only their ends are noted.
    keeps_bytes: bool,
}

impl Fold {
    /// One that keeps the bytes of checkpoints.
    pub(super) fn keeping_bytes() -> Fold {
        Fold { keeps_bytes: true, ..Fold::default() }
    }

    /// Takes a record; returns the checkpoint that it completes.
    pub(super) fn take(&mut self, place: &Place, record: &Record<'_>) -> Result<Option<Arrived>, JournalError> {
        let unsound = |expected| {
            let flaw = Flaw { at: 0, expected, found: record.bytes.len() as u64 };
            super::error::damaged(&place.path, place.offset, flaw)
        };
        if record.kind == Kind::Start {
            let start = Positions::parse(record.bytes).ok_or_else(|| unsound("the positions of a start"))?;
            return self.start(place, start).map(|()| None);
        }
        let Some(positions) = &mut self.positions else { return Err(unsound("a segment that begins with a start")) };
        let cores = positions.input.len();
        if record.core >= cores {
            return Err(unsound("the number of a core"));
        }
        let gap = |what, expected: u64| JournalError::Gap {
            path: place.path.clone(),
            offset: place.offset,
            what,
            expected,
            found: record.from,
        };
        match record.kind {
            Kind::In => {
                let next = &mut positions.input[record.core];
                if *next != record.from {
                    return Err(gap("the position of inputs", *next));
                }
                *next = next.checked_add(record.bytes.len() as u64).ok_or_else(|| unsound("a position"))?;
            }
            Kind::Det => {
                let at = positions.det.iter().position(|reached| reached.epoch == record.epoch);
                let at = at.unwrap_or_else(|| {
                    positions.det.push(Reached { epoch: record.epoch, cores: vec![0; cores] });
                    positions.det.len() - 1
                });
                let next = &mut positions.det[at].cores[record.core];
                if *next != record.from {
                    return Err(gap("the position of determinants", *next));
                }
                *next = next.checked_add(record.bytes.len() as u64 / 8).ok_or_else(|| unsound("a position"))?;
            }
            Kind::Checkpoint => return self.part(place, record),
            Kind::Facts => {
                let facts = Facts::parse(record.bytes).filter(|facts| facts.cores.len() == cores);
                let facts = facts.ok_or_else(|| unsound("facts"))?;
                // What came before the active epoch matters to nobody any more.
                positions.det.retain(|reached| reached.epoch >= facts.epoch);
                self.facts = Some(facts);
            }
            Kind::Start | Kind::Birth => return Err(unsound("a record of a segment")),
        }
        Ok(None)
    }

    fn start(&mut self, place: &Place, start: Positions) -> Result<(), JournalError> {
        let Some(positions) = &self.positions else {
            self.positions = Some(start);
            return Ok(());
        };
        if positions.input.len() != start.input.len() {
            let (path, what) = (place.path.clone(), "the number of cores");
            let (expected, found) = (positions.input.len() as u64, start.input.len() as u64);
            return Err(JournalError::Gap { path, offset: place.offset, what, expected, found });
        }
        for (&expected, &found) in positions.input.iter().zip(&start.input) {
            if expected != found {
                let (path, what) = (place.path.clone(), "the position of inputs at a segment's start");
                return Err(JournalError::Gap { path, offset: place.offset, what, expected, found });
            }
        }
        for reached in &start.det {
            for (core, &found) in reached.cores.iter().enumerate() {
                if let Some(expected) = positions.det(core, reached.epoch).filter(|&expected| expected != found) {
                    let (path, what) = (place.path.clone(), "the position of determinants at a segment's start");
                    return Err(JournalError::Gap { path, offset: place.offset, what, expected, found });
                }
            }
        }
        self.positions = Some(start);
        Ok(())
    }

    fn part(&mut self, place: &Place, record: &Record<'_>) -> Result<Option<Arrived>, JournalError> {
        let flaw =
            |expected, found| Err(super::error::damaged(&place.path, place.offset, Flaw { at: 0, expected, found }));
        let Some((number, bytes)) = record.bytes.split_first_chunk::<8>() else {
            return flaw("the number of a checkpoint", record.bytes.len() as u64);
        };
        let number = u64::from_le_bytes(*number);
        if record.from == 0 {
            self.partial = Some((Arrived { epoch: record.epoch, number, bytes: Vec::new() }, 0));
        }
        let next = |part: &(Arrived, u64)| (part.0.epoch, part.0.number, part.1) == (record.epoch, number, record.from);
        let Some((partial, have)) = self.partial.as_mut().filter(|part| next(part)) else {
            // It began before what is read; whoever needs it reads from there.
            self.partial = None;
            return Ok(None);
        };
        if self.keeps_bytes {
            partial.bytes.extend_from_slice(bytes);
        }
        *have = have.checked_add(bytes.len() as u64).unwrap_or(u64::MAX);
        if *have != record.whole {
            return Ok(None);
        }
        if let Some(positions) = &mut self.positions {
            positions.checkpoint = Some((record.epoch, number));
        }
        Ok(self.partial.take().map(|(arrived, _)| arrived))
    }
}
