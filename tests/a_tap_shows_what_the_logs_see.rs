//! `tap in` and `tap out` beside a group whose master is killed: every frame that left from then on, once, as it left.

mod group;

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use ftmb_netio::port::pcap::{PcapOptions, PcapPort};
use ftmb_netio::port::{Pace, PcapSpec, Port};
use ftmb_runtime::packet::PortId;
use group::{Finished, Place, kill, master};

/// The frames of a capture, each with how often it is there, and in order.
fn frames(path: &Path) -> (HashMap<Vec<u8>, i32>, Vec<Vec<u8>>) {
    let spec = PcapSpec::reading(path).with_pace(Pace::Flat);
    let mut port = PcapPort::open(PortId(0), &spec, &PcapOptions::default()).expect("a capture");
    let mut all = Vec::new();
    while !port.exhausted() {
        let taken = port.receive(0, 64, &mut |frame| {
            all.push(frame.bytes.to_vec());
            true
        });
        taken.expect("a whole capture");
    }
    let mut counts = HashMap::new();
    all.iter().for_each(|frame| *counts.entry(frame.clone()).or_insert(0) += 1);
    (counts, all)
}

#[test]
fn a_tap_shows_each_frame_once_across_a_takeover() {
    let Some(place) = Place::find() else { return };
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/namespaces.pcap");
    let (out, tapped) = (place.path().join("out.pcap"), place.path().join("tapped.pcap"));
    let left = format!("left=pcap:{capture},pace=60");
    let right = format!("right=pcap::{}", out.display());
    let mut running = place.start("monitor", "up", ["--cores", "2", "--port", &left, "--port", &right]);
    let record = running.record();
    let tap = |side: &str, file: &Path, port: &[&str]| {
        let mut command = place.command("monitor", "tap");
        command.args([side, "--pcap"]).arg(file).args(port).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("the example can be started")
    };
    let none = place.path().join("none.pcap");
    let taps = [
        tap("in", Path::new("-"), &[]),
        tap("out", &tapped, &["--port", "right"]),
        tap("out", &none, &["--port", "left"]),
    ];
    running.until("the tap to have something", |_| std::fs::metadata(&tapped).is_ok_and(|file| file.len() > 100));
    assert!(kill(master(&record).expect("a master")));
    assert_eq!(running.wait().code, Some(0));
    let [inputs, outputs, none_left] = taps.map(|tap| Finished::from(tap.wait_with_output().expect("a child")));
    for finished in [&inputs, &outputs, &none_left] {
        assert_eq!((finished.code, finished.errors.as_str()), (Some(0), ""), "{finished:?}");
    }
    assert!(inputs.text.len() > 1000, "what came in went to standard output");
    assert!(frames(&none).1.is_empty(), "nothing leaves to the left");

    let (mut sent, in_order) = frames(&out);
    let (shown, shown_in_order) = frames(&tapped);
    assert!(in_order.len() > 250 && shown_in_order.len() > 10, "{} {}", in_order.len(), shown_in_order.len());
    for (frame, times) in shown {
        let left = sent.entry(frame).or_insert(0);
        *left -= times;
        assert!(*left >= 0, "a frame was shown that did not leave, or more often than it did");
    }
    // What was sent and not shown was sent before the tap began.
    let missing: i32 = sent.values().sum();
    assert_eq!(missing as usize + shown_in_order.len(), in_order.len());
    let last = &in_order[missing as usize + 64..];
    assert!(last.iter().all(|frame| shown_in_order.contains(frame)), "a frame was skipped");
}
