//! The frames of an interface, through an engine: what a port on a packet socket and one on a tap device have in common.
//!
//! Invariant: every frame that the engine hands over is handed in once, under the next source position, or counted as lost with its
//! reason; the same holds for what is sent.

use std::io;

use ftmb_runtime::packet::PortId;

use super::frame::{self, NoFrame};
use super::inlet::Inlet;
use super::tally::Tally;
use super::{PortStat, PortStatistics, Received, Sent};
use crate::offload;
use crate::uring::{EngineKind, Messages};

/// One interface's frames.
#[derive(Debug)]
pub(super) struct Wire {
    inlet: Inlet,
    engine: Box<dyn Messages>,
    /// Frames have offload headers.
    offload: bool,
    pub(super) tally: Tally,
    scratch: Vec<u8>,
}

impl Wire {
    pub(super) fn new(id: PortId, name: &str, engine: Box<dyn Messages>, offload: bool) -> Wire {
        Wire { inlet: Inlet::new(id), engine, offload, tally: Tally::new(name), scratch: Vec::new() }
    }

    pub(super) fn engine(&self) -> EngineKind {
        self.engine.kind()
    }

    /// Continues at this source position.
    pub(super) fn resume(&mut self, source: u64) {
        self.inlet.resume(source);
    }

    /// As [`Port::receive`](super::Port::receive); the error is what the kernel says in place of a frame.
    pub(super) fn receive(&mut self, limit: usize, take: &mut dyn FnMut(Received<'_>) -> bool) -> io::Result<usize> {
        let Wire { inlet, engine, offload, tally, scratch } = self;
        let Some(mut taken) = inlet.offer_held(take) else { return Ok(0) };
        let (mut too_long, mut malformed, mut unfinished) = (0, 0, 0);
        let received = engine.receive(limit.saturating_sub(taken), &mut |message| {
            if message.truncated {
                too_long += 1;
                return true;
            }
            match frame::received(message.payload, message.control, *offload, scratch) {
                Ok(frame::Frame { offload, bytes }) => {
                    let done = inlet.offer(offload, bytes, take);
                    taken += usize::from(done);
                    return done;
                }
                Err(NoFrame::Malformed) => malformed += 1,
                Err(NoFrame::Unfinished) => unfinished += 1,
            }
            true
        });
        tally.add(PortStat::Received, taken as u64);
        tally.lose(PortStat::TooLong, too_long, "longer than 66 KiB");
        tally.lose(PortStat::Malformed, malformed, "too short for an ethernet header");
        let why = "their checksums are not complete, and vnet=no says not to pass that on";
        tally.lose(PortStat::Unfinished, unfinished, why);
        received.map(|_| taken)
    }

    /// Sends a frame, with what is left to do, or as the frames that come of doing that here.
    pub(super) fn send(&mut self, frame: &Sent<'_>) -> io::Result<()> {
        if self.offload {
            return self.engine.push(&frame::header(frame.offload), frame.bytes);
        }
        push_finished(&mut *self.engine, &[], frame, &mut self.scratch, &mut self.tally)
    }

    /// Returns whether frames found the interface down.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        self.engine.flush()?;
        Ok(self.tally.sent(self.engine.sends()))
    }

    pub(super) fn figures(&self) -> PortStatistics {
        self.tally.figures()
    }
}

/// Does here what the sender left for an interface to do, and sends the frames that come of it, each behind `head`.
pub(super) fn push_finished(
    engine: &mut dyn Messages,
    head: &[u8],
    frame: &Sent<'_>,
    scratch: &mut Vec<u8>,
    tally: &mut Tally,
) -> io::Result<()> {
    let mut pushed = Ok(());
    let cut = offload::pieces(frame.bytes, frame.offload, scratch, |piece| {
        if pushed.is_ok() {
            pushed = engine.push(head, piece);
        }
    });
    if let Err(error) = cut {
        tally.lose(PortStat::Unfinished, 1, &error.to_string());
    }
    pushed
}
