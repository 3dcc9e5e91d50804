//! What a network stack left for the interface to do: checksums to complete, segments to cut.
//!
//! Invariant: what an interface handed in leaves as it came, unless packet code changes it; the metadata lies beside the bytes in
//! the `in` and `out` logs and is part of what replay must reproduce.
//!
//! The layout is that of `struct virtio_net_hdr_v1` (virtio 1.2, 5.1.6; little endian), which Linux hands out with packets of
//! packet sockets (`PACKET_VNET_HDR`) and TAP devices:
//!
//! ```text
//! 0 flags  1 gso type  2 header length  4 segment size  6 checksum start  8 checksum offset  10 buffers
//! ```

/// The flag for a checksum that is still to be completed.
const NEEDS_CHECKSUM: u8 = 1;
/// The flag for a checksum that the interface has verified.
const DATA_VALID: u8 = 2;

/// The bit beside a segmentation's kind that says that the segments carry congestion marks (RFC 3168).
const ECN: u8 = 0x80;

/// Offload metadata of one packet; the default is a packet that is complete as it is.
///
/// ```
/// use ftmb_runtime::offload::{Checksum, Offload, Segmentation, SegmentKind};
/// let segmented = Segmentation { kind: SegmentKind::Tcp4, size: 1448, ecn: false, header_len: 66 };
/// let offload = Offload::new(Checksum::Partial { start: 34, offset: 16 }, Some(segmented));
/// assert_eq!(offload.checksum(), Checksum::Partial { start: 34, offset: 16 });
/// assert_eq!(offload.segmentation(), Some(segmented));
/// assert_eq!(Offload::from_bytes(offload.to_bytes()), offload);
/// assert!(Offload::default().is_none());
/// ```
///
/// It may be kept in tracked variables, along with the bytes of a packet that is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Offload {
    flags: u8,
    kind: u8,
    header_len: u16,
    size: u16,
    start: u16,
    offset: u16,
}

crate::state::whole::whole_state! { Offload, "ftmb::offload::Offload"; }

/// The state of a packet's transport checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// It stands in the packet, and nobody has looked whether it is right.
    Complete,
    /// It stands in the packet, and the interface has verified it.
    Verified,
    /// The field holds the sum over the pseudo header only, not complemented. Whoever sends the packet sums up from `start` to
    /// the end and writes the complement of that at `start + offset`. Both in bytes, `start` from the Ethernet header on.
    Partial {
        /// Where summing starts: the transport header.
        start: u16,
        /// Where the checksum is, from there.
        offset: u16,
    },
}

/// A packet that stands for several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segmentation {
    /// How it is cut.
    pub kind: SegmentKind,
    /// Payload bytes of each segment; the last may be shorter.
    pub size: u16,
    /// TCP: a congestion mark (CWR) belongs to the first segment only.
    pub ecn: bool,
    /// Bytes of all headers together, as the stack guessed them; 0 if it did not. A hint.
    pub header_len: u16,
}

/// What is cut into segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SegmentKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// UDP, IPv4 or IPv6: each segment a datagram.
    Udp,
    /// UDP as IP fragments (old; Linux no longer makes them, but takes them).
    UdpFragments,
}

impl SegmentKind {
    fn code(self) -> u8 {
        match self {
            SegmentKind::Tcp4 => 1,
            SegmentKind::UdpFragments => 3,
            SegmentKind::Tcp6 => 4,
            SegmentKind::Udp => 5,
        }
    }
}

impl Offload {
    /// Bytes of the metadata in a frame's header.
    pub const LEN: usize = 12;

    /// Metadata that says this.
    pub fn new(checksum: Checksum, segmentation: Option<Segmentation>) -> Offload {
        let (flags, start, offset) = match checksum {
            Checksum::Complete => (0, 0, 0),
            Checksum::Verified => (DATA_VALID, 0, 0),
            Checksum::Partial { start, offset } => (NEEDS_CHECKSUM, start, offset),
        };
        let segmented =
            segmentation.map(|cut| (cut.kind.code() | if cut.ecn { ECN } else { 0 }, cut.header_len, cut.size));
        let (kind, header_len, size) = segmented.unwrap_or_default();
        Offload { flags, kind, header_len, size, start, offset }
    }

    /// Reads the first ten bytes of a `virtio_net_hdr`; the last two belong to a device's own buffers.
    #[inline]
    pub fn from_bytes(bytes: [u8; Offload::LEN]) -> Offload {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        Offload { flags: bytes[0], kind: bytes[1], header_len: word(2), size: word(4), start: word(6), offset: word(8) }
    }

    /// The bytes that [`Offload::from_bytes`] reads.
    #[inline]
    pub fn to_bytes(self) -> [u8; Offload::LEN] {
        let mut bytes = [0; Offload::LEN];
        (bytes[0], bytes[1]) = (self.flags, self.kind);
        for (at, word) in [(2, self.header_len), (4, self.size), (6, self.start), (8, self.offset)] {
            bytes[at..at + 2].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Whether the packet is complete as it is, and nothing is known of its checksum.
    #[inline]
    pub fn is_none(&self) -> bool {
        *self == Offload::default()
    }

    /// The state of its transport checksum.
    #[inline]
    pub fn checksum(&self) -> Checksum {
        match self.flags {
            flags if flags & NEEDS_CHECKSUM != 0 => Checksum::Partial { start: self.start, offset: self.offset },
            flags if flags & DATA_VALID != 0 => Checksum::Verified,
            _ => Checksum::Complete,
        }
    }

    /// How it is to be cut into segments; `None` also for kinds that are not known here.
    #[inline]
    pub fn segmentation(&self) -> Option<Segmentation> {
        let kind = match self.kind & !ECN {
            1 => SegmentKind::Tcp4,
            3 => SegmentKind::UdpFragments,
            4 => SegmentKind::Tcp6,
            5 => SegmentKind::Udp,
            _ => return None,
        };
        Some(Segmentation { kind, size: self.size, ecn: self.kind & ECN != 0, header_len: self.header_len })
    }

    /// Whether it is to be cut, in a way that is known here or not.
    #[inline]
    pub fn is_segmented(&self) -> bool {
        self.kind & !ECN != 0
    }

    /// The same for a packet that has `by` more bytes in front of its transport header (fewer, if negative): positions move along.
    ///
    /// ```
    /// use ftmb_runtime::offload::{Checksum, Offload};
    /// let plain = Offload::new(Checksum::Partial { start: 34, offset: 16 }, None);
    /// assert_eq!(plain.moved(4).checksum(), Checksum::Partial { start: 38, offset: 16 });
    /// ```
    #[must_use]
    pub fn moved(self, by: isize) -> Offload {
        let moved = |at: u16| (at as isize).saturating_add(by).clamp(0, u16::MAX as isize) as u16;
        let start = if self.flags & NEEDS_CHECKSUM != 0 { moved(self.start) } else { self.start };
        Offload { start, header_len: if self.header_len == 0 { 0 } else { moved(self.header_len) }, ..self }
    }
}
