//! One record of an image. Invariant: `variable`, `key length`, `capacity`, key and the mould's checksum over them are
//! written once, before the record counts, and never torn; the other checksum covers all that the record says.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

/// Bytes in front of the key.
pub(super) const HEADER: usize = size_of::<RawRecord>();
/// The variable under which the points of the cores are kept.
pub(super) const CORES: u32 = u32::MAX;
/// Value length of a record whose value outgrew it.
pub(super) const DEAD: u32 = u32::MAX;
/// Value length of a record whose key was removed.
pub(super) const REMOVED: u32 = u32::MAX - 1;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct RawRecord {
    pub(super) crc: le::U32,
    pub(super) value_len: le::U32,
    pub(super) mould: le::U32,
    pub(super) variable: le::U32,
    pub(super) key_len: le::U32,
    pub(super) capacity: le::U32,
}

const _: () = assert!(HEADER == 24);

impl RawRecord {
    /// The header of a live record, its first checksum left out.
    pub(super) fn new(variable: u32, key: &[u8], capacity: u32) -> RawRecord {
        let (crc, value_len) = (0.into(), 0.into());
        let (variable, key_len, capacity) = (variable.into(), (key.len() as u32).into(), capacity.into());
        let mut raw = RawRecord { crc, value_len, mould: 0.into(), variable, key_len, capacity };
        raw.mould = raw.mould_of(key).into();
        raw
    }

    fn mould_of(&self, key: &[u8]) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.as_bytes()[12..]);
        crc.update(key);
        crc.finalize()
    }

    /// Bytes of the record in the file.
    pub(super) fn size(&self) -> usize {
        size(self.key_len.get() as usize, self.capacity.get() as usize)
    }

    pub(super) fn kind(&self) -> RecordKind {
        match self.value_len.get() {
            DEAD => RecordKind::Dead,
            REMOVED => RecordKind::Removed,
            _ => RecordKind::Live,
        }
    }
}

/// Bytes of a record with such a key and room for such a value.
pub(super) fn size(key: usize, capacity: usize) -> usize {
    (HEADER + key + capacity).next_multiple_of(8)
}

/// Room for the value of a new record: what rounding leaves anyway, and half as much again for one that outgrew its
/// last record.
pub(super) fn capacity_for(key: usize, value: usize, grows: bool) -> usize {
    let wanted = if grows { value + value / 2 } else { value };
    // A length this large would read as a mark; values that large cannot grow by half.
    let wanted = if wanted >= REMOVED as usize - 8 { value } else { wanted };
    size(key, wanted) - HEADER - key
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordKind {
    Live,
    Removed,
    Dead,
}

/// A record in the bytes of an image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) raw: &'a RawRecord,
    pub(super) key: &'a [u8],
    /// Empty unless the record is live and its length plausible.
    pub(super) value: &'a [u8],
    checked: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at `offset`, if a record fits there.
    pub(super) fn at(bytes: &'a [u8], offset: usize) -> Option<Record<'a>> {
        let (raw, rest) = RawRecord::ref_from_prefix(bytes.get(offset..)?).ok()?;
        if raw.size() > bytes.len() - offset {
            return None;
        }
        let (key, value) = rest.split_at(raw.key_len.get() as usize);
        let length = if raw.kind() == RecordKind::Live { raw.value_len.get().min(raw.capacity.get()) } else { 0 };
        let value = &value[..length as usize];
        Some(Record { raw, key, value, checked: &bytes[offset + 4..offset + HEADER + key.len() + value.len()] })
    }

    pub(super) fn kind(&self) -> RecordKind {
        self.raw.kind()
    }

    /// Whether what never changes in it is as it was written, so that size and key can be relied on even in an image
    /// that is half-way.
    pub(super) fn is_sound(&self) -> bool {
        self.raw.mould.get() == self.raw.mould_of(self.key)
    }

    /// Whether its checksum agrees. Dead records carry none.
    pub(super) fn is_whole(&self) -> bool {
        match self.kind() {
            RecordKind::Dead => true,
            RecordKind::Live if self.raw.value_len.get() > self.raw.capacity.get() => false,
            _ => crc32fast::hash(self.checked) == self.raw.crc.get(),
        }
    }
}

/// Puts the record together in `out`, checksum included.
pub(super) fn assemble(out: &mut Vec<u8>, raw: &RawRecord, key: &[u8], value_len: u32, value: &[u8]) {
    out.clear();
    out.extend_from_slice(raw.as_bytes());
    out[4..8].copy_from_slice(&value_len.to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    let crc = crc32fast::hash(&out[4..]);
    out[..4].copy_from_slice(&crc.to_le_bytes());
}
