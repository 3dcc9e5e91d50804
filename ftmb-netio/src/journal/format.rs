//! The bytes of a journal: batches, and the records in them. Invariant: a batch counts as a whole or not at all, by one checksum;
//! whatever the bytes are, reading them ends in records or in what was expected and found, never in a panic.
//!
//! ```text
//! batch   0 magic  8 version  12 crc of 0..12 and 16..length  16 run  24 sequence  32 length  40 time  48 zero
//!         64 records ...  zeros up to a multiple of 4096
//! record  0 kind  1 zero  2 core  4 length of the rest  8 epoch  16 from  24 whole   32 bytes, padded to 8
//! ```
//!
//! | kind | core | epoch | from | whole | bytes |
//! | --- | --- | --- | --- | --- | --- |
//! | 1 `in` | yes | - | position | - | frames as in the log: length, kind, flags, zero; payload; padded to 8 |
//! | 2 `det` | yes | yes | position, in words | - | words |
//! | 3 checkpoint | - | yes | offset | bytes in all | a part of the staged delta; `number` is its first word |
//! | 4 facts, 5 start, 6 birth | - | - | - | - | words: see `facts` |

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

/// Batches begin at multiples of this, and are as long.
pub(super) const BLOCK: usize = 4096;
pub(super) use super::print::MAGIC;
const VERSION: u32 = 1;
/// Bytes in front of the records of a batch.
pub(super) const HEAD: usize = size_of::<RawBatch>();
/// Bytes in front of what a record holds.
pub(super) const RECORD: usize = size_of::<RawRecord>();

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawBatch {
    magic: le::U64,
    version: le::U32,
    crc: le::U32,
    run: le::U64,
    sequence: le::U64,
    length: le::U64,
    time: le::I64,
    zero: [le::U64; 2],
}

#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RawRecord {
    kind: u8,
    zero: u8,
    core: le::U16,
    length: le::U32,
    epoch: le::U64,
    from: le::U64,
    whole: le::U64,
}

const _: () = assert!(HEAD == 64 && RECORD == 32 && BLOCK.is_multiple_of(8));

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    In = 1,
    Det = 2,
    Checkpoint = 3,
    Facts = 4,
    Start = 5,
    Birth = 6,
}

impl Kind {
    fn of(byte: u8) -> Option<Kind> {
        use Kind::*;
        [In, Det, Checkpoint, Facts, Start, Birth].into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) kind: Kind,
    pub(super) core: usize,
    pub(super) epoch: u64,
    /// Position or offset of the first byte (word).
    pub(super) from: u64,
    pub(super) whole: u64,
    pub(super) bytes: &'a [u8],
}

impl Record<'static> {
    pub(super) fn of(kind: Kind) -> Record<'static> {
        Record { kind, core: 0, epoch: 0, from: 0, whole: 0, bytes: &[] }
    }
}

/// Fills a buffer with records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filling {
    end: usize,
    open: Option<usize>,
}

impl Filling {
    pub(super) fn new() -> Filling {
        Filling { end: HEAD, open: None }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.end == HEAD
    }

    /// Bytes used.
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// Bytes that a record which is begun now (or is open) may still take.
    pub(super) fn room(&self, buffer: &[u8]) -> usize {
        let head = if self.open.is_some() { 0 } else { RECORD };
        // A record's length has 32 bits; no buffer is that long.
        buffer.len().saturating_sub(self.end + head) & !7
    }

    /// Begins a record without bytes; there must be [`room`](Self::room).
    pub(super) fn begin(&mut self, buffer: &mut [u8], record: &Record<'_>) {
        assert!(self.open.is_none(), "one record at a time");
        let raw = RawRecord {
            kind: record.kind as u8,
            zero: 0,
            core: (record.core as u16).into(),
            length: 0.into(),
            epoch: record.epoch.into(),
            from: record.from.into(),
            whole: record.whole.into(),
        };
        buffer[self.end..self.end + RECORD].copy_from_slice(raw.as_bytes());
        self.open = Some(self.end);
        self.end += RECORD;
    }

    /// Appends to the open record.
    pub(super) fn push(&mut self, buffer: &mut [u8], bytes: &[u8]) {
        buffer[self.end..self.end + bytes.len()].copy_from_slice(bytes);
        self.end += bytes.len();
    }

    /// Ends the open record; one that holds nothing is taken back.
    pub(super) fn end(&mut self, buffer: &mut [u8]) {
        let Some(at) = self.open.take() else { return };
        let length = self.end - at - RECORD;
        if length == 0 {
            self.end = at;
            return;
        }
        buffer[at + 4..at + 8].copy_from_slice(&(length as u32).to_le_bytes());
        let padded = self.end.next_multiple_of(8);
        buffer[self.end..padded].fill(0);
        self.end = padded;
    }

    /// Appends a whole record if there is room.
    pub(super) fn add(&mut self, buffer: &mut [u8], record: &Record<'_>) -> bool {
        if self.room(buffer) < record.bytes.len() {
            return false;
        }
        self.begin(buffer, record);
        self.push(buffer, record.bytes);
        self.end(buffer);
        true
    }

