//! The NAT itself: an ordinary multi-core program on `std`'s locks and maps, plus four attributes.
//!
//! Invariants: an entry of `flows` and the entry of `reverse` that it names appear and disappear together; a public
//! port is either in the pool of its protocol or in `reverse`. Locks are taken in the order `flows`, `reverse`, `ports`.

use std::{
    collections::HashMap,
    sync::{Mutex, RwLock},
};

use ftmb::{collections::IndexPool, prelude::*, time::Instant};

mod config;
mod flow;
#[path = "../../headers/mod.rs"]
mod headers;

pub(crate) use config::NatConfig;
use flow::{FlowKey, Half, Inbound, Outbound, PublicKey};
use headers::{
    Endpoint, Head, Protocol, Unfit, View,
    rewrite::{self, Side},
};

/// A network address and port translator (NAPT) for IPv4.
#[ftmb::shared]
pub(crate) struct Nat {
    #[ftmb(config)]
    config: NatConfig,
    #[ftmb(config)]
    inside: PortId,
    #[ftmb(config)]
    outside: PortId,
    /// What a packet from inside needs.
    flows: RwLock<HashMap<FlowKey, Outbound>>,
    /// What a packet from outside needs.
    reverse: RwLock<HashMap<PublicKey, Inbound>>,
    /// The free public ports of each protocol; the one that was given back first is taken first.
    ports: [Mutex<IndexPool>; 3],
    /// Where the search for expired flows goes on at the next tick.
    sweep: Mutex<u32>,
    translated: Counter,
    opened: Counter,
    expired: Counter,
    errors_translated: Counter,
    unsolicited: Counter,
    unopened: Counter,
    out_of_ports: Counter,
    fragments: Counter,
    malformed: Counter,
    unsupported: Counter,
}

#[ftmb::middlebox]
impl Nat {
    /// A NAT between two ports, with no flows.
    pub(crate) fn new(config: NatConfig, inside: PortId, outside: PortId) -> Self {
        let pool = || Mutex::new(IndexPool::new(u32::from(config.first_port)..=u32::from(config.last_port)));
        Self {
            ports: [pool(), pool(), pool()],
            config,
            inside,
            outside,
            flows: RwLock::new(HashMap::new()),
            reverse: RwLock::new(HashMap::new()),
            sweep: Mutex::new(0),
            translated: Counter::new(),
            opened: Counter::new(),
            expired: Counter::new(),
            errors_translated: Counter::new(),
            unsolicited: Counter::new(),
            unopened: Counter::new(),
            out_of_ports: Counter::new(),
            fragments: Counter::new(),
            malformed: Counter::new(),
            unsupported: Counter::new(),
        }
    }

    /// From inside to outside: the source becomes the flow's public endpoint.
    fn outbound(&self, packet: &mut Packet<'_>, head: &Head, now: Instant) -> Verdict {
        let key = FlowKey { inside: head.source, remote: head.destination, protocol: head.protocol };
        // the common path: one shared lookup; the guard is gone at the end of the statement
        let known = self.flows.read().unwrap().get(&key).copied();
        let admitted = match known {
            Some(flow) if !flow.half.is_news(now, head.flags) && !head.is_syn() => Ok(flow.public),
            _ => self.admit(key, head, now),
        };
        let port = match admitted {
            Ok(port) => port,
            Err(counter) => {
                counter.add(1);
                return Verdict::Drop;
            }
        };
        let public = Endpoint { address: self.config.public, port };
        rewrite::endpoint(packet, head, Side::Source, public);
        self.translated.add(1);
        Verdict::Forward(self.outside)
    }

    /// From outside to inside: the destination becomes the inside host, if the packet comes from the very address and
    /// port that this host talks to.
    fn inbound(&self, packet: &mut Packet<'_>, head: &Head, now: Instant) -> Verdict {
        let key = PublicKey { port: head.destination.port, protocol: head.protocol };
        let known = self.reverse.read().unwrap().get(&key).copied();
        let flow = match known {
            Some(flow) if flow.remote == head.source && head.destination.address == self.config.public => flow,
            _ => {
                self.unsolicited.add(1);
                return Verdict::Drop;
            }
        };
        if flow.half.is_news(now, head.flags)
            && let Some(flow) = self.reverse.write().unwrap().get_mut(&key)
        {
            flow.half.note(now, head.flags);
        }
        rewrite::endpoint(packet, head, Side::Destination, flow.inside);
        self.translated.add(1);
        Verdict::Forward(self.inside)
    }

