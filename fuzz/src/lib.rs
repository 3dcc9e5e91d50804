//! What the targets share: bytes that are nearly right, and files to put them in.
//!
//! Invariant: what a target hands to a parser depends on the fuzzer's bytes alone, so that a crash can be had again from them.

use std::path::PathBuf;

/// Reads small numbers off the fuzzer's bytes; zeros once they are used up.
#[derive(Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// All of them.
    pub fn new(bytes: &'a [u8]) -> Input<'a> {
        Input(bytes)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let used = N.min(self.0.len());
        array[..used].copy_from_slice(&self.0[..used]);
        self.0 = &self.0[used..];
        array
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    /// The next two bytes.
    pub fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    /// The next eight bytes.
    pub fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All that is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Changes `bytes` here and there, as long as something is left: random bytes would rarely get past the first check.
    pub fn damage(&mut self, bytes: &mut Vec<u8>) {
        while !self.is_empty() && !bytes.is_empty() {
            let at = (self.long() & 0xff_ffff) as usize % bytes.len();
            match self.byte() {
                0 => bytes.truncate(at),
                length @ 1..=8 => {
                    let new = self.array::<8>();
                    let end = bytes.len().min(at + usize::from(length));
                    bytes[at..end].copy_from_slice(&new[..end - at]);
                }
                other => bytes[at] = other,
            }
        }
    }
}

/// Puts the checksum of all bytes but these four at `at`; does nothing to what is too short.
pub fn seal(bytes: &mut [u8], at: usize) {
    if let Some((_, after)) = bytes.split_at_checked(at + 4) {
        let mut crc = crc32fast::Hasher::new_with_initial(crc32fast::hash(&bytes[..at]));
        crc.update(after);
        let crc = crc.finalize();
        bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
    }
}

/// A file of this process in the directory for temporary files, which `./run` sees to: in memory, and removed at the end.
pub fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("ftmb-fuzz-{}-{name}", std::process::id()))
}
