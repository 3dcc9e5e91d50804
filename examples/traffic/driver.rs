//! Runs scenarios against middleboxes, for the tests of the examples.
//!
//! Invariant: what one core released comes out in order; the cores overtake each other at random.

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddrV4},
};

use etherparse::{Ipv4HeaderSlice, UdpHeaderSlice};

use ftmb::{
    prelude::*,
    testing::{Crash, Group},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Identity, Offsets, arp, is_sound};

/// A group of one core that takes one packet at a time.
#[derive(Debug)]
pub(crate) struct Single<M: Middlebox>(Group<M>);

impl<M: Middlebox> Single<M> {
    /// A group that runs what `make` makes.
    pub(crate) fn new(make: impl Fn() -> M + 'static) -> Self {
        Self(Group::new(1, make).unwrap())
    }

    /// Sends a packet and waits for what comes out.
    pub(crate) fn process(&mut self, frame: &Frame) -> Vec<Frame> {
        self.0.send(frame.port(), frame.bytes());
        let packet = self.0.sent();
        self.settle();
        let out = self.0.outputs().iter().rev().skip(1).take_while(|out| out.control.is_none() && out.source == packet);
        let mut out: Vec<Frame> = out.map(|out| Frame::new(out.port, out.bytes.clone(), frame.number())).collect();
        out.reverse();
        out
    }

    /// Sends a packet of TCP or UDP without tags or options by `port`; source and destination of what comes out, which must be sound
    /// and leave by another port.
    pub(crate) fn send(&mut self, port: PortId, bytes: Vec<u8>) -> Option<(SocketAddrV4, SocketAddrV4)> {
        let out = self.process(&Frame::new(port, bytes, 0)).pop()?;
        assert_ne!(out.port(), port);
        assert!(is_sound(out.bytes(), Offsets { network: 14, transport: 34, payload: 42 }));
        let ip = Ipv4HeaderSlice::from_slice(&out.bytes()[14..]).unwrap();
        let ports = UdpHeaderSlice::from_slice(&out.bytes()[34..]).unwrap();
        let source = SocketAddrV4::new(ip.source_addr(), ports.source_port());
        Some((source, SocketAddrV4::new(ip.destination_addr(), ports.destination_port())))
    }

    /// Sends a tick and waits until it is over.
    pub(crate) fn tick(&mut self) {
        self.0.tick();
        self.settle();
    }

    /// What the middlebox says to a request; `Err`: it refuses, and says why.
    pub(crate) fn control(&mut self, request: &str) -> Result<String, String> {
        self.ask(request.as_bytes());
        let reply = self.0.outputs().last().unwrap();
        let text = String::from_utf8(reply.bytes.clone()).unwrap();
        if reply.control == Some(Ok(())) { Ok(text) } else { Err(text) }
    }

    /// Waits until the core has done all it was told: it answers in order.
    fn settle(&mut self) {
        self.ask(b"are you done?");
    }

    fn ask(&mut self, request: &[u8]) {
        if self.0.sent().is_multiple_of(200) {
            self.0.checkpoint().unwrap();
        }
        let request = self.0.control(request);
        while !self.0.outputs().last().is_some_and(|last| last.control.is_some() && last.source == request) {
            self.0.poll().unwrap();
            std::thread::yield_now();
        }
    }
}

/// Runs a scenario through a group of two cores and crashes it again and again at random accesses; nothing must be lost,
/// repeated or contradicted.
pub(crate) fn assert_survives<M: Middlebox, S: Scenario + Default>(make: impl Fn() -> M + 'static) {
    assert_survives_asked::<M, S>(make, &[]);
}

