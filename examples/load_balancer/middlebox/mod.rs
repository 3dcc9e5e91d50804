//! The load balancer itself: an ordinary multi-core program on `std`'s locks and maps, plus four attributes.
//!
//! Invariant: the backend of a connection never changes. Locks are taken in the order `connections[n]`, `maglev`, one shard at
//! a time.

use std::{
    array,
    collections::{BTreeMap, HashMap},
    fmt::Write,
    sync::RwLock,
};

use ftmb::{prelude::*, time::Instant};

mod config;
mod connection;
#[path = "../../headers/mod.rs"]
mod headers;
mod maglev;
mod request;
#[path = "../../tracking/mod.rs"]
mod tracking;

pub(crate) use config::BalancerConfig;
use connection::{Connection, ConnectionKey};
use headers::{
    Endpoint, Head, Protocol, Unfit, View,
    rewrite::{self, Side},
};
use maglev::Maglev;
use request::{Request, RequestError};
use tracking::{Party, Track};

/// Tables of connections, each with a lock of its own.
const SHARDS: usize = 16;

/// A layer 4 load balancer for one service over IPv4.
#[ftmb::shared]
pub(crate) struct LoadBalancer {
    #[ftmb(config)]
    config: BalancerConfig,
    #[ftmb(config)]
    clients: PortId,
    #[ftmb(config)]
    servers: PortId,
    /// What a packet needs that belongs to something.
    connections: [RwLock<HashMap<ConnectionKey, Connection>>; SHARDS],
    /// What one needs that begins something.
    maglev: RwLock<Maglev>,
    /// The table that is searched for expired connections at the next tick.
    sweep: usize,
    balanced: Counter,
    returned: Counter,
    errors_translated: Counter,
    opened: Counter,
    expired: Counter,
    unopened: Counter,
    unsolicited: Counter,
    not_for_service: Counter,
    no_backend: Counter,
    table_full: Counter,
    fragments: Counter,
    malformed: Counter,
    unsupported: Counter,
}

#[ftmb::middlebox]
impl LoadBalancer {
    /// A balancer between two ports that knows no connections.
    pub(crate) fn new(config: BalancerConfig, clients: PortId, servers: PortId) -> Self {
        let backends = config.backends.iter().map(|&backend| backend.into());
        Self {
            maglev: RwLock::new(Maglev::new(config.table_size, backends)),
            config,
            clients,
            servers,
            connections: array::from_fn(|_| RwLock::new(HashMap::new())),
            sweep: 0,
            balanced: Counter::new(),
            returned: Counter::new(),
            errors_translated: Counter::new(),
            opened: Counter::new(),
            expired: Counter::new(),
            unopened: Counter::new(),
            unsolicited: Counter::new(),
            not_for_service: Counter::new(),
            no_backend: Counter::new(),
            table_full: Counter::new(),
            fragments: Counter::new(),
            malformed: Counter::new(),
            unsupported: Counter::new(),
        }
    }

    /// From a client to the service: the destination becomes the connection's backend.
    fn forward(&self, packet: &mut Packet<'_>, head: &Head, now: Instant) -> Result<Verdict, &Counter> {
        if head.destination != self.config.service.into() {
            return Err(&self.not_for_service);
        }
        let key = ConnectionKey { client: head.source, protocol: head.protocol };
        // the common path: one shared lookup; the guard is gone at the end of the statement
        let known = self.connections[key.shard(SHARDS)].read().unwrap().get(&key).copied();
        let backend = match known {
            Some(connection) if !is_news(&connection.track, Party::Opener, head, now) => connection.backend,
            _ if known.is_none() && !head.opens => return Err(&self.unopened),
            _ => self.note(key, head, now)?,
        };
        rewrite::endpoint(packet, head, Side::Destination, backend);
        self.balanced.add(1);
        Ok(Verdict::Forward(self.servers))
    }

