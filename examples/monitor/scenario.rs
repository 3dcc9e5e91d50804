//! What `demo` sends through the monitor, and how it checks what comes out.
//!
//! Packets must come out unchanged, in order, each once. And every few thousand packets the monitor is asked for the
//! heaviest flows. Its answer must be possible: no flow has more packets than were sent; no count is lower than in an
//! earlier answer; and what had come out before the question was asked has been counted, but for the batches that
//! cores have not entered yet. A monitor that loses counts when it is killed cannot pass.
//!
//! Invariant: one question at a time, so that answers have an order.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddrV4},
};

use ftmb::prelude::*;

use crate::{
    middlebox::{
        BATCH,
        flow::{FlowKey, Tally},
        report::{PORT, QUESTION, Report},
    },
    traffic::{Draw, Headers, Identity, Transport},
};

/// `kind` of an identity: by direction, a frame that is not IPv4, and a question.
const RIGHTWARDS: u8 = 0;
const LEFTWARDS: u8 = 1;
const FOREIGN: u8 = 2;
const ASK: u8 = 3;

/// Hosts on the left; each has one flow in each direction.
const HOSTS: u32 = 2048;

/// How many of them send much.
const HEAVY: usize = 6;

/// Packets between two questions.
const PAUSE: u32 = 5000;

/// One direction of a flow.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    sent: Tally,
    next: u32,
    arrived: u64,
    /// How many had arrived when the last question was asked.
    asked: u64,
    /// What the last answer said.
    told: Tally,
}

/// A question that has been asked.
#[derive(Clone, Copy, Debug)]
struct Question {
    number: u64,
    /// Packets that had come out before.
    arrived: u64,
}

/// A few heavy flows, many light ones, and questions.
#[derive(Clone, Debug)]
pub(crate) struct MonitorScenario {
    /// Rightwards and leftwards of each host, then the two lanes of what is not IPv4.
    lanes: Vec<Lane>,
    index: HashMap<FlowKey, usize>,
    /// IPv4 packets only.
    sent: u64,
    arrived: u64,
    /// What the last answer said in all.
    told: u64,
    pause: u32,
    questions: u64,
    asked: Option<Question>,
}

impl Default for MonitorScenario {
    fn default() -> Self {
        let lanes = (0..HOSTS * 2).map(|lane| (key(&headers(lane / 2, (lane % 2) as u8)), lane as usize));
        Self {
            lanes: vec![Lane::default(); HOSTS as usize * 2 + 2],
            index: lanes.collect(),
            sent: 0,
            arrived: 0,
            told: 0,
            pause: PAUSE,
            questions: 0,
            asked: None,
        }
    }
}

impl MonitorScenario {
    fn ask(&mut self) -> (PortId, Vec<u8>) {
        self.pause = PAUSE;
        self.questions += 1;
        self.asked = Some(Question { number: self.questions, arrived: self.arrived });
        for lane in &mut self.lanes {
            lane.asked = lane.arrived;
        }
        // each question from another host, so that it is answered by any core
        let host = (self.questions % u64::from(HOSTS)) as u32;
        let mut headers = headers(host, RIGHTWARDS);
        headers.destination.set_port(PORT);
        headers.transport = Transport::Udp { checked: true };
        let body = [*QUESTION, self.questions.to_be_bytes()].concat();
        let identity = Identity { flow: host, kind: ASK, ..Identity::default() };
        (PortId(0), headers.frame(&body, 0, &identity))
    }

    /// Checks an answer against everything that was sent and observed.
    fn check_answer(&mut self, sent: &Frame, released: &Frame) -> Result<(), String> {
        let Some(question) = self.asked.take() else { return Err("an answer, but nothing was asked".into()) };
        if released.port() != sent.port() {
            return Err("the answer did not come back to where the question was asked".into());
        }
        let (number, report) = Report::read(released.bytes()).ok_or("the answer cannot be read")?;
        if number != question.number {
            return Err(format!("the answer to question {number}, asked was {}", question.number));
        }
        let pending = BATCH as u64 * u64::from(report.cores);
        if report.packets > self.sent || report.packets < self.told || report.packets + pending < question.arrived {
            let (sent, arrived, told) = (self.sent, question.arrived, self.told);
            let counted = report.packets;
            return Err(format!("{counted} packets counted; {sent} sent, {arrived} had come out, {told} told before"));
        }
        self.told = report.packets;
        for (flow, tally) in report.top {
            let lane = self.index.get(&flow).map(|&lane| &mut self.lanes[lane]);
            let lane = lane.ok_or_else(|| format!("counts for {flow:?}, which sent nothing"))?;
            let Lane { sent, told, asked, .. } = *lane;
            let above = tally.packets > sent.packets || tally.bytes > sent.bytes;
            let back = tally.packets < told.packets || tally.bytes < told.bytes;
            // one core has all packets of a flow, so at most one batch is missing
            if above || back || tally.packets + (BATCH as u64) < asked {
                return Err(format!("{flow:?}: {tally:?}; {sent:?} sent, {asked} had come out, {told:?} told before"));
            }
            lane.told = tally;
        }
        Ok(())
    }

