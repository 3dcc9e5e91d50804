//! The receiving half of the port: records of the capture, at their pace, under their numbers.
//!
//! Invariant: a record is consumed only once its frame is taken.

use std::path::Path;

use ftmb_runtime::offload::Offload;
use ftmb_runtime::packet::PortId;

use super::super::{Pace, PortError, Received};
use super::pacer::Pacer;
use super::reader::{CaptureReader, Peek};

#[derive(Debug)]
pub(super) struct Input {
    reader: CaptureReader,
    pacer: Pacer,
    due: Option<u64>,
    exhausted: bool,
    cut_said: bool,
}

impl Input {
    pub(super) fn new(reader: CaptureReader, pace: Pace) -> Input {
        Input { reader, pacer: Pacer::new(pace), due: None, exhausted: false, cut_said: false }
    }

    pub(super) fn path(&self) -> &Path {
        self.reader.path()
    }

    pub(super) fn exhausted(&self) -> bool {
        self.exhausted
    }

    pub(super) fn next_due(&self) -> Option<u64> {
        self.due
    }

    pub(super) fn receive(
        &mut self,
        port: PortId,
        now: u64,
        limit: usize,
        take: &mut dyn FnMut(Received<'_>) -> bool,
    ) -> Result<usize, PortError> {
        let mut taken = 0;
        self.due = None;
        // One record further than the limit is looked at, so that the end and the next due time are known at once.
        loop {
            let header = match self.reader.peek(false) {
                Ok(Peek::Record(header)) => header,
                Ok(Peek::Pending) => break,
                Ok(Peek::End) => {
                    self.exhausted = true;
                    break;
                }
                // What was taken counts; the error comes again.
                Err(_) if taken > 0 => break,
                Err(error) => return Err(error),
            };
            let due = self.pacer.due(now, header.timestamp);
            if due > now || taken == limit {
                self.due = Some(due);
                break;
            }
            let source = self.reader.consumed() + 1;
            if header.wire > header.length && !self.cut_said {
                self.cut_said = true;
                let (file, recorded, wire) = (self.reader.path().display(), header.length, header.wire);
                tracing::warn!(%file, source, recorded, wire, "capture has frames cut short; they enter as recorded");
            }
            if !take(Received { port, source, offload: Offload::default(), bytes: self.reader.bytes(&header) }) {
                self.due = Some(due);
                break;
            }
            self.reader.consume(&header);
            self.pacer.handed();
            taken += 1;
        }
        Ok(taken)
    }

    pub(super) fn resume(&mut self, source: u64) -> Result<(), PortError> {
        self.pacer.restart();
        (self.due, self.exhausted) = (None, false);
        if source <= self.reader.consumed() {
            self.reader.restart()?;
        }
        while self.reader.consumed() + 1 < source {
            let Peek::Record(header) = self.reader.peek(true)? else {
                let (path, found) = (self.reader.path().to_owned(), self.reader.consumed());
                return Err(PortError::ResumePastEnd { path, expected: source, found });
            };
            self.reader.consume(&header);
        }
        Ok(())
    }
}
