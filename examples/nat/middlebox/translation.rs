//! Translation: which flow a packet belongs to, and what its endpoints become.
//!
//! Invariant: a packet leaves translated only if its flow is in both tables.

use ftmb::{prelude::*, time::Instant};

use super::{
    Nat, PortAllocation,
    ethernet::Mac,
    flow::{self, FlowKey, Half, Inbound, Outbound, PublicKey},
    headers::{
        Endpoint, Head, Protocol,
        rewrite::{self, Side},
    },
};

#[ftmb::middlebox]
impl Nat {
    /// From inside to outside: the source becomes the flow's public endpoint.
    pub(super) fn outbound(&self, packet: &mut Packet<'_>, head: &Head, cx: &mut Context<'_>) -> Verdict {
        let now = cx.now();
        let key = FlowKey { inside: head.source, remote: head.destination, protocol: head.protocol };
        // the common path: one shared lookup; the guard is gone at the end of the statement
        let known = self.flows.read().unwrap().get(&key).copied();
        let admitted = match known {
            Some(flow) if !flow.half.is_news(now, head.flags) && !head.is_syn() => Ok(flow.public),
            _ => self.admit(key, head, Mac::source(packet.bytes()), cx),
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
        self.count.translated.add(1);
        Verdict::Forward(self.outside)
    }

    /// From outside to inside: the destination becomes the inside host, if the packet comes from the very address and
    /// port that this host talks to.
    pub(super) fn inbound(&self, packet: &mut Packet<'_>, head: &Head, now: Instant) -> Verdict {
        let key = PublicKey { port: head.destination.port, protocol: head.protocol };
        let known = self.reverse.read().unwrap().get(&key).copied();
        let flow = match known {
            Some(flow) if flow.remote == head.source && head.destination.address == self.config.public => flow,
            _ => {
                self.count.unsolicited.add(1);
                return Verdict::Drop;
            }
        };
        if flow.half.is_news(now, head.flags)
            && let Some(flow) = self.reverse.write().unwrap().get_mut(&key)
        {
            flow.half.note(now, head.flags);
        }
        rewrite::endpoint(packet, head, Side::Destination, flow.inside);
        self.count.translated.add(1);
        self.deliver(packet, flow.mac)
    }

    /// Takes note of a packet from inside that says something new: a flow begins, goes on, or begins again; `mac` sent
    /// it. Returns its public port, or what to count if the packet may not pass.
    fn admit(&self, key: FlowKey, head: &Head, mac: Mac, cx: &mut Context<'_>) -> Result<u16, &Counter> {
        let now = cx.now();
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
            if flow.mac != mac
                && let Some(back) = self.reverse.write().unwrap().get_mut(&flow.public_key(key.protocol))
            {
                // the host has moved to another interface, or sends over another router
                (flow.mac, back.mac) = (mac, mac);
            }
            return Ok(flow.public);
        }
        if !head.opens {
            return Err(&self.count.unopened);
        }
        let mut reverse = self.reverse.write().unwrap();
        let Some(port) = self.take_port(key.protocol, cx) else { return Err(&self.count.out_of_ports) };
        let flow = Outbound { public: port, mac, half: Half::new(now, head.flags) };
        let back = Inbound { inside: key.inside, remote: key.remote, mac, half: Half::new(now, 0) };
        reverse.insert(flow.public_key(key.protocol), back);
        flows.insert(key, flow);
        self.count.opened.add(1);
        Ok(flow.public)
    }

    /// A free public port.
    fn take_port(&self, protocol: Protocol, cx: &mut Context<'_>) -> Option<u16> {
        let mut free = self.ports[protocol as usize].lock().unwrap();
        let port = match self.config.port_allocation {
            PortAllocation::Sequential => free.take(),
            PortAllocation::Random => free.take_random(&mut cx.rng()),
        };
        port.map(|port| port as u16)
    }

    /// An ICMP error: the quoted packet is translated as well, since the host that sent it must recognise it.
    pub(super) fn error(
        &self,
        packet: &mut Packet<'_>,
        (network, transport, end): (usize, usize, usize),
        about: &Head,
    ) -> Verdict {
        let protocol = about.protocol;
        let from_inside = packet.port() == self.inside;
        let (outer, quoted) = match from_inside {
            true => (Side::Source, Side::Destination),
            false => (Side::Destination, Side::Source),
        };
        let found = if from_inside {
            // quotes what the remote sent, as it looks inside
            let key = FlowKey { inside: about.destination, remote: about.source, protocol };
            let flow = self.flows.read().unwrap().get(&key).copied();
            flow.map(|flow| (Endpoint { address: self.config.public, port: flow.public }, None))
        } else {
            // quotes what the inside host sent, as it looks outside
            let key = PublicKey { port: about.source.port, protocol };
            let known = self.reverse.read().unwrap().get(&key).copied();
            let ours = about.source.address == self.config.public;
            known.filter(|flow| ours && flow.remote == about.destination).map(|flow| (flow.inside, Some(flow.mac)))
        };
        let Some((new, host)) = found else {
            self.count.unsolicited.add(1);
            return Verdict::Drop;
        };
        let bytes = packet.bytes_mut();
        rewrite::quoted(bytes, about, quoted, new);
        rewrite::address(bytes, network, outer, new);
        rewrite::icmp_checksum(bytes, transport, end);
        self.count.errors_translated.add(1);
        match host {
            Some(mac) => self.deliver(packet, mac),
            None => Verdict::Forward(self.outside),
        }
    }
}
