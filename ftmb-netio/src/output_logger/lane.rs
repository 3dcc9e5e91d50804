//! One core at the output logger: its cursor in `det` and its place in `out`. Invariant: frames are looked at in order, each
//! ordinal follows the one before; what was sent is recorded before more is.

use ftmb_runtime::frame::{KIND_PADDING, split_out};
use ftmb_runtime::log::{FrameReader, Log, WordReader};
use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;
use ftmb_runtime::release::{Cursor, Tables};

use super::{BURST, Base, Outlet, Output, count};
use crate::error::Error;
use crate::group_record::{GroupRecord, Released};
use crate::port::Sent;

/// Why the frame at the reader's place has not been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blocked {
    /// It has not been looked at.
    No,
    /// It needs these positions in `det` and `in`.
    Needs(u64, u64),
    /// It is new, and the epoch is not active.
    Epoch,
    /// Its port had no room.
    Outlet,
}

/// What [`Lane::release`] did.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) released: u64,
    pub(super) suppressed: u64,
}

/// One core's half of the output logger; a release thread may own some of them.
#[derive(Debug)]
pub struct Lane {
    core: usize,
    cursor: Cursor,
    words: WordReader,
    stable_det: u64,
    out: FrameReader,
    blocked: Blocked,
    /// Ordinal of the next frame; `None` until the first one is seen after a restart.
    expected: Option<u64>,
    recorded: Released,
    /// Sent but not recorded, if later than `recorded`.
    sent: Released,
    /// Agreement with `recorded` in this epoch has been seen.
    agrees: bool,
    closing: Option<(u64, u64)>,
    /// Arrivals of the inputs of what was sent since the last record.
    arrivals: Vec<u64>,
    passed: u64,
    released: u64,
    released_bytes: u64,
    suppressed: u64,
}

impl Lane {
    /// Begins at the base in the logs of epoch `epoch`.
    pub(super) fn new(
        core: usize,
        det: &Log,
        out: &Log,
        base: &Base,
        epoch: u64,
        recorded: Released,
    ) -> Result<Lane, Error> {
        let point = base.cores[core];
        if point.ordinal > recorded.ordinal {
            let (expected, found) = (recorded.ordinal, point.ordinal);
            return Err(Error::Base { what: "ordinal of a core (at most)", expected, found });
        }
        let start = if base.epoch == epoch { point.det_pos } else { 0 };
        let mut lane = Lane {
            core,
            cursor: Cursor::new(start),
            words: det.word_reader(),
            stable_det: start,
            out: out.reader(out.trimmed()),
            blocked: Blocked::No,
            expected: None,
            sent: recorded,
            agrees: recorded.epoch == epoch,
            recorded,
            closing: None,
            arrivals: Vec::with_capacity(BURST),
            passed: 0,
            released: 0,
            released_bytes: 0,
            suppressed: 0,
        };
        if base.epoch != epoch && out.trimmed() == 0 {
            lane.expected = Some(point.ordinal + 1);
        }
        if !lane.agrees && recorded.ordinal == point.ordinal {
            // Nothing to be made again. (At the very beginning both are zero.)
            lane.check_hash(recorded.ordinal, point.hash)?;
            lane.agrees = true;
        }
        Ok(lane)
    }

    /// Its core.
    pub fn core(&self) -> usize {
        self.core
    }

    /// Where its cursor is.
    pub fn position(&self) -> u64 {
        self.cursor.position()
    }

    /// Learns up to where its `det` log is stable.
    pub fn see(&mut self, stable: u64) {
        self.stable_det = self.closing.map_or(stable, |(det, _)| det.min(stable));
    }

    /// Passes words as far as the rule and what was seen allow; returns how many.
    ///
    /// # Errors
    /// [`Error::Release`] for words that make no sense.
    #[inline]
    pub fn advance(&mut self, tables: &Tables) -> Result<u64, Error> {
        let passed = self.cursor.advance(tables, &self.words, self.stable_det)?;
        self.passed += passed;
        Ok(passed)
    }

    /// Nothing at or past these positions is ever looked at.
    pub(super) fn close(&mut self, det: u64, out: u64) {
        self.closing = Some((det, out));
    }

    pub(super) fn closing(&self) -> (u64, u64) {
        self.closing.unwrap_or_default()
    }

    pub(super) fn agrees(&self) -> bool {
        self.agrees
    }

    pub(super) fn recorded(&self) -> Released {
        self.recorded
    }

    pub(super) fn unblock(&mut self) {
        self.blocked = Blocked::No;
    }

    pub(super) fn has_news(&self) -> bool {
        let det = self.words.log().tail() > self.stable_det;
        det || self.blocked == Blocked::No && self.out.log().tail() > self.out.position()
    }