    /// Takes note of a packet from inside that says something new: a flow begins, goes on, or begins again. Returns its
    /// public port, or what to count if the packet may not pass.
    fn admit(&self, key: FlowKey, head: &Head, now: Instant) -> Result<u16, &Counter> {
        let mut flows = self.flows.write().unwrap();
        // looked up again: what the shared lookup saw may have changed since
        if let Some(flow) = flows.get_mut(&key) {
            if head.is_syn()
                && let Some(back) = self.reverse.write().unwrap().get_mut(&flow.public_key(key.protocol))
                && flow::is_over(&flow.half, &back.half)
            {
                // the same ports, a new connection: it keeps the public port
                flow.half = Half::new(now, 0);
                back.half = Half::new(now, 0);
            }
            flow.half.note(now, head.flags);
            return Ok(flow.public);
        }
        if !head.opens {
            return Err(&self.unopened);
        }
        let mut reverse = self.reverse.write().unwrap();
        let Some(port) = self.ports[key.protocol as usize].lock().unwrap().take() else {
            return Err(&self.out_of_ports);
        };
        let flow = Outbound { public: port as u16, half: Half::new(now, head.flags) };
        let back = Inbound { inside: key.inside, remote: key.remote, half: Half::new(now, 0) };
        reverse.insert(flow.public_key(key.protocol), back);
        flows.insert(key, flow);
        self.opened.add(1);
        Ok(flow.public)
    }

    /// An ICMP error: the quoted packet is translated as well, since the host that sent it must recognise it.
    fn error(
        &self,
        packet: &mut Packet<'_>,
        (network, transport, end): (usize, usize, usize),
        about: &Head,
    ) -> Verdict {
        let protocol = about.protocol;
        let from_inside = packet.port() == self.inside;
        let found = if from_inside {
            // quotes what the remote sent, as it looks inside
            let key = FlowKey { inside: about.destination, remote: about.source, protocol };
            let public = self.flows.read().unwrap().get(&key).map(|flow| flow.public);
            public.map(|port| Endpoint { address: self.config.public, port })
        } else {
            // quotes what the inside host sent, as it looks outside
            let key = PublicKey { port: about.source.port, protocol };
            let known = self.reverse.read().unwrap().get(&key).copied();
            let ours = about.source.address == self.config.public;
            known.filter(|flow| ours && flow.remote == about.destination).map(|flow| flow.inside)
        };
        let Some(new) = found else {
            self.unsolicited.add(1);
            return Verdict::Drop;
        };
        let (outer, quoted, to) = match from_inside {
            true => (Side::Source, Side::Destination, self.outside),
            false => (Side::Destination, Side::Source, self.inside),
        };
        let bytes = packet.bytes_mut();
        rewrite::quoted(bytes, about, quoted, new);
        rewrite::address(bytes, network, outer, new);
        rewrite::icmp_checksum(bytes, transport, end);
        self.errors_translated.add(1);
        Verdict::Forward(to)
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
        let counter = match headers::parse(packet.bytes()) {
            Ok(View::Flow(head)) if packet.port() == self.inside => return self.outbound(packet, &head, cx.now()),
            Ok(View::Flow(head)) => return self.inbound(packet, &head, cx.now()),
            Ok(View::Error { network, transport, end, about }) => {
                return self.error(packet, (network, transport, end), &about);
            }
            Err(Unfit::Fragment) => &self.fragments,
            Err(Unfit::Malformed) => &self.malformed,
            Err(Unfit::Unsupported) => &self.unsupported,
        };
        counter.add(1);
        Verdict::Drop
    }

    /// Every core has ticks; the first one looks for expired flows, a bounded share each time.
    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() != 0 {
            return;
        }
        let now = cx.now();
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
                self.expired.add(1);
            }
        }
    }

    fn report(&self, metrics: &mut Metrics) {
        let (opened, expired) = (self.opened.get(), self.expired.get());
        metrics.gauge("flows", opened.saturating_sub(expired) as f64);
        metrics.counter("opened", opened);
        metrics.counter("expired", expired);
        metrics.counter("translated", self.translated.get());
        metrics.counter("errors_translated", self.errors_translated.get());
        metrics.counter("dropped_unsolicited", self.unsolicited.get());
        metrics.counter("dropped_unopened", self.unopened.get());
        metrics.counter("dropped_out_of_ports", self.out_of_ports.get());
        metrics.counter("dropped_fragments", self.fragments.get());
        metrics.counter("dropped_malformed", self.malformed.get());
        metrics.counter("dropped_unsupported", self.unsupported.get());
    }
}
