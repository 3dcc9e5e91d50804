//! One flow of a scenario, from its first packet to its last.
//!
//! Invariant: per direction (a [`Lane`]), `arrived <= next <= sent`; a flow is finished once it is done and every packet
//! it sent has come out.

use std::net::{Ipv4Addr, SocketAddrV4};

use ftmb::prelude::PortId;

use super::{Headers, Transport};

/// How far the flow is. What a TCP side says next waits for what it has heard, as in real life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// TCP: nothing sent yet; then the client's SYN was sent, then seen outside; the answer was sent, then seen inside.
    Fresh,
    SynSent,
    SynSeen,
    AnswerSent,
    AnswerSeen,
    /// Packets flow both ways.
    Open,
    /// TCP: the client's FIN was sent, then seen outside; the server's was sent, then seen inside.
    FinSent,
    FinSeen,
    LastSent,
    LastSeen,
    /// Nothing more is sent.
    Done,
}

/// The transport protocol of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tcp,
    Udp,
    Echo,
}

/// One direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the client, which opens the flow, to its server.
    Out,
    /// Back.
    Back,
}

/// The packets of one direction of a flow.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lane {
    /// How many were sent; the number of the next one to send.
    pub(crate) sent: u32,
    /// The number of the next one to come out.
    pub(crate) next: u32,
    /// How many came out.
    pub(crate) arrived: u32,
    /// TCP: the next sequence number.
    pub(crate) seq: u32,
}

/// A flow: its endpoints never change, the rest starts anew each time it is opened.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) kind: Kind,
    pub(crate) client: SocketAddrV4,
    /// As the client knows it.
    pub(crate) server: SocketAddrV4,
    pub(crate) vlan: Option<u16>,
    /// The port of the middlebox, 0 or 1, that the client is at; the server is at the other one.
    pub(crate) port: PortId,
    pub(crate) generation: u32,
    pub(crate) stage: Stage,
    /// Client and server as the server knows them, once a packet has come out to it.
    pub(crate) seen: Option<(SocketAddrV4, SocketAddrV4)>,
    /// TCP: its last life was ended by a reset.
    pub(crate) reset: bool,
    /// Packets still to send while open.
    remaining: u32,
    pub(crate) out: Lane,
    pub(crate) back: Lane,
}

/// What a flow sends next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) way: Way,
    pub(crate) headers: Headers,
}

impl Flow {
    /// The `index`-th flow of all, from a host at port 0 to a service somewhere; no two have the same endpoints.
    pub(crate) fn typical(index: u32) -> Self {
        let kind = match index % 20 {
            0..10 => Kind::Tcp,
            10..18 => Kind::Udp,
            _ => Kind::Echo,
        };
        // 16k clients; each goes on to another port with its next flow
        let client = Ipv4Addr::from_bits(0x0a00_0001 + index % 16_384);
        let port = 1024 + (index / 16_384 * 977 + index % 7919) as u16 % 60_000;
        let server = Ipv4Addr::from_bits(0xcb00_7101 + index.wrapping_mul(0x9e37_79b1) % 253);
        let service = match kind {
            Kind::Tcp => [80, 443, 22, 5222][index as usize % 4],
            Kind::Udp => [53, 123, 443, 4500][index as usize % 4],
            Kind::Echo => 0,
        };
        let vlan = index.is_multiple_of(16).then_some(100 + (index / 16 % 8) as u16);
        Self::new(kind, PortId(0), SocketAddrV4::new(client, port), SocketAddrV4::new(server, service), vlan)
    }

    /// A flow that has not been opened yet.
    pub(crate) fn new(kind: Kind, port: PortId, client: SocketAddrV4, server: SocketAddrV4, vlan: Option<u16>) -> Self {
        Self {
            kind,
            client,
            server,
            vlan,
            port,
            generation: 0,
            stage: Stage::Done,
            seen: None,
            reset: false,
            remaining: 0,
            out: Lane::default(),
            back: Lane::default(),
        }
    }

    /// Begins the flow's next life, in which it sends about `packets`.
    pub(crate) fn open(&mut self, packets: u32) {
        self.generation += 1;
        self.stage = if self.kind == Kind::Tcp { Stage::Fresh } else { Stage::Open };
        self.seen = None;
        self.reset = false;
        self.remaining = packets.max(1);
        self.out = Lane { seq: self.generation.wrapping_mul(0x0100_0193), ..Lane::default() };
        self.back = Lane { seq: self.generation.wrapping_mul(0x85eb_ca6b), ..Lane::default() };
    }

