//! What makes a good packet one that a middlebox with a table of flows may not let through.
//!
//! Invariant: the identity at the end of the frame stays.

use super::{Draw, Offsets, repair_network};

/// What is done to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// It becomes a fragment, the first of several or a later one.
    Fragment,
    /// A wrong IPv4 checksum.
    Checksum,
    /// An IPv4 length beyond the end of the frame.
    Length,
    /// Neither IPv4 nor ARP.
    Foreign,
}

impl Damage {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Fragment, Self::Checksum, Self::Length, Self::Foreign];

    /// One of these, of which there must be some: what the middlebox must drop.
    pub(crate) fn any_of(these: &[Self], draw: &mut Draw) -> Self {
        these[draw.below(these.len())]
    }

    /// Does it to a frame whose headers are at `at`.
    pub(crate) fn apply(self, frame: &mut [u8], at: Offsets, draw: &mut Draw) {
        match self {
            Self::Fragment => {
                frame[at.network + 6] = if draw.below(2) == 0 { 0x20 } else { 0x01 };
                repair_network(frame, at);
            }
            Self::Checksum => frame[at.network + 8] ^= 1,
            Self::Length => {
                frame[at.network + 2] = 0xf0;
                repair_network(frame, at);
            }
            Self::Foreign => frame[at.network - 2..at.network].copy_from_slice(&[0x86, 0xdd]),
        }
    }
}
