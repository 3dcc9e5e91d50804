//! What `demo` sends through the NAT, and how it checks what comes out.
//!
//! A thousand hosts talk at a time. Their flows open, talk both ways, and close; a server answers to the public
//! endpoint it has seen, and only once it has seen it. Some packets come in fragments, also in the wrong order, if the NAT is one
//! that translates them. A packet in fifty is one that a NAT must drop. The outside asks for the public address by ARP; if somebody answers, it sends there from then on, and the packets must find their hosts.
//!
//! What must be true of every flow is in `traffic/flows.rs`. Here it is added that only the client's endpoint may change,
//! that all flows share one public address, and that no two live flows have the same public port. A NAT that forgets a
//! flow when it is killed, or translates it anew, cannot pass: the replies that are under way would find nobody.
//!
//! Invariant: a public port has an owner from the moment that a packet leaves with it until its flow is finished.

use std::net::Ipv4Addr;

use ftmb::prelude::*;

use crate::traffic::{
    Draw, Flow, Flows, Identity, NOISE, Way,
    arp::{self, Mac},
    contradiction,
};

mod fragments;
mod noise;

use fragments::{FRAGMENT, Fragmented};
use noise::Noise;

/// Traffic of many inside hosts through a NAT, which translates fragments or drops them.
#[derive(Clone, Debug)]
pub(crate) struct Traffic<const FRAGMENTS: bool> {
    flows: Flows,
    fragmented: Fragmented,
    /// The address that all public endpoints share, once one has come out.
    public: Option<Ipv4Addr>,
    /// Per protocol and public port: the flow that has it, plus 1.
    owners: [Vec<u32>; 3],
    noise: u32,
    /// Whether the outside has asked for the public address.
    asked: bool,
    /// What it was told.
    gateway: Option<Mac>,
}

/// `kind` of an identity: the question for the public address.
const QUESTION: u8 = NOISE + 1;
/// Who asks.
const ASKER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 254);
const OUTSIDE: PortId = PortId(1);
const QUESTION_ITSELF: Identity = Identity { flow: 0, generation: 0, number: 0, note: 0, kind: QUESTION };

impl<const FRAGMENTS: bool> Default for Traffic<FRAGMENTS> {
    fn default() -> Self {
        Self::new(1024, 48_000)
    }
}

impl<const FRAGMENTS: bool> Traffic<FRAGMENTS> {
    /// Traffic with `live` flows at a time out of `flows` in all, which should be fewer than there are public ports.
    pub(crate) fn new(live: usize, flows: u32) -> Self {
        Self {
            flows: Flows::new((0..flows).map(Flow::typical).collect(), live),
            fragmented: Fragmented::default(),
            public: None,
            owners: std::array::from_fn(|_| vec![0; 1 << 16]),
            noise: 0,
            asked: false,
            gateway: None,
        }
    }

    /// Asks for the public address, once it is known.
    fn ask(&mut self) -> Option<(PortId, Vec<u8>)> {
        let public = self.public.filter(|_| !self.asked)?;
        self.asked = true;
        Some((OUTSIDE, arp::request(ASKER, public, &QUESTION_ITSELF)))
    }

    /// Checks who has the public address.
    fn check_answer(&mut self, released: &Frame) -> Result<(), Contradiction> {
        let contradiction = |what: &str| Err(Contradiction::new(format!("who has the public address: {what}")));
        let (Some(public), Some(&mac)) = (self.public, released.bytes().get(6..).and_then(|rest| rest.first_chunk()))
        else {
            return contradiction("nobody asked");
        };
        if released.port() != OUTSIDE {
            return contradiction("the question was passed on");
        }
        if released.bytes() != arp::reply((mac, public), (arp::mac(ASKER), ASKER), &QUESTION_ITSELF) {
            return contradiction("that is no answer");
        }
        if self.gateway.replace(mac).is_some() {
            return contradiction("it was answered twice");
        }
        self.flows.answer_to(mac);
        Ok(())
    }

    fn make_noise(&mut self, draw: &mut Draw) -> Option<(PortId, Vec<u8>)> {
        let flow = self.flows.any_live(draw)?;
        let noise = Noise::pick(draw);
        self.noise += 1;
        let identity = Identity { number: self.noise, note: noise as u64, kind: NOISE, ..Identity::default() };
        let (way, frame) = noise.packet(flow, self.public?, FRAGMENTS, &identity, draw);
        Some((flow.entry(way), frame))
    }

    /// Checks the endpoint that was put into a packet from inside, or takes note of it if it is the flow's first.
    fn check_public(&mut self, index: u32) -> Result<(), Contradiction> {
        let flow = self.flows.flow(index);
        let Some((seen, destination)) = flow.seen else { return contradiction(flow, "came out, and nobody saw it") };
        if destination != flow.server {
            return contradiction(flow, format!("left to {destination}"));
        }
        let public = *self.public.get_or_insert(*seen.ip());
        if *seen.ip() != public {
            return contradiction(flow, format!("left as {seen}, all else as {public}"));
        }
        let owner = &mut self.owners[flow.kind as usize][usize::from(seen.port())];
        if *owner != 0 && *owner != index + 1 {
            return contradiction(flow, format!("left as {seen}, which another live flow has"));
        }
        *owner = index + 1;
        Ok(())
    }
}

impl<const FRAGMENTS: bool> Scenario for Traffic<FRAGMENTS> {
    fn ports(&self) -> Vec<String> {
        vec!["inside".into(), "outside".into()]
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        let mut draw = Draw::new(rng);
        if let Some(question) = self.ask() {
            return Some(question);
        }
        if draw.below(50) == 0
            && let Some(packet) = self.make_noise(&mut draw)
        {
            return Some(packet);
        }
        if FRAGMENTS && draw.below(8) == 0 {
            // what is under way comes between other packets
            if let Some(fragment) = self.fragmented.next() {
                return Some(fragment);
            }
            if draw.below(4) == 0
                && let Some(flow) = self.flows.any_live(&mut draw)
            {
                self.fragmented.add(flow, self.gateway, &mut draw);
            }
        }
        self.flows.next(&mut draw)
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        let unknown = || Contradiction::new(format!("input {} is not a packet of this scenario", sent.number()));
        let identity = Identity::of(sent.bytes()).ok_or_else(unknown)?;
        if identity.kind == QUESTION {
            return self.check_answer(released);
        }
        if identity.kind == FRAGMENT {
            return self.fragmented.observe(&identity, released);
        }
        if identity.kind >= NOISE {
            let what = Noise::named(identity.note);
            return Err(Contradiction::new(format!("let through what must be dropped: {what:?}")));
        }
        let arrival = self.flows.observe(&identity, sent, released)?;
        if arrival.way == Way::Out {
            self.check_public(arrival.index)?;
        }
        if arrival.last {
            let flow = self.flows.flow(arrival.index);
            let public = flow.seen.map_or(0, |(client, _)| client.port());
            self.owners[flow.kind as usize][usize::from(public)] = 0;
        }
        Ok(())
    }

    fn finish(&mut self) -> Missing {
        let mut missing = self.flows.missing();
        missing.packets += self.fragmented.missing();
        missing
    }
}
