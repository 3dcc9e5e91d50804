//! The head of a delta: what it says of itself, and the counts of the variables acquired. Invariant: it has a checksum
//! of its own, so the output logger reads positions and counts without the pieces (drawn in `delta`).

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

use super::error::{CheckpointError, damaged, io_error};
use super::summary::{Count, Summary, decode_cores};
use crate::determinant::MAX_VARIABLE;

pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"ftmb-dlt");
pub(super) const VERSION: u32 = 1;
pub(super) const HEAD: usize = size_of::<RawHead>();
pub(super) const COUNT: usize = 12;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct RawHead {
    pub(super) magic: le::U64,
    pub(super) version: le::U32,
    pub(super) crc: le::U32,
    pub(super) head_len: le::U64,
    pub(super) body_len: le::U64,
    pub(super) epoch: le::U64,
    pub(super) number: le::U64,
    pub(super) base: le::U64,
    pub(super) fingerprint: le::U64,
    pub(super) variables: le::U32,
    pub(super) cores: le::U32,
    pub(super) counts: le::U32,
    pub(super) runs: le::U32,
    pub(super) body_crc: le::U32,
    pub(super) zero: le::U32,
}

const _: () = assert!(HEAD == 88);

/// The checksum over a head, its own field left out.
pub(super) fn head_crc(head: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&head[..12]);
    crc.update(&head[16..]);
    crc.finalize()
}

/// The first part of a delta: its summary and the counts of the variables acquired.
///
/// ```
/// use ftmb_runtime::checkpoint::{DeltaBuilder, DeltaHead, Summary};
/// let mut builder = DeltaBuilder::new(Summary { number: 4, base: Some(3), variables: 9, ..Summary::default() });
/// builder.count(8, 21, 20);
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("1-4");
/// std::fs::write(&path, builder.finish().to_bytes())?;
/// let head = DeltaHead::open(&path)?;
/// assert_eq!((head.summary().number, head.counts().count()), (4, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeltaHead {
    pub(super) bytes: Vec<u8>,
    pub(super) summary: Summary,
    pub(super) counts_at: usize,
    pub(super) path: PathBuf,
}

impl DeltaHead {
    /// Reads the head of a staged file, not its pieces.
    ///
    /// # Errors
    /// [`CheckpointError`]: `Io`, and all that can be wrong with the bytes.
    pub fn open(path: &Path) -> Result<DeltaHead, CheckpointError> {
        DeltaHead::read(path).map(|(head, _)| head)
    }

    pub(super) fn read(path: &Path) -> Result<(DeltaHead, File), CheckpointError> {
        let mut file = File::open(path).map_err(io_error(path, "open"))?;
        let found = file.metadata().map_err(io_error(path, "stat"))?.len();
        let mut bytes = Vec::with_capacity(4096);
        file.by_ref().take(HEAD as u64).read_to_end(&mut bytes).map_err(io_error(path, "read"))?;
        let head_len = lengths(&bytes, found, path)?;
        file.by_ref().take((head_len - bytes.len()) as u64).read_to_end(&mut bytes).map_err(io_error(path, "read"))?;
        Ok((DeltaHead::parse(bytes, path)?, file))
    }

    /// Checks the bytes of a head, whose lengths were checked by [`lengths`].
    pub(super) fn parse(bytes: Vec<u8>, path: &Path) -> Result<DeltaHead, CheckpointError> {
        let raw = RawHead::ref_from_prefix(&bytes).map_err(|_| truncated(path, HEAD, bytes.len()))?.0;
        let crc = head_crc(&bytes);
        if raw.crc.get() != crc {
            return Err(damaged(path, 12, "the crc of the head", raw.crc.get().into()));
        }
        let (cores, used) = decode_cores(&bytes[HEAD..], raw.cores.get())
            .map_err(|at| damaged(path, (HEAD + at) as u64, "a core point", raw.cores.get().into()))?;
        let counts_at = HEAD + used;
        if Some(bytes.len() - counts_at) != (raw.counts.get() as usize).checked_mul(COUNT) {
            return Err(damaged(path, 72, "as many counts as the head has room for", raw.counts.get().into()));
        }
        let summary = Summary {
            epoch: raw.epoch.get(),
            number: raw.number.get(),
            base: raw.base.get().checked_sub(1),
            fingerprint: raw.fingerprint.get(),
            variables: raw.variables.get(),
            cores,
        };
        if summary.number == u64::MAX || summary.base.is_some_and(|base| base >= summary.number) {
            return Err(damaged(path, 48, "a base before the checkpoint", raw.base.get()));
        }
        if summary.variables > MAX_VARIABLE + 1 {
            return Err(damaged(path, 64, "as many variables as there can be", summary.variables.into()));
        }
        let head = DeltaHead { bytes, summary, counts_at, path: path.into() };
        for (i, count) in head.counts().enumerate() {
            if count.id >= head.summary.variables {
                let at = counts_at + i * COUNT;
                return Err(damaged(path, at as u64, "the id of a variable", count.id.into()));
            }
        }
        Ok(head)
    }

    pub(super) fn raw(&self) -> &RawHead {
        RawHead::ref_from_prefix(&self.bytes).expect("a head has at least its fixed part").0
    }

    /// What the delta says of itself.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The counts of the variables acquired since the checkpoint that this one is relative to.
    pub fn counts(&self) -> Counts<'_> {
        Counts { bytes: &self.bytes[self.counts_at..] }
    }

    /// Bytes of the head; the pieces follow it.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Where it was read from; `(memory)` for bytes.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Counts, in the order in which they were noted.
///
/// See [`DeltaHead::counts`].
#[derive(Clone, Debug)]
pub struct Counts<'a> {
    bytes: &'a [u8],
}

impl Iterator for Counts<'_> {
    type Item = Count;

    fn next(&mut self) -> Option<Count> {
        let ([id, acq, base], rest) = <[le::U32; 3]>::ref_from_prefix(self.bytes).ok()?;
        self.bytes = rest;
        Some(Count { id: id.get(), acq: acq.get(), base: base.get() })
    }
}

pub(super) fn truncated(path: &Path, expected: usize, found: usize) -> CheckpointError {
    CheckpointError::Truncated { path: path.into(), expected: expected as u64, found: found as u64 }
}

/// Checks magic, version and that both lengths add up to `found`; returns the length of the head.
pub(super) fn lengths(bytes: &[u8], found: u64, path: &Path) -> Result<usize, CheckpointError> {
    let raw = RawHead::ref_from_prefix(bytes).map_err(|_| truncated(path, HEAD, bytes.len()))?.0;
    if raw.magic.get() != MAGIC {
        return Err(CheckpointError::Foreign { path: path.into(), expected: MAGIC, found: raw.magic.get() });
    }
    if raw.version.get() != VERSION {
        let (expected, found) = (VERSION.into(), raw.version.get().into());
        return Err(CheckpointError::Mismatch { path: path.into(), position: 8, what: "version", expected, found });
    }
    let (head, body) = (raw.head_len.get(), raw.body_len.get());
    match head.checked_add(body) {
        Some(total) if total == found && head >= HEAD as u64 => Ok(head as usize),
        Some(total) if total > found => Err(CheckpointError::Truncated { path: path.into(), expected: total, found }),
        _ => Err(damaged(path, 16, "lengths that add up to the file's", head)),
    }
}
