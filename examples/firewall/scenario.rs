//! What `demo` sends through the firewall, and how it checks what comes out.
//!
//! A thousand flows at a time: most are opened by inside hosts, a quarter by outside ones to the servers that the rules
//! publish. What must be true of every flow is in `traffic/flows.rs`: none is cut, nothing comes twice. Here it is
//! added that a packet comes out as it went in, and that one packet in twenty, which the rules or the state of its flow
//! forbid, does not.
//!
//! Invariant: what is sent to be dropped is to be dropped whenever it arrives, however late.

use std::net::{Ipv4Addr, SocketAddrV4};

use ftmb::prelude::*;

use crate::traffic::{
    Damage, Draw, Flow, Flows, Headers, Identity, Kind, NOISE, Transport, Way, contradiction, identify,
};

/// Why a packet must be dropped; the discriminant is what its identity says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noise {
    /// Mail that does not come from the relay.
    Mail,
    /// A connection from outside to a host that offers nothing.
    Intruder,
    /// One to the web server, but to another port.
    ClosedPort,
    /// One from the server of a live connection to the client's end of it.
    CallBack,
    /// A datagram from outside that answers nothing.
    Datagram,
    /// An echo reply from outside that nobody asked for.
    Reply,
    /// A TCP segment from inside that belongs to nothing.
    MidStream,
    /// A grant that nobody asked for.
    Grant,
    /// From the server of a live flow, but another port of it.
    WrongPort,
    /// More of a connection that was reset, from either side.
    AfterReset,
    /// A flow's packet, broken.
    Damaged,
}

const NOISES: [Noise; 11] = [
    Noise::Mail,
    Noise::Intruder,
    Noise::ClosedPort,
    Noise::CallBack,
    Noise::Datagram,
    Noise::Reply,
    Noise::MidStream,
    Noise::Grant,
    Noise::WrongPort,
    Noise::AfterReset,
    Noise::Damaged,
];

const INSIDE: PortId = PortId(0);
const OUTSIDE: PortId = PortId(1);

const SYN: Transport = Transport::Tcp { seq: 1, ack: None, syn: true, fin: false, rst: false };
const GRANT: Transport = Transport::Tcp { seq: 1, ack: Some(2), syn: true, fin: false, rst: false };
const DATA: Transport = Transport::Tcp { seq: 2, ack: Some(2), syn: false, fin: false, rst: false };
const DATAGRAM: Transport = Transport::Udp { checked: true };

/// Flows through a firewall with the rules that it has by default.
#[derive(Clone, Debug)]
pub(crate) struct FirewallScenario {
    flows: Flows,
    noise: u32,
}

impl Default for FirewallScenario {
    fn default() -> Self {
        Self { flows: Flows::new((0..48_000).map(flow).collect(), 1024), noise: 0 }
    }
}

/// The `index`-th flow of all.
fn flow(index: u32) -> Flow {
    let typical = Flow::typical(index);
    if !index.is_multiple_of(4) {
        return typical;
    }
    let client = Ipv4Addr::from_bits(typical.client.ip().to_bits() - 0x0a00_0000 + 0x6440_0000);
    let client = SocketAddrV4::new(client, typical.client.port());
    let (kind, server) = match index.is_multiple_of(8) {
        true => (Kind::Tcp, SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 1), 443)),
        false => (Kind::Udp, SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), 53)),
    };
    Flow::new(kind, OUTSIDE, client, server, typical.vlan)
}

impl Noise {
    /// Where such a packet goes in, and its headers, given a live flow of an inside host, and perhaps one that was reset.
    fn headers(self, live: &Flow, reset: Option<&Flow>, draw: &mut Draw) -> Option<(PortId, Headers)> {
        // addresses of their own: no flow uses them
        let stranger = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 66), 7777);
        let loner = SocketAddrV4::new(Ipv4Addr::new(10, 255, 0, 1), 7777);
        let (client, server) = (live.client, live.server);
        let web = |port| SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 1), port);
        let (port, source, destination, transport) = match self {
            Self::Mail => (INSIDE, loner, SocketAddrV4::new(*server.ip(), 25), SYN),
            Self::Intruder => (OUTSIDE, stranger, client, SYN),
            Self::ClosedPort => (OUTSIDE, stranger, web(80), SYN),
            Self::CallBack => (OUTSIDE, server, client, SYN),
            Self::Datagram => (OUTSIDE, stranger, client, DATAGRAM),
            Self::Reply => (OUTSIDE, stranger, loner, Transport::Echo { reply: true, seq: 0 }),
            Self::MidStream => (INSIDE, loner, server, DATA),
            Self::Grant => (OUTSIDE, stranger, loner, GRANT),
            Self::WrongPort => (OUTSIDE, SocketAddrV4::new(*server.ip(), 7777), client, DATA),
            Self::AfterReset => {
                let flow = reset?;
                let way = if draw.below(2) == 0 { Way::Out } else { Way::Back };
                return Some((flow.entry(way), flow.headers(way, DATA)));
            }
            Self::Damaged => (INSIDE, client, server, DATAGRAM),
        };
        Some((port, Headers { vlan: live.vlan, source, destination, transport }))
    }
}

impl FirewallScenario {
    fn make_noise(&mut self, draw: &mut Draw) -> Option<(PortId, Vec<u8>)> {
        let live = self.flows.any_live(draw).filter(|flow| flow.port == INSIDE)?;
        let noise = NOISES[draw.below(NOISES.len())];
        let (port, headers) = noise.headers(live, self.flows.any_reset(), draw)?;
        self.noise += 1;
        let identity = Identity { number: self.noise, note: noise as u64, kind: NOISE, ..Identity::default() };
        let mut frame = headers.frame(&[], draw.payload(), &identity);
        if noise == Noise::Damaged {
            Damage::pick(draw).apply(&mut frame, headers.offsets(), draw);
        }
        Some((port, frame))
    }
}

impl Scenario for FirewallScenario {
    fn ports(&self) -> Vec<String> {
        vec!["inside".into(), "outside".into()]
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        let mut draw = Draw::new(rng);
        if draw.below(20) == 0
            && let Some(packet) = self.make_noise(&mut draw)
        {
            return Some(packet);
        }
        self.flows.next(&mut draw)
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        let identity = identify(sent, &NOISES)?;
        let arrival = self.flows.observe(&identity, sent, released)?;
        match released.bytes() == sent.bytes() {
            true => Ok(()),
            false => contradiction(self.flows.flow(arrival.index), "came out with other bytes"),
        }
    }

    fn finish(&mut self) -> Missing {
        self.flows.missing()
    }
}
