//! The NAT itself: an ordinary multi-core program on `std`'s locks and maps, plus four attributes.
//!
//! Invariants: an entry of `flows` and the entry of `reverse` that it names appear and disappear together; a public
//! port is either in the pool of its protocol or in `reverse`. Locks are taken in the order `flows`, `reverse`, `ports`.

use std::{
    collections::HashMap,
    sync::{Mutex, RwLock},
};

use ftmb::{collections::IndexPool, prelude::*, time::Instant};

mod aging;
mod config;
mod counters;
mod ethernet;
mod flow;
mod fragments;
#[path = "../../headers/mod.rs"]
mod headers;
mod translation;
mod waiting;

pub(crate) use config::{NatConfig, PortAllocation};
use counters::Counters;
use ethernet::{Arp, Mac};
use flow::{FlowKey, Inbound, Outbound, PublicKey};
use fragments::Fragments;
use headers::{Protocol, Unfit, View};

/// A network address and port translator (NAPT) for IPv4.
#[ftmb::shared]
pub(crate) struct Nat {
    #[ftmb(config)]
    config: NatConfig,
    /// The Ethernet address that the public address is at.
    #[ftmb(config)]
    mac: Mac,
    #[ftmb(config)]
    inside: PortId,
    #[ftmb(config)]
    outside: PortId,
    /// What a packet from inside needs.
    flows: RwLock<HashMap<FlowKey, Outbound>>,
    /// What a packet from outside needs.
    reverse: RwLock<HashMap<PublicKey, Inbound>>,
    /// The free public ports of each protocol.
    ports: [Mutex<IndexPool>; 3],
    /// Fragments of packets under way.
    fragments: Mutex<Fragments>,
    /// Where the search for expired flows goes on at the next tick.
    sweep: Mutex<u32>,
    count: Counters,
}

#[ftmb::middlebox]
impl Nat {
    /// A NAT between two ports, with no flows.
    pub(crate) fn new(config: NatConfig, inside: PortId, outside: PortId) -> Self {
        let pool = || Mutex::new(IndexPool::new(u32::from(config.first_port)..=u32::from(config.last_port)));
        Self {
            ports: [pool(), pool(), pool()],
            mac: config.mac.unwrap_or(Mac::made_of(config.public)),
            config,
            inside,
            outside,
            flows: RwLock::new(HashMap::new()),
            reverse: RwLock::new(HashMap::new()),
            fragments: Mutex::new(Fragments::new()),
            sweep: Mutex::new(0),
            count: Counters::new(),
        }
    }

    /// What is not IPv4 passes as it is, but for the question who has the public address: it is answered, so that what is
    /// sent there comes here.
    fn arp(&self, packet: &mut Packet<'_>) -> Verdict {
        let from_outside = packet.port() == self.outside;
        match Arp::parse(packet.bytes()) {
            Ok(arp) if from_outside && arp.asks && arp.target == self.config.public => {
                arp.answer(packet.bytes_mut(), self.mac);
                self.count.arp_answered.add(1);
                Verdict::Forward(self.outside)
            }
            Err(Unfit::Malformed) => self.refuse(Unfit::Malformed),
            _ => self.pass(packet),
        }
    }

    /// To an inside host, or the router it is behind.
    #[inline]
    fn deliver(&self, packet: &mut Packet<'_>, host: Mac) -> Verdict {
        self.readdress(packet.bytes_mut(), host);
        Verdict::Forward(self.inside)
    }

    /// What was sent to the public address was sent to the Ethernet address that goes with it; any other stays.
    #[inline]
    fn readdress(&self, frame: &mut [u8], host: Mac) {
        if Mac::destination(frame) == self.mac {
            host.put_destination(frame);
        }
    }

    /// To the other side, unchanged.
    fn pass(&self, packet: &Packet<'_>) -> Verdict {
        self.count.passed.add(1);
        Verdict::Forward(if packet.port() == self.inside { self.outside } else { self.inside })
    }

    /// Counts a packet that cannot be translated.
    fn refuse(&self, unfit: Unfit) -> Verdict {
        let counter = match unfit {
            Unfit::Malformed => &self.count.malformed,
            Unfit::Fragment => &self.count.fragments,
            Unfit::Arp | Unfit::Foreign | Unfit::Unsupported => &self.count.unsupported,
        };
        counter.add(1);
        Verdict::Drop
    }

    /// The flows that have expired among the next share of public ports.
    fn find_expired(&self, now: Instant) -> Vec<(FlowKey, u16)> {
        let first = u32::from(self.config.first_port);
        let ports = u32::from(self.config.last_port) - first + 1;
        let all = ports * Protocol::ALL.len() as u32;
        let share = all.div_ceil(self.config.sweep_ticks.max(1));
        let from = {
            let mut sweep = self.sweep.lock().unwrap();
            let from = *sweep;
            *sweep = (from + share) % all;
            from
        };
        let flows = self.flows.read().unwrap();
        let reverse = self.reverse.read().unwrap();
        let mut expired = Vec::new();
        for index in from..from + share {
            let (protocol, port) = (Protocol::ALL[(index % all / ports) as usize], (first + index % ports) as u16);
            let Some(back) = reverse.get(&PublicKey { port, protocol }) else { continue };
            let key = FlowKey { inside: back.inside, remote: back.remote, protocol };
            if let Some(out) = flows.get(&key)
                && flow::is_expired(&self.config, protocol, &out.half, &back.half, now)
            {
                expired.push((key, port));
            }
        }
        expired
    }
}
#[ftmb::middlebox]
impl Middlebox for Nat {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        match headers::parse(packet.bytes()) {
            Ok(View::Flow(head)) if packet.port() == self.inside => self.outbound(packet, &head, cx),
            Ok(View::Flow(head)) => self.inbound(packet, &head, cx.now()),
            Ok(View::Error { network, transport, end, about }) => self.error(packet, (network, transport, end), &about),
            Err(Unfit::Arp) => self.arp(packet),
            Err(Unfit::Foreign) if self.config.pass_other => self.pass(packet),
            Err(Unfit::Fragment) => self.fragment(packet, cx),
            Err(unfit) => self.refuse(unfit),
        }
    }

    /// Every core has ticks; the first one looks for expired flows, a bounded share each time.
    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() != 0 {
            return;
        }
        let now = cx.now();
        self.expire_fragments(now);
        let candidates = self.find_expired(now);
        if candidates.is_empty() {
            return;
        }
        let mut flows = self.flows.write().unwrap();
        let mut reverse = self.reverse.write().unwrap();
        for (key, port) in candidates {
            let public = PublicKey { port, protocol: key.protocol };
            // a packet may have come in between
            let (Some(out), Some(back)) = (flows.get(&key), reverse.get(&public)) else { continue };
            if flow::is_expired(&self.config, key.protocol, &out.half, &back.half, now) {
                flows.remove(&key);
                reverse.remove(&public);
                self.ports[key.protocol as usize].lock().unwrap().put(u32::from(port)).unwrap();
                self.count.expired.add(1);
            }
        }
    }

    fn report(&self, metrics: &mut Metrics) {
        self.count.report(metrics);
    }
}
