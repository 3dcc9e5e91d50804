//! A delta: one checkpoint relative to another, as bytes. Invariant: a [`Delta`] that came out of [`Delta::parse`] or
//! [`Delta::open`] is well-formed down to the last piece, so applying it cannot fail half-way for what it contains.
//!
//! ```text
//! head   0 magic  8 version  12 crc of the head but for this field  16 length of head  24 length of body
//!        32 epoch  40 number  48 base + 1 (0: complete)  56 fingerprint
//!        64 variables  68 cores  72 counts  76 runs  80 crc of the body  84 zero
//!        88 cores (see `summary`) ...  counts, 12 bytes each ...
//! body   runs: 0 variable  4 length  12 pieces (see `state::Piece`) ...
//! ```
//!
//! The head comes first and has a checksum of its own, so the output logger reads positions and counts without the
//! pieces.

use std::io::Read;
use std::path::Path;

use super::error::{CheckpointError, damaged, io_error};
use super::head::{Counts, DeltaHead, lengths, truncated};
use super::summary::Summary;
use crate::state::{Piece, PieceReader};

/// Bytes in front of a run.
pub(super) const RUN: usize = 12;
/// Longest key or value of a piece, bytes: the image marks removed records with the lengths above.
const MAX_PART: usize = u32::MAX as usize - 4096;

/// One checkpoint relative to another: summary, counts, and the pieces of what changed.
///
/// ```
/// use ftmb_runtime::checkpoint::{Delta, DeltaBuilder, Summary};
/// use ftmb_runtime::state::{Piece, StateError, encode_piece};
/// let mut builder = DeltaBuilder::new(Summary { number: 4, base: Some(3), variables: 9, ..Summary::default() });
/// builder.variable(8, |out| Ok::<_, StateError>(encode_piece(out, Piece::Put { key: b"k", value: b"v" })))?;
/// let delta = Delta::parse(builder.finish().to_bytes())?;
/// let (id, mut pieces) = delta.variables().next().expect("one variable changed");
/// assert_eq!((id, pieces.next()), (8, Some(Ok(Piece::Put { key: b"k", value: b"v" }))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delta {
    pub(super) head: DeltaHead,
    pub(super) body: Vec<u8>,
}

impl Delta {
    /// Checks bytes down to the last piece.
    ///
    /// # Errors
    /// [`CheckpointError`]: all that can be wrong with the bytes.
    pub fn parse(mut bytes: Vec<u8>) -> Result<Delta, CheckpointError> {
        let path = Path::new("(memory)");
        let head_len = lengths(&bytes, bytes.len() as u64, path)?;
        let body = bytes.split_off(head_len);
        Delta::checked(DeltaHead::parse(bytes, path)?, body)
    }

    /// Reads and checks a staged file.
    ///
    /// # Errors
    /// [`CheckpointError`]: `Io`, and all that can be wrong with the bytes.
    pub fn open(path: &Path) -> Result<Delta, CheckpointError> {
        let (head, mut file) = DeltaHead::read(path)?;
        let length = head.raw().body_len.get() as usize;
        let mut body = Vec::with_capacity(length);
        file.by_ref().take(length as u64).read_to_end(&mut body).map_err(io_error(path, "read"))?;
        Delta::checked(head, body)
    }

    fn checked(head: DeltaHead, body: Vec<u8>) -> Result<Delta, CheckpointError> {
        let (raw, path) = (*head.raw(), head.path.clone());
        if body.len() as u64 != raw.body_len.get() {
            return Err(truncated(
                &path,
                head.bytes.len() + raw.body_len.get() as usize,
                head.bytes.len() + body.len(),
            ));
        }
        if crc32fast::hash(&body) != raw.body_crc.get() {
            return Err(damaged(&path, 80, "the crc of the body", raw.body_crc.get().into()));
        }
        let delta = Delta { head, body };
        delta.check_runs(raw.runs.get())?;
        Ok(delta)
    }

    fn check_runs(&self, expected: u32) -> Result<(), CheckpointError> {
        let path = &self.head.path;
        let mut runs = self.variables();
        let mut found = 0;
        loop {
            let position = (self.head.bytes.len() + self.body.len() - runs.bytes.len()) as u64;
            let left = runs.bytes.len();
            let Some((variable, pieces)) = runs.next() else {
                if left != 0 {
                    return Err(damaged(path, position, "a run of pieces", left as u64));
                }
                break;
            };
            if variable >= self.head.summary.variables {
                return Err(damaged(path, position, "the id of a variable", variable.into()));
            }
            for piece in pieces {
                let piece = piece.map_err(|source| CheckpointError::Pieces {
                    path: path.into(),
                    variable,
                    position,
                    source,
                })?;
                check_size(piece, path)?;
            }
            found += 1;
        }
        if found != expected {
            return Err(damaged(path, 76, "as many runs as the body has", expected.into()));
        }
        Ok(())
    }

    /// Summary and counts.
    pub fn head(&self) -> &DeltaHead {
        &self.head
    }

    /// What the delta says of itself.
    pub fn summary(&self) -> &Summary {
        &self.head.summary
    }

    /// The counts of the variables acquired since the checkpoint that this one is relative to.
    pub fn counts(&self) -> Counts<'_> {
        self.head.counts()
    }

    /// The pieces of every variable that changed.
    pub fn variables(&self) -> Runs<'_> {
        Runs { bytes: &self.body }
    }

    /// Bytes in all.
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(&self) -> u64 {
        (self.head.bytes.len() + self.body.len()) as u64
    }

    /// The bytes in one row; [`parse`](Self::parse) takes them back.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.head.bytes[..], &self.body].concat()
    }

    /// The bytes `from..from + length`, which may lie on both sides of the end of the head.
    pub(super) fn chunk(&self, from: usize, length: usize) -> [&[u8]; 2] {
        let (head, end) = (self.head.bytes.len(), from + length);
        let first = &self.head.bytes[from.min(head)..end.min(head)];
        [first, &self.body[from.max(head) - head..end.max(head) - head]]
    }
}

/// The changed variables of a delta with their pieces.
///
/// See [`Delta`] for an example.
#[derive(Clone, Debug)]
pub struct Runs<'a> {
    bytes: &'a [u8],
}

impl<'a> Iterator for Runs<'a> {
    type Item = (u32, PieceReader<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.bytes.split_first_chunk::<RUN>()?;
        let id = u32::from_le_bytes(head[..4].try_into().expect("four bytes"));
        let length = u64::from_le_bytes(head[4..].try_into().expect("eight bytes"));
        let (run, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.bytes = rest;
        Some((id, PieceReader::new(run)))
    }
}

fn check_size(piece: Piece<'_>, path: &Path) -> Result<(), CheckpointError> {
    let value = if let Piece::Put { value, .. } = piece { value.len() } else { 0 };
    let (what, found) = if value > piece.key().len() {
        ("the value of a piece", value)
    } else {
        ("the key of a piece", piece.key().len())
    };
    if found <= MAX_PART {
        return Ok(());
    }
    Err(CheckpointError::TooLarge { path: path.into(), what, limit: MAX_PART as u64, found: found as u64 })
}
