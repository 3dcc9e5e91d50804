//! The bytes of a classic capture file.
//!
//! Invariant: what this module writes it reads back the same, and no sequence of bytes makes it panic.
//!
//! ```text
//! file header, 24 bytes, in the byte order of whoever wrote it
//!   0        4     6     8         12        16        20           24
//!   | magic  | maj | min | 0       | 0       | snap    | link type  |      magic: a1b2c3d4 us, a1b23c4d ns
//! record header, 16 bytes, then `len` bytes; the next record follows without padding
//!   0        4          8     12          16
//!   | s      | us or ns | len | wire len  | bytes ...
//! ```

use std::path::Path;

use super::super::{MAX_FRAME, PortError, Truncated};

/// Bytes of the header of a file.
pub(super) const FILE_HEADER: usize = 24;
/// Bytes of the header of a record.
pub(super) const RECORD_HEADER: usize = 16;
/// The longest record that is written, in bytes; what other tools use.
pub(super) const SNAP_LENGTH: u32 = 262_144;
/// How a pcapng file starts, in either byte order.
pub(in crate::port) const PCAPNG: u32 = 0x0a0d_0d0a;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
const SECOND: u64 = 1_000_000_000;

const _: () = assert!(size_of::<[u32; 6]>() == FILE_HEADER && size_of::<[u32; 4]>() == RECORD_HEADER);
const _: () = assert!(MAX_FRAME as u32 <= SNAP_LENGTH);

/// What the header of a file says about its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    big_endian: bool,
    /// Nanoseconds per unit of a timestamp's fraction.
    fraction: u64,
    /// The longest record that the file may have, in bytes.
    pub(super) snap: u32,
}

/// The header of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    /// Unix time in ns.
    pub(super) timestamp: u64,
    /// Bytes that follow.
    pub(super) length: u32,
    /// Bytes that the frame had on the wire.
    pub(super) wire: u32,
}

impl Format {
    /// The format that this build writes.
    pub(super) const WRITTEN: Format = Format { big_endian: false, fraction: 1, snap: SNAP_LENGTH };

    /// Reads the header of a file, of which `bytes` are the first up to 24.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Format, PortError> {
        let path = || path.to_owned();
        let cut = PortError::CutShort {
            path: path(),
            part: Truncated::FileHeader,
            offset: 0,
            expected: FILE_HEADER as u64,
            found: bytes.len() as u64,
        };
        let Some(magic) = bytes.first_chunk::<4>() else { return Err(cut) };
        let (big_endian, fraction) = match (u32::from_le_bytes(*magic), u32::from_be_bytes(*magic)) {
            (MICROSECONDS, _) => (false, 1_000),
            (NANOSECONDS, _) => (false, 1),
            (_, MICROSECONDS) => (true, 1_000),
            (_, NANOSECONDS) => (true, 1),
            (PCAPNG, _) => return Err(PortError::PcapNg { path: path() }),
            (found, _) => return Err(PortError::Magic { path: path(), found }),
        };
        let Some(header) = bytes.first_chunk::<FILE_HEADER>() else { return Err(cut) };
        let format = Format { big_endian, fraction, snap: 0 };
        let version = format.word(header, 4);
        let version = if big_endian { (version >> 16, version & 0xffff) } else { (version & 0xffff, version >> 16) };
        if version != (2, 4) {
            return Err(PortError::Version { path: path(), found: (version.0 as u16, version.1 as u16) });
        }
        let found = format.word(header, 20);
        if found != ETHERNET {
            return Err(PortError::LinkType { path: path(), found });
        }
        // 0 is written by tools that do not cut.
        let snap = match format.word(header, 16) {
            0 => u32::MAX,
            snap => snap,
        };
        Ok(Format { snap, ..format })
    }

    /// Reads the header of a record.
    pub(super) fn record(&self, header: &[u8; RECORD_HEADER]) -> RecordHeader {
        let seconds = u64::from(self.word(header, 0)) * SECOND;
        let timestamp = seconds + u64::from(self.word(header, 4)) * self.fraction;
        RecordHeader { timestamp, length: self.word(header, 8), wire: self.word(header, 12) }
    }

    fn word(&self, bytes: &[u8], at: usize) -> u32 {
        let word = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        if self.big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }
}

/// The header of the files that this build writes: nanoseconds, little endian, Ethernet.
pub(super) fn file_header() -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[0..4].copy_from_slice(&NANOSECONDS.to_le_bytes());
    header[4..6].copy_from_slice(&2u16.to_le_bytes());
    header[6..8].copy_from_slice(&4u16.to_le_bytes());
    header[16..20].copy_from_slice(&SNAP_LENGTH.to_le_bytes());
    header[20..24].copy_from_slice(&ETHERNET.to_le_bytes());
    header
}

/// The header of a record of such a file. Times after 2106 do not fit and are recorded as the last that does.
pub(super) fn record_header(timestamp: u64, length: u32) -> [u8; RECORD_HEADER] {
    let (seconds, fraction) = match u32::try_from(timestamp / SECOND) {
        Ok(seconds) => (seconds, (timestamp % SECOND) as u32),
        Err(_) => (u32::MAX, (SECOND - 1) as u32),
    };
    let mut header = [0; RECORD_HEADER];
    header[0..4].copy_from_slice(&seconds.to_le_bytes());
    header[4..8].copy_from_slice(&fraction.to_le_bytes());
    header[8..12].copy_from_slice(&length.to_le_bytes());
    header[12..16].copy_from_slice(&length.to_le_bytes());
    header
}