    /// From a backend to a client: the source becomes the service, if the client talks to this backend.
    fn back(&self, packet: &mut Packet<'_>, head: &Head, now: Instant) -> Result<Verdict, &Counter> {
        let key = ConnectionKey { client: head.destination, protocol: head.protocol };
        let known = self.connections[key.shard(SHARDS)].read().unwrap().get(&key).copied();
        match known {
            Some(connection) if connection.backend == head.source => {
                if is_news(&connection.track, Party::Peer, head, now)
                    && let Some(connection) = self.connections[key.shard(SHARDS)].write().unwrap().get_mut(&key)
                    && connection.backend == head.source
                {
                    connection.track = connection.track.after(Party::Peer, head, now).unwrap_or(connection.track);
                }
            }
            _ => return Err(&self.unsolicited),
        }
        rewrite::endpoint(packet, head, Side::Source, self.config.service.into());
        self.returned.add(1);
        Ok(Verdict::Forward(self.clients))
    }

    /// Takes note of a packet of a client that says something new: a connection begins, goes on, or begins again. Returns its
    /// backend.
    fn note(&self, key: ConnectionKey, head: &Head, now: Instant) -> Result<Endpoint, &Counter> {
        let mut connections = self.connections[key.shard(SHARDS)].write().unwrap();
        // looked up again: what the shared lookup saw may have changed since
        let known = connections.get(&key).copied();
        if let Some(mut connection) = known.filter(|known| !begins_anew(&known.track, head)) {
            connection.track = connection.track.after(Party::Opener, head, now).unwrap_or(connection.track);
            connections.insert(key, connection);
            return Ok(connection.backend);
        }
        if !head.opens {
            return Err(&self.unopened);
        }
        let Some(backend) = self.maglev.read().unwrap().pick(key.to_bits()) else { return Err(&self.no_backend) };
        if known.is_some() {
            self.expired.add(1);
        } else if connections.len() >= self.config.max_connections.div_ceil(SHARDS) {
            return Err(&self.table_full);
        }
        connections.insert(key, Connection { backend, track: Track::open(key.protocol, now) });
        self.opened.add(1);
        Ok(backend)
    }

    /// An ICMP error: the quoted packet is translated as well, since the host that sent it must recognise it.
    fn error(
        &self,
        packet: &mut Packet<'_>,
        (network, transport, end): (usize, usize, usize),
        about: &Head,
    ) -> Result<Verdict, &Counter> {
        let service = Endpoint::from(self.config.service);
        let from_client = packet.port() == self.clients;
        // it quotes what went the other way, as it looks on the side where the error comes from
        let (client, other) = match from_client {
            true => (about.destination, about.source),
            false => (about.source, about.destination),
        };
        let key = ConnectionKey { client, protocol: about.protocol };
        let known = self.connections[key.shard(SHARDS)].read().unwrap().get(&key).copied();
        let backend = known.map(|connection| connection.backend);
        let Some(backend) = backend.filter(|&backend| other == if from_client { service } else { backend }) else {
            return Err(&self.unsolicited);
        };
        let (outer, quoted, new, to) = match from_client {
            true => (Side::Destination, Side::Source, backend, self.servers),
            false => (Side::Source, Side::Destination, service, self.clients),
        };
        let bytes = packet.bytes_mut();
        rewrite::quoted(bytes, about, quoted, new);
        rewrite::address(bytes, network, outer, new);
        rewrite::icmp_checksum(bytes, transport, end);
        self.errors_translated.add(1);
        Ok(Verdict::Forward(to))
    }

    /// The backends, with how many connections each has; those that were taken away and still have some as well.
    fn list(&self) -> String {
        let mut counts: BTreeMap<u64, (Endpoint, usize)> = BTreeMap::new();
        for shard in 0..SHARDS {
            for connection in self.connections[shard].read().unwrap().values() {
                let backend = connection.backend;
                counts.entry(backend.to_bits()).or_insert((backend, 0)).1 += 1;
            }
        }
        let mut text = String::new();
        for &backend in self.maglev.read().unwrap().backends() {
            let count = counts.remove(&backend.to_bits()).map_or(0, |(_, count)| count);
            // writing into memory does not fail
            let _ = writeln!(text, "{backend}: {count} connections");
        }
        for (backend, count) in counts.values() {
            let _ = writeln!(text, "{backend}: {count} connections, draining");
        }
        text
    }

