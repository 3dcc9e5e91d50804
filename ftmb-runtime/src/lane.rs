//! A core's `out` log while it runs: turns what an input did into output frames with ordinals, hashes and needs.
//!
//! Invariant: ordinals count by one in log order; the chain covers every frame; a dropped packet without emissions leaves no
//! trace in the log.

use zerocopy::{FromBytes, IntoBytes};

use crate::chain;
use crate::context::{Context, EMIT_BYTES, EMIT_FRAMES, Emitted};
use crate::frame::{InHeader, KIND_CONTROL, KIND_CONTROL_ERROR, KIND_PACKET, OUT_HEADER, OutHeader};
use crate::log::{FRAME_HEADER, FrameWriter, MAX_PAYLOAD};
use crate::middlebox::Middlebox;
use crate::offload::Offload;
use crate::packet::{Packet, PortId, Verdict};
use crate::recorder::Core;
use crate::time::Instant;

/// Writes one core's outputs.
#[derive(Debug)]
pub(crate) struct Lane {
    out: FrameWriter,
    ordinal: u64,
    hash: u64,
    emitted: Emitted,
}

/// What an output frame says besides its bytes.
struct Origin<'a> {
    input: &'a InHeader,
    need_in: u64,
    need_det: u64,
}

impl Lane {
    pub(crate) fn new(out: FrameWriter, ordinal: u64, hash: u64) -> Lane {
        Lane { out, ordinal, hash, emitted: Emitted::default() }
    }

    pub(crate) fn position(&self) -> u64 {
        self.out.position()
    }

    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.out.log().capacity()
    }

    #[inline]
    pub(crate) fn has_room(&mut self, bytes: u64) -> bool {
        self.out.has_room(bytes)
    }

    #[inline]
    pub(crate) fn publish(&mut self) {
        self.out.publish();
    }

    /// Runs `process` on a packet that lies in the frame it will leave in.
    #[inline]
    pub(crate) fn packet<M: Middlebox>(
        &mut self,
        core: &Core,
        middlebox: &M,
        input: &InHeader,
        bytes: &[u8],
        need_in: u64,
    ) {
        self.emitted.start(EMIT_FRAMES, EMIT_BYTES);
        let space = self.out.reserve(OUT_HEADER + Packet::space_for(bytes.len()));
        let space = space.expect("the worker checked that there is room");
        let (head, room) = space.split_at_mut(OUT_HEADER);
        let arrival = Instant::from_nanos(core.now.get().arrival);
        let mut packet = Packet::new(room, bytes, PortId(input.port.get()), arrival, input.flow_hash.get())
            .with_offload(Offload::from_bytes(input.offload));
        let verdict = middlebox.process(&mut packet, &mut Context::new(core, &mut self.emitted));
        let origin = Origin { input, need_in, need_det: core.needed() };
        if let Verdict::Forward(port) = verdict {
            let ((start, end), offload) = (packet.extent(), packet.offload());
            self.ordinal += 1;
            self.hash = chain::extend(self.hash, port.0, offload, &room[start..end]);
            // In place: a header built elsewhere and copied would be read back before its stores have left the store buffer.
            let header = OutHeader::mut_from_bytes(head).expect("as long as a header");
            *header = origin.header(port, self.ordinal, self.hash, end - start, start);
            header.input.offload = offload.to_bytes();
            self.out.commit(KIND_PACKET, 0, OUT_HEADER + end);
        }
        self.send_emitted(&origin);
    }

    /// Runs `tick`.
    pub(crate) fn tick<M: Middlebox>(&mut self, core: &Core, middlebox: &M, input: &InHeader, need_in: u64) {
        self.start_whole();
        middlebox.tick(&mut Context::new(core, &mut self.emitted));
        self.send_emitted(&Origin { input, need_in, need_det: core.needed() });
    }

    /// Runs `control`; the reply is an output like any other.
    pub(crate) fn control<M: Middlebox>(
        &mut self,
        core: &Core,
        middlebox: &M,
        input: &InHeader,
        request: &[u8],
        need_in: u64,
    ) {
        self.start_whole();
        let reply = middlebox.control(request, &mut Context::new(core, &mut self.emitted));
        let origin = Origin { input, need_in, need_det: core.needed() };
        let (kind, bytes) = match reply {
            Ok(bytes) if bytes.len() > MAX_PAYLOAD - OUT_HEADER => {
                let longest = MAX_PAYLOAD - OUT_HEADER;
                (
                    KIND_CONTROL_ERROR,
                    format!("a reply of {} bytes; expected at most {longest}", bytes.len()).into_bytes(),
                )
            }
            Ok(bytes) => (KIND_CONTROL, bytes),
            Err(error) => {
                let mut reason = error.to_string();
                reason.truncate(reason.floor_char_boundary(MAX_PAYLOAD - OUT_HEADER));
                (KIND_CONTROL_ERROR, reason.into_bytes())
            }
        };
        self.append(&origin, kind, PortId(u16::MAX), Offload::default(), &bytes);
        self.send_emitted(&origin);
    }

    /// A tick or control input may fill half the log.
    fn start_whole(&mut self) {
        let half = (self.capacity() / 2) as usize - MAX_PAYLOAD;
        let frames = half / 4 / (OUT_HEADER + 2 * FRAME_HEADER);
        self.emitted.start(frames, half / 2);
    }

    #[inline]
    fn send_emitted(&mut self, origin: &Origin<'_>) {
        if !self.emitted.frames.is_empty() {
            self.append_emitted(origin);
        }
    }

    #[inline(never)]
    fn append_emitted(&mut self, origin: &Origin<'_>) {
        let emitted = std::mem::take(&mut self.emitted);
        let mut at = 0;
        for (port, offload, len) in &emitted.frames {
            self.append(origin, KIND_PACKET, *port, *offload, &emitted.bytes[at..at + len]);
            at += len;
        }
        self.emitted = emitted;
    }

    fn append(&mut self, origin: &Origin<'_>, kind: u8, port: PortId, offload: Offload, bytes: &[u8]) {
        self.ordinal += 1;
        self.hash = chain::extend(self.hash, port.0, offload, bytes);
        let mut header = origin.header(port, self.ordinal, self.hash, bytes.len(), 0);
        header.input.offload = offload.to_bytes();
        let appended = self.out.append(kind, 0, &[header.as_bytes(), bytes]);
        appended.expect("the worker checked that there is room");
    }
}

impl Origin<'_> {
    #[inline]
    fn header(&self, port: PortId, ordinal: u64, hash: u64, len: usize, offset: usize) -> OutHeader {
        let mut header = OutHeader {
            input: *self.input,
            ordinal: ordinal.into(),
            hash: hash.into(),
            need_in: self.need_in.into(),
            need_det: self.need_det.into(),
            data_len: (len as u32).into(),
            data_offset: (offset as u32).into(),
        };
        header.input.port = port.0.into();
        header
    }
}
