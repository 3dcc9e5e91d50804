//! One core's `in` log, as its writer sees it. Invariant: the marks say what is published, or less; what they lack stands in the
//! last batch of the log.

use std::sync::atomic::Ordering;

use ftmb_runtime::frame::{IN_HEADER, InHeader, KIND_CONTROL, KIND_PACKET, split_in};
use ftmb_runtime::log::{FrameWriter, Log};
use zerocopy::IntoBytes;

use crate::error::Error;
use crate::group_record::MAX_PORTS;
use crate::port::Received;

/// Mark with the last arrival.
pub(crate) const ARRIVAL: usize = MAX_PORTS;
/// Mark with the number of the last control request.
pub(crate) const CONTROL: usize = MAX_PORTS + 1;
/// Marks in all.
pub(crate) const MARKS: usize = MAX_PORTS + 2;

/// What became of a frame.
pub(super) enum Appended {
    /// It is in the log, or was already.
    Done,
    /// Likewise, and so much is unpublished that it is time.
    Early,
    /// No room.
    Full,
}

#[derive(Debug)]
pub(super) struct Lane {
    log: Log,
    writer: FrameWriter,
    /// Per port object: last source position in the log, published or not.
    last: [u64; MAX_PORTS],
    arrival: u64,
    /// The last control request in the log, published or not.
    control: u64,
    /// Publish when the next frame would start here or later.
    early: u64,
    packets: u64,
    bytes: u64,
}

impl Lane {
    /// Continues a log: what its marks lack because a writer died after a publication is read from its last batch. What of that was
    /// trimmed is in the marks: whoever trims has attached, or has written them.
    pub(super) fn attach(log: &Log, object_of: &[u8; MAX_PORTS]) -> Result<Lane, Error> {
        let writer = log.writer()?;
        let mut last: [u64; MAX_PORTS] = std::array::from_fn(|object| log.mark(object).load(Ordering::Acquire));
        let mut arrival = log.mark(ARRIVAL).load(Ordering::Acquire);
        let mut control = log.mark(CONTROL).load(Ordering::Acquire);
        let mut batch = writer.last_batch();
        while let Some(frame) = batch.next()? {
            let (position, kind, length) = (frame.position, frame.kind, frame.payload.len());
            let Some((header, _)) = split_in(frame.payload) else {
                let path = log.path().into();
                return Err(Error::Frame { path, position, expected: "an input", kind, length });
            };
            arrival = arrival.max(header.arrival.get());
            let object = object_of.get(usize::from(header.port.get())).map_or(usize::MAX, |&object| object.into());
            if kind == KIND_PACKET && object < MAX_PORTS {
                last[object] = last[object].max(header.source.get());
            }
            if kind == KIND_CONTROL {
                control = control.max(header.source.get());
            }
        }
        let early = writer.published() + log.capacity() / 4;
        let lane = Lane { log: log.clone(), writer, last, arrival, control, early, packets: 0, bytes: 0 };
        lane.set_marks();
        Ok(lane)
    }

    /// The last source position in the log of a port object.
    pub(super) fn last(&self, object: usize) -> u64 {
        self.last[object]
    }

    pub(super) fn controlled(&self) -> u64 {
        self.control
    }

    pub(super) fn arrival(&self) -> u64 {
        self.arrival
    }

    #[inline]
    pub(super) fn append(
        &mut self,
        object: usize,
        frame: &Received<'_>,
        arrival: u64,
        wall: i64,
        flow_hash: u32,
    ) -> Appended {
        if frame.source <= self.last[object] {
            return Appended::Done;
        }
        let length = IN_HEADER + frame.bytes.len();
        let Some(space) = self.writer.reserve(length) else { return Appended::Full };
        let header = InHeader {
            source: frame.source.into(),
            arrival: arrival.into(),
            wall: wall.into(),
            flow_hash: flow_hash.into(),
            port: frame.port.0.into(),
            offload: frame.offload.to_bytes(),
            ..InHeader::default()
        };
        space[..IN_HEADER].copy_from_slice(header.as_bytes());
        space[IN_HEADER..].copy_from_slice(frame.bytes);
        self.writer.commit(KIND_PACKET, 0, length);
        self.last[object] = frame.source;
        self.arrival = arrival;
        self.packets += 1;
        self.bytes += frame.bytes.len() as u64;
        if self.writer.position() >= self.early { Appended::Early } else { Appended::Done }
    }

    /// Appends a tick or a control request; false if there is no room.
    pub(super) fn append_plain(&mut self, kind: u8, source: u64, bytes: &[u8], arrival: u64, wall: i64) -> bool {
        let header =
            InHeader { source: source.into(), arrival: arrival.into(), wall: wall.into(), ..InHeader::default() };
        let appended = self.writer.append(kind, 0, &[header.as_bytes(), bytes]).is_some();
        if appended {
            self.arrival = arrival;
            if kind == KIND_CONTROL {
                self.control = source;
            }
        }
        appended
    }

    #[inline]
    pub(super) fn is_dirty(&self) -> bool {
        self.writer.position() != self.writer.published()
    }

    /// Publishes; returns packets and bytes since the last time. The marks follow.
    pub(super) fn publish(&mut self) -> (u64, u64) {
        self.writer.publish();
        // A quarter: the core begins while more comes in.
        self.early = self.writer.published() + self.log.capacity() / 4;
        (std::mem::take(&mut self.packets), std::mem::take(&mut self.bytes))
    }

    pub(super) fn set_marks(&self) {
        for (object, &last) in self.last.iter().enumerate() {
            let mark = self.log.mark(object);
            // Relaxed: this is the only writer.
            if mark.load(Ordering::Relaxed) != last {
                // Release; pairs with the Acquire in `attach`.
                mark.store(last, Ordering::Release);
            }
        }
        // Release; pairs with the Acquire in `attach`.
        self.log.mark(ARRIVAL).store(self.arrival, Ordering::Release);
        // Release; pairs with the Acquire in `attach`.
        self.log.mark(CONTROL).store(self.control, Ordering::Release);
    }
}
