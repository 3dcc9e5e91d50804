//! What `demo` sends through the load balancer, and how it checks what comes out.
//!
//! A thousand connections to the service at a time. What must be true of every one is in `traffic/flows.rs`: the server
//! sees the same two endpoints from the first packet to the last, so a connection that is given to another backend is
//! noticed at once; and the client hears the service and nobody else. Here it is added that the server sees the
//! client's own address, and that one packet in thirty, which belongs to no connection, does not come out.
//!
//! The scenario does not know which backends there are: they may come and go meanwhile.
//!
//! Invariant: what is sent to be dropped is to be dropped whenever it arrives, however late.

use std::net::{Ipv4Addr, SocketAddrV4};

use ftmb::prelude::*;

use crate::traffic::{Damage, Draw, Flow, Flows, Headers, Identity, Kind, NOISE, Transport, contradiction, identify};

/// Why a packet must be dropped; the discriminant is what its identity says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noise {
    /// A connection to the service's address, but another port.
    OtherPort,
    /// A connection to another address.
    OtherHost,
    /// A TCP segment to the service that belongs to nothing.
    MidStream,
    /// An echo request to the service.
    Ping,
    /// To a live connection's client, from a host that is not its backend.
    Stranger,
    /// The same from its backend, but another port of it.
    WrongPort,
    /// From a backend to a host that has no connection.
    Unasked,
    /// A connection's packet, broken.
    Damaged,
}

const NOISES: [Noise; 8] = [
    Noise::OtherPort,
    Noise::OtherHost,
    Noise::MidStream,
    Noise::Ping,
    Noise::Stranger,
    Noise::WrongPort,
    Noise::Unasked,
    Noise::Damaged,
];

const CLIENTS: PortId = PortId(0);
const SERVERS: PortId = PortId(1);

/// The service of the configuration by default.
const SERVICE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 10), 443);

const SYN: Transport = Transport::Tcp { seq: 1, ack: None, syn: true, fin: false, rst: false };
const DATA: Transport = Transport::Tcp { seq: 2, ack: Some(2), syn: false, fin: false, rst: false };
const DATAGRAM: Transport = Transport::Udp { checked: true };

/// Connections to the service that the balancer has by default.
#[derive(Clone, Debug)]
pub(crate) struct BalancerScenario {
    flows: Flows,
    noise: u32,
}

impl Default for BalancerScenario {
    fn default() -> Self {
        Self { flows: Flows::new((0..48_000).map(connection).collect(), 1024), noise: 0 }
    }
}

/// The `index`-th connection of all.
fn connection(index: u32) -> Flow {
    let typical = Flow::typical(index);
    let kind = if typical.kind == Kind::Tcp { Kind::Tcp } else { Kind::Udp };
    Flow::new(kind, CLIENTS, typical.client, SERVICE, typical.vlan)
}

impl Noise {
    /// Where such a packet goes in, and its headers, given a live connection.
    fn headers(self, live: &Flow) -> Option<(PortId, Headers)> {
        let (_, backend) = live.seen?;
        // addresses of their own: no connection uses them
        let stranger = SocketAddrV4::new(Ipv4Addr::new(10, 1, 255, 66), backend.port());
        let loner = SocketAddrV4::new(Ipv4Addr::new(10, 255, 0, 1), 7777);
        let transport = if live.kind == Kind::Tcp { DATA } else { DATAGRAM };
        let other_host = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 11), SERVICE.port());
        let (port, source, destination, transport) = match self {
            Self::OtherPort => (CLIENTS, loner, SocketAddrV4::new(*SERVICE.ip(), 80), SYN),
            Self::OtherHost => (CLIENTS, loner, other_host, DATAGRAM),
            Self::MidStream => (CLIENTS, loner, SERVICE, DATA),
            Self::Ping => (CLIENTS, loner, SERVICE, Transport::Echo { reply: false, seq: 0 }),
            Self::Stranger => (SERVERS, stranger, live.client, transport),
            Self::WrongPort => (SERVERS, SocketAddrV4::new(*backend.ip(), 7777), live.client, transport),
            Self::Unasked => (SERVERS, backend, loner, transport),
            Self::Damaged => (CLIENTS, live.client, SERVICE, transport),
        };
        Some((port, Headers { vlan: live.vlan, source, destination, transport }))
    }
}

impl BalancerScenario {
    fn make_noise(&mut self, draw: &mut Draw) -> Option<(PortId, Vec<u8>)> {
        let noise = NOISES[draw.below(NOISES.len())];
        let (port, headers) = noise.headers(self.flows.any_live(draw)?)?;
        self.noise += 1;
        let identity = Identity { number: self.noise, note: noise as u64, kind: NOISE, ..Identity::default() };
        let mut frame = headers.frame(&[], draw.payload(), &identity);
        if noise == Noise::Damaged {
            Damage::pick(draw).apply(&mut frame, headers.offsets(), draw);
        }
        Some((port, frame))
    }
}

impl Scenario for BalancerScenario {
    fn ports(&self) -> Vec<String> {
        vec!["clients".into(), "servers".into()]
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        let mut draw = Draw::new(rng);
        if draw.below(30) == 0
            && let Some(packet) = self.make_noise(&mut draw)
        {
            return Some(packet);
        }
        self.flows.next(&mut draw)
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        let identity = identify(sent, &NOISES)?;
        let arrival = self.flows.observe(&identity, sent, released)?;
        let flow = self.flows.flow(arrival.index);
        match flow.seen {
            Some((client, backend)) if client == flow.client && backend != SERVICE => Ok(()),
            seen => contradiction(flow, format!("came out as {seen:?}")),
        }
    }

    fn finish(&mut self) -> Missing {
        self.flows.missing()
    }
}