    /// What the flow sends next, if it need not wait. `back` asks for a packet of the server, if one is possible.
    pub(crate) fn step(&mut self, back: bool, payload: usize) -> Option<Step> {
        let plain = |fin, rst| (false, fin, rst);
        let (way, (syn, fin, rst), stage) = match self.stage {
            Stage::Fresh => (Way::Out, (true, false, false), Stage::SynSent),
            Stage::SynSeen => (Way::Back, (true, false, false), Stage::AnswerSent),
            Stage::AnswerSeen => (Way::Out, plain(false, false), Stage::Open),
            Stage::Open if self.remaining == 0 => match self.kind {
                // one connection in four is reset, the others are closed
                Kind::Tcp if self.generation.wrapping_add(self.out.seq).is_multiple_of(4) => {
                    (Way::Out, plain(false, true), Stage::Done)
                }
                Kind::Tcp => (Way::Out, plain(true, false), Stage::FinSent),
                Kind::Udp | Kind::Echo => (Way::Out, plain(false, false), Stage::Done),
            },
            Stage::Open => {
                self.remaining -= 1;
                let answers = match self.kind {
                    Kind::Echo => self.back.sent < self.out.arrived,
                    Kind::Tcp | Kind::Udp => self.seen.is_some(),
                };
                (if back && answers { Way::Back } else { Way::Out }, plain(false, false), Stage::Open)
            }
            Stage::FinSeen => (Way::Back, plain(true, false), Stage::LastSent),
            Stage::LastSeen => (Way::Out, plain(false, false), Stage::Done),
            Stage::SynSent | Stage::AnswerSent | Stage::FinSent | Stage::LastSent | Stage::Done => return None,
        };
        self.stage = stage;
        self.reset |= rst;
        let (mine, other) = match way {
            Way::Out => (self.out, self.back),
            Way::Back => (self.back, self.out),
        };
        let transport = match self.kind {
            Kind::Tcp => {
                let first = syn && way == Way::Out;
                Transport::Tcp { seq: mine.seq, ack: (!first).then_some(other.seq), syn, fin, rst }
            }
            Kind::Udp => Transport::Udp { checked: !self.generation.is_multiple_of(5) },
            Kind::Echo => Transport::Echo { reply: way == Way::Back, seq: mine.sent as u16 },
        };
        let lane = self.lane(way);
        lane.sent += 1;
        lane.seq = lane.seq.wrapping_add(payload as u32 + u32::from(syn) + u32::from(fin));
        Some(Step { way, headers: self.headers(way, transport) })
    }

    /// The headers of a packet as it is sent: the server knows only what it has seen.
    pub(crate) fn headers(&self, way: Way, transport: Transport) -> Headers {
        let (source, destination) = match (way, self.seen) {
            (Way::Back, Some((client, server))) => (server, client),
            (Way::Back, None) => (self.server, self.client),
            (Way::Out, _) => (self.client, self.server),
        };
        Headers { vlan: self.vlan, source, destination, transport }
    }

    /// The port of the middlebox where packets of this direction go in.
    pub(crate) fn entry(&self, way: Way) -> PortId {
        match way {
            Way::Out => self.port,
            Way::Back => PortId(1 - self.port.0),
        }
    }

    /// A packet has come out: the side that received it may go on.
    pub(crate) fn heard(&mut self, way: Way) {
        self.stage = match (self.stage, way) {
            (Stage::SynSent, Way::Out) => Stage::SynSeen,
            (Stage::AnswerSent, Way::Back) => Stage::AnswerSeen,
            // what was sent before the FIN comes out before it
            (Stage::FinSent, Way::Out) if self.out.next == self.out.sent => Stage::FinSeen,
            (Stage::LastSent, Way::Back) if self.back.next == self.back.sent => Stage::LastSeen,
            (stage, _) => stage,
        };
    }

    /// The lane of one direction.
    pub(crate) fn lane(&mut self, way: Way) -> &mut Lane {
        match way {
            Way::Out => &mut self.out,
            Way::Back => &mut self.back,
        }
    }

    /// Whether nothing more is sent and all that was has come out.
    pub(crate) fn is_finished(&self) -> bool {
        self.stage == Stage::Done && self.out.arrived == self.out.sent && self.back.arrived == self.back.sent
    }

    /// Packets sent that have not come out.
    pub(crate) fn outstanding(&self) -> u64 {
        u64::from(self.out.sent - self.out.arrived) + u64::from(self.back.sent - self.back.arrived)
    }
}
