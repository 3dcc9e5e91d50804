//! What the frames of the `in`, `out` and port logs hold. Invariant: layouts are fixed (little endian, asserted below), so that
//! every process of a group, and whoever dumps a log later, reads the same bytes.
//!
//! ```text
//! in    0 source  8 arrival  16 wall  24 flow hash  28 port  30 reserved  32 offload (virtio_net_hdr)  44 reserved  48 bytes
//! out   0..48 as in  48 ordinal  56 hash  64 need_in  72 need_det  80 data length  84 reserved  88 data
//! port  0 source  8 arrival  16 ordinal  24 core  28 port  30 reserved  32 offload  44 reserved  48 bytes
//! ```

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, little_endian as le};

/// A packet (`in`, `out`, port logs).
pub const KIND_PACKET: u8 = 1;
/// A tick (`in`): no bytes.
pub const KIND_TICK: u8 = 2;
/// A control request (`in`; `source` is its id) or the reply to one (`out`).
pub const KIND_CONTROL: u8 = 3;
/// A control request that the middlebox refused (`out`; the bytes say why).
pub const KIND_CONTROL_ERROR: u8 = 4;
/// Space without meaning (`out`): a dropped packet that emitted others. It has no ordinal.
pub const KIND_PADDING: u8 = 5;

/// Largest packet, bytes: a 64 KiB GSO frame with its tags.
pub const MAX_PACKET: usize = 66 * 1024;

/// In front of every input: where it came from and when. Shared by `in` and `out`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct InHeader {
    /// Position in the source port's own numbering; the request id for control.
    pub source: le::U64,
    /// Arrival, ns since the group was created.
    pub arrival: le::U64,
    /// Unix time of the group's zero, ns: wall clock = `arrival + wall`.
    pub wall: le::I64,
    /// Symmetric hash of the flow.
    pub flow_hash: le::U32,
    /// Port it came in by (`in`) or goes out by (`out`).
    pub port: le::U16,
    /// Zero.
    pub reserved: le::U16,
    /// Offload metadata as in `virtio_net_hdr`; zero for none.
    pub offload: [u8; 12],
    /// Zero.
    pub reserved2: le::U32,
}

/// In front of every output: what it stems from, its place in its core's sequence, and what must be stable before it leaves.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct OutHeader {
    /// The input it stems from; `port` is where it goes.
    pub input: InHeader,
    /// Its number in the core's sequence of outputs, from 1.
    pub ordinal: le::U64,
    /// Hash chain over the core's outputs, this one included.
    pub hash: le::U64,
    /// End of its input frame in the core's `in` log.
    pub need_in: le::U64,
    /// Position in the core's `det` log that must be passed, in words.
    pub need_det: le::U64,
    /// Bytes of the packet.
    pub data_len: le::U32,
    /// Bytes between this header and the packet.
    pub data_offset: le::U32,
}

/// In front of every frame of a memory port.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct PortHeader {
    /// The input that a delivered frame stems from; zero on the way in (the frame's position is its source position).
    pub source: le::U64,
    /// Arrival of that input, ns since the group was created.
    pub arrival: le::U64,
    /// Number in the core's sequence of outputs.
    pub ordinal: le::U64,
    /// The core that produced it.
    pub core: le::U32,
    /// The port.
    pub port: le::U16,
    /// Zero.
    pub reserved: le::U16,
    /// Offload metadata as in `virtio_net_hdr`; zero for none.
    pub offload: [u8; 12],
    /// Zero.
    pub reserved2: le::U32,
}

/// Bytes of [`InHeader`].
pub const IN_HEADER: usize = size_of::<InHeader>();
/// Bytes of [`OutHeader`].
pub const OUT_HEADER: usize = size_of::<OutHeader>();
/// Bytes of [`PortHeader`].
pub const PORT_HEADER: usize = size_of::<PortHeader>();

const _: () = assert!(IN_HEADER == 48 && OUT_HEADER == 88 && PORT_HEADER == 48);
const _: () = assert!(crate::log::MAX_PAYLOAD >= MAX_PACKET + OUT_HEADER + 512);

/// Splits the payload of an `in` frame; `None` if it is too short.
///
/// ```
/// use ftmb_runtime::frame::{InHeader, split_in};
/// use zerocopy::IntoBytes;
/// let mut payload = InHeader { source: 7.into(), ..InHeader::default() }.as_bytes().to_vec();
/// payload.extend_from_slice(b"packet");
/// let (header, bytes) = split_in(&payload).expect("long enough");
/// assert_eq!((header.source.get(), bytes), (7, &b"packet"[..]));
/// assert!(split_in(&payload[..40]).is_none());
/// ```
#[inline]
pub fn split_in(payload: &[u8]) -> Option<(&InHeader, &[u8])> {
    InHeader::ref_from_prefix(payload).ok()
}

/// Splits the payload of an `out` frame into header and packet; `None` if it is too short for what it says.
///
/// ```
/// use ftmb_runtime::frame::{OutHeader, split_out};
/// use zerocopy::IntoBytes;
/// let mut payload = OutHeader { data_len: 3.into(), ..OutHeader::default() }.as_bytes().to_vec();
/// payload.extend_from_slice(b"abc, and room behind it");
/// assert_eq!(split_out(&payload).expect("long enough").1, b"abc");
/// assert!(split_out(&payload[..90]).is_none());
/// ```
#[inline]
pub fn split_out(payload: &[u8]) -> Option<(&OutHeader, &[u8])> {
    let (header, rest) = OutHeader::ref_from_prefix(payload).ok()?;
    let start = header.data_offset.get() as usize;
    let end = start.checked_add(header.data_len.get() as usize)?;
    Some((header, rest.get(start..end)?))
}

/// Splits the payload of a frame of a memory port; `None` if it is too short.
///
/// ```
/// use ftmb_runtime::frame::{PortHeader, split_port};
/// use zerocopy::IntoBytes;
/// let payload = PortHeader { port: 2.into(), ..PortHeader::default() }.as_bytes().to_vec();
/// assert_eq!(split_port(&payload).expect("long enough").0.port.get(), 2);
/// ```
#[inline]
pub fn split_port(payload: &[u8]) -> Option<(&PortHeader, &[u8])> {
    PortHeader::ref_from_prefix(payload).ok()
}
