//! What `demo` sends through the NAT, and how it checks what comes out.
//!
//! A thousand hosts talk at a time. Their flows open, talk both ways, and close; a server answers to the public
//! endpoint it has seen, and only once it has seen it. A packet in fifty is one that a NAT must drop.
//!
//! Every released packet must be the one that went in, byte for byte, but for one endpoint and the checksums that
//! cover it; the checksums must be right; the public endpoint must be the flow's own from its first packet to its
//! last; and packets of one direction of a flow come out in order, each once. A NAT that forgets a flow when it is
//! killed, or translates it anew, cannot pass: the replies that are under way would find nobody.
//!
//! Invariant: an identity in a packet leads to its flow by an index, so that a check takes no search and no memory
//! per packet.

use std::{
    collections::VecDeque,
    fmt::Display,
    net::{Ipv4Addr, SocketAddrV4},
};

use ftmb::prelude::*;

use crate::traffic::{Draw, Identity, is_sound};

mod flow;
mod noise;

use flow::{Flow, Kind, Way};
use noise::Noise;

/// The order of the ports is the order of their ids.
const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);

/// `kind` of an identity: a packet of a flow, by direction, or one that must not come out.
const OUT: u8 = 0;
const BACK: u8 = 1;
const NOISE: u8 = 2;

/// Traffic of many inside hosts through a NAT.
#[derive(Clone, Debug)]
pub(crate) struct NatScenario {
    flows: Vec<Flow>,
    /// How many flows are open at a time.
    target: usize,
    /// Flows that have something to send.
    live: Vec<u32>,
    /// Flows that may be opened, the one that was closed first in front.
    idle: VecDeque<u32>,
    /// The address that all public endpoints share, once one has come out.
    public: Option<Ipv4Addr>,
    /// Per protocol and public port: the flow that has it, plus 1.
    owners: [Vec<u32>; 3],
    noise: u32,
    /// A released frame with what may change put back.
    scratch: Vec<u8>,
}

impl Default for NatScenario {
    fn default() -> Self {
        Self::new(1024, 48_000)
    }
}

impl NatScenario {
    /// Traffic with `live` flows at a time out of `flows` in all, which should be fewer than there are public ports.
    pub(crate) fn new(live: usize, flows: u32) -> Self {
        Self {
            flows: (0..flows).map(Flow::new).collect(),
            target: live,
            live: Vec::with_capacity(live),
            idle: (0..flows).collect(),
            public: None,
            owners: std::array::from_fn(|_| vec![0; 1 << 16]),
            noise: 0,
            scratch: Vec::with_capacity(2048),
        }
    }

    /// A packet of the flow at `place` in the list of live ones, unless it has to wait.
    fn send(&mut self, place: usize, draw: &mut Draw) -> Option<(PortId, Vec<u8>)> {
        let index = self.live[place];
        let flow = &mut self.flows[index as usize];
        let payload = draw.payload().max(Identity::LEN);
        let step = flow.step(self.public.unwrap_or(Ipv4Addr::UNSPECIFIED), draw.below(2) == 0, payload)?;
        let (kind, port) = match step.way {
            Way::Out => (OUT, INSIDE),
            Way::Back => (BACK, OUTSIDE),
        };
        let number = flow.lane(step.way).sent - 1;
        let identity = Identity { flow: index, generation: flow.generation, number, note: 0, kind };
        if flow.stage == flow::Stage::Done {
            self.live.swap_remove(place);
        }
        Some((port, step.headers.frame(&[], payload, &identity)))
    }

    fn make_noise(&mut self, draw: &mut Draw) -> Option<(PortId, Vec<u8>)> {
        let flow = &self.flows[*self.live.get(draw.below(self.live.len().max(1)))? as usize];
        let noise = Noise::pick(draw);
        self.noise += 1;
        let identity = Identity { number: self.noise, note: noise as u64, kind: NOISE, ..Identity::default() };
        let (way, frame) = noise.packet(flow, self.public?, &identity, draw);
        Some((if way == Way::Out { INSIDE } else { OUTSIDE }, frame))
    }

    /// Checks the endpoint that was put into a packet from inside, or takes note of it if it is the flow's first.
    fn check_public(&mut self, index: u32, seen: SocketAddrV4) -> Result<(), Contradiction> {
        let public = *self.public.get_or_insert(*seen.ip());
        let flow = &mut self.flows[index as usize];
        if *seen.ip() != public {
            return contradiction(flow, format!("left as {seen}, all else as {public}"));
        }
        if flow.public == seen.port() {
            return Ok(());
        }
        if flow.public != 0 {
            return contradiction(flow, format!("left as {seen}, before as port {}", flow.public));
        }
        let owner = &mut self.owners[flow.kind as usize][usize::from(seen.port())];
        if *owner != 0 && *owner != index + 1 {
            let text = format!("left as {seen}, which another live flow has");
            return contradiction(flow, text);
        }
        *owner = index + 1;
        flow.public = seen.port();
        Ok(())
    }