    fn check(&mut self, sent: &Frame, released: &Frame) -> Result<(), String> {
        let identity = Identity::of(sent.bytes()).filter(|identity| (identity.flow as usize) < self.lanes.len());
        let identity = identity.ok_or("not a packet of this scenario")?;
        if identity.kind == ASK {
            return self.check_answer(sent, released);
        }
        let lane = &mut self.lanes[identity.flow as usize];
        if identity.number < lane.next {
            return Err(format!("packet {} came out after {}", identity.number, lane.next - 1));
        }
        (lane.next, lane.arrived) = (identity.number + 1, lane.arrived + 1);
        if released.port() == sent.port() {
            return Err("came out where it went in".into());
        }
        if released.bytes() != sent.bytes() {
            return Err("came out with other bytes".into());
        }
        self.arrived += u64::from(identity.kind != FOREIGN);
        Ok(())
    }
}

impl Scenario for MonitorScenario {
    fn ports(&self) -> Vec<String> {
        vec!["left".into(), "right".into()]
    }

    fn next(&mut self, rng: &mut dyn rand::Rng) -> Option<(PortId, Vec<u8>)> {
        self.pause = self.pause.saturating_sub(1);
        if self.pause == 0 && self.asked.is_none() {
            return Some(self.ask());
        }
        let mut draw = Draw::new(rng);
        // half of all packets belong to a few hosts, and among those the first have the most
        let host = match draw.below(2) {
            0 => draw.below(HEAVY).min(draw.below(HEAVY)) as u32,
            _ => draw.below(HOSTS as usize) as u32,
        };
        let way = draw.below(2) as u8;
        let foreign = draw.below(100) == 0;
        let (flow, kind) =
            if foreign { (HOSTS * 2 + u32::from(way), FOREIGN) } else { (host * 2 + u32::from(way), way) };
        let lane = &mut self.lanes[flow as usize];
        let number = lane.sent.packets as u32;
        let headers = headers(if foreign { 0 } else { host }, way);
        let mut frame = headers.frame(&[], draw.payload(), &Identity { flow, kind, number, ..Identity::default() });
        if foreign {
            // an EtherType for experiments
            let at = headers.offsets().network;
            frame[at - 2..at].copy_from_slice(&[0x88, 0xb5]);
        } else {
            self.sent += 1;
        }
        lane.sent.add(frame.len() as u32);
        Some((PortId(u16::from(way)), frame))
    }

    fn observe(&mut self, sent: &Frame, released: &Frame) -> Result<(), Contradiction> {
        self.check(sent, released).map_err(|what| Contradiction::new(format!("input {}: {what}", sent.number())))
    }

    fn finish(&mut self) -> Missing {
        let short = || self.lanes.iter().enumerate().filter(|(_, lane)| lane.arrived < lane.sent.packets);
        let mut examples: Vec<String> = short()
            .take(10)
            .map(|(flow, lane)| format!("flow {flow}: {} of {} packets came out", lane.arrived, lane.sent.packets))
            .collect();
        examples.extend(self.asked.map(|question| format!("question {} was not answered", question.number)));
        let packets: u64 = short().map(|(_, lane)| lane.sent.packets - lane.arrived).sum();
        Missing { packets: packets + u64::from(self.asked.is_some()), examples }
    }
}

/// The headers of a host's packets in one direction.
fn headers(host: u32, way: u8) -> Headers {
    let left = SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0001 + host), 1024 + (host * 7) as u16);
    let right = SocketAddrV4::new(Ipv4Addr::from_bits(0xcb00_7101 + host % 200), 443);
    let (source, destination) = if way == LEFTWARDS { (right, left) } else { (left, right) };
    let transport = match host % 2 {
        0 => Transport::Tcp { seq: host, ack: Some(host), syn: false, fin: false, rst: false },
        _ => Transport::Udp { checked: true },
    };
    Headers { vlan: host.is_multiple_of(16).then_some(7), source, destination, transport }
}

/// The flow that packets with these headers belong to.
fn key(headers: &Headers) -> FlowKey {
    FlowKey {
        source: *headers.source.ip(),
        destination: *headers.destination.ip(),
        source_port: headers.source.port(),
        destination_port: headers.destination.port(),
        protocol: if matches!(headers.transport, Transport::Tcp { .. }) { 6 } else { 17 },
    }
}
