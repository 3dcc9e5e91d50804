//! The packets: many flows of one size, in random order. Invariant: both sides of a comparison get the same ones.

use etherparse::PacketBuilder;
use ftmb_runtime::packet::PortId;

/// Flows that are alive, unless the command line says otherwise.
pub(crate) const FLOWS: u32 = 100_000;
/// Flows when nothing is measured.
pub(crate) const FEW: u32 = 1000;
/// Bytes of a frame that differ from flow to flow.
const HEAD: usize = 64;

/// Frames of one size.
pub(crate) struct Traffic {
    /// From inside, and if the middlebox is a NAT the answers from outside.
    heads: Vec<[u8; HEAD]>,
    frame: Vec<u8>,
    flows: u32,
    random: u64,
}

impl Traffic {
    /// One frame per flow, from inside. `udp_only`: for middleboxes that take nothing else.
    pub(crate) fn new(flows: u32, size: usize, udp_only: bool) -> Traffic {
        let heads = (0..flows).map(|flow| head(&inside(flow, udp_only, size))).collect();
        Traffic { heads, frame: vec![0; size], flows, random: 0x2545_f491_4f6c_dd1d }
    }

    /// What opens every flow.
    pub(crate) fn opening(&self, udp_only: bool) -> impl Iterator<Item = Vec<u8>> + use<> {
        let size = self.frame.len();
        (0..self.flows).map(move |flow| {
            let mut frame = inside(flow, udp_only, size);
            if !is_udp(flow, udp_only) {
                // SYN, and nothing else. The checksum is not looked at on the way.
                frame[47] = 0x02;
            }
            frame
        })
    }

    /// A translated frame of a flow came out: from now on the outside answers to where it came from.
    pub(crate) fn learn(&mut self, translated: &[u8]) {
        let (protocol, at) = (translated[23], if translated[23] == 17 { 42 } else { 54 });
        let flow = u32::from_be_bytes([translated[at], translated[at + 1], translated[at + 2], translated[at + 3]]);
        let address = |at: usize| [translated[at], translated[at + 1], translated[at + 2], translated[at + 3]];
        let port = |at: usize| u16::from_be_bytes([translated[at], translated[at + 1]]);
        let udp = protocol == 17;
        let answer = frame((address(30), port(36)), (address(26), port(34)), udp, flow, self.frame.len());
        self.heads.push(head(&answer));
    }

    /// The next frame, at random.
    #[inline]
    pub(crate) fn next(&mut self) -> (PortId, &[u8]) {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let at = (((self.random >> 32) * self.heads.len() as u64) >> 32) as usize;
        self.frame[..HEAD].copy_from_slice(&self.heads[at]);
        (PortId((at >= self.flows as usize).into()), &self.frame)
    }
}

/// Half of the flows are TCP, since a NAT has 64k public ports for each protocol.
fn is_udp(flow: u32, udp_only: bool) -> bool {
    udp_only || flow.is_multiple_of(2)
}

fn inside(flow: u32, udp_only: bool, size: usize) -> Vec<u8> {
    let [_, high, middle, low] = flow.to_be_bytes();
    let from = ([10, high, middle, low], 10_000 + (flow % 50_000) as u16);
    frame(from, ([192, 0, 2, (flow % 250) as u8], 443), is_udp(flow, udp_only), flow, size)
}

/// An Ethernet frame of `size` bytes, the flow's number first in its payload.
fn frame(from: ([u8; 4], u16), to: ([u8; 4], u16), udp: bool, flow: u32, size: usize) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4(from.0, to.0, 64);
    let mut payload = vec![0; size - if udp { 42 } else { 54 }];
    payload[..4].copy_from_slice(&flow.to_be_bytes());
    let mut frame = Vec::with_capacity(size);
    let written = match udp {
        true => builder.udp(from.1, to.1).write(&mut frame, &payload),
        false => builder.tcp(from.1, to.1, 1, 1000).ack(1).write(&mut frame, &payload),
    };
    written.expect("a frame in memory");
    frame
}

fn head(frame: &[u8]) -> [u8; HEAD] {
    *frame.first_chunk().expect("at least 64 bytes")
}
