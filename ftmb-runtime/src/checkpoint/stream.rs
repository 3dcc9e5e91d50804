//! A delta on its way through the `ckpt` log. Invariant: where a chunk belongs in the delta follows from its position
//! in the log alone, given where the delta began, so whoever receives may die anywhere and go on where the log is
//! trimmed to.
//!
//! ```text
//! begin   0 epoch  8 number  16 length of the delta  24 crc of its head  28 zero
//! data    60 KiB of the delta; the last one holds the rest
//! end     as begin
//! ```

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

use super::delta::Delta;
use crate::log::{FRAME_HEADER, FrameWriter};

/// A delta begins.
pub const KIND_BEGIN: u8 = 1;
/// The next bytes of the delta.
pub const KIND_DATA: u8 = 2;
/// The delta is complete.
pub const KIND_END: u8 = 3;

/// Bytes of a delta in one frame; the last one has fewer.
pub const CHUNK: usize = 60 * 1024;
/// Chunks appended in one step, so that a step stays short however large the log is.
const BURST: usize = 16;

/// Payload of the frames around a delta.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Edge {
    pub(super) epoch: le::U64,
    pub(super) number: le::U64,
    pub(super) length: le::U64,
    pub(super) crc: le::U32,
    pub(super) zero: le::U32,
}

const EDGE_FRAME: u64 = (FRAME_HEADER + size_of::<Edge>()) as u64;
const CHUNK_FRAME: u64 = (FRAME_HEADER + CHUNK) as u64;
const _: () = assert!(size_of::<Edge>() == 32 && EDGE_FRAME.is_multiple_of(8) && CHUNK_FRAME.is_multiple_of(8));
const _: () = assert!(CHUNK_FRAME + EDGE_FRAME <= crate::log::MIN_CAPACITY && CHUNK <= crate::log::MAX_PAYLOAD);

/// Where a delta lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Position of its first frame.
    pub(super) begin: u64,
    /// Bytes of the delta.
    pub(super) length: u64,
}

impl Span {
    /// Offset and length of the chunk whose frame is at `position`, if one is.
    pub(super) fn chunk_at(self, position: u64) -> Option<(u64, usize)> {
        let from_first = position.checked_sub(self.begin.checked_add(EDGE_FRAME)?)?;
        let offset = from_first / CHUNK_FRAME * CHUNK as u64;
        let length = self.length.checked_sub(offset)?.min(CHUNK as u64) as usize;
        (from_first.is_multiple_of(CHUNK_FRAME) && length > 0).then_some((offset, length))
    }

    /// Position of the last frame; `None` for a length that no delta has.
    pub(super) fn end(self) -> Option<u64> {
        let whole = (self.length / CHUNK as u64).checked_mul(CHUNK_FRAME)?;
        let rest = self.length % CHUNK as u64;
        let last = if rest == 0 { 0 } else { (FRAME_HEADER as u64 + rest).next_multiple_of(8) };
        self.begin.checked_add(EDGE_FRAME)?.checked_add(whole)?.checked_add(last)
    }
}

/// How far a [`DeltaSender`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something was published, more is to come: ring the keeper and step again when convenient.
    Moved,
    /// The log has no room: wait until the keeper has trimmed it.
    Full,
    /// Everything is published.
    Done,
}

/// Sends one delta through the `ckpt` log, which may be much smaller than the delta.
///
/// ```
/// use ftmb_runtime::checkpoint::{DeltaBuilder, DeltaSender, Progress, Staging, Summary};
/// use ftmb_runtime::log::{Log, LogKind, LogSpec};
/// let log = Log::anonymous(LogSpec { kind: LogKind::Ckpt, capacity: 1 << 17, fingerprint: 7 })?;
/// let mut writer = log.writer()?;
/// let mut sender = DeltaSender::new(DeltaBuilder::new(Summary { fingerprint: 7, ..Summary::default() }).finish());
/// while sender.step(&mut writer) != Progress::Done {}
///
/// let dir = tempfile::tempdir()?;
/// let mut staging = Staging::open(&dir.path().join("stage"), log)?;
/// let staged = staging.step()?.expect("a whole delta was published");
/// assert_eq!((staged.epoch, staged.number), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DeltaSender {
    delta: Delta,
    edge: Edge,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Begin,
    Chunk(usize),
    End,
    Nothing,
}

impl DeltaSender {
    /// Prepares to send; nothing is written yet.
    pub fn new(delta: Delta) -> DeltaSender {
        let raw = delta.head().raw();
        let length = delta.len().into();
        let edge = Edge { epoch: raw.epoch, number: raw.number, length, crc: raw.crc, zero: 0.into() };
        DeltaSender { delta, edge, next: Next::Begin }
    }

    /// Appends and publishes what the log has room for, at most about 1 MiB; never waits.
    pub fn step(&mut self, writer: &mut FrameWriter) -> Progress {
        let mut moved = false;
        for _ in 0..BURST {
            if self.next == Next::Nothing || !self.frame(writer) {
                break;
            }
            moved = true;
        }
        writer.publish();
        match (self.next, moved) {
            (Next::Nothing, _) => Progress::Done,
            (_, true) => Progress::Moved,
            (_, false) => Progress::Full,
        }
    }

    /// Appends the next frame, if the log has room for it.
    fn frame(&mut self, writer: &mut FrameWriter) -> bool {
        let length = self.delta.len() as usize;
        let (appended, next) = match self.next {
            Next::Begin => (writer.append(KIND_BEGIN, 0, &[self.edge.as_bytes()]), Next::Chunk(0)),
            Next::Chunk(from) => {
                let size = CHUNK.min(length - from);
                let next = if from + size == length { Next::End } else { Next::Chunk(from + size) };
                (writer.append(KIND_DATA, 0, &self.delta.chunk(from, size)), next)
            }
            Next::End => (writer.append(KIND_END, 0, &[self.edge.as_bytes()]), Next::Nothing),
            Next::Nothing => return false,
        };
        if appended.is_some() {
            self.next = next;
        }
        appended.is_some()
    }

    /// The delta that is sent.
    pub fn delta(&self) -> &Delta {
        &self.delta
    }

    /// The delta, for its memory ([`DeltaBuilder::reusing`](super::DeltaBuilder::reusing)) or to send it again.
    pub fn into_delta(self) -> Delta {
        self.delta
    }
}
