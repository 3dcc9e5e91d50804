//! The header page of an image: who it is for, and the two slots that say what it holds. Invariant: one slot is always
//! valid.

use std::path::Path;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

use super::counts::{COUNTS, records_at};
use super::space::Space;
use crate::checkpoint::error::{CheckpointError, damaged};

const MAGIC: u64 = u64::from_le_bytes(*b"ftmb-img");
const VERSION: u32 = 1;
const SLOTS: [usize; 2] = [64, 128];
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Fixed {
    magic: le::U64,
    version: le::U32,
    crc: le::U32,
    fingerprint: le::U64,
}

/// What an image holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct Slot {
    pub(super) sequence: le::U64,
    pub(super) applied: le::U64,
    pub(super) begun: le::U64,
    pub(super) epoch: le::U64,
    pub(super) end: le::U64,
    zero: le::U64,
    pub(super) variables: le::U32,
    pub(super) cores: le::U32,
    zero2: le::U32,
    crc: le::U32,
}

const _: () = assert!(size_of::<Fixed>() == 24 && size_of::<Slot>() == 64);

fn fixed_crc(fixed: &Fixed) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&fixed.as_bytes()[..12]);
    crc.update(&fixed.as_bytes()[16..]);
    crc.finalize()
}

/// Writes the fixed part and the first slot of a new file.
pub(super) fn write_new(space: &mut Space, fingerprint: u64, slot: &mut Slot) {
    let mut fixed =
        Fixed { magic: MAGIC.into(), version: VERSION.into(), crc: 0.into(), fingerprint: fingerprint.into() };
    fixed.crc = fixed_crc(&fixed).into();
    space.write(0, fixed.as_bytes());
    write_slot(space, slot);
}

/// Makes `slot` the one that counts; everything written before is in the file before.
pub(super) fn write_slot(space: &mut Space, slot: &mut Slot) {
    slot.sequence += 1;
    slot.crc = crc32fast::hash(&slot.as_bytes()[..60]).into();
    space.order();
    space.write(SLOTS[(slot.sequence.get() % 2) as usize], slot.as_bytes());
    space.order();
}

/// Checks who the file is for.
pub(super) fn check(space: &Space, path: &Path, fingerprint: u64) -> Result<(), CheckpointError> {
    if space.len() < COUNTS {
        let (expected, found) = (COUNTS as u64, space.len() as u64);
        return Err(CheckpointError::Truncated { path: path.into(), expected, found });
    }
    let mut fixed = Fixed::new_zeroed();
    space.read(0, fixed.as_mut_bytes());
    if fixed.magic.get() != MAGIC {
        return Err(CheckpointError::Foreign { path: path.into(), expected: MAGIC, found: fixed.magic.get() });
    }
    let mismatch = |position, what, expected, found| CheckpointError::Mismatch {
        path: path.into(),
        position,
        what,
        expected,
        found,
    };
    if fixed.version.get() != VERSION {
        return Err(mismatch(8, "version", VERSION.into(), fixed.version.get().into()));
    }
    if fixed.crc.get() != fixed_crc(&fixed) {
        return Err(damaged(path, 12, "the crc of the header", fixed.crc.get().into()));
    }
    if fixed.fingerprint.get() != fingerprint {
        return Err(mismatch(16, "fingerprint", fingerprint, fixed.fingerprint.get()));
    }
    Ok(())
}

/// The slot that counts.
pub(super) fn read_slot(space: &Space, path: &Path) -> Result<Slot, CheckpointError> {
    let slots = SLOTS.map(|at| {
        let mut slot = Slot::new_zeroed();
        space.read(at, slot.as_mut_bytes());
        slot
    });
    let valid = |slot: &Slot| slot.sequence.get() > 0 && slot.crc.get() == crc32fast::hash(&slot.as_bytes()[..60]);
    let slot = slots.into_iter().filter(valid).max_by_key(|slot| slot.sequence.get());
    let slot = slot.ok_or_else(|| damaged(path, SLOTS[0] as u64, "a slot with its crc", slots[0].crc.get().into()))?;
    let end = slot.end.get();
    if end > space.len() as u64 {
        return Err(CheckpointError::Truncated { path: path.into(), expected: end, found: space.len() as u64 });
    }
    if end < records_at(slot.variables.get()) as u64 {
        return Err(damaged(path, SLOTS[0] as u64, "an end behind the counts", end));
    }
    Ok(slot)
}
