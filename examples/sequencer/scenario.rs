//! What `demo` sends through the sequencer, and how it checks what comes out.
//!
//! The check is the sharpest there is for shared state. Every stamp is between 1 and the number of packets sent, and
//! comes out once; so when all packets have come out, the stamps were exactly 1 to n. Within a flow, which one core
//! serves, stamps rise. And since each packet carries the highest stamp that had come out when it was sent, one that
//! fell back behind it, because a crash lost the counter's last steps, is seen at once.
//!
//! Invariant: besides two numbers per flow, the only memory is one bit per stamp.

use std::net::{Ipv4Addr, SocketAddrV4};

use ftmb::prelude::*;

use crate::{
    middlebox::STAMP,
    traffic::{Draw, Headers, Identity, Transport, is_sound},
};

/// `kind` of an identity: by direction, or a packet that must not come out.
const RIGHTWARDS: u8 = 0;
const LEFTWARDS: u8 = 1;
const NOISE: u8 = 2;

/// Flows of the scenario.
const FLOWS: u32 = 256;

/// One direction of a flow.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    sent: u32,
    next: u32,
    arrived: u32,
}

/// UDP in both directions, and now and then something else.
#[derive(Clone, Debug)]
pub(crate) struct SequencerScenario {
    lanes: Vec<[Lane; 2]>,
    /// Per flow, the highest stamp so far.
    last: Vec<u64>,
    /// Bit `n` is set once stamp `n` has come out.
    seen: Vec<u64>,
    /// The highest stamp that has come out.
    highest: u64,
    sent: u64,
    arrived: u64,
    scratch: Vec<u8>,
}

impl Default for SequencerScenario {
    fn default() -> Self {
        Self {
            lanes: vec![[Lane::default(); 2]; FLOWS as usize],
            last: vec![0; FLOWS as usize],
            seen: Vec::with_capacity(1 << 16),
            highest: 0,
            sent: 0,
            arrived: 0,
            scratch: Vec::with_capacity(2048),
        }
    }
}

impl SequencerScenario {
    fn headers(flow: u32, kind: u8) -> Headers {
        let left = SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0001 + flow), 1024 + flow as u16 * 7);
        let right = SocketAddrV4::new(Ipv4Addr::from_bits(0xcb00_7101 + flow % 200), 4000);
        let (source, destination) = if kind == LEFTWARDS { (right, left) } else { (left, right) };
        let transport = match kind {
            NOISE => Transport::Tcp { seq: 0, ack: Some(0), syn: false, fin: false, rst: false },
            _ => Transport::Udp { checked: !flow.is_multiple_of(8) },
        };
        Headers { vlan: flow.is_multiple_of(16).then_some(7), source, destination, transport }
    }

    /// Checks that only the stamp and the checksum differ; returns the stamp.
    fn read_stamp(&mut self, headers: &Headers, sent: &[u8], released: &[u8]) -> Result<u64, String> {
        let at = headers.offsets();
        if sent.len() != released.len() {
            return Err(format!("{} bytes became {}", sent.len(), released.len()));
        }
        let changed = at.payload - 2..at.payload + STAMP;
        self.scratch.clear();
        self.scratch.extend_from_slice(released);
        self.scratch[changed.clone()].copy_from_slice(&sent[changed.clone()]);
        if self.scratch != sent {
            return Err("came out with other bytes".into());
        }
        let unchecked = |frame: &[u8]| frame[changed.start..at.payload] == [0, 0];
        if !is_sound(released, at) || unchecked(sent) != unchecked(released) {
            return Err("came out with a wrong checksum".into());
        }
        let mut stamp = [0; STAMP];
        stamp.copy_from_slice(&released[at.payload..changed.end]);
        Ok(u64::from_be_bytes(stamp))
    }

    /// Checks a stamp against all others, and takes note of it.
    fn enter(&mut self, stamp: u64, identity: &Identity) -> Result<(), String> {
        if stamp == 0 || stamp > self.sent {
            return Err(format!("stamp {stamp}, of {} packets sent", self.sent));
        }
        let (word, bit) = ((stamp / 64) as usize, 1 << (stamp % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        if self.seen[word] & bit != 0 {
            return Err(format!("stamp {stamp} came out twice"));
        }
        self.seen[word] |= bit;
        if stamp <= identity.note {
            return Err(format!("stamp {stamp}, but {} had come out before the packet was sent", identity.note));
        }
        let last = &mut self.last[identity.flow as usize];
        if stamp <= *last {
            return Err(format!("stamp {stamp} came out after {last} of the same flow"));
        }
        *last = stamp;
        self.highest = self.highest.max(stamp);
        Ok(())
    }

    fn check(&mut self, sent: &Frame, released: &Frame) -> Result<(), String> {
        let identity = Identity::of(sent.bytes()).filter(|identity| identity.flow < FLOWS);
        let identity = identity.ok_or("not a packet of this scenario")?;
        if identity.kind == NOISE {
            return Err("let through what is not UDP".into());
        }
        if released.port() == sent.port() {
            return Err("came out where it went in".into());
        }
        let lane = &mut self.lanes[identity.flow as usize][usize::from(identity.kind == LEFTWARDS)];
        if identity.number < lane.next {
            return Err(format!("packet {} came out after {}", identity.number, lane.next - 1));
        }
        (lane.next, lane.arrived) = (identity.number + 1, lane.arrived + 1);
        let stamp = self.read_stamp(&Self::headers(identity.flow, identity.kind), sent.bytes(), released.bytes())?;
        self.enter(stamp, &identity)?;
        self.arrived += 1;
        Ok(())
    }
}

impl Scenario for SequencerScenario {
    fn ports(&self) -> Vec<String> {
        vec!["left".into(), "right".into()]
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        let mut draw = Draw::new(rng);
        let flow = draw.below(FLOWS as usize) as u32;
        let kind = match draw.below(100) {
            0 => NOISE,
            1..50 => LEFTWARDS,
            _ => RIGHTWARDS,
        };
        let mut identity = Identity { flow, kind, note: self.highest, ..Identity::default() };
        if kind != NOISE {
            let lane = &mut self.lanes[flow as usize][usize::from(kind == LEFTWARDS)];
            identity.number = lane.sent;
            lane.sent += 1;
            self.sent += 1;
        }
        let frame = Self::headers(flow, kind).frame(&[0; STAMP], draw.payload(), &identity);
        Some((PortId(u16::from(kind == LEFTWARDS)), frame))
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        self.check(sent, released).map_err(|what| Contradiction::new(format!("input {}: {what}", sent.number())))
    }

    fn finish(&mut self) -> Missing {
        let open = (1..=self.highest).filter(|stamp| self.seen[(stamp / 64) as usize] & (1 << (stamp % 64)) == 0);
        let mut examples: Vec<String> = open.take(5).map(|stamp| format!("stamp {stamp} never came out")).collect();
        let short = self.lanes.iter().enumerate().filter(|(_, lanes)| lanes.iter().any(|l| l.arrived < l.sent));
        examples.extend(short.take(5).map(|(flow, [a, b])| {
            format!(
                "flow {flow}: {} of {} packets rightwards, {} of {} leftwards",
                a.arrived, a.sent, b.arrived, b.sent
            )
        }));
        Missing { packets: self.sent - self.arrived, examples }
    }
}
