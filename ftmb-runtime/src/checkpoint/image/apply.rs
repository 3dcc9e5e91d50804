//! Applying a delta. Invariant: until the last step only records that the delta touches, records behind the end, and
//! counts that it sets are written; and what a piece does depends on the piece alone, so doing it again after a crash
//! is right.

use zerocopy::{FromZeros, IntoBytes};

use super::Image;
use super::counts::{self, records_at};
use super::header::write_slot;
use super::index::{Index, KeyHash, MAX_OFFSET};
use super::record::{CORES, DEAD, HEADER, REMOVED, RawRecord, Record, RecordKind, assemble, capacity_for, size};
use crate::checkpoint::delta::Delta;
use crate::checkpoint::error::CheckpointError;
use crate::checkpoint::summary::encode_cores;
use crate::state::Piece;

/// Pieces whose records are fetched together.
const BATCH: usize = 32;

/// What [`Image::apply`] did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Applied {
    /// Pieces applied; 0 if the image held the checkpoint already.
    pub pieces: u64,
    /// What became of the compaction, if one was due: the delta is applied in any case, and a compaction that failed (a
    /// full file system) is tried again when there is more to gain.
    pub compaction: Option<Result<(), CheckpointError>>,
}

impl Image {
    /// Applies a committed delta: relative to the checkpoint that the image holds, or complete, replacing all. One that
    /// it holds already has no effect.
    ///
    /// # Errors
    /// [`CheckpointError::WrongBase`], `Mismatch` (fingerprint, variables), `Busy` (another process has it): nothing
    /// changed. `Log` or `TooLarge` when the image cannot grow: it is then half-way; applying the same delta again,
    /// here or by [`Image::load`] in another process, goes on.
    pub fn apply(&mut self, delta: &Delta) -> Result<Applied, CheckpointError> {
        self.check(delta)?;
        let summary = delta.summary();
        if self.applied().is_some_and(|applied| applied >= summary.number) {
            return Ok(Applied { pieces: 0, compaction: None });
        }
        self.begin(delta)?;
        let mut pieces = 0;
        for (variable, mut run) in delta.variables() {
            let mut batch = Vec::with_capacity(BATCH);
            loop {
                batch.clear();
                for piece in run.by_ref().take(BATCH) {
                    // Deltas that were parsed are known to be well-formed; only one built in this process may not be.
                    let (path, position) = (delta.head().path(), delta.head().len());
                    batch.push(piece.map_err(|source| CheckpointError::Pieces {
                        path: path.into(),
                        variable,
                        position,
                        source,
                    })?);
                }
                if batch.is_empty() {
                    break;
                }
                self.warm(variable, &batch);
                for &piece in &batch {
                    match piece {
                        Piece::Put { key, value } => self.put(variable, key, value)?,
                        Piece::Remove { key } => self.remove(variable, key),
                        Piece::Clear { prefix } => self.clear(variable, prefix),
                    }
                }
                pieces += batch.len() as u64;
            }
        }
        for count in delta.counts() {
            counts::write(&mut self.space, count);
        }
        let mut cores = Vec::new();
        encode_cores(&summary.cores, &mut cores);
        self.put(CORES, &[], &cores)?;

        self.slot.applied = (summary.number + 1).into();
        self.slot.epoch = summary.epoch.into();
        self.slot.end = (self.end as u64).into();
        self.slot.cores = (summary.cores.len() as u32).into();
        write_slot(&mut self.space, &mut self.slot);
        self.cores.clone_from(&summary.cores);
        Ok(Applied { pieces, compaction: self.compact_if_due() })
    }

    fn check(&mut self, delta: &Delta) -> Result<(), CheckpointError> {
        let summary = delta.summary();
        let mismatch = |position, what, expected, found| {
            let path = delta.head().path().into();
            Err(CheckpointError::Mismatch { path, position, what, expected, found })
        };
        if summary.fingerprint != self.fingerprint {
            return mismatch(56, "fingerprint", self.fingerprint, summary.fingerprint);
        }
        self.claim()?;
        if summary.base.is_none() || self.applied().is_some_and(|applied| applied >= summary.number) {
            return Ok(());
        }
        // Half-way between two checkpoints only the delta that leads to the second one is right.
        let other = self.begun() != self.applied() && self.begun() != Some(summary.number);
        if summary.base != self.applied() || other {
            let (path, applied) = (self.path.clone(), self.applied());
            return Err(CheckpointError::WrongBase { path, number: summary.number, base: summary.base, applied });
        }
        if summary.variables != self.variable_count() {
            return mismatch(64, "variables", self.variable_count().into(), summary.variables.into());
        }
        Ok(())
    }