    /// Puts what may differ in a released packet back to what was sent, and compares; returns the endpoint that was
    /// put in.
    fn compare(&mut self, flow: u32, way: Way, sent: &[u8], released: &[u8]) -> Result<SocketAddrV4, Contradiction> {
        let flow = &self.flows[flow as usize];
        if sent.len() != released.len() {
            return contradiction(flow, format!("{} bytes became {}", sent.len(), released.len()));
        }
        let network = if flow.vlan.is_some() { 18 } else { 14 };
        let transport = network + 20;
        let address = network + if way == Way::Out { 12 } else { 16 };
        let (port, checksum) = match (flow.kind, way) {
            (Kind::Echo, _) => (transport + 4, transport + 2),
            (Kind::Tcp, Way::Out) => (transport, transport + 16),
            (Kind::Tcp, Way::Back) => (transport + 2, transport + 16),
            (Kind::Udp, Way::Out) => (transport, transport + 6),
            (Kind::Udp, Way::Back) => (transport + 2, transport + 6),
        };
        self.scratch.clear();
        self.scratch.extend_from_slice(released);
        for (at, len) in [(network + 10, 2), (address, 4), (port, 2), (checksum, 2)] {
            self.scratch[at..at + len].copy_from_slice(&sent[at..at + len]);
        }
        if self.scratch != sent {
            let at = self.scratch.iter().zip(sent).position(|(a, b)| a != b).unwrap_or(0);
            return contradiction(flow, format!("byte {at} was {:#04x}, came out as {:#04x}", sent[at], released[at]));
        }
        let unchecked = |frame: &[u8]| flow.kind == Kind::Udp && frame[checksum..checksum + 2] == [0, 0];
        if unchecked(sent) != unchecked(released) {
            return contradiction(flow, "a datagram gained or lost its checksum");
        }
        if !is_sound(released, crate::traffic::Offsets { network, transport, payload: transport + 8 }) {
            return contradiction(flow, "came out with a wrong checksum");
        }
        let ip = Ipv4Addr::new(released[address], released[address + 1], released[address + 2], released[address + 3]);
        Ok(SocketAddrV4::new(ip, u16::from_be_bytes([released[port], released[port + 1]])))
    }
}

impl Scenario for NatScenario {
    fn ports(&self) -> Vec<String> {
        vec!["inside".into(), "outside".into()]
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        let mut draw = Draw::new(rng);
        if draw.below(50) == 0
            && let Some(packet) = self.make_noise(&mut draw)
        {
            return Some(packet);
        }
        if self.live.len() < self.target
            && let Some(index) = self.idle.pop_front()
        {
            self.flows[index as usize].open(16 + draw.below(128) as u32);
            self.live.push(index);
            return self.send(self.live.len() - 1, &mut draw);
        }
        // some flows wait for an answer; another one can surely send
        (0..16).find_map(|_| {
            let place = draw.below(self.live.len().max(1));
            (place < self.live.len()).then(|| self.send(place, &mut draw)).flatten()
        })
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        let unknown = || Contradiction::new(format!("input {} is not a packet of this scenario", sent.number()));
        let identity = Identity::of(sent.bytes()).ok_or_else(unknown)?;
        let (way, to) = match identity.kind {
            OUT => (Way::Out, OUTSIDE),
            BACK => (Way::Back, INSIDE),
            _ => {
                let what = Noise::named(identity.note);
                return Err(Contradiction::new(format!("let through what must be dropped: {what:?}")));
            }
        };
        let flow = self.flows.get_mut(identity.flow as usize).ok_or_else(unknown)?;
        if flow.generation != identity.generation {
            return contradiction(flow, "a packet came out again after the flow was finished");
        }
        let lane = flow.lane(way);
        if identity.number < lane.next {
            let next = lane.next;
            return contradiction(flow, format!("{way:?}: packet {} came out after {}", identity.number, next - 1));
        }
        if released.port() != to {
            return contradiction(flow, format!("{way:?}: came out of port {:?}", released.port()));
        }
        (lane.next, lane.arrived) = (identity.number + 1, lane.arrived + 1);
        let put_in = self.compare(identity.flow, way, sent.bytes(), released.bytes())?;
        match way {
            Way::Out => self.check_public(identity.flow, put_in)?,
            Way::Back => {
                let flow = &self.flows[identity.flow as usize];
                if put_in != flow.client {
                    return contradiction(flow, format!("a reply was delivered to {put_in}"));
                }
            }
        }
        let flow = &mut self.flows[identity.flow as usize];
        flow.heard(way);
        if flow.is_finished() {
            self.owners[flow.kind as usize][usize::from(flow.public)] = 0;
            self.idle.push_back(identity.flow);
        }
        Ok(())
    }

    fn finish(&mut self) -> Missing {
        let late = || self.flows.iter().filter(|flow| flow.outstanding() > 0);
        let examples = late().take(10).map(|flow| {
            let (out, back) = (flow.out, flow.back);
            let (a, b, c, d) = (out.sent - out.arrived, out.sent, back.sent - back.arrived, back.sent);
            format!("{}: {a} of {b} packets from inside, {c} of {d} from outside", name(flow))
        });
        Missing { packets: late().map(Flow::outstanding).sum(), examples: examples.collect() }
    }
}

fn contradiction<T>(flow: &Flow, what: impl Display) -> Result<T, Contradiction> {
    Err(Contradiction::new(format!("{}: {what}", name(flow))))
}

fn name(flow: &Flow) -> String {
    format!("{:?} {} -> {} (life {})", flow.kind, flow.client, flow.server, flow.generation)
}
