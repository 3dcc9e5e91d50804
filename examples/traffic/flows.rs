//! Many flows at a time through a middlebox, and what must be true of each whatever the middlebox does to addresses.
//!
//! - A packet comes out once, in the order of its direction, at the other port, byte for byte as it went in but for its
//!   endpoints and the checksums that cover them, which are right.
//! - The server sees the same two endpoints from a flow's first packet to its last.
//! - The client sees the server that it talks to, and itself.
//!
//! Invariant: an identity in a packet leads to its flow by an index, so that a check takes no search and no memory per
//! packet.

use std::{
    collections::VecDeque,
    fmt::{Debug, Display},
    net::{Ipv4Addr, SocketAddrV4},
};

use ftmb::prelude::*;

use super::{Draw, Flow, Identity, Kind, Offsets, Stage, Way, is_sound};

/// `kind` of an identity: a packet of a flow, by direction. What is above is the scenario's own.
const OUT: u8 = 0;
const BACK: u8 = 1;
pub(crate) const NOISE: u8 = 2;

/// Flows that open, talk both ways, and close, again and again.
#[derive(Clone, Debug)]
pub(crate) struct Flows {
    flows: Vec<Flow>,
    /// How many are open at a time.
    target: usize,
    /// Those that have something to send.
    live: Vec<u32>,
    /// Those that may be opened, the one that was closed first in front.
    idle: VecDeque<u32>,
    /// A released frame with what may change put back.
    scratch: Vec<u8>,
}

/// A packet that came out as it may.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Which flow it belongs to.
    pub(crate) index: u32,
    pub(crate) way: Way,
    /// Whether it was the last one of its flow.
    pub(crate) last: bool,
}

impl Flows {
    /// So many of these flows at a time.
    pub(crate) fn new(flows: Vec<Flow>, live: usize) -> Self {
        Self {
            target: live,
            live: Vec::with_capacity(live),
            idle: (0..flows.len() as u32).collect(),
            flows,
            scratch: Vec::with_capacity(2048),
        }
    }

    /// One of them.
    pub(crate) fn flow(&self, index: u32) -> &Flow {
        &self.flows[index as usize]
    }

    /// One that is live just now, if any.
    pub(crate) fn any_live(&self, draw: &mut Draw) -> Option<&Flow> {
        Some(self.flow(*self.live.get(draw.below(self.live.len().max(1)))?))
    }

    /// One that was ended by a reset and has not been opened again, if there is one at hand.
    pub(crate) fn any_reset(&self) -> Option<&Flow> {
        self.idle.iter().rev().take(16).map(|&index| self.flow(index)).find(|flow| flow.reset)
    }

    /// The next packet; `None`: all wait for something to come out.
    pub(crate) fn next(&mut self, draw: &mut Draw) -> Option<(PortId, Vec<u8>)> {
        if self.live.len() < self.target
            && let Some(index) = self.idle.pop_front()
        {
            self.flows[index as usize].open(16 + draw.below(128) as u32);
            self.live.push(index);
            return self.send(self.live.len() - 1, draw);
        }
        // some flows wait for an answer; another one can surely send
        (0..16).find_map(|_| {
            let place = draw.below(self.live.len().max(1));
            (place < self.live.len()).then(|| self.send(place, draw)).flatten()
        })
    }

    /// A packet of the flow at `place` in the list of live ones, unless it has to wait.
    fn send(&mut self, place: usize, draw: &mut Draw) -> Option<(PortId, Vec<u8>)> {
        let index = self.live[place];
        let flow = &mut self.flows[index as usize];
        let payload = draw.payload().max(Identity::LEN);
        let step = flow.step(draw.below(2) == 0, payload)?;
        let kind = if step.way == Way::Out { OUT } else { BACK };
        let number = flow.lane(step.way).sent - 1;
        let identity = Identity { flow: index, generation: flow.generation, number, note: 0, kind };
        if flow.stage == Stage::Done {
            self.live.swap_remove(place);
        }
        Some((flow.entry(step.way), step.headers.frame(&[], payload, &identity)))
    }

    /// Checks a packet that came out. `sent` has this identity.
    pub(crate) fn observe(
        &mut self,
        identity: &Identity,
        sent: &Frame,
        released: &Frame,
    ) -> Result<Arrival, Contradiction> {
        let index = identity.flow;
        let Some(flow) = self.flows.get_mut(index as usize) else {
            return Err(Contradiction::new(format!("input {} is not a packet of this scenario", sent.number())));
        };
        let way = if identity.kind == OUT { Way::Out } else { Way::Back };
        if flow.generation != identity.generation {
            return contradiction(flow, "a packet came out again after the flow was finished");
        }
        let lane = flow.lane(way);
        if identity.number < lane.next {
            let next = lane.next;
            return contradiction(flow, format!("{way:?}: packet {} came out after {}", identity.number, next - 1));
        }
        if released.port() == sent.port() {
            return contradiction(flow, format!("{way:?}: came out where it went in"));
        }
        (lane.next, lane.arrived) = (identity.number + 1, lane.arrived + 1);
        let ends = compare(flow, way, sent.bytes(), released.bytes(), &mut self.scratch)?;
        match way {
            Way::Out => {
                let (source, destination) = *flow.seen.get_or_insert(ends);
                if ends != (source, destination) {
                    let (now, then) = (arrow(ends), arrow((source, destination)));
                    return contradiction(flow, format!("came out as {now}, before as {then}"));
                }
            }
            Way::Back if ends != (flow.server, flow.client) => {
                return contradiction(flow, format!("a reply was delivered as {}", arrow(ends)));
            }
            Way::Back => {}
        }
        flow.heard(way);
        let last = flow.is_finished();
        if last {
            self.idle.push_back(index);
        }
        Ok(Arrival { index, way, last })
    }