    /// Completes the batch; returns its length on disk.
    pub(super) fn seal(self, buffer: &mut [u8], run: u64, sequence: u64, time: i64) -> usize {
        assert!(self.open.is_none(), "the last record is ended");
        let padded = self.end.next_multiple_of(BLOCK);
        buffer[self.end..padded].fill(0);
        let mut raw = RawBatch {
            magic: MAGIC.into(),
            version: VERSION.into(),
            crc: 0.into(),
            run: run.into(),
            sequence: sequence.into(),
            length: (self.end as u64).into(),
            time: time.into(),
            zero: [0.into(); 2],
        };
        buffer[..HEAD].copy_from_slice(raw.as_bytes());
        raw.crc = crc(&buffer[..self.end]).into();
        buffer[..HEAD].copy_from_slice(raw.as_bytes());
        padded
    }
}

fn crc(batch: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&batch[..12]);
    crc.update(&batch[16..]);
    crc.finalize()
}

/// What stands in front of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) run: u64,
    pub(super) sequence: u64,
    /// Bytes of the batch, without what fills its last block.
    pub(super) length: usize,
    /// Unix time at which it was completed, ns.
    pub(super) time: i64,
}

impl Head {
    /// Bytes on disk.
    pub(super) fn padded(&self) -> u64 {
        self.length.next_multiple_of(BLOCK) as u64
    }
}

/// Why bytes are no batch: where, what was expected, what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) at: usize,
    pub(super) expected: &'static str,
    pub(super) found: u64,
}

fn flaw<T>(at: usize, expected: &'static str, found: u64) -> Result<T, Flaw> {
    Err(Flaw { at, expected, found })
}

/// Looks at the beginning of a batch; the checksum is not checked, so nothing of it is certain.
pub(super) fn head(bytes: &[u8]) -> Result<Head, Flaw> {
    let Ok((raw, _)) = RawBatch::ref_from_prefix(bytes) else { return flaw(0, "a batch", bytes.len() as u64) };
    if raw.magic.get() != MAGIC {
        return flaw(0, "the magic number of a batch", raw.magic.get());
    }
    if raw.version.get() != VERSION {
        return flaw(8, "version 1", raw.version.get().into());
    }
    let length = raw.length.get();
    match usize::try_from(length) {
        Ok(bytes) if bytes >= HEAD && bytes.is_multiple_of(8) => {
            Ok(Head { run: raw.run.get(), sequence: raw.sequence.get(), length: bytes, time: raw.time.get() })
        }
        _ => flaw(32, "the length of a batch", length),
    }
}

/// Checks a whole batch and returns its records.
pub(super) fn batch(bytes: &[u8]) -> Result<(Head, Records<'_>), Flaw> {
    let head = head(bytes)?;
    let Some(whole) = bytes.get(..head.length) else {
        return flaw(32, "a batch that is here in full", head.length as u64);
    };
    let raw = RawBatch::ref_from_prefix(whole).expect("looked at by `head`").0;
    if raw.crc.get() != crc(whole) {
        return flaw(12, "the crc of the batch", raw.crc.get().into());
    }
    // What the checksum covers is nevertheless looked at: another program may have written it.
    let mut records = Records { bytes: &whole[HEAD..] };
    while let Some(at) = records.offset_below(whole.len()) {
        if records.next().is_none() {
            return flaw(at, "a record that ends within its batch", (whole.len() - at) as u64);
        }
    }
    Ok((head, Records { bytes: &whole[HEAD..] }))
}

/// The records of a batch.
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    bytes: &'a [u8],
}

impl Records<'_> {
    fn offset_below(&self, end: usize) -> Option<usize> {
        (!self.bytes.is_empty()).then_some(end - self.bytes.len())
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let (raw, rest) = RawRecord::ref_from_prefix(self.bytes).ok()?;
        let length = raw.length.get() as usize;
        let bytes = rest.get(..length)?;
        let rest = rest.get(length.next_multiple_of(8)..)?;
        let (kind, core) = (Kind::of(raw.kind)?, raw.core.get().into());
        self.bytes = rest;
        Some(Record { kind, core, epoch: raw.epoch.get(), from: raw.from.get(), whole: raw.whole.get(), bytes })
    }
}

/// The bytes in front of a frame of an `in` record.
pub(super) const FRAME: usize = 8;

/// What precedes a frame's payload: its length, kind and flags.
pub(super) fn frame_head(payload: usize, kind: u8, flags: u8) -> [u8; FRAME] {
    let mut head = [0; FRAME];
    head[..4].copy_from_slice(&(payload as u32).to_le_bytes());
    (head[4], head[5]) = (kind, flags);
    head
}

/// One frame of an `in` record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) payload: &'a [u8],
}

/// The frames of an `in` record.
#[derive(Clone, Debug)]
pub(super) struct Frames<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let (head, rest) = self.bytes.split_first_chunk::<FRAME>()?;
        let length = u32::from_le_bytes(head[..4].try_into().expect("four bytes")) as usize;
        let payload = rest.get(..length)?;
        self.bytes = rest.get(length.next_multiple_of(8)..)?;
        Some(Frame { kind: head[4], flags: head[5], payload })
    }
}
