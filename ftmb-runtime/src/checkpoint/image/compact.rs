//! Getting rid of dead records: a new file beside the image, renamed over it when whole. Invariant: under the image's
//! name there is always a whole image, and both hold the same.

use super::Image;
use super::counts::{COUNTS, records_at};
use super::header::write_new;
use super::load::{each_record, sibling, walk};
use super::record::RecordKind;
use super::space::Space;
use crate::checkpoint::error::{CheckpointError, io_error};

/// Fewer dead bytes than this are not worth it.
const MIN_DEAD: usize = if cfg!(test) { 256 } else { 64 * 1024 };

impl Image {
    /// Compacts once more than half of the records' bytes is dead.
    pub(super) fn compact_if_due(&mut self) -> Option<Result<(), CheckpointError>> {
        let records = self.end - records_at(self.variable_count());
        if self.dead <= records / 2 || self.dead < MIN_DEAD.max(self.patience) {
            return None;
        }
        let compacted = self.compact();
        // After a failure: not again before there is twice as much to gain.
        self.patience = if compacted.is_ok() { 0 } else { 2 * self.dead };
        Some(compacted)
    }

    fn compact(&mut self) -> Result<(), CheckpointError> {
        let path = sibling(&self.path, "compact");
        let compacted = self.write_compact(&path);
        if compacted.is_err() {
            // The half-made file only takes space; that it may not exist is fine.
            let _ = std::fs::remove_file(&path);
        }
        compacted
    }

    fn write_compact(&mut self, path: &std::path::Path) -> Result<(), CheckpointError> {
        let start = records_at(self.variable_count());
        let live = self.end - start - self.dead;
        let mut space = Space::create(path, start + live + live / 4)?;
        self.space.with(COUNTS..start, |counts| space.write(COUNTS, counts));
        let mut end = start;
        // Neighbours are copied in one go.
        let mut run = start..start;
        self.space.with(0..self.end, |bytes| {
            each_record(bytes, self.variable_count(), &self.path, |offset, record| {
                if record.kind() == RecordKind::Live {
                    if offset != run.end {
                        space.write(end, &bytes[run.clone()]);
                        end += run.len();
                        run.start = offset;
                    }
                    run.end = offset + record.raw.size();
                }
                Ok(())
            })?;
            space.write(end, &bytes[run.clone()]);
            end += run.len();
            Ok::<_, CheckpointError>(())
        })?;
        let mut slot = self.slot;
        slot.end = (end as u64).into();
        write_new(&mut space, self.fingerprint, &mut slot);
        let (index, dead) = walk(&space, &slot, &self.path)?;
        space.rename(&self.path).map_err(io_error(&self.path, "rename"))?;
        (self.space, self.slot, self.index, self.end, self.dead) = (space, slot, index, end, dead);
        Ok(())
    }
}
