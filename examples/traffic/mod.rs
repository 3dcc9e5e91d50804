//! Frames for the scenarios of the examples: made fast, each with an identity in its last bytes, and verified in full.
//!
//! Invariant: a frame built here is valid in every length and checksum, and ends with its [`Identity`].
//!
//! ```text
//! | Ethernet 14 | VLAN 0 or 4 | IPv4 20 | TCP 20, UDP 8 or ICMP 8 | body | filler | identity 24 |
//! ```
#![allow(dead_code, unused_imports, reason = "each example uses what it needs")]

use std::net::SocketAddrV4;

use etherparse::{
    EtherType, Ethernet2Header, IcmpEchoHeader, Icmpv4Header, Icmpv4Type, IpNumber, Ipv4Header, SingleVlanHeader,
    TcpHeader, UdpHeader, VlanId, checksum::Sum16BitWords,
};

pub(crate) mod arp;
mod damage;
#[cfg(test)]
pub(crate) mod driver;
mod flow;
mod flows;
pub(crate) mod fragments;
mod identity;
#[cfg(test)]
pub(crate) mod offloads;

pub(crate) use damage::Damage;
pub(crate) use flow::{Flow, Kind, Stage, Way};
pub(crate) use flows::{Flows, NOISE, contradiction, identify};
pub(crate) use identity::{Draw, Identity};

/// What a packet carries above IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// A TCP segment.
    Tcp { seq: u32, ack: Option<u32>, syn: bool, fin: bool, rst: bool },
    /// A UDP datagram; without a checksum if `checked` is false, as IPv4 allows.
    Udp { checked: bool },
    /// An ICMP echo; its identifier is the port of the side that asks.
    Echo { reply: bool, seq: u16 },
}

/// The headers of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers {
    pub(crate) vlan: Option<u16>,
    pub(crate) source: SocketAddrV4,
    pub(crate) destination: SocketAddrV4,
    pub(crate) transport: Transport,
}

/// Where the headers of a frame begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offsets {
    pub(crate) network: usize,
    pub(crate) transport: usize,
    pub(crate) payload: usize,
}

impl Headers {
    /// Where things are in the frame with these headers.
    pub(crate) fn offsets(&self) -> Offsets {
        let network = if self.vlan.is_some() { 18 } else { 14 };
        let transport = network + 20;
        let payload = transport + if matches!(self.transport, Transport::Tcp { .. }) { 20 } else { 8 };
        Offsets { network, transport, payload }
    }

    /// The frame with these headers, `body`, and as much filler that the payload has at least `payload` bytes.
    pub(crate) fn frame(&self, body: &[u8], payload: usize, identity: &Identity) -> Vec<u8> {
        let at = self.offsets();
        let filler = payload.min(FILLER.len()).saturating_sub(body.len() + Identity::LEN);
        let mut frame = Vec::with_capacity(at.payload + body.len() + filler + Identity::LEN);
        frame.resize(at.payload, 0);
        frame.extend_from_slice(body);
        frame.extend_from_slice(&FILLER[..filler]);
        frame.extend_from_slice(&identity.to_bytes());
        let (headers, payload) = frame.split_at_mut(at.payload);
        let (before, transport) = headers.split_at_mut(at.transport);
        self.put_transport(transport, payload);
        let (link, network) = before.split_at_mut(at.network);
        self.put_network(network, transport.len() + payload.len());
        self.put_link(link);
        frame
    }

    fn put_link(&self, out: &mut [u8]) {
        let outer = if self.vlan.is_some() { EtherType::VLAN_TAGGED_FRAME } else { EtherType::IPV4 };
        let ethernet = Ethernet2Header {
            source: arp::mac(*self.source.ip()),
            destination: arp::mac(*self.destination.ip()),
            ether_type: outer,
        };
        out[..14].copy_from_slice(&ethernet.to_bytes());
        if let Some(id) = self.vlan {
            let tag = SingleVlanHeader {
                vlan_id: VlanId::try_new(id & 0xfff).unwrap_or_default(),
                ether_type: EtherType::IPV4,
                ..Default::default()
            };
            out[14..18].copy_from_slice(&tag.to_bytes());
        }
    }

