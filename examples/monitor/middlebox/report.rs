//! Questions about the heaviest flows, and their answers, as UDP datagrams.
//!
//! Invariant: what [`Request::answer`] writes, [`Report::read`] reads.
//!
//! ```text
//! question: | "ftmb-top" 8 | number 8 | anything |
//! answer:   | "ftmb-ans" 8 | number 8 | cores 2 | packets 8 | flows 4 | n 2 | n entries |
//! entry:    | source 4 | destination 4 | ports 2 + 2 | protocol 1 | packets 8 | bytes 8 |       all big-endian
//! ```

use std::{fmt, net::Ipv4Addr};

use etherparse::{Ethernet2HeaderSlice, PacketBuilder};

use super::flow::{self, FlowKey, Seen, Tally};

/// The UDP port that questions are sent to.
pub(crate) const PORT: u16 = 9;

/// The most flows in an answer.
pub(crate) const MOST: usize = 64;

/// How a question begins.
pub(crate) const QUESTION: &[u8; 8] = b"ftmb-top";

const ANSWER: &[u8; 8] = b"ftmb-ans";

/// What the monitor says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// Cores at work; each may have up to a batch of packets that the counts do not contain.
    pub(crate) cores: u16,
    /// Packets in the shared tables.
    pub(crate) packets: u64,
    /// Flows in the table.
    pub(crate) flows: u32,
    /// The heaviest flows.
    pub(crate) top: Vec<(FlowKey, Tally)>,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    seen: Seen,
    number: u64,
}

impl Request {
    /// Reads a question, if this frame is one.
    pub(crate) fn read(frame: &[u8], seen: &Seen) -> Option<Self> {
        if seen.flow.destination_port != PORT {
            return None;
        }
        let number = frame.get(seen.datagram?..)?.strip_prefix(QUESTION)?.first_chunk()?;
        Some(Self { seen: *seen, number: u64::from_be_bytes(*number) })
    }

    /// The frame that answers it, to be sent to where `question` came from.
    pub(crate) fn answer(&self, question: &[u8], report: &Report) -> Option<Vec<u8>> {
        let ethernet = Ethernet2HeaderSlice::from_slice(question).ok()?;
        let flow = &self.seen.flow;
        let builder = PacketBuilder::ethernet2(ethernet.destination(), ethernet.source())
            .ipv4(flow.destination.octets(), flow.source.octets(), 64)
            .udp(flow.destination_port, flow.source_port);
        let payload = report.to_bytes(self.number);
        let mut frame = Vec::with_capacity(builder.size(payload.len()));
        builder.write(&mut frame, &payload).ok()?;
        // VLAN tags, if any: what stands between the addresses and the last EtherType
        frame.splice(12..12, question.get(12..self.seen.network - 2)?.iter().copied());
        Some(frame)
    }
}

impl Report {
    fn to_bytes(&self, number: u64) -> Vec<u8> {
        let top = &self.top[..self.top.len().min(MOST)];
        let mut out = Vec::with_capacity(32 + top.len() * 29);
        out.extend_from_slice(ANSWER);
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&self.cores.to_be_bytes());
        out.extend_from_slice(&self.packets.to_be_bytes());
        out.extend_from_slice(&self.flows.to_be_bytes());
        out.extend_from_slice(&(top.len() as u16).to_be_bytes());
        for (flow, tally) in top {
            out.extend_from_slice(&flow.source.octets());
            out.extend_from_slice(&flow.destination.octets());
            out.extend_from_slice(&flow.source_port.to_be_bytes());
            out.extend_from_slice(&flow.destination_port.to_be_bytes());
            out.push(flow.protocol);
            out.extend_from_slice(&tally.packets.to_be_bytes());
            out.extend_from_slice(&tally.bytes.to_be_bytes());
        }
        out
    }

    /// Reads an answer, and the number of the question, from a frame.
    pub(crate) fn read(frame: &[u8]) -> Option<(u64, Self)> {
        let payload = flow::read(frame)?.datagram?;
        let mut rest = frame.get(payload..)?.strip_prefix(ANSWER)?;
        let number = u64::from_be_bytes(take(&mut rest)?);
        let cores = u16::from_be_bytes(take(&mut rest)?);
        let packets = u64::from_be_bytes(take(&mut rest)?);
        let flows = u32::from_be_bytes(take(&mut rest)?);
        let entries = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let top = (0..entries).map(|_| entry(&mut rest)).collect::<Option<_>>()?;
        Some((number, Self { cores, packets, flows, top }))
    }
}

/// For people: a line for all, and one for each flow.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} packets, {} flows", self.packets, self.flows)?;
        for (flow, Tally { packets, bytes }) in &self.top {
            let FlowKey { source, destination, source_port, destination_port, protocol } = flow;
            let ends = format!("{source}:{source_port} -> {destination}:{destination_port}");
            writeln!(f, "{ends:<45} protocol {protocol:>3}  {packets:>10} packets  {bytes:>12} bytes")?;
        }
        Ok(())
    }
}

fn entry(rest: &mut &[u8]) -> Option<(FlowKey, Tally)> {
    let flow = FlowKey {
        source: Ipv4Addr::from(take::<4>(rest)?),
        destination: Ipv4Addr::from(take::<4>(rest)?),
        source_port: u16::from_be_bytes(take(rest)?),
        destination_port: u16::from_be_bytes(take(rest)?),
        protocol: u8::from_be_bytes(take(rest)?),
    };
    let tally = Tally { packets: u64::from_be_bytes(take(rest)?), bytes: u64::from_be_bytes(take(rest)?) };
    Some((flow, tally))
}

/// Splits the next `N` bytes off.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}
