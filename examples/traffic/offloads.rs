//! Packets as a network stack hands them to its interface: checksums left partial, several segments in one.
//!
//! Invariant: what is judged is what arrives on the wire behind the interface, where every checksum must be right.

use std::net::SocketAddrV4;

use etherparse::{Ipv4HeaderSlice, UdpHeaderSlice, checksum::Sum16BitWords};
use ftmb::{
    offload::{Checksum, Offload, SegmentKind, Segmentation},
    prelude::*,
    testing::{Crash, Group},
};

use super::{Headers, Identity, Transport, is_sound};

/// What the stack left for the interface to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Left {
    Nothing,
    /// And its own interface has looked.
    Verified,
    Checksum,
    Cutting,
}

const SYN: Transport = Transport::Tcp { seq: 1, ack: None, syn: true, fin: false, rst: false };
const SYN_ACK: Transport = Transport::Tcp { seq: 9, ack: Some(2), syn: true, fin: false, rst: false };
const DATA: Transport = Transport::Tcp { seq: 2, ack: Some(10), syn: false, fin: false, rst: false };
const UDP: Transport = Transport::Udp { checked: true };
const UNCHECKED: Transport = Transport::Udp { checked: false };

/// Payload of each segment.
const SIZE: u16 = 300;

/// Sends flows from `client` at port 0 to `server` at port 1 and back, in all states of their checksums, and crashes meanwhile:
/// what leaves must be right on the wire, and say the same.
pub(crate) fn assert_checksums_stay_right<M: Middlebox>(
    make: impl Fn() -> M + 'static,
    client: SocketAddrV4,
    server: SocketAddrV4,
) {
    let mut group = Group::new(2, make).unwrap();
    for (transport, answer, next) in [(SYN, SYN_ACK, DATA), (UDP, UDP, UDP), (UNCHECKED, UNCHECKED, UNCHECKED)] {
        for vlan in [None, Some(7)] {
            for left in [Left::Nothing, Left::Verified, Left::Checksum, Left::Cutting] {
                // nobody leaves a checksum to the interface that there is not, nor cuts what opens a connection
                if left != Left::Nothing && transport == UNCHECKED {
                    continue;
                }
                let first = if left == Left::Cutting { Left::Checksum } else { left };
                let out = Headers { vlan, source: client, destination: server, transport };
                let seen = pass(&mut group, PortId(0), out, first, false);
                let back = Headers { vlan, source: seen.1, destination: seen.0, transport: answer };
                assert_eq!(pass(&mut group, PortId(1), back, first, true), (server, client), "{transport:?} {left:?}");
                assert_eq!(pass(&mut group, PortId(0), Headers { transport: next, ..out }, left, true), seen);
                let back = Headers { transport: next, ..back };
                assert_eq!(pass(&mut group, PortId(1), back, left, false), (server, client), "{transport:?} {left:?}");
            }
        }
    }
}

/// Sends one packet and judges what comes out; who talks to whom in that.
fn pass<M: Middlebox>(
    group: &mut Group<M>,
    port: PortId,
    headers: Headers,
    left: Left,
    crash: bool,
) -> (SocketAddrV4, SocketAddrV4) {
    let at = headers.offsets();
    let identity = Identity::default();
    let mut frame = headers.frame(&[], 1000, &identity);
    let payload = frame[at.payload..].to_vec();
    let offload = leave(&mut frame, &headers, left);
    let before = group.outputs().len();
    group.send_with(port, &frame, offload);
    if crash {
        group.crash(Crash::AtAccess(0));
        group.recover().unwrap();
    }
    group.settle().unwrap();
    let out = &group.outputs()[before];
    assert_eq!((out.port, out.offload), (PortId(1 - port.0), offload));
    let frames = out.frames().unwrap();
    assert_eq!(frames.len(), if left == Left::Cutting { payload.len().div_ceil(SIZE.into()) } else { 1 });
    assert!(frames.iter().all(|frame| is_sound(frame, at)), "{headers:?} {left:?}");
    let said: Vec<u8> = frames.iter().flat_map(|frame| frame[at.payload..].iter().copied()).collect();
    assert_eq!(said, payload);
    let ip = Ipv4HeaderSlice::from_slice(&frames[0][at.network..]).unwrap();
    let ports = UdpHeaderSlice::from_slice(&frames[0][at.transport..]).unwrap();
    let source = SocketAddrV4::new(ip.source_addr(), ports.source_port());
    (source, SocketAddrV4::new(ip.destination_addr(), ports.destination_port()))
}

/// Undoes what is left to the interface; returns the metadata that says so.
fn leave(frame: &mut [u8], headers: &Headers, left: Left) -> Offload {
    let at = headers.offsets();
    let (protocol, kind, offset) = match headers.transport {
        Transport::Tcp { .. } => (6, SegmentKind::Tcp4, 16),
        _ => (17, SegmentKind::Udp, 6),
    };
    let partial = Checksum::Partial { start: at.transport as u16, offset };
    let cut = Segmentation { kind, size: SIZE, ecn: false, header_len: at.payload as u16 };
    let offload = match left {
        Left::Nothing => return Offload::default(),
        Left::Verified => return Offload::new(Checksum::Verified, None),
        Left::Checksum => Offload::new(partial, None),
        Left::Cutting => Offload::new(partial, Some(cut)),
    };
    let length = (frame.len() - at.transport) as u16;
    let pseudo = Sum16BitWords::new().add_slice(&frame[at.network + 12..at.network + 20]);
    let sum = !pseudo.add_2bytes([0, protocol]).add_2bytes(length.to_be_bytes()).ones_complement();
    let field = at.transport + usize::from(offset);
    frame[field..field + 2].copy_from_slice(&sum.to_ne_bytes());
    offload
}
