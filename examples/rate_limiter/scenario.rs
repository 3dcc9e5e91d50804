//! What `demo` sends through the rate limiter, and how it checks what comes out.
//!
//! Two sources send without restraint. From the moment that one of their packets is handed over to any later one, what
//! has come out of the packets in between must not exceed the burst and what the rate yields in that time; this is
//! checked for the time since the start and for shorter spans. Sixty-four others stop when they have sent a burst in
//! all, and a new source takes the place of each: all that they send must come out. So must what goes the other way.
//!
//! Invariant: a span begins before its first packet arrives at the limiter and ends after the last one has, so that the
//! judge's clock never shows less time than the limiter's.

use std::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Instant,
};

use ftmb::prelude::*;

use crate::traffic::{Draw, Headers, Identity, Transport};

/// `kind` of an identity.
const GREEDY: u8 = 0;
pub(crate) const FRUGAL: u8 = 1;
pub(crate) const BACK: u8 = 2;

/// Sources that send without restraint.
const GREEDY_SOURCES: usize = 2;
/// Others, at a time.
const FRUGAL_SOURCES: usize = 64;
/// Destinations of a source: each is a flow of its own, so that a source's packets run on all cores.
const LANES: usize = 4;
/// Packets of a greedy source between the beginnings of two spans.
const SPAN: u32 = 200;

const INSIDE: PortId = PortId(0);

/// The packets of one flow.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    sent: u32,
    next: u32,
    arrived: u32,
}

impl Lane {
    fn send(&mut self) -> u32 {
        self.sent += 1;
        self.sent - 1
    }

    fn arrive(&mut self, number: u32) -> Result<(), String> {
        if number < self.next {
            return Err(format!("packet {number} came out after {}", self.next - 1));
        }
        (self.next, self.arrived) = (number + 1, self.arrived + 1);
        Ok(())
    }
}

/// A span of time in which what comes out of a source is counted.
#[derive(Clone, Copy, Debug)]
struct Span {
    since: Instant,
    /// The number of the source's first packet that counts.
    first: u32,
    bytes: u64,
}

/// A host inside.
#[derive(Clone, Debug, Default)]
struct Source {
    lanes: [Lane; LANES],
    packets: u32,
    bytes: u64,
    passed: u64,
    /// The first since the start, the others one after the other; none for a frugal source.
    spans: Vec<Span>,
}

/// Sources that respect the limit and some that do not.
#[derive(Clone, Debug)]
pub(crate) struct LimiterScenario {
    rate: u64,
    burst: u64,
    /// Greedy ones first.
    sources: Vec<Source>,
    /// Frugal ones that may send more.
    frugal: Vec<u32>,
    back: [Lane; LANES],
}

/// For the limit that there is by default.
impl Default for LimiterScenario {
    fn default() -> Self {
        let config = crate::middlebox::LimiterConfig::default();
        Self::new(config.rate, config.burst)
    }
}

impl LimiterScenario {
    /// For a limit of so many bytes per second and at once, or less.
    pub(crate) fn new(rate: u64, burst: u64) -> Self {
        let sources = GREEDY_SOURCES + FRUGAL_SOURCES;
        Self {
            rate,
            burst,
            sources: vec![Source::default(); sources],
            frugal: (GREEDY_SOURCES as u32..sources as u32).collect(),
            back: [Lane::default(); LANES],
        }
    }

    fn send_back(&mut self, draw: &mut Draw) -> (PortId, Vec<u8>) {
        let lane = draw.below(LANES);
        let Headers { vlan, source, destination, transport } = headers(0, lane);
        let headers = Headers { vlan, source: destination, destination: source, transport };
        let number = self.back[lane].send();
        let identity = Identity { generation: lane as u32, number, kind: BACK, ..Identity::default() };
        (PortId(1), headers.frame(&[], draw.payload(), &identity))
    }

    fn send(&mut self, index: u32, kind: u8, draw: &mut Draw) -> Vec<u8> {
        let lane = draw.below(LANES);
        let source = &mut self.sources[index as usize];
        if kind == GREEDY && source.packets.is_multiple_of(SPAN) {
            // the whole time, and the last few spans
            if source.spans.len() > 4 {
                source.spans.remove(1);
            }
            source.spans.push(Span { since: Instant::now(), first: source.packets, bytes: 0 });
        }
        let number = source.lanes[lane].send();
        let note = u64::from(source.packets);
        source.packets += 1;
        let identity = Identity { flow: index, generation: lane as u32, number, note, kind };
        let frame = headers(index, lane).frame(&[], draw.payload(), &identity);
        source.bytes += frame.len() as u64;
        frame
    }

