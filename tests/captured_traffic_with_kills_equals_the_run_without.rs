//! Real stacks' traffic, as it was captured, runs through `nat` and `monitor` twice: once in peace, once while masters are killed.
//! What comes out is the same.
//!
//! `FTMB_CAPTURE` names another capture (classic pcap of Ethernet frames, little-endian); `data/README.md` says what this one is.

mod capture;
mod group;

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use capture::{Flow, Frame, Sides, payload_of, read, sides, write};
use group::{Place, kill, master};

/// The NAT's own address, by default.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// How long a capture lasts when it is played.
const SECOND: u64 = 1_000_000_000;

fn captured() -> Sides {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/namespaces.pcap");
    let path = std::env::var_os("FTMB_CAPTURE").unwrap_or_else(|| own.into());
    let sides = sides(read(Path::new(&path)));
    assert!(sides.inside.len() > 100 && sides.outside.len() > 50, "there is traffic both ways");
    sides
}

/// Runs a group on two captures to their end, killing the master so many times; returns what came out of either port.
fn play(place: &Place, example: &str, names: [&str; 2], cores: &str, pace: &str, kills: u32) -> [Vec<Frame>; 2] {
    let file = |name: &str, end: &str| place.path().join(format!("{name}.{end}.pcap"));
    let port = |name: &str| {
        let (input, output) = (file(name, "in"), file(name, "out"));
        let _ = std::fs::remove_file(&output);
        match input.exists() {
            true => format!("{name}=pcap:{}:{},pace={pace}", input.display(), output.display()),
            false => format!("{name}=pcap::{}", output.display()),
        }
    };
    let ports = names.map(port);
    let arguments = ["--cores", cores, "--port", &ports[0], "--port", &ports[1]];
    let mut running = place.start(example, "up", arguments);
    if kills > 0 {
        let record = running.record();
        for _ in 0..kills {
            std::thread::sleep(Duration::from_millis(400));
            let (epoch, member) = (record.epoch(), master(&record).expect("an active epoch has a master"));
            assert!(kill(member), "the group has ended too early for a kill");
            running.until("the group to recover", |_| record.epoch() > epoch && record.is_active());
        }
    }
    let finished = running.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.text.contains(&format!(", {kills} takeovers\n")), "{finished:?}");
    names.map(|name| read(&file(name, "out")))
}

/// Spreads frames over a second, the first at `from`.
fn spread(frames: &[Frame], from: u64) -> Vec<(u64, &Frame)> {
    let step = SECOND / frames.len().max(1) as u64;
    frames.iter().enumerate().map(|(at, frame)| (from + at as u64 * step, frame)).collect()
}

/// Whether a frame without tags carries something else than IPv4: ARP or IPv6.
fn is_no_ipv4(frame: &Frame) -> bool {
    !frame[12..].starts_with(&[8, 0])
}

/// The public port of each flow, learnt from a run: outputs come in the order of their inputs.
fn learn(inputs: &[Frame], outputs: &[Frame]) -> HashMap<Flow, u16> {
    let mut learnt = HashMap::new();
    let mut rest = inputs.iter();
    for output in outputs {
        let Some(translated) = Flow::of(output) else { continue };
        let is_its_input = |input: &&Frame| {
            Flow::of(input).is_some_and(|flow| flow.to == translated.to && flow.protocol == translated.protocol)
                && payload_of(input) == payload_of(output)
        };
        let mut ahead = rest.clone();
        if let Some(flow) = ahead.find(is_its_input).and_then(|input| Flow::of(input)) {
            assert_eq!(translated.from.0, PUBLIC);
            let known = *learnt.entry(flow).or_insert(translated.from.1);
            assert_eq!(known, translated.from.1, "a flow has two public ports");
            rest = ahead;
        }
    }
    learnt
}