    fn put_network(&self, out: &mut [u8], segment: usize) {
        let mut ip = Ipv4Header {
            total_len: (20 + segment) as u16,
            dont_fragment: true,
            time_to_live: 64,
            protocol: match self.transport {
                Transport::Tcp { .. } => IpNumber::TCP,
                Transport::Udp { .. } => IpNumber::UDP,
                Transport::Echo { .. } => IpNumber::ICMP,
            },
            source: self.source.ip().octets(),
            destination: self.destination.ip().octets(),
            ..Default::default()
        };
        ip.header_checksum = ip.calc_header_checksum();
        out.copy_from_slice(&ip.to_bytes());
    }

    fn put_transport(&self, out: &mut [u8], payload: &[u8]) {
        let (from, to) = (self.source.ip().octets(), self.destination.ip().octets());
        let (source_port, destination_port) = (self.source.port(), self.destination.port());
        // the frames here are far shorter than any limit, so a checksum can always be computed
        match self.transport {
            Transport::Tcp { seq, ack, syn, fin, rst } => {
                let mut tcp = TcpHeader::new(source_port, destination_port, seq, 0xffff);
                (tcp.syn, tcp.fin, tcp.rst) = (syn, fin, rst);
                (tcp.ack, tcp.acknowledgment_number) = (ack.is_some(), ack.unwrap_or(0));
                tcp.checksum = tcp.calc_checksum_ipv4_raw(from, to, payload).unwrap_or(0);
                out.copy_from_slice(&tcp.to_bytes());
            }
            Transport::Udp { checked } => {
                let length = (8 + payload.len()) as u16;
                let mut udp = UdpHeader { source_port, destination_port, length, checksum: 0 };
                if checked {
                    udp.checksum = udp.calc_checksum_ipv4_raw(from, to, payload).unwrap_or(0);
                }
                out.copy_from_slice(&udp.to_bytes());
            }
            Transport::Echo { reply, seq } => {
                let kind = match reply {
                    false => Icmpv4Type::EchoRequest(IcmpEchoHeader { id: source_port, seq }),
                    true => Icmpv4Type::EchoReply(IcmpEchoHeader { id: destination_port, seq }),
                };
                out.copy_from_slice(&Icmpv4Header::with_checksum(kind, payload).to_bytes());
            }
        }
    }
}

/// Whether the checksums of IPv4 and of what it carries are right, recomputed from all the bytes they cover.
pub(crate) fn is_sound(frame: &[u8], at: Offsets) -> bool {
    let (ip, segment) = (&frame[at.network..at.transport], &frame[at.transport..]);
    if sum(ip).ones_complement() != 0 {
        return false;
    }
    let protocol = ip[9];
    if protocol == IpNumber::UDP.0 && segment[6..8] == [0, 0] {
        return true;
    }
    let covered = match protocol == IpNumber::ICMP.0 {
        true => sum(segment),
        false => sum(segment)
            .add_slice(&ip[12..20])
            .add_2bytes([0, protocol])
            .add_2bytes((segment.len() as u16).to_be_bytes()),
    };
    covered.ones_complement() == 0
}

/// Makes the IPv4 checksum right again after a header was changed on purpose.
pub(crate) fn repair_network(frame: &mut [u8], at: Offsets) {
    frame[at.network + 10..at.network + 12].fill(0);
    let checksum = sum(&frame[at.network..at.transport]).ones_complement().to_be();
    frame[at.network + 10..at.network + 12].copy_from_slice(&checksum.to_be_bytes());
}

fn sum(bytes: &[u8]) -> Sum16BitWords {
    Sum16BitWords::new().add_slice(bytes)
}

/// What fills payloads up.
static FILLER: [u8; 1460] = {
    let mut bytes = [0; 1460];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = (at as u32).wrapping_mul(0x9e37_79b1).to_be_bytes()[0];
        at += 1;
    }
    bytes
};
