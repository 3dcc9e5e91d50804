//! The counts of all variables, one entry each. Invariant: each entry has a checksum of its own, so that damage shows
//! also in an image that is half-way, when nothing is known of the entries that the delta sets.
//!
//! ```text
//! entry   0 acq  4 base  8 crc of variable, acq, base
//! ```

use std::path::Path;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

use super::space::Space;
use crate::checkpoint::error::{CheckpointError, damaged};
use crate::checkpoint::summary::Count;

/// Where the entries start: behind the header page.
pub(super) const COUNTS: usize = 4096;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Entry {
    acq: le::U32,
    base: le::U32,
    crc: le::U32,
}

const ENTRY: usize = size_of::<Entry>();
const _: () = assert!(ENTRY == 12);

impl Entry {
    fn of(count: Count) -> Entry {
        let said = [count.id, count.acq, count.base].map(le::U32::new);
        Entry { acq: said[1], base: said[2], crc: crc32fast::hash(said.as_bytes()).into() }
    }
}

/// Where the records start with so many variables.
pub(super) fn records_at(variables: u32) -> usize {
    (COUNTS + ENTRY * variables as usize).next_multiple_of(8)
}

pub(super) fn write(space: &mut Space, count: Count) {
    space.write(COUNTS + ENTRY * count.id as usize, Entry::of(count).as_bytes());
}

/// Makes all counts zero.
pub(super) fn write_zeros(space: &mut Space, variables: u32) {
    let mut entries = Vec::with_capacity(256 * ENTRY);
    let mut at = COUNTS;
    for id in 0..variables {
        entries.extend_from_slice(Entry::of(Count { id, acq: 0, base: 0 }).as_bytes());
        if entries.len() == 256 * ENTRY || id + 1 == variables {
            space.write(at, &entries);
            at += entries.len();
            entries.clear();
        }
    }
}

pub(super) fn read(space: &Space, id: u32) -> Count {
    let mut raw = [0; ENTRY];
    space.read(COUNTS + ENTRY * id as usize, &mut raw);
    let half = |at: usize| u32::from_le_bytes([raw[at], raw[at + 1], raw[at + 2], raw[at + 3]]);
    Count { id, acq: half(0), base: half(4) }
}

/// Checks every entry in `bytes`, which is an image, against its checksum.
pub(super) fn check(bytes: &[u8], variables: u32, path: &Path) -> Result<(), CheckpointError> {
    let entries = bytes[COUNTS..records_at(variables)].chunks_exact(ENTRY);
    for (id, raw) in (0..variables).zip(entries) {
        let Ok(entry) = Entry::ref_from_bytes(raw) else { break };
        let right = Entry::of(Count { id, acq: entry.acq.get(), base: entry.base.get() });
        if entry.crc != right.crc {
            let at = COUNTS + ENTRY * id as usize;
            return Err(damaged(path, at as u64, "the counts of a variable with their crc", entry.crc.get().into()));
        }
    }
    Ok(())
}