    /// Does what an operator asks for.
    fn obey(&self, request: &[u8]) -> Result<String, RequestError> {
        match String::from_utf8_lossy(request).parse()? {
            Request::List => Ok(self.list()),
            Request::Add(backend) => {
                let mut maglev = self.maglev.write().unwrap();
                if maglev.backends().len() >= maglev.most() {
                    return Err(RequestError::TooMany { most: maglev.most() });
                }
                match maglev.add(backend) {
                    true => Ok(format!("{backend} gets new connections\n")),
                    false => Err(RequestError::Known { backend }),
                }
            }
            Request::Remove(backend) => match self.maglev.write().unwrap().remove(backend) {
                true => Ok(format!("{backend} gets no new connections\n")),
                false => Err(RequestError::Unknown { backend }),
            },
        }
    }
}

/// Whether a packet opens a connection where another one was.
fn begins_anew(track: &Track, head: &Head) -> bool {
    track.is_over() && head.is_syn()
}

/// Whether a packet says anything that is not yet known. One that may not come now says nothing, and passes: the two
/// directions run on different cores, so the order in which they are noted is not the order on the wire.
#[inline]
fn is_news(track: &Track, from: Party, head: &Head, now: Instant) -> bool {
    begins_anew(track, head) || track.after(from, head, now).is_some_and(|after| after != *track)
}

#[ftmb::middlebox]
impl Middlebox for LoadBalancer {
    fn process(&self, packet: &mut Packet<'_>, cx: &mut Context<'_>) -> Verdict {
        let verdict = match headers::parse(packet.bytes()) {
            Ok(View::Flow(head)) if head.protocol == Protocol::Echo => Err(&self.unsupported),
            Ok(View::Flow(head)) if packet.port() == self.clients => self.forward(packet, &head, cx.now()),
            Ok(View::Flow(head)) => self.back(packet, &head, cx.now()),
            Ok(View::Error { network, transport, end, about }) => self.error(packet, (network, transport, end), &about),
            Err(Unfit::Fragment) => Err(&self.fragments),
            Err(Unfit::Malformed) => Err(&self.malformed),
            Err(Unfit::Unsupported) => Err(&self.unsupported),
        };
        verdict.unwrap_or_else(|counter| {
            counter.add(1);
            Verdict::Drop
        })
    }

    /// Every core has ticks; the first one looks for expired connections, in one table each time.
    fn tick(&self, cx: &mut Context<'_>) {
        if cx.core() != 0 {
            return;
        }
        let shard = self.sweep;
        self.sweep = (shard + 1) % SHARDS;
        let now = cx.now();
        let mut connections = self.connections[shard].write().unwrap();
        let before = connections.len();
        connections.retain(|_, connection| !connection.track.is_expired(&self.config.timeouts, now));
        self.expired.add((before - connections.len()) as u64);
    }

    fn control(&self, request: &[u8], _cx: &mut Context<'_>) -> Result<Vec<u8>, ControlError> {
        Ok(self.obey(request)?.into_bytes())
    }

    fn report(&self, metrics: &mut Metrics) {
        let (opened, expired) = (self.opened.get(), self.expired.get());
        metrics.gauge("connections", opened.saturating_sub(expired) as f64);
        metrics.counter("opened", opened);
        metrics.counter("expired", expired);
        metrics.counter("balanced", self.balanced.get());
        metrics.counter("returned", self.returned.get());
        metrics.counter("errors_translated", self.errors_translated.get());
        metrics.counter("dropped_unopened", self.unopened.get());
        metrics.counter("dropped_unsolicited", self.unsolicited.get());
        metrics.counter("dropped_not_for_service", self.not_for_service.get());
        metrics.counter("dropped_no_backend", self.no_backend.get());
        metrics.counter("dropped_table_full", self.table_full.get());
        metrics.counter("dropped_fragments", self.fragments.get());
        metrics.counter("dropped_malformed", self.malformed.get());
        metrics.counter("dropped_unsupported", self.unsupported.get());
    }
}
