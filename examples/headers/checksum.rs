//! One's complement checksums, updated instead of recomputed (RFC 1624), also those that an interface is to complete.
//!
//! Invariant: a valid checksum stays valid and an invalid one stays invalid, so damage that a packet suffered before it
//! came here is still found by its receiver.

use ftmb::offload::{Checksum, Offload};

/// What the checksum field of a transport header holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// The checksum.
    Whole,
    /// The sum over the pseudo header, not complemented: the interface adds the rest, ports included, when the packet leaves.
    PseudoHeader,
}

impl Field {
    /// That of the header at `transport`, if the interface is to sum up from `partial` on: this may also be the header of a packet
    /// inside this one.
    #[inline]
    pub(crate) fn of(partial: Option<usize>, transport: usize) -> Self {
        if partial == Some(transport) { Self::PseudoHeader } else { Self::Whole }
    }
}

/// Where the interface begins to sum up, if the checksum is left to it.
#[inline]
pub(crate) fn partial(offload: Offload) -> Option<usize> {
    match offload.checksum() {
        Checksum::Partial { start, .. } => Some(start.into()),
        _ => None,
    }
}

/// What a set of changed 16-bit words does to any checksum that covers them.
///
/// Equation 3 of RFC 1624, `HC' = ~(~HC + ~m + m')`, with the sum over all changed words `~m + m'` kept apart, since
/// one change of an address goes into two checksums.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Change(u32);

impl Change {
    /// Adds the change of one 16-bit word.
    #[inline]
    pub(crate) fn word(self, old: u16, new: u16) -> Self {
        Self(self.0 + u32::from(!old) + u32::from(new))
    }

    /// Adds the change of four bytes that start at an even offset, such as an IPv4 address.
    #[inline]
    pub(crate) fn four(self, old: [u8; 4], new: [u8; 4]) -> Self {
        self.word(u16::from_be_bytes([old[0], old[1]]), u16::from_be_bytes([new[0], new[1]]))
            .word(u16::from_be_bytes([old[2], old[3]]), u16::from_be_bytes([new[2], new[3]]))
    }

    /// Writes the new value of the checksum at `bytes[at..at + 2]`.
    #[inline]
    pub(crate) fn apply(self, bytes: &mut [u8], at: usize) {
        let new = self.updated(read(bytes, at));
        write(bytes, at, new);
    }

    /// Like [`apply`](Self::apply) for UDP over IPv4, where 0 means "no checksum": it stays 0, and no other one
    /// becomes 0.
    #[inline]
    pub(crate) fn apply_udp(self, bytes: &mut [u8], at: usize) {
        match read(bytes, at) {
            0 => {}
            old => {
                let new = self.updated(old);
                write(bytes, at, if new == 0 { 0xffff } else { new });
            }
        }
    }

    /// Updates the sum over a pseudo header at `bytes[at..at + 2]`, which is not complemented.
    #[inline]
    pub(crate) fn apply_partial(self, bytes: &mut [u8], at: usize) {
        let new = self.added(read(bytes, at));
        write(bytes, at, new);
    }

    fn updated(self, checksum: u16) -> u16 {
        !self.added(!checksum)
    }

    fn added(self, sum: u16) -> u16 {
        let sum = u32::from(sum) + self.0;
        let folded = (sum & 0xffff) + (sum >> 16);
        ((folded & 0xffff) + (folded >> 16)) as u16
    }
}

/// The big-endian word at `at`.
#[inline]
pub(crate) fn read(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Writes a big-endian word at `at`.
#[inline]
pub(crate) fn write(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}