    /// Whether all that is published has been passed and released.
    pub(super) fn is_drained(&self) -> bool {
        let out = self.out.log();
        self.position() == self.words.log().tail() && self.out.position() == out.tail() && self.sent == self.recorded
    }

    /// Releases or suppresses up to `burst` outputs; `input` and `out` are the stable positions of these logs.
    pub(super) fn release(
        &mut self,
        input: u64,
        out: u64,
        active: bool,
        burst: usize,
        outlet: &mut dyn Outlet,
    ) -> Result<Done, Error> {
        let mut done = Done::default();
        match self.blocked {
            Blocked::Needs(det, need) if self.position() < det || input < need => return Ok(done),
            Blocked::Epoch if !active => return Ok(done),
            _ => self.blocked = Blocked::No,
        }
        let limit = self.closing.map_or(out, |(_, closing)| closing.min(out));
        while done.released < burst as u64 {
            let at = self.out.position();
            let Some(frame) = self.out.next_below(limit)? else { break };
            if frame.next > limit {
                self.out.seek(at);
                break;
            }
            if frame.kind == KIND_PADDING {
                continue;
            }
            let Some((header, bytes)) = split_out(frame.payload) else {
                let (kind, length) = (frame.kind, frame.payload.len());
                let path = self.out.log().path().into();
                return Err(Error::Frame { path, position: at, expected: "an output", kind, length });
            };
            let (det, need) = (header.need_det.get(), header.need_in.get());
            let (ordinal, hash) = (header.ordinal.get(), header.hash.get());
            let (input_header, kind) = (header.input, frame.kind);
            if self.expected.unwrap_or(ordinal.min(self.recorded.ordinal + 1)) != ordinal {
                return Err(self.out_of_sequence(at, ordinal));
            }
            let blocked = if self.cursor.position() < det || input < need {
                Some(Blocked::Needs(det, need))
            } else if ordinal > self.recorded.ordinal && !active {
                Some(Blocked::Epoch)
            } else {
                None
            };
            if let Some(blocked) = blocked {
                self.blocked = blocked;
                self.out.seek(at);
                break;
            }
            if ordinal <= self.recorded.ordinal {
                if ordinal == self.recorded.ordinal {
                    self.check_hash(ordinal, hash)?;
                    self.agrees = true;
                }
                self.suppressed += 1;
                done.suppressed += 1;
            } else {
                let sent = Sent {
                    port: PortId(input_header.port.get()),
                    core: self.core as u32,
                    ordinal,
                    source: input_header.source.get(),
                    arrival: input_header.arrival.get(),
                    offload: Offload::from_bytes(input_header.offload),
                    bytes,
                };
                let length = bytes.len() as u64;
                if !outlet.send(&Output { kind, sent })? {
                    self.blocked = Blocked::Outlet;
                    self.out.seek(at);
                    break;
                }
                self.sent = Released { ordinal, hash, ..self.sent };
                self.arrivals.push(input_header.arrival.get());
                self.released += 1;
                self.released_bytes += length;
                done.released += 1;
            }
            self.expected = Some(ordinal + 1);
        }
        Ok(done)
    }

    /// Records what was sent (and flushed, at `now`), or that the epoch agrees, and only then trims `out`.
    pub(super) fn record(&mut self, record: &GroupRecord, epoch: u64, now: u64) {
        if self.sent.ordinal != self.recorded.ordinal || self.agrees && self.recorded.epoch != epoch {
            self.sent.epoch = if self.agrees { epoch } else { self.recorded.epoch };
            record.set_released(self.core, self.sent);
            self.recorded = self.sent;
        }
        let to = self.out.position();
        if to != self.out.log().trimmed() {
            // Up to the frame that makes this epoch agree nothing is trimmed but what was recorded before it.
            self.out.log().trim(to);
            record.core_bell(self.core).ring();
        }
        if !self.arrivals.is_empty() {
            record.note_delays(self.core, now, &self.arrivals);
            self.arrivals.clear();
        }
        count(record, self.core, self.passed, self.released, self.released_bytes, self.suppressed);
        (self.passed, self.released, self.released_bytes, self.suppressed) = (0, 0, 0, 0);
    }

    fn check_hash(&self, ordinal: u64, found: u64) -> Result<(), Error> {
        let (core, expected) = (self.core, self.recorded.hash);
        if found == expected { Ok(()) } else { Err(Error::Divergence { core, ordinal, expected, found }) }
    }

    #[cold]
    fn out_of_sequence(&self, position: u64, found: u64) -> Error {
        let expected = self.expected.unwrap_or(self.recorded.ordinal + 1);
        Error::OutOfSequence { path: self.out.log().path().into(), position, core: self.core, expected, found }
    }
}
