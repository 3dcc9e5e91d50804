//! What a flow is, and what is counted of it.
//!
//! Invariant: two packets have the same key iff they have the same protocol, addresses and ports, in this direction.

use std::net::Ipv4Addr;

use etherparse::{InternetSlice, SlicedPacket, TransportSlice};

/// One direction of a flow over IPv4; ports are 0 for protocols without them.
#[ftmb::state]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FlowKey {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) protocol: u8,
}

/// What was counted of a flow.
#[ftmb::state]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    /// Of one packet.
    pub(crate) fn new(bytes: u32) -> Self {
        Self { packets: 1, bytes: u64::from(bytes) }
    }

    /// And one more.
    pub(crate) fn add(&mut self, bytes: u32) {
        self.packets += 1;
        self.bytes += u64::from(bytes);
    }
}

/// What a frame shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) flow: FlowKey,
    /// Offset of the IPv4 header.
    pub(crate) network: usize,
    /// Offset of the payload if this is UDP.
    pub(crate) datagram: Option<usize>,
}

/// Reads a frame; `None` if it is not sound IPv4.
pub(crate) fn read(frame: &[u8]) -> Option<Seen> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(InternetSlice::Ipv4(ip)) = sliced.net else { return None };
    let header = ip.header();
    // `part` is a part of the frame
    let offset = |part: &[u8]| part.as_ptr() as usize - frame.as_ptr() as usize;
    let (source_port, destination_port, datagram) = match &sliced.transport {
        Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port(), Some(offset(udp.payload()))),
        Some(TransportSlice::Tcp(tcp)) => (tcp.source_port(), tcp.destination_port(), None),
        _ => (0, 0, None),
    };
    let flow = FlowKey {
        source: header.source_addr(),
        destination: header.destination_addr(),
        source_port,
        destination_port,
        protocol: header.protocol().0,
    };
    Some(Seen { flow, network: offset(header.slice()), datagram })
}
