//! What an operator does to a running group: looks at it, asks for a checkpoint and a failover, reads its logs, ends it.

mod group;

use std::process::Command;

use group::{Finished, Place, Running, example};
use serde_json::Value;

fn ask(place: &Place, command: &str, arguments: &[&str]) -> Finished {
    let finished = place.command("sequencer", command).args(arguments).output().expect("runs").into();
    succeeded(command, finished)
}

fn succeeded(what: &str, finished: Finished) -> Finished {
    assert_eq!(finished.code, Some(0), "{what}: {finished:?}");
    finished
}

fn status(place: &Place) -> Value {
    let text = ask(place, "status", &["--json"]).text;
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn start(place: &Place) -> Running {
    let mut running =
        place.start("sequencer", "demo", ["--rate", "2k", "--seconds", "600", "--kills", "0", "--cores", "2"]);
    running.record();
    running
}

/// Interrupts a group and waits: afterwards there is nothing of it.
fn end(place: &Place, mut running: Running, code: i32) {
    let record = running.record();
    let members: Vec<_> = record.members().filter_map(|member| member.identity()).chain(record.gateway()).collect();
    assert!(members.len() >= 3, "{members:?}");
    running.interrupt();
    let finished = running.wait();
    assert_eq!(finished.code, Some(code), "{finished:?}");
    assert!(!place.group().exists(), "its directory is left");
    for member in members {
        let found = ftmb_netio::group_record::Identity::of(member.pid);
        assert_ne!(found, Some(member), "process {member:?} is left");
    }
    assert!(!finished.errors.contains("panicked"), "{finished:?}");
}

#[test]
fn status_checkpoint_failover_and_log_dump_of_a_running_group() {
    let Some(place) = Place::find() else { return };
    let running = start(&place);

    let text = ask(&place, "status", &[]).text;
    assert!(text.contains(": running, 2 cores, epoch 1, up "), "{text}");
    for word in ["gateway", "master", "standby", "checkpoint", "no takeover yet"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    let before = status(&place);
    assert_eq!(before["state"], "running", "{before}");
    let nowhere = ["in", "--pcap", "/nonexistent/x.pcap"];
    let finished: Finished = place.command("sequencer", "tap").args(nowhere).output().expect("runs").into();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("/nonexistent/x.pcap: the capture cannot be written: "), "{finished:?}");
    assert_eq!(before["cores"].as_array().map(Vec::len), Some(2), "{before}");

    let text = ask(&place, "checkpoint", &[]).text;
    assert!(text.starts_with("checkpoint ") && text.contains(" is committed, "), "{text}");
    let after = status(&place);
    assert!(after["committed"].as_u64() > before["committed"].as_u64(), "{before} {after}");

    let text = ask(&place, "failover", &[]).text;
    assert!(text.starts_with("epoch ") && text.contains(" is active, "), "{text}");
    let after = status(&place);
    assert!(after["epoch"].as_u64() > before["epoch"].as_u64(), "{before} {after}");
    assert!(after["takeovers"].as_array().is_some_and(|takeovers| !takeovers.is_empty()), "{after}");

    for file in ["in.0", "det.1.0", "out.0.1", "ckpt", "port.in", "group"] {
        let mut dump = Command::new(example("sequencer"));
        dump.args(["log", "dump"]).arg(place.group().join(file));
        if file != "group" {
            dump.args(["--limit", "3"]);
        }
        let finished: Finished = dump.output().expect("runs").into();
        // What is looked at while it is written to may be overwritten; then that is said.
        let overtaken = finished.code == Some(1) && finished.errors.contains("not retained");
        assert!(overtaken || finished.code == Some(0), "{file}: {finished:?}");
        let first = finished.text.lines().next().unwrap_or("");
        assert!(first.contains(" log, fingerprint ") || first.contains(": group record, "), "{file}: {finished:?}");
    }
    end(&place, running, 1);
}

#[test]
fn a_middlebox_is_asked_and_answers_or_refuses() {
    let Some(place) = Place::find() else { return };
    let running = start(&place);
    // The sequencer takes no requests, and says so.
    let refused = place.ask("sequencer", &["stop"]);
    assert_eq!(refused, Err("the middlebox refuses: this middlebox takes no control requests".into()));
    end(&place, running, 1);

    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/namespaces.pcap");
    let left = format!("left=pcap:{capture},pace=20");
    let right = format!("right=pcap::{}", place.path().join("out.pcap").display());
    let mut running = place.start("monitor", "up", ["--cores", "2", "--port", &left, "--port", &right]);
    running.record();
    let top = place.ask("monitor", &["top"]).expect("an answer");
    assert!(top.contains("packets"), "{top}");
    let refused = place.ask("monitor", &["bottom"]);
    assert_eq!(refused, Err("the middlebox refuses: unknown request; expected `top`".into()));
    assert_eq!(std::fs::read_dir(place.group().join("control")).expect("there").count(), 1, "only the lock is left");
    end(&place, running, 0);
}

#[test]
fn up_is_ended_by_an_interrupt_in_good_order() {
    let Some(place) = Place::find() else { return };
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/namespaces.pcap");
    // A frame a second: it would take minutes.
    let left = format!("left=pcap:{capture},pace=1");
    let right = format!("right=pcap::{}", place.path().join("out.pcap").display());
    let mut running = place.start("monitor", "up", ["--cores", "2", "--port", &left, "--port", &right]);
    running.record();
    end(&place, running, 0);
}

#[test]
fn what_is_not_there_is_said_and_not_waited_for() {
    let Some(place) = Place::find() else { return };
    for (command, arguments) in [("status", ""), ("checkpoint", ""), ("failover", ""), ("control", "list")] {
        let arguments = arguments.split_whitespace();
        let finished: Finished = place.command("nat", command).args(arguments).output().expect("runs").into();
        assert_eq!(finished.code, Some(1), "{command}: {finished:?}");
        assert!(finished.errors.contains("no group runs here"), "{command}: {finished:?}");
    }
    // Where nobody can look, there may be one.
    let status = ["status", "--directory", "/dev/null"];
    let finished: Finished = Command::new(example("nat")).args(status).output().expect("runs").into();
    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.errors.contains("/dev/null/nat: cannot look for a group here: "), "{finished:?}");
}
