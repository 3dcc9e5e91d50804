//! Packets that a NAT must not let through.
//!
//! Invariant: none of them can be mistaken for a packet of a flow, whatever the flows are at that moment.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::traffic::{Damage, Draw, Flow, Headers, Identity, Kind, Transport, Way, fragments};

/// Why a packet must be dropped; the discriminant is what its identity says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noise {
    /// From outside, to a public port, from a host that nobody inside talks to.
    Stranger,
    /// From outside, to a flow's public port, from the right host but another port.
    WrongPort,
    /// TCP from inside that belongs to no connection.
    MidStream,
    /// An echo reply that nobody asked for.
    Reply,
    /// A fragment of a packet whose first one never comes.
    Orphan,
    /// A flow's packet, broken.
    Damaged,
}

impl Noise {
    const ALL: [Self; 6] = [Self::Stranger, Self::WrongPort, Self::MidStream, Self::Reply, Self::Orphan, Self::Damaged];

    /// Any of them.
    pub(crate) fn pick(draw: &mut Draw) -> Self {
        Self::ALL[draw.below(Self::ALL.len())]
    }

    /// What `number` in an identity stands for.
    pub(crate) fn named(number: u64) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// The direction and the bytes of such a packet; `flow` is one that is live just now. `translates`: fragments of flows are
    /// translated, not dropped.
    pub(crate) fn packet(
        self,
        flow: &Flow,
        public: Ipv4Addr,
        translates: bool,
        identity: &Identity,
        draw: &mut Draw,
    ) -> (Way, Vec<u8>) {
        let (way, headers) = self.headers(flow, public, draw);
        let at = headers.offsets();
        let mut frame = headers.frame(&[], draw.payload(), identity);
        match self {
            Self::Damaged => {
                let damages = [Damage::Checksum, Damage::Length, Damage::Fragment];
                let possible = damages.len() - usize::from(translates);
                Damage::any_of(&damages[..possible], draw).apply(&mut frame, at, draw);
            }
            Self::Orphan => {
                let (number, more) = (draw.below(1 << 16) as u16, draw.below(2) == 0);
                frame.truncate(at.payload);
                frame.resize(at.payload.next_multiple_of(8) + 8 * draw.below(100), 0);
                frame.truncate(frame.len() - (frame.len() - at.transport) % 8);
                frame.extend_from_slice(&identity.to_bytes());
                fragments::mark(&mut frame, at, number, 8 * (3 + draw.below(1000)), more);
            }
            _ => {}
        }
        (way, frame)
    }

    fn headers(self, flow: &Flow, public: Ipv4Addr, draw: &mut Draw) -> (Way, Headers) {
        let data = Transport::Tcp { seq: 1, ack: Some(1), syn: false, fin: false, rst: false };
        let plain = match flow.kind {
            Kind::Tcp => data,
            Kind::Udp => Transport::Udp { checked: true },
            Kind::Echo => Transport::Echo { reply: false, seq: 0 },
        };
        // addresses of their own: no flow uses them
        let stranger = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 66), 7777);
        let loner = SocketAddrV4::new(Ipv4Addr::new(10, 255, 0, 1), 7777);
        let vlan = flow.vlan;
        match self {
            Self::Stranger | Self::Orphan => {
                let destination = SocketAddrV4::new(public, 1024 + draw.below(64_000) as u16);
                let transport = if flow.kind == Kind::Tcp { data } else { Transport::Udp { checked: true } };
                (Way::Back, Headers { vlan, source: stranger, destination, transport })
            }
            Self::WrongPort => {
                let source = SocketAddrV4::new(*flow.server.ip(), 7777);
                let port = flow.seen.map_or(0, |(client, _)| client.port());
                let transport = if flow.kind == Kind::Tcp { data } else { Transport::Udp { checked: true } };
                (Way::Back, Headers { vlan, source, destination: SocketAddrV4::new(public, port), transport })
            }
            Self::MidStream => (Way::Out, Headers { vlan, source: loner, destination: flow.server, transport: data }),
            Self::Reply => {
                let transport = Transport::Echo { reply: true, seq: 0 };
                (Way::Out, Headers { vlan, source: loner, destination: flow.server, transport })
            }
            Self::Damaged => (Way::Out, flow.headers(Way::Out, plain)),
        }
    }
}