    /// Records which delta is being applied, before its first change; a complete one drops all records by the same
    /// store.
    fn begin(&mut self, delta: &Delta) -> Result<(), CheckpointError> {
        let summary = delta.summary();
        if summary.is_complete() {
            let records = records_at(summary.variables);
            // Records take more than pieces: it is known to be too little, but spares most of the doublings.
            self.space.reserve(records + delta.len() as usize)?;
            self.slot.applied = 0.into();
            self.slot.variables = summary.variables.into();
            self.slot.end = (records as u64).into();
            self.slot.cores = 0.into();
        }
        self.slot.begun = (summary.number + 1).into();
        write_slot(&mut self.space, &mut self.slot);
        self.cores.clear();
        if summary.is_complete() {
            counts::write_zeros(&mut self.space, summary.variables);
            self.index = Index::new(summary.variables);
            (self.end, self.dead) = (records_at(summary.variables), 0);
        }
        Ok(())
    }

    /// Fetches what the pieces are about to change. Index and records are far larger than any cache: looked up one
    /// after the other, each piece would wait for memory twice; like this the processor has the waits of a batch
    /// overlap.
    fn warm(&self, variable: u32, pieces: &[Piece<'_>]) {
        let mut hashes = [KeyHash::default(); BATCH];
        for (hash, piece) in hashes.iter_mut().zip(pieces) {
            *hash = self.index.hash(piece.key());
        }
        let mut offsets = [0; BATCH];
        for (offset, &hash) in offsets.iter_mut().zip(&hashes[..pieces.len()]) {
            *offset = self.index.find(variable, hash, |_| true).unwrap_or(0);
        }
        let touched = self.space.with(0..self.end, |bytes| offsets.iter().fold(0, |sum, &at| sum ^ bytes[at]));
        std::hint::black_box(touched);
    }

    fn put(&mut self, variable: u32, key: &[u8], value: &[u8]) -> Result<(), CheckpointError> {
        let hash = self.index.hash(key);
        let found = self.find(variable, hash, key);
        if let Some(offset) = found {
            let raw = self.raw(offset);
            if value.len() <= raw.capacity.get() as usize {
                if raw.kind() == RecordKind::Removed {
                    self.dead -= raw.size();
                }
                let length = value.len() as u32;
                assemble(&mut self.scratch, &raw, key, length, value);
                self.space.write(offset, &self.scratch[..8]);
                self.space.write(offset + HEADER + key.len(), value);
                return Ok(());
            }
        }
        let capacity = capacity_for(key.len(), value.len(), found.is_some());
        let (at, next) = (self.end, self.end + size(key.len(), capacity));
        if next > MAX_OFFSET {
            let (path, what) = (self.path.clone(), "the image");
            return Err(CheckpointError::TooLarge { path, what, limit: MAX_OFFSET as u64, found: next as u64 });
        }
        self.space.reserve(next)?;
        let raw = RawRecord::new(variable, key, capacity as u32);
        assemble(&mut self.scratch, &raw, key, value.len() as u32, value);
        self.space.write(at, &self.scratch);
        self.end = next;
        match found {
            None => self.index.insert(variable, hash, at),
            Some(old) => {
                let raw = self.raw(old);
                if raw.kind() == RecordKind::Live {
                    self.dead += raw.size();
                }
                self.space.write(old + 4, &DEAD.to_le_bytes());
                self.index.replace(variable, hash, old, at);
            }
        }
        Ok(())
    }

    fn remove(&mut self, variable: u32, key: &[u8]) {
        if let Some(offset) = self.find(variable, self.index.hash(key), key) {
            self.mark_removed(offset, key);
        }
    }

    fn clear(&mut self, variable: u32, prefix: &[u8]) {
        let mut key = Vec::new();
        for offset in self.index.offsets(variable) {
            let cleared = self.space.with(0..self.end, |bytes| {
                let record = Record::at(bytes, offset).filter(|record| record.key.starts_with(prefix));
                key.clear();
                key.extend_from_slice(record.map_or(&[], |record| record.key));
                record.is_some()
            });
            if cleared {
                self.mark_removed(offset, &key);
            }
        }
    }

    fn mark_removed(&mut self, offset: usize, key: &[u8]) {
        let raw = self.raw(offset);
        if raw.kind() == RecordKind::Live {
            self.dead += raw.size();
        }
        // Also if it was removed before: a crash may have torn it then.
        assemble(&mut self.scratch, &raw, key, REMOVED, &[]);
        self.space.write(offset, &self.scratch[..8]);
    }

    #[inline]
    fn find(&self, variable: u32, hash: KeyHash, key: &[u8]) -> Option<usize> {
        self.index.find(variable, hash, |offset| {
            self.space.with(0..self.end, |bytes| Record::at(bytes, offset).is_some_and(|record| record.key == key))
        })
    }

    fn raw(&self, offset: usize) -> RawRecord {
        let mut raw = RawRecord::new_zeroed();
        self.space.read(offset, raw.as_mut_bytes());
        raw
    }
}