    /// What should have come out and did not.
    pub(crate) fn missing(&self) -> Missing {
        let late = || self.flows.iter().filter(|flow| flow.outstanding() > 0);
        let examples = late().take(10).map(|flow| {
            let (out, back) = (flow.out, flow.back);
            let (a, b, c, d) = (out.sent - out.arrived, out.sent, back.sent - back.arrived, back.sent);
            format!("{}: {a} of {b} packets of the client, {c} of {d} of the server", name(flow))
        });
        Missing { packets: late().map(Flow::outstanding).sum(), examples: examples.collect() }
    }
}

/// Puts what may differ in a released packet back to what was sent, and compares; returns source and destination as
/// they came out.
fn compare(
    flow: &Flow,
    way: Way,
    sent: &[u8],
    released: &[u8],
    scratch: &mut Vec<u8>,
) -> Result<(SocketAddrV4, SocketAddrV4), Contradiction> {
    if sent.len() != released.len() {
        return contradiction(flow, format!("{} bytes became {}", sent.len(), released.len()));
    }
    let network = if flow.vlan.is_some() { 18 } else { 14 };
    let transport = network + 20;
    let (ports, checksum) = match flow.kind {
        Kind::Echo => ((transport + 4, 2), transport + 2),
        Kind::Tcp => ((transport, 4), transport + 16),
        Kind::Udp => ((transport, 4), transport + 6),
    };
    scratch.clear();
    scratch.extend_from_slice(released);
    for (at, len) in [(network + 10, 10), ports, (checksum, 2)] {
        scratch[at..at + len].copy_from_slice(&sent[at..at + len]);
    }
    if scratch != sent {
        let at = scratch.iter().zip(sent).position(|(a, b)| a != b).unwrap_or(0);
        return contradiction(flow, format!("byte {at} was {:#04x}, came out as {:#04x}", sent[at], released[at]));
    }
    let unchecked = |frame: &[u8]| flow.kind == Kind::Udp && frame[checksum..checksum + 2] == [0, 0];
    if unchecked(sent) != unchecked(released) {
        return contradiction(flow, "a datagram gained or lost its checksum");
    }
    if !is_sound(released, Offsets { network, transport, payload: transport + 8 }) {
        return contradiction(flow, "came out with a wrong checksum");
    }
    let word = |at: usize| u16::from_be_bytes([released[at], released[at + 1]]);
    let address = |at: usize| Ipv4Addr::from_bits(u32::from(word(at)) << 16 | u32::from(word(at + 2)));
    let (source, destination) = match (flow.kind, way) {
        // the identifier stands for the port of the side that asks
        (Kind::Echo, Way::Out) => (word(transport + 4), 0),
        (Kind::Echo, Way::Back) => (0, word(transport + 4)),
        (Kind::Tcp | Kind::Udp, _) => (word(transport), word(transport + 2)),
    };
    let source = SocketAddrV4::new(address(network + 12), source);
    Ok((source, SocketAddrV4::new(address(network + 16), destination)))
}

/// Which packet came out; `Err` if it is one that must be dropped, for the reason in `noises` that its note says.
pub(crate) fn identify(sent: &Frame, noises: &[impl Debug]) -> Result<Identity, Contradiction> {
    let unknown = || Contradiction::new(format!("input {} is not a packet of this scenario", sent.number()));
    let identity = Identity::of(sent.bytes()).ok_or_else(unknown)?;
    if identity.kind >= NOISE {
        let what = noises.get(identity.note as usize);
        return Err(Contradiction::new(format!("let through what must be dropped: {what:?}")));
    }
    Ok(identity)
}

/// What is wrong with a flow.
pub(crate) fn contradiction<T>(flow: &Flow, what: impl Display) -> Result<T, Contradiction> {
    Err(Contradiction::new(format!("{}: {what}", name(flow))))
}

fn arrow((source, destination): (SocketAddrV4, SocketAddrV4)) -> String {
    format!("{source} -> {destination}")
}

fn name(flow: &Flow) -> String {
    format!("{:?} {} -> {} (life {})", flow.kind, flow.client, flow.server, flow.generation)
}