/// The same, with up to thirty requests of an operator in between: each must be answered once, in order, by a text that
/// begins like this, or be refused by one.
pub(crate) fn assert_survives_asked<M: Middlebox, S: Scenario + Default>(
    make: impl Fn() -> M + 'static,
    requests: &[(&str, Result<&str, &str>)],
) {
    let mut rng = SmallRng::seed_from_u64(3);
    let mut scenario = S::default();
    let mut group = Group::new(2, make).unwrap();
    let mut sent = Vec::new();
    let (mut observed, mut answers) = (0, Vec::new());
    let mut waiting = requests.iter();
    let mut observe = |scenario: &mut S, group: &Group<M>, sent: &[Frame]| {
        for out in &group.outputs()[observed..] {
            if let Some(result) = out.control {
                let text = String::from_utf8_lossy(&out.bytes);
                answers.push((out.source, result.map(|()| text.to_string()).map_err(|()| text.to_string())));
                continue;
            }
            let stems_from: &Frame = &sent[out.source as usize - 1];
            let released = Frame::new(out.port, out.bytes.clone(), out.source);
            scenario.observe(stems_from, &released).unwrap();
        }
        observed = group.outputs().len();
    };
    for round in 0..10 {
        for n in 0..1500 {
            if let Some((port, bytes)) = scenario.next(&mut rng) {
                group.send(port, &bytes);
                sent.push(Frame::new(port, bytes, sent.len() as u64 + 1));
            }
            if n % 16 == 0 {
                group.poll().unwrap();
                observe(&mut scenario, &group, &sent);
            }
            if n % 400 == 399 {
                group.tick();
            }
            // before, while and after the group is armed to crash
            if n % 500 == 450
                && let Some((request, _)) = waiting.next()
            {
                group.control(request.as_bytes());
            }
            if n == 700 && round % 3 != 0 {
                group.checkpoint().unwrap();
            }
            if n == 1000 {
                group.crash(Crash::AtAccess(u64::from(rng.next_u32() % 600)));
            }
        }
        group.recover().unwrap();
    }
    group.settle().unwrap();
    observe(&mut scenario, &group, &sent);
    let missing = scenario.finish();
    assert_eq!(missing.packets, 0, "{:?}", missing.examples);
    assert_eq!(answers.len(), requests.len(), "{answers:?}");
    for ((number, (source, answer)), (request, expected)) in (1..).zip(&answers).zip(requests) {
        let fits = match (answer, expected) {
            (Ok(answer), Ok(expected)) | (Err(answer), Err(expected)) => answer.starts_with(expected),
            _ => false,
        };
        assert!(fits && *source == number, "`{request}`: expected {expected:?}, found {answer:?}, number {source}");
    }
    group.verify().unwrap();
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// What the scenario objected to first.
    pub(crate) contradiction: Option<String>,
    /// What it missed in the end.
    pub(crate) missing: Missing,
    /// Packets that came out.
    pub(crate) released: usize,
}

/// Feeds `packets` packets of `scenario` to `process` and what comes out back to the scenario, through the hands of
/// `meddle`, which gets the scenario, each released packet with its number, and the packet that it stems from.
pub(crate) fn run<S: Scenario>(
    scenario: &mut S,
    packets: usize,
    mut process: impl FnMut(&Frame) -> Vec<Frame>,
    mut meddle: impl FnMut(&S, usize, Frame, Frame) -> Option<(Frame, Frame)>,
) -> Outcome {
    let mut traffic = SmallRng::seed_from_u64(1);
    let mut schedule = SmallRng::seed_from_u64(2);
    let mut cores: [VecDeque<(Frame, Frame)>; 2] = Default::default();
    let (mut sent, mut released) = (0, 0);
    while sent < packets || cores.iter().any(|queue| !queue.is_empty()) {
        let waiting: usize = cores.iter().map(VecDeque::len).sum();
        let chance = if waiting > 300 { 30 } else { 60 };
        if sent < packets && schedule.next_u32() % 100 < chance {
            sent += 1;
            let Some((port, bytes)) = scenario.next(&mut traffic) else { continue };
            let frame = Frame::new(port, bytes, sent as u64);
            let core = core_of(frame.bytes());
            cores[core].extend(process(&frame).into_iter().map(|out| (frame.clone(), out)));
        } else if let Some((sent, out)) = cores[schedule.next_u32() as usize % 2].pop_front() {
            if let Some((sent, out)) = meddle(scenario, released, sent, out)
                && let Err(contradiction) = scenario.observe(&sent, &out)
            {
                let contradiction = Some(contradiction.to_string());
                return Outcome { contradiction, missing: scenario.finish(), released };
            }
            released += 1;
        }
    }
    Outcome { contradiction: None, missing: scenario.finish(), released }
}

/// Runs a scenario without faults: no contradiction, nothing missing, and at least so many packets come out.
pub(crate) fn assert_clean<S: Scenario + Default>(
    packets: usize,
    least: usize,
    process: impl FnMut(&Frame) -> Vec<Frame>,
) {
    let outcome = run(&mut S::default(), packets, process, honest);
    assert_eq!((outcome.contradiction, outcome.missing.packets), (None, 0));
    assert!(outcome.released > least, "{}", outcome.released);
}

