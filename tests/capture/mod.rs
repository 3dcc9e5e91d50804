//! Capture files and the flows in them, for tests. Invariant: frames are read and written as they are, byte for byte.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::Path;

use etherparse::{Icmpv4Type, NetSlice, SlicedPacket, TransportSlice};

/// An Ethernet frame.
pub(crate) type Frame = Vec<u8>;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
/// Bytes of a file's header, and of a frame's.
const HEADERS: [usize; 2] = [24, 16];

/// All frames of a capture.
pub(crate) fn read(path: &Path) -> Vec<Frame> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
    assert!([MICROSECONDS, NANOSECONDS].contains(&word(0)), "{} is no little-endian pcap", path.display());
    let mut frames = Vec::new();
    let mut at = HEADERS[0];
    while at < bytes.len() {
        let length = word(at + 8) as usize;
        at += HEADERS[1];
        frames.push(bytes[at..at + length].to_vec());
        at += length;
    }
    frames
}

/// Writes frames with their times in ns.
pub(crate) fn write(path: &Path, frames: &[(u64, &Frame)]) {
    let mut bytes = Vec::new();
    let mut words = |words: &[u32], rest: &[u8]| {
        words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes.extend(rest);
    };
    words(&[NANOSECONDS, 0x0004_0002, 0, 0, 0x0004_0000, 1], &[]);
    for (time, frame) in frames {
        let length = frame.len() as u32;
        words(&[(time / 1_000_000_000) as u32, (time % 1_000_000_000) as u32, length, length], frame);
    }
    std::fs::write(path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// A capture, by who spoke first between each two hosts.
pub(crate) struct Sides {
    /// What those who spoke first have sent; whatever is not IPv4 as well.
    pub(crate) inside: Vec<Frame>,
    /// What they got.
    pub(crate) outside: Vec<Frame>,
}

/// Takes the directions of a capture apart.
pub(crate) fn sides(frames: Vec<Frame>) -> Sides {
    let mut first = HashMap::new();
    let (inside, outside) = frames.into_iter().partition(|frame| {
        let Some((from, to)) = addresses(frame) else { return true };
        *first.entry((from.min(to), from.max(to))).or_insert(from) == from
    });
    Sides { inside, outside }
}

fn addresses(frame: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr)> {
    match SlicedPacket::from_ethernet(frame).ok()?.net? {
        NetSlice::Ipv4(ip) => Some((ip.header().source_addr(), ip.header().destination_addr())),
        _ => None,
    }
}

/// A flow as one of its directions names it; an echo's identifier is the port of the side that asks, the other's is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    pub(crate) from: (Ipv4Addr, u16),
    pub(crate) to: (Ipv4Addr, u16),
    /// Number of the protocol.
    pub(crate) protocol: u8,
}

impl Flow {
    /// The flow of a whole TCP, UDP or echo packet over IPv4.
    pub(crate) fn of(frame: &[u8]) -> Option<Flow> {
        let sliced = SlicedPacket::from_ethernet(frame).ok()?;
        let Some(NetSlice::Ipv4(ip)) = &sliced.net else { return None };
        let (ports, protocol) = match sliced.transport? {
            TransportSlice::Tcp(tcp) => ((tcp.source_port(), tcp.destination_port()), 6),
            TransportSlice::Udp(udp) => ((udp.source_port(), udp.destination_port()), 17),
            TransportSlice::Icmpv4(icmp) => match icmp.icmp_type() {
                Icmpv4Type::EchoRequest(echo) => ((echo.id, 0), 1),
                Icmpv4Type::EchoReply(echo) => ((0, echo.id), 1),
                _ => return None,
            },
            _ => return None,
        };
        let header = ip.header();
        Some(Flow { from: (header.source_addr(), ports.0), to: (header.destination_addr(), ports.1), protocol })
    }

    /// The same flow as its other end names it.
    pub(crate) fn reversed(self) -> Flow {
        Flow { from: self.to, to: self.from, ..self }
    }
}

/// What a translation leaves as it is: identification, and what follows ports and checksums.
pub(crate) fn payload_of(frame: &[u8]) -> Vec<u8> {
    let Ok(sliced) = SlicedPacket::from_ethernet(frame) else { return frame.to_vec() };
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else { return frame.to_vec() };
    let mut kept = ip.header().identification().to_be_bytes().to_vec();
    match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            kept.extend(tcp.sequence_number().to_be_bytes());
            kept.extend(tcp.acknowledgment_number().to_be_bytes());
            kept.extend(tcp.options());
            kept.extend(tcp.payload());
        }
        Some(TransportSlice::Udp(udp)) => kept.extend(udp.payload()),
        Some(TransportSlice::Icmpv4(icmp)) => kept.extend(icmp.payload()),
        _ => kept.extend(frame),
    }
    kept
}

/// The frame, sent to another address and port (or echo identifier). Of the checksums only that of IP is made right: whoever
/// translates updates the others by what it changes, and does not compute them anew.
pub(crate) fn with_destination(mut frame: Frame, address: Ipv4Addr, port: u16) -> Frame {
    let (network, transport) = destination(&frame);
    frame[network..network + 4].copy_from_slice(&address.octets());
    let header = network - 16;
    let parsed = etherparse::Ipv4HeaderSlice::from_slice(&frame[header..]).expect("it has a flow").to_header();
    frame[header + 10..header + 12].copy_from_slice(&parsed.calc_header_checksum().to_be_bytes());
    frame[transport..transport + 2].copy_from_slice(&port.to_be_bytes());
    frame
}

/// Where its destination's address and port are.
fn destination(frame: &[u8]) -> (usize, usize) {
    let sliced = SlicedPacket::from_ethernet(frame).expect("it has a flow");
    let offset = |part: &[u8]| part.as_ptr() as usize - frame.as_ptr() as usize;
    let Some(NetSlice::Ipv4(ip)) = &sliced.net else { panic!("it has a flow") };
    let transport = match &sliced.transport {
        Some(TransportSlice::Tcp(tcp)) => offset(tcp.slice()) + 2,
        Some(TransportSlice::Udp(udp)) => offset(udp.slice()) + 2,
        Some(TransportSlice::Icmpv4(icmp)) => offset(icmp.slice()) + 4,
        _ => panic!("it has a flow"),
    };
    (offset(ip.header().slice()) + 16, transport)
}
