//! The image: the latest committed checkpoint in one mapped file, whatever the types of the state are.
//!
//! Invariant: at every instant the file, together with the staged delta that is being applied to it, yields that
//! checkpoint. A record that the delta does not touch is never written; one that it touches may be torn, and applying
//! the delta again makes it whole, since a delta says what things are, not how they change. The length of a record
//! never changes, so the records can always be walked.
//!
//! ```text
//! file     0 header page     4096 counts, 12 bytes each variable (see `counts`)     records ...     end ... free
//! header   0 magic  8 version  12 crc of 0..12 and 16..24  16 fingerprint        64 slot    128 slot
//! slot     0 sequence  8 applied + 1  16 begun + 1  24 epoch  32 end  40 zero  48 variables  52 cores
//!          56 zero  60 crc of the slot
//! record   0 crc of 4.. but for spare capacity  4 value length
//!          8 crc of 12.. up to the end of the key  12 variable  16 key length  20 capacity
//!          24 key  value  spare capacity, to a multiple of 8
//! ```
//!
//! Of the two slots the valid one with the higher sequence counts; each change of state writes the other one. *begun*
//! is written before a delta's first change, *applied* after its last; where they differ, the image is half-way. A
//! value length of `2^32-1` marks a dead record (its value outgrew it), `2^32-2` a removed one, which serves again if
//! its key comes back. The points of the cores are a record of variable `2^32-1`.

mod apply;
mod compact;
mod counts;
mod header;
mod index;
mod load;
mod record;
mod space;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};

use super::error::CheckpointError;
use super::summary::{CorePoint, Count};
use crate::state::Piece;
use header::Slot;
use index::Index;
use record::{Record, RecordKind};
use space::Space;

pub use apply::Applied;

/// A checkpoint in a mapped file.
///
/// ```
/// use ftmb_runtime::checkpoint::{DeltaBuilder, Image, Summary};
/// use ftmb_runtime::state::{Piece, StateError, encode_piece};
/// let dir = tempfile::tempdir()?;
/// let mut image = Image::create(&dir.path().join("image"), 7)?;
/// let mut builder = DeltaBuilder::new(Summary { fingerprint: 7, variables: 2, ..Summary::default() });
/// builder.variable(1, |out| Ok::<_, StateError>(encode_piece(out, Piece::Put { key: b"k", value: b"v" })))?;
/// image.apply(&builder.finish())?;
///
/// assert_eq!(image.applied(), Some(0));
/// for id in image.variables() {
///     image.variable(id, |pieces| {
///         for piece in pieces {
///             assert_eq!(piece, Piece::Put { key: b"k", value: b"v" }); // here a live object would restore it
///         }
///     });
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    space: Space,
    /// The slot that counts.
    slot: Slot,
    index: Index,
    cores: Vec<CorePoint>,
    /// End of the records, those of a delta being applied included.
    end: usize,
    /// Bytes of dead and removed records, likewise.
    dead: usize,
    /// Below this many bytes dead, compaction is not tried.
    patience: usize,
    scratch: Vec<u8>,
    fingerprint: u64,
    /// Held by the one process that may change the image; `None`: this one only reads.
    lock: Option<File>,
}

impl Image {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint that it holds; `None` if it is empty.
    pub fn applied(&self) -> Option<u64> {
        self.slot.applied.get().checked_sub(1)
    }

    /// The checkpoint that somebody last began to apply; the same as [`applied`](Self::applied) unless that stopped
    /// half-way.
    pub fn begun(&self) -> Option<u64> {
        self.slot.begun.get().checked_sub(1)
    }

    /// The epoch whose master took the checkpoint that it holds.
    pub fn epoch(&self) -> u64 {
        self.slot.epoch.get()
    }

    /// Whether this process may change it; see [`load`](Self::load).
    pub fn is_writable(&self) -> bool {
        self.lock.is_some()
    }

    /// Tracked variables in all.
    pub fn variable_count(&self) -> u32 {
        self.slot.variables.get()
    }

    /// The points of the cores; empty if the image holds nothing or is half-way.
    pub fn cores(&self) -> &[CorePoint] {
        &self.cores
    }

    /// The counts of every variable, by id; those never acquired are zero.
    pub fn counts(&self) -> impl Iterator<Item = Count> + '_ {
        (0..self.variable_count()).map(|id| self.count(id))
    }

    /// The counts of one variable.
    ///
    /// # Panics
    /// If there is no such variable.
    pub fn count(&self, id: u32) -> Count {
        assert!(id < self.variable_count(), "variable {id} of {}", self.variable_count());
        counts::read(&self.space, id)
    }

    /// The variables of which it holds pieces, by id.
    pub fn variables(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.variable_count()).filter(|&id| !self.index.is_empty(id))
    }

    /// Lets `read` see all pieces of a variable, each one a [`Piece::Put`], in the order in which they lie in the file.
    ///
    /// # Panics
    /// If there is no such variable.
    pub fn variable<R>(&self, id: u32, read: impl FnOnce(ImagePieces<'_>) -> R) -> R {
        let mut offsets = self.index.offsets(id);
        offsets.sort_unstable();
        self.space.with(0..self.end, |bytes| read(ImagePieces { bytes, offsets: offsets.into_iter() }))
    }

    /// Writes it back to its file system, for images on a disk.
    ///
    /// # Errors
    /// [`CheckpointError::Log`].
    pub fn flush(&self) -> Result<(), CheckpointError> {
        Ok(self.space.flush()?)
    }
}

/// The pieces of one variable in an image.
///
/// See [`Image`] for an example.
#[derive(Debug)]
pub struct ImagePieces<'a> {
    bytes: &'a [u8],
    offsets: std::vec::IntoIter<usize>,
}

impl<'a> Iterator for ImagePieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        self.offsets.by_ref().find_map(|offset| {
            let record = Record::at(self.bytes, offset)?;
            (record.kind() == RecordKind::Live).then_some(Piece::Put { key: record.key, value: record.value })
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.offsets.len()))
    }
}