    fn check(&mut self, sent: &Frame, released: &Frame) -> Result<(), String> {
        let unknown = || "not a packet of this scenario".to_owned();
        let identity = Identity::of(sent.bytes()).ok_or_else(unknown)?;
        let lane = identity.generation as usize % LANES;
        let source = self.sources.get_mut(identity.flow as usize).ok_or_else(unknown)?;
        let lane = if identity.kind == BACK { &mut self.back[lane] } else { &mut source.lanes[lane] };
        lane.arrive(identity.number)?;
        if released.port() == sent.port() {
            return Err("came out where it went in".into());
        }
        if released.bytes() != sent.bytes() {
            return Err("came out with other bytes".into());
        }
        if identity.kind == BACK {
            return Ok(());
        }
        let (bytes, now) = (sent.bytes().len() as u64, Instant::now());
        source.passed += bytes;
        for span in source.spans.iter_mut().filter(|span| identity.note >= u64::from(span.first)) {
            span.bytes += bytes;
            let elapsed = now.duration_since(span.since);
            let yielded = u128::from(self.rate) * elapsed.as_nanos() / 1_000_000_000;
            if u128::from(span.bytes) > u128::from(self.burst) + yielded {
                let (index, bytes, burst) = (identity.flow, span.bytes, self.burst);
                return Err(format!(
                    "source {index} overspent: {bytes} bytes in {elapsed:?}, burst {burst}, {yielded} yielded"
                ));
            }
        }
        Ok(())
    }
}

impl Scenario for LimiterScenario {
    fn ports(&self) -> Vec<String> {
        vec!["inside".into(), "outside".into()]
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        let mut draw = Draw::new(rng);
        match draw.below(10) {
            0..4 => {
                let index = draw.below(GREEDY_SOURCES) as u32;
                Some((INSIDE, self.send(index, GREEDY, &mut draw)))
            }
            4..9 => {
                let place = draw.below(self.frugal.len());
                let frame = self.send(self.frugal[place], FRUGAL, &mut draw);
                // the next packet may be as long as any
                if self.sources[self.frugal[place] as usize].bytes + 1600 > self.burst {
                    self.frugal[place] = self.sources.len() as u32;
                    self.sources.push(Source::default());
                }
                Some((INSIDE, frame))
            }
            _ => Some(self.send_back(&mut draw)),
        }
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        self.check(sent, released).map_err(|what| Contradiction::new(format!("input {}: {what}", sent.number())))
    }

    fn finish(&mut self) -> Missing {
        let mut missing = Missing::default();
        let mut lack = |packets: u64, what: String| {
            missing.packets += packets;
            if packets != 0 && missing.examples.len() < 10 {
                missing.examples.push(what);
            }
        };
        let outstanding = |lanes: &[Lane]| lanes.iter().map(|lane| u64::from(lane.sent - lane.arrived)).sum::<u64>();
        for (index, source) in self.sources.iter().enumerate().skip(GREEDY_SOURCES) {
            let packets = outstanding(&source.lanes);
            lack(packets, format!("source {index}, which keeps the limit: {packets} packets did not come out"));
        }
        for (index, source) in self.sources[..GREEDY_SOURCES].iter().enumerate() {
            // the first burst is everybody's, but for what the last packet did not fit into
            let owed = source.bytes.min(self.burst.saturating_sub(1600));
            let passed = source.passed;
            lack(
                u64::from(passed < owed),
                format!("source {index}: {passed} bytes came out, {owed} are within its burst"),
            );
        }
        let packets = outstanding(&self.back);
        lack(packets, format!("{packets} packets from outside did not come out"));
        missing
    }
}

/// The headers of a source's packets to one of its destinations.
fn headers(source: u32, lane: usize) -> Headers {
    let transport = match lane {
        0 => Transport::Tcp { seq: source, ack: Some(source), syn: false, fin: false, rst: false },
        1 => Transport::Echo { reply: false, seq: 1 },
        _ => Transport::Udp { checked: true },
    };
    Headers {
        vlan: source.is_multiple_of(16).then_some(7),
        source: SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0001_u32.wrapping_add(source)), 5000 + lane as u16),
        destination: SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 1 + lane as u8), 443),
        transport,
    }
}