#[test]
fn a_nat_on_one_core_gives_the_same_bytes() {
    let Some(place) = Place::find() else { return };
    let Sides { inside, outside } = captured();
    let names = ["inside", "outside"];
    write(&place.path().join("inside.in.pcap"), &spread(&inside, 0));
    let [_, outputs] = play(&place, "nat", names, "1", "flat", 0);
    let ports = learn(&inside, &outputs);
    assert!(ports.len() >= 10, "{ports:?}");

    // Replies go to where the flow seems to come from. They are played well after what opened the flow; a frame that nobody
    // asked for is first, and starts their clock together with that of the other port.
    let unasked = outside.iter().find(|frame| Flow::of(frame).is_some()).expect("there is one").clone();
    let replies: Vec<Frame> = outside
        .into_iter()
        .map(|frame| match Flow::of(&frame).and_then(|flow| ports.get(&flow.reversed())) {
            Some(port) => capture::with_destination(frame, PUBLIC, *port),
            None => frame,
        })
        .collect();
    let played: Vec<_> = std::iter::once((0, &unasked)).chain(spread(&replies, 5 * SECOND / 2)).collect();
    write(&place.path().join("outside.in.pcap"), &played);

    let peaceful = play(&place, "nat", names, "1", "timestamps", 0);
    assert_eq!(peaceful[1], outputs, "pace changes nothing");
    let expected = replies.iter().filter(|frame| Flow::of(frame).is_some_and(|flow| flow.to.0 == PUBLIC)).count();
    let found = peaceful[0].iter().filter(|frame| Flow::of(frame).is_some()).count();
    assert_eq!(found, expected, "replies find their hosts");
    let others = |frames: &[Frame]| frames.iter().filter(|frame| is_no_ipv4(frame)).count();
    assert_eq!(others(&peaceful[0]), others(&replies), "what is not IPv4 passes");
    let killed = play(&place, "nat", names, "1", "timestamps", 4);
    for (peaceful, killed) in peaceful.iter().zip(&killed) {
        assert_eq!(peaceful.len(), killed.len());
        assert!(peaceful == killed, "the same number of frames, but not the same frames");
    }
}

/// What came out, by flow, with the public port taken out: it depends on which core comes first.
fn by_flow(outputs: &[Frame]) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut flows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for output in outputs {
        let flow =
            Flow::of(output).map_or_else(Vec::new, |flow| format!("{:?} {:?}", flow.to, flow.protocol).into_bytes());
        flows.entry(flow).or_default().push(payload_of(output));
    }
    // Two inside hosts may talk to one remote: their order among each other is free.
    flows.values_mut().for_each(|payloads| payloads.sort());
    flows
}

#[test]
fn a_nat_on_two_cores_lets_the_same_out_of_each_flow_by_one_port() {
    let Some(place) = Place::find() else { return };
    let inside = captured().inside;
    write(
        &place.path().join("inside.in.pcap"),
        &spread(&inside, 0).iter().map(|(at, f)| (at * 2, *f)).collect::<Vec<_>>(),
    );
    let names = ["inside", "outside"];
    let [_, peaceful] = play(&place, "nat", names, "2", "timestamps", 0);
    let [_, killed] = play(&place, "nat", names, "2", "timestamps", 3);
    assert!(peaceful.len() > 50);
    assert_eq!(by_flow(&peaceful), by_flow(&killed));
    // A remote sees as many flows, each with a port of its own.
    let flows = |outputs: &[Frame]| {
        outputs.iter().filter_map(|frame| Flow::of(frame)).collect::<std::collections::HashSet<_>>().len()
    };
    assert_eq!(flows(&peaceful), flows(&killed));
}

#[test]
fn a_monitor_passes_the_same_frames_each_flow_in_its_order() {
    let Some(place) = Place::find() else { return };
    let Sides { inside, outside } = captured();
    for (name, frames) in [("left", &inside), ("right", &outside)] {
        let slow: Vec<_> = spread(frames, 0).iter().map(|(at, frame)| (at * 2, *frame)).collect();
        write(&place.path().join(format!("{name}.in.pcap")), &slow);
    }
    let peaceful = play(&place, "monitor", ["left", "right"], "2", "timestamps", 0);
    let killed = play(&place, "monitor", ["left", "right"], "2", "timestamps", 3);
    for (sent, outputs) in [(&inside, [&peaceful[1], &killed[1]]), (&outside, [&peaceful[0], &killed[0]])] {
        for output in outputs {
            assert_eq!(in_order(sent), in_order(output));
        }
    }
}

/// Frames by flow, in their order; those of no flow are together.
fn in_order(frames: &[Frame]) -> HashMap<Option<Flow>, Vec<&Frame>> {
    let mut flows: HashMap<_, Vec<_>> = HashMap::new();
    for frame in frames {
        flows.entry(Flow::of(frame)).or_default().push(frame);
    }
    // Frames of no flow are spread over the cores by their addresses.
    if let Some(others) = flows.get_mut(&None) {
        others.sort();
    }
    flows
}