/// A middlebox of two ports that lets through what `process` drops must be found out.
pub(crate) fn assert_letting_all_through_is_noticed<S: Scenario + Default>(
    mut process: impl FnMut(&Frame) -> Vec<Frame>,
) {
    let open = |frame: &Frame| match process(frame) {
        none if none.is_empty() => {
            vec![Frame::new(PortId(1 - frame.port().0), frame.bytes().to_vec(), frame.number())]
        }
        some => some,
    };
    let outcome = run(&mut S::default(), 5000, open, honest);
    assert!(outcome.contradiction.unwrap().contains("must be dropped"));
}

/// For `meddle`: changes nothing.
pub(crate) fn honest<S>(_: &S, _: usize, sent: Frame, out: Frame) -> Option<(Frame, Frame)> {
    Some((sent, out))
}

/// Runs a scenario that loses one packet, and tries on another one what else could happen: it comes out twice, at the
/// wrong port, or with any one byte changed. Each must be noticed.
pub(crate) fn assert_faults_are_noticed<S: Scenario + Default + Clone>(process: impl FnMut(&Frame) -> Vec<Frame>) {
    assert_faults_are_noticed_if::<S>(process, |_| true);
}

/// The same for a middlebox that may drop packets as it likes, but for those of which `must_come` is true.
pub(crate) fn assert_faults_are_noticed_if<S: Scenario + Default + Clone>(
    process: impl FnMut(&Frame) -> Vec<Frame>,
    must_come: impl Fn(&Frame) -> bool,
) {
    let (mut lost, mut tried) = (0, 0);
    let outcome = run(&mut S::default(), 3000, process, |scenario, n, sent, out| {
        let fit = must_come(&sent);
        if fit && n >= 1500 && tried == 0 {
            tried += 1;
            let accepts = |frames: &[&Frame]| {
                let mut scenario = scenario.clone();
                frames.iter().all(|out| scenario.observe(&sent, out).is_ok())
            };
            assert!(accepts(&[&out]));
            assert!(!accepts(&[&out, &out]), "a packet came out twice, and nobody noticed");
            let astray = Frame::new(sent.port(), out.bytes().to_vec(), out.number());
            assert!(!accepts(&[&astray]), "a packet came out where it went in, and nobody noticed");
            for at in 0..out.bytes().len() {
                let mut bytes = out.bytes().to_vec();
                bytes[at] ^= 0x10;
                let altered = Frame::new(out.port(), bytes, out.number());
                assert!(!accepts(&[&altered]), "byte {at} changed, and nobody noticed");
            }
        }
        if fit && n >= 1000 && lost == 0 {
            lost += 1;
            return None;
        }
        Some((sent, out))
    });
    assert_eq!((outcome.contradiction, outcome.missing.packets), (None, 1), "a lost packet");
    assert_eq!((lost, tried), (1, 1));
}

/// Both directions of a flow go to the same core, as far as addresses tell.
fn core_of(frame: &[u8]) -> usize {
    let at = if frame[12] == 0x81 { 30 } else { 26 };
    let mixed = frame[at..at + 4].iter().zip(&frame[at + 4..at + 8]).map(|(a, b)| u32::from(a ^ b));
    mixed.fold(0, u32::wrapping_add).count_ones() as usize % 2
}

/// ARP passes between the two ports, and IPv6 if it may.
pub(crate) fn assert_others_pass<M: Middlebox>(group: &mut Single<M>, with_ipv6: bool) {
    let (asker, asked) = (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(10, 0, 0, 3));
    let identity = Identity::default();
    let arp = arp::request(asker, asked, &identity);
    let ipv6 = [&arp[..12], &[0x86, 0xdd, 0x60], &arp[15..]].concat();
    for (frame, passes) in [(arp, true), (ipv6, with_ipv6)] {
        for (from, to) in [(PortId(0), PortId(1)), (PortId(1), PortId(0))] {
            let out = group.process(&Frame::new(from, frame.clone(), 1));
            let expected: Vec<Frame> = passes.then(|| Frame::new(to, frame.clone(), 1)).into_iter().collect();
            assert_eq!(out, expected);
        }
    }
}
